"""TREC run files of any system, ranked and evaluated."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.cautions import POOL
from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.bias import TOP
from isoglot.evaluation.judgments import Judgments, Ranks, judgments_of, tell_identical
from isoglot.evaluation.merging import check_merging, fair_run_scores, tell_one_language
from isoglot.evaluation.pools import pool_rule, restrict_pools
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources.ids import few, query_names
from isoglot.evaluation.sources.run_reading import RunEntries, read_run
from isoglot.evaluation.summary import Clock, Measuring, check_measuring, result_of_merged, result_of_ranks
from isoglot.evaluation.version_rankings import COMPARED, top_correlations, unit_ranks, version_correlations

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["evaluate_run", "merge_run", "note_what_is_missing", "ranks_of_run"]

IntArray = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)


def _places(group: IntArray) -> IntArray:
    """Return the place, from 1, of each element within its run of equal values of a sorted array (n,)."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(1, len(group) + 1) - np.repeat(starts, np.diff(starts, append=len(group)))


def _in_pool(entries: RunEntries, judged: Judgments) -> tuple[IntArray, IntArray]:
    """Return the position of each line's query (n,), -1 where it is not judged, and the lines (m,) of the pools."""
    pool = len(judged.document_language)
    position_of = np.full(int(max(entries.queries.max(initial=0), judged.query_rows.max())) + 1, -1)
    position_of[judged.query_rows] = np.arange(len(judged.query_rows))
    position = position_of[entries.queries]
    ranked = position.astype(np.int64) * pool + entries.documents
    excluded = judged.excluded_queries.astype(np.int64) * pool + judged.excluded_documents
    kept = np.flatnonzero((position >= 0) & ~np.isin(ranked, excluded))
    if judged.pools is not None and judged.pool_of is not None:
        pools = judged.pools[judged.pool_of[position[kept]], judged.document_language[entries.documents[kept]]]
        kept = kept[pools]
    return position, kept


def merge_run(entries: RunEntries, judged: Judgments, query_language: IntArray, method: str) -> RunEntries:
    """Return the lines of a run that are of judged queries and in their pools, with scores that rank them fairly.

    Args:
        entries: lines of the run.
        judged: the queries and their relevant documents.
        query_language: (q,) language index of each query.
        method: one of `MERGINGS`.
    """
    position, kept = _in_pool(entries, judged)
    kept = kept[np.lexsort((entries.documents[kept], position[kept]))]
    documents = entries.documents[kept]
    scores = fair_run_scores(position[kept], documents, entries.scores[kept], judged, query_language, method)
    return replace(entries, queries=entries.queries[kept], documents=documents, scores=scores)


def ranks_of_run(entries: RunEntries, judged: Judgments, *, top: int = TOP, correlation: bool = True) -> Ranks:
    """Rank what a run file ranks: by score, equal scores by document row (trec_eval: by document id).

    The rank among the documents of a language is that of the run without all other documents.

    Args:
        entries: lines of the run; queries that are not judged are left out, and documents that are not in a query's
            pool.
        judged: the queries and their relevant documents.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions; done only where the run ranks
            the whole pool for every query.

    Returns:
        The ranks: inf for relevant documents that the run does not have.
    """
    pool, languages = len(judged.document_language), int(judged.document_language.max(initial=0)) + 1
    position, kept = _in_pool(entries, judged)
    kept = kept[np.lexsort((entries.documents[kept], -entries.scores[kept], position[kept]))]
    query, document = position[kept], entries.documents[kept]

    pool_place = _places(query)
    group = query * languages + judged.document_language[document]
    by_language = np.argsort(group, kind="stable")
    language_place = np.empty_like(pool_place)
    language_place[by_language] = _places(group[by_language])

    keys = query * pool + document
    order = np.argsort(keys)
    wanted = judged.queries * pool + judged.documents
    at = np.searchsorted(keys, wanted, sorter=order)
    at = order[np.minimum(at, max(len(keys) - 1, 0))] if len(keys) else np.zeros(len(wanted), np.int64)
    found = keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)
    best = np.full((len(judged.query_rows), min(top, pool)), -1)
    high = pool_place <= best.shape[1]
    best[query[high], pool_place[high] - 1] = document[high]
    whole = len(keys) == len(judged.query_rows) * pool
    correlations, on_top = (
        _correlations(document.reshape(-1, pool), judged) if whole and correlation else (None, None)
    )
    return Ranks(
        judged,
        np.where(found, pool_place[at], np.inf) if len(keys) else np.full(len(wanted), np.inf),
        np.where(found, language_place[at], np.inf) if len(keys) else np.full(len(wanted), np.inf),
        best,
        correlations,
        on_top,
        truncated=True,
    )


