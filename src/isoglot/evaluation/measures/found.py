"""R@k, P@k, Success@k: how many relevant documents the first k ranks hold."""

from __future__ import annotations

from isoglot.evaluation.measures.ranked import FloatArray, RankedRelevance

__all__ = ["precision", "recall", "success"]


def recall(ranked: RankedRelevance, k: int | None) -> FloatArray:
    """R@k: share of the relevant documents at ranks up to k; trec_eval's `recall_k`: (g,)."""
    return ranked.found(k) / ranked.sizes


def precision(ranked: RankedRelevance, k: int) -> FloatArray:
    """P@k: share of the first k ranks that are relevant; trec_eval's `P_k`: (g,)."""
    return ranked.found(k) / k


def success(ranked: RankedRelevance, k: int) -> FloatArray:
    """Success@k: 1 where a relevant document is at a rank up to k, else 0; trec_eval's `success_k`: (g,)."""
    return (ranked.first <= k).astype(float)
