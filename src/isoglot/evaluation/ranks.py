"""Exact ranks of the relevant documents of every query, over the whole pool."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.bias.rank_correlation import unit_ranks, version_correlations
from isoglot.evaluation.keys import (
    SORT_FROM,
    KeyArray,
    choose_sort,
    count_before,
    documents_of,
    first_keys,
    order_keys,
)
from isoglot.evaluation.repeats import find_repeats

__all__ = [
    "DEFAULT_MEMORY",
    "Judgments",
    "Observer",
    "Ranks",
    "Score",
    "judgments_of",
    "language_order",
    "rank_blocks",
    "rank_embeddings",
    "rank_scores",
]

IntArray = NDArray[np.integer[Any]]
Score = Callable[[IntArray, IntArray], NDArray[np.float32]]
"""Gives the scores (b, D) of query positions (b,), columns in the order of the document rows (D,)."""
Observer = Callable[[IntArray, NDArray[np.float32], KeyArray], None]
"""Is shown query positions (b,), their scores (b, D) and the document rows (D,) of the columns; changes nothing."""

DEFAULT_MEMORY = 512 * 2**20
MOST_ROWS = 1024
"""Rows of a block beyond which a matrix product gains nothing."""
LAST = np.float32(-3e38)
"""Score of a document that is not in a query's pool: behind every other, and finite."""


def _none() -> IntArray:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Judgments:
    """What is to be ranked: query rows with their relevant documents, in compressed rows.

    Attributes:
        query_rows: (q,) query rows, each with at least one relevant document.
        query_ids: (q,) query id index of each query row.
        offsets: (q + 1,) int64; the relevant documents of query i are `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows.
        gains: (n,) judgments, above 0.
        document_language: (D,) language index of every document of the pool.
        excluded_queries: (m,) positions of queries, ascending, that a document is not in the pool of.
        excluded_documents: (m,) the rows of these documents.
    """

    query_rows: IntArray
    query_ids: IntArray
    offsets: IntArray
    documents: IntArray
    gains: IntArray
    document_language: IntArray
    excluded_queries: IntArray = field(default_factory=_none)
    excluded_documents: IntArray = field(default_factory=_none)

    @cached_property
    def queries(self) -> IntArray:
        """(n,) position of the query that each relevant document belongs to."""
        return np.repeat(np.arange(len(self.query_rows)), np.diff(self.offsets))

    def excluded_from(self, queries: IntArray) -> tuple[IntArray, IntArray]:
        """Return what is not in the pools of query positions (b,): places in `queries` (e,), document rows (e,)."""
        starts, ends = (np.searchsorted(self.excluded_queries, queries, side) for side in ("left", "right"))
        places = np.repeat(np.arange(len(queries)), ends - starts)
        rows = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        return places, self.excluded_documents[np.concatenate(rows) if rows else _none()]


@dataclass(frozen=True)
class Ranks:
    """Exact ranks. Documents with equal scores rank by document row, the lower row first.

    A run file may not rank every document: those that it leaves out have rank inf, and `top` is filled up with -1.

    Attributes:
        judgments: what was ranked; arrays of shape (n,) below run along its relevant documents.
        pool_rank: (n,) int64 (float64 where truncated), rank from 1 among all documents.
        language_rank: (n,) int64 (or float64), rank from 1 among the documents of the relevant document's own
            language.
        top: (q, k) int64, the document rows at ranks 1..k of the pool.
        correlation: (q,) mean Spearman correlation of a query's ranking of the pool with those of the other
            language versions of its query id, NaN where there is none; None if not asked for.
        truncated: whether documents may be unranked, as in run files.
    """

    judgments: Judgments
    pool_rank: NDArray[Any]
    language_rank: NDArray[Any]
    top: IntArray
    correlation: NDArray[np.float64] | None = None
    truncated: bool = False


def judgments_of(collection: Collection, query_rows: IntArray) -> Judgments:
    """Gather the relevant documents of query rows (q,), each of which has at least one.

    Where the collection `finds_translations`, those in a query's own language are not in its pool, and no answers.
    """
    relevance = collection.relevance
    ids = collection.query_index[query_rows]
    counts = np.diff(relevance.offsets)[ids]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    taken = np.repeat(relevance.offsets[ids], counts) + within
    documents, gains = relevance.documents[taken], relevance.scores[taken]
    rows, language = np.asarray(query_rows), collection.document_language
    if not collection.finds_translations:
        return Judgments(rows, ids, offsets, documents, gains, language)
    query = np.repeat(np.arange(len(ids)), counts)
    own = language[documents] == collection.query_language[query_rows][query]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(query[~own], minlength=len(ids)))]).astype(np.int64)
    return Judgments(rows, ids, offsets, documents[~own], gains[~own], language, query[own], documents[own])


