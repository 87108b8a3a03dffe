"""What one process holds alone, and for no longer than it lives."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from isoglot import files
from isoglot.errors import InputError
from isoglot.files import new_folder
from isoglot.locks import is_lived_in, lived_in

posix = pytest.mark.skipif(os.name != "posix", reason="folders are locked on POSIX systems")


@posix
def test_a_folder_is_lived_in_while_its_writer_lives_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    assert not is_lived_in(folder)
    read, write = os.pipe()
    child = os.fork()
    if not child:
        with lived_in(folder):
            os.write(write, b"x")
            time.sleep(60)
        os._exit(0)
    os.read(read, 1)
    folder = folder.rename(tmp_path / "b")
    assert is_lived_in(folder)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not is_lived_in(folder)
    assert not is_lived_in(tmp_path / "nowhere")


@posix
def test_a_clock_that_jumps_removes_nothing_that_is_being_written(tmp_path: Path, monkeypatch) -> None:
    now = time.time()
    dead = tmp_path / ".out.unfinished-dead"
    dead.mkdir()
    with new_folder(tmp_path / "out") as one:
        (one / "file").write_text("1")
        monkeypatch.setattr(files.time, "time", lambda: now + 400 * 24 * 3600)
        with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "out"):
            raise ZeroDivisionError
        assert one.is_dir()
        assert not dead.exists()  # whoever wrote it is gone
    assert (tmp_path / "out" / "file").read_text() == "1"


def test_of_two_who_write_one_folder_the_second_to_finish_is_refused(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as one:
        (one / "file").write_text("1")
        with new_folder(tmp_path / "out") as other:
            (other / "file").write_text("2")
        (one / "third").mkdir()
        with pytest.raises(InputError, match=r"another process has written .*out meanwhile"):
            files._rename(one / "third", tmp_path / "out")
        (one / "third").rmdir()
        assert (tmp_path / "out" / "file").read_text() == "2"
        (tmp_path / "out" / "file").unlink()  # empty again: it may be taken
    assert (tmp_path / "out" / "file").read_text() == "1"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
