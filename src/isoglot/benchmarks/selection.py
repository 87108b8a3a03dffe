"""Part of a collection: some languages, the first queries of each."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from isoglot.benchmarks.languages import speaks
from isoglot.collections.collection import Collection
from isoglot.errors import InputError

__all__ = ["keep_languages", "keep_queries"]


def keep_languages(collection: Collection, wanted: Iterable[str]) -> Collection:
    """Return the texts of some languages, with the judgments between them.

    Args:
        collection: the collection.
        wanted: canonical tags; `zh` also keeps `zh-TW`.

    Raises:
        InputError: the collection has no text in one of them.
    """
    wanted = list(wanted)
    for tag in wanted:
        if not any(speaks(have, [tag]) for have in collection.languages):
            raise InputError(f"{collection.name} has no language {tag!r}; it has {', '.join(collection.languages)}")
    kept = np.array([speaks(tag, wanted) for tag in collection.languages])
    return _take(
        collection,
        np.flatnonzero(kept[collection.document_language]),
        np.flatnonzero(kept[collection.query_language]),
    )


def keep_queries(collection: Collection, most: int) -> Collection:
    """Return the first `most` query ids in all their languages; all documents stay."""
    return _take(
        collection, np.arange(collection.documents.num_rows), np.flatnonzero(collection.query_index < most)
    )


def _take(collection: Collection, documents: np.ndarray, queries: np.ndarray) -> Collection:
    """Return a collection of some document rows and query rows, ascending, renumbering judgments."""
    ids = np.unique(collection.query_index[queries])
    new_query = np.full(len(collection.query_ids), -1)
    new_query[ids] = np.arange(len(ids))
    new_document = np.full(collection.documents.num_rows, -1)
    new_document[documents] = np.arange(len(documents))
    query = new_query[collection.judgments["query"].to_numpy()]
    document = new_document[collection.judgments["document"].to_numpy()]
    both = np.flatnonzero((query >= 0) & (document >= 0))
    return replace(
        collection,
        documents=collection.documents.take(pa.array(documents)),
        queries=collection.queries.take(pa.array(queries)),
        judgments=pa.table(
            {
                "query": pa.array(query[both], pa.int32()),
                "document": pa.array(document[both], pa.int32()),
                "score": collection.judgments["score"].take(pa.array(both)),
            }
        ),
        query_ids=collection.query_ids.take(pa.array(ids)),
        query_index=new_query[collection.query_index[queries]].astype(np.int32),
    )
