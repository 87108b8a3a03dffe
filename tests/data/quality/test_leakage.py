"""Texts of a test collection that the training collection has: hand-written cases, in several scripts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

import isoglot as ig
from isoglot.cli import main
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.data import load_collection, load_worldfacts
from isoglot.errors import InputError

TRAIN = {
    "en": ["How do I unpack an archive on Linux?", "List all the files of a folder"],
    "de": ["Wie entpacke ich ein Archiv unter Linux?"],
    "zh": ["我该如何解压文件", "列出文件夹中的所有文件和子文件夹"],
    "th": ["ฉันจะแตกไฟล์เก็บถาวรได้อย่างไร"],
    "ar": ["كيف أفك ضغط الأرشيف"],
}
TEST = {
    "en": [
        "how do I unpack an archive, on Linux",  # the same
        "How do I unpack an archive on a Linux?",  # near
        "What is the capital of France?",  # not there
    ],
    "de": ["Wie entpacke ich ein Archiv unter Linux", "Wie spät ist es in Berlin?"],
    "zh": ["我 该 如何 解压 文件 ？", "列出文件夹中的所有文件和子文件夹吧", "今天天气怎么样"],
    "th": ["ฉันจะแตกไฟล์เก็บถาวร ได้อย่างไร?"],
    "nl": ["List all the files of a folder"],  # there, as English
}


def of(queries: dict[str, list[str]], documents: list[tuple[str, str]], name: str) -> Collection:
    asked = [(f"{name}{at}", tag, text) for tag, texts in queries.items() for at, text in enumerate(texts)]
    docs = [(f"{name}-d{at}", tag, "", text) for at, (tag, text) in enumerate(documents)]
    ids = dict.fromkeys(row[0] for row in asked)
    return collection_from_rows(docs, asked, [(one, f"{name}-d0", 1) for one in ids], name=name)


@pytest.fixture
def train() -> Collection:
    return of(TRAIN, [("en", "tar unpacks archives"), ("en", "ls lists files")], "train")


@pytest.fixture
def test() -> Collection:
    return of(TEST, [("en", "grep searches in texts")], "test")


def test_shared_queries_are_counted_by_language(train: Collection, test: Collection):
    found = ig.find_leakage(train, test)
    assert found.found
    assert (found.queries.compared, found.queries.against) == (10, 7)
    assert (found.queries.exact, found.queries.near) == (5, 2)
    assert found.queries.by_language == {
        "de": {"compared": 2, "exact": 1, "near": 0},
        "en": {"compared": 3, "exact": 1, "near": 1},
        "nl": {"compared": 1, "exact": 1, "near": 0},
        "th": {"compared": 1, "exact": 1, "near": 0},
        "zh": {"compared": 3, "exact": 1, "near": 1},
    }
    assert (found.documents.compared, found.documents.exact, found.documents.near) == (1, 0, 0)
    assert not found.documents.found


def test_examples_show_both_texts(train: Collection, test: Collection):
    examples = ig.find_leakage(train, test).queries.examples
    assert [example["kind"] for example in examples] == ["exact"] * 5 + ["near"] * 2
    (near,) = [one for one in examples if one["kind"] == "near" and one["test"]["language"] == "en"]
    assert near["test"]["text"] == "How do I unpack an archive on a Linux?"
    assert near["train"] == {"id": "train0", "language": "en", "text": "How do I unpack an archive on Linux?"}
    assert 0.8 <= near["similarity"] < 1
    (dutch,) = [one for one in examples if one["test"]["language"] == "nl"]
    assert dutch["train"]["language"] == "en"


def test_the_threshold_decides_what_is_near(train: Collection, test: Collection):
    strict, loose = (ig.find_leakage(train, test, threshold=threshold).queries for threshold in (1.0, 0.3))
    assert (strict.exact, strict.near) == (5, 0)
    assert loose.near >= 2
    for threshold in (0, -1, 1.5, float("nan")):
        with pytest.raises(InputError, match="must be above 0 and at most 1"):
            ig.find_leakage(train, test, threshold=threshold)


def test_collections_that_share_nothing():
    one, other = of({"en": ["one thing"]}, [("en", "a page")], "a"), of({"en": ["another"]}, [("de", "Blatt")], "b")
    found = ig.find_leakage(one, other)
    assert not found.found
    assert found.queries.examples == []


def test_a_collection_shares_all_with_itself(test: Collection):
    found = ig.find_leakage(test, test)
    assert found.queries.exact == found.queries.compared == 10
    assert found.documents.exact == 1


def test_values_are_fit_for_json(train: Collection, test: Collection):
    values = ig.find_leakage(train, test).to_dict()
    assert json.loads(json.dumps(values)) == values
    assert list(values) == [
        *("train", "test", "threshold", "found", "leaks", "shared_documents"),
        *("queries", "documents"),
    ]
    assert values["queries"]["found"]
    assert not values["documents"]["found"]


def test_worldfacts_shares_its_documents_and_the_wordings_of_its_facts():
    """As the page on collections says: one set of documents, and facts asked in another wording."""
    splits = load_worldfacts(("en", "sw"))
    found = ig.find_leakage(splits["train"], splits["test"])
    assert found.documents.exact == found.documents.compared == 486
    assert found.queries.exact == 0


def test_tldr_shares_a_few_lines_and_no_page(shared_data: Path):
    train, test = (load_collection(shared_data / "tldr" / split) for split in ("train", "test"))
    found = ig.find_leakage(train, test)
    assert (found.queries.compared, found.queries.exact, found.documents.exact) == (5212, 43, 0)
    assert 69 <= found.queries.near <= 71  # of 71 that comparing all finds
    assert found.documents.near == 42


# ------------------------------------------------------------------------------------------ command line


@pytest.fixture
def folders(train: Collection, test: Collection, tmp_path: Path) -> tuple[str, str]:
    write_collection({"train": train, "dev": train}, tmp_path / "a")
    write_collection(test, tmp_path / "b")
    return str(tmp_path / "a"), str(tmp_path / "b")


def test_the_exit_status_says_whether_texts_are_shared(folders, tmp_path, capsys):
    a, b = folders
    assert main(["data", "leakage", a, b, "--json", str(tmp_path / "found.json")]) == 1
    said = capsys.readouterr().out
    assert "5 of 10 queries of test are among the 7 of train, and 2 more nearly (similarity 0.8 or more)" in said
    assert "0 of 1 document of test are among" in said
    assert "'How do I unpack an archive on a Linux?' is 0." in said
    assert json.loads((tmp_path / "found.json").read_text())["queries"]["exact"] == 5
    lone = of({"en": ["nothing of this is anywhere else"]}, [("en", "neither this page")], "lone")
    write_collection(lone, tmp_path / "lone")
    assert main(["data", "leakage", a, str(tmp_path / "lone")]) == 0


def test_of_splits_of_one_folder_the_queries_decide(tmp_path, capsys):
    docs = [("en", "tar unpacks archives"), ("en", "ls lists files")]
    first, second = of({"en": ["how to unpack"]}, docs, "a"), of({"en": ["what is in a folder"]}, docs, "a")
    documents = first.documents
    second = replace(second, documents=documents, query_ids=pa.array(["b0"]))
    second = replace(second, queries=second.queries.set_column(0, "_id", pa.array(["b0"])))
    write_collection({"train": first, "test": second, "dev": first}, tmp_path / "one")
    folder = str(tmp_path / "one")
    for test_split, status in (("test", 0), ("dev", 1)):
        target = tmp_path / "found.json"
        options = ["--test-split", test_split, "--json", str(target)]
        assert main(["data", "leakage", folder, folder, *options]) == status
        said = capsys.readouterr().out
        assert "2 of 2 documents of" in said
        assert "the queries alone tell of a leak" in said
        values = json.loads(target.read_text())
        assert (values["leaks"], values["shared_documents"], values["documents"]["exact"]) == (
            bool(status),
            True,
            2,
        )
    write_collection(of({"en": ["other"]}, [*docs, ("en", "another page")], "c"), tmp_path / "other")
    assert main(["data", "leakage", folder, str(tmp_path / "other"), "--train-split", "train"]) == 1


def test_bad_input_is_one_sentence_and_status_2(folders, tmp_path, capsys):
    a, b = folders
    for arguments, message in {
        (a, str(tmp_path / "gone")): "gone is missing",
        (a, b, "--near", "2"): "must be above 0 and at most 1",
        (a, b, "--train-split", "other"): "has no split 'other'; its splits are dev, train",
        (b, a): "choose one with --split",
    }.items():
        assert main(["data", "leakage", *arguments]) == 2
        said = capsys.readouterr().err
        assert message in said
        assert len(said.splitlines()) == 1
