"""From a model and a collection to a `Result`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from isoglot.collections.collection import Collection
from isoglot.evaluation.averages import Averages, FloatArray, IntArray
from isoglot.evaluation.bias.summary import TOP, measure_bias
from isoglot.evaluation.embed import embed_collection, judged_query_rows, unit_rows
from isoglot.evaluation.geometry import measure_geometry
from isoglot.evaluation.intervals import bootstrap_intervals
from isoglot.evaluation.measures import DEFAULT_MEASURES, parse_measure
from isoglot.evaluation.ranks import DEFAULT_MEMORY, judgments_of, rank_embeddings
from isoglot.evaluation.result import Result
from isoglot.evaluation.settings import Cells, cells_of, multilingual_values, pair_averages, pair_table
from isoglot.versions import versions

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["evaluate", "evaluate_embeddings"]


def model_name(model: Any) -> str:
    """Return the name or folder a model was loaded from, as far as it remembers."""
    card = getattr(model, "model_card_data", None)
    configs = [
        getattr(getattr(part, "auto_model", None), "config", None) for part in getattr(model, "children", list)()
    ]
    names = [getattr(card, "model_name", None), getattr(card, "base_model", None)]
    names += [getattr(config, "_name_or_path", None) for config in configs]
    return next((str(name) for name in names if name), type(model).__name__)


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
        rank_correlation: whether to measure it; it makes ranking about twice as long.
        geometry: whether to measure the geometry of the query embeddings.
        memory: bytes that a block of scores may take.
        device: where scores are computed, `cpu` or `cuda`.
        model: what the result calls the model.

    Returns:
        The result.

    Raises:
        InputError: no query has a relevant document, a measure is unknown, or embeddings have the wrong
            shape, are NaN or infinite.
    """
    for name in measures:
        parse_measure(name)
    seconds: dict[str, float] = {}
    clock = time.perf_counter()

    def lap(name: str) -> None:
        nonlocal clock
        seconds[name], clock = time.perf_counter() - clock, time.perf_counter()

    rows = judged_query_rows(collection)
    given = len(query_embeddings)
    queries = unit_rows(
        query_embeddings, "queries", len(rows) if given == len(rows) else len(collection.query_index)
    )
    queries = queries if given == len(rows) else queries[rows]
    documents = unit_rows(document_embeddings, "documents", collection.documents.num_rows)

    judged = judgments_of(collection, rows)
    labels, ids = np.unique(judged.query_ids, return_inverse=True)
    parallel = rank_correlation and len(labels) < len(rows)  # without versions there is nothing to sort for
    ranks = rank_embeddings(queries, documents, judged, top=TOP, correlation=parallel, memory=memory, device=device)
    lap("rank")

    language = collection.query_language[rows].astype(np.int64)
    cells = cells_of(ranks, language, measures)
    mono, cross = (pair_averages(cells, ids, same) for same in (True, False))
    multilingual = Averages.plain(multilingual_values(ranks, measures), ids)
    bias = measure_bias(ranks, cells, ids, language, collection.languages)
    lap("measure")

    intervals = None
    if bootstrap:
        groups = {
            "monolingual": [mono],
            "cross_lingual": [cross],
            "multilingual": [multilingual],
            "bias": bias.averages,
        }
        intervals = {}
        for setting, parts in groups.items():
            found = {
                name: interval
                for part in parts
                for name, interval in bootstrap_intervals(part, len(labels), bootstrap, seed).items()
            }
            intervals[setting] = None if all(value is None for value in found.values()) else found
        lap("bootstrap")
    space = None
    if geometry:
        space = measure_geometry(queries, ids, language)
        lap("geometry")

    per_query: dict[str, np.ndarray] = {
        "row": rows,
        "query_id": collection.query_ids.take(judged.query_ids).to_numpy(zero_copy_only=False),
        "lang": np.array(collection.languages, dtype=object)[language],
        **{f"multilingual_{name}": values for name, values in multilingual.values.items()},
        **_row_values(cells, mono, np.flatnonzero(cells.mono), "monolingual", len(rows)),
        **_row_values(cells, cross, np.flatnonzero(~cells.mono), "cross_lingual", len(rows)),
        **bias.per_query,
    }
    return Result(
        collection=collection.name,
        model=model,
        languages=list(collection.languages),
        monolingual=_setting(mono),
        cross_lingual=_setting(cross),
        multilingual={**multilingual.estimate(), "queries": len(rows), "documents": len(documents)},
        bias=bias.summary,
        geometry=space,
        intervals=intervals,
        pairs=pair_table(cells, collection.languages),
        seconds=seconds,
        versions=versions(),
        per_query=per_query,
    )


def evaluate(
    model: SentenceTransformer,
    collection: Collection,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    bootstrap: int = 1000,
    seed: int = 0,
    batch_size: int = 64,
    progress: bool = False,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    rank_correlation: bool = True,
    geometry: bool = True,
    memory: int = DEFAULT_MEMORY,
    name: str | None = None,
) -> Result:
    """Evaluate a model on a collection: the three settings, language bias and geometry.

    Args:
        model: any sentence-transformers model.
        collection: what to evaluate on; queries without a relevant document are left out.
        measures: rank measures by ir_measures' names.
        bootstrap: draws for the confidence intervals; 0 for none.
        seed: of the bootstrap.
        batch_size: texts per forward pass.
        progress: show progress bars while encoding.
        query_prompt: text put before each query; None for the model's own.
        document_prompt: text put before each document; None for the model's own.
        rank_correlation: whether to measure it; it makes ranking about twice as long.
        geometry: whether to measure the geometry of the query embeddings.
        memory: bytes that a block of scores may take.
        name: what the result calls the model; None for what it was loaded from.

    Returns:
        The result.

    Raises:
        InputError: no query has a relevant document, a measure is unknown, or the model gives NaN.
    """
    for measure in measures:  # before encoding, which may take long
        parse_measure(measure)
    start = time.perf_counter()
    _, queries, documents = embed_collection(
        model,
        collection,
        batch_size=batch_size,
        progress=progress,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
    )
    encode = time.perf_counter() - start
    device = model.device if model.device.type == "cuda" else torch.device("cpu")
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
        device=device,
        model=name or model_name(model),
    )
    result.seconds = {"encode": encode, **result.seconds}
    return result
