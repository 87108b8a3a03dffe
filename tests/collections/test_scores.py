"""A cross-encoder's scores stay with the queries, in both forms, and wrong ones are named."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from isoglot.collections import collection_from_rows, join_collections, read_collection, write_collection
from isoglot.collections.negatives import hard_negative_rows, with_hard_negatives
from isoglot.collections.scores import has_teacher_scores, teacher_score_rows, with_teacher_scores
from isoglot.collections.select import keep_languages
from isoglot.errors import InputError


@pytest.fixture
def collection():
    made = collection_from_rows(
        [(f"d{at}", "en" if at % 2 else "de", "", f"text {at}") for at in range(6)],
        [("a", "en", "first"), ("a", "de", "erste"), ("b", "en", "second")],
        [("a", "d0", 1), ("a", "d1", 1), ("b", "d2", 1)],
        name="small",
    )
    return with_hard_negatives(made, np.array([0, 2, 2, 3]), np.array([5, 2, 3]))


OFFSETS, DOCUMENTS = np.array([0, 3, 3, 5]), np.array([1, 2, 5, 2, 3])
SCORES = np.array([7.25, 0.00004, -1.5, 3, 2])


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_they_survive_both_forms_beside_the_hard_negatives(collection, form, tmp_path):
    assert not has_teacher_scores(collection)
    kept = with_teacher_scores(collection, OFFSETS, DOCUMENTS, SCORES)
    write_collection(kept, tmp_path / "kept", form)
    read = read_collection(tmp_path / "kept")
    assert has_teacher_scores(read)
    offsets, documents, scores = teacher_score_rows(read)
    assert (offsets.tolist(), documents.tolist()) == (OFFSETS.tolist(), DOCUMENTS.tolist())
    assert scores.tolist() == [7.25, 0, -1.5, 3, 2]
    assert json.loads(read.queries["extra"][2].as_py()) == {
        "hard_negatives": ["d3"],
        "teacher_scores": {"d2": 3.0, "d3": 2.0},
    }
    for one, other in zip(hard_negative_rows(read), hard_negative_rows(collection), strict=True):
        assert one.tolist() == other.tolist()


def test_joined_collections_keep_each_its_own_and_samples_what_they_have(collection):
    kept = with_teacher_scores(collection, OFFSETS, DOCUMENTS, SCORES)
    offsets, documents, scores = teacher_score_rows(join_collections([collection, kept]))
    assert offsets.tolist() == [0, 0, 0, 0, 3, 3, 5]
    assert documents.tolist() == [7, 8, 11, 8, 9]
    assert scores.tolist() == [7.25, 0, -1.5, 3, 2]
    english = keep_languages(kept, ["en"])  # d1, d3 and d5
    offsets, documents, scores = teacher_score_rows(english)
    assert offsets.tolist() == [0, 2, 3]
    assert [english.documents["_id"][row].as_py() for row in documents] == ["d1", "d5", "d3"]
    assert scores.tolist() == [7.25, -1.5, 2]


@pytest.mark.parametrize("written", [["d1"], {"d1": "high"}, {"d1": None}, {"d1": True}])
def test_wrong_ones_are_named(collection, written):
    extra = pa.array([None, json.dumps({"teacher_scores": written}), None])
    wrong = replace(collection, queries=collection.queries.drop_columns("extra").append_column("extra", extra))
    with pytest.raises(
        InputError, match=r"small: 'teacher_scores' of the query 'a' \(de\) is not document ids with"
    ):
        teacher_score_rows(wrong)


def test_what_is_no_score_is_not_written(collection):
    with pytest.raises(InputError, match="1 scores of small are NaN or infinite"):
        with_teacher_scores(collection, OFFSETS, DOCUMENTS, np.array([1, 2, math.nan, 3, 4]))
    with pytest.raises(InputError, match="offsets"):
        with_teacher_scores(collection, OFFSETS[:-1], DOCUMENTS, SCORES)
