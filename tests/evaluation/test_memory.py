"""Evaluation holds the embeddings, one copy of them at most, and one block of scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tracemalloc
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.evaluation import evaluate_embeddings, keys
from isoglot.evaluation.embed import unit_rows
from isoglot.evaluation.keys import find_repeats

MIB = 2**20


def large_collection(documents: int, queries: int, by_language: bool) -> Collection:
    """Two languages, side by side or in turn; each query has one relevant document in each."""
    tags = ["de" if (at < documents // 2 if by_language else at % 2) else "en" for at in range(documents)]
    of = {tag: [at for at in range(documents) if tags[at] == tag] for tag in ("de", "en")}
    asked = [(f"q{at}", tag, f"question {at} {tag}") for at in range(queries // 2) for tag in of]
    return collection_from_rows(
        [(f"d{at}", tag, "", f"answer {at}") for at, tag in enumerate(tags)],
        asked,
        [(f"q{at}", f"d{of[tag][at]}", 1) for at in range(queries // 2) for tag in of],
        name="large",
    )


@pytest.mark.parametrize(("by_language", "unit", "copies"), [(True, True, 0), (True, False, 1), (False, True, 1)])
def test_documents_are_copied_once_at_most(by_language, unit, copies):
    rng = np.random.default_rng(0)
    documents = rng.standard_normal((30_000, 1024), dtype=np.float32)
    documents[20_000:25_000] = documents[7]  # repeats cost no copy either
    if unit:
        documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    queries = rng.standard_normal((20, 1024), dtype=np.float32)
    collection = large_collection(30_000, 20, by_language)
    tracemalloc.start()  # sees numpy's memory; the block of scores is torch's
    evaluate_embeddings(queries, documents, collection, bootstrap=0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (
        copies * documents.nbytes <= peak < copies * documents.nbytes + 80 * MIB < (copies + 1) * documents.nbytes
    )


CHILD = """
import json, resource, sys
import numpy as np
from isoglot.collections import read_collection
from isoglot.evaluation import evaluate_embeddings

folder, dimensions = sys.argv[1], int(sys.argv[2])
collection = read_collection(folder)
rng = np.random.default_rng(0)
queries, documents = (
    rng.standard_normal((table.num_rows, dimensions), dtype=np.float32)
    for table in (collection.queries, collection.documents)
)
with open("/proc/self/statm") as file:
    before = int(file.read().split()[1]) * resource.getpagesize()
evaluate_embeddings(queries, documents, collection, bootstrap=0, memory=64 * 2**20)
with open("/proc/self/status") as file:  # not getrusage, whose peak a process inherits from the one that started it
    peak = next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmHWM"))
print(json.dumps({"before": before, "peak": peak}))
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_peak_memory_of_a_process(tmp_path):
    write_collection(large_collection(100_000, 200, by_language=False), tmp_path / "large")
    command = [sys.executable, "-c", CHILD, str(tmp_path / "large"), "768"]
    environment = {**os.environ, "OMP_NUM_THREADS": "2"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    found = json.loads(done.stdout)
    copy = 100_000 * 768 * 4
    assert found["peak"] - found["before"] < copy + (64 + 200) * MIB


@given(
    seed=st.integers(0, 10**6),
    rows=st.integers(1, 60),
    width=st.integers(1, 4),
    signs=st.booleans(),
    block=st.sampled_from([1, 20, keys.BLOCK]),
)
@settings(max_examples=60, deadline=None)
def test_repeats_equal_a_search_by_hand(seed, rows, width, signs, block):
    rng = np.random.default_rng(seed)
    table = rng.integers(0, 2 if signs else 3, (rows, width)).astype(np.float32)
    table = table * 2 - 1 if signs else table  # rows that differ in their signs only
    seen: dict[bytes, int] = {}
    expected = {at: seen.setdefault(row.tobytes(), at) for at, row in enumerate(table)}
    with patch.object(keys, "BLOCK", block):  # of a table looked at together
        again, origin = find_repeats(table)
    found = dict(zip(again.tolist(), origin.tolist(), strict=True))
    assert found == {at: first for at, first in expected.items() if at != first}


@given(seed=st.integers(0, 10**6), ordered=st.booleans(), kind=st.sampled_from(["<f4", "<f8", "<f2", "<i4"]))
@settings(max_examples=40, deadline=None)
def test_unit_rows_in_any_order_and_precision(seed, ordered, kind):
    rng = np.random.default_rng(seed)
    table = (rng.standard_normal((9, 5)) * 10).astype(kind)
    table[3] = 0
    order = rng.permutation(9) if ordered else None
    single = table.astype(np.float32)
    norms = np.linalg.norm(single, axis=1, keepdims=True)
    expected = np.where(norms > 0, single / np.where(norms > 0, norms, 1), 0)
    found = unit_rows(table, "texts", 9, order)
    np.testing.assert_array_equal(found, expected if order is None else expected[order])
    assert found.dtype == np.float32
