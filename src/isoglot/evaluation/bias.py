"""Language bias: how far rankings of the multilingual pool depend on the language of a document.

`rank_correlation` and `mrc@10` are computed while ranking, since they need whole rankings; the rest from the ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtrc

from isoglot.evaluation.judgments import Ranks
from isoglot.evaluation.settings import Cells
from isoglot.evaluation.statistics import Averages, FloatArray, IntArray
from isoglot.evaluation.version_rankings import COMPARED

__all__ = [
    "CUTOFFS",
    "TOP",
    "Bias",
    "best_rank_matrix",
    "best_rank_values",
    "first_ranks",
    "language_shares",
    "measure_bias",
    "own_language_share",
    "peer",
    "recall_gaps",
    "share_matrix",
    "target_recalls",
]

CUTOFFS = (10, 100)
TARGET_CUTOFFS = (10, 20)
"""Of recall in other languages; its paper reports 20."""
TOP = 10


def _placed(ranks: Ranks, cells: Cells) -> tuple[FloatArray, FloatArray]:
    """Return r_b of every cell (query x document language): as ranked, and with pool size for what is not."""
    best = np.full(len(cells.query), np.inf)
    np.minimum.at(best, cells.relevant, ranks.pool_rank)
    return best, np.minimum(best, _pool_sizes(ranks)[cells.query])


def _pool_sizes(ranks: Ranks) -> IntArray:
    """Return (q,) how many documents are in the pool of each query."""
    sizes: IntArray = ranks.judgments.pool_counts(0).sum(axis=1)
    return sizes


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
    figures say how bad it may be. `complete@k` counts it as not found. Where a run leaves out every relevant
    document of a query, `rank_distance` is the largest there is, pool size - 1: else finding nothing were fair.

    Returns:
        measure -> (q,); NaN for queries with relevant documents in fewer than two languages.
    """
    queries = len(ranks.top)
    best, placed = _placed(ranks, cells)
    starts = np.searchsorted(cells.query, np.arange(queries))
    first = np.minimum.reduceat(best, starts)
    highest = np.where(np.isinf(first), 1, first)
    lowest = np.maximum.reduceat(placed, starts)
    found = np.maximum.reduceat(best, starts)
    counts = np.bincount(cells.query, minlength=queries) >= 2
    values = {
        "rank_distance": lowest - highest,
        "max_rank": lowest,
        "max_rank_log": np.log(lowest) / np.log(np.maximum(_pool_sizes(ranks), 2)),
        **{f"complete@{k}": (found <= k).astype(np.float64) for k in cutoffs},
    }
    return {name: np.where(counts, value, np.nan) for name, value in values.items()}


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


def own_language_share(shares: FloatArray, query_language: IntArray, counts: IntArray) -> FloatArray:
    """Return the share of the query's own language on top, minus that language's share of the pool.

    0 is no preference, positive values prefer the query's language.

    Args:
        shares: (q, L) share of each language on top.
        query_language: (q,) language index of each query.
        counts: (q, L) documents of each language in the pool of each query.

    Returns:
        (q,); NaN for queries in a language that no document has, or for which nothing is ranked.
    """
    rows = np.arange(len(shares))
    pool = counts[rows, query_language] / counts.sum(axis=1)
    return np.where(pool > 0, shares[rows, query_language] - pool, np.nan)


def share_matrix(
    shares: FloatArray, query_language: IntArray, counts: IntArray, languages: Sequence[str]
) -> dict[str, dict[str, float]]:
    """Return {query language: {document language: mean share on top}}, of languages that its pool has.

    Args:
        shares: (q, L) share of each language on top.
        query_language: (q,) language index of each query.
        counts: (q, L) documents of each language in the pool of each query.
        languages: tags by language index.
    """
    ranked = ~np.isnan(shares[:, 0])
    shares, counts, query_language = shares[ranked], counts[ranked], query_language[ranked]
    found: dict[str, dict[str, float]] = {}
    for a in np.unique(query_language).tolist():
        asked = query_language == a
        means = shares[asked].mean(axis=0)
        found[languages[a]] = {languages[b]: float(means[b]) for b in np.flatnonzero(counts[asked][0]).tolist()}
    return found


