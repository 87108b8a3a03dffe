"""recall_gap@k: best minus worst document language, by the recall of its relevant documents in the pool."""

from __future__ import annotations

import numpy as np

from isoglot.evaluation.averages import Averages, IntArray
from isoglot.evaluation.ranks import Ranks
from isoglot.evaluation.settings import Cells

__all__ = ["recall_gaps"]


def recall_gaps(ranks: Ranks, cells: Cells, query_ids: IntArray, cutoffs: tuple[int, ...] = (10, 100)) -> Averages:
    """Compare how many of the relevant documents of each language are at ranks up to k of the pool.

    R@k of document language b is the mean, over queries with a relevant document in b, of the share of these
    found; the gap is the largest minus the smallest over languages. Languages with few queries make it noisy:
    see its interval.
    """
    sizes = np.bincount(cells.relevant)
    values = {f"recall_gap@{k}": np.bincount(cells.relevant, ranks.pool_rank <= k) / sizes for k in cutoffs}
    return Averages(values, query_ids[cells.query], cells.document_language, reduce="gap")
