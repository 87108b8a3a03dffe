"""Strict and lenient reading: every bad line is named, and only it is left out."""

from __future__ import annotations

from pathlib import Path

import pytest
from folder_helpers import CORPUS, QRELS, assert_same, raw_folder

from isoglot.collections import read_collection, write_collection
from isoglot.errors import InputError

BAD_LINES = {
    "broken JSON": ("corpus", b'{"_id": "x", ', "corpus.jsonl line 3", "not valid JSON"),
    "deep JSON": ("corpus", b"[" * 100_000, "corpus.jsonl line 3", "not valid JSON"),
    "endless number": ("corpus", b'{"_id": ' + b"1" * 5000 + b"}", "corpus.jsonl line 3", "not valid JSON"),
    "not an object": ("queries", b'["q2", "en", "x"]', "queries.jsonl line 3", "not a JSON object"),
    "no id": ("corpus", b'{"lang": "en", "text": "x"}', "corpus.jsonl line 3", "no '_id'"),
    "no text": ("queries", b'{"_id": "q2", "lang": "en"}', "queries.jsonl line 3", "no 'text'"),
    "no language": ("corpus", b'{"_id": "x", "text": "x"}', "corpus.jsonl line 3", "with --lang"),
    "number as id": (
        "corpus",
        b'{"_id": 7, "lang": "en", "text": "x"}',
        "corpus.jsonl line 3",
        "'_id' is not a",
    ),
    "list as text": (
        "queries",
        b'{"_id": "x", "lang": "en", "text": []}',
        "queries.jsonl line 3",
        "'text' is not",
    ),
    "empty text": ("corpus", b'{"_id": "x", "lang": "en", "text": " "}', "corpus.jsonl line 3", "empty text"),
    "empty id": (
        "corpus",
        b'{"_id": "", "lang": "en", "text": "x"}',
        "corpus.jsonl line 3",
        "an id is empty",
    ),
    "tab in id": (
        "queries",
        b'{"_id": "a\\tb", "lang": "en", "text": "x"}',
        "queries.jsonl line 3",
        "holds a tab",
    ),
    "bad tag": (
        "corpus",
        b'{"_id": "x", "lang": "xx", "text": "x"}',
        "corpus.jsonl line 3",
        "not a language tag",
    ),
    "half a pair": (
        "corpus",
        b'{"_id": "x", "lang": "en", "text": "\\ud800"}',
        "corpus.jsonl line 3",
        "surrogate",
    ),
    "bad UTF-8": ("corpus", b'{"_id": "x\xff"}', "corpus.jsonl line 3", "invalid UTF-8"),
    "duplicate id": (
        "corpus",
        b'{"_id": "d1", "lang": "th", "text": "x"}',
        "corpus.jsonl line 3",
        "duplicate doc",
    ),
    "duplicate query": (
        "queries",
        b'{"_id": "q1", "lang": "deu", "text": "x"}',
        "queries.jsonl line 3",
        "'q1' in de",
    ),
    "unknown query": ("qrels", b"q9\td1\t1", "qrels.tsv line 4", "unknown query id"),
    "unknown document": ("qrels", b"q1\td9\t1", "qrels.tsv line 4", "unknown document id"),
    "judged twice": ("qrels", b"q1\td1\t0", "qrels.tsv line 4", "judged twice"),
    "score a fraction": ("qrels", b"q1\td1\t0.5", "qrels.tsv line 4", "not a whole number"),
    "score a word": ("qrels", b"q1\td1\tyes", "qrels.tsv line 4", "not a whole number"),
    "score too large": ("qrels", b"q1\td1\t2147483648", "qrels.tsv line 4", "not a whole number"),
    "second header": ("qrels", b"query-id\tcorpus-id\tscore", "qrels.tsv line 4", "not a whole number"),
    "two fields": ("qrels", b"q1\td1", "qrels.tsv line 4", "not three tab-separated fields"),
    "trec qrels": ("qrels", b"q1 0 d1 1", "qrels.tsv line 4", "not three tab-separated fields"),
}


