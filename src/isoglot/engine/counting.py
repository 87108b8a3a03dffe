"""Exact ranks counted shard by shard: each is gone through by one worker alone, and counts are added up.

First a worker says what the relevant documents of its shards score; then each counts, of its shards, how many
documents come before them. Both go by sortable keys (`isoglot.evaluation.keys`), so ties need no care.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.engine.cluster import Workers
from isoglot.engine.encoding import worker_device
from isoglot.engine.shards import ShardTable
from isoglot.evaluation.judgments import IntArray, Judgments, Ranks
from isoglot.evaluation.keys import count_before, documents_of, find_repeats, first_keys, order_keys
from isoglot.evaluation.products import TILE, exact_products, multiplier, shared_tensor
from isoglot.evaluation.ranks import LAST, query_blocks

__all__ = ["count_ranks"]

FloatArray = NDArray[np.float32]
KeyArray = NDArray[np.int64]


@dataclass
class _Counting:
    """What a worker counts; places are those of the shards' order, in which languages lie side by side.

    Attributes:
        queries: (q, d).
        documents: the shards.
        judged: queries and their relevant documents.
        top: how many of the best documents of each query to find.
        memory: bytes that a block of scores of the whole pool may take, which decides the blocks.
        device: `cpu` to leave a GPU alone.
        again: (m,) places of documents that equal an earlier one; None until they are known.
        origin: (m,) the places of the first of their kind.
        wanted: (n,) keys of the relevant documents; None until they are known.
    """

    queries: FloatArray
    documents: ShardTable
    judged: Judgments
    top: int
    memory: int
    device: str | None
    again: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    origin: IntArray = field(default_factory=lambda: np.empty(0, np.int64))
    wanted: KeyArray | None = None

    def blocks(self) -> list[tuple[IntArray, torch.Tensor]]:
        """Return positions of queries, and their embeddings, block by block."""
        asked = shared_tensor(self.queries).to(worker_device(self.device))
        return [(at, asked[torch.from_numpy(at)]) for at in query_blocks(self.judged, self.memory, False)]

    def scored_places(self) -> IntArray:
        """Return (n,) at which place each relevant document is scored: that of the first equal one."""
        places = self.judged.column_of[self.judged.documents]
        at = np.minimum(np.searchsorted(self.again, places), max(len(self.again) - 1, 0))
        repeated = self.again[at] == places if len(self.again) else np.zeros(len(places), bool)
        return np.where(repeated, self.origin[at], places) if repeated.any() else places


def _repeats(counting: _Counting, _: None) -> tuple[IntArray, IntArray]:
    return find_repeats(counting.documents)


def _scores_at(counting: _Counting, asked: torch.Tensor, rows: IntArray, places: IntArray) -> FloatArray:
    """Return the scores (m,) of queries of a block, by row (m,), and documents, by place (m,).

    Args:
        counting: what is counted.
        asked: (b, d) the block.
        rows: (m,) rows of the block.
        places: (m,) places of documents.
    """
    found = np.empty(len(places), np.float32)
    for tile in np.unique(places // TILE).tolist():
        own = places // TILE == tile
        start = tile * TILE
        with multiplier(counting.documents.part(start, start + TILE), asked.device) as multiply:
            scores = multiply(asked).cpu().numpy()
        found[own] = scores[rows[own], places[own] - start]
    return found


def _look(counting: _Counting, piece: tuple[int, int]) -> tuple[IntArray, FloatArray]:
    """Return which relevant documents (m,) are scored at places of a piece, and what they score (m,)."""
    judged, places = counting.judged, counting.scored_places()
    here = (places >= piece[0]) & (places < piece[1])
    entries, scores = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    row_of = np.empty(len(judged.query_rows), np.int64)
    with exact_products():
        for positions, asked in counting.blocks():
            row_of[positions] = np.arange(len(positions))
            inside = np.zeros(len(judged.query_rows), bool)
            inside[positions] = True
            some = np.flatnonzero(here & inside[judged.queries])
            entries.append(some)
            scores.append(_scores_at(counting, asked, row_of[judged.queries[some]], places[some]))
    return np.concatenate(entries), np.concatenate(scores)


def _fill_repeats(
    counting: _Counting, asked: torch.Tensor, scores: FloatArray, again: IntArray, origin: IntArray, start: int
) -> None:
    """Give repeats in a piece the scores of the first of their kind, which may be in another piece.

    Args:
        counting: what is counted.
        asked: (b, d) the block.
        scores: (b, p) of the documents of the piece; changed.
        again: (m,) the repeats, counted from the start of the piece.
        origin: (m,) places of the first of their kind.
        start: the place where the piece starts.
    """
    near = origin >= start
    if near.any():
        for row in scores:  # one by one: a block of them would be a second block
            row[again[near]] = row[origin[near] - start]
    for tile in np.unique(origin[~near] // TILE).tolist():
        of = ~near & (origin // TILE == tile)
        with multiplier(counting.documents.part(tile * TILE, (tile + 1) * TILE), asked.device) as multiply:
            found = multiply(asked).cpu().numpy()
        scores[:, again[of]] = found[:, origin[of] - tile * TILE]


def _count(counting: _Counting, piece: tuple[int, int]) -> tuple[IntArray, IntArray, IntArray]:
    """Count, at the places of a piece, what comes before each relevant document (n,): in all, and in its language.

    Returns:
        Both counts, and for each query the keys of the best documents (q, k), ascending.
    """
    judged, (start, stop), wanted = counting.judged, piece, counting.wanted
    assert wanted is not None
    columns = judged.columns[start:stop]
    language = judged.document_language[judged.documents]
    starts = np.searchsorted(judged.document_language[judged.columns], np.arange(int(language.max(initial=0)) + 2))
    starts = np.clip(starts - start, 0, stop - start)
    before, within = np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.int64)
    best = np.empty((len(judged.query_rows), min(counting.top, stop - start)), np.int64)
    first, last = np.searchsorted(counting.again, [start, stop])
    again, origin = counting.again[first:last] - start, counting.origin[first:last]

    def count(query: int, row: FloatArray) -> None:
        own = slice(judged.offsets[query], judged.offsets[query + 1])
        keys = order_keys(row, columns)
        before[own] = count_before(keys, wanted[own])
        for code in set(language[own].tolist()):
            of = np.flatnonzero(language[own] == code) + own.start
            within[of] = count_before(keys[starts[code] : starts[code + 1]], wanted[of])
        best[query] = first_keys(keys, best.shape[1])

    part = counting.documents.part(start, stop)
    device = worker_device(counting.device)
    with exact_products(), multiplier(part, device) as multiply, ThreadPoolExecutor(torch.get_num_threads()) as run:
        for positions, asked in counting.blocks():
            scores = multiply(asked).cpu().numpy()
            _fill_repeats(counting, asked, scores, again, origin, start)
            places, documents = judged.excluded_from(positions)
            at = judged.column_of[documents] - start
            own = (at >= 0) & (at < stop - start)
            scores[places[own], at[own]] = LAST
            list(run.map(count, positions.tolist(), scores))
    return before, within, best


def count_ranks(
    query_embeddings: FloatArray,
    documents: ShardTable,
    judged: Judgments,
    workers: Workers,
    *,
    top: int,
    memory: int,
    device: str | None = None,
) -> Ranks:
    """Rank all documents for every query, as `rank_embeddings` does without correlation, by counting in shards.

    Args:
        query_embeddings: (q, d) float32, in the order of `judged.query_rows`.
        documents: shards in the order of languages.
        judged: the queries and their relevant documents.
        workers: who counts.
        top: how many of the best documents of each query to return.
        memory: bytes that a block of scores of the whole pool may take; of a shard it takes its part of them.
        device: `cpu` to leave the workers' GPUs alone.
    """
    counting = _Counting(query_embeddings, documents, judged, top, memory, device)
    size = -(-documents.plan.block // TILE) * TILE
    pieces = [(start, min(start + size, len(documents))) for start in range(0, len(documents), size)]
    with workers.share(counting) as shared:
        ((again, origin),) = workers.map(_repeats, [shared], [None])
    counting = replace(counting, again=again, origin=origin)
    scores = np.empty(len(judged.documents), np.float32)
    with workers.share(counting) as shared:
        for entries, found in workers.map(_look, [shared], pieces):
            scores[entries] = found
    before, within = np.zeros(len(scores), np.int64), np.zeros(len(scores), np.int64)
    best = np.empty((len(judged.query_rows), 0), np.int64)
    counting = replace(counting, wanted=order_keys(scores, judged.documents.astype(np.int64)))
    with workers.share(counting) as shared:
        for earlier, earlier_within, keys in workers.map(_count, [shared], pieces):
            before += earlier
            within += earlier_within
            best = np.sort(np.concatenate([best, keys], axis=1), axis=1)[:, :top]
    return Ranks(judged, before + 1, within + 1, documents_of(best))
