"""own_language_share@k and language_share@k: of what language are the documents on top?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isoglot.evaluation.averages import FloatArray, IntArray
from isoglot.evaluation.ranks import Ranks

__all__ = ["language_shares", "own_language_share", "share_matrix"]


def language_shares(ranks: Ranks, languages: int, k: int) -> FloatArray:
    """Return (q, L): the share of each language among the documents at ranks 1..k of the pool.

    Where a run file ranks fewer than k documents, among these; NaN where it ranks none.
    """
    top = ranks.top[:, :k]
    query, place = np.nonzero(top >= 0)
    keys = query * languages + ranks.judgments.document_language[top[query, place]]
    counts = np.bincount(keys, minlength=len(top) * languages).reshape(len(top), languages)
    ranked = counts.sum(axis=1, keepdims=True)
    return np.where(ranked > 0, counts / np.maximum(ranked, 1), np.nan)


def own_language_share(shares: FloatArray, query_language: IntArray, document_language: IntArray) -> FloatArray:
    """Return the share of the query's own language on top, minus that language's share of the pool.

    0 is no preference, positive values prefer the query's language.

    Args:
        shares: (q, L) share of each language on top.
        query_language: (q,) language index of each query.
        document_language: (D,) language index of each document of the pool.

    Returns:
        (q,); NaN for queries in a language that no document has, or for which nothing is ranked.
    """
    pool = np.bincount(document_language, minlength=shares.shape[1]) / len(document_language)
    own = shares[np.arange(len(shares)), query_language]
    return np.where(pool[query_language] > 0, own - pool[query_language], np.nan)


def share_matrix(
    shares: FloatArray, query_language: IntArray, document_language: IntArray, languages: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return {query language: {document language: mean share on top}}, of languages that have texts."""
    present = np.unique(document_language)
    ranked = ~np.isnan(shares[:, 0])
    shares, query_language = shares[ranked], query_language[ranked]
    return {
        languages[a]: {
            languages[b]: float(share)
            for b, share in zip(present, shares[query_language == a].mean(axis=0)[present], strict=True)
        }
        for a in np.unique(query_language)
    }