def target_recalls(ranks: Ranks, query_language: IntArray, cutoffs: tuple[int, ...]) -> dict[str, FloatArray]:
    """Return `tlr@k`: of a query's relevant documents in other languages than its own, the share at ranks up to k.

    Target-languages recall of SHIFT (2606.18801, section 4.3), as in its code (`shift.metrics`).

    Args:
        ranks: exact ranks.
        query_language: (q,) language index of each query.
        cutoffs: k of each.

    Returns:
        measure -> (q,); NaN for queries without a relevant document in another language.
    """
    judged = ranks.judgments
    query, queries = judged.queries, len(query_language)
    other = judged.document_language[judged.documents] != query_language[query]
    sizes = np.bincount(query, other, minlength=queries)
    found = {k: np.bincount(query, other & (ranks.pool_rank <= k), minlength=queries) for k in cutoffs}
    return {f"tlr@{k}": np.where(sizes > 0, hits / np.maximum(sizes, 1), np.nan) for k, hits in found.items()}


def first_ranks(ranks: Ranks, cells: Cells, query_language: IntArray) -> dict[str, FloatArray]:
    """Say of the document at rank 1 whether it is relevant, and whether it is in the query's own language.

    The decomposition of MLAIRE (2605.07249), whose pools have an answer in every language: only queries with a
    relevant document in their own language and in another count, since for others a case cannot be.

    Returns:
        `relevant_own@1`, `relevant_other@1`, `irrelevant_own@1` and `irrelevant_other@1` -> (q,), 1 for one of the
        four and 0 for the others; NaN for queries that do not count, and where a run ranks nothing.
    """
    first = ranks.top[:, 0]
    queries = len(first)
    relevant = np.zeros(queries, bool)
    relevant[ranks.judgments.queries[ranks.pool_rank == 1]] = True
    own = ranks.judgments.document_language[first] == query_language
    sides = [np.bincount(cells.query, cells.mono == mono, minlength=queries) > 0 for mono in (True, False)]
    counts = sides[0] & sides[1] & (first >= 0)
    return {
        f"{answer}_{language}@1": np.where(counts, right & same, np.nan)
        for answer, right in (("relevant", relevant), ("irrelevant", ~relevant))
        for language, same in (("own", own), ("other", ~own))
    }


def peer(ranks: Ranks, cells: Cells, k: int) -> FloatArray:
    """Test whether a query's relevant documents of different languages rank alike (Kruskal-Wallis).

    The same values as the package `peer_measure` 0.0.1 gives with weights {1: 1.0}: relevant documents beyond
    rank k take the rank (2n + m + 1) / 2, n being the number of relevant documents and m those beyond k; 1
    where all are of one language. All judgments above 0 are one level of relevance. Where all ranks are equal the
    package gives NaN and this gives 1: no difference. Where documents of several languages are all beyond k the
    package gives 1 and this gives 0, the worst: else what finds nothing would be the fairest.

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
    nothing = (missing == number) & (languages > 1)
    trivial = (languages < 2) | equal
    statistic = (number - 1) * between / np.where(trivial, 1, total)
    values = np.where(trivial, 1.0, chdtrc(np.maximum(languages - 1, 1), statistic))
    return np.where(nothing, 0.0, values)


def recall_gaps(ranks: Ranks, cells: Cells, query_ids: IntArray, cutoffs: tuple[int, ...] = (10, 100)) -> Averages:
    """Compare how many of the relevant documents of each language are at ranks up to k of the pool.

    R@k of document language b is the mean, over queries with a relevant document in b, of the share of these
    found; the gap is the largest minus the smallest over languages. Languages with few queries make it noisy:
    see its interval. Where nothing is found in any language there is no gap: it is undefined, not 0.
    """
    sizes = np.bincount(cells.relevant)
    values = {f"recall_gap@{k}": np.bincount(cells.relevant, ranks.pool_rank <= k) / sizes for k in cutoffs}
    return Averages(values, query_ids[cells.query], cells.document_language, reduce="gap")


@dataclass(frozen=True)
class Bias:
    """Language bias.

    Attributes:
        summary: measure -> value or None, and `language_share@10`, `best_rank`, `by_query_language`, and of run
            files `unretrieved_documents` and `unranked_queries`, as in the result file.
        per_query: measure -> (q,) float64, NaN where it does not apply.
        averages: what the scalar values are averages of.
    """

    summary: dict[str, Any]
    per_query: dict[str, FloatArray]
    averages: tuple[Averages, ...]


def unretrieved(ranks: Ranks) -> FloatArray:
    """Return the share of each query's relevant documents (q,) that a run file leaves out."""
    query = ranks.judgments.queries
    return np.bincount(query, np.isinf(ranks.pool_rank)) / np.bincount(query)


