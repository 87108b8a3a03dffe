"""Exact ranks of the relevant documents of every query, over the whole pool."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.errors import InputError
from isoglot.evaluation.judgments import IntArray, Judgments, Ranks
from isoglot.evaluation.keys import (
    SORT_FROM,
    KeyArray,
    choose_sort,
    count_before,
    documents_of,
    find_repeats,
    first_keys,
    order_keys,
)
from isoglot.evaluation.products import Table, exact_products, multiplier, shared_tensor
from isoglot.evaluation.version_rankings import COMPARED, top_correlations, unit_ranks, version_correlations

__all__ = [
    "DEFAULT_MEMORY",
    "LAST",
    "Observer",
    "Score",
    "block_rows",
    "language_order",
    "query_blocks",
    "rank_blocks",
    "rank_embeddings",
    "rank_scores",
]

Score = Callable[[IntArray, IntArray], NDArray[np.float32]]
"""Gives the scores (b, D) of query positions (b,), columns in the order of the document rows (D,)."""
Observer = Callable[[IntArray, NDArray[np.float32], KeyArray], None]
"""Is shown query positions (b,), their scores (b, D) and the document rows (D,) of the columns; changes nothing."""

DEFAULT_MEMORY = 512 * 2**20
MOST_ROWS = 1024
"""Rows of a block beyond which a matrix product gains nothing."""
LAST = np.float32(-3e38)
"""Score of a document that is not in a query's pool: behind every other, and finite."""


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


