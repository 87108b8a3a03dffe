"""Hard negatives mined by workers, over shards, as `mine_hard_negatives` mines them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from isoglot.collections.collection import Collection
from isoglot.engine.cluster import Workers
from isoglot.engine.encoding import (
    FloatArray,
    IntArray,
    check_encoding,
    embed_on,
    plan_shards,
    worker_device,
)
from isoglot.engine.ranking import cut_pieces
from isoglot.engine.shards import ShardTable, shard_folder
from isoglot.evaluation.embed import Encoding
from isoglot.evaluation.hard_negatives import (
    HardNegatives,
    Miner,
    Mining,
    MiningOptions,
    ModelMining,
    collect_negatives,
)
from isoglot.evaluation.judgments import judgments_of
from isoglot.evaluation.ranks import DEFAULT_MEMORY

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = ["mine_on"]


@dataclass
class _Mine:
    """What a worker mines in."""

    miner: Miner
    queries: FloatArray
    documents: ShardTable
    device: str | None


def _mine_blocks(mine: _Mine, blocks: list[slice]) -> tuple[IntArray, IntArray, FloatArray]:
    return mine.miner.mine(mine.queries, mine.documents, blocks, worker_device(mine.device))


def mine_on(
    workers: Workers,
    model: SentenceTransformer,
    collection: Collection,
    *,
    memory: int = DEFAULT_MEMORY,
    **options: Unpack[ModelMining],
) -> HardNegatives:
    """Mine hard negatives as `mine_hard_negatives` does, by several workers; killed and called again it goes on.

    Documents are encoded once for this and for `evaluate_on`, if both have the same `cache`.

    Args:
        workers: of `start_workers`.
        model: any sentence-transformers model; it is sent to the workers.
        collection: the collection.
        memory: bytes that a block of scores may take, of each worker.
        **options: those of `mine_hard_negatives`; `cache` and `device` as for `evaluate_on`.

    Raises:
        InputError: a setting is out of its range, or as for `evaluate_on`.
        IsoglotError: workers were lost time and again.
    """
    of_mining = MiningOptions.__annotations__
    mining = Mining(**cast("Any", {key: value for key, value in options.items() if key in of_mining}))
    encoding = cast("Encoding", {key: value for key, value in options.items() if key not in of_mining})
    cache = encoding.pop("cache", None)
    check_encoding(encoding)
    rows = collection.judged_query_rows()
    plan = plan_shards(model, collection, encoding)
    judged = judgments_of(collection, rows)
    miner = Miner(judged, collection, mining)
    with shard_folder(cache, plan) as folder:
        queries, documents = embed_on(workers, model, collection, rows, folder, plan, encoding)
        mine = _Mine(miner, queries, documents, encoding.get("device"))
        with workers.share(mine) as shared:
            parts = list(workers.map(_mine_blocks, [shared], cut_pieces(miner.blocks(memory), len(workers))))
    positions, found, scores = (np.concatenate(part) for part in zip(*parts, strict=True))
    return collect_negatives((positions, found, scores), judged, collection)
