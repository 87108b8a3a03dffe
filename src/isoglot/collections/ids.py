"""Ids as integers: which rows share an id, and where an id is, by sorted hashes instead of a dict of strings.

A hash only proposes: every pair of ids that it calls equal is compared, and if two different ids should share
their 64 bits, the exact but larger way through a dictionary is taken.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.rows import one_chunk, take_from

__all__ = ["IdIndex", "number_rows", "repeated"]

IntArray = NDArray[np.integer[Any]]

STEP = 65_536  # ids held as Python strings, or compared, at a time


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
