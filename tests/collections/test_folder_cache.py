"""Large collections are checked once, kept in the cache by their contents, and mapped from there."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock, patch

import numpy as np
import pyarrow as pa
import pytest
from folder_helpers import assert_same, parquet_folder, raw_folder, settings_of

from isoglot.collections import folder as folder_module
from isoglot.collections import read_collection, write_collection
from isoglot.collections.arrow import map_table, release_pages, write_arrow
from isoglot.collections.cache import UNUSED_DAYS
from isoglot.collections.folder import read_splits
from isoglot.data.convert import convert
from isoglot.errors import InputError

CACHE = "isoglot.collections.cache"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache, and every collection taken for a large one."""
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(f"{CACHE}.LARGE", 0)
    return tmp_path / "cache" / "collections"


@contextmanager
def no_reading() -> Iterator[None]:
    """Fail if a file of texts is parsed."""
    again = Mock(side_effect=AssertionError("read again"))
    with patch.multiple(folder_module, read_texts=again, read_parquet_texts=again):
        yield


def test_a_large_collection_is_checked_once_and_then_mapped(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data")
    (folder / "collection.yaml").write_text("name: first\n")
    with settings_of():
        expected = read_collection(folder)
    first = read_collection(folder)
    (folder / "collection.yaml").write_text("name: second\n")
    before = pa.total_allocated_bytes()
    with no_reading():
        second = read_collection(folder)
    assert pa.total_allocated_bytes() - before < 1000  # nothing is copied
    assert (first.name, second.name) == ("first", "second")
    for found in (first, second):
        assert_same(expected, found)
        assert found.document_texts(np.array([1, 0, 1])) == ["zwei", "one", "zwei"]
        assert found.query_texts() == ["a", "b"]
        assert found.pair_counts.tolist() == expected.pair_counts.tolist()
    release_pages()
    assert_same(expected, second)


@pytest.mark.parametrize("form", ["parquet", "jsonl"])
def test_a_converted_folder_needs_no_second_check(tmp_path: Path, cache: Path, form):
    source = raw_folder(tmp_path / "data", corpus=[b'{"_id": "x", "lang": "th", "text": "y", "k": 1}'])
    with settings_of():
        expected = read_collection(source)
    convert(source, form, tmp_path / "out")
    with no_reading():
        found = read_collection(tmp_path / "out")
    assert_same(expected, found)
    copied = [path.stat().st_nlink for path in cache.rglob("corpus.arrow")]
    assert copied == [2, 2], "one copy of the texts on disk under two names"


def test_all_splits_are_kept_beside_the_same_texts(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data", queries=[b'{"_id": "q2", "lang": "th", "text": "c"}'])
    (folder / "qrels").mkdir()
    (folder / "qrels.tsv").rename(folder / "qrels" / "test.tsv")
    (folder / "qrels" / "train.tsv").write_text("q2\td1\t1\n")
    with settings_of():
        expected = {split: read_collection(folder, split=split) for split in ("train", "test")}
    for split in ("train", "test", "train"):
        assert_same(read_collection(folder, split=split), expected[split])
    assert len(list(cache.rglob("corpus.arrow"))) == 1
    convert(folder, "parquet", tmp_path / "out")
    with no_reading():
        for split in ("train", "test"):
            assert_same(read_collection(tmp_path / "out", split=split), expected[split])


@pytest.mark.parametrize(
    ("name", "old", "new", "reason"),
    [
        ("corpus.jsonl", b'"d2"', b'"d1"', "duplicate document id"),
        ("queries.jsonl", b'"de"', b'"en"', "duplicate query id and language"),
        ("qrels.tsv", b"q1\td2\t2", b"q1\td1\t2", "judged twice"),
    ],
)
def test_one_changed_byte_is_checked_anew(tmp_path: Path, cache: Path, name, old, new, reason):
    folder = raw_folder(tmp_path / "data")
    read_collection(folder)
    path = folder / name
    state = path.stat()
    path.write_bytes(path.read_bytes().replace(old, new))
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert path.stat().st_size == state.st_size
    with pytest.raises(InputError, match=reason):
        read_collection(folder)


def test_files_with_bad_rows_are_never_kept(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data", corpus=[b"{"], qrels=[b"q1\td9\t1"])
    for _ in range(2):
        with pytest.raises(InputError, match="not valid JSON"):
            read_collection(folder)
        assert read_collection(folder, lenient=True).dropped == {
            "not valid JSON": 1, "judgment of an unknown document id": 1
        }  # fmt: skip
    assert list(cache.iterdir()) == []
    convert(folder, "parquet", tmp_path / "out", lenient=True)
    assert read_collection(tmp_path / "out").dropped == {}


def test_good_texts_are_kept_though_judgments_are_bad(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data", qrels=[b"q1\td9\t1"])
    with pytest.raises(InputError, match="unknown document id"):
        read_collection(folder)
    with no_reading(), pytest.raises(InputError, match="unknown document id"):
        read_collection(folder)
    with no_reading():
        assert read_collection(folder, lenient=True).judgments.num_rows == 2


def test_a_default_language_is_part_of_what_was_read(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "beir", corpus=[b'{"_id": "d3", "text": "x"}'])
    assert read_collection(folder, language="th").languages == ("de", "en", "th")
    assert read_collection(folder, language="sw").languages == ("de", "en", "sw")
    with pytest.raises(InputError, match="no 'lang'"):
        read_collection(folder)
    whole = raw_folder(tmp_path / "whole")
    read_collection(whole)
    with no_reading():  # which has no text without a language
        assert read_collection(whole, language="th").languages == ("de", "en")


def test_a_damaged_cache_is_made_again(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data")
    expected = read_collection(folder)
    for name in ("corpus", "query_index", "judgments*"):
        for content in (b"", b"ARROW1 but not really"):
            path = next(cache.rglob(f"{name}.arrow"))
            path.unlink()  # what is open stays as it was
            path.write_bytes(content)
            assert_same(read_collection(folder), expected)
            with no_reading():
                assert_same(read_collection(folder), expected)


def test_what_was_not_opened_for_long_is_removed(tmp_path: Path, cache: Path):
    read_collection(raw_folder(tmp_path / "old"))
    (old,) = cache.iterdir()
    (cache / ".new-left-behind").mkdir()
    ago = old.stat().st_mtime - (UNUSED_DAYS + 1) * 86_400
    for path in cache.iterdir():
        os.utime(path, (ago, ago))
    other = raw_folder(tmp_path / "new", corpus=[b'{"_id": "x", "lang": "en", "text": "y"}'])
    read_collection(other)
    assert [path.name for path in cache.iterdir()] != [old.name]
    assert len(list(cache.iterdir())) == 1


def test_without_a_cache_folder_a_collection_is_held_in_memory(tmp_path: Path, cache: Path, caplog):
    cache.parent.write_text("a file")
    with caplog.at_level(logging.WARNING):
        found = read_collection(raw_folder(tmp_path / "data"))
    assert "held in memory" in caplog.text
    with settings_of():
        assert_same(found, read_collection(tmp_path / "data"))


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data")
    full = OSError(28, "No space left on device")
    with (
        patch(f"{CACHE}.write_arrow", side_effect=full),
        pytest.raises(InputError, match=r"No space left.*ISOGLOT_CACHE"),
    ):
        read_collection(folder)
    assert list(cache.iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data")
    real = folder_module.read_texts

    def read_and_change(path: Path, *given):
        found = real(path, *given)
        path.write_bytes(path.read_bytes() + b"\n\n")
        return found

    with patch.object(folder_module, "read_texts", read_and_change):
        read_collection(folder)
    assert list(cache.iterdir()) == []


def test_a_foreign_parquet_folder_is_checked_in_full_row_by_row(tmp_path: Path, cache: Path, monkeypatch):
    monkeypatch.setattr("isoglot.collections.parquet.ROWS", 3)
    ids = [f"d{n}" for n in range(1, 11)]
    texts = [*"abcd", " ", *"fghij"]
    corpus = pa.table({"_id": [*ids[:9], "d2"], "lang": ["en", "de", *["xx"] * 2, *["en"] * 6], "text": texts})
    folder = parquet_folder(tmp_path / "data", corpus=corpus)
    with pytest.raises(InputError) as caught:
        read_collection(folder)
    assert "not a language tag: 'xx' is not a registered language tag (corpus.parquet row 3: 'd3'; " in str(
        caught.value
    )
    assert "empty text (corpus.parquet row 5: 'd5')" in str(caught.value)
    lenient = read_collection(folder, lenient=True)
    assert lenient.documents["_id"].to_pylist() == ["d1", "d2", "d6", "d7", "d8", "d9"]
    assert lenient.dropped["duplicate document id"] == 1
    with settings_of():
        assert_same(lenient, read_collection(folder, lenient=True))
    good = parquet_folder(tmp_path / "good", corpus=corpus.slice(0, 2))
    read_collection(good)
    with no_reading():
        read_collection(good)


def test_mapped_tables_are_written_as_they_are(tmp_path: Path, cache: Path):
    rows = [b'{"_id": "x%d", "lang": "th", "text": "%s"}' % (n, b"long " * (1 + n % 50)) for n in range(1, 400)]
    source = raw_folder(tmp_path / "data", corpus=rows)
    with settings_of(block=1000, large=0):
        splits = read_splits(source)
        assert splits[None].documents["text"].num_chunks > 10
        write_collection(splits, tmp_path / "parquet", form="parquet")
        write_collection(splits, tmp_path / "lines")
    with settings_of():
        assert_same(read_collection(tmp_path / "parquet"), splits[None])
        assert_same(read_collection(tmp_path / "lines"), splits[None])


def test_an_arrow_file_that_is_none_is_refused(tmp_path: Path):
    (tmp_path / "x.arrow").write_bytes(b"no")
    with pytest.raises(ValueError):
        map_table(tmp_path / "x.arrow")
    table = pa.table({"a": ["x", None]})
    write_arrow(tmp_path / "x.arrow", table.schema, table.to_batches())
    assert map_table(tmp_path / "x.arrow").equals(table)
