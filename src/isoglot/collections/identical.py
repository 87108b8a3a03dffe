"""Queries that are documents themselves: of the same id and the same text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.arrow import one_chunk, take_from, take_rows
from isoglot.collections.collection import Collection

__all__ = ["identical_documents", "identical_queries"]

IntArray = NDArray[np.integer[Any]]


def identical_documents(collection: Collection, query_rows: IntArray) -> tuple[IntArray, IntArray]:
    """Find queries that stand among the documents under their own id, as in ArguAna and Quora.

    Id *and* text have to be the same, apart from white space: some sets number queries and documents alike. The
    text of a document counts with and without its title.

    Args:
        collection: the collection.
        query_rows: (q,) query rows.

    Returns:
        Positions in `query_rows` (m,), ascending, and document rows (m,).
    """
    names = one_chunk(collection.documents["_id"]).cast(pa.large_string())
    of_id = pc.index_in(collection.query_ids.cast(pa.large_string()), value_set=names)
    rows = pc.fill_null(of_id, -1).to_numpy(zero_copy_only=False)[collection.query_index[query_rows]]
    positions = np.flatnonzero(rows >= 0)
    if not len(positions):
        return positions, positions
    asked = take_from(collection.queries["text"], query_rows[positions]).to_pylist()
    documents = take_rows(collection.documents, rows[positions]).to_pylist()
    same = [
        " ".join(text.split())
        in (" ".join(own["text"].split()), " ".join(f"{own.get('title') or ''} {own['text']}".split()))
        for text, own in zip(asked, documents, strict=True)
    ]
    return positions[same], rows[positions[same]].astype(np.int64)


def identical_queries(collection: Collection) -> int:
    """Count the query versions with a relevant document that are a document themselves, which is not relevant."""
    judged = np.flatnonzero(collection.relevant_counts > 0)
    positions, documents = identical_documents(collection, judged)
    size, relevance = collection.documents.num_rows, collection.relevance
    ids = collection.query_index[judged[positions]].astype(np.int64)
    relevant = relevance.queries.astype(np.int64) * size + relevance.documents
    return int((~np.isin(ids * size + documents, relevant)).sum())
