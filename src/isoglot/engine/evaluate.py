"""`evaluate_on`: a model measured on a collection by workers, with the result of `evaluate`."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import torch

from isoglot.amounts import check_dtype
from isoglot.collections.collection import Collection
from isoglot.encoders import model_name
from isoglot.engine.cluster import Workers
from isoglot.engine.encoding import check_encoding, embed_on, plan_shards
from isoglot.engine.ranking import rank_shards
from isoglot.engine.shards import shard_folder
from isoglot.errors import InputError
from isoglot.evaluation.made import model_settings
from isoglot.evaluation.measuring import Evaluating, result_of_vectors, split_options
from isoglot.evaluation.result import Result
from isoglot.evaluation.summary import Clock

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = ["evaluate_on"]

NOT_HERE = ("trec_run", "trec_depth", "keep_embeddings")
"""What needs all embeddings or all rankings in one process."""


def evaluate_on(
    workers: Workers,
    model: SentenceTransformer,
    collection: Collection,
    *,
    name: str | None = None,
    **options: Unpack[Evaluating],
) -> Result:
    """Evaluate a model as `evaluate` does, by several workers; killed and called again it goes on.

    Documents are encoded in blocks, and their embeddings lie in `shards` of the cache. Those of a static encoder,
    and so the result, equal those of `evaluate` exactly; a transformer's depend, in their last digits, on the texts
    that share a batch, and batches are those of a block.

    Args:
        workers: of `start_workers`.
        model: any sentence-transformers model; it is sent to the workers.
        collection: what to evaluate on.
        name: what the result calls the model; None for what it was loaded from.
        **options: those of `evaluate`, but `trec_run`, `trec_depth` and `keep_embeddings`. `cache` is a folder that
            all workers see, or an address in an object store; without one nothing is kept. `device` is `cpu`, or
            None for a worker's GPU, if any.

    Raises:
        InputError: an option is not one of workers; or as for `evaluate`.
        IsoglotError: workers were lost time and again.
    """
    measured, encoding = split_options(options)
    for key in NOT_HERE:
        if options.get(key):
            raise InputError(f"{key} needs everything in one process: leave out --engine ray, or --{_flag(key)}")
    if (dtype := options.get("dtype")) is not None:
        check_dtype(dtype)
    cache = encoding.pop("cache", None)
    check_encoding(encoding)
    clock = Clock()
    rows = collection.judged_query_rows()
    plan = plan_shards(model, collection, encoding)
    with shard_folder(cache, plan) as folder:
        queries, documents = embed_on(workers, model, collection, rows, folder, plan, encoding)
        clock.lap("encode")
        device = torch.device("cuda" if workers.gpus and encoding.get("device") != "cpu" else "cpu")
        return result_of_vectors(
            rows,
            queries,
            documents,
            collection,
            clock,
            name=name or model_name(model),
            device=device,
            made=model_settings(model, {"device": str(device), **encoding}, device),
            arranged=True,
            rank=partial(rank_shards, workers=workers, asked_device=encoding.get("device")),
            **measured,
        )


def _flag(key: str) -> str:
    return {"keep_embeddings": "html"}.get(key, key.replace("_", "-"))
