"""Documents that nobody has judged, and which of them are translations of one another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from isoglot.collections.building import documents_alone
from isoglot.collections.collection import KEEP_TAGS, Collection
from isoglot.collections.fetching import from_anywhere
from isoglot.collections.folder import read_documents
from isoglot.collections.layout import collection_folders, qrel_files
from isoglot.collections.problems import Problems
from isoglot.collections.writing import share_documents
from isoglot.data.catalogue.loading import load_splits, refuse_missing
from isoglot.data.forms.columns import Columns
from isoglot.data.forms.rows import Reading, Splits
from isoglot.data.forms.table import documents_of_table, read_table_documents
from isoglot.errors import InputError

__all__ = ["Unjudged", "load_documents", "load_unjudged", "of_collections", "of_table"]

KEPT = ("licence", "license", "source", "citation", KEEP_TAGS)
"""What is still so of documents whose queries are others."""


class Unjudged(NamedTuple):
    """Documents, and which of them are translations of one another."""

    name: str
    documents: pa.Table  # _id, lang, title, text
    linked: list[list[int]]  # rows of documents
    metadata: dict[str, Any]


@from_anywhere
def load_unjudged(
    source: str | Path,
    *,
    columns: Columns | None = None,
    language: str | None = None,
    lenient: bool = False,
) -> Unjudged:
    """Load documents.

    Args:
        source: a folder with `corpus.jsonl` or `corpus.parquet`; a collection, by folder or name; or a table.
        columns: of a table, which hold what.
        language: as for `load_collection`; of a table as for its form.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: it is none of these.
    """
    if _is_table(source, columns):
        documents, linked = _of_tables(source, columns, language, lenient)
        return Unjudged(_table_name(source), documents, _rows_of(documents, linked), {})
    splits = _splits(source, None, language, lenient)
    if not share_documents(splits):
        raise InputError(
            f"{source} has a collection for each split: name one, such as {source}/{next(iter(splits))}"
        )
    return of_collections(list(splits.values()))


@from_anywhere
def load_documents(
    source: str | Path,
    *,
    columns: Columns | None = None,
    split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
) -> Collection:
    """Load a collection for its documents: it may have no queries.

    Args:
        source: as for `load_unjudged`.
        columns: of a table, which hold what.
        split: of splits with documents of their own, the one whose documents are wanted.
        language: as for `load_unjudged`.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: it is no collection, folder of documents or table; or it has documents of several splits, or
            documents without splits, and one is asked for.
    """
    if _is_table(source, columns):
        if split is not None:
            raise InputError(f"{source} is a table of documents, without splits: leave --split out")
        documents, _ = _of_tables(source, columns, language, lenient)
        name = _table_name(source)
        return documents_alone(documents, name=name, problems=Problems(name), locate=lambda table, row: table)
    splits = _splits(source, split, language, lenient)
    if not share_documents(splits):
        names = ", ".join(map(str, splits))
        raise InputError(f"{source} has documents of several splits ({names}): choose one with --split")
    return next(iter(splits.values()))


def _is_table(source: str | Path, columns: Columns | None) -> bool:
    """Tell whether a source is a table, or tables in a folder.

    Raises:
        InputError: there is no such thing; or columns are named of what is none, or not named of what is one.
    """
    path = Path(source)
    refuse_missing(source)
    if path.is_file() or (path.is_dir() and columns is not None and None not in collection_folders(path)):
        if columns is None:
            raise InputError(f"{source} is a table: say which column holds the documents, with --document COLUMN")
        return True
    if columns is not None:
        raise InputError(f"{source} is a collection, which has no columns: leave --document and the like out")
    return False


def _of_tables(
    source: str | Path, columns: Columns | None, language: str | None, lenient: bool
) -> tuple[pa.Table, list[list[str]]]:
    """Return the documents of tables, and the ids of those that are translations of one another."""
    assert columns is not None
    _refuse_queries(columns)
    return read_table_documents(Path(source), Reading(language=language, lenient=lenient, columns=columns))


def _table_name(source: str | Path) -> str:
    return Path(source).name.split(".")[0]


def _splits(source: str | Path, split: str | None, language: str | None, lenient: bool) -> Splits:
    """Load a collection, or a folder of documents without judgments, whose one split is None."""
    path = Path(source)
    if path.is_dir() and None in collection_folders(path) and not qrel_files(path):
        if split is not None:
            raise InputError(f"{source} has documents alone, without splits: leave --split out")
        return {None: read_documents(path, language=language, lenient=lenient)}
    return load_splits(source, split=split, language=language, lenient=lenient)


def _refuse_queries(columns: Columns) -> None:
    if columns.have_queries:
        raise InputError(
            "queries are made of the documents: leave --query out, or convert the table, which has questions"
        )


def _rows_of(documents: pa.Table, linked: Iterable[Sequence[str]]) -> list[list[int]]:
    rows = {identifier: row for row, identifier in enumerate(documents["_id"].to_pylist())}
    return [[rows[one] for one in listed] for listed in linked]


def of_collections(splits: Sequence[Collection]) -> Unjudged:
    """Return the documents of a collection by its splits, which share them.

    Relevant documents of one query are taken for translations of one another.
    """
    linked = []
    for split in splits:
        relevance = split.relevance
        linked += [relevance.of(index).tolist() for index in range(len(split.query_ids))]
    first = splits[0]
    kept = {key: first.metadata[key] for key in KEPT if key in first.metadata}
    return Unjudged(first.name, first.documents, linked, kept)


def of_table(table: Any, columns: Columns, language: str | None = None) -> Unjudged:
    """Return the documents of a table in memory; arguments are as for `collection_from_table`.

    Raises:
        InputError: it is no table, or columns hold questions.
    """
    _refuse_queries(columns)
    documents, linked = documents_of_table(table, columns, language)
    return Unjudged("table", documents, _rows_of(documents, linked), {})
