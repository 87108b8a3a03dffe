"""Rank correlation: do the language versions of one query rank the pool alike? Named MRC in 2509.06195."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["unit_ranks", "version_correlations"]


def unit_ranks(pool: int) -> NDArray[np.float32]:
    """Return ranks 1..pool shifted to mean 0 and scaled to norm 1, (pool,) float32.

    A ranking without ties is a permutation of them, so Spearman's correlation of two rankings is the inner
    product of these values in document order.
    """
    norm = np.sqrt(max(pool * (float(pool) ** 2 - 1) / 12, 1))
    return ((np.arange(pool) - (pool - 1) / 2) / norm).astype(np.float32)


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
