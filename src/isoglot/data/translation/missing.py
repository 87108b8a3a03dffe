"""Which texts of a collection a language lacks, and from which of its languages they can be translated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.collection import Collection

__all__ = ["Missing", "find_missing", "joined_queries"]

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True)
class Missing:
    """What is to be translated from one language into another.

    Attributes:
        source: canonical tag.
        target: canonical tag.
        documents: rows of the documents.
        queries: rows of the queries of all splits (`joined_queries`).
        present: documents and queries of the source that the target language has already.
    """

    source: str
    target: str
    documents: list[int]
    queries: list[int]
    present: int


def joined_queries(splits: Mapping[str | None, Collection]) -> pa.Table:
    """Return the queries of all splits, each version once, in order of first appearance."""
    tables = [part.queries for part in splits.values()]
    if all(table is tables[0] for table in tables):
        return tables[0]
    joined = pa.concat_tables(tables, promote_options="default")
    versions = joined.select(["_id", "lang"]).append_column("row", pa.array(range(joined.num_rows)))
    first = versions.group_by(["_id", "lang"]).aggregate([("row", "min")])["row_min"]
    return joined.take(first.take(pc.sort_indices(first)))


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
