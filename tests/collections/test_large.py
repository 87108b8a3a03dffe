"""Large collections: mapped from disk, checked once, and never other than small ones are."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from folder_helpers import CORPUS, QRELS, QUERIES, assert_same, parquet_folder, raw_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import folder as folder_module
from isoglot.collections import read_collection, write_collection
from isoglot.collections.convert import convert
from isoglot.collections.folder import read_splits
from isoglot.collections.mapped import map_table, release_pages, write_arrow
from isoglot.collections.prepared import UNUSED_DAYS
from isoglot.collections.problems import Problems
from isoglot.collections.qrels import read_qrels
from isoglot.errors import InputError

PREPARED = "isoglot.collections.prepared"


@contextmanager
def settings_of(large: int = 2**60, block: int = 2**24, by_line: bool = False) -> Iterator[None]:
    """Read files of so many bytes as large ones, in blocks of so many bytes, or all of them line by line."""
    nothing = {"isoglot.collections.jsonl._read_columns": None, "isoglot.collections.qrels._read_plain": None}
    patches = [patch(f"{PREPARED}.LARGE", large), patch("isoglot.collections.blocks.BLOCK", block)]
    patches.append(patch("isoglot.collections.mapped.os.fsync"))  # slow, and seen only where power fails
    patches += [patch(name, return_value=found) for name, found in nothing.items() if by_line]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()


@pytest.fixture
def cache(tmp_path: Path, monkeypatch) -> Path:
    """An empty cache, and every collection taken for a large one."""
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(f"{PREPARED}.LARGE", 0)
    return tmp_path / "cache" / "collections"


@contextmanager
def no_reading() -> Iterator[None]:
    """Fail if a file of texts is parsed."""
    with patch.object(folder_module, "_read_texts", side_effect=AssertionError("read again")):
        yield


# ------------------------------------------------------------------------ every way of reading is the same way

PIECES = [
    *CORPUS,
    *QUERIES,
    b'{"_id": "d3", "lang": "zh_cn", "text": "\\u6211\\ud83d\\ude00", "title": null}',
    b'{"_id": "d4", "lang": null, "text": "x"}',
    b'{"_id": "d5", "lang": "en", "text": "x", "metadata": {}, "n": 1e400}',
    b'{"_id": "d6", "lang": "en", "text": "x", "text": "y"}',
    b'{"_id": "d7", "lang": "en", "title": "only a title", "text": ""}',
    b'{"\\u005fid": "d8", "lang": "en", "text": "\\u0000"}',
    b'  {"_id": "d9", "lang": "en", "text": "indented"}  \r',
    b'\xef\xbb\xbf{"_id": "d10", "lang": "en", "text": "mark"}',
    b'{"_id": "a", "lang": "en", "text": "x"}{"_id": "b", "lang": "en", "text": "y"}',
    b'{"_id": "a", "lang": "en",',
    b'"text": "second half"}',
    b'{"_id": "a", "lang": "en", "text": "x"},',
    b'{"_id": "a", "lang": "en", "text": "\x1c \xc2\x85"}',
    b'{"_id": "a", "lang": "en", "text": "\xe2\x80\x8b"}',
    b'{"_id": "a", "lang": "en", "text": "\\ud800"}',
    b'{"_id": "a", "lang": "en", "text": "\\udc00"}',
    b'{"_id": "a", "lang": "en", "text": "\xff"}',
    b'{"_id": "a", "lang": "en", "text": "\xed\xa0\x80"}',
    b'{"_id": "a\\r", "lang": "en", "text": "x"}',
    b'{"_id": " ", "lang": "en", "text": "x"}',
    b'{"_id": 7, "lang": "en", "text": "x"}',
    b'{"_id": "a", "lang": "xx", "text": "x"}',
    b'{"_id": "a", "lang": "en", "text": true}',
    b'{"_id": "a", "lang": "en", "text": "x", "title": []}',
    b'{"_id": "a", "text": "x"}',
    b"{}",
    b"[]",
    b'"text"',
    b"null",
    b"NaN",
    b"",
    b" \r",
    b"\x00",
    b"\xe2\x80\x83",
]
JUDGED = [
    *QRELS,
    b"q1\td3\t-1",
    b"q1\td3\t 1",
    b"q1\td4\t1_0",
    b"q1\td4\t+1",
    b"q1\td4\t0x1F",
    b"q1\td4\t\xd9\xa3",
    b"q1\td4\t2147483647",
    b"q1\td4\t2147483648",
    b"q1\td4\t",
    b'"q1\t"d4"\t1',
    b"q1\t\td4",
    b"q1\td5\t1\r",
    b"q1\td5\t1\rq1\td6\t1",
    b"q1\td5\t1\r\r",
    b"\xef\xbb\xbfq1\td5\t1",
    b"q1\td\xff\t1",
    b"q1\td\x00\t1",
    b"\t\t",
    b"",
    b"query-id\tcorpus-id\t5",
]
lines = st.lists(st.sampled_from(PIECES), max_size=8)


@st.composite
def raw_folders(draw):
    """Bytes of the three files: lines good and bad, in any order, with any line ends."""
    corpus = [*draw(st.permutations(CORPUS)), *draw(lines)]
    queries = [*QUERIES, *draw(lines)]
    qrels = [QRELS[0], *draw(st.permutations(QRELS[1:])), *draw(st.lists(st.sampled_from(JUDGED), max_size=6))]
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    last = draw(st.sampled_from([b"", end]))
    return [mark + end.join(table) + last for table in (corpus, queries, qrels)]


@given(raw_folders(), st.integers(20, 200))
@settings(max_examples=100, deadline=None)
def test_columns_lines_and_blocks_give_the_same_tables_errors_and_counts(files, block):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, content in zip(("corpus.jsonl", "queries.jsonl", "qrels.tsv"), files, strict=True):
            (folder / name).write_bytes(content)
        for lenient in (False, True):
            found = []
            for ways in ({"by_line": True}, {}, {"block": block}, {"block": block, "large": 0}):
                with settings_of(**ways), patch("isoglot.collections.problems.logger") as logger:
                    try:
                        said = read_collection(folder, lenient=lenient)
                    except InputError as error:
                        said = str(error)
                found.append((said, [call.args[2] for call in logger.warning.call_args_list]))
            (first, warned), *others = found
            for other, warned_too in others:
                if isinstance(first, str):
                    assert other == first
                else:
                    assert_same(first, other)
                    assert first.dropped == other.dropped
                assert warned == warned_too


def test_a_line_too_long_is_named(tmp_path: Path, monkeypatch):
    folder = raw_folder(tmp_path / "bad", qrels=[b"q1\td2\t" + b"0" * 300])
    monkeypatch.setattr("isoglot.collections.blocks.LONGEST", 200)
    with pytest.raises(InputError, match=r"a line too long to be read \(qrels.tsv line 4: 306 bytes\)"):
        read_collection(folder)


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("more", [{}, {"metadata": {"k": [1, None]}}])
def test_good_lines_are_not_read_one_by_one(tmp_path: Path, escaped, more):
    records = [{"_id": f"d{n}", "lang": "de", "title": "", "text": f"ไทย 😀 {n}"} | more for n in range(500)]
    folder = raw_folder(tmp_path / "good", qrels=[b"q1\td7\t1"])
    lines = "\n".join(json.dumps(record, ensure_ascii=escaped) for record in records)
    (folder / "corpus.jsonl").write_text(lines + "\n", encoding="utf-8")
    slow = AssertionError("line by line")
    with (
        patch("isoglot.collections.jsonl._read_lines", side_effect=slow),
        patch("isoglot.collections.qrels._read_lines", side_effect=slow),
    ):
        collection = read_collection(folder)
    assert collection.documents["text"][499].as_py() == "ไทย 😀 499"
    assert collection.judgments.num_rows == 3


@pytest.mark.parametrize("start", [b"", b"query-id\tcorpus-id\tscore\n"])
def test_line_numbers_of_judgments_go_on_from_block_to_block(tmp_path: Path, start):
    (tmp_path / "qrels.tsv").write_bytes(start + b"".join(b"q\td%d\t1\n" % n for n in range(100)))
    with settings_of(block=64):
        table, numbers = read_qrels(tmp_path / "qrels.tsv", Problems("qrels"))
    assert table["corpus-id"].to_pylist() == [f"d{n}" for n in range(100)]
    assert numbers.tolist() == [n + 1 + bool(start) for n in range(100)]


# -------------------------------------------------------------------------------------------------- the cache


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
        patch(f"{PREPARED}.write_arrow", side_effect=full),
        pytest.raises(InputError, match=r"No space left.*ISOGLOT_CACHE"),
    ):
        read_collection(folder)
    assert list(cache.iterdir()) == []


def test_a_file_that_changes_while_it_is_read_is_not_kept(tmp_path: Path, cache: Path):
    folder = raw_folder(tmp_path / "data")
    real = folder_module._read_texts

    def read_and_change(path: Path, *given):
        found = real(path, *given)
        path.write_bytes(path.read_bytes() + b"\n\n")
        return found

    with patch.object(folder_module, "_read_texts", read_and_change):
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


@pytest.mark.slow
def test_the_benchmark_tells_speed_and_memory(tmp_path: Path):
    script = Path(__file__).parents[2] / "benchmarks" / "data.py"
    command = [sys.executable, str(script), "--documents", "100000", "--queries", "2000", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == "data"
    assert found["ratio"] == pytest.approx(found["ours"] / found["peer"])
    assert found["details"]["open_ours"]["training_pairs"] == 2000 * 4 * 4
    for side in ("ours", "open_ours", "open_ours_new"):
        assert found["details"][side]["peak_bytes"] < 2**30
    assert found["details"]["open_ours"]["own_bytes"] < 2**28
