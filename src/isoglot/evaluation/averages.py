"""Averages over queries, kept with what they are averages of, so that a bootstrap can draw them again."""

from __future__ import annotations

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
        means = {name: self.draw(name, None)[0] for name in self.values}
        return {name: None if np.isnan(value) else float(value) for name, value in means.items()}

    def draw(self, name: str, counts: NDArray[Any] | None) -> FloatArray:
        """Average a measure with every query id counted so many times as a bootstrap has drawn it.

        A column of which nothing was drawn keeps its observed value: leaving it out would shift the average
        towards larger columns, away from the value whose interval is sought.

        Args:
            name: the measure.
            counts: (draws, G) how often each query id was drawn; None for every id once.

        Returns:
            (draws,) float64; NaN where the measure applies to nothing (for a gap: to fewer than two columns).
        """
        applies = ~np.isnan(self.values[name])
        values = self.values[name][applies]
        ids = self.query_ids[applies]
        labels, columns = np.unique(self.columns[applies], return_inverse=True)
        width = len(labels)
        sums: FloatArray
        sizes: FloatArray
        if counts is None:
            sums = np.bincount(columns, values, minlength=width)[None].astype(np.float64)
            sizes = np.bincount(columns, minlength=width)[None].astype(np.float64)
        else:
            shape = (counts.shape[1], width)
            sums = _product(counts, csr_array((values, (ids, columns)), shape=shape))
            sizes = _product(counts, csr_array((np.ones(len(values)), (ids, columns)), shape=shape))
        if width < (1 if self.reduce == "mean" else 2):
            return np.full(len(sums), np.nan)
        observed = np.bincount(columns, values) / np.bincount(columns)
        means = np.where(sizes > 0.5, sums / np.maximum(sizes, 1), observed)
        return means.mean(axis=1) if self.reduce == "mean" else np.ptp(means, axis=1)


def _product(counts: NDArray[Any], table: csr_array) -> FloatArray:
    """Multiply (draws, G) by a sparse (G, C)."""
    if table.nnz > DENSE_FROM * table.shape[0] * table.shape[1]:
        return counts @ table.toarray()
    return (table.T @ counts.T).T
