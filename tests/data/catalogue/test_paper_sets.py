"""Question sets and translations, small and in their publishers' forms, from download to folder."""

from __future__ import annotations

import json

import isoglot as ig
from isoglot.collections.folder import read_splits
from isoglot.data.catalogue.files import Wanted
from isoglot.data.catalogue.getting import get_data
from isoglot.data.convert import Reading, read_form


def test_squadshifts_is_four_sets(serve, data_home):
    get_data(serve("squadshifts"), data_home / "squadshifts")
    for part, path in (("nyt", "nyt_v1.0.json"), ("amazon", "amazon_reviews_v1.0.json")):
        collection = ig.load_collection(f"squadshifts/{part}")
        assert collection.documents["text"].to_pylist() == [f"Ann, {path}."]
        assert collection.languages == ("en",)
        assert collection.metadata["licence"] == "CC-BY-4.0"


def test_training_is_the_training_split(serve, tmp_path):
    get_data(serve("drcd"), tmp_path / "out")
    splits = read_splits(tmp_path / "out")
    assert list(splits) == ["dev", "test", "train"]
    asked = {
        split: {one.query_ids[int(row)].as_py() for row in one.relevance.queries} for split, one in splits.items()
    }
    assert asked == {"train": {"一"}, "dev": {"二"}, "test": {"三"}}
    assert splits["train"].documents.num_rows == 3


def test_ntrex_is_laid_out_as_published(serve, tmp_path):
    entry = serve("ntrex")
    get_data(entry, tmp_path / "out")
    collection = ig.load_collection(tmp_path / "out")
    assert collection.languages == ("de", "en", "sr-Latn")
    assert collection.finds_translations
    assert collection.pair_counts.tolist() == [[0, 2, 2], [2, 0, 2], [2, 2, 0]]
    assert json.loads(collection.queries["extra"][0].as_py()) == {"article": "bbc.1"}
    get_data(entry, tmp_path / "two", Wanted(languages=("de", "en")))
    assert ig.load_collection(tmp_path / "two").languages == ("de", "en")


def test_a_question_with_an_empty_answer_is_a_question(tmp_path):
    """As in SQuAD-it's test set: what is retrieved is the paragraph."""
    questions = [
        {"id": str(n), "question": f"{n}?", "answers": [{"text": "x" * n, "answer_start": 0}]} for n in (0, 1)
    ]
    data = {"data": [{"title": "t", "paragraphs": [{"context": "x", "qas": questions}]}]}
    (tmp_path / "SQuAD_it-test.json").write_text(json.dumps(data))
    (one,) = read_form(tmp_path, "squad", Reading(language="it", lenient=True)).values()
    assert one.query_ids.to_pylist() == ["0", "1"]
    assert one.dropped == {}
