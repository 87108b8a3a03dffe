"""Translation by several processes: the same collection, though a process is killed meanwhile."""

from __future__ import annotations

import json
import os
import signal
from contextlib import nullcontext
from pathlib import Path

import pytest
import ray

from isoglot.cli import main
from isoglot.collections import write_collection
from isoglot.data.translation import load_translator, translator
from isoglot.engine import translator_on

TEXTS = [f"archive {at} " + "of programs " * (at % 3) for at in range(9)]


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several pieces of work of a few texts."""
    monkeypatch.setattr(translator, "WINDOW", 2)


def translated(one, *more) -> dict[int, str]:
    found = [pair for part in one.translate(TEXTS, "en", "de", *more) for pair in part]
    assert len(found) == len(TEXTS)
    return dict(found)


@pytest.mark.parametrize("name", ["m2m100", "opus-mt-en-mul"])
def test_each_text_is_translated_once_as_in_one_process(name, models, workers):
    local = load_translator(models[name], max_length=12, batch_tokens=64)
    with translator_on(workers, local) as spread:
        assert translated(spread) == translated(local)
        assert spread.context("en", "de") == local.context("en", "de")  # what is kept of one serves the other
        assert spread.describe() == local.describe()


def test_what_a_killed_worker_was_at_is_done_again(models, workers):
    local = load_translator(models["m2m100"], batch_tokens=64)
    with translator_on(workers, local) as spread:
        found = {}
        for part in spread.translate(TEXTS, "en", "de"):
            if not found:
                os.kill(ray.get(workers.actors[0].process.remote()), signal.SIGKILL)
            found.update(part)
    assert found == translated(local)


def test_the_command_writes_the_same_collection(english, models, workers, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("isoglot.cli.translate.started_workers", lambda *_: nullcontext(workers))
    write_collection(english, tmp_path / "data")
    words = ["data", "translate", str(tmp_path / "data"), "--to", "de,sw", "--model", str(models["m2m100"])]
    words += ["--no-cache", "--no-gate", "language", "--no-gate", "length", "--no-gate", "repetition"]
    for out, more in (("local", []), ("ray", ["--engine", "ray"])):
        assert main([*words, "--out", str(tmp_path / out), *more]) == 0, capsys.readouterr().err
    files = {path.name: path.read_bytes() for path in (tmp_path / "local").rglob("*") if path.is_file()}
    assert {path.name: path.read_bytes() for path in (tmp_path / "ray").rglob("*") if path.is_file()} == files
    texts = [json.loads(line) for line in (tmp_path / "ray" / "corpus.jsonl").read_text().splitlines()]
    assert {row["lang"] for row in texts} == {"de", "en", "sw"}


def test_workers_go_with_the_engine(tmp_path, capsys):
    words = ["data", "translate", str(tmp_path), "--to", "de", "--model", "m", "--out", str(tmp_path / "out")]
    assert main([*words, "--workers", "2"]) == 2
    assert "--engine ray" in capsys.readouterr().err
    assert not Path(tmp_path / "out").exists()
