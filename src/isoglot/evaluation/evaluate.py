"""From a model, or embeddings, and a collection to a `Result`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isoglot.collections.collection import Collection
from isoglot.encoders import model_name
from isoglot.errors import InputError
from isoglot.evaluation.batches import BATCH_SIZE
from isoglot.evaluation.bias.summary import TOP
from isoglot.evaluation.clock import Clock
from isoglot.evaluation.embed import embed_collection, judged_query_rows, unit_rows
from isoglot.evaluation.geometry import measure_geometry
from isoglot.evaluation.measures import DEFAULT_MEASURES, parse_measure
from isoglot.evaluation.ranks import DEFAULT_MEMORY, judgments_of, language_order, rank_embeddings
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources.run_writing import DEPTH, RunWriter, check_run_folder
from isoglot.evaluation.summary import result_of_ranks

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["evaluate", "evaluate_embeddings"]


def evaluate_embeddings(
    query_embeddings: Any,
    document_embeddings: Any,
    collection: Collection,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    bootstrap: int = 1000,
    seed: int = 0,
    rank_correlation: bool = True,
    geometry: bool = True,
    memory: int = DEFAULT_MEMORY,
    device: str | torch.device = "cpu",
    model: str = "embeddings",
    trec_run: str | Path | None = None,
    trec_depth: int = DEPTH,
) -> Result:
    """Evaluate embeddings of a collection's texts.

    Args:
        query_embeddings: (Q, d) of all query rows, or (q, d) of those with a relevant document
            (`judged_query_rows`), in order; brought to unit length.
        document_embeddings: (D, d) of all documents, in order.
        collection: the collection.
        measures: rank measures by ir_measures' names.
        bootstrap: draws for the confidence intervals; 0 for none.
        seed: of the bootstrap.
        rank_correlation: whether to measure it; it makes ranking up to twice as long.
        geometry: whether to measure the geometry of the query embeddings.
        memory: bytes that a block of scores may take; besides them there are the embeddings given and one copy of
            them, none where the documents are fp32, of unit length and sorted by language.
        device: where scores are computed, `cpu` or `cuda`.
        model: what the result calls the model.
        trec_run: a folder for TREC run files and their judgments (`RunWriter`); None for none.
        trec_depth: how many documents of each query run files hold.

    Returns:
        The result.

    Raises:
        InputError: no query has a relevant document, a measure is unknown, embeddings have the wrong
            shape, are NaN or infinite, or run files cannot be written.
    """
    for name in measures:
        parse_measure(name)
    clock = Clock()
    rows = judged_query_rows(collection)
    given = len(query_embeddings)
    queries = unit_rows(
        query_embeddings, "queries", len(rows) if given == len(rows) else len(collection.query_index)
    )
    queries = queries if given == len(rows) else queries[rows]
    order = language_order(collection.document_language)  # the copy at unit length is made in this order at once
    documents = unit_rows(document_embeddings, "documents", collection.documents.num_rows, order)
    if queries.shape[1] != documents.shape[1]:
        raise InputError(
            f"queries have {queries.shape[1]} dimensions and documents {documents.shape[1]}: embed both with the "
            "same model"
        )

    judged = judgments_of(collection, rows)
    ids = np.unique(judged.query_ids, return_inverse=True)[1]
    parallel = rank_correlation and int(ids.max()) + 1 < len(rows)  # without versions there is nothing to sort for
    writer = None if trec_run is None else RunWriter(trec_run, collection, judged, tag=model, depth=trec_depth)
    ranks = rank_embeddings(
        queries,
        documents,
        judged,
        top=TOP,
        correlation=parallel,
        memory=memory,
        device=device,
        observe=writer,
        arranged=True,
    )
    if writer is not None:
        writer.close()
    clock.lap("rank")
    space = None
    if geometry:
        space = measure_geometry(queries, ids, collection.query_language[rows].astype(np.int64))
        clock.lap("geometry")
    return result_of_ranks(
        ranks,
        collection,
        measures=measures,
        bootstrap=bootstrap,
        seed=seed,
        model=model,
        geometry=space,
        clock=clock,
    )


def evaluate(
    model: SentenceTransformer,
    collection: Collection,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    bootstrap: int = 1000,
    seed: int = 0,
    batch_size: int = BATCH_SIZE,
    batch_tokens: int | None = None,
    progress: bool = False,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    rank_correlation: bool = True,
    geometry: bool = True,
    memory: int = DEFAULT_MEMORY,
    name: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    truncate_dim: int | None = None,
    cache: str | Path | None = None,
    trec_run: str | Path | None = None,
    trec_depth: int = DEPTH,
    observe: Callable[[Any, Any], None] | None = None,
) -> Result:
    """Evaluate a model on a collection: the three settings, language bias and geometry.

    Args:
        model: any sentence-transformers model.
        collection: what to evaluate on; queries without a relevant document are left out.
        measures: rank measures by ir_measures' names.
        bootstrap: draws for the confidence intervals; 0 for none.
        seed: of the bootstrap.
        batch_size: most texts per forward pass.
        batch_tokens: most tokens per forward pass, with padding, of transformers; None for 4,096 on a CPU and
            16,384 elsewhere.
        progress: show progress bars while encoding.
        query_prompt: text put before each query; None for the model's own.
        document_prompt: text put before each document; None for the model's own.
        rank_correlation: whether to measure it; it makes ranking up to twice as long.
        geometry: whether to measure the geometry of the query embeddings.
        memory: bytes that a block of scores may take.
        name: what the result calls the model; None for what it was loaded from.
        device: where to encode and to score, moving the model there; None for where the model is.
        dtype: `float32`, `bfloat16` or `float16`: the precision of encoding; None for the model's own.
        truncate_dim: only the first so many dimensions, for Matryoshka models; None for all.
        cache: a folder that keeps embeddings, so that evaluating the same model again encodes nothing.
        trec_run: a folder for TREC run files and their judgments (`RunWriter`); None for none.
        trec_depth: how many documents of each query run files hold.
        observe: is given the embeddings (q, d) of the queries with a relevant document and (D, d) of all documents.

    Returns:
        The result.

    Raises:
        InputError: no query has a relevant document, a measure is unknown, the model gives NaN, there is no such
            device or precision, or run files cannot be written.
    """
    for measure in measures:  # before encoding, which may take long
        parse_measure(measure)
    if trec_run is not None:
        check_run_folder(trec_run, collection)
    clock = Clock()
    _, queries, documents = embed_collection(
        model,
        collection,
        batch_size=batch_size,
        batch_tokens=batch_tokens,
        progress=progress,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        device=device,
        dtype=dtype,
        truncate_dim=truncate_dim,
        cache=cache,
    )
    clock.lap("encode")
    if observe is not None:
        observe(queries, documents)
    result = evaluate_embeddings(
        queries,
        documents,
        collection,
        measures=measures,
        bootstrap=bootstrap,
        seed=seed,
        rank_correlation=rank_correlation,
        geometry=geometry,
        memory=memory,
        device=model.device if model.device.type == "cuda" else "cpu",
        model=name or model_name(model),
        trec_run=trec_run,
        trec_depth=trec_depth,
    )
    result.seconds = {**clock.seconds, **result.seconds}
    return result
