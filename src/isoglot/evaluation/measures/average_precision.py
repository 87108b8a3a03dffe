"""AP: average precision, trec_eval's `map`: should all relevant documents rank high?"""

from __future__ import annotations

from isoglot.evaluation.measures.ranked import FloatArray, RankedRelevance

__all__ = ["average_precision"]


def average_precision(ranked: RankedRelevance, k: int | None = None) -> FloatArray:
    """Mean over all relevant documents of the precision at their ranks; 0 for those beyond rank k: (g,).

    Definition: Harman (1992), `map` and `map_cut_k` of trec_eval.
    """
    precision = ranked.place / ranked.ranks
    if k is not None:
        precision = precision * (ranked.ranks <= k)
    return ranked.total(precision) / ranked.sizes
