"""Adding translated rows to a collection: documents and queries beside their sources, and judgments for them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from isoglot.collections.building import build_collection
from isoglot.collections.collection import Collection
from isoglot.collections.problems import Problems

__all__ = ["Row", "merge_rows"]


@dataclass(frozen=True)
class Row:
    """A translated document or query.

    Attributes:
        origin: id of the document, or of the query, that it was translated from.
        language: canonical tag of the translation.
        text: the translated text.
        title: the translated title; None for a query.
        extra: other keys of its line.
    """

    origin: str
    language: str
    text: str
    title: str | None
    extra: Mapping[str, Any]

    @property
    def identifier(self) -> str:
        """Its id: a document's has the language before its source's, a query shares its source's."""
        return self.origin if self.title is None else f"{self.language}/{self.origin}"


def merge_rows(
    splits: Mapping[str | None, Collection],
    documents: Sequence[Row],
    queries: Sequence[Row],
    *,
    name: str,
    metadata: Mapping[str, Any],
) -> dict[str | None, Collection]:
    """Add translated rows to all splits of a collection.

    A translated document is judged as its source is. A query that some split has is added to that split.

    Args:
        splits: the collection.
        documents: the translated documents.
        queries: the translated queries.
        name: what the result is called.
        metadata: what its `collection.yaml` says.

    Raises:
        InputError: an id would be there twice.
    """
    first = next(iter(splits.values()))
    all_documents = _with_rows(first.documents, documents)
    copies: dict[str, list[str]] = {}
    for row in documents:
        copies.setdefault(row.origin, []).append(row.identifier)
    shared: dict[int, pa.Table] = {}
    merged: dict[str | None, Collection] = {}
    for split, part in splits.items():
        ids = set(part.query_ids.to_pylist())
        if id(part.queries) not in shared:  # splits that share their queries go on sharing them
            shared[id(part.queries)] = _with_rows(part.queries, [row for row in queries if row.origin in ids])
        problems = Problems(name)
        merged[split] = build_collection(
            all_documents,
            shared[id(part.queries)],
            _judgments(part, copies),
            name=name,
            problems=problems,
            locate=lambda table, row: f"{table}, row {row + 1}",
            metadata=dict(metadata),
        )
        problems.finish()
    return merged


def _with_rows(table: pa.Table, rows: Sequence[Row]) -> pa.Table:
    """Append rows to the documents or queries of a collection."""
    columns: dict[str, list[str | None]] = {
        "_id": [row.identifier for row in rows],
        "lang": [row.language for row in rows],
        "title": [row.title for row in rows],
        "text": [row.text for row in rows],
        "extra": [json.dumps(dict(row.extra), ensure_ascii=True, sort_keys=True) for row in rows],
    }
    names = [name for name in columns if name in table.column_names or name == "extra"]
    new = pa.table({name: pa.array(columns[name], pa.string()) for name in names})
    return pa.concat_tables([table, new], promote_options="default") if rows else table


def _judgments(part: Collection, copies: Mapping[str, list[str]]) -> pa.Table:
    """Return the judgments of a split, and behind each those of the document's translations."""
    rows: dict[str, list[Any]] = {"query-id": [], "corpus-id": [], "score": []}
    queries = part.query_ids.take(part.judgments["query"].combine_chunks()).to_pylist()
    documents = part.documents["_id"].take(part.judgments["document"]).to_pylist()
    for query, document, score in zip(queries, documents, part.judgments["score"].to_pylist(), strict=True):
        for identifier in (document, *copies.get(document, ())):
            rows["query-id"].append(query)
            rows["corpus-id"].append(identifier)
            rows["score"].append(score)
    types = {"query-id": pa.string(), "corpus-id": pa.string(), "score": pa.int32()}
    return pa.table({name: pa.array(values, types[name]) for name, values in rows.items()})
