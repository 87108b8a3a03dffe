"""Commands that SIGTERM ends leave nothing half written, and do their work when they are asked again."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from isoglot.cli import main, signals
from isoglot.cli.signals import Terminated, ending_on_sigterm
from isoglot.collections import Collection, jsonl, read_collection, write_collection
from isoglot.encoders import static_encoder
from isoglot.evaluation.sources.run_writing import RunWriter

UNNAMED = (Path, "chmod")  # what files and folders written whole do last, before they have their name
MIDDLE = {
    "evaluate MODEL DATA --quiet --no-cache --json OUT": UNNAMED,
    "evaluate MODEL DATA --quiet --no-cache --html OUT": UNNAMED,
    "evaluate MODEL DATA --quiet --no-cache --figures OUT": UNNAMED,
    "evaluate MODEL DATA --quiet --no-cache --trec-run OUT": (RunWriter, "_append"),
    "evaluate bm25 DATA --quiet --trec-run OUT": (RunWriter, "_append"),
    "mine MODEL DATA --quiet --no-cache --no-margin --negatives 1 --out OUT": UNNAMED,
    "data convert DATA --form parquet --to OUT": UNNAMED,
    "data convert DATA --form jsonl --to OUT": (jsonl, "write_qrels"),
    "data sample DATA --default 1 --to OUT": UNNAMED,
    "data get worldfacts --languages en,de --to OUT": UNNAMED,
}


@pytest.fixture(scope="module")
def places(toy: Collection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A collection and a model, by what the commands above call them."""
    folder = tmp_path_factory.mktemp("given")
    write_collection(toy, folder / "data")
    static_encoder(toy, dimensions=16, vocabulary=200).save(str(folder / "model"))
    return {"DATA": str(folder / "data"), "MODEL": str(folder / "model")}


def terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def tree(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "command",
    [pytest.param(one, marks=pytest.mark.slow if "--html" in one or "--figures" in one else ()) for one in MIDDLE],
)
def test_a_command_that_is_ended_leaves_nothing_and_can_be_given_again(
    places, tmp_path, monkeypatch, capsys, command
):
    out = tmp_path / "there" / "out"
    words = [{**places, "OUT": str(out)}.get(word, word) for word in command.split()]
    owner, name = MIDDLE[command]
    real = getattr(owner, name)

    def ended(*arguments, **options):
        found = real(*arguments, **options)
        terminate()
        return found

    (tmp_path / "there").mkdir()
    with monkeypatch.context() as patched:
        patched.setattr(owner, name, ended)
        if owner is jsonl:
            patched.setattr("isoglot.collections.writing.write_qrels", ended)
        before = signal.getsignal(signal.SIGTERM)
        capsys.readouterr()
        assert main(words) == 143
        assert signal.getsignal(signal.SIGTERM) is before
    assert capsys.readouterr().err == "isoglot: ended as SIGTERM asked\n"
    left = tree(tmp_path / "there")
    assert left == (["out"] if "--figures" in command else [])  # the folder, empty
    assert main(words) == 0
    assert out.exists()
    if out.is_dir() and (out / "collection.yaml").exists():
        assert read_collection(out, prefer_split="train").documents.num_rows


@pytest.mark.parametrize("command", [one for one in MIDDLE if "--to" in one or "mine" in one])
def test_a_place_that_is_taken_is_refused_before_anything_is_read(places, tmp_path, monkeypatch, capsys, command):
    """What is finished and asked for again must not take as long again."""
    monkeypatch.setattr("isoglot.data.catalogue.loading.load_splits", lambda *a, **k: pytest.fail("read"))
    monkeypatch.setattr("isoglot.data.convert.load_splits", lambda *a, **k: pytest.fail("read"))
    monkeypatch.setattr("isoglot.data.load_collection", lambda *a, **k: pytest.fail("read"))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "kept").write_text("")
    words = [{**places, "OUT": str(tmp_path / "out")}.get(word, word) for word in command.split()]
    assert main(words) == 2
    assert "already exists and is not an empty folder" in capsys.readouterr().err
    assert tree(tmp_path / "out") == ["kept"]


def exit_of(work) -> int:
    """Run something in a forked process; return its exit status, or minus the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            work()
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize(("again", "status"), [(0.0, -signal.SIGTERM), (60.0, 7)])
def test_a_second_signal_ends_at_once_unless_it_comes_with_the_first(monkeypatch, again, status):
    """While what is half written is removed, which may take long, or hang."""
    monkeypatch.setattr(signals, "AGAIN", again)

    def work() -> None:
        with ending_on_sigterm():
            try:
                terminate()
            except Terminated:
                time.sleep(0.01)
                terminate()
                os._exit(7)

    assert exit_of(work) == status


def test_who_listens_already_is_left_in_place():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
    try:
        with ending_on_sigterm():
            terminate()
        assert heard == [True]
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_ends_as_if_nobody_listened():
    with ending_on_sigterm():
        assert exit_of(terminate) == -signal.SIGTERM
