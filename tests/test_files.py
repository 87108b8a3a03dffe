from __future__ import annotations

import gzip
import json
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from isoglot.errors import InputError
from isoglot.files import (
    content_hash,
    held_alone,
    new_file,
    new_folder,
    read_result_file,
    read_text,
    require,
    write_result_file,
)


def test_a_file_is_the_old_one_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "figures.json"
    write_result_file({"value": 1}, path)

    def cut_short() -> None:
        with new_file(path) as file:
            file.write('{"value": ')
            file.flush()
            assert json.loads(path.read_text()) == {"value": 1}
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        cut_short()
    assert read_result_file(path, {"value": int}, "a result") == {"value": 1}
    assert [one.name for one in path.parent.iterdir()] == ["figures.json"]


def test_a_file_has_the_rights_of_any_new_file_and_keeps_those_it_has(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_result_file({}, tmp_path / "result")
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)
    (tmp_path / "result").chmod(0o600)
    write_result_file({}, tmp_path / "result")
    assert stat.S_IMODE((tmp_path / "result").stat().st_mode) == 0o600


def test_a_result_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        write_result_file({}, tmp_path / "file" / "result.json")
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError, match="cannot write"):
        write_result_file({}, tmp_path / "folder")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs pipes that have a name")
def test_what_is_no_file_is_written_to_and_stays_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append((tmp_path / "pipe").read_text()), daemon=True)
    reader.start()
    write_result_file({"a": 1}, tmp_path / "pipe")
    reader.join(10)
    assert json.loads(read[0]) == {"a": 1}
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_one_process_holds_a_lock_and_its_death_frees_it(tmp_path: Path) -> None:
    lock = tmp_path / ".lock"
    code = (
        "import sys; from isoglot.files import held_alone\n"
        f"with held_alone({str(lock)!r}, 'busy'):\n    print('held', flush=True); sys.stdin.read()"
    )
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(InputError, match="busy"), held_alone(lock, "busy"):
        pytest.fail("two hold it")
    other.kill()
    other.wait()
    with held_alone(lock, "busy"):
        pass


def test_a_folder_is_whole_or_absent(tmp_path: Path) -> None:
    def cut_short() -> None:
        with new_folder(tmp_path / "a" / "b") as folder:
            (folder / "half").write_text("")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        cut_short()
    assert list(tmp_path.iterdir()) == []
    with new_folder(tmp_path / "a") as folder:
        (folder / "whole").write_text("")
    assert [one.name for one in (tmp_path / "a").iterdir()] == ["whole"]
    with pytest.raises(InputError, match="not an empty folder"), new_folder(tmp_path / "a"):
        pass


def test_contents_are_told_apart() -> None:
    assert content_hash("ä") == content_hash("ä".encode())
    assert content_hash("a") != content_hash("b")
    assert len(content_hash("a", size=6)) == 12


def test_what_is_missing_is_told_with_what_installs_it() -> None:
    with pytest.raises(InputError, match=r"reading benchmarks needs nowhere_found: pip install 'isoglot\[mteb\]'"):
        require("nowhere_found.inside", "mteb", "reading benchmarks")
    assert require("json", "mteb", "reading benchmarks") is json


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_text_is_read_packed_or_not_and_without_its_mark(tmp_path: Path, pack):
    path = tmp_path / "x.yaml"
    path.write_bytes(pack("\ufeffé: 1\n".encode()))
    assert read_text(path) == "é: 1\n"
    path.write_bytes(pack(b"\xe9"))
    with pytest.raises(InputError, match="invalid UTF-8 at byte 1"):
        read_text(path)


def test_a_damaged_archive_is_said(tmp_path: Path):
    (tmp_path / "x").write_bytes(gzip.compress(b"abc")[:-3])
    with pytest.raises(InputError, match=r"x is damaged: .*get it again"):
        read_text(tmp_path / "x")