def unretrieved_documents(ranks: Ranks, cells: Cells) -> dict[str, dict[str, int] | None]:
    """Count the relevant documents of all queries, and those that a run file leaves out, in each setting."""
    missing, mono = np.isinf(ranks.pool_rank), cells.mono[cells.relevant]
    settings = {"monolingual": mono, "cross_lingual": ~mono, "multilingual": np.ones_like(mono)}
    return {
        setting: {"relevant": int(own.sum()), "unretrieved": int(missing[own].sum())} if own.any() else None
        for setting, own in settings.items()
    }


def measure_bias(
    ranks: Ranks, cells: Cells, query_ids: IntArray, query_language: IntArray, languages: Sequence[str]
) -> Bias:
    """Compute every measure of language bias; None for what the collection does not allow to measure.

    With documents of one language all but `rank_correlation`, `mrc@10` and `unretrieved` are None; the latter is
    there for run files only.

    Args:
        ranks: exact ranks.
        cells: queries crossed with language pairs.
        query_ids: (q,) query id index of each query ranked.
        query_language: (q,) its language index.
        languages: tags by language index.
    """
    counts = ranks.judgments.pool_counts(len(languages))
    mixed = (counts > 0).sum(axis=1) > 1  # a pool of one language has no bias
    several = bool(mixed.any())
    shares = language_shares(ranks, len(languages), TOP)
    per_query = {
        **best_rank_values(ranks, cells, CUTOFFS),
        f"own_language_share@{TOP}": own_language_share(shares, query_language, counts),
        **target_recalls(ranks, query_language, TARGET_CUTOFFS),
        **first_ranks(ranks, cells, query_language),
        **{f"peer@{k}": peer(ranks, cells, k) for k in CUTOFFS},
    }
    per_query = {name: np.where(mixed, values, np.nan) for name, values in per_query.items()}
    missing = np.full(len(query_ids), np.nan)
    per_query["rank_correlation"] = missing if ranks.correlation is None else ranks.correlation
    per_query[f"mrc@{COMPARED}"] = missing if ranks.top_correlation is None else ranks.top_correlation
    if ranks.truncated:
        per_query["unretrieved"] = unretrieved(ranks)

    plain = Averages.plain(per_query, query_ids)
    gaps = recall_gaps(ranks, cells, query_ids, CUTOFFS)
    by_language = {
        languages[tag]: plain.where(query_language == tag).estimate()
        | gaps.where(cells.query_language == tag).estimate()
        for tag in np.unique(query_language)
    }
    summary: dict[str, Any] = plain.estimate() | gaps.estimate()
    summary[f"language_share@{TOP}"] = share_matrix(shares, query_language, counts, languages) if several else None
    summary["best_rank"] = best_rank_matrix(ranks, cells, languages) if several else None
    if ranks.truncated:
        summary["unretrieved_documents"] = unretrieved_documents(ranks, cells)
        summary["unranked_queries"] = int((ranks.top[:, 0] < 0).sum())
    summary["by_query_language"] = by_language if len(by_language) > 1 else None
    return Bias(summary, per_query, (plain, gaps))
