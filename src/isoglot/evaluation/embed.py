"""Embeddings of a collection: every text that matters is encoded once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.errors import InputError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

__all__ = ["embed_collection", "judged_query_rows", "unit_rows"]

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.integer[Any]]


def judged_query_rows(collection: Collection) -> IntArray:
    """Return the query rows (q,), ascending, whose query id has at least one relevant document.

    Raises:
        InputError: there is none, so nothing can be measured.
    """
    relevant = np.diff(collection.relevance.offsets)
    rows = np.flatnonzero(relevant[collection.query_index] > 0)
    if not len(rows):
        raise InputError(
            f"{collection.name} has no query with a relevant document (a judgment above 0): nothing can be "
            "measured; check its qrels"
        )
    return rows


def unit_rows(embeddings: Any, what: str, rows: int) -> FloatArray:
    """Return embeddings as fp32 vectors of unit length (a zero vector stays zero).

    Args:
        embeddings: (n, d), anything numpy reads, or a tensor on any device.
        what: what they are embeddings of, for messages.
        rows: the n they should have.

    Raises:
        InputError: the shape is not (rows, d), or a value is NaN or infinite.
    """
    if hasattr(embeddings, "detach"):
        embeddings = embeddings.detach().float().cpu().numpy()
    array = np.asarray(embeddings, dtype=np.float32)
    if array.ndim != 2 or len(array) != rows:
        raise InputError(f"embeddings of {what} have shape {array.shape}, expected ({rows}, dimensions)")
    norms = np.linalg.norm(array, axis=1, keepdims=True)
    finite = np.isfinite(norms[:, 0])
    if not finite.all():
        raise InputError(
            f"{int((~finite).sum())} of {rows} embeddings of {what} are NaN or infinite (first: row "
            f"{int(np.argmin(finite))}): the model has diverged or overflows in its precision; use an "
            "earlier checkpoint or load it in fp32"
        )
    unit: FloatArray = np.divide(array, norms, out=np.zeros_like(array), where=norms > 0)
    return unit


def _encode_once(encode: Any, texts: list[str], **options: Any) -> Any:
    """Encode the distinct texts; return the embedding of every text (n, d), in order."""
    distinct = pa.array(texts, pa.string()).dictionary_encode()
    embeddings = encode(distinct.dictionary.to_pylist(), **options)
    return np.asarray(embeddings)[distinct.indices.to_numpy()]


def embed_collection(
    model: SentenceTransformer,
    collection: Collection,
    *,
    batch_size: int = 64,
    progress: bool = False,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Embed the judged queries and all documents of a collection.

    Texts go through `encode_query` and `encode_document`, so prompts and routers of the model apply.

    Args:
        model: any sentence-transformers model.
        collection: the collection; queries without a relevant document are left out.
        batch_size: texts per forward pass.
        progress: show sentence-transformers' progress bars.
        query_prompt: text put before each query; None for the model's own.
        document_prompt: text put before each document; None for the model's own.

    Returns:
        Query rows (q,), query embeddings (q, d) and document embeddings (D, d); fp32, unit length.

    Raises:
        InputError: no query has a relevant document, or an embedding is NaN or infinite.
    """
    rows = judged_query_rows(collection)
    options: dict[str, Any] = {
        "batch_size": batch_size,
        "show_progress_bar": progress,
        "normalize_embeddings": True,
    }
    queries = _encode_once(model.encode_query, collection.query_texts(rows), prompt=query_prompt, **options)
    documents = _encode_once(model.encode_document, collection.document_texts(), prompt=document_prompt, **options)
    return (
        rows,
        unit_rows(queries, f"the queries of {collection.name}", len(rows)),
        unit_rows(documents, f"the documents of {collection.name}", collection.documents.num_rows),
    )
