"""`score_candidates`: what a cross-encoder thinks of the candidates of queries, for a student to learn from."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sentence_transformers import CrossEncoder

from isoglot.collections.collection import Collection
from isoglot.encoders import check_encoder
from isoglot.errors import InputError

__all__ = ["load_cross_encoder", "score_candidates"]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float32]

AT_ONCE = 8_192  # pairs of texts held as Python strings at a time


def load_cross_encoder(name: str, *, device: str | None = None) -> CrossEncoder:
    """Load a cross-encoder, which gives a query and a document one score.

    Raises:
        InputError: there is no such model, or it gives several scores.
    """
    check_encoder(name)
    try:
        model = CrossEncoder(name, device=device)
    except (OSError, ValueError) as error:
        raise InputError(f"{name} cannot be loaded as a cross-encoder: {str(error).splitlines()[0]}") from None
    if model.num_labels != 1:
        raise InputError(f"{name} gives {model.num_labels} scores of a pair: take a cross-encoder that gives one")
    return model


def score_candidates(
    model: CrossEncoder,
    collection: Collection,
    offsets: IntArray,
    documents: IntArray,
    *,
    batch_size: int = 64,
    progress: bool = False,
) -> tuple[IntArray, IntArray, FloatArray]:
    """Score the hard negatives of every query and, beside them, its relevant documents in their languages.

    Args:
        model: a cross-encoder with one output, whose scores are taken before its activation (logits).
        collection: the collection.
        offsets: (Q + 1,) query row i has the hard negatives `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows.
        batch_size: pairs at a time.
        progress: show progress bars.

    Returns:
        Offsets (Q + 1,), document rows (m,) and scores (m,), as `with_teacher_scores` takes them.

    Raises:
        InputError: a score is NaN or infinite.
    """
    queries, found = _candidates(collection, offsets, documents)
    scores = np.empty(len(found), np.float32)
    for start in range(0, len(found), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        pairs = zip(collection.query_texts(queries[part]), collection.document_texts(found[part]), strict=True)
        scores[part] = model.predict(
            list(pairs), batch_size=batch_size, show_progress_bar=progress, activation_fn=torch.nn.Identity()
        )
    if not np.isfinite(scores).all():
        bad = int((~np.isfinite(scores)).sum())
        raise InputError(f"the cross-encoder gives {bad:,} scores that are NaN or infinite")
    counts = np.bincount(queries, minlength=collection.queries.num_rows)
    return np.concatenate([[0], np.cumsum(counts)]), found, scores


def _candidates(collection: Collection, offsets: IntArray, documents: IntArray) -> tuple[IntArray, IntArray]:
    """Return query rows (m,), ascending, and document rows (m,): hard negatives, and relevant documents in their
    languages."""
    size, language = len(collection.languages), collection.document_language.astype(np.int64)
    queries = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    spoken = np.unique(queries * size + language[documents])
    relevance, asking = collection.relevance, np.unique(queries)
    ids = collection.query_index[asking]
    counts = np.diff(relevance.offsets)[ids]
    owner = np.repeat(asking, counts)
    places = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    relevant = relevance.documents[places + np.repeat(relevance.offsets[ids], counts)]
    kept = np.isin(owner * size + language[relevant], spoken)
    rows, found = np.concatenate([owner[kept], queries]), np.concatenate([relevant[kept], documents])
    order = np.argsort(rows, kind="stable")
    return rows[order], found[order].astype(np.int32)
