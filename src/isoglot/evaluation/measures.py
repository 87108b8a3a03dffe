"""Rank measures by the names that ir_measures gives them: `AP`, `nDCG@10`, `R@100`, `RR@10`, ...

All are computed from the exact ranks and the gains of relevant documents, `RankedRelevance`: a value per query.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.errors import InputError
from isoglot.names import did_you_mean

__all__ = ["DEFAULT_MEASURES", "RankedRelevance", "compute_measures", "parse_measure"]

FloatArray = NDArray[np.float64]

DEFAULT_MEASURES = (
    "AP",
    "nDCG@10",
    "R@1",
    "R@5",
    "R@10",
    "R@20",
    "R@100",
    "RR@10",
    "Success@1",
    "Success@5",
    "Success@10",
)


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

    def found(self, k: int) -> FloatArray:
        """Count the relevant documents of each query at ranks up to k: (g,) float64."""
        return self.total(self.ranks <= k)

    @property
    def first(self) -> NDArray[Any]:
        """(g,) rank of the first relevant document of each query."""
        return self.ranks[self.starts]


def average_precision(ranked: RankedRelevance, k: int | None = None) -> FloatArray:
    """AP: mean over all relevant documents of the precision at their ranks; 0 for those beyond rank k: (g,).

    Definition: Harman (1992), `map` and `map_cut_k` of trec_eval.
    """
    precision = ranked.place / ranked.ranks
    if k is not None:
        precision = precision * (ranked.ranks <= k)
    return ranked.total(precision) / ranked.sizes


def ndcg(ranked: RankedRelevance, k: int | None = None) -> FloatArray:
    """nDCG: gain discounted by log2(rank + 1) up to rank k, over that of a perfect ranking: (g,).

    The gain is the judgment itself, as in trec_eval's `ndcg` and `ndcg_cut_k`; not 2^judgment - 1.
    Definition: Järvelin and Kekäläinen (2002).
    """

    def discounted(gains: np.ndarray, ranks: np.ndarray) -> FloatArray:
        value = gains / np.log2(ranks + 1)
        return ranked.total(value if k is None else value * (ranks <= k))

    return discounted(ranked.gains, ranked.ranks) / discounted(ranked.ideal_gains, ranked.place)


def reciprocal_rank(ranked: RankedRelevance, k: int | None = None) -> FloatArray:
    """RR: 1 / rank of the first relevant document, 0 beyond rank k; trec_eval's `recip_rank`: (g,).

    Definition: Kantor and Voorhees (2000); RR@10 is the measure of MS MARCO.
    """
    return (1 / ranked.first) * (k is None or ranked.first <= k)


def recall(ranked: RankedRelevance, k: int) -> FloatArray:
    """R@k: share of the relevant documents at ranks up to k; trec_eval's `recall_k`: (g,)."""
    return ranked.found(k) / ranked.sizes


def precision(ranked: RankedRelevance, k: int) -> FloatArray:
    """P@k: share of the first k ranks that are relevant; trec_eval's `P_k`: (g,)."""
    return ranked.found(k) / k


def success(ranked: RankedRelevance, k: int) -> FloatArray:
    """Success@k: 1 where a relevant document is at a rank up to k, else 0; trec_eval's `success_k`: (g,)."""
    return (ranked.first <= k).astype(float)


WITHOUT_CUTOFF: dict[str, Callable[..., FloatArray]] = {
    "AP": average_precision,
    "nDCG": ndcg,
    "RR": reciprocal_rank,
}
WITH_CUTOFF: dict[str, Callable[..., FloatArray]] = {
    **WITHOUT_CUTOFF,
    "R": recall,
    "P": precision,
    "Success": success,
}


def parse_measure(name: str) -> Callable[[RankedRelevance], FloatArray]:
    """Return the measure of a name: a function from ranked relevant documents to a value per query (g,).

    Raises:
        InputError: there is no measure of this name.
    """
    base, at, cutoff = name.partition("@")
    table = WITH_CUTOFF if at else WITHOUT_CUTOFF
    if base not in table or (at and not re.fullmatch("[1-9][0-9]*", cutoff)):
        known = [*WITHOUT_CUTOFF, *(f"{base}@k" for base in WITH_CUTOFF)]
        meant = did_you_mean(f"{base}@k" if at else base, known)
        raise InputError(f"there is no measure {name!r}{meant}; known are {', '.join(known)} (k = 1, 2, ...)")
    function = table[base]
    if not at:
        return function
    k = int(cutoff)

    def measure(ranked: RankedRelevance) -> Any:
        return function(ranked, k)

    return measure


def compute_measures(names: Iterable[str], ranked: RankedRelevance) -> dict[str, FloatArray]:
    """Compute measures by name: for each its value per query (g,), queries in the order of `ranked`.

    Raises:
        InputError: there is no measure of one of the names.
    """
    return {name: parse_measure(name)(ranked) for name in names}
