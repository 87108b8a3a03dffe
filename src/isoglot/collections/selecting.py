"""Part of a collection: some of its documents and query versions, and the judgments between them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.arrow import take_rows
from isoglot.collections.collection import Collection

__all__ = ["take_part"]


def take_part(collection: Collection, documents: NDArray[np.bool_], queries: NDArray[np.bool_]) -> Collection:
    """Return some documents and query versions of a collection, and the judgments between them.

    Args:
        collection: the collection.
        documents: (D,) which documents.
        queries: (Q,) which query versions; a query id stays as long as one of its versions does.
    """
    ids = np.zeros(len(collection.query_ids), bool)
    ids[collection.query_index[queries]] = True
    new_query, new_document = np.cumsum(ids) - 1, np.cumsum(documents) - 1
    query: NDArray[np.integer[Any]] = collection.judgments["query"].to_numpy()
    document: NDArray[np.integer[Any]] = collection.judgments["document"].to_numpy()
    both = ids[query] & documents[document]
    judgments = {
        "query": pa.array(new_query[query[both]], pa.int32()),
        "document": pa.array(new_document[document[both]], pa.int32()),
        "score": collection.judgments["score"].filter(pa.array(both)),
    }
    return replace(
        collection,
        documents=take_rows(collection.documents, np.flatnonzero(documents)),
        queries=take_rows(collection.queries, np.flatnonzero(queries)),
        judgments=pa.table(judgments),
        query_ids=collection.query_ids.filter(pa.array(ids)),
        query_index=new_query[collection.query_index[queries]].astype(np.int32),
    )