def _blocks(ids: IntArray, rows: int, together: bool) -> list[tuple[int, int]]:
    """Cut positions 0..q-1, sorted by id, into blocks of at most `rows`.

    With `together` no id is cut in two, so a block holds more than `rows` where an id alone does.
    """
    if not together:
        return [(start, min(start + rows, len(ids))) for start in range(0, len(ids), rows)]
    ends = np.append(np.flatnonzero(np.diff(ids)) + 1, len(ids))
    blocks, start = [], 0
    while start < len(ids):
        last = int(np.searchsorted(ends, start + rows, side="right")) - 1
        end = int(ends[last]) if last >= 0 else 0
        if end <= start:
            end = int(ends[last + 1])
        blocks.append((start, end))
        start = end
    return blocks


class _Ranker:
    """Ranks rows of scores one by one, so that what a row needs stays in the cache, in several threads."""

    def __init__(self, judged: Judgments, top: int, correlation: bool) -> None:
        self.judged = judged
        self.correlation = correlation
        language = judged.document_language
        pool = len(language)
        self.columns = np.argsort(language, kind="stable").astype(np.int64)  # of one language side by side
        self.starts = np.searchsorted(language[self.columns], np.arange(int(language.max(initial=0)) + 2))
        column_of = np.empty(pool, np.int64)
        column_of[self.columns] = np.arange(pool)
        self.column_of = column_of
        self.relevant_columns = column_of[judged.documents]
        self.relevant_languages = language[judged.documents]
        self.sort = choose_sort(pool)
        self.unit_ranks = unit_ranks(pool)
        self.ranks = Ranks(
            judged,
            np.empty(len(judged.documents), np.int64),
            np.empty(len(judged.documents), np.int64),
            np.empty((len(judged.query_rows), min(top, pool)), np.int64),
            np.full(len(judged.query_rows), np.nan) if correlation else None,
        )

    def rank_row(self, query: int, scores: NDArray[np.float32]) -> None:
        """Rank one query by its scores (D,), columns sorted by language; unit ranks may replace them."""
        relevant = slice(self.judged.offsets[query], self.judged.offsets[query + 1])
        keys = order_keys(scores, self.columns)
        wanted = keys[self.relevant_columns[relevant]]
        self.ranks.language_rank[relevant] = self._within_language(keys, wanted, relevant)
        top = self.ranks.top.shape[1]
        if self.correlation or len(wanted) >= SORT_FROM:
            keys = self.sort(keys, scores)
            before = np.searchsorted(keys, wanted)
            best = keys[:top]
        else:
            before = count_before(keys, wanted)
            best = first_keys(keys, top)
        self.ranks.pool_rank[relevant] = before + 1
        self.ranks.top[query] = documents_of(best)
        if self.correlation:
            scores[documents_of(keys)] = self.unit_ranks

    def _within_language(self, keys: KeyArray, wanted: KeyArray, relevant: slice) -> IntArray:
        """Rank the wanted keys (m,) among those (D,) of the documents of their own language."""
        languages = self.relevant_languages[relevant]
        if len(wanted) < SORT_FROM:
            starts, ends = self.starts[languages].tolist(), self.starts[languages + 1].tolist()
            places = zip(wanted, starts, ends, strict=True)
            return np.array([np.count_nonzero(keys[start:end] < key) + 1 for key, start, end in places])
        found = np.empty(len(wanted), np.int64)
        for language in set(languages.tolist()):
            own = languages == language
            segment = keys[self.starts[language] : self.starts[language + 1]]
            found[own] = count_before(segment, wanted[own]) + 1
        return found

    def rank_rows(self, queries: IntArray, scores: NDArray[np.float32]) -> None:
        """Rank queries (b,), sorted by query id, by their scores (b, D), which are overwritten."""
        for query, row in zip(queries.tolist(), scores, strict=True):
            self.rank_row(query, row)
        if self.ranks.correlation is not None:
            ids = self.judged.query_ids[queries]
            edges = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
            for start, end in pairwise(edges):
                self.ranks.correlation[queries[start:end]] = version_correlations(scores[start:end])


