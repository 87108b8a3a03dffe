"""Fair rankings of a whole evaluation: the pool of every query, or what a run holds of it, merged anew."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.evaluation.fair import FAIR, Calibration, check_fair, fair_ranking, fit_calibration, merge_best
from isoglot.evaluation.judgments import IntArray, Judgments
from isoglot.evaluation.ranks import Score

__all__ = ["MERGINGS", "ORACLE", "check_merging", "fair_name", "fair_run_scores", "fair_score", "tell_one_language"]

FloatArray = NDArray[np.float64]

ORACLE = "oracle"
MERGINGS = (*FAIR, ORACLE)
"""The methods, and the upper bound on them."""

logger = logging.getLogger(__name__)


def check_merging(method: str | None) -> None:
    """Check the name of a method, or of the upper bound; None is none.

    Raises:
        InputError: there is no such method.
    """
    if method is not None:
        check_fair(method, MERGINGS)


def fair_name(name: str, method: str) -> str:
    """Return what a result calls a system whose ranking was merged anew."""
    return f"{name}, oracle (upper bound)" if method == ORACLE else f"{name}, {method}"


def tell_one_language(judged: Judgments, name: str) -> None:
    """Say that there is nothing to merge in a pool of one language."""
    if len(np.unique(judged.document_language)) < 2:
        logger.warning("%s has documents of one language: a fair ranking of them is the ranking itself", name)


def fair_score(score: Score, judged: Judgments, method: str) -> Score:
    """Return what scores documents by their fair ranks instead: 1 / rank, 0 for what is not in a query's pool.

    It takes whole rows of scores and changes them in place, one by one, so a block needs no second one. Scores are
    standardised by those of the query's own pool, which is all there is to know.

    Args:
        score: gives the scores of blocks of queries.
        judged: the queries and their relevant documents.
        method: one of `MERGINGS`.
    """
    language = judged.document_language.astype(np.int64)
    sizes = np.bincount(language)
    everything = np.arange(len(language))

    def fair(positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
        scores = score(positions, columns)
        places, excluded = judged.excluded_from(positions)
        edges = np.searchsorted(places, np.arange(len(positions) + 1))
        for at, (query, row) in enumerate(zip(positions.tolist(), scores, strict=True)):
            left_out = excluded[edges[at] : edges[at + 1]]
            pool = everything
            if judged.pools is not None and judged.pool_of is not None:
                pool = np.flatnonzero(judged.pools[judged.pool_of[query]][language])
                left_out = np.searchsorted(pool, left_out[np.isin(left_out, pool)])
            rows = np.delete(pool, left_out) if len(left_out) else pool
            values = row[judged.column_of[rows]]  # in the order of rows, which decides between equals
            if method == ORACLE:
                relevant = np.isin(rows, judged.documents[judged.offsets[query] : judged.offsets[query + 1]])
                order, _ = merge_best(values, language[rows], relevant)
            else:
                order, _ = fair_ranking(values, language[rows], method, sizes=sizes)
            row[:] = 0
            row[judged.column_of[rows[order]]] = 1 / np.arange(1, len(order) + 1)
        return scores

    return fair


def _standardise(scores: FloatArray) -> FloatArray:
    """Bring the scores (n,) of one query to mean 0 and deviation 1, where they differ."""
    deviation = scores.std()
    return (scores - scores.mean()) / deviation if 0 < deviation < np.inf else scores - scores.mean()


def fair_run_scores(
    queries: IntArray,
    documents: IntArray,
    scores: FloatArray,
    judged: Judgments,
    query_language: IntArray,
    method: str,
) -> FloatArray:
    """Return scores (n,) that rank what a run ranks fairly: 1 / rank.

    A run holds the best documents of a query, of some languages few. So scores are standardised by those of all
    queries of its language, each query's brought to mean 0 and deviation 1 before, since scores of different
    queries do not compare.

    Args:
        queries: (n,) positions of queries, sorted; only documents in their pools.
        documents: (n,) document rows, ascending for each query.
        scores: (n,) finite.
        judged: the queries and their relevant documents.
        query_language: (q,) language index of each query.
        method: one of `MERGINGS`.
    """
    language = judged.document_language.astype(np.int64)
    sizes = np.bincount(language)
    edges = np.append(np.flatnonzero(np.diff(queries, prepend=-1)), len(queries))
    parts = [slice(start, end) for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)]
    values, known = scores, dict[int, Calibration]()
    if method == "calibrate":
        values = np.concatenate([_standardise(scores[part]) for part in parts]) if parts else scores
        asked = query_language[queries]
        for code in np.unique(asked).tolist():
            known[code] = fit_calibration(values[asked == code], language[documents[asked == code]], len(sizes))
    found = np.empty(len(scores))
    for part in parts:
        query, rows = int(queries[part.start]), documents[part]
        if method == ORACLE:
            relevant = np.isin(rows, judged.documents[judged.offsets[query] : judged.offsets[query + 1]])
            order, _ = merge_best(values[part], language[rows], relevant)
        else:
            calibration: Any = known.get(int(query_language[query]))
            order, _ = fair_ranking(values[part], language[rows], method, known=calibration, sizes=sizes)
        found[part.start + order] = 1 / np.arange(1, len(order) + 1)
    return found
