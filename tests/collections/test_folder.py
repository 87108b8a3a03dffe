"""Collections on disk: lossless round trips, strict and lenient reading, splits, whole-or-absent output."""

from __future__ import annotations

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, read_collection, splits_of, write_collection
from isoglot.collections.building import only_judged
from isoglot.collections.folder import read_splits
from isoglot.collections.writing import new_folder
from isoglot.errors import InputError

# ---------------------------------------------------------------------------------------------- round trips

ODD = [
    'say "hi"\\',
    "a\u2028b\u2029c",
    "👩‍👩‍👧 emoji",
    "line\nbreak\r\n",
    "\x00\x1f\x85",
    "ไทย हिन्दी",
    "  padded  ",
    "\ufeffbom",
]
characters = st.characters(exclude_categories=("Cs",))
texts = st.one_of(st.sampled_from(ODD), st.text(characters, min_size=1, max_size=12)).filter(str.strip)
ids = texts.filter(lambda text: not set(text) & set("\t\r\n"))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(st.text(max_size=3), inner, max_size=2)),
    max_leaves=4,
)
extras = st.dictionaries(
    st.one_of(st.just("extra"), st.just("url"), st.text(max_size=4)), json_values, max_size=2
).map(lambda entry: {key: value for key, value in entry.items() if key not in ("_id", "lang", "title", "text")})
tags = st.sampled_from(["en", "de", "zh-TW", "th"])


@st.composite
def folders(draw):
    """The lines of a valid collection folder: documents, queries, judgments."""
    documents = [
        {"_id": name, "lang": draw(tags), "title": draw(st.text(characters, max_size=4)), "text": draw(texts)}
        | draw(extras)
        for name in draw(st.lists(ids, unique=True, min_size=1, max_size=4))
    ]
    queries = [
        {"_id": name, "lang": tag, "text": draw(texts)} | draw(extras)
        for name in draw(st.lists(ids, unique=True, min_size=1, max_size=3))
        for tag in draw(st.lists(tags, unique=True, min_size=1, max_size=3))
    ]
    pair = st.tuples(
        st.sampled_from([query["_id"] for query in queries]),
        st.sampled_from([document["_id"] for document in documents]),
    )
    pairs = draw(st.lists(pair, unique=True, min_size=1, max_size=5))
    return documents, queries, [(*pair, draw(st.integers(-(2**31), 2**31 - 1))) for pair in pairs]


def write_lines(folder: Path, documents, queries, qrels) -> Path:
    folder.mkdir(exist_ok=True)
    for name, records in (("corpus.jsonl", documents), ("queries.jsonl", queries)):
        lines = (json.dumps(record) + "\n" for record in records)
        (folder / name).write_text("".join(lines), encoding="utf-8", newline="")
    lines = ("\t".join(map(str, row)) + "\n" for row in qrels)
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(lines), "utf-8", newline="")
    return folder


def assert_same(one: Collection, other: Collection) -> None:
    assert one.documents.equals(other.documents)
    assert one.queries.equals(other.queries)
    assert one.judgments.equals(other.judgments)
    assert one.query_ids.equals(other.query_ids)
    assert np.array_equal(one.query_index, other.query_index)


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


# ------------------------------------------------------------------------------------------- strict reading

CORPUS = [
    b'{"_id": "d1", "lang": "en", "title": "", "text": "one"}',
    b'{"_id": "d2", "lang": "de", "text": "zwei"}',
]
QUERIES = [b'{"_id": "q1", "lang": "en", "text": "a"}', b'{"_id": "q1", "lang": "de", "text": "b"}']
QRELS = [b"query-id\tcorpus-id\tscore", b"q1\td1\t1", b"q1\td2\t2"]


def raw_folder(folder: Path, corpus=(), queries=(), qrels=(), end: bytes = b"\n", start: bytes = b"") -> Path:
    """A good collection of two documents with these lines added."""
    folder.mkdir()
    (folder / "corpus.jsonl").write_bytes(start + end.join([*CORPUS, *corpus]) + end)
    (folder / "queries.jsonl").write_bytes(start + end.join([*QUERIES, *queries]) + end)
    (folder / "qrels.tsv").write_bytes(start + end.join([*QRELS, *qrels]) + end)
    return folder


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


# -------------------------------------------------------------------------------------------------- Parquet


def parquet_folder(folder: Path, **others: pa.Table) -> Path:
    folder.mkdir()
    tables = {
        "corpus": pa.table({"_id": ["d1", "d2"], "lang": ["en", "de"], "title": ["", ""], "text": ["one", "zwei"]}),
        "queries": pa.table({"_id": ["q1", "q1"], "lang": ["en", "de"], "text": ["a", "b"]}),
        "qrels": pa.table({"query-id": ["q1", "q1"], "corpus-id": ["d1", "d2"], "score": [1, 2]}),
    }
    for name, table in (tables | others).items():
        pq.write_table(table, folder / f"{name}.parquet")
    return folder


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
