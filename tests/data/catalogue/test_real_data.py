"""The publishers' own files, where they are at hand: the sizes that publishers state, and the checksums."""

from __future__ import annotations

import numpy as np
import pytest

import isoglot as ig
from isoglot.collections.folder import read_splits
from isoglot.data.catalogue import find_entry
from isoglot.data.catalogue.download import checksum_of
from isoglot.data.catalogue.files import Wanted, find_files
from isoglot.data.catalogue.getting import get_data, read_data
from isoglot.data.convert import Reading, read_form


def read(shared_data, name, folder=None):
    splits, _ = read_data(find_entry(name), Wanted(source=shared_data / (folder or name)))
    return splits


AT_HAND = ("xquad-r", "dream", "afriqa", "tatoeba", "ntrex", "qa/cmrc2018", "qa/drcd", "qa/squad-it")


@pytest.mark.parametrize("folder", AT_HAND)
def test_checksums_are_those_of_the_publishers_files(shared_data, folder):
    entry = find_entry(folder.split("/")[-1])
    found = find_files(entry, shared_data / folder, None)
    known = {file: path for file, path in found.items() if file.checksum}
    stated = 35 if folder == "ntrex" else sum(file.checksum is not None for file in entry.files)
    assert len(known) == stated > 0  # of NTREX, 34 of 128 languages are at hand
    assert all(checksum_of(path) == file.checksum for file, path in known.items())


def test_xquad_r_has_its_13014_candidates(shared_data):
    collection = read(shared_data, "xquad-r")[None]
    for tag, count in find_entry("xquad-r").sizes[0].by_language.items():
        index = collection.language_index(tag)
        assert (collection.document_language == index).sum() == count.documents, tag
        assert (collection.query_language == index).sum() == count.queries == 1190, tag
    assert collection.documents.num_rows == 13_014


def test_dream_has_its_questions_and_dialogues(shared_data):
    splits = read(shared_data, "dream")
    stated = {size.split: size.queries for size in find_entry("dream").sizes}
    assert {split: one.queries.num_rows for split, one in splits.items()} == stated
    assert splits["train"].documents.num_rows == 3869 + 1288 + 1287


def test_cranfield_has_1400_abstracts_two_of_them_empty(shared_data):
    collection = read(shared_data, "cranfield")["test"]
    assert collection.documents.num_rows + collection.dropped["empty text"] == 1400
    assert collection.queries.num_rows == 225


def test_afriqa_has_five_languages_here(shared_data):
    splits = read(shared_data, "afriqa")
    assert {tag for one in splits.values() for tag in one.languages} == {"en", "ha", "ig", "sw", "yo", "zu"}
    assert set(splits) == {"train", "dev", "test"}
    for one in splits.values():  # each question in its language and in English
        assert one.queries.num_rows == 2 * len(one.query_ids)
        assert one.languages[int(one.document_language[0])] == "en"


def test_mkqa_has_26_languages(shared_data):
    collection = read(shared_data, "mkqa")[None]
    assert collection.languages == find_entry("mkqa").languages
    assert collection.queries.num_rows == 26 * len(collection.query_ids)


def test_dureader_demo_is_of_its_form(shared_data):
    splits = read(shared_data, "dureader", "dureader-demo")
    assert set(splits) >= {"train", "dev"}
    assert splits["dev"].languages == ("zh",)


@pytest.mark.slow
def test_tldr_has_its_splits(shared_data, tmp_path):
    got = get_data(find_entry("tldr"), tmp_path / "out", Wanted(source=shared_data / "tldr"), "parquet")
    assert {split: len(one.query_ids) for split, one in got.splits.items()} == {
        "train": 23_105,
        "dev": 849,
        "test": 1_584,
    }
    assert got.splits["test"].documents.num_rows == 1_334
    assert got.splits["train"].languages == find_entry("tldr").languages


@pytest.mark.slow
def test_tatoeba_has_its_112_pairs(shared_data):
    entry = find_entry("tatoeba")
    assert len(entry.files) == 2 * 112
    collection = read(shared_data, "tatoeba")[None]
    assert collection.languages == entry.languages
    lines = sum(1 for path in (shared_data / "tatoeba").glob("*-eng.deu") for _ in path.open("rb"))
    german = collection.query_language == collection.language_index("de")
    assert 0.99 * lines <= german.sum() <= lines


@pytest.mark.slow
def test_omw_becomes_lexicons_of_its_languages(shared_data, tmp_path):
    got = get_data(find_entry("omw"), tmp_path / "out", Wanted(("pl", "pt"), shared_data / "omw"))
    assert {(one.source, one.target) for one in got.lexicons} == {("pl", "pt"), ("pt", "pl")}
    assert all(len(one) > 5_000 for one in got.lexicons)


def test_ntrex_has_its_sentences_and_its_languages_are_those_of_the_entry(shared_data):
    entry = find_entry("ntrex")
    collection = read(shared_data, "ntrex")[None]
    assert len(entry.languages) == 128
    assert len(collection.languages) == 34 < len(entry.languages)
    assert set(collection.languages) < set(entry.languages)
    assert collection.queries.num_rows == 34 * 1997
    assert collection.finds_translations
    assert entry.sizes[0].queries == 128 * 1997


@pytest.mark.parametrize(
    ("name", "tag", "documents", "queries"),
    [
        ("cmrc2018", "zh", 848, {"dev": 3219}),
        ("drcd", "zh-TW", 2000, {"dev": 3524, "test": 3493}),
        ("squad-it", "it", 2007, {"test": 7609}),
    ],
)
def test_question_sets_have_their_published_sizes(shared_data, tmp_path, name, tag, documents, queries):
    get_data(find_entry(name), tmp_path / "out", Wanted(source=shared_data / "qa" / name))
    splits = read_splits(tmp_path / "out")
    assert {split: len(np.unique(one.judgments["query"])) for split, one in splits.items()} == queries
    for split, one in splits.items():
        assert one.languages == (tag,)
        assert one.documents.num_rows == documents
        left_out = sum(one.metadata.get("left_out", {}).values())
        stated = next(size for size in find_entry(name).sizes if size.split == split)
        assert queries[split] + left_out == stated.queries


def test_squad_it_has_empty_answers_that_cost_nothing(shared_data):
    (read_whole,) = read_form(shared_data / "qa" / "squad-it", "squad", Reading(language="it")).values()
    assert len(read_whole.query_ids) == 7609


def test_the_data_folder_may_be_such_a_folder(shared_data, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ISOGLOT_DATA", str(shared_data))
    assert ig.load_collection("tldr/test").documents.num_rows == 1_334
    assert ig.load_collection("tldr", split="dev").name == ig.load_collection("tldr/dev").name
    assert ig.load_collection("cranfield").queries.num_rows == 225
