"""A run that is killed at any moment goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isoglot.cli.signals import Terminated, ending_on_sigterm
from isoglot.collections import collection_from_rows, read_collection
from isoglot.data.translation import translate_collection, translation_store, write_translation

OFF = ["language", "length"]
SIZE = 24
PAUSE = 0.004


@pytest.fixture(scope="module")
def collection():
    documents = [(f"d{n}", "en", f"title {n % 7}", f"the text of document number {n}") for n in range(SIZE)]
    queries = [(f"q{n}", "en", f"which document has number {n}?") for n in range(SIZE)]
    return collection_from_rows(documents, queries, [(f"q{n}", f"d{n}", 1) for n in range(SIZE)], name="numbers")


def slow(pretend: type, log: Path) -> Any:
    """A translator that takes its time, and says in a file what it was given."""

    class Slow(pretend):  # type: ignore[misc,valid-type]
        def translate(self, texts: Any, source: str, target: str) -> Iterator[list[tuple[int, str]]]:
            for batch in super().translate(texts, source, target):
                time.sleep(PAUSE)
                with log.open("a") as file:
                    file.writelines(f"{texts[row]}\n" for row, _ in batch)
                yield batch

    # a rejected text is part of what must be the same in the end
    return Slow({"which document has number 3?": "", "the text of document number 5": "ja " * 20})


def in_a_child(work: Callable[[], None]) -> int:
    """Start work in a forked process; return its id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        work()
        status = 0
    finally:
        os._exit(status)


def files_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.parametrize("cached", [True, False])
def test_a_killed_run_loses_and_doubles_nothing(collection, pretend, tmp_path, monkeypatch, cached):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")

    def run(name: str) -> None:
        cache = tmp_path / f"{name}-cache" if cached else None
        with translation_store(cache, tmp_path / name) as store:
            translator = slow(pretend, tmp_path / f"{name}.log")
            found = translate_collection({None: collection}, ["de"], [translator], store, without=OFF)
            write_translation(found, tmp_path / name)

    start = time.monotonic()
    run("whole")
    lasted = time.monotonic() - start
    draw = random.Random(7 + cached)
    killed = attempt = 0
    while killed < 10:
        attempt += 1
        name = f"killed-{attempt}"
        out, patience = tmp_path / name, lasted
        while not out.exists():
            child = in_a_child(lambda name=name: run(name))
            time.sleep(draw.uniform(0.1, 0.9) * patience)
            patience *= 1.2  # where the machine has more to do than before, a run gets somewhere all the same
            os.kill(child, signal.SIGKILL)
            _, status = os.waitpid(child, 0)
            killed += os.WIFSIGNALED(status)
            assert os.WIFSIGNALED(status) or status == 0
            lines = journal_lines(tmp_path, name, cached)
            assert len(lines) == len(set(lines))
        assert files_of(out) == files_of(tmp_path / "whole")
        given = (tmp_path / f"{name}.log").read_text().splitlines()
        assert set(given) == set((tmp_path / "whole.log").read_text().splitlines())
        if cached:
            assert sorted(journal_lines(tmp_path, name, cached)) == sorted(journal_lines(tmp_path, "whole", cached))


def journal_lines(root: Path, name: str, cached: bool) -> list[str]:
    """Return the whole lines of a run's journals."""
    folder = root / f"{name}-cache" / "translations" if cached else root / f".{name}-translations"
    whole = [line for path in folder.rglob("*.jsonl") for line in path.read_text().splitlines(keepends=True)]
    return [json.loads(line)["key"] for line in whole if line.endswith("\n")]


def test_a_run_that_fails_leaves_no_output_and_keeps_what_was_done(collection, pretend, tmp_path):
    class Failing(pretend):  # type: ignore[misc,valid-type]
        def translate(self, texts: Any, source: str, target: str) -> Iterator[list[tuple[int, str]]]:
            for number, batch in enumerate(super().translate(texts, source, target)):
                if number == 10:
                    raise RuntimeError("the device is gone")
                yield batch

    with (
        pytest.raises(RuntimeError, match="gone"),
        translation_store(None, tmp_path / "out") as store,
    ):
        translate_collection({None: collection}, ["de"], [Failing()], store, without=OFF)
    assert not (tmp_path / "out").exists()
    again = pretend()
    with translation_store(None, tmp_path / "out") as store:
        found = translate_collection({None: collection}, ["de"], [again], store, without=OFF)
        write_translation(found, tmp_path / "out")
    assert len(again.given) == SIZE + SIZE + 7 - 30
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_texts_that_changed_since_a_run_was_ended_are_translated_and_no_others(collection, pretend, tmp_path):
    """By SIGTERM, in the middle of a journal; another collection is asked for in its place."""
    translator = pretend()
    real = translator.translate

    def ended(texts: Any, source: str, target: str) -> Iterator[list[tuple[int, str]]]:
        for number, batch in enumerate(real(texts, source, target)):
            yield batch
            if number == 3:
                os.kill(os.getpid(), signal.SIGTERM)

    def run(one: Any, translator: Any) -> None:
        with translation_store(None, tmp_path / "out") as store:
            found = translate_collection({None: one}, ["de"], [translator], store, documents=False, without=OFF)
            write_translation(found, tmp_path / "out")

    translator.translate = ended
    with pytest.raises(Terminated), ending_on_sigterm():
        run(collection, translator)
    assert not (tmp_path / "out").exists()
    kept = set(translator.given)
    assert len(kept) == 12
    documents = [(f"d{n}", "en", "", f"text {n}") for n in range(SIZE)]
    texts = [f"which document has number {n}?" if n % 2 else f"where is number {n}?" for n in range(SIZE)]
    queries = [(f"q{n}", "en", text) for n, text in enumerate(texts)]
    changed = collection_from_rows(documents, queries, [(f"q{n}", f"d{n}", 1) for n in range(SIZE)], name="numbers")
    again = pretend()
    run(changed, again)
    assert set(again.given) == set(texts) - kept
    written = read_collection(tmp_path / "out").queries.to_pylist()
    german = {row["_id"]: row["text"] for row in written if row["lang"] == "de"}
    assert german == {f"q{n}": again.of(text, "en", "de") for n, text in enumerate(texts)}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
