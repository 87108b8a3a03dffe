"""Hard negatives of queries: documents that look relevant and are not, kept with the queries.

They lie under the key `hard_negatives` of a query's line, a list of document ids, hardest first, and so in both
forms of a collection; readers of BEIR folders pass over the key.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.collections.rows import take_from
from isoglot.errors import InputError

__all__ = ["KEY", "hard_negative_rows", "prefix_hard_negatives", "with_hard_negatives"]

IntArray = NDArray[np.integer[Any]]

KEY = "hard_negatives"
SHOWN = 3


def with_hard_negatives(collection: Collection, offsets: IntArray, documents: IntArray) -> Collection:
    """Return a collection whose queries have these hard negatives, in the place of those that they had.

    Args:
        collection: the collection.
        offsets: (Q + 1,) query row i has the hard negatives `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows, the hardest of a query first.

    Raises:
        InputError: the offsets are not those of the collection's query rows.
    """
    queries = collection.queries
    if len(offsets) != queries.num_rows + 1 or offsets[-1] != len(documents):
        raise InputError(
            f"hard negatives have {len(offsets):,} offsets, {collection.name} has {queries.num_rows:,} query rows: "
            "one more than these is needed"
        )
    ids = take_from(collection.documents["_id"], documents).to_pylist()
    known = queries["extra"].to_pylist() if "extra" in queries.column_names else [None] * queries.num_rows
    extra = []
    for row, text in enumerate(known):
        record = json.loads(text) if text else {}
        record.pop(KEY, None)
        if offsets[row] < offsets[row + 1]:
            record[KEY] = ids[offsets[row] : offsets[row + 1]]
        extra.append(json.dumps(record, ensure_ascii=True, sort_keys=True) if record else None)
    if "extra" in queries.column_names:
        queries = queries.drop_columns("extra")
    if any(text is not None for text in extra):
        queries = queries.append_column("extra", pa.array(extra, pa.string()))
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
    ids: list[str] = []
    if "extra" in collection.queries.column_names:
        column = collection.queries["extra"]
        rows = _rows_with_some(column)
        for row, text in zip(rows.tolist(), take_from(column, rows).to_pylist(), strict=True):
            listed = json.loads(text).get(KEY, [])
            if not isinstance(listed, list) or not all(isinstance(one, str) for one in listed):
                raise InputError(
                    f"{collection.name}: {KEY!r} of {_name(collection, row)} is not a list of document ids"
                )
            counts[row] = len(listed)
            ids += listed
    offsets = np.concatenate([[0], np.cumsum(counts)])
    at = np.repeat(np.arange(len(counts)), counts)
    known = collection.documents["_id"].combine_chunks()
    found = pc.fill_null(pc.index_in(pa.array(ids, pa.string()), value_set=known), -1).to_numpy()
    _refuse(collection, found < 0, at, ids, "unknown documents; correct them, or mine again")
    relevance = collection.relevance
    size = collection.documents.num_rows
    relevant = relevance.queries.astype(np.int64) * size + relevance.documents
    listed_keys = collection.query_index[at].astype(np.int64) * size + found
    _refuse(
        collection,
        np.isin(listed_keys, relevant),
        at,
        ids,
        "documents that are relevant to the query; leave them out, or mine again",
    )
    return offsets, found.astype(np.int32)


def prefix_hard_negatives(queries: pa.Table, prefix: str) -> pa.Table:
    """Return a table of queries whose hard negatives have a prefix before their ids.

    What is no list of ids is left as it is, for `hard_negative_rows` to refuse.
    """
    if "extra" not in queries.column_names:
        return queries
    rows = _rows_with_some(queries["extra"])
    if not len(rows):
        return queries
    extra = queries["extra"].to_pylist()
    for row in rows.tolist():
        record = json.loads(extra[row])
        if isinstance(listed := record.get(KEY), list):
            record[KEY] = [prefix + one if isinstance(one, str) else one for one in listed]
            extra[row] = json.dumps(record, ensure_ascii=True, sort_keys=True)
    return queries.set_column(queries.column_names.index("extra"), "extra", pa.array(extra, pa.string()))


def _rows_with_some(column: pa.ChunkedArray) -> IntArray:
    """Return the query rows that may have hard negatives, from the column `extra`."""
    found: IntArray = np.flatnonzero(pc.fill_null(pc.match_substring(column, f'"{KEY}"'), False).to_numpy())
    return found


def _name(collection: Collection, row: int) -> str:
    query = collection.queries.slice(row, 1).to_pylist()[0]
    return f"the query {query['_id']!r} ({query['lang']})"


def _refuse(collection: Collection, bad: NDArray[np.bool_], rows: IntArray, ids: list[str], what: str) -> None:
    cases = np.flatnonzero(bad)
    if not len(cases):
        return
    shown = "; ".join(f"{ids[case]!r} of {_name(collection, int(rows[case]))}" for case in cases[:SHOWN])
    more = f" and {len(cases) - SHOWN:,} more" if len(cases) > SHOWN else ""
    raise InputError(f"{collection.name}: hard negatives are {what} ({shown}{more})")
