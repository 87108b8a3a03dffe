"""Exact ranks by workers, over shards.

Ranks are counted shard by shard (`count_ranks`). Where whole rankings are wanted, to correlate those of language
versions or to merge them anew, each worker ranks blocks of queries, the shards being mapped from disk.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from isoglot.engine.cluster import Workers
from isoglot.engine.counting import count_ranks
from isoglot.engine.encoding import worker_device
from isoglot.engine.shards import ShardTable
from isoglot.evaluation.judgments import IntArray, Judgments, Ranks
from isoglot.evaluation.keys import find_repeats
from isoglot.evaluation.ranks import DEFAULT_MEMORY, Score, query_blocks, rank_embeddings

__all__ = ["cut_pieces", "rank_shards"]

FloatArray = NDArray[np.float32]
T = TypeVar("T")

PIECES = 8
"""Into how many pieces the work of a worker is cut at least, so that none waits long for the last."""


@dataclass
class _Ranking:
    """What a worker ranks."""

    queries: FloatArray
    documents: ShardTable
    judged: Judgments
    options: dict[str, Any]
    device: str | None

    @cached_property
    def repeats(self) -> tuple[IntArray, IntArray]:
        return find_repeats(self.documents)


def _rank_blocks(ranking: _Ranking, blocks: list[IntArray]) -> tuple[IntArray, dict[str, Any]]:
    """Rank some blocks of queries; return their positions (b,), and what was found of each field of `Ranks`."""
    ranks = rank_embeddings(
        ranking.queries,
        ranking.documents,
        ranking.judged,
        arranged=True,
        repeats=ranking.repeats,
        blocks=blocks,
        device=worker_device(ranking.device),
        **ranking.options,
    )
    queries = np.concatenate(blocks)
    at = _relevant(ranking.judged, queries)
    found: dict[str, Any] = {name: getattr(ranks, name)[at] for name in ("pool_rank", "language_rank")}
    for name in ("top", "correlation", "top_correlation"):
        values = getattr(ranks, name)
        found[name] = None if values is None else values[queries]
    return queries, found


def cut_pieces(blocks: Sequence[T], workers: int) -> list[Sequence[T]]:
    """Return blocks in pieces of several, so many that no worker waits long for the last."""
    step = max(1, len(blocks) // (PIECES * workers))
    return [blocks[start : start + step] for start in range(0, len(blocks), step)]


def _relevant(judged: Judgments, queries: IntArray) -> IntArray:
    """Return where the relevant documents of queries (b,) are among those of all."""
    return np.concatenate([np.arange(judged.offsets[one], judged.offsets[one + 1]) for one in queries.tolist()])


def rank_shards(
    query_embeddings: FloatArray,
    document_embeddings: ShardTable,
    judged: Judgments,
    *,
    workers: Workers,
    asked_device: str | None = None,
    top: int = 10,
    correlation: bool = True,
    memory: int = DEFAULT_MEMORY,
    merge: Callable[[Score], Score] | None = None,
    **_: Any,
) -> Ranks:
    """Rank all documents for every query, as `rank_embeddings` does, by several workers.

    Without correlation and without merging each shard is gone through by one worker alone. The blocks of queries,
    the tiles of documents and the threads that multiply each are those of `rank_embeddings`, so ranks are the same,
    ties included, where processors are of one kind.

    Args:
        query_embeddings: (q, d) float32, in the order of `judged.query_rows`.
        document_embeddings: shards in the order of languages.
        judged: the queries and their relevant documents.
        workers: who ranks.
        asked_device: `cpu` to leave the workers' GPUs alone.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions.
        memory: bytes that a block of scores may take, of each worker.
        merge: as for `rank_embeddings`; sent to the workers.
    """
    if not correlation and merge is None:
        return count_ranks(
            query_embeddings, document_embeddings, judged, workers, top=top, memory=memory, device=asked_device
        )
    blocks = query_blocks(judged, memory, correlation)
    options = {"top": top, "correlation": correlation, "memory": memory, "merge": merge}
    ranking = _Ranking(query_embeddings, document_embeddings, judged, options, asked_device)
    count, queries = len(judged.documents), len(judged.query_rows)
    ranks = Ranks(
        judged,
        np.empty(count, np.int64),
        np.empty(count, np.int64),
        np.empty((queries, min(top, len(judged.document_language))), np.int64),
        np.full(queries, np.nan) if correlation else None,
        np.full(queries, np.nan) if correlation else None,
    )
    with workers.share(ranking) as shared:
        for positions, found in workers.map(_rank_blocks, [shared], cut_pieces(blocks, len(workers))):
            at = _relevant(judged, positions)
            ranks.pool_rank[at], ranks.language_rank[at] = found["pool_rank"], found["language_rank"]
            ranks.top[positions] = found["top"]
            if ranks.correlation is not None and ranks.top_correlation is not None:
                ranks.correlation[positions] = found["correlation"]
                ranks.top_correlation[positions] = found["top_correlation"]
    return ranks
