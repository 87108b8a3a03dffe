"""rank_distance, max_rank, complete@k: where the best relevant document of each language stands."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from isoglot.evaluation.averages import FloatArray
from isoglot.evaluation.ranks import Ranks
from isoglot.evaluation.settings import Cells

__all__ = ["best_rank_matrix", "best_rank_values"]


def _placed(ranks: Ranks, cells: Cells) -> tuple[FloatArray, FloatArray]:
    """Return r_b of every cell (query x document language): as ranked, and with pool size for what is not."""
    best = np.full(len(cells.query), np.inf)
    np.minimum.at(best, cells.relevant, ranks.pool_rank)
    return best, np.minimum(best, len(ranks.judgments.document_language))


def best_rank_matrix(ranks: Ranks, cells: Cells, languages: Sequence[str]) -> dict[str, dict[str, float]]:
    """Average, for each query language and document language, the rank r_b in the pool of the best-placed relevant
    document in that language; ranks from 1, what a run file leaves out at pool size.

    Returns:
        query language -> document language -> mean rank, over the queries with a relevant document there.
    """
    _, placed = _placed(ranks, cells)
    size = len(languages)
    key = cells.query_language.astype(np.int64) * size + cells.document_language
    counts = np.bincount(key, minlength=size * size)
    sums = np.bincount(key, placed, minlength=size * size)
    found: dict[str, dict[str, float]] = {}
    for at in np.flatnonzero(counts).tolist():
        found.setdefault(languages[at // size], {})[languages[at % size]] = float(sums[at] / counts[at])
    return found


def best_rank_values(ranks: Ranks, cells: Cells, cutoffs: tuple[int, ...] = (10, 100)) -> dict[str, FloatArray]:
    """Compare, for each query, the ranks r_b of the best-placed relevant document in each language b.

    - `rank_distance`: max_b r_b - min_b r_b, in ranks; 0 is impossible, a perfect ranking of n languages
      gives n - 1 (2408.10536).
    - `max_rank`: max_b r_b, Max@R of 2604.05684.
    - `max_rank_log`: log(max_b r_b) / log(pool size): 0 for rank 1, 1 for the last rank of the pool; so that
      pools of different sizes compare and no single query outweighs the others.
    - `complete@k`: 1 where every r_b ≤ k, else 0 (2604.05684).

    A document that a run file leaves out is taken to be last: its rank is the pool size. Lower it cannot be, so the
    figures say how bad it may be. `complete@k` counts it as not found.

    Returns:
        measure -> (q,); NaN for queries with relevant documents in fewer than two languages.
    """
    queries = len(ranks.top)
    pool = len(ranks.judgments.document_language)
    best, placed = _placed(ranks, cells)
    starts = np.searchsorted(cells.query, np.arange(queries))
    highest = np.minimum.reduceat(placed, starts)
    lowest = np.maximum.reduceat(placed, starts)
    found = np.maximum.reduceat(best, starts)
    counts = np.bincount(cells.query, minlength=queries) >= 2
    values = {
        "rank_distance": lowest - highest,
        "max_rank": lowest,
        "max_rank_log": np.log(lowest) / np.log(max(pool, 2)),
        **{f"complete@{k}": (found <= k).astype(np.float64) for k in cutoffs},
    }
    return {name: np.where(counts, value, np.nan) for name, value in values.items()}
