"""Names of the catalogue where a collection is asked for: the copy in the data folder, made at first use."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

import isoglot as ig
from isoglot.collections import read_collection, write_collection
from isoglot.data.catalogue import loading
from isoglot.data.catalogue.loading import load_splits
from isoglot.data.convert import convert
from isoglot.data.worldfacts import load_worldfacts
from isoglot.errors import InputError, IsoglotError


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """Work in a folder that has no folder of any name."""
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_a_name_is_downloaded_and_converted_at_first_use_only(serve, site, data_home, elsewhere):
    serve("xquad")
    first = ig.load_collection("xquad")
    assert first.languages == ("de", "en", "zh")
    assert (data_home / "xquad/corpus.parquet").exists()
    asked = len(site.requests)
    assert ig.load_collection("xquad").queries.equals(first.queries)
    assert len(site.requests) == asked


def test_a_name_may_be_written_as_its_publisher_does(serve, data_home, elsewhere):
    serve("mlqa")
    assert ig.load_collection("MLQA/dev").query_ids.to_pylist() == ["dev q1"]


def test_all_splits_of_whatever_a_name_stands_for(toy, serve, data_home, elsewhere):
    """Splits of one folder, parts with documents of their own, one of them, and what is built."""
    serve("mlqa")
    serve("cqadupstack", large=False)
    write_collection(toy, elsewhere / "mine" / "train")
    found = {
        name: set(load_splits(name)) for name in ("mlqa", "mlqa/dev", "cqadupstack", "cqadupstack/tex", "mine")
    }
    assert found == {
        "mlqa": {"dev", "test"},
        "mlqa/dev": {"dev"},
        "cqadupstack": {"android", "tex"},
        "cqadupstack/tex": {"tex"},
        "mine": {"train"},
    }
    assert set(load_splits("worldfacts")) == {"train", "test"}
    assert set(load_splits("mlqa", split="test")) == {"test"}
    with pytest.raises(InputError, match="the parts android, tex"):
        load_splits("cqadupstack/physics")


def test_names_convert(toy, serve, data_home, elsewhere):
    serve("cqadupstack", large=False)
    convert("cqadupstack", "jsonl", "out")
    assert read_collection("out/tex").name == "cqadupstack/tex"
    convert("cqadupstack/tex", "parquet", "one")
    assert read_collection("one").documents["text"].to_pylist() == ["tex"]
    for split in ("train", "test"):
        write_collection(toy, elsewhere / "mine" / split)
    convert("mine", "parquet", "shared")  # the same documents: one folder
    assert read_collection("shared", split="train").queries.num_rows == 6
    with pytest.raises(InputError, match="the collection nowhere is missing"):
        convert("nowhere", "jsonl", "two")


def test_processes_that_ask_at_once_download_once(serve, site, data_home, elsewhere):
    serve("xquad")
    site.trickle = 0.01
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: ig.load_collection("xquad"), range(4)))
    assert {one.queries.num_rows for one in found} == {3}
    assert len(site.requests) == 3


def test_a_split_is_chosen_as_of_any_folder(serve, data_home, elsewhere):
    serve("mlqa")
    for name, split in (("mlqa", "dev"), ("mlqa/dev", None)):
        assert set(ig.load_collection(name, split=split).query_ids.to_pylist()) == {"dev q1"}
    assert ig.load_collection("mlqa", prefer_split="test").query_ids.to_pylist() == ["test q1"]
    with pytest.raises(InputError, match="has splits dev, test: choose one"):
        ig.load_collection("mlqa")
    with pytest.raises(InputError, match="no split 'train'"):
        ig.load_collection("mlqa/train")


def test_parts_with_documents_of_their_own_are_named(serve, data_home, elsewhere):
    serve("cqadupstack", large=False)
    assert ig.load_collection("cqadupstack/tex").name == "cqadupstack/tex"
    with pytest.raises(InputError, match=r"the parts android, tex: choose one, as cqadupstack/android"):
        ig.load_collection("cqadupstack")
    with pytest.raises(InputError, match="the parts android, tex"):
        ig.load_collection("cqadupstack/physics")


def test_a_folder_of_that_name_wins(toy, serve, site, data_home, elsewhere):
    serve("xquad")
    write_collection(toy, elsewhere / "xquad")
    assert ig.load_collection("xquad").queries.num_rows == 6
    assert site.requests == []
    assert not data_home.exists()


def test_the_data_folder_may_hold_what_its_publisher_has(published, data_home, elsewhere):
    for name in ("xquad-r", "mlqa"):
        (data_home / name).mkdir(parents=True)
        for path, content in published(name).items():
            (data_home / name / path).write_bytes(content)
    assert ig.load_collection("xquad-r").documents.num_rows == 6
    assert ig.load_collection("mlqa", split="dev").query_ids.to_pylist() == ["dev q1"]
    assert ig.load_collection("mlqa/test").query_ids.to_pylist() == ["test q1"]
    with pytest.raises(InputError, match="mlqa has splits dev, test: choose one with --split, or as mlqa/dev"):
        ig.load_collection("mlqa")
    with pytest.raises(InputError, match="mlqa has no split 'train'; its splits are dev, test"):
        ig.load_collection("mlqa", split="train")


def test_folders_of_splits_are_a_collection_with_splits(toy, elsewhere):
    for split in ("train", "test"):
        write_collection(toy, elsewhere / "mine" / split)
    assert ig.load_collection("mine", split="test").documents.num_rows == 6
    assert ig.load_collection("mine", prefer_split="train").documents.num_rows == 6
    with pytest.raises(InputError, match="mine has no split 'dev'; its splits are train, test"):
        ig.load_collection("mine", split="dev")
    with pytest.raises(InputError, match="mine has splits train, test: choose one with --split"):
        ig.load_collection("mine")


def test_a_large_one_is_not_downloaded_just_because_it_is_named(serve, site, data_home, elsewhere):
    serve("hotpotqa")
    with pytest.raises(InputError, match="`isoglot data get hotpotqa`"):
        ig.load_collection("hotpotqa")
    assert site.requests == []


def test_without_a_network_it_is_said_and_nothing_stays_behind(data_home, elsewhere, serve, site):
    serve("xquad")
    site.status = 503
    with pytest.raises(IsoglotError, match=r"failed \(HTTP 503\)\. .*--from"):
        ig.load_collection("xquad")
    assert not (data_home / "xquad").exists()
    site.status = None
    assert ig.load_collection("xquad").queries.num_rows == 3


def test_worldfacts_is_a_name_like_others_and_built(data_home, elsewhere, monkeypatch):
    small = load_worldfacts(("en", "sw"))
    monkeypatch.setattr(loading, "load_worldfacts", lambda: small)
    assert ig.load_collection("WorldFacts/train").name == "worldfacts/train"
    assert ig.load_collection("worldfacts", prefer_split="test").name == "worldfacts/test"
    assert list(load_splits("worldfacts/test")) == ["test"]
    for split, said in ((None, "has several splits"), ("dev", "has no split 'dev'")):
        with pytest.raises(InputError, match=f"worldfacts {said}: choose one of train, test with --split"):
            ig.load_collection("worldfacts", split=split)
    assert not data_home.exists()


def test_wordnets_are_no_collection(data_home, elsewhere):
    with pytest.raises(InputError, match="`isoglot data get omw --to DIR` makes lexicons"):
        ig.load_collection("omw")


def test_a_folder_that_is_not_there_is_no_name(elsewhere):
    for name in ("nowhere", "nowhere/train", "x-quad"):
        with pytest.raises(InputError, match=f"the collection {name} is missing"):
            ig.load_collection(name)