@pytest.mark.parametrize(("table", "line", "where", "reason"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_line_is_named_and_only_it_is_left_out(tmp_path: Path, table, line, where, reason):
    good = read_collection(raw_folder(tmp_path / "good"))
    folder = raw_folder(tmp_path / "bad", **{table: [line]})
    with pytest.raises(InputError) as caught:
        read_collection(folder)
    assert str(folder) in str(caught.value)
    assert where in str(caught.value)
    assert reason in str(caught.value)
    lenient = read_collection(folder, lenient=True)
    assert_same(lenient, good)
    assert list(lenient.dropped.values()) == [1]
    assert next(iter(lenient.dropped)).split(":")[0] in str(caught.value)
    assert good.dropped == {}


def test_all_kinds_of_problems_are_told_at_once_and_counted(tmp_path: Path, caplog):
    folder = raw_folder(
        tmp_path / "bad", corpus=[b"{", *[b'{"_id": "e", "lang": "en", "text": ""}'] * 5], queries=[b"[]"]
    )
    with pytest.raises(InputError) as caught:
        read_collection(folder)
    for part in (
        "not valid JSON",
        "empty text",
        "corpus.jsonl line 6",
        "and 2 more",
        "not a JSON object",
        "--lenient",
    ):
        assert part in str(caught.value)
    lenient = read_collection(folder, lenient=True)
    assert lenient.dropped == {"not valid JSON": 1, "empty text": 5, "not a JSON object": 1}
    assert "left out not valid JSON" in caplog.text


def test_judgments_of_a_line_left_out_are_left_out_with_it(tmp_path: Path):
    folder = raw_folder(tmp_path / "bad", corpus=[b'{"_id": "d3", "lang": "en", "text": ""}'], qrels=[b"q1\td3\t1"])
    lenient = read_collection(folder, lenient=True)
    assert lenient.dropped == {"empty text": 1, "judgment of an unknown document id": 1}
    assert_same(lenient, read_collection(raw_folder(tmp_path / "good")))


@pytest.mark.parametrize(
    ("start", "end"), [(b"\xef\xbb\xbf", b"\n"), (b"", b"\r\n"), (b"\xef\xbb\xbf", b"\r\n"), (b"", b"\n\n")]
)
def test_a_byte_order_mark_windows_line_ends_and_blank_lines_do_no_harm(tmp_path: Path, start, end):
    good = read_collection(raw_folder(tmp_path / "good"))
    assert_same(read_collection(raw_folder(tmp_path / "windows", start=start, end=end)), good)


def test_judgments_need_no_header_and_texts_no_last_line_end(tmp_path: Path):
    good = read_collection(raw_folder(tmp_path / "good"))
    folder = raw_folder(tmp_path / "bare")
    (folder / "qrels.tsv").write_bytes(b"\n".join(QRELS[1:]))
    (folder / "corpus.jsonl").write_bytes(b"\n".join(CORPUS))
    assert_same(read_collection(folder), good)


def test_a_number_in_another_key_does_no_harm(tmp_path: Path):
    folder = raw_folder(
        tmp_path / "extra", corpus=[b'{"_id": "d3", "lang": "en", "text": "x", "n": 1e400, "m": NaN}']
    )
    write_collection(read_collection(folder), tmp_path / "again")
    assert read_collection(tmp_path / "again").documents.num_rows == 3


@pytest.mark.parametrize(
    ("remove", "reason"),
    [
        ("corpus.jsonl", "no corpus.jsonl and no corpus.parquet"),
        ("queries.jsonl", "no queries.jsonl and no queries.parquet"),
        ("qrels.tsv", "no judgments"),
    ],
)
def test_a_missing_file_is_named(tmp_path: Path, remove, reason):
    folder = raw_folder(tmp_path / "bad")
    (folder / remove).unlink()
    with pytest.raises(InputError, match=reason):
        read_collection(folder)


@pytest.mark.parametrize(
    ("name", "what"),
    [("corpus.jsonl", "documents"), ("queries.jsonl", "queries"), ("qrels.tsv", "judgments")],
)
@pytest.mark.parametrize("content", [b"", b"\n\n"])
def test_an_empty_file_is_an_empty_collection(tmp_path: Path, name, what, content):
    folder = raw_folder(tmp_path / "bad")
    (folder / name).write_bytes(content)
    for lenient in (False, True):
        with pytest.raises(InputError, match=f"{name} holds no {what}"):
            read_collection(folder, lenient=lenient)


def test_if_nothing_can_be_kept_even_lenient_reading_fails(tmp_path: Path):
    folder = raw_folder(tmp_path / "bad")
    (folder / "qrels.tsv").write_text("q8\td1\t1\nq9\td1\t1\n")
    with pytest.raises(InputError, match="holds no judgments"):
        read_collection(folder, lenient=True)


def test_a_folder_of_something_else_is_no_collection(tmp_path: Path):
    (tmp_path / "photo.jpg").write_text("x")
    with pytest.raises(InputError, match=r"is not a collection: it has no corpus\.jsonl and no corpus\.parquet"):
        read_collection(tmp_path)


def test_what_is_no_folder_is_said(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    for name, kind in (("absent", "missing"), ("file", "a file, not a folder")):
        for split in (None, "test"):
            with pytest.raises(InputError, match=f"{name} is {kind}"):
                read_collection(tmp_path / name, split=split)


@pytest.mark.parametrize("content", [b"a: [", b"- list", b"text", b"\xff"])
def test_bad_metadata_is_said(tmp_path: Path, content):
    folder = raw_folder(tmp_path / "bad")
    (folder / "collection.yaml").write_bytes(content)
    with pytest.raises(InputError, match=r"collection\.yaml"):
        read_collection(folder)
