"""Cases that users brought, read where they are: what once went wrong, and what is right."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isoglot.batching import BatchSampler, Monolingual
from isoglot.cli import main
from isoglot.collections import read_collection, splits_of
from isoglot.collections.negatives import hard_negative_rows
from isoglot.collections.writing import qrels_table
from isoglot.encoders import static_encoder

ROOT = Path(__file__).parents[1]
CASES = Path(os.environ.get("ISOGLOT_SHARED_CASES") or ROOT.parent / "shared" / "cases")

Check = Callable[[Path, Path], None]
CHECKS: dict[str, Check] = {}


def case(name: str) -> Callable[[Check], Check]:
    """Register the check of a case: a function of its folder and of an empty one."""

    def add(check: Check) -> Check:
        CHECKS[name] = check
        return check

    return add


def convert(source: Path, form: str, to: Path, *options: str) -> int:
    return main(["data", "convert", str(source), "--form", form, "--to", str(to), *options])


@case("03-train-test-merged")
def _(folder: Path, empty: Path) -> None:
    assert convert(folder / "heq", "squad", empty / "out", "--lang", "he") == 0
    assert splits_of(empty / "out") == ("test", "train")


@case("04-val-is-a-language")
def _(folder: Path, empty: Path) -> None:
    assert convert(folder / "val.json", "squad", empty / "out") == 2
    assert convert(folder / "heq", "squad", empty / "out", "--lang", "he") == 0
    assert splits_of(empty / "out") == ("dev", "test")


@case("06-passages-quotes")
def _(folder: Path, empty: Path) -> None:
    options = ("--corpus", str(folder / "psgs.tsv"), "--lang", "en")
    assert convert(folder / "mkqa.jsonl", "mkqa", empty / "out", *options) == 0
    read = read_collection(empty / "out")
    assert read.documents["_id"].to_pylist() == ["1", "2", "3", "4", "5"]
    assert ("2", "3") in {(row["query-id"], row["corpus-id"]) for row in qrels_table(read).to_pylist()}


@case("07-dpr-several-sets")
def _(folder: Path, empty: Path) -> None:
    assert convert(folder / "retriever", "dpr", empty / "out", "--lang", "en") == 0
    sizes = {split: len(read_collection(empty / "out", split=split).query_ids) for split in ("train", "dev")}
    assert sizes == {"train": 7, "dev": 4}


@case("08-language-codes")
def _(folder: Path, empty: Path) -> None:
    read = read_collection(folder / "tags")
    assert len(read.languages) == 4
    assert (read.pair_counts > 0).sum() == 16
    assert main(["data", "check", str(folder / "tags"), "--no-near"]) == 0


@case("09-batch-duplicate-texts")
def _(folder: Path, empty: Path) -> None:
    for name in ("dupdoc", "argtrain"):
        data = read_collection(folder / name)
        sampler = BatchSampler(data, Monolingual(), 32)
        for batch in (sampler[step] for step in range(20)):
            documents = data.document_texts(np.asarray(batch.documents))
            assert len(set(documents)) == len(documents) >= 16
            assert not set(data.query_texts(np.asarray(batch.queries))) & set(documents)
    data = read_collection(folder / "dupdoc")
    static_encoder(data, dimensions=8, vocabulary=100).save(str(empty / "model"))
    options = ["--out", str(empty / "mined"), "--negatives", "3", "--no-margin"]
    assert main(["mine", str(empty / "model"), str(folder / "dupdoc"), *options]) == 0
    mined = read_collection(empty / "mined")
    offsets, rows = hard_negative_rows(mined)
    texts = mined.document_texts()
    for row, query_id in enumerate(mined.query_index.tolist()):
        relevant = {texts[at] for at in mined.relevance.of(query_id)}
        found = [texts[at] for at in rows[offsets[row] : offsets[row + 1]]]
        assert found
        assert not relevant & set(found)


@pytest.mark.parametrize("name", sorted(CHECKS))
def test_case(name: str, tmp_path: Path) -> None:
    if not (CASES / name).is_dir():
        pytest.skip(f"no cases at {CASES}; set ISOGLOT_SHARED_CASES to where they are")
    CHECKS[name](CASES / name, tmp_path)
