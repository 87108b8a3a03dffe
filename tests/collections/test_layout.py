"""Which files a folder may have: gzipped or not, each once; judgments in three or four columns, any header."""

from __future__ import annotations

import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from isoglot.collections import Collection, read_collection, splits_of, write_collection
from isoglot.collections.folder import read_splits
from isoglot.collections.writing import qrels_table
from isoglot.data.catalogue.loading import load_splits
from isoglot.errors import InputError


@pytest.fixture
def folder(toy: Collection, tmp_path: Path) -> Path:
    write_collection(toy, tmp_path / "toy")
    return tmp_path / "toy"


def judgments(collection: Collection) -> list[tuple[str, str, int]]:
    return sorted(tuple(row.values()) for row in qrels_table(collection).to_pylist())


def copy(folder: Path, name: str, other: str) -> Path:
    (folder / other).parent.mkdir(exist_ok=True)
    (folder / other).write_bytes((folder / name).read_bytes())
    return folder


@pytest.mark.parametrize(
    ("name", "other", "message"),
    [
        (
            "qrels.tsv",
            "qrels/test.tsv",
            "judgments twice.*remove qrels.tsv to read the splits .test.*or the folder",
        ),
        ("qrels.tsv", "qrels.tsv.gz", "judgments more than once.*remove qrels.tsv.gz to read qrels.tsv"),
        ("qrels.tsv", "qrels.parquet", "judgments more than once"),
        ("corpus.jsonl", "corpus.parquet", "its documents more than once, corpus.parquet and corpus.jsonl: remove"),
        ("queries.jsonl", "queries.jsonl.gz", "its queries more than once"),
        ("corpus.jsonl", "train/corpus.jsonl", "in it is another: remove one"),
    ],
)
def test_two_sources_of_one_thing_are_refused(folder: Path, name: str, other: str, message: str):
    copy(folder, name, other)
    with pytest.raises(InputError, match=message):
        load_splits(folder)


def test_judgments_of_a_split_are_there_once(folder: Path):
    copy(folder, "qrels.tsv", "qrels/test.tsv")
    copy(folder, "qrels.tsv", "qrels/test.tsv.gz")
    (folder / "qrels.tsv").unlink()
    with pytest.raises(InputError, match="judgments of test more than once"):
        splits_of(folder)


def test_an_empty_folder_of_judgments_does_no_harm(folder: Path):
    (folder / "qrels").mkdir()
    assert read_collection(folder).judgments.num_rows


@pytest.mark.parametrize("by_split", [True, False])
def test_gzipped_files_are_read_as_they_are_unpacked(folder: Path, toy: Collection, by_split: bool):
    if by_split:
        copy(folder, "qrels.tsv", "qrels/test.tsv")
        (folder / "qrels.tsv").unlink()
    for path in [*folder.glob("*.jsonl"), *folder.rglob("*.tsv")]:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(b"\xef\xbb\xbf" + path.read_bytes()))
        path.unlink()
    (read,) = read_splits(folder).values()
    assert read.documents.equals(toy.documents)
    assert read.queries.equals(toy.queries)
    assert judgments(read) == judgments(toy)


def test_what_is_gzipped_and_damaged_is_said(folder: Path):
    packed = gzip.compress((folder / "corpus.jsonl").read_bytes())
    (folder / "corpus.jsonl").unlink()
    (folder / "corpus.jsonl.gz").write_bytes(packed[:-12])
    with pytest.raises(InputError, match=r"corpus.jsonl.gz is damaged: .*get it again"):
        read_collection(folder)


HEADERS = ["", "query-id\tcorpus-id\tscore\n", "qid\tdocid\trelevance\n", "query_id\tdoc_id\tlabel\r\n"]
TREC_HEADERS = ["", "query\titer\tdoc\trel\n", "topic iteration document relevance\n"]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("score", ["{}", "{}.0", "{}."])
def test_judgments_under_any_header(folder: Path, toy: Collection, header: str, score: str):
    rows = judgments(toy)
    lines = (f"{query}\t{document}\t{score.format(value)}\n" for query, document, value in rows)
    (folder / "qrels.tsv").write_text(header + "".join(lines), newline="")
    assert judgments(read_collection(folder)) == rows


@pytest.mark.parametrize("header", TREC_HEADERS)
@pytest.mark.parametrize("line", ["{} 0 {} {}\n", "{}\t0\t{}\t{}\n", "{}  Q0\t{} {}.0\r\n"])
def test_four_columns_are_trecs(folder: Path, toy: Collection, header: str, line: str):
    rows = judgments(toy)
    (folder / "qrels.tsv").write_text(header + "".join(line.format(*row) for row in rows), newline="")
    assert judgments(read_collection(folder)) == rows


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a\tb\t1.5\n", "a score is not a whole number .*line 2: '1.5'"),
        ("a\tb\tx\n", "a score is not a whole number .*line 2: 'x'"),
        ("a\tb\tnan\n", "a score is not a whole number"),
        ("a\tb\t3e9\n", "a score is not a whole number"),
        ("a 0 b 1\n", "not three tab-separated fields"),
    ],
)
def test_a_bad_judgment_is_named(folder: Path, toy: Collection, line: str, message: str):
    query, document, score = judgments(toy)[0]
    (folder / "qrels.tsv").write_text(f"{query}\t{document}\t{score}\n{line}")
    with pytest.raises(InputError, match=message):
        read_collection(folder)


def test_scores_are_read_alike_from_text_and_parquet(folder: Path, toy: Collection):
    table = qrels_table(toy)
    floats = table.set_column(2, "score", table["score"].cast("float64"))
    (folder / "qrels.tsv").unlink()
    pq.write_table(floats, folder / "qrels.parquet")
    assert judgments(read_collection(folder)) == judgments(toy)


def test_a_language_that_is_nan_is_none(folder: Path, toy: Collection):
    path = folder / "corpus.jsonl"
    path.write_text(path.read_text().replace('"lang": "th"', '"lang": NaN'))
    with pytest.raises(InputError, match="no 'lang': give the language of all texts with --lang"):
        read_collection(folder)
    assert read_collection(folder, language="th").documents["lang"].equals(toy.documents["lang"])
