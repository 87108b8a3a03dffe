"""Hard negatives that training triples give: query, relevant passage and another, by their ids.

MS MARCO is published with such triples (Bajaj et al., arXiv 1611.09268). mMARCO's translations share them, as
its ids are the same in every language.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.arrow import IdIndex, one_chunk
from isoglot.collections.collection import Collection
from isoglot.collections.negatives import with_hard_negatives

__all__ = ["with_triples"]


def with_triples(collection: Collection, triples: pa.Table, prefixes: Mapping[str, str], most: int) -> Collection:
    """Return a collection with the negatives that triples give, each in the language of the version of its query.

    A negative that is relevant to the query is left out, and one that a language lacks is left out there. Needs
    about 70 bytes a triple.

    Args:
        collection: the training split.
        triples: columns `query-id` and `corpus-id`, the negative; queries that are not in the collection are passed
            over.
        prefixes: language -> what its document ids begin with before a `corpus-id`.
        most: how many of a query are kept, the first different ones.
    """
    query = IdIndex(pa.chunked_array([collection.query_ids])).find(triples["query-id"])
    encoded = one_chunk(pc.dictionary_encode(triples["corpus-id"]))
    names, document = encoded.dictionary, encoded.indices.to_numpy()[query >= 0].astype(np.int64)
    query = query[query >= 0]
    first = np.sort(np.unique(query * max(len(names), 1) + document, return_index=True)[1])
    first = first[np.argsort(query[first], kind="stable")]
    query, document = query[first], document[first]
    relevance, size = collection.relevance, collection.documents.num_rows
    relevant = relevance.queries.astype(np.int64) * size + relevance.documents
    index = IdIndex(collection.documents["_id"])
    rows, found = [np.empty(0, np.int64)], [np.empty(0, np.int32)]
    for tag, prefix in prefixes.items():
        ids = pc.binary_join_element_wise(pa.scalar(prefix), names, "")
        known = index.find(pa.chunked_array([ids]))
        fit = known[document] >= 0
        fit &= ~np.isin(query * size + known[document], relevant)
        owners, negatives = query[fit], known[document[fit]]
        kept = np.arange(len(owners)) - np.searchsorted(owners, owners) < most
        owners, negatives = owners[kept], negatives[kept]
        versions = np.flatnonzero(collection.query_language == collection.language_index(tag))
        ids_of = collection.query_index[versions]
        starts, ends = (np.searchsorted(owners, ids_of, side) for side in ("left", "right"))
        counts = ends - starts
        at = np.repeat(starts - np.cumsum(counts) + counts, counts) + np.arange(counts.sum())
        rows.append(np.repeat(versions, counts))
        found.append(negatives[at].astype(np.int32))
    row, negative = np.concatenate(rows), np.concatenate(found)
    order = np.argsort(row, kind="stable")
    offsets = np.searchsorted(row[order], np.arange(collection.queries.num_rows + 1))
    return with_hard_negatives(collection, offsets, negative[order])
