"""nDCG: normalised discounted cumulative gain, for graded judgments and rankings read from the top."""

from __future__ import annotations

import numpy as np

from isoglot.evaluation.measures.ranked import FloatArray, RankedRelevance

__all__ = ["ndcg"]


def ndcg(ranked: RankedRelevance, k: int | None = None) -> FloatArray:
    """Gain discounted by log2(rank + 1) up to rank k, over that of a perfect ranking: (g,).

    The gain is the judgment itself, as in trec_eval's `ndcg` and `ndcg_cut_k`; not 2^judgment - 1.
    Definition: Järvelin and Kekäläinen (2002).
    """

    def discounted(gains: np.ndarray, ranks: np.ndarray) -> FloatArray:
        value = gains / np.log2(ranks + 1)
        return ranked.total(value if k is None else value * (ranks <= k))

    return discounted(ranked.gains, ranked.ranks) / discounted(ranked.ideal_gains, ranked.place)