def _correlations(rankings: IntArray, judged: Judgments) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Correlate the whole rankings (q, D) of the language versions of every query, and what is on top of them."""
    order = np.argsort(judged.query_ids, kind="stable")
    ids = judged.query_ids[order]
    values, on_top = np.full((2, len(ids)), np.nan)
    shape = unit_ranks(rankings.shape[1])
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]):
        units = np.empty((end - start, rankings.shape[1]), np.float32)
        np.put_along_axis(units, rankings[order[start:end]], np.broadcast_to(shape, units.shape), axis=1)
        values[order[start:end]] = version_correlations(units)
        on_top[order[start:end]] = top_correlations(units, rankings[order[start:end], :COMPARED])
    return values, on_top


def note_what_is_missing(path: Path, entries: RunEntries, ranks: Ranks, collection: Collection) -> None:
    """Say which queries and how many of the relevant documents a run does not have.

    Raises:
        InputError: it has no judged query.
    """
    judged = ranks.judgments
    absent = judged.query_rows[~np.isin(judged.query_rows, entries.queries)]
    if len(absent) == len(judged.query_rows):
        raise InputError(f"{path} has no query with a relevant document in {collection.name}: check its qrels")
    if len(absent):
        shown = few([str(name) for name in query_names(collection, absent[:4])])
        logger.warning(
            "%s has nothing for %d of %d judged queries (%s): they count, with nothing found",
            path,
            len(absent),
            len(judged.query_rows),
            shown,
        )
    share = float(np.isinf(ranks.pool_rank).mean())
    if share:
        logger.warning(
            "%s does not have %.1f %% of the relevant documents: they count as not found, and as last of the pool "
            "(rank %d) in rank_distance and max_rank",
            path,
            100 * share,
            len(judged.document_language),
        )


def evaluate_run(
    path: str | Path,
    collection: Collection,
    *,
    name: str | None = None,
    rank_correlation: bool = True,
    ignore_identical_ids: bool = True,
    fair: str | None = None,
    pool_languages: str | Sequence[str] | None = None,
    without_own_answer: bool = False,
    **measuring: Unpack[Measuring],
) -> Result:
    """Evaluate the run file of any system: the three settings and language bias; geometry is None.

    The run should rank the multilingual pool. Measures of a language pair are those of the run without the
    documents of other languages. A relevant document that the run does not have contributes nothing to rank
    measures, as in trec_eval; in `rank_distance` and `max_rank` it is last of the pool. `bias["unretrieved"]` is
    the mean over queries of the share of such documents: the larger, the less the other measures of bias say.
    Memory: about 150 bytes a line.

    Args:
        path: the run file, see `read_run`.
        collection: the collection that was searched.
        name: what the result calls the system; None for the run's tag.
        rank_correlation: whether to measure it, and `mrc@10`, where the run ranks the whole pool for every query.
        ignore_identical_ids: as for `judgments_of`.
        fair: how the ranking of what the run holds is merged anew, as for `evaluate`.
        pool_languages: as for `evaluate`.
        without_own_answer: as for `evaluate`.
        **measuring: `measures`, `bootstrap` and `seed`, as for `evaluate`.

    Raises:
        InputError: the run is not one of this collection (see `read_run`), or a measure is unknown.
    """
    check_measuring(measuring)
    check_merging(fair)
    rule = pool_rule(collection, pool_languages, without_own_answer)
    clock = Clock()
    judged = judgments_of(collection, collection.judged_query_rows(), ignore_identical_ids=ignore_identical_ids)
    tell_identical(judged, collection.name)
    entries = read_run(path, collection)
    clock.lap("read")
    correlation = rank_correlation and judged.has_versions and rule is None
    ranks = ranks_of_run(entries, judged, correlation=correlation)
    note_what_is_missing(Path(path), entries, ranks, collection)
    name = name or entries.tag
    pairs = None if rule is None else ranks
    if rule is not None:
        judged = restrict_pools(judged, rule, collection)
        ranks = ranks_of_run(entries, judged, correlation=False)
    made = None if rule is None else {POOL: rule.to_dict()}
    measure = partial(result_of_ranks, ranks)
    if fair is not None:
        tell_one_language(judged, collection.name)
        language = collection.query_language[judged.query_rows].astype(np.int64)
        merged = ranks_of_run(merge_run(entries, judged, language, fair), judged, correlation=correlation)
        measure = partial(result_of_merged, merged, ranks, fair)
    clock.lap("rank")
    return measure(collection, name=name, pairs=pairs, made=made, clock=clock, **measuring)
