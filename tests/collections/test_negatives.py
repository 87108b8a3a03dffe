"""Hard negatives stay with the queries, in both forms, and wrong ones are named."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pyarrow as pa
import pytest

from isoglot.collections import collection_from_rows, negatives, read_collection, write_collection
from isoglot.collections.negatives import hard_negative_rows, prefix_hard_negatives, with_hard_negatives
from isoglot.errors import InputError


@pytest.fixture
def collection():
    return collection_from_rows(
        [(f"d{at}", "en" if at % 2 else "de", "", f"text {at}") for at in range(6)],
        [("a", "en", "first"), ("a", "de", "erste"), ("b", "en", "second")],
        [("a", "d0", 1), ("a", "d1", 1), ("b", "d2", 1), ("b", "d3", 0)],
        name="small",
    )


def lists(offsets, rows):
    return [rows[start:end].tolist() for start, end in pairwise(offsets)]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_they_survive_both_forms_beside_other_keys(collection, form, tmp_path):
    other = pa.array(['{"source": "web"}', None, '{"hard_negatives": ["d1"]}'])
    collection = replace(collection, queries=collection.queries.append_column("extra", other))
    kept = with_hard_negatives(collection, np.array([0, 2, 2, 3]), np.array([5, 2, 3]))
    write_collection(kept, tmp_path / "kept", form)
    read = read_collection(tmp_path / "kept")
    assert read.queries.equals(kept.queries)
    assert lists(*hard_negative_rows(read)) == [[5, 2], [], [3]]  # d3 is judged, but not relevant
    assert json.loads(read.queries["extra"][0].as_py()) == {"source": "web", "hard_negatives": ["d5", "d2"]}
    emptied = with_hard_negatives(read, np.zeros(4, int), np.empty(0, int))
    assert emptied.queries["extra"].to_pylist() == ['{"source": "web"}', None, None]


def test_a_collection_without_any_has_none(collection):
    offsets, documents = hard_negative_rows(collection)
    assert offsets.tolist() == [0, 0, 0, 0]
    assert len(documents) == 0
    assert with_hard_negatives(collection, offsets, documents).queries.equals(collection.queries)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (["d5", "x"], r"small: hard negatives are unknown documents.*'x' of the query 'a' \(de\)"),
        (["d5", "d1"], r"are relevant to the query.*'d1' of the query 'a' \(de\)"),
        ("d5", r"'hard_negatives' of the query 'a' \(de\) is not a list of document ids"),
        ([5], "is not a list of document ids"),
    ],
)
def test_wrong_ones_are_named(collection, listed, message):
    extra = pa.array([None, json.dumps({"hard_negatives": listed}), None])
    wrong = replace(collection, queries=collection.queries.append_column("extra", extra))
    with pytest.raises(InputError, match=message):
        hard_negative_rows(wrong)


def test_offsets_must_fit_the_queries(collection):
    with pytest.raises(InputError, match="3 query rows"):
        with_hard_negatives(collection, np.array([0, 1]), np.array([1]))


def test_a_prefix_is_put_before_them_some_rows_at_a_time(monkeypatch):
    monkeypatch.setattr(negatives, "STEP", 2)  # large sets list hundreds of millions of ids
    listed = [["a"], None, None, ["b", "c"], None, None, ["d", 5]]
    extra = [None if one is None else json.dumps({"hard_negatives": one, "url": "x"}) for one in listed]
    column = pa.chunked_array([pa.array(extra[:3], pa.string()), pa.array(extra[3:], pa.string())])
    found = prefix_hard_negatives(pa.table({"extra": column}), "2/")["extra"]
    assert [one and json.loads(one) for one in found.to_pylist()] == [
        one and {"hard_negatives": [f"2/{name}" if isinstance(name, str) else name for name in one], "url": "x"}
        for one in listed
    ]
    assert max(map(len, found.chunks)) == 2
