"""Data sets of the library ir_datasets, which downloads, verifies and parses them.

Source: MacAvaney et al., "Simplified Data Wrangling with ir_datasets", SIGIR 2021, arXiv 2103.02280.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.building import build_collection, only_judged
from isoglot.collections.catalogue.download import why_unreachable
from isoglot.collections.catalogue.entry import Entry, IrDatasetsReader
from isoglot.collections.catalogue.selecting import without_empty
from isoglot.collections.convert import Splits
from isoglot.collections.problems import Problems
from isoglot.errors import InputError, IsoglotError

__all__ = ["read_ir_datasets"]

CHUNK = 100_000
HOME = "IR_DATASETS_HOME"


def _home(folder: Path, reader: IrDatasetsReader) -> Path:
    """Return the library's folder of files: the one given, or its parent if it is that of the data set.

    Raises:
        InputError: it has nothing of the data set.
    """
    name = next(iter(reader.splits.values())).split("/")[0]
    home = folder.resolve().parent if folder.name == name else folder
    if not (home / name).is_dir():
        raise InputError(
            f"{folder} is no folder of ir_datasets: it has no folder {name}, as ~/.ir_datasets would have"
        )
    return home


def _not_there(wanted: Any) -> Any:
    raise FileNotFoundError(f"the folder lacks what is downloaded from {wanted.url}")


@contextmanager
def _library(home: Path | None) -> Iterator[Any]:
    """Yield the library, its files in a folder of ours if one is given.

    It fixes where its files are when it is imported, so that another folder needs another import.
    """
    if find_spec("ir_datasets") is None:
        raise InputError(
            "this data set is read by the package ir_datasets, which is not installed: pip install 'isoglot[data]'"
        )
    logging.getLogger("ir_datasets").disabled = True  # it would log each attempt beside our one sentence
    if home is None:
        yield import_module("ir_datasets")
        return
    before = os.environ.get(HOME)
    kept = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "ir_datasets"}
    os.environ[HOME] = str(home)
    try:
        library = import_module("ir_datasets")
        library.util.RequestsDownload.stream = _not_there  # this copy of it is ours: the folder is all there is
        yield library
    finally:
        for name in [name for name in sys.modules if name.split(".")[0] == "ir_datasets"]:
            del sys.modules[name]
        sys.modules.update(kept)
        if before is None:
            del os.environ[HOME]
        else:
            os.environ[HOME] = before


def _chunked(rows: Iterable[tuple[str, ...]], columns: tuple[str, ...]) -> pa.Table:
    """Put rows into a table, a chunk at a time, so that only a chunk of them is ever Python objects."""
    schema = pa.schema([(column, pa.string()) for column in columns])
    batches = []
    rows = iter(rows)
    while chunk := list(islice(rows, CHUNK)):
        arrays = [pa.array(values, pa.string()) for values in zip(*chunk, strict=True)]
        batches.append(pa.record_batch(arrays, schema=schema))
    return pa.Table.from_batches(batches, schema)


class _Set:
    """The data set in one language: its splits, and what its ids are called in the collection.

    Args:
        library: ir_datasets.
        reader: what is read.
        tag: the language of its documents.
        several: whether the collection has several languages, so that ids carry theirs.
    """

    def __init__(self, library: Any, reader: IrDatasetsReader, tag: str, several: bool) -> None:
        self.reader = reader
        self.tag = tag
        self.several = several
        code = reader.codes.get(tag, tag)
        self.splits: dict[str, Any] = {}
        for split, name in reader.splits.items():
            try:
                self.splits[split] = library.load(name.format(language=code))
            except KeyError:
                continue  # some languages lack a split

    def document_id(self, identifier: str) -> str:
        return f"{self.tag}/{identifier}" if self.several else identifier

    def query_id(self, identifier: str) -> str:
        return f"{self.tag}/{identifier}" if self.several and not self.reader.shared_queries else identifier

    def documents(self) -> Iterator[tuple[str, ...]]:
        for document in next(iter(self.splits.values())).docs_iter():
            title = getattr(document, "title", "") or ""
            yield self.document_id(document.doc_id), self.tag, title, document.text or ""

    def queries(self) -> Iterator[tuple[str, ...]]:
        for dataset in self.splits.values():
            for query in dataset.queries_iter():
                name = self.query_id(query.query_id)
                text = getattr(query, self.reader.query_field)
                yield name, self.reader.query_language or self.tag, (text or "").strip()
                if self.reader.translated_field:
                    translated = (getattr(query, self.reader.translated_field) or "").strip()
                    if translated:
                        yield name, self.tag, translated

    def judgments(self, split: str) -> Iterator[tuple[str, ...]]:
        if split in self.splits:
            for judged in self.splits[split].qrels_iter():
                yield self.query_id(judged.query_id), self.document_id(judged.doc_id), str(judged.relevance)


def _distinct(queries: pa.Table) -> pa.Table:
    """Return each version of a query once: it may be asked in several splits, and of several languages."""
    numbered = queries.append_column("row", pa.array(range(queries.num_rows), pa.int64()))
    first = numbered.group_by(["_id", "lang"]).aggregate([("row", "min")])["row_min"]
    return queries.take(first.take(pc.sort_indices(first)))


def _judged(sets: list[_Set], split: str) -> pa.Table:
    columns = ("query-id", "corpus-id", "score")
    table = _chunked((row for one in sets for row in one.judgments(split)), columns)
    return table.set_column(2, "score", table["score"].cast(pa.int32()))


def read_ir_datasets(
    entry: Entry, reader: IrDatasetsReader, languages: tuple[str, ...] | None, home: Path | None, lenient: bool
) -> Splits:
    """Read a data set of ir_datasets: its languages in one collection, documents and queries of all splits.

    Ids of a set of several languages begin with the language, but for those of queries that are shared by them.

    Args:
        entry: the data set.
        reader: what it is called there.
        languages: only these languages of documents; all if None.
        home: a folder with the library's files, or the data set's folder in it; the library's own
            (`~/.ir_datasets`) if None.
        lenient: leave bad rows out and say how many, instead of failing.

    Raises:
        InputError: the library is missing, or rows are not as they should be.
        IsoglotError: the library cannot download or read it.
    """
    tags = [tag for tag in entry.languages if tag != reader.query_language]
    if languages is not None:
        tags = [tag for tag in tags if tag in languages]
        if not tags:
            raise InputError(
                f"{entry.name} has no documents in {', '.join(languages)}: they are in {', '.join(entry.languages)}"
            )
    several = len(entry.languages) > 1
    if home is not None:
        home = _home(home, reader)
    try:
        with _library(home) as library:
            sets = [_Set(library, reader, tag, several) for tag in tags]
            documents = _chunked((row for one in sets for row in one.documents()), ("_id", "lang", "title", "text"))
            queries = _distinct(_chunked((row for one in sets for row in one.queries()), ("_id", "lang", "text")))
            judged = {split: _judged(sets, split) for split in reader.splits}
    except IsoglotError:
        raise
    except Exception as error:
        reason = why_unreachable(error)
        if home is not None:
            raise InputError(f"{home} is no folder of ir_datasets that holds {entry.name}: {reason}") from error
        raise IsoglotError(
            f"ir_datasets cannot get {entry.name}: {reason}. It needs a connection, or its files where it keeps "
            "them (~/.ir_datasets, or any such folder given with --from)"
        ) from error
    return _collections(entry, documents, queries, judged, lenient)


def _collections(
    entry: Entry, documents: pa.Table, queries: pa.Table, judged: dict[str, pa.Table], lenient: bool
) -> Splits:
    """Make collections, by split, that share their documents."""
    found: Splits = {}
    for split, qrels in judged.items():
        if not qrels.num_rows:
            continue
        problems = Problems(entry.name, lenient)
        collection = build_collection(
            documents,
            queries,
            qrels,
            name=entry.name,
            problems=problems,
            locate=lambda table, row: f"{table} {row + 1}",
        )
        collection = without_empty(collection, problems)
        collection.dropped.update(problems.finish())
        found[split or None] = only_judged(collection)
    if not found:
        raise IsoglotError(f"ir_datasets has no judgments for {entry.name} in these languages")
    return found