def block_rows(pool: int, memory: int) -> int:
    """Return how many rows of scores of a pool of documents, fp32, are computed together."""
    return min(max(1, memory // (4 * max(pool, 1))), MOST_ROWS)


def query_blocks(judged: Judgments, memory: int, correlation: bool) -> list[IntArray]:
    """Return the positions of queries whose scores are computed together, block by block.

    Language versions of one query are side by side, and with `correlation` in one block.
    """
    order = np.argsort(judged.query_ids, kind="stable")
    per_block = block_rows(len(judged.document_language), memory)
    return [order[start:end] for start, end in _blocks(judged.query_ids[order], per_block, correlation)]


class _Ranker:
    """Ranks rows of scores one by one, so that what a row needs stays in the cache, in several threads."""

    def __init__(self, judged: Judgments, top: int, correlation: bool) -> None:
        self.judged = judged
        self.correlation = correlation
        language = judged.document_language
        pool = len(language)
        self.columns = judged.columns
        self.starts = np.searchsorted(language[self.columns], np.arange(int(language.max(initial=0)) + 2))
        self.relevant_columns = judged.column_of[judged.documents]
        self.relevant_languages = language[judged.documents]
        self.sort = choose_sort(pool)
        self.unit_ranks = unit_ranks(pool)
        self.ranks = Ranks(
            judged,
            np.empty(len(judged.documents), np.int64),
            np.empty(len(judged.documents), np.int64),
            np.empty((len(judged.query_rows), min(top, pool)), np.int64),
            np.full(len(judged.query_rows), np.nan) if correlation else None,
            np.full(len(judged.query_rows), np.nan) if correlation else None,
        )

    def rank_row(self, query: int, scores: NDArray[np.float32]) -> KeyArray:
        """Rank one query by its scores (D,), columns sorted by language.

        With correlations unit ranks replace the scores. Returns the documents on top, `COMPARED` or more.
        """
        relevant = slice(self.judged.offsets[query], self.judged.offsets[query + 1])
        keys = order_keys(scores, self.columns)
        wanted = keys[self.relevant_columns[relevant]]
        self.ranks.language_rank[relevant] = self._within_language(keys, wanted, relevant)
        depth = min(max(self.ranks.top.shape[1], COMPARED), len(keys))
        if self.correlation or len(wanted) >= SORT_FROM:
            keys = self.sort(keys, scores)
            before = np.searchsorted(keys, wanted)
            best = documents_of(keys[:depth])
        else:
            before = count_before(keys, wanted)
            best = documents_of(first_keys(keys, depth))
        self.ranks.pool_rank[relevant] = before + 1
        self.ranks.top[query] = best[: self.ranks.top.shape[1]]
        if self.correlation:
            scores[documents_of(keys)] = self.unit_ranks
        return best

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
        best = [self.rank_row(query, row) for query, row in zip(queries.tolist(), scores, strict=True)]
        if self.ranks.correlation is not None and self.ranks.top_correlation is not None:
            ids, top = self.judged.query_ids[queries], np.stack(best)[:, :COMPARED]
            edges = [0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]
            for start, end in pairwise(edges):
                self.ranks.correlation[queries[start:end]] = version_correlations(scores[start:end])
                self.ranks.top_correlation[queries[start:end]] = top_correlations(scores[start:end], top[start:end])


def rank_blocks(
    score: Score,
    judged: Judgments,
    *,
    top: int = 10,
    correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
    observe: Observer | None = None,
    blocks: Sequence[IntArray] | None = None,
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
        blocks: which of `query_blocks` to rank; ranks of other queries stay unset. None for all.
    """
    ranker = _Ranker(judged, top, correlation)
    threads = torch.get_num_threads()
    with ThreadPoolExecutor(threads) as workers:
        for queries in query_blocks(judged, memory, correlation) if blocks is None else blocks:
            scores = score(queries, ranker.columns)
            places, documents = judged.excluded_from(queries)
            scores[places, judged.column_of[documents]] = LAST
            if observe is not None:
                observe(queries, scores, ranker.columns)
            parts = _blocks(judged.query_ids[queries], max(1, len(queries) // (4 * threads)), correlation)
            tasks = [workers.submit(ranker.rank_rows, queries[a:b], scores[a:b]) for a, b in parts]
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


def rank_embeddings(
    query_embeddings: NDArray[np.float32],
    document_embeddings: Table,
    judged: Judgments,
    *,
    top: int = 10,
    correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
    device: str | torch.device = "cpu",
    observe: Observer | None = None,
    arranged: bool = False,
    merge: Callable[[Score], Score] | None = None,
    blocks: Sequence[IntArray] | None = None,
    repeats: tuple[IntArray, IntArray] | None = None,
) -> Ranks:
    """Rank all documents for every query by the inner product of embeddings, in fp32.

    Documents with the same embedding get the same score, exactly: matrix products round differently at
    different places of a matrix, which would break such ties by chance. The product is torch's on any
    device (`multiplier`); ranking is numpy's on as many CPU threads as torch has.

    Ranking goes through the documents by language. Where the collection does not have them in this order they are
    copied into it, unless they are given so.

    Args:
        query_embeddings: (q, d) float32, in the order of `judged.query_rows`.
        document_embeddings: (D, d) float32; an array unless they are `arranged`.
        judged: the queries and their relevant documents.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions; it needs whole rankings
            sorted, and the language versions of one query in one block.
        memory: bytes that a block of scores may take; exceeded only where one query (with `correlation`, one
            query id with its versions) alone takes more.
        device: where to multiply, `cpu` or `cuda`.
        observe: is shown every block of scores before it is ranked; to write run files, say.
        arranged: whether `document_embeddings` are in the order of `language_order` and not in that of rows.
        merge: makes other scores of these before documents are ranked (`fair_score`); None for the products
            themselves.
        blocks: as for `rank_blocks`.
        repeats: what `find_repeats` gives of the documents, where it is known.

    Returns:
        The ranks.
    """
    order = None if arranged else language_order(judged.document_language)
    table = document_embeddings if order is None else document_embeddings[order]
    table = np.ascontiguousarray(table) if isinstance(table, np.ndarray) else table
    again, origin = find_repeats(table) if repeats is None else repeats
    queries = shared_tensor(query_embeddings).to(device)
    with exact_products(), multiplier(table, device) as multiply:

        def score(positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
            scores: NDArray[np.float32] = multiply(queries[torch.from_numpy(positions).to(device)]).cpu().numpy()
            if len(again):
                for row in scores:  # one by one: a block of them would be a second block
                    row[again] = row[origin]
            return scores

        scored = score if merge is None else merge(score)
        return rank_blocks(
            scored, judged, top=top, correlation=correlation, memory=memory, observe=observe, blocks=blocks
        )
