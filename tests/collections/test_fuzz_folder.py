"""Whatever the bytes of a collection folder: a collection, or one sentence; never another exception."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from folder_helpers import parquet_folder, raw_folder
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, read_collection
from isoglot.errors import InputError

FILES = {"jsonl": ("corpus.jsonl", "queries.jsonl", "qrels.tsv"), "parquet": ("corpus", "queries", "qrels")}
TOKENS = [
    b"null",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b",",
    b":",
    b"\\",
    b"\\ud83d",
    b"\x00",
    b"\xff",
    b"\r",
    b"\n",
    b"\t",
]
TOKENS += [b"\xef\xbb\xbf", b"1e999", b'"_id"', b"NaN", b"'", b"//"]


@st.composite
def damages(draw):
    """What is done to a file's bytes: (where, as a share of its length; bytes left out; bytes put there)."""
    put = st.one_of(st.sampled_from(TOKENS), st.binary(max_size=3))
    return draw(
        st.lists(st.tuples(st.floats(0, 1), st.integers(0, 6) | st.just(10**6), put), min_size=1, max_size=4)
    )


def damaged(content: bytes, changes) -> bytes:
    for share, left_out, put in changes:
        at = int(share * len(content))
        content = content[:at] + put + content[at + left_out :]
    return content


def collection_or_sentence(folder: Path, language: str | None = None) -> None:
    """Read strictly and leniently, held in memory and mapped from disk; other exceptions fail the test."""
    told = []
    for large in (2**60, 0):
        with patch("isoglot.collections.cache.LARGE", large):
            for lenient in (False, True):
                try:
                    found = read_collection(folder, lenient=lenient, language=language)
                except InputError as error:
                    told.append(str(error))
                else:
                    assert isinstance(found, Collection)
                    found.documents.validate(full=True)
                    told.append(found.document_texts() + found.query_texts())
    assert told[:2] == told[2:]


@given(st.sampled_from(FILES["jsonl"]), damages(), st.sampled_from([None, "en"]))
@settings(max_examples=70, deadline=None)
def test_damaged_lines(name, changes, language):
    with tempfile.TemporaryDirectory() as temporary:
        folder = raw_folder(Path(temporary) / "data")
        (folder / name).write_bytes(damaged((folder / name).read_bytes(), changes))
        collection_or_sentence(folder, language)


@given(st.sampled_from(FILES["parquet"]), damages())
@settings(max_examples=60, deadline=None)
def test_damaged_parquet(name, changes):
    with tempfile.TemporaryDirectory() as temporary:
        folder = parquet_folder(Path(temporary) / "data")
        path = folder / f"{name}.parquet"
        path.write_bytes(damaged(path.read_bytes(), changes))
        collection_or_sentence(folder)


TYPES = [
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int8(), pa.string())),
    *(pa.null(), pa.bool_(), pa.int8(), pa.int64(), pa.uint64(), pa.float64(), pa.decimal128(20, 2), pa.date32()),
    *(pa.timestamp("ns", "UTC"), pa.list_(pa.string()), pa.struct([("_id", pa.string())]), pa.duration("s")),
    *(pa.map_(pa.string(), pa.string()), pa.binary(2), pa.float16(), pa.time64("us")),
]
NAMES = ["_id", "lang", "title", "text", "extra", "query-id", "corpus-id", "score", "text.en", "", "ไทย"]
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**40), 2**40), st.sampled_from(["d1", "q1", "en", "{}", ""])
)


@st.composite
def odd_tables(draw):
    """A table of a few rows with columns of any names, some twice, and any types."""
    rows = draw(st.integers(0, 3))
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=7))
    arrays = []
    for _ in names:
        values = pa.array(draw(st.lists(VALUES.map(str), min_size=rows, max_size=rows)), pa.string())
        wanted = draw(st.sampled_from(TYPES))
        try:
            arrays.append(values.cast(wanted))
        except pa.ArrowException:
            arrays.append(pa.nulls(rows, wanted))
    return pa.Table.from_arrays(arrays, names=names)


@given(st.sampled_from(FILES["parquet"]), odd_tables(), st.sampled_from([None, "en"]))
@settings(max_examples=70, deadline=None)
def test_parquet_of_any_columns_and_types(name, table, language):
    with tempfile.TemporaryDirectory() as temporary:
        try:
            folder = parquet_folder(Path(temporary) / "data", **{name: table})
        except pa.ArrowException:  # Parquet has no such type
            return
        collection_or_sentence(folder, language)


def test_a_column_given_twice_is_named(tmp_path: Path):
    corpus = pa.Table.from_arrays([["d1"], ["en"], ["x"], ["y"]], names=["_id", "lang", "text", "text"])
    with pytest.raises(InputError, match=r"corpus\.parquet has the column 'text' more than once"):
        read_collection(parquet_folder(tmp_path / "bad", corpus=corpus))


def test_values_that_do_not_fit_are_named_by_column(tmp_path: Path):
    qrels = pa.table({"query-id": ["q1"], "corpus-id": ["d1"], "score": [2**40]})
    with pytest.raises(InputError, match=r"qrels\.parquet: column 'score' is int64, not int32"):
        read_collection(parquet_folder(tmp_path / "bad", qrels=qrels))


def test_rows_of_several_groups_are_all_read(tmp_path: Path):
    folder = parquet_folder(tmp_path / "data")
    corpus = pa.table({"_id": [f"d{n}" for n in range(1, 101)], "lang": ["en"] * 100, "text": ["x"] * 100})
    pq.write_table(corpus, folder / "corpus.parquet", row_group_size=7)
    assert read_collection(folder).documents["_id"].to_pylist() == corpus["_id"].to_pylist()
