"""Part of a collection: some of its documents and query versions, and the judgments between them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.arrow import take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.negatives import hard_negative_rows, has_hard_negatives, with_hard_negatives

__all__ = ["keep_languages", "only_judged", "take_part"]

BoolArray = NDArray[np.bool_]


def take_part(
    collection: Collection,
    documents: BoolArray,
    queries: BoolArray,
    judged: BoolArray | None = None,
    metadata: dict[str, Any] | None = None,
) -> Collection:
    """Return some rows of a collection in their former order, ids numbered anew, with the hard negatives left.

    Args:
        collection: the collection.
        documents: (D,) which documents.
        queries: (Q,) which query versions; a query id stays as long as one of its versions does.
        judged: (J,) which judgments, of queries and documents that stay; all of these if None.
        metadata: of the part; that of the collection if None.

    Raises:
        InputError: the hard negatives of a query are not what they should be.
    """
    rows = np.flatnonzero(queries)
    ids = np.zeros(len(collection.query_ids), bool)
    ids[collection.query_index[rows]] = True
    number, position = (np.cumsum(kept, dtype=np.int64) - 1 for kept in (ids, documents))
    query, document = (collection.judgments[name].to_numpy() for name in ("query", "document"))
    if judged is None:
        judged = ids[query] & documents[document]
    whole = bool(documents.all())
    part = replace(
        collection,
        documents=collection.documents if whole else take_rows(collection.documents, np.flatnonzero(documents)),
        queries=take_rows(collection.queries, rows),
        judgments=pa.table(
            {
                "query": pa.array(number[query[judged]], pa.int32()),
                "document": pa.array(position[document[judged]], pa.int32()),
                "score": collection.judgments["score"].filter(pa.array(judged)),
            }
        ),
        query_ids=collection.query_ids.filter(pa.array(ids)),
        query_index=number[collection.query_index[rows]].astype(np.int32),
        metadata=collection.metadata if metadata is None else metadata,
    )
    if whole or not has_hard_negatives(collection):
        return part
    offsets, mined = hard_negative_rows(collection)
    of = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    stay = queries[of] & documents[mined]
    counts = np.bincount(of[stay], minlength=len(offsets) - 1)[rows]
    return with_hard_negatives(part, np.concatenate([[0], np.cumsum(counts)]), position[mined[stay]])


def only_judged(collection: Collection) -> Collection:
    """Return a collection without the queries that have no judgment; its documents stay."""
    judged = np.zeros(len(collection.query_ids), bool)
    judged[collection.judgments["query"].to_numpy()] = True
    if judged.all():
        return collection
    return take_part(collection, np.ones(collection.documents.num_rows, bool), judged[collection.query_index])


def keep_languages(collection: Collection, tags: Iterable[str]) -> Collection:
    """Return the texts of some languages, with the judgments between them.

    Args:
        collection: the collection.
        tags: canonical tags, each one of `collection.languages`.

    Raises:
        InputError: the collection has no text in one of them.
    """
    wanted = [collection.language_index(tag) for tag in tags]
    return take_part(
        collection, np.isin(collection.document_language, wanted), np.isin(collection.query_language, wanted)
    )
