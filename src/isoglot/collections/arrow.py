"""Arrow tables that may be larger than memory: files mapped into it, rows of them, ids as integers.

`pyarrow`'s own `take` first joins all chunks of a string column, which for a mapped table reads all of it.
"""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = [
    "IdIndex",
    "Keep",
    "blank",
    "keep_in_memory",
    "map_table",
    "number_rows",
    "one_chunk",
    "release_pages",
    "repeated",
    "take_from",
    "take_rows",
    "without_empty",
    "without_rows",
    "write_arrow",
]

IntArray = NDArray[np.integer[Any]]

Keep = Callable[[str, pa.Schema, Iterable[pa.RecordBatch]], pa.Table]
"""Makes a table of (its name, schema, batches as they come), in memory or elsewhere."""

GATHERED = 131_072  # rows gathered at a time, so that no array of strings outgrows its 2 GiB
STEP = 65_536  # ids held as Python strings, or compared, at a time


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
    for start in range(0, len(rows), GATHERED):
        pieces += _gather(column, ends, np.asarray(rows[start : start + GATHERED]))
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


# ----------------------------------------------------------------------------------------------------------- texts

# a character that is surely no white space to Python, which calls some control characters so
_VISIBLE = r"[^\p{Z}\x00-\x1f\x7f-\x9f]"


def blank(column: pa.ChunkedArray) -> NDArray[np.bool_]:
    """Return (n,) whether each text is empty or all white space, as `str.strip` sees it; nulls are not."""
    found = np.zeros(len(column), bool)
    visible = pc.fill_null(pc.match_substring_regex(column, _VISIBLE), True)
    doubtful = np.flatnonzero(~np.asarray(visible.to_numpy(), bool))
    for row in doubtful.tolist():
        found[row] = not column[row].as_py().strip()
    return found


# ---------------------------------------------------------------------------------------------------- mapped files

_MAPS: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def write_arrow(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write batches as an Arrow file, and wait until the disk has it.

    Raises:
        OSError: there is no room, or no right to write.
    """
    with path.open("wb") as file:
        with pa.ipc.new_file(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


def map_table(path: Path) -> pa.Table:
    """Return the table of an Arrow file without reading it: its pages come from disk when they are looked at.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no Arrow file (`pyarrow.ArrowInvalid`), or empty.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _MAPS.add(mapped)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def release_pages() -> None:
    """Tell the system that what was looked at of mapped tables can leave memory; it comes back when needed.

    For a pass over a whole table, which otherwise leaves all of it in the memory that the process occupies.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        for mapped in list(_MAPS):
            mapped.madvise(mmap.MADV_DONTNEED)


# ------------------------------------------------------------------------------------------------------------- ids


def _hashes(column: pa.ChunkedArray) -> IntArray:
    """Return a 64-bit hash (n,) of each id. Python's own: keyed, so that no file can be made to collide."""
    found = np.empty(len(column), np.int64)
    for start in range(0, len(column), STEP):
        ids = column.slice(start, STEP).to_pylist()
        found[start : start + len(ids)] = np.fromiter(map(hash, ids), np.int64, len(ids))
    return found


def _all_same(one: pa.ChunkedArray, rows: IntArray, other: pa.ChunkedArray, others: IntArray) -> bool:
    """Tell whether `one[rows[i]]` equals `other[others[i]]` for all i."""
    for start in range(0, len(rows), STEP):
        left = take_from(one, rows[start : start + STEP])
        right = take_from(other, others[start : start + STEP])
        if not pc.all(pc.equal(left, right)).as_py():
            return False
    return True


class IdIndex:
    """Finds ids in a column of them.

    Args:
        column: the ids, without nulls.
    """

    def __init__(self, column: pa.ChunkedArray) -> None:
        self.column = column

    @cached_property
    def _sorted(self) -> tuple[IntArray, IntArray]:
        """Rows in order of hash, equal hashes in order of row; and the hashes in that order."""
        hashes = _hashes(self.column)
        order = np.argsort(hashes, kind="stable")
        return order, hashes[order]

    def first_rows(self) -> IntArray:
        """Return (n,) int64: of each row, the first row that has the same id."""
        order, hashes = self._sorted
        starts = np.flatnonzero(np.concatenate([[True], hashes[1:] != hashes[:-1]]))[: len(order)]
        first = np.empty(len(order), np.int64)
        first[order] = np.repeat(order[starts], np.diff(np.append(starts, len(order))))
        again = np.flatnonzero(first != np.arange(len(first)))
        if _all_same(self.column, again, self.column, first[again]):
            return first
        codes = one_chunk(pc.dictionary_encode(self.column)).indices.to_numpy()
        return np.unique(codes, return_index=True)[1][codes]

    def find(self, wanted: pa.ChunkedArray) -> IntArray:
        """Return (m,) int64: the first row that has each id that is wanted, -1 where none has."""
        order, hashes = self._sorted
        if not len(order):
            return np.full(len(wanted), -1, np.int64)
        keys = _hashes(wanted)
        place = np.minimum(np.searchsorted(hashes, keys), len(hashes) - 1)
        rows = np.where(hashes[place] == keys, order[place], -1)
        hits = np.flatnonzero(rows >= 0)
        if _all_same(wanted, hits, self.column, rows[hits]):
            return rows
        found = pc.index_in(wanted, value_set=one_chunk(self.column))
        return pc.fill_null(found, -1).to_numpy().astype(np.int64)


def number_rows(first: IntArray) -> IntArray:
    """Return (n,) int32 numbers of the distinct ids, in order of first appearance, from `first_rows`."""
    new = first == np.arange(len(first))
    return (np.cumsum(new) - 1)[first].astype(np.int32)


def repeated(codes: IntArray) -> IntArray:
    """Return the rows, ascending, whose code occurred in an earlier row."""
    order = np.argsort(codes, kind="stable")
    again = np.flatnonzero(codes[order][1:] == codes[order][:-1]) + 1
    return np.sort(order[again])
