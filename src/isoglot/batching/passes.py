"""Passes over rows, cut into batches without conflicts: any batch of any pass, at any time."""

from __future__ import annotations

import math

import numpy as np

from isoglot.batching.draws import Series, generator
from isoglot.batching.packing import Conflicts, pack

__all__ = ["Passes"]


class Passes:
    """Endless passes over rows, each in a new random order, cut into batches.

    A pass takes every row once. Batches have `batch_size` rows; the last two of a pass share what is left over, and
    where too few rows can stand side by side all are smaller.

    Args:
        query_index: (n,) query id index of each row.
        conflicts: which ids may not meet.
        batch_size: rows of a batch.
        seed: decides the orders.
        name: integers that name these passes; others with the same seed give other orders.
    """

    def __init__(
        self, query_index: np.ndarray, conflicts: Conflicts, batch_size: int, seed: int, name: tuple[int, ...]
    ) -> None:
        self._query_index = query_index
        self._conflicts = conflicts
        self._seed = seed
        self._name = name
        self._number = -1
        self._batches: tuple[np.ndarray, ...] = ()
        n = len(query_index)
        self.full = math.ceil(n / batch_size)
        batches = max(self.full, conflicts.heaviest(query_index))
        while True:
            self._capacity = _sizes(n, batches, batch_size)
            placed, unplaced = pack(query_index, conflicts, self._capacity, self._random(Series.PROBE))
            if not len(unplaced):
                break
            batches += max(1, batches // 16)
        self._first: np.ndarray | None = placed.astype(np.int32)  # kept for the first pass, which mostly comes next

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return len(self._capacity)

    def __getitem__(self, occurrence: int) -> np.ndarray:
        """Return the positions, in `query_index`, of the rows of a batch, counted over all passes from 0."""
        number, batch = divmod(occurrence, len(self))
        if self._number != number:
            self._batches, self._number = self._arrange(number), number
        return self._batches[batch]

    def _random(self, series: Series, *more: int) -> np.random.Generator:
        return generator(self._seed, series, *self._name, *more)

    def _arrange(self, number: int) -> tuple[np.ndarray, ...]:
        """Distribute all rows over the batches of one pass."""
        batch_of_row = self._first if number == 0 else None
        self._first = None
        rng = self._random(Series.PASS, number)
        for _ in range(3 if number else 0):
            found, unplaced = pack(self._query_index, self._conflicts, self._capacity, rng)
            if not len(unplaced):
                batch_of_row = found
                break
        if batch_of_row is None:  # the probe is known to fit
            batch_of_row, _ = pack(self._query_index, self._conflicts, self._capacity, self._random(Series.PROBE))
        order = self._random(Series.ORDER, number)
        shuffled = order.permutation(len(self._query_index)).astype(np.int32)
        shuffled = shuffled[np.argsort(batch_of_row[shuffled], kind="stable")]
        ends = np.cumsum(np.bincount(batch_of_row, minlength=len(self)))
        batches = [rows for rows in np.split(shuffled, ends[:-1]) if len(rows)]
        # An order of batches of its own, lest a pass always end with the small ones. Every pass has as many.
        assert len(batches) == len(self)
        return tuple(batches[position] for position in order.permutation(len(batches)))


def _sizes(rows: int, batches: int, batch_size: int) -> np.ndarray:
    """Return the sizes (K,) of a pass's batches: full ones, the last two sharing what is left over; or, where
    conflicts ask for more batches than that, room for `batch_size` in each."""
    if batches > math.ceil(rows / batch_size):
        return np.full(batches, min(batch_size, rows))
    sizes = np.full(batches, batch_size)
    sizes[-1] = rows - batch_size * (batches - 1)
    if batches > 1:
        both = int(sizes[-2:].sum())
        sizes[-2:] = both - both // 2, both // 2
    return sizes
