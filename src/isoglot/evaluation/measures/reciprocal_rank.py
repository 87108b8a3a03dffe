"""RR: reciprocal rank, for known-item search: one over the rank of the first relevant document."""

from __future__ import annotations

from isoglot.evaluation.measures.ranked import FloatArray, RankedRelevance

__all__ = ["reciprocal_rank"]


def reciprocal_rank(ranked: RankedRelevance, k: int | None = None) -> FloatArray:
    """1 / rank of the first relevant document, 0 beyond rank k; trec_eval's `recip_rank`: (g,).

    Definition: Kantor and Voorhees (2000); RR@10 is the measure of MS MARCO.
    """
    return (1 / ranked.first) * (k is None or ranked.first <= k)
