"""Embeddings that are cut to their first dimensions, or stored in fewer bits: what that costs, and whom."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.encoders import model_name
from isoglot.errors import InputError
from isoglot.evaluation.embed import check_cut, embed_collection, scoring_device, unit_rows
from isoglot.evaluation.made import model_settings
from isoglot.evaluation.measuring import Evaluating, load_source, result_of_vectors, split_options
from isoglot.evaluation.result import Result
from isoglot.evaluation.summary import Clock

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["PRECISIONS", "Precision", "check_compression", "measure_compressed", "stored"]

Precision = Literal["int8", "binary"]
PRECISIONS = ("int8", "binary")


def check_compression(dimensions: Sequence[int], quantize: str | None) -> None:
    """Check what is asked for before texts are encoded.

    Raises:
        InputError: dimensions are below 1 or named twice, or there is no such precision.
    """
    if any(size < 1 for size in dimensions) or len(set(dimensions)) < len(dimensions):
        raise InputError(
            f"--truncate-dim takes different numbers of dimensions, at least 1 each, not {list(dimensions)}"
        )
    if quantize is not None and quantize not in PRECISIONS:
        raise InputError(f"no precision {quantize!r} to quantize to: choose {' or '.join(PRECISIONS)}")


def stored(documents: NDArray[np.float32], quantize: Precision) -> NDArray[np.float32]:
    """Return embeddings (n, d) as they are read again from storage in fewer bits by sentence-transformers.

    The inner product of a query in full precision with these is the score by which the library's
    `semantic_search_faiss` and `semantic_search_usearch` rescore: `int8` steps of a dimension from the least to the
    largest value that any of these embeddings has in it (255 steps); `binary` the signs, 1 and -1 (there 1 and 0,
    which ranks alike).
    """
    from sentence_transformers.util.quantization import quantize_embeddings

    if quantize == "binary":
        bits = quantize_embeddings(documents, precision="ubinary")
        signs = np.unpackbits(cast("NDArray[np.uint8]", bits), axis=1)[:, : documents.shape[1]]
        return signs.astype(np.float32) * 2 - 1
    ranges = np.vstack([documents.min(axis=0), documents.max(axis=0)])
    codes = cast("NDArray[np.int8]", quantize_embeddings(documents, precision="int8", ranges=ranges))
    steps = (ranges[1] - ranges[0]) / 255
    read: NDArray[np.float32] = (codes.astype(np.float32) + 128) * np.where(steps == 0, 1, steps) + ranges[0]
    return read


def measure_compressed(
    source: Any,
    collection: Collection,
    *,
    dimensions: Sequence[int] = (),
    quantize: Precision | None = None,
    name: str | None = None,
    **options: Unpack[Evaluating],
) -> list[Result]:
    """Measure a model with embeddings cut to several numbers of dimensions, or documents stored in fewer bits.

    Texts are encoded once. Cut embeddings are brought to unit length again. Queries stay in full precision, as they
    are not stored; every document of the pool is scored, where a search by the library rescores the best of a first
    pass by codes alone (`stored`).

    Args:
        source: a model, or its name or folder, of which keywords of `load_encoder` are taken too.
        collection: what to evaluate on.
        dimensions: the first so many, one result each; () for whole embeddings.
        quantize: `int8` or `binary`; None for fp32.
        name: what results call the model; they add how it is compressed.
        **options: as for `evaluate`, but `truncate_dim`.

    Returns:
        A result for each number of dimensions; its `made` has `truncate_dim` and `quantize`.

    Raises:
        InputError: the model has fewer dimensions, there is no such precision, or as for `evaluate`.
    """
    check_compression(dimensions, quantize)
    split_options(options)  # checks, before anything is loaded
    if options.get("trec_run") is not None and len(dimensions) > 1:
        raise InputError("--trec-run holds the rankings of one system: give one --truncate-dim")
    model, loaded = load_source(source, dict(options))
    name = name or loaded.pop("name", None) or model_name(model)
    loaded.pop("name", None)
    measured, encoding = split_options(loaded)
    clock = Clock()
    rows, queries, documents = embed_collection(model, collection, **encoding)
    clock.lap("encode")
    for size in dimensions:
        check_cut(queries.shape[1], size)
    device = scoring_device(model, encoding.get("device"))
    results = []
    for size in dimensions or (queries.shape[1],):
        lap = Clock()
        lap.seconds |= clock.seconds
        asked, pool = (
            unit_rows(whole[:, :size], what, len(whole))
            for whole, what in ((queries, "queries"), (documents, "documents"))
        )
        made = model_settings(model, encoding, device) | {"truncate_dim": size if dimensions else None}
        how = [f"{size} dimensions"] if dimensions else []
        if quantize is not None:
            pool, made["quantize"] = stored(pool, quantize), quantize
            how.append(quantize)
        called = f"{name} ({', '.join(how)})" if how else name
        results.append(
            result_of_vectors(rows, asked, pool, collection, lap, name=called, device=device, made=made, **measured)
        )
    return results
