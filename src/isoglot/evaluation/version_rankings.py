"""The rankings that the language versions of one query give, compared: of the whole pool, and of what is on top."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMPARED", "top_correlations", "unit_ranks", "version_correlations"]

COMPARED = 10
"""How many documents on top of each ranking `mrc@10` compares."""


def unit_ranks(pool: int) -> NDArray[np.float32]:
    """Return ranks 1..pool shifted to mean 0 and scaled to norm 1, (pool,) float32.

    A ranking without ties is a permutation of them, so Spearman's correlation of two rankings is the inner
    product of these values in document order.
    """
    return ((np.arange(pool) - (pool - 1) / 2) / _norm(pool)).astype(np.float32)


def _norm(pool: int) -> float:
    return float(np.sqrt(max(pool * (float(pool) ** 2 - 1) / 12, 1)))


def version_correlations(ranks: NDArray[np.float32]) -> NDArray[Any]:
    """Correlate each language version's ranking of the pool with those of the other versions of its query.

    Args:
        ranks: (v, D) float32, for each version the unit rank of every document.

    Returns:
        (v,) mean Spearman correlation with the other versions, so that the mean over all queries counts every
        version once; NaN where there is one version only or one document.
    """
    versions, pool = ranks.shape
    if versions < 2 or pool < 2:
        return np.full(versions, np.nan)
    total = ranks.sum(axis=0, dtype=np.float64)
    # einsum and not a matrix product: BLAS would start threads of its own inside each of our threads
    products = np.einsum("vd,d->v", ranks, total)
    return np.clip((products - 1) / (versions - 1), -1, 1)


def top_correlations(ranks: NDArray[np.float32], top: NDArray[np.integer[Any]]) -> NDArray[Any]:
    """Correlate each language version's ranking with those of the other versions, of what either has on top.

    Of two versions the documents that are among the first k of either, k to 2k of them, are put in the order that
    each version's ranking of the whole pool gives them: these two orders are correlated.

    Args:
        ranks: (v, D) float32, for each version the unit rank of every document.
        top: (v, k) for each version the documents at ranks 1..k.

    Returns:
        (v,) mean Spearman correlation with the other versions; NaN where there is one version only or one document.
    """
    versions, pool = ranks.shape
    if versions < 2 or pool < 2:
        return np.full(versions, np.nan)
    k = top.shape[1]
    # (v, v, k): at which rank version a has what version b has at ranks 1..k
    places = np.rint(ranks[:, top].astype(np.float64) * _norm(pool) + (pool + 1) / 2).astype(np.int64)
    inside = places <= k
    shared = inside.sum(axis=2)
    order = np.sort(places * k + np.arange(k), axis=2) % k  # several times faster than argsort
    position = np.empty_like(order)
    np.put_along_axis(position, order, np.arange(k)[None, None], axis=2)
    # in the union a's own first k keep their ranks, and b's others follow in a's order
    united = np.where(inside, places, k + 1 + position - shared[..., None])
    squares = (united - np.arange(1, k + 1)) ** 2
    distance = squares.sum(axis=2) + (squares * ~inside).sum(axis=2).T
    size = 2.0 * k - shared
    correlation = 1 - 6 * distance / (size * (size**2 - 1))
    return np.clip((correlation.sum(axis=1) - 1) / (versions - 1), -1, 1)
