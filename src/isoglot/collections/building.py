"""From three checked tables to a `Collection`: ids become integers, and what cannot be is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.collection import Collection
from isoglot.collections.problems import Problems
from isoglot.collections.tags import canonical_tag

__all__ = ["build_collection", "collection_from_rows", "only_judged"]

Locate = Callable[[str, int], str]

TEXT_COLUMNS = {"documents": ("_id", "lang", "title", "text"), "queries": ("_id", "lang", "text")}


def _first_of_each(ids: pa.ChunkedArray) -> np.ndarray:
    """Return (n,) int32 codes of the ids, numbered by first appearance."""
    encoded = pc.dictionary_encode(ids)
    encoded = encoded.combine_chunks() if isinstance(encoded, pa.ChunkedArray) else encoded
    if isinstance(encoded, pa.ChunkedArray):  # an empty chunked array stays chunked
        return np.empty(0, np.int32)
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int32)


def _repeated(codes: np.ndarray) -> np.ndarray:
    """Return the rows whose code occurred in an earlier row."""
    order = np.argsort(codes, kind="stable")
    again = np.flatnonzero(codes[order][1:] == codes[order][:-1]) + 1
    return np.sort(order[again])


def _without(table: pa.Table, drop: np.ndarray) -> pa.Table:
    return table.take(pa.array(np.delete(np.arange(table.num_rows), drop))) if len(drop) else table


def _lookup(wanted: pa.ChunkedArray, known: pa.Array) -> np.ndarray:
    """Return the position of each wanted id among the known ones, -1 where there is none."""
    return pc.fill_null(pc.index_in(wanted, value_set=known), -1).to_numpy().astype(np.int64)


def build_collection(
    documents: pa.Table,
    queries: pa.Table,
    qrels: pa.Table,
    *,
    name: str,
    problems: Problems,
    locate: Locate,
    metadata: dict[str, Any] | None = None,
) -> Collection:
    """Turn text tables into a `Collection`, checking what only shows across lines.

    Args:
        documents: columns `_id`, `lang` (canonical), `title`, `text`, optionally `extra`.
        queries: columns `_id`, `lang`, `text`, optionally `extra`.
        qrels: columns `query-id`, `corpus-id` (strings) and `score` (int32).
        name: the collection's name.
        problems: where duplicate ids and judgments of unknown ids are reported; in lenient mode the rows
            concerned are left out.
        locate: tells where row n of "documents", "queries" or "qrels" came from, for messages.
        metadata: what `collection.yaml` says.

    Returns:
        The collection; `problems.finish()` has not been called yet.
    """
    again = _repeated(_first_of_each(documents["_id"]))
    for row in problems.sample(again, "duplicate document id"):
        problems.add("duplicate document id", locate("documents", row), repr(documents["_id"][row].as_py()))
    documents = _without(documents, again)

    languages = _first_of_each(queries["lang"])
    codes = _first_of_each(queries["_id"]).astype(np.int64)
    again = _repeated(codes * (int(languages.max(initial=0)) + 1) + languages)
    for row in problems.sample(again, "duplicate query id and language"):
        case = f"{queries['_id'][row].as_py()!r} in {queries['lang'][row].as_py()}"
        problems.add("duplicate query id and language", locate("queries", row), case)
    queries = _without(queries, again)

    query_index = _first_of_each(queries["_id"])
    first = np.unique(query_index, return_index=True)[1]
    query_ids = _one_chunk(queries["_id"].take(pa.array(first, pa.int64())))
    query = _lookup(qrels["query-id"], query_ids)
    document = _lookup(qrels["corpus-id"], _one_chunk(documents["_id"]))
    for column, found, reason in (
        ("query-id", query, "judgment of an unknown query id"),
        ("corpus-id", document, "judgment of an unknown document id"),
    ):
        for row in problems.sample(np.flatnonzero(found < 0), reason):
            problems.add(reason, locate("qrels", row), repr(qrels[column][row].as_py()))
    known = np.flatnonzero((query >= 0) & (document >= 0))
    again = known[_repeated(query[known] * max(documents.num_rows, 1) + document[known])]
    for row in problems.sample(again, "judged twice"):
        case = f"query {qrels['query-id'][row].as_py()!r}, document {qrels['corpus-id'][row].as_py()!r}"
        problems.add("judged twice", locate("qrels", row), case)
    known = np.setdiff1d(known, again, assume_unique=True)

    score = qrels["score"].to_numpy()
    judgments = pa.table(
        {
            "query": pa.array(query[known], pa.int32()),
            "document": pa.array(document[known], pa.int32()),
            "score": pa.array(score[known], pa.int32()),
        }
    )
    return Collection(documents, queries, judgments, query_ids, query_index, name, dict(metadata or {}))


def only_judged(collection: Collection) -> Collection:
    """Return a collection without the queries that have no judgment; its documents stay."""
    judged = np.zeros(len(collection.query_ids), bool)
    judged[collection.judgments["query"].to_numpy()] = True
    if judged.all():
        return collection
    rows = np.flatnonzero(judged[collection.query_index])
    number = np.cumsum(judged) - 1
    query = pa.array(number[collection.judgments["query"].to_numpy()], pa.int32())
    return replace(
        collection,
        queries=collection.queries.take(pa.array(rows)),
        judgments=collection.judgments.set_column(0, "query", query),
        query_ids=collection.query_ids.filter(pa.array(judged)),
        query_index=number[collection.query_index[rows]].astype(np.int32),
    )


def _one_chunk(column: pa.ChunkedArray) -> pa.Array:
    combined = column.combine_chunks()
    if isinstance(combined, pa.Array):
        return combined
    return pa.concat_arrays(combined.chunks or [pa.array([], column.type)])


def collection_from_rows(
    documents: Iterable[tuple[str, str, str, str]],
    queries: Iterable[tuple[str, str, str]],
    qrels: Iterable[tuple[str, str, int]],
    *,
    name: str = "collection",
    metadata: dict[str, Any] | None = None,
) -> Collection:
    """Make a `Collection` from Python rows.

    Args:
        documents: (id, language tag, title, text) of each document.
        queries: (id, language tag, text) of each query version.
        qrels: (query id, document id, score).
        name: the collection's name.
        metadata: what `collection.yaml` would say.

    Raises:
        InputError: an id is given twice, a judgment names an unknown id, or a language tag is none.
    """
    problems = Problems(name)

    def table(columns: tuple[str, ...], rows: list[Any]) -> pa.Table:
        by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
        named = zip(columns, by_column, strict=True)
        arrays = {column: pa.array(values, pa.string()) for column, values in named}
        tags = []
        for row, tag in enumerate(by_column[1]):
            try:
                tags.append(canonical_tag(tag))
            except ValueError as error:
                problems.add("not a language tag", f"row {row + 1}", str(error))
        problems.finish()
        arrays["lang"] = pa.array(tags, pa.string())
        return pa.table(arrays)

    judged = list(qrels)
    collection = build_collection(
        table(TEXT_COLUMNS["documents"], list(documents)),
        table(TEXT_COLUMNS["queries"], list(queries)),
        pa.table(
            {
                "query-id": pa.array([row[0] for row in judged], pa.string()),
                "corpus-id": pa.array([row[1] for row in judged], pa.string()),
                "score": pa.array([row[2] for row in judged], pa.int32()),
            }
        ),
        name=name,
        problems=problems,
        locate=lambda table, row: f"{table}, row {row + 1}",
        metadata=metadata,
    )
    problems.finish()
    return collection
