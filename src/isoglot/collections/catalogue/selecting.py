"""Part of a collection: the texts of some languages, or those that hold something."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.collection import Collection
from isoglot.collections.problems import Problems
from isoglot.errors import InputError

__all__ = ["keep_languages", "without_empty"]


def keep_languages(collection: Collection, wanted: Iterable[str] | None) -> Collection:
    """Return the texts of some languages, with the judgments between them.

    Args:
        collection: the collection.
        wanted: canonical tags; `zh` keeps `zh-TW` as well. All if None.

    Raises:
        InputError: nothing is left that is judged.
    """
    if wanted is None:
        return collection
    wanted = tuple(wanted)
    kept = np.array(
        [any(tag == want or tag.startswith(f"{want}-") for want in wanted) for tag in collection.languages]
    )
    if kept.all():
        return collection
    chosen = _take(collection, kept[collection.document_language], kept[collection.query_language])
    if not chosen.judgments.num_rows:
        documents = ", ".join(sorted(set(pc.unique(collection.documents["lang"]).to_pylist())))
        queries = ", ".join(sorted(set(pc.unique(collection.queries["lang"]).to_pylist())))
        raise InputError(
            f"{collection.name} has no query with a relevant document in {', '.join(wanted)}: its queries are "
            f"in {queries}, its documents in {documents}"
        )
    return chosen


def without_empty(collection: Collection, problems: Problems) -> Collection:
    """Return a collection without empty texts, and report them.

    Args:
        collection: the collection.
        problems: where they are reported.
    """
    tables = {"document": collection.documents, "query": collection.queries}
    full: dict[str, np.ndarray] = {}
    for kind, table in tables.items():
        text = table["text"]
        if kind == "document":
            text = pc.binary_join_element_wise(table["title"], text, "")
        full[kind] = pc.not_equal(pc.utf8_trim_whitespace(text), "").to_numpy()
        for row in problems.sample(np.flatnonzero(~full[kind]), "empty text"):
            problems.add("empty text", kind, repr(table["_id"][row].as_py()))
    if full["document"].all() and full["query"].all():
        return collection
    return _take(collection, full["document"], full["query"])


def _take(collection: Collection, documents: np.ndarray, queries: np.ndarray) -> Collection:
    """Return some documents (D,) bool and query rows (Q,) bool of a collection, and the judgments between them."""
    ids = np.zeros(len(collection.query_ids), bool)
    ids[collection.query_index[queries]] = True
    new_query, new_document = np.cumsum(ids) - 1, np.cumsum(documents) - 1
    query = collection.judgments["query"].to_numpy()
    document = collection.judgments["document"].to_numpy()
    both = ids[query] & documents[document]
    judgments = {
        "query": pa.array(new_query[query[both]], pa.int32()),
        "document": pa.array(new_document[document[both]], pa.int32()),
        "score": collection.judgments["score"].filter(pa.array(both)),
    }
    return replace(
        collection,
        documents=collection.documents.filter(pa.array(documents)),
        queries=collection.queries.filter(pa.array(queries)),
        judgments=pa.table(judgments),
        query_ids=collection.query_ids.filter(pa.array(ids)),
        query_index=new_query[collection.query_index[queries]].astype(np.int32),
    )
