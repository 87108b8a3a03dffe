"""A kill loses no document that was acknowledged, and an index that is built anew after one goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import isoglot as ig
from isoglot.collections import Collection, collection_from_rows

pytest.importorskip("lancedb", reason="an index needs lancedb: pip install 'isoglot[search]'")


class Numbers:
    """A model whose vectors are made of the digits in a text; it can be made to fail after so many documents."""

    def __init__(self, most: int | None = None) -> None:
        self.most, self.encoded = most, 0

    def encode_query(self, texts: list[str], **_: Any) -> np.ndarray:
        found = np.array([[text.count(str(digit)) + 0.1 for digit in range(10)] for text in texts], np.float32)
        return found / np.linalg.norm(found, axis=1, keepdims=True)

    def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
        if self.most is not None and self.encoded + len(texts) > self.most:
            raise KeyboardInterrupt
        self.encoded += len(texts)
        return self.encode_query(texts)


def numbered(count: int) -> Collection:
    rows = [(f"d{at}", ("en", "de")[at % 2], "", f"document {at}") for at in range(count)]
    return collection_from_rows(rows, [], [], name="numbers")


def contents(index: ig.Index, count: int) -> dict[str, tuple[str, str]]:
    found = [hit for tag in index.languages for hit in index.search("document 7", k=count, within=[tag])]
    return {hit.id: (hit.language, hit.text, f"{hit.score:.5f}") for hit in found}


def test_a_build_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    collection, count = numbered(1700), 1000
    whole = ig.build_index(Numbers(), collection, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        ig.build_index(Numbers(most=900), collection, tmp_path / "index")
    with pytest.raises(ig.InputError, match="is not finished"):
        ig.open_index(tmp_path / "index")
    with pytest.raises(ig.InputError, match="with another model or other documents"):
        ig.build_index(Numbers(), numbered(1600), tmp_path / "index")
    again = Numbers()
    index = ig.build_index(again, collection, tmp_path / "index")
    assert again.encoded < 1700 - 500  # the first block is not embedded again
    assert len(index) == 1700
    assert contents(index, count) == contents(whole, count)
    with pytest.raises(ig.InputError, match="is an index already, of numbers"):
        ig.build_index(Numbers(), collection, tmp_path / "index")


def test_a_place_that_is_taken_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ig.InputError, match="already exists and is not an empty folder"):
        ig.build_index(Numbers(), numbered(3), tmp_path)
    with pytest.raises(ig.InputError, match="has no documents"):
        ig.build_index(Numbers(), numbered(0), tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_vectors_may_be_given(tmp_path: Path) -> None:
    model, collection = Numbers(), numbered(1200)
    given = ig.build_index(
        model, collection, tmp_path / "given", embeddings=7 * model.encode_document(collection.document_texts())
    )
    assert contents(given, 1000) == contents(ig.build_index(model, collection, tmp_path / "made"), 1000)
    with pytest.raises(ig.InputError, match=r"embeddings .* have shape"):
        ig.build_index(model, collection, tmp_path / "short", embeddings=np.ones((1100, 10), np.float32))


KILLED = """
    import sys
    import isoglot as ig
    sys.path.insert(0, sys.argv[2])
    from test_durability import Numbers

    index = ig.open_index(sys.argv[1], Numbers())
    for at in range(10_000):
        index.upsert([(f"new{at}-{one}", "en", "", f"new document {at}") for one in range(3)])
        if at % 3 == 0:
            index.delete([f"new{at}-0"])
        print(at, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("acknowledged", [1, 17, 40])
def test_every_acknowledged_update_survives_a_kill(tmp_path: Path, acknowledged: int) -> None:
    ig.build_index(Numbers(), numbered(20), tmp_path / "index")
    command = [sys.executable, "-c", textwrap.dedent(KILLED), str(tmp_path / "index"), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if int(line) + 1 == acknowledged:
                break
        os.kill(process.pid, signal.SIGKILL)  # amidst the next update
        told = [int(line), *map(int, process.stdout)]
    index = ig.open_index(tmp_path / "index", Numbers())  # type: ignore[arg-type]
    expected = {f"new{at}-{one}" for at in range(told[-1] + 1) for one in range(3) if at % 3 or one}
    expected |= {f"d{at}" for at in range(20)}
    found = contents(index, 1000)
    next_one = {f"new{told[-1] + 1}-{one}" for one in range(3)}
    assert expected <= found.keys() <= expected | next_one
    assert len(found) == len(index)
    assert len(found.keys() & next_one) in (0, 2, 3)  # whole, or not there; its deletion may have followed
    assert index.upsert([("last", "de", "", "the last document")]) == 1
    assert index.search("the last document", hybrid=True, k=1)[0].id == "last"
