"""Rows of a collection: those that a language lacks, and those that are added to it when they are translated."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.building import build_collection
from isoglot.collections.collection import Collection
from isoglot.collections.problems import Problems
from isoglot.collections.writing import qrels_table

__all__ = ["Missing", "Row", "find_missing", "merge_rows"]

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Missing:
    """What is to be translated from one language into another.

    Attributes:
        source: canonical tag.
        target: canonical tag.
        documents: rows of the documents.
        queries: rows of the queries of all splits.
        present: documents and queries of the source that the target language has already.
    """

    source: str
    target: str
    documents: list[int]
    queries: list[int]
    present: int


def find_missing(
    splits: Mapping[str | None, Collection],
    queries: pa.Table,
    sources: Sequence[str],
    target: str,
    *,
    with_documents: bool = True,
    with_queries: bool = True,
) -> list[Missing]:
    """Find what a language lacks, to be translated from the first of some languages that has it.

    A query is there if a query of its id is. A document is if one with the id that its translation would get is, or
    if each query that it is relevant to has as many relevant documents in the target language as in its own.

    Args:
        splits: the collection; its splits share the documents.
        queries: the queries of all splits.
        sources: canonical tags, those preferred first.
        target: canonical tag.
        with_documents: translate documents.
        with_queries: translate queries.
    """
    first = next(iter(splits.values()))
    documents = first.documents
    languages = np.array(documents["lang"].to_pylist(), object)
    ids: list[str] = documents["_id"].to_pylist()
    known_ids = set(ids)
    asked = list(zip(queries["_id"].to_pylist(), queries["lang"].to_pylist(), strict=True))
    known_queries = {identifier for identifier, language in asked if language == target}
    planned = languages == target  # documents that the target language has, or will have
    found = []
    for source in sources:
        if source == target:
            continue
        rows = np.flatnonzero(languages == source) if with_documents else np.empty(0, np.int64)
        covered = _covered(splits, languages == source, planned)
        wanted = [row for row in rows.tolist() if not covered[row] and f"{target}/{ids[row]}" not in known_ids]
        planned = planned.copy()
        planned[wanted] = True
        mine = [(row, name) for row, (name, language) in enumerate(asked) if language == source and with_queries]
        lacking = [row for row, name in mine if name not in known_queries]
        known_queries.update(asked[row][0] for row in lacking)
        present = len(rows) - len(wanted) + len(mine) - len(lacking)
        found.append(Missing(source, target, wanted, lacking, present))
    return found


def _covered(splits: Mapping[str | None, Collection], own: BoolArray, there: BoolArray) -> BoolArray:
    """Tell of each document (D,) whether all its queries have as many relevant documents there as of its own kind.

    Args:
        splits: the collection.
        own: (D,) documents of the source language.
        there: (D,) documents that the target language has, or will have in translation.
    """
    judged = np.zeros(len(own), bool)
    lacking = np.zeros(len(own), bool)
    for part in splits.values():
        relevance = part.relevance
        count = len(part.query_ids)
        here = np.bincount(relevance.queries, weights=own[relevance.documents], minlength=count)
        have = np.bincount(relevance.queries, weights=there[relevance.documents], minlength=count)
        judged[relevance.documents] = True
        lacking[relevance.documents[(have < here)[relevance.queries]]] = True
    return judged & ~lacking


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
    metadata: Mapping[str, Any],
) -> dict[str | None, Collection]:
    """Add translated rows to all splits of a collection.

    A translated document is judged as its source is. A query that some split has is added to that split.

    Args:
        splits: the collection.
        documents: the translated documents.
        queries: the translated queries.
        metadata: what its `collection.yaml` says, its `name` among it.

    Raises:
        InputError: an id would be there twice.
    """
    name = metadata["name"]
    all_documents = _with_rows(next(iter(splits.values())).documents, documents)
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
    qrels = qrels_table(part)
    rows = [
        row | {"corpus-id": identifier}
        for row in qrels.to_pylist()
        for identifier in (row["corpus-id"], *copies.get(row["corpus-id"], ()))
    ]
    return pa.Table.from_pylist(rows, qrels.schema)
