"""Data sets of the library ir_datasets, which downloads, verifies and parses them.

Source: MacAvaney et al., "Simplified Data Wrangling with ir_datasets", SIGIR 2021, arXiv 2103.02280.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.building import Texts, add_judgments, index_texts, only_judged
from isoglot.collections.mapped import map_table, write_arrow
from isoglot.collections.problems import Problems
from isoglot.collections.rows import Keep, keep_in_memory
from isoglot.data.catalogue.download import why_unreachable
from isoglot.data.catalogue.entry import Entry, IrDatasetsReader
from isoglot.data.catalogue.readers.triples import with_triples
from isoglot.data.convert import Splits
from isoglot.errors import InputError, IsoglotError
from isoglot.files import default_cache

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


def _chunked(
    rows: Iterable[tuple[str, ...]], columns: tuple[str, ...], keep: Keep = keep_in_memory, name: str = ""
) -> pa.Table:
    """Put rows into a table, a chunk at a time, so that only a chunk of them is ever Python objects."""
    schema = pa.schema([(column, pa.string()) for column in columns])

    def batches() -> Iterator[pa.RecordBatch]:
        left = iter(rows)
        while chunk := list(islice(left, CHUNK)):
            arrays = [pa.array(values, pa.string()) for values in zip(*chunk, strict=True)]
            yield pa.record_batch(arrays, schema=schema)

    return keep(name, schema, batches())


@contextmanager
def _on_disk() -> Iterator[Keep]:
    """Yield what keeps tables in files of the cache, mapped and removed afterwards: larger than memory."""
    root = default_cache() / "collections"
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".new-", dir=root, ignore_cleanup_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot write to the cache {root}: {error.strerror}; name another folder in ISOGLOT_CACHE"
        ) from None
    with temporary as folder:

        def keep(name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
            path = Path(folder) / f"{name}.arrow"
            write_arrow(path, schema, batches)
            return map_table(path)

        yield keep


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
        for split, name in reader.elsewhere.get(tag, reader.splits).items():
            try:
                self.splits[split] = library.load(name.format(language=code))
            except KeyError:
                continue  # some languages lack a split

    def document_id(self, identifier: str) -> str:
        return f"{self.tag}/{identifier}" if self.several else identifier

    def query_id(self, identifier: str) -> str:
        return f"{self.tag}/{identifier}" if self.several and not self.reader.shared_queries else identifier

    def documents(self, empty: _Empty) -> Iterator[tuple[str, ...]]:
        for document in next(iter(self.splits.values())).docs_iter():
            title, text = getattr(document, "title", "") or "", document.text or ""
            name = self.document_id(document.doc_id)
            if empty.has("document", name, title + text):
                continue
            yield name, self.tag, title, text

    def queries(self, empty: _Empty) -> Iterator[tuple[str, ...]]:
        language = self.reader.query_language or self.tag
        for dataset in self.splits.values():
            for query in dataset.queries_iter():
                name = self.query_id(query.query_id)
                text = (getattr(query, self.reader.query_field) or "").strip()
                if not empty.has("query", name, text, language):
                    yield name, language, text
                if self.reader.translated_field:
                    translated = (getattr(query, self.reader.translated_field) or "").strip()
                    if translated:
                        yield name, self.tag, translated

    def judgments(self, split: str) -> Iterator[tuple[str, ...]]:
        if split in self.splits:
            for judged in self.splits[split].qrels_iter():
                yield self.query_id(judged.query_id), self.document_id(judged.doc_id), str(judged.relevance)


class _Empty:
    """Texts that are empty, and therefore not in the collection: reported once, and their judgments known."""

    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self.found: dict[str, set[str]] = {"document": set(), "query": set()}
        self.seen: set[tuple[str, str, str]] = set()

    def has(self, kind: str, name: str, text: str, language: str = "") -> bool:
        """Tell whether a text is empty, and report it if so."""
        if text.strip():
            return False
        if (kind, name, language) not in self.seen:  # a query may be one of several splits
            self.seen.add((kind, name, language))
            self.problems.add("empty text", kind, repr(name))
        self.found[kind].add(name)
        return True


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
    if home is not None:
        home = _home(home, reader)
    problems = Problems(entry.name, lenient)
    empty = _Empty(problems)
    with _on_disk() as keep:
        tables = _read(entry, reader, tags, home, empty, keep)
        texts = index_texts(tables.documents, tables.queries, problems, _locate, keep)
        found = _collections(entry, texts, tables.judged, empty, problems)
        if reader.triples is not None and tables.triples is not None and reader.triples.split in found:
            split = reader.triples.split
            prefixes = {one.tag: one.document_id("") for one in tables.sets}
            found[split] = with_triples(found[split], tables.triples, prefixes, reader.triples.most)
        return found


@dataclass(frozen=True)
class _Tables:
    """What the library has: its languages, the texts, the judgments by split, and triples (query, negative)."""

    sets: list[_Set]
    documents: pa.Table
    queries: pa.Table
    judged: dict[str, pa.Table]
    triples: pa.Table | None


def _read(
    entry: Entry, reader: IrDatasetsReader, tags: list[str], home: Path | None, empty: _Empty, keep: Keep
) -> _Tables:
    """Read what the library has in some languages, documents and triples to disk.

    Raises:
        InputError: the library, or something in its folder, is missing.
        IsoglotError: the library cannot download or read it.
    """
    several = len(entry.languages) > 1
    try:
        with _library(home) as library:
            sets = [_Set(library, reader, tag, several) for tag in tags]
            rows = (row for one in sets for row in one.documents(empty))
            documents = _chunked(rows, ("_id", "lang", "title", "text"), keep, "corpus")
            rows = (row for one in sets for row in one.queries(empty))
            queries = _distinct(_chunked(rows, ("_id", "lang", "text")))
            judged = {split: _judged(sets, split) for split in reader.splits}
            triples = None
            if reader.triples is not None:
                pairs = library.load(reader.triples.name).docpairs_iter()
                rows = ((sets[0].query_id(pair.query_id), pair.doc_id_b) for pair in pairs)
                triples = _chunked(rows, ("query-id", "corpus-id"), keep, "triples")
            return _Tables(sets, documents, queries, judged, triples)
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


def _locate(table: str, row: int) -> str:
    return f"{table} {row + 1}"


def _collections(
    entry: Entry, texts: Texts, judged: dict[str, pa.Table], empty: _Empty, problems: Problems
) -> Splits:
    """Make collections, by split, that share their documents."""
    found: Splits = {}
    for split, qrels in judged.items():
        left_out = pc.is_in(qrels["corpus-id"], pa.array(empty.found["document"], pa.string()))
        asked = texts.query_numbers.find(qrels["query-id"])
        gone = pc.is_in(qrels["query-id"], pa.array(empty.found["query"], pa.string()))
        drop = pc.or_(left_out, pc.and_(gone, pa.array(asked < 0)))
        qrels = qrels.filter(pc.invert(drop))
        if qrels.num_rows:
            named = add_judgments(texts, qrels, name=entry.name, problems=problems, locate=_locate)
            found[split or None] = only_judged(named)
    dropped = problems.finish()
    if not found:
        raise IsoglotError(f"ir_datasets has no judgments for {entry.name} in these languages")
    for collection in found.values():
        collection.dropped.update(dropped)
    return found
