"""Collections on disk: lossless round trips, splits, whole-or-absent output, real data."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from folder_helpers import assert_same, folders, raw_folder, write_lines
from hypothesis import example, given, settings

from isoglot.collections import Collection, read_collection, splits_of, write_collection
from isoglot.collections.folder import read_splits
from isoglot.collections.select import only_judged
from isoglot.errors import InputError
from isoglot.files import new_folder

# ---------------------------------------------------------------------------------------------- round trips


@given(folders())
@example(
    (
        [{"_id": "d", "lang": "en", "title": "", "text": "x", "k": "\ud800", "extra": {"extra": [1, None]}}],
        [{"_id": "q\u2028", "lang": "de", "text": "y", "title": "a query's title"}],
        [("q\u2028", "d", 0)],
    )
)
@settings(max_examples=60, deadline=None)
def test_both_forms_hold_everything(lines):
    documents, queries, qrels = lines
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        original = read_collection(write_lines(root / "original", *lines))
        assert original.documents["text"].to_pylist() == [document["text"] for document in documents]
        assert original.queries["_id"].to_pylist() == [query["_id"] for query in queries]
        extra = original.documents["extra"].to_pylist() if "extra" in original.documents.column_names else []
        for document, kept in zip(documents, extra, strict=False):
            others = {key: value for key, value in document.items() if key not in ("_id", "lang", "title", "text")}
            assert json.loads(kept or "{}") == others
        assert [
            (original.query_ids[row["query"]].as_py(), documents[row["document"]]["_id"], row["score"])
            for row in original.judgments.to_pylist()
        ] == qrels

        write_collection(original, root / "lines")
        write_collection(original, root / "parquet", form="parquet")
        from_parquet = read_collection(root / "parquet")
        assert_same(original, read_collection(root / "lines"))
        assert_same(original, from_parquet)
        write_collection(from_parquet, root / "again")
        for name in ("corpus.jsonl", "queries.jsonl", "qrels.tsv"):
            assert (root / "again" / name).read_bytes() == (root / "lines" / name).read_bytes()


def test_name_and_metadata_are_kept(tmp_path: Path, toy: Collection):
    toy = replace(toy, metadata={"licence": "CC0", "citation": "ไทย: 1"})
    write_collection(toy, tmp_path / "folder")
    again = read_collection(tmp_path / "folder")
    assert again.name == "toy"
    assert again.metadata == {
        "name": "toy", "languages": ["de", "en", "th"], "licence": "CC0", "citation": "ไทย: 1"
    }  # fmt: skip


def test_a_folder_named_as_a_split_takes_its_parents_name(tmp_path: Path, toy: Collection):
    write_collection(toy, tmp_path / "data" / "train")
    (tmp_path / "data" / "train" / "collection.yaml").unlink()
    assert read_collection(tmp_path / "data" / "train").name == "data/train"
    (tmp_path / "data" / "train").rename(tmp_path / "data" / "other")
    assert read_collection(tmp_path / "data" / "other").name == "other"


# ------------------------------------------------------------------------------------------- BEIR and splits


@pytest.fixture
def beir(tmp_path: Path) -> Path:
    """A BEIR folder: texts without language, judgments by split."""
    folder = tmp_path / "beir"
    (folder / "qrels").mkdir(parents=True)
    (folder / "corpus.jsonl").write_text('{"_id": "1", "title": "T", "text": "a"}\n{"_id": "2", "text": "b"}\n')
    (folder / "queries.jsonl").write_text(
        "".join(f'{{"_id": "q{n}", "text": "x", "metadata": {{}}}}\n' for n in range(3))
    )
    for number, split in enumerate(("train", "dev", "test")):
        (folder / "qrels" / f"{split}.tsv").write_text(f"query-id\tcorpus-id\tscore\nq{number}\t1\t1\n")
    return folder


def test_a_beir_folder_is_a_collection_once_its_language_is_given(beir: Path):
    assert splits_of(beir) == ("dev", "test", "train")
    collection = read_collection(beir, split="train", language="DEU")
    assert collection.languages == ("de",)
    assert collection.pairs("de", "de")[0].tolist() == [0]
    preferred = read_collection(beir, prefer_split="test", language="de")
    queries, documents = preferred.pairs("de", "de")
    assert preferred.query_ids.to_pylist() == ["q2"]
    assert (queries.tolist(), documents.tolist()) == ([0], [0])
    with pytest.raises(InputError, match="no 'lang': give the language of all texts with --lang"):
        read_collection(beir, split="train")
    with pytest.raises(InputError, match="--lang: 'xx' is not"):
        read_collection(beir, split="train", language="xx")


def test_an_unknown_split_is_named_with_those_there_are(beir: Path, tmp_path: Path):
    with pytest.raises(InputError, match="no split 'valid'; its splits are dev, test, train"):
        read_collection(beir, split="valid", language="en")
    with pytest.raises(InputError, match=r"has splits dev, test, train: choose one with --split"):
        read_collection(beir, language="en")
    with pytest.raises(InputError, match=r"no split 'test'.*in one file"):
        read_collection(raw_folder(tmp_path / "single"), split="test")


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_splits_share_their_texts_and_are_written_back_as_splits(beir: Path, tmp_path: Path, form):
    splits = read_splits(beir, language="en")
    assert splits["train"].documents is splits["test"].documents
    write_collection(splits, tmp_path / "out", form=form)
    assert splits_of(tmp_path / "out") == ("dev", "test", "train")
    for split, collection in splits.items():
        assert_same(read_collection(tmp_path / "out", split=split), only_judged(collection))
        assert_same(read_collection(beir, split=split, language="en"), only_judged(collection))


def test_a_bad_text_counts_once_however_many_splits(beir: Path):
    with (beir / "corpus.jsonl").open("a") as file:
        file.write('{"_id": "2", "text": "again"}\n')
    (beir / "qrels" / "dev.tsv").write_text("q1\t1\t1\nq1\t9\t1\n")
    with pytest.raises(InputError, match=r"corpus\.jsonl line 3.*dev\.tsv line 2"):
        read_splits(beir, language="en")
    for collection in read_splits(beir, language="en", lenient=True).values():
        assert collection.dropped == {"duplicate document id": 1, "judgment of an unknown document id": 1}


# -------------------------------------------------------------------------------------------- whole or absent


def test_new_folder_leaves_nothing_behind_when_the_block_fails(tmp_path: Path):
    def fail() -> None:
        with new_folder(tmp_path / "a" / "b" / "c") as folder:
            (folder / "corpus.jsonl").write_text("half")
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError, match="half way"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_new_folder_takes_the_place_of_an_empty_folder_only(tmp_path: Path, toy: Collection):
    (tmp_path / "empty").mkdir()
    write_collection(toy, tmp_path / "empty")
    assert_same(read_collection(tmp_path / "empty"), toy)
    assert (tmp_path / "empty").stat().st_mode & 0o700 == 0o700
    with pytest.raises(InputError, match="already exists and is not an empty folder"):
        write_collection(toy, tmp_path / "empty")
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="already exists"):
        write_collection(toy, tmp_path / "file")
    with pytest.raises(InputError, match="cannot write"):
        write_collection(toy, tmp_path / "file" / "below")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "file"]


def test_new_folder_says_what_is_in_its_way(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match=r"cannot write .*/file/a/b: .*/file is a file, not a folder"),
        new_folder(tmp_path / "file" / "a" / "b"),
    ):
        pass


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path):
    """Only what was left of the same folder, and not what another process may still be writing."""
    ended = "import os, signal; from isoglot.files import new_folder"
    ended += f"\nwith new_folder({str(tmp_path / 'out')!r}): os.kill(os.getpid(), signal.SIGKILL)"
    subprocess.run([sys.executable, "-c", ended], timeout=60, check=False)
    (left,) = tmp_path.iterdir()
    (tmp_path / ".out-20250101").mkdir()
    with new_folder(tmp_path / "out"):
        assert left.exists()
    shutil.rmtree(tmp_path / "out")
    for path in (left, tmp_path / ".out-20250101"):
        os.utime(path, (0, 0))
    with new_folder(tmp_path / "other"):
        assert left.exists()
    with new_folder(tmp_path / "out"):
        assert not left.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out-20250101", "other", "out"]


def test_an_empty_current_folder_can_be_written_to(tmp_path: Path, toy: Collection, monkeypatch):
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    write_collection(toy, ".")
    assert_same(read_collection(tmp_path / "here"), toy)


# ------------------------------------------------------------------------------------------------- real data


@pytest.mark.parametrize(
    ("split", "query_ids", "languages"), [("train", 23_105, 39), ("dev", 849, 37), ("test", 1_584, 35)]
)
def test_tldr_has_the_sizes_it_is_said_to_have(shared_data: Path, split, query_ids, languages):
    collection = read_collection(shared_data / "tldr" / split)
    assert collection.name == f"tldr/{split}"
    assert len(collection.query_ids) == query_ids
    assert len(collection.languages) == languages
    assert len(np.unique(collection.relevance.queries)) == query_ids
    assert collection.dropped == {}


def test_cranfield_has_two_empty_documents(shared_data: Path):
    with pytest.raises(
        InputError, match=r"empty text \(corpus.jsonl line 471: '471'; corpus.jsonl line 995: '995'\)"
    ):
        read_collection(shared_data / "cranfield", language="en")
    collection = read_collection(shared_data / "cranfield", language="en", lenient=True)
    assert collection.documents.num_rows == 1398
    assert collection.queries.num_rows == 225
    assert collection.dropped == {"empty text": 2, "judgment of an unknown document id": 1}
    assert set(np.unique(collection.relevance.scores)) <= {1, 2, 3, 4, 5}
