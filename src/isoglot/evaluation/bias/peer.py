"""peer@k: the probability of equal expected rank of the languages' relevant documents (2405.00978)."""

from __future__ import annotations

import numpy as np
from scipy.special import chdtrc

from isoglot.evaluation.averages import FloatArray
from isoglot.evaluation.ranks import Ranks
from isoglot.evaluation.settings import Cells

__all__ = ["peer"]


def peer(ranks: Ranks, cells: Cells, k: int) -> FloatArray:
    """Test whether a query's relevant documents of different languages rank alike (Kruskal-Wallis).

    The same values as the package `peer_measure` 0.0.1 gives with weights {1: 1.0}: relevant documents beyond
    rank k take the rank (2n + m + 1) / 2, n being the number of relevant documents and m those beyond k; 1
    where all are beyond k, or all of one language. All judgments above 0 are one level of relevance. Where
    all ranks are equal the package gives NaN and this gives 1: no difference.

    Returns:
        (q,) p-values in [0, 1]; 1 is fair.
    """
    queries = len(ranks.top)
    query = ranks.judgments.queries
    number = np.bincount(query, minlength=queries)
    beyond = ranks.pool_rank > k
    missing = np.bincount(query, beyond, minlength=queries)
    value = np.where(beyond, ((2 * number + missing + 1) / 2)[query], ranks.pool_rank)

    size = np.bincount(cells.relevant)
    cell_mean = np.bincount(cells.relevant, value) / size
    mean = np.bincount(query, value, minlength=queries) / number
    between = np.bincount(cells.query, size * (cell_mean - mean[cells.query]) ** 2, minlength=queries)
    total = np.bincount(query, (value - mean[query]) ** 2, minlength=queries)
    languages = np.bincount(cells.query, minlength=queries)

    starts = ranks.judgments.offsets[:-1]
    equal = np.maximum.reduceat(value, starts) == np.minimum.reduceat(value, starts)
    trivial = (missing == number) | (languages < 2) | equal
    statistic = (number - 1) * between / np.where(trivial, 1, total)
    return np.where(trivial, 1.0, chdtrc(np.maximum(languages - 1, 1), statistic))
