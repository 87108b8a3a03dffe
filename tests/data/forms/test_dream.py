"""DREAM: dialogues as documents, a query for every question of every dialogue."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_samples import DREAM, SAMPLES, as_json, documents, extras, judged, lay_out, queries

from isoglot.data.convert import Reading, read_form
from isoglot.errors import InputError

LOST = "M: I lost my key.\nW: Look in the car."


def test_a_dialogue_is_a_document_and_its_questions_are_queries(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["dream"]), "dream")
    assert list(splits) == ["train", "test"]
    assert documents(splits["train"]) == {"5-1": ("en", "", LOST), "5-2": ("en", "", "W: It rains.")}
    assert queries(splits["train"]) == {
        ("5-1/0", "en"): "Where may the key be?",
        ("5-1/1", "en"): "What does the man mean?",
    }
    assert judged(splits["train"]) == {"5-1/0": {LOST}, "5-1/1": {LOST}}
    # the same words asked of another dialogue are another query
    assert queries(splits["test"]) == {("5-2/0", "en"): "What does the man mean?"}
    assert extras(splits["train"])["5-1/0", "en"] == {
        "answers": ["In the car."],
        "choices": ["In the car.", "At home.", "Gone."],
    }


def test_one_file_has_no_splits(tmp_path: Path):
    (tmp_path / "train.json").write_bytes(as_json(DREAM))
    splits = read_form(tmp_path / "train.json", "dream")
    assert list(splits) == [None]
    assert len(queries(splits[None])) == 3


def test_a_question_is_answered_by_every_dialogue_with_the_same_words(tmp_path: Path):
    again = [DREAM[0][0], [], "9-9"]
    lay_out(tmp_path, {"train.json": as_json(DREAM), "dev.json": as_json([again])})
    (collection,) = read_form(tmp_path, "dream").values()  # dev asks nothing
    ids = collection.documents["_id"].to_pylist()
    assert {ids[row] for row in collection.relevance.of(0)} == {"5-1", "9-9"}
    assert documents(collection)["9-9"] == documents(collection)["5-1"]


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ([["M: Hello."], []], "not a list of turns, questions and id"),
        ([["M: Hello."], [], 7], "'id' is not a string"),
        ([[3], [], "7"], "'turns' holds something other than strings"),
        ([[], [], "7"], "empty dialogue"),
        ([["M: Hello."], [], "5-1"], "a document id with two texts"),
        ([["M: Hello."], [{"question": "?", "choice": []}], "7"], "no 'answer'"),
        ([["M: Hello."], {}, "7"], "'questions' is not a list"),
    ],
)
def test_a_bad_dialogue_is_named_and_only_it_is_left_out(tmp_path: Path, entry, message: str):
    (tmp_path / "train.json").write_bytes(as_json([*DREAM, entry]))
    with pytest.raises(InputError, match=rf"{message}.*train\.json dialogue 2"):
        read_form(tmp_path, "dream")
    (collection,) = read_form(tmp_path, "dream", Reading(lenient=True)).values()
    assert len(queries(collection)) == 3


def test_the_published_sizes(shared_data: Path):
    splits = read_form(shared_data / "dream", "dream")
    # arXiv 1902.00164, table 2: questions 6,116 / 2,040 / 2,041, dialogues 3,869 / 1,288 / 1,287
    assert {split: len(queries(one)) for split, one in splits.items()} == {"train": 6116, "dev": 2040, "test": 2041}
    assert len(documents(splits["test"])) == 3869 + 1288 + 1287
    only = read_form(shared_data / "dream" / "test.json", "dream")[None]
    assert len(documents(only)) == 1287
    # a few dialogues stand there twice, so a question has a relevant document or two
    assert set(only.relevance.offsets[1:] - only.relevance.offsets[:-1]) == {1, 2}
