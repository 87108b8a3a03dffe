"""Cases that users brought, read where they are: what once went wrong, and what is right."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from isoglot.batching import BatchSampler, Monolingual
from isoglot.cli import main
from isoglot.collections import read_collection
from isoglot.collections.negatives import hard_negative_rows
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
