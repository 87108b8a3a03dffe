"""Collections as Parquet, written by anyone: types, nulls, corrupt files."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from folder_helpers import assert_same, parquet_folder, raw_folder

from isoglot.collections import read_collection
from isoglot.errors import InputError


def test_parquet_of_other_integer_and_string_types_is_read(tmp_path: Path):
    corpus = pa.table(
        {
            "text": pa.array(["one", "zwei"], pa.large_string()),
            "lang": pa.array(["EN", "deu"]).dictionary_encode(),
            "_id": pa.array(["d1", "d2"], pa.string_view()),
        }
    )
    qrels = pa.table({"score": pa.array([1.0, 2.0]), "query-id": ["q1", "q1"], "corpus-id": ["d1", "d2"]})
    folder = parquet_folder(tmp_path / "other", corpus=corpus, qrels=qrels)
    assert_same(read_collection(folder), read_collection(raw_folder(tmp_path / "good")))


def test_a_corrupt_parquet_file_is_named(tmp_path: Path):
    folder = parquet_folder(tmp_path / "bad")
    whole = (folder / "corpus.parquet").read_bytes()
    for content in (b"", b"not Parquet", whole[:-20], whole[: len(whole) // 2] + whole[-40:]):
        (folder / "corpus.parquet").write_bytes(content)
        with pytest.raises(InputError, match=r"corpus\.parquet is not a readable Parquet file"):
            read_collection(folder)


INVALID = pa.StringArray.from_buffers(1, pa.array([0, 2], pa.int32()).buffers()[1], pa.py_buffer(b"\xff\xfe"))


@pytest.mark.parametrize(
    ("name", "table", "reason"),
    [
        (
            "corpus",
            {"lang": ["en"], "text": ["x"]},
            r"corpus\.parquet lacks the column '_id'; it has lang, text",
        ),
        ("corpus", {"_id": ["d1"], "text": ["x"]}, "lacks the column 'lang'.*--lang"),
        ("qrels", {"query-id": ["q1"], "corpus-id": ["d1"]}, r"qrels\.parquet lacks the column 'score'"),
        ("corpus", {"_id": [["d1"]], "lang": ["en"], "text": ["x"]}, "column '_id' is list.*, not string"),
        (
            "qrels",
            {"query-id": ["q1"], "corpus-id": ["d1"], "score": ["high"]},
            "column 'score' is string, not int32",
        ),
        (
            "qrels",
            {"query-id": ["q1"], "corpus-id": ["d1"], "score": [0.5]},
            "column 'score' is double, not int32",
        ),
        ("corpus", {"_id": ["d1"], "lang": ["en"], "text": INVALID}, "not a readable Parquet file.*UTF8"),
    ],
)
def test_a_parquet_column_missing_or_of_another_type_is_named(tmp_path: Path, name, table, reason):
    folder = parquet_folder(tmp_path / "bad", **{name: pa.table(table)})
    for lenient in (False, True):
        with pytest.raises(InputError, match=reason):
            read_collection(folder, lenient=lenient)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((None, "en", "x", None), "no '_id'"),
        (("d3", None, "x", None), "no 'lang'"),
        (("d3", "en", None, None), "no 'text'"),
        (("d3", "en", " \u3000", None), "empty text"),
        (("d\t3", "en", "x", None), "holds a tab"),
        (("", "en", "x", None), "an id is empty"),
        (("d3", "xx", "x", None), "not a language tag"),
        (("d3", "en", "x", "[1]"), "'extra' is not a JSON object"),
        (("d3", "en", "x", "{"), "'extra' is not a JSON object"),
        (("d2", "en", "x", None), "duplicate document id"),
    ],
)
def test_a_bad_parquet_row_is_named_and_only_it_is_left_out(tmp_path: Path, row, reason):
    columns = zip(("d1", "en", "one", None), row, ("d2", "de", "zwei", None), strict=True)
    named = dict(zip(("_id", "lang", "text", "extra"), columns, strict=True))
    corpus = pa.table({name: pa.array(list(values), pa.string()) for name, values in named.items()})
    folder = parquet_folder(tmp_path / "bad", corpus=corpus)
    place = "row 3" if row[0] == "d2" else "row 2"
    with pytest.raises(InputError, match=f"{reason}.*corpus.parquet {place}"):
        read_collection(folder)
    lenient = read_collection(folder, lenient=True)
    assert lenient.documents["_id"].to_pylist() == ["d1", "d2"]
    assert list(lenient.dropped.values()) == [1]


def test_later_problems_still_name_the_row_of_the_file(tmp_path: Path, caplog):
    corpus = pa.table({"_id": ["d0", "d1", "d2", "d1"], "lang": ["xx", "en", "de", "en"], "text": list("abcd")})
    read_collection(parquet_folder(tmp_path / "bad", corpus=corpus), lenient=True)
    assert "duplicate document id (corpus.parquet row 4: 'd1')" in caplog.text


def test_a_null_judgment_is_named(tmp_path: Path):
    qrels = pa.table({"query-id": ["q1", "q1", None], "corpus-id": ["d1", "d2", "d1"], "score": [1, None, 1]})
    folder = parquet_folder(tmp_path / "bad", qrels=qrels)
    with pytest.raises(InputError, match=r"qrels\.parquet row 2.*"):
        read_collection(folder)
    lenient = read_collection(folder, lenient=True)
    assert lenient.dropped == {"no 'query-id'": 1, "no 'score'": 1}
    assert lenient.judgments.num_rows == 1


def test_an_empty_parquet_table_is_an_empty_collection(tmp_path: Path):
    empty = {name: pa.array([], pa.string()) for name in ("_id", "lang", "text")}
    with pytest.raises(InputError, match=r"corpus\.parquet holds no documents"):
        read_collection(parquet_folder(tmp_path / "bad", corpus=pa.table(empty)))
