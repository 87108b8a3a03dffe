"""Rows of Arrow tables that may be larger than memory.

`pyarrow`'s own `take` first joins all chunks of a string column, which for a mapped table reads all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

__all__ = ["Keep", "keep_in_memory", "one_chunk", "take_from", "take_rows", "without_empty", "without_rows"]

IntArray = NDArray[np.integer[Any]]

Keep = Callable[[str, pa.Schema, Iterable[pa.RecordBatch]], pa.Table]
"""Makes a table of (its name, schema, batches as they come), in memory or elsewhere."""

STEP = 131_072  # rows gathered at a time, so that no array of strings outgrows its 2 GiB


def keep_in_memory(_: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
    """Make a table of batches, in memory; a `Keep`."""
    return pa.Table.from_batches(list(batches), schema)


def take_from(column: pa.ChunkedArray, rows: IntArray) -> pa.ChunkedArray:
    """Return rows (n,) of a column, in their order, looking only at the chunks that hold them.

    Raises:
        pyarrow.ArrowIndexError: a row is beyond the end.
    """
    lengths = [len(chunk) for chunk in column.chunks]
    if len(lengths) <= 1:
        chunk = column.chunk(0) if lengths else pa.array([], column.type)
        return pa.chunked_array([chunk.take(pa.array(rows, pa.int64()))])
    ends = np.cumsum(lengths)
    pieces: list[pa.Array] = []
    for start in range(0, len(rows), STEP):
        pieces += _gather(column, ends, np.asarray(rows[start : start + STEP]))
    return pa.chunked_array(pieces, column.type)


def _gather(column: pa.ChunkedArray, ends: IntArray, rows: IntArray) -> list[pa.Array]:
    """Return rows (n,) of a column of several chunks, which end before row `ends[i]`."""
    if rows.size and (rows.min() < 0 or rows.max() >= ends[-1]):
        raise pa.ArrowIndexError(f"rows lie outside the {ends[-1]:,} of the table")
    chunk = np.searchsorted(ends, rows, side="right")
    order = np.argsort(chunk, kind="stable")
    wanted, first = np.unique(chunk[order], return_index=True)
    pieces = []
    for number, at in zip(wanted.tolist(), np.split(order, first[1:]), strict=True):
        one = column.chunk(number)
        pieces.append(one.take(pa.array(rows[at] - (ends[number] - len(one)))))
    if len(pieces) <= 1 or bool((order[1:] > order[:-1]).all()):
        return pieces
    back = np.empty(len(order), np.int64)
    back[order] = np.arange(len(order))
    return [pa.concat_arrays(pieces).take(pa.array(back))]


def take_rows(table: pa.Table, rows: IntArray) -> pa.Table:
    """Return rows (n,) of a table, in their order, looking only at the chunks that hold them."""
    columns = [take_from(table[position], rows) for position in range(table.num_columns)]
    return pa.Table.from_arrays(columns, schema=table.schema)


def one_chunk(column: pa.ChunkedArray) -> pa.Array:
    """Return a column as one array."""
    combined = column.combine_chunks()
    if isinstance(combined, pa.Array):
        return combined
    return pa.concat_arrays(combined.chunks or [pa.array([], column.type)])


def without_rows(table: pa.Table, drop: IntArray, name: str, keep: Keep = keep_in_memory) -> pa.Table:
    """Return a table without some rows; what is left is kept as `keep` says, chunk by chunk."""
    if not len(drop):
        return table
    stay = np.ones(table.num_rows, bool)
    stay[drop] = False

    def batches() -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in table.to_batches():
            yield batch.filter(pa.array(stay[start : start + batch.num_rows]))
            start += batch.num_rows

    return keep(name, table.schema, batches())


def without_empty(table: pa.Table, name: str) -> pa.Table:
    """Return a table without the column `name` if it is there and all null."""
    if name in table.column_names and table[name].null_count == table.num_rows:
        return table.drop_columns(name)
    return table
