"""Rank measures by the names that ir_measures gives them: `AP`, `nDCG@10`, `R@100`, `RR@10`, ..."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from isoglot.errors import InputError
from isoglot.evaluation.measures.average_precision import average_precision
from isoglot.evaluation.measures.found import precision, recall, success
from isoglot.evaluation.measures.ndcg import ndcg
from isoglot.evaluation.measures.ranked import FloatArray, RankedRelevance
from isoglot.evaluation.measures.reciprocal_rank import reciprocal_rank

__all__ = ["DEFAULT_MEASURES", "RankedRelevance", "compute_measures", "parse_measure"]

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
        known = ", ".join([*WITHOUT_CUTOFF, *(f"{base}@k" for base in WITH_CUTOFF)])
        raise InputError(f"there is no measure {name!r}; known are {known} (k = 1, 2, ...)")
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
