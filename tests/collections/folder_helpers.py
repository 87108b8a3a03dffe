"""Collection folders that tests write: random ones, one with chosen bad lines, one of Parquet tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from isoglot.collections import Collection

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


@contextmanager
def settings_of(large: int = 2**60, block: int = 2**24, by_line: bool = False) -> Iterator[None]:
    """Read files of so many bytes as large ones, in blocks of so many bytes, or all of them line by line."""
    nothing = dict.fromkeys(f"isoglot.collections.jsonl.{name}" for name in ("_read_columns", "_plain_judgments"))
    patches = [patch("isoglot.collections.cache.LARGE", large), patch("isoglot.collections.lines.BLOCK", block)]
    patches += [patch(name, return_value=found) for name, found in nothing.items() if by_line]
    for one in patches:
        one.start()
    try:
        yield
    finally:
        for one in patches:
            one.stop()