def rank_blocks(
    score: Score,
    judged: Judgments,
    *,
    top: int = 10,
    correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
    observe: Observer | None = None,
) -> Ranks:
    """Rank documents block by block, by scores that are computed when they are needed.

    Documents that are not in a query's pool come last.

    Args:
        score: returns scores (b, D) float32, no NaN, higher is better, which may be overwritten.
        judged: the queries and their relevant documents.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions.
        memory: bytes that a block of scores may take.
        observe: is shown every block of scores before it is ranked.
    """
    ranker = _Ranker(judged, top, correlation)
    order = np.argsort(judged.query_ids, kind="stable")  # language versions of one query side by side
    ids = judged.query_ids[order]
    per_block = min(max(1, memory // (4 * max(len(ranker.columns), 1))), MOST_ROWS)
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as workers:
        for start, end in _blocks(ids, per_block, correlation):
            scores = score(order[start:end], ranker.columns)
            places, documents = judged.excluded_from(order[start:end])
            scores[places, ranker.column_of[documents]] = LAST
            if observe is not None:
                observe(order[start:end], scores, ranker.columns)
            parts = _blocks(ids[start:end], max(1, (end - start) // (4 * threads)), correlation)
            tasks = [workers.submit(ranker.rank_rows, order[start:end][a:b], scores[a:b]) for a, b in parts]
            for task in tasks:
                task.result()
    return ranker.ranks


def rank_scores(
    scores: NDArray[np.floating[Any]],
    judged: Judgments,
    *,
    top: int = 10,
    correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
) -> Ranks:
    """Rank documents by given scores.

    Args:
        scores: (q, D), rounded to fp32; higher is better.
        judged: the queries (rows of `scores`) and their relevant documents.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions.
        memory: bytes that a block of scores may take.

    Raises:
        InputError: a score is NaN, or the shape does not match the judgments.
    """
    table = np.asarray(scores, dtype=np.float32)
    expected = (len(judged.query_rows), len(judged.document_language))
    if table.shape != expected:
        raise InputError(f"scores have shape {table.shape}, expected (queries, documents) {expected}")
    if np.isnan(table).any():
        raise InputError("a score is NaN: documents cannot be ranked; check the embeddings")

    def score(queries: IntArray, columns: IntArray) -> NDArray[np.float32]:
        return table[queries][:, columns]

    return rank_blocks(score, judged, top=top, correlation=correlation, memory=memory)


def language_order(document_language: IntArray) -> IntArray | None:
    """Return the document rows (D,) in the order of their languages, as ranking wants them; None if they are."""
    if (np.diff(document_language.astype(np.int64)) >= 0).all():
        return None
    return np.argsort(document_language, kind="stable")


def _tensor(array: NDArray[np.float32]) -> torch.Tensor:
    """Share an array with torch, which warns of those that are read-only, as memory-mapped files are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array))


def rank_embeddings(
    query_embeddings: NDArray[np.float32],
    document_embeddings: NDArray[np.float32],
    judged: Judgments,
    *,
    top: int = 10,
    correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
    device: str | torch.device = "cpu",
    observe: Observer | None = None,
    arranged: bool = False,
) -> Ranks:
    """Rank all documents for every query by the inner product of embeddings, in fp32.

    Documents with the same embedding get the same score, exactly: matrix products round differently at
    different places of a matrix, which would break such ties by chance. The product is torch's on any
    device; ranking is numpy's on as many CPU threads as torch has.

    Ranking goes through the documents by language. Where the collection does not have them in this order they are
    copied into it, unless they are given so.

    Args:
        query_embeddings: (q, d) float32, in the order of `judged.query_rows`.
        document_embeddings: (D, d) float32.
        judged: the queries and their relevant documents.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions; it needs whole rankings
            sorted, and the language versions of one query in one block.
        memory: bytes that a block of scores may take; exceeded only where one query (with `correlation`, one
            query id with its versions) alone takes more.
        device: where to multiply, `cpu` or `cuda`.
        observe: is shown every block of scores before it is ranked; to write run files, say.
        arranged: whether `document_embeddings` are in the order of `language_order` and not in that of rows.

    Returns:
        The ranks.
    """
    order = None if arranged else language_order(judged.document_language)
    table = np.ascontiguousarray(document_embeddings if order is None else document_embeddings[order])
    again, origin = find_repeats(table)
    documents = _tensor(table).to(device).T
    queries = _tensor(query_embeddings).to(device)
    buffer = torch.empty(0, documents.shape[1], device=device)  # grows once: fresh memory is slow to touch

    def score(positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
        nonlocal buffer
        if len(buffer) < len(positions):
            buffer = torch.empty(len(positions), len(columns), device=device)
        picked = queries[torch.from_numpy(positions).to(device)]
        scores = torch.mm(picked, documents, out=buffer[: len(positions)]).cpu().numpy()
        if len(again):
            for row in scores:  # one by one: a block of them would be a second block
                row[again] = row[origin]
        return scores

    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")  # a trainer may have allowed TF32
    try:
        with torch.no_grad():
            return rank_blocks(score, judged, top=top, correlation=correlation, memory=memory, observe=observe)
    finally:
        torch.set_float32_matmul_precision(precision)
