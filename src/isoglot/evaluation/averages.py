"""Averages over queries, kept with what they are averages of, so that a bootstrap can draw them again."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = ["Averages"]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float64]

DENSE_FROM = 0.1
"""From what share of filled cells a dense matrix product is faster than a sparse one (measured)."""


@dataclass(frozen=True)
class Averages:
    """Several measures that are averaged alike: within columns (language pairs, say), then over columns.

    Attributes:
        values: measure name -> (n,) float64; NaN where the measure does not apply, which then does not count.
        query_ids: (n,) query id index of each value: what a bootstrap draws.
        columns: (n,) the column of each value; all 0 for a plain mean.
        reduce: `mean` over columns (macro average), or `gap`: best minus worst column.
    """

    values: dict[str, FloatArray]
    query_ids: IntArray
    columns: IntArray
    reduce: Literal["mean", "gap"] = "mean"

    @classmethod
    def plain(cls, values: dict[str, FloatArray], query_ids: IntArray) -> Averages:
        """Return averages that are plain means over values."""
        return cls(values, query_ids, np.zeros(len(query_ids), np.int64))

    def where(self, mask: NDArray[np.bool_]) -> Averages:
        """Keep the values (n,) of a mask (n,) only."""
        kept = {name: values[mask] for name, values in self.values.items()}
        return Averages(kept, self.query_ids[mask], self.columns[mask], self.reduce)

    def estimate(self) -> dict[str, float | None]:
        """Average every measure; None where it applies to no query (for a gap: to fewer than two columns)."""
        means = {name: float(self.draw(name, [None])[0]) for name in self.values}
        return {name: None if np.isnan(mean) else mean for name, mean in means.items()}

    def draw(self, name: str, chunks: Iterable[NDArray[Any] | None]) -> FloatArray:
        """Average a measure with every query id counted so many times as a bootstrap has drawn it.

        A column of which nothing was drawn keeps its observed value: leaving it out would shift the average
        towards larger columns, away from the value whose interval is sought.

        Args:
            name: the measure.
            chunks: arrays (draws, G) of how often each query id was drawn; None for every id once.

        Returns:
            (all draws,) float64; NaN where the measure applies to nothing (for a gap: to fewer than two
            columns).
        """
        applies = ~np.isnan(self.values[name])
        values = self.values[name][applies]
        ids = self.query_ids[applies]
        labels, columns = np.unique(self.columns[applies], return_inverse=True)
        width = len(labels)
        if width < (1 if self.reduce == "mean" else 2):
            return np.concatenate([np.full(1 if counts is None else len(counts), np.nan) for counts in chunks])
        observed = np.bincount(columns, values) / np.bincount(columns)
        sums = _Table(ids, columns, values)
        sizes = _Table(ids, columns, np.ones(len(values)))
        drawn = []
        for counts in chunks:
            means = observed[None]
            if counts is not None:
                size = sizes.weighted(counts)
                means = np.where(size > 0.5, sums.weighted(counts) / np.maximum(size, 1), observed)
            drawn.append(means.mean(axis=1) if self.reduce == "mean" else np.ptp(means, axis=1))
        return np.concatenate(drawn)


class _Table:
    """Sums of values by query id and column, (G, C), dense or sparse."""

    def __init__(self, ids: IntArray, columns: IntArray, values: FloatArray) -> None:
        self.shape = (int(ids.max()) + 1, int(columns.max()) + 1)
        self.table: Any
        if len(values) > DENSE_FROM * self.shape[0] * self.shape[1]:
            cells = ids.astype(np.int64) * self.shape[1] + columns
            self.table = np.bincount(cells, values, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)
        else:
            self.table = csr_array((values, (columns, ids)), shape=self.shape[::-1])

    def weighted(self, counts: NDArray[Any]) -> FloatArray:
        """Sum over query ids, each counted (draws, G) times: (draws, C)."""
        counts = counts[:, : self.shape[0]]
        product: FloatArray = (
            counts @ self.table if isinstance(self.table, np.ndarray) else (self.table @ counts.T).T
        )
        return product
