"""What every rank measure is computed from: for each query, the ranks and gains of its relevant documents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["RankedRelevance"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class RankedRelevance:
    """The relevant documents of g queries, each with at least one.

    Exact ranks of relevant documents are all that trec_eval's measures depend on, so no run is kept.

    Attributes:
        starts: (g,) int64, where the documents of each query begin.
        ranks: (n,) ranks from 1 in the pool considered, ascending within a query; inf: not ranked.
        gains: (n,) judgments, above 0.
    """

    starts: NDArray[np.integer[Any]]
    ranks: NDArray[Any]
    gains: NDArray[np.integer[Any]]

    @classmethod
    def of(cls, query: NDArray[Any], ranks: NDArray[Any], gains: NDArray[Any]) -> RankedRelevance:
        """Arrange relevant documents (n,) by `query` (n,), any integers; queries come in ascending order."""
        order = np.lexsort((ranks, query))
        starts = np.flatnonzero(np.diff(query[order], prepend=-1))
        return cls(starts, ranks[order], gains[order])

    @cached_property
    def sizes(self) -> NDArray[np.integer[Any]]:
        """(g,) number of relevant documents of each query."""
        return np.diff(self.starts, append=len(self.ranks))

    @cached_property
    def query(self) -> NDArray[np.integer[Any]]:
        """(n,) position of the query of each document."""
        return np.repeat(np.arange(len(self.starts)), self.sizes)

    @cached_property
    def place(self) -> NDArray[np.integer[Any]]:
        """(n,) number of relevant documents of the same query up to and including this one."""
        return np.arange(1, len(self.ranks) + 1) - np.repeat(self.starts, self.sizes)

    @cached_property
    def ideal_gains(self) -> NDArray[np.integer[Any]]:
        """(n,) gains in descending order within each query: what a perfect ranking finds at each place."""
        return self.gains[np.lexsort((-self.gains, self.query))]

    def total(self, values: NDArray[Any]) -> FloatArray:
        """Sum values (n,) over the documents of each query: (g,) float64."""
        return np.add.reduceat(values.astype(np.float64), self.starts)

    def found(self, k: int | None) -> FloatArray:
        """Count the relevant documents of each query at ranks up to k (None: no limit): (g,) float64."""
        return self.sizes.astype(np.float64) if k is None else self.total(self.ranks <= k)

    @property
    def first(self) -> NDArray[Any]:
        """(g,) rank of the first relevant document of each query."""
        return self.ranks[self.starts]
