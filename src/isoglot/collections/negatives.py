"""Hard negatives of queries: documents that look relevant and are not, kept with the queries.

They lie under the key `hard_negatives` of a query's line, a list of document ids, hardest first, and so in both
forms of a collection; readers of BEIR folders pass over the key.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.arrow import IdIndex, take_from
from isoglot.collections.collection import Collection
from isoglot.errors import InputError

__all__ = [
    "KEY",
    "SCORES",
    "hard_negative_rows",
    "has_hard_negatives",
    "prefix_hard_negatives",
    "read_extras",
    "row_name",
    "with_hard_negatives",
    "write_key",
]

IntArray = NDArray[np.integer[Any]]

KEY, SCORES = "hard_negatives", "teacher_scores"
SHOWN = 3
STEP = 8_192  # query rows whose ids are Python strings at a time: large sets list hundreds of millions


def with_hard_negatives(collection: Collection, offsets: IntArray, documents: IntArray) -> Collection:
    """Return a collection whose queries have these hard negatives, in the place of those that they had.

    Args:
        collection: the collection.
        offsets: (Q + 1,) query row i has the hard negatives `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows, the hardest of a query first.

    Raises:
        InputError: the offsets are not those of the collection's query rows.
    """
    return write_key(collection, KEY, offsets, documents, lambda ids, _: ids)


def write_key(
    collection: Collection,
    key: str,
    offsets: IntArray,
    documents: IntArray,
    content: Callable[[list[str], slice], Any],
) -> Collection:
    """Return a collection whose queries say something of documents under a key.

    Args:
        collection: the collection.
        key: of a query's line; what it held is replaced.
        offsets: (Q + 1,) query row i has the documents `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows.
        content: makes what is written of the ids of a query's documents and their places in `documents`.

    Raises:
        InputError: the offsets are not those of the collection's query rows.
    """
    queries = collection.queries
    if len(offsets) != queries.num_rows + 1 or offsets[-1] != len(documents):
        raise InputError(
            f"hard negatives have {len(offsets):,} offsets, {collection.name} has {queries.num_rows:,} query rows: "
            "one more than these is needed"
        )
    extra: list[pa.Array] = []
    for start in range(0, queries.num_rows, STEP):
        rows = range(start, min(start + STEP, queries.num_rows))
        texts = read_extras(queries, rows)
        at = offsets[rows.start : rows.stop + 1]
        ids = take_from(collection.documents["_id"], documents[at[0] : at[-1]]).to_pylist()
        written = []
        for text, first, end in zip(texts, at[:-1], at[1:], strict=True):
            record = json.loads(text) if text else {}
            record.pop(key, None)
            if first < end:
                record[key] = content(ids[first - at[0] : end - at[0]], slice(first, end))
            written.append(json.dumps(record, ensure_ascii=True, sort_keys=True) if record else None)
        extra.append(pa.array(written, pa.string()))
    if "extra" in queries.column_names:
        queries = queries.drop_columns("extra")
    if any(block.null_count < len(block) for block in extra):
        queries = queries.append_column("extra", pa.chunked_array(extra, pa.string()))
    return replace(collection, queries=queries)


def hard_negative_rows(collection: Collection) -> tuple[IntArray, IntArray]:
    """Return the hard negatives of every query row, in compressed rows.

    Returns:
        Offsets (Q + 1,) int64 and document rows (n,) int32: those of query row i lie at
        `documents[offsets[i]:offsets[i + 1]]`, in the order in which they are listed. Empty where there are none.

    Raises:
        InputError: hard negatives are not a list of ids, name a document that the collection does not have, or one
            that is relevant to the query.
    """
    counts = np.zeros(collection.queries.num_rows, np.int64)
    found = [np.empty(0, np.int32)]
    known = IdIndex(collection.documents["_id"])
    relevance, size = collection.relevance, collection.documents.num_rows
    relevant = np.sort(relevance.queries.astype(np.int64) * size + relevance.documents)
    unknown, answers = _Bad(collection), _Bad(collection)
    for start in range(0, len(counts), STEP) if has_hard_negatives(collection) else ():
        rows = range(start, min(start + STEP, len(counts)))
        lists = [
            _listed(collection, row, text)
            for row, text in zip(rows, read_extras(collection.queries, rows), strict=True)
        ]
        counts[rows.start : rows.stop] = [len(listed) for listed in lists]
        ids = [one for listed in lists for one in listed]
        at = np.repeat(np.array(rows), counts[rows.start : rows.stop])
        documents = known.find(pa.chunked_array([pa.array(ids, pa.string())]))
        unknown.add(documents < 0, at, ids)
        answers.add(np.isin(collection.query_index[at].astype(np.int64) * size + documents, relevant), at, ids)
        found.append(documents.astype(np.int32))
    unknown.refuse("unknown documents; correct them, or mine again")
    answers.refuse("documents that are relevant to the query; leave them out, or mine again")
    return np.concatenate([[0], np.cumsum(counts)]), np.concatenate(found)


def has_hard_negatives(collection: Collection) -> bool:
    """Tell whether some query lists hard negatives, right or wrong ones."""
    if "extra" not in collection.queries.column_names:
        return False
    return bool(pc.any(pc.match_substring(collection.queries["extra"], f'"{KEY}"')).as_py())


def read_extras(queries: pa.Table, rows: range) -> list[str | None]:
    """Return the other keys of query rows, as JSON."""
    if "extra" not in queries.column_names:
        return [None] * len(rows)
    extras: list[str | None] = queries["extra"].slice(rows.start, len(rows)).to_pylist()
    return extras


def _listed(collection: Collection, row: int, text: str | None) -> list[str]:
    """Return the ids that a query row lists.

    Raises:
        InputError: they are no list of ids.
    """
    listed: list[str] = json.loads(text).get(KEY, []) if text and f'"{KEY}"' in text else []
    if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
        raise InputError(f"{collection.name}: {KEY!r} of {row_name(collection, row)} is not a list of document ids")
    return listed


def prefix_hard_negatives(queries: pa.Table, prefix: str) -> pa.Table:
    """Return a table of queries whose hard negatives, and documents with a teacher's scores, have a prefix before
    their ids.

    What is no list of ids is left as it is, for `hard_negative_rows` to refuse.
    """
    if "extra" not in queries.column_names:
        return queries
    blocks = []
    for start in range(0, queries.num_rows, STEP):
        block = queries["extra"].slice(start, STEP)
        rows = _rows_with_some(block)
        if len(rows):
            texts = block.to_pylist()
            for row in rows.tolist():
                record = json.loads(texts[row])
                if isinstance(listed := record.get(KEY), list):
                    record[KEY] = [prefix + one if isinstance(one, str) else one for one in listed]
                if isinstance(scored := record.get(SCORES), dict):
                    record[SCORES] = {prefix + one: score for one, score in scored.items()}
                texts[row] = json.dumps(record, ensure_ascii=True, sort_keys=True)
            block = pa.chunked_array([pa.array(texts, pa.string())])
        blocks += block.chunks
    extra = pa.chunked_array(blocks, pa.string())
    return queries.set_column(queries.column_names.index("extra"), "extra", extra)


def _rows_with_some(column: pa.ChunkedArray) -> IntArray:
    """Return the query rows that may have hard negatives, from the column `extra`."""
    some = pc.match_substring_regex(column, f'"({KEY}|{SCORES})"')
    found: IntArray = np.flatnonzero(pc.fill_null(some, False).to_numpy())
    return found


def row_name(collection: Collection, row: int) -> str:
    """Return what messages call a query row."""
    query = collection.queries.slice(row, 1).to_pylist()[0]
    return f"the query {query['_id']!r} ({query['lang']})"


class _Bad:
    """Hard negatives that cannot be, counted, the first of them shown."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.count = 0
        self.shown: list[str] = []

    def add(self, bad: NDArray[np.bool_], rows: IntArray, ids: list[str]) -> None:
        """Count those that are bad among ids (n,) that query rows (n,) list."""
        cases = np.flatnonzero(bad)
        self.count += len(cases)
        for case in cases[: SHOWN - len(self.shown)]:
            self.shown.append(f"{ids[case]!r} of {row_name(self.collection, int(rows[case]))}")

    def refuse(self, what: str) -> None:
        """Raise `InputError` if there are any."""
        if self.count:
            more = f" and {self.count - len(self.shown):,} more" if self.count > len(self.shown) else ""
            raise InputError(f"{self.collection.name}: hard negatives are {what} ({'; '.join(self.shown)}{more})")
