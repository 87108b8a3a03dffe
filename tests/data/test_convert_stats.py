"""Conversions that lose nothing, and counts that a reader can check."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from folder_helpers import assert_same

from isoglot.collections import Collection, collection_from_rows, read_collection, splits_of, write_collection
from isoglot.collections.select import only_judged
from isoglot.data.convert import FORMS, Reading, convert, read_form
from isoglot.data.stats import collection_stats, stats_table
from isoglot.errors import InputError


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """A BEIR folder with three splits, other keys, and one document that is empty."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    documents = [{"_id": str(n), "title": "", "text": f"text {n}", "metadata": {"n": n}} for n in range(4)]
    queries = [{"_id": f"q{n}", "text": f"query {n}"} for n in range(3)]
    for name, records in (("corpus", documents), ("queries", queries)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    for number, split in enumerate(("train", "dev", "test")):
        (folder / "qrels" / f"{split}.tsv").write_text(
            f"query-id\tcorpus-id\tscore\nq{number}\t{number}\t2\nq{number}\t3\t0\n"
        )
    return folder


def test_a_beir_folder_keeps_its_splits(beir: Path, tmp_path: Path):
    written = convert(beir, "beir", tmp_path / "out", language="en")
    assert set(written) == {"train", "dev", "test"}
    assert splits_of(tmp_path / "out") == ("dev", "test", "train")
    for split, collection in written.items():
        read = read_collection(tmp_path / "out", split=split)
        assert_same(read, only_judged(collection))
        assert_same(read_collection(beir, split=split, language="en"), read)
        # another split's queries are not this one's to see
        assert read.query_texts() == [f"query {('train', 'dev', 'test').index(split)}"]
    assert read_collection(tmp_path / "out", split="dev").name == "beir"
    assert '"metadata": {"n": 3}' in (tmp_path / "out" / "corpus.jsonl").read_text()


def test_one_split_can_be_picked(beir: Path, tmp_path: Path):
    convert(beir, "beir", tmp_path / "out", language="en", split="dev")
    assert splits_of(tmp_path / "out") == ("dev",)
    with pytest.raises(InputError, match="no split 'valid'"):
        convert(beir, "beir", tmp_path / "other", language="en", split="valid")
    assert not (tmp_path / "other").exists()


def test_to_parquet_and_back_loses_nothing(beir: Path, tmp_path: Path):
    convert(beir, "beir", tmp_path / "lines", language="en")
    convert(tmp_path / "lines", "parquet", tmp_path / "parquet")
    assert sorted(path.name for path in (tmp_path / "parquet" / "qrels").iterdir()) == [
        "dev.parquet", "test.parquet", "train.parquet"
    ]  # fmt: skip
    convert(tmp_path / "parquet", "jsonl", tmp_path / "again")
    for path in (tmp_path / "lines").rglob("*.*"):
        assert (tmp_path / "again" / path.relative_to(tmp_path / "lines")).read_bytes() == path.read_bytes()


def test_xquad_r_survives_every_form(shared_data: Path, tmp_path: Path):
    original = convert(shared_data / "xquad-r", "lareqa", tmp_path / "lines")[None]
    convert(tmp_path / "lines", "parquet", tmp_path / "parquet")
    convert(tmp_path / "parquet", "jsonl", tmp_path / "again")
    for folder in ("lines", "parquet", "again"):
        assert_same(read_collection(tmp_path / folder), original)
    assert read_collection(tmp_path / "parquet").metadata["candidates"] == "sentence"


def test_candidates_and_language_reach_the_lareqa_form(shared_data: Path, tmp_path: Path):
    source = shared_data / "xquad-r" / "de.json"
    written = convert(source, "lareqa", tmp_path / "out", candidates="paragraph", language="gsw")[None]
    assert written.documents.num_rows == 240
    assert written.languages == ("gsw",)
    with pytest.raises(InputError, match="lareqa has no splits"):
        convert(source, "lareqa", tmp_path / "other", split="test")


def test_lenient_reaches_every_form(beir: Path, tmp_path: Path):
    with (beir / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "4", "text": ""}\n')
    (tmp_path / "en.json").write_text(
        json.dumps(
            {
                "data": [
                    {},
                    {
                        "paragraphs": [
                            {
                                "context": "Yes.",
                                "sentence_breaks": [[0, 4]],
                                "qas": [
                                    {
                                        "id": "q",
                                        "question": "?",
                                        "answers": [{"text": "Y", "answer_start": 0}],
                                    }
                                ],
                            }
                        ]
                    },
                ]
            }
        )
    )
    for number, (form, source) in enumerate([("beir", beir), ("parquet", beir), ("lareqa", tmp_path / "en.json")]):
        to = tmp_path / f"out{number}"
        with pytest.raises(InputError, match="--lenient"):
            convert(source, form, to, language="en")
        assert not to.exists()
        for collection in convert(source, form, to, language="en", lenient=True).values():
            assert sum(collection.dropped.values()) == 1


def test_an_unknown_form_is_answered_with_the_known_ones(tmp_path: Path):
    with pytest.raises(InputError, match=r"unknown form 'trec'; the forms are afriqa, aligned, .*, tatoeba, tldr"):
        convert(tmp_path, "trec", tmp_path / "out")


def test_a_form_is_added_by_one_entry(toy: Collection, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(FORMS, "toy", lambda source, reading: {reading.split: toy})
    assert read_form("anywhere", "toy", Reading(split="test")) == {"test": toy}
    convert("anywhere", "toy", tmp_path / "out", split="test")
    assert_same(read_collection(tmp_path / "out", split="test"), toy)


def test_a_folder_in_use_is_left_alone(toy: Collection, tmp_path: Path):
    write_collection(toy, tmp_path / "toy")
    before = (tmp_path / "toy" / "corpus.jsonl").read_bytes()
    with pytest.raises(InputError, match="already exists and is not an empty folder"):
        convert(tmp_path / "toy", "parquet", tmp_path / "toy")
    assert (tmp_path / "toy" / "corpus.jsonl").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["toy"]


# ---------------------------------------------------------------------------------------------------- stats


@pytest.fixture
def uneven() -> Collection:
    """English has everything, Thai only questions, Korean only documents; one query has no judgment."""
    return collection_from_rows(
        [
            ("d1", "en", "T", "1234"),
            ("d2", "en", "", "12"),
            ("d3", "ko", "", "가나다"),
            ("d4", "en", "Title", ""),
        ],
        [
            ("q1", "en", "abcd"),
            ("q1", "th", "กำ"),
            ("q2", "en", "👩‍👩‍👧"),
            ("q3", "th", "12"),
            ("q4", "en", "12"),
        ],
        [
            ("q1", "d1", 1),
            ("q1", "d2", 2),
            ("q1", "d3", 1),
            ("q2", "d2", 0),
            ("q4", "d3", -1),
            ("q4", "d4", 1),
        ],
        name="uneven",
    )


def test_statistics_are_those_counted_by_hand(uneven: Collection):
    stats = collection_stats(uneven)
    assert json.loads(json.dumps(stats)) == stats
    english = stats["languages"].pop("en")
    assert english == {
        "name": "English",
        "documents": 3,
        "queries": 3,
        "judged_queries": 3,
        # code points: the family of three is five; title and text are joined by a space
        "query_characters": {"mean": pytest.approx(11 / 3), "median": 4, "p95": pytest.approx(4.9)},
        "document_characters": {"mean": pytest.approx(13 / 3), "median": 5, "p95": pytest.approx(5.9)},
    }
    assert stats["languages"] == {
        "ko": {
            "name": "Korean",
            "documents": 1,
            "queries": 0,
            "judged_queries": 0,
            "query_characters": None,
            "document_characters": {"mean": 3, "median": 3, "p95": 3},
        },
        "th": {
            "name": "Thai",
            "documents": 0,
            "queries": 2,
            "judged_queries": 1,
            "query_characters": {"mean": 2, "median": 2, "p95": 2},
            "document_characters": None,
        },
    }
    del stats["languages"]
    assert stats == {
        "name": "uneven",
        "documents": 4,
        "queries": 5,
        "query_ids": 4,
        "judgments": 6,
        "relevant_judgments": 4,
        "unjudged_queries": 1,
        "queries_without_relevant": 2,
        "languages_without_queries": ["ko"],
        "languages_without_documents": ["th"],
        "language_pairs": {
            "mono": {"pairs": 1, "training_pairs": 3},
            "cross": {"pairs": 3, "training_pairs": 4},
        },
        "pairs": {"en": {"en": 3, "ko": 1}, "th": {"en": 2, "ko": 1}},
        "dropped": {},
    }


def test_the_table_has_a_row_for_each_language_largest_first(uneven: Collection):
    columns, rows = stats_table(collection_stats(uneven))
    assert [row[0] for row in rows] == ["en English", "th Thai", "ko Korean"]
    assert dict(zip(columns[1:6], rows[1][1:6], strict=True)) == {
        "queries": "2", "judged": "1", "documents": "0", "mono pairs": "0", "cross pairs": "3"
    }  # fmt: skip
    assert rows[1][7] == "–"
    assert all(len(row) == len(columns) for row in rows)


def test_statistics_of_real_data(shared_data: Path):
    stats = collection_stats(read_collection(shared_data / "cranfield", language="en", lenient=True))
    assert stats["dropped"] == {"empty text": 2, "judgment of an unknown document id": 1}
    assert stats["language_pairs"]["cross"] == {"pairs": 0, "training_pairs": 0}
    stats = collection_stats(read_collection(shared_data / "tldr" / "train"))
    english = stats["languages"]["en"]["queries"]
    assert stats["query_ids"] == english == 23_105
    shares = {tag: stats["languages"][tag]["queries"] / english for tag in ("ko", "es", "zh", "de", "ja")}
    # as the data's README says, to the per cent
    assert {tag: round(100 * share) for tag, share in shares.items()} == {
        "ko": 87, "es": 25, "zh": 15, "de": 6, "ja": 2
    }  # fmt: skip
    assert stats["language_pairs"]["mono"]["pairs"] == 39
