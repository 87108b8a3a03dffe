"""From three checked tables to a `Collection`: ids become integers, and what cannot be is reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.arrow import (
    IdIndex,
    Keep,
    keep_in_memory,
    number_rows,
    one_chunk,
    repeated,
    take_from,
    without_rows,
)
from isoglot.collections.collection import Collection
from isoglot.collections.problems import Problems
from isoglot.languages.tags import canonical_tag

__all__ = [
    "Texts",
    "build_collection",
    "collection_from_rows",
    "documents_alone",
    "index_texts",
    "number_judgments",
]

IntArray = NDArray[np.integer[Any]]

Locate = Callable[[str, int], str]

TEXT_COLUMNS = {"documents": ("_id", "lang", "title", "text"), "queries": ("_id", "lang", "text")}


@dataclass(frozen=True, eq=False)
class Texts:
    """Documents and queries whose ids have been checked; the attributes are those of `Collection`."""

    documents: pa.Table
    queries: pa.Table
    query_ids: pa.Array
    query_index: IntArray

    @cached_property
    def document_rows(self) -> IdIndex:
        """Finds documents by id."""
        return IdIndex(self.documents["_id"])

    @cached_property
    def query_numbers(self) -> IdIndex:
        """Finds query ids."""
        return IdIndex(pa.chunked_array([self.query_ids]))

    def judged(self, judgments: pa.Table, name: str, metadata: dict[str, Any] | None = None) -> Collection:
        """Return the collection of these texts and of judgments whose ids are numbers."""
        parts = (self.documents, self.queries, judgments, self.query_ids, self.query_index)
        return Collection(*parts, name, dict(metadata or {}))


def index_texts(
    documents: pa.Table, queries: pa.Table, problems: Problems, locate: Locate, keep: Keep = keep_in_memory
) -> Texts:
    """Number the ids of texts; report and leave out documents and query versions that are there twice.

    Args:
        documents: as for `build_collection`.
        queries: as for `build_collection`.
        problems: where duplicate ids are reported.
        locate: as for `build_collection`.
        keep: where a table goes from which rows had to be left out.
    """
    ids = IdIndex(documents["_id"])
    again = np.flatnonzero(ids.first_rows() != np.arange(documents.num_rows))
    for row in problems.sample(again, "duplicate document id"):
        problems.add("duplicate document id", locate("documents", row), repr(documents["_id"][row].as_py()))
    documents = without_rows(documents, again, "corpus", keep)

    tags = pc.unique(queries["lang"])
    languages = pc.index_in(queries["lang"], value_set=tags).to_numpy().astype(np.int64)
    first = IdIndex(queries["_id"]).first_rows()
    numbers = number_rows(first)
    twice = repeated(numbers * np.int64(max(len(tags), 1)) + languages)
    for row in problems.sample(twice, "duplicate query id and language"):
        case = f"{queries['_id'][row].as_py()!r} in {queries['lang'][row].as_py()}"
        problems.add("duplicate query id and language", locate("queries", row), case)
    query_ids = one_chunk(take_from(queries["_id"], np.flatnonzero(first == np.arange(len(first)))))
    # the first row of an id is never left out, so that the numbers stay as they are
    texts = Texts(documents, without_rows(queries, twice, "queries", keep), query_ids, np.delete(numbers, twice))
    if not len(again):
        texts.__dict__["document_rows"] = ids
    return texts


def number_judgments(texts: Texts, qrels: pa.Table, problems: Problems, locate: Locate) -> pa.Table:
    """Return judgments with numbers for their ids; report and leave out those of unknown ids, and repeated ones.

    Args:
        texts: what they judge.
        qrels: as for `build_collection`.
        problems: where such judgments are reported.
        locate: as for `build_collection`.

    Returns:
        The `judgments` of a `Collection`.
    """
    query = texts.query_numbers.find(qrels["query-id"])
    document = texts.document_rows.find(qrels["corpus-id"])
    for column, found, reason in (
        ("query-id", query, "judgment of an unknown query id"),
        ("corpus-id", document, "judgment of an unknown document id"),
    ):
        for row in problems.sample(np.flatnonzero(found < 0), reason):
            problems.add(reason, locate("qrels", row), repr(qrels[column][row].as_py()))
    known = np.flatnonzero((query >= 0) & (document >= 0))
    again = known[repeated(query[known] * max(texts.documents.num_rows, 1) + document[known])]
    for row in problems.sample(again, "judged twice"):
        case = f"query {qrels['query-id'][row].as_py()!r}, document {qrels['corpus-id'][row].as_py()!r}"
        problems.add("judged twice", locate("qrels", row), case)
    known = np.setdiff1d(known, again, assume_unique=True)

    score = qrels["score"].to_numpy()
    numbers = {"query": query[known], "document": document[known], "score": score[known]}
    return pa.table({name: pa.array(values, pa.int32()) for name, values in numbers.items()})


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
    texts = index_texts(documents, queries, problems, locate)
    return texts.judged(number_judgments(texts, qrels, problems, locate), name, metadata)


def documents_alone(
    documents: pa.Table,
    *,
    name: str,
    problems: Problems,
    locate: Locate,
    metadata: dict[str, Any] | None = None,
) -> Collection:
    """Turn a table of documents into a `Collection` without queries; arguments are as for `build_collection`."""
    queries = pa.schema([(column, pa.string()) for column in TEXT_COLUMNS["queries"]]).empty_table()
    qrels = pa.schema([("query-id", pa.string()), ("corpus-id", pa.string()), ("score", pa.int32())]).empty_table()
    return build_collection(
        documents, queries, qrels, name=name, problems=problems, locate=locate, metadata=metadata
    )


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
