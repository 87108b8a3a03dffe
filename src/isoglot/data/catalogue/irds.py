"""Data sets of the library ir_datasets, which downloads, verifies and parses them.

The library fixes where its files are when it is imported, so what lies in another folder is read in a process of
its own. Texts, judgments and triples pass through Arrow files, as they may be larger than memory.

Source: MacAvaney et al., "Simplified Data Wrangling with ir_datasets", SIGIR 2021, arXiv 2103.02280.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.arrow import IdIndex, map_table, one_chunk, write_arrow
from isoglot.collections.building import Texts, index_texts, number_judgments
from isoglot.collections.collection import Collection
from isoglot.collections.negatives import with_hard_negatives
from isoglot.collections.problems import Problems
from isoglot.collections.select import only_judged
from isoglot.data.catalogue.download import why_unreachable
from isoglot.data.catalogue.entry import Entry, IrDatasetsReader
from isoglot.data.forms.rows import Splits
from isoglot.errors import InputError, IsoglotError
from isoglot.files import default_cache

__all__ = ["read_ir_datasets", "write_from_home"]

CHUNK = 100_000  # rows that are Python objects at a time
HOME = "IR_DATASETS_HOME"
TABLES = {
    "documents": ("_id", "lang", "title", "text"),
    "queries": ("_id", "lang", "text"),
    "judgments": ("query-id", "corpus-id", "score"),
    "triples": ("query-id", "corpus-id"),
}
"""Table -> its columns, all of them text. Judgments are in a file for each split."""


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
    if find_spec("ir_datasets") is None:
        raise InputError(
            "this data set is read by the package ir_datasets, which is not installed: pip install 'isoglot[data]'"
        )
    problems = Problems(entry.name, lenient)
    with _folder_of_cache() as folder:
        written = folder / "written"
        written.mkdir()
        if home is None:
            _write(entry, tags, written)
        else:
            _write_apart(entry, tags, written, _home(home, reader))
        tables = {path.stem: map_table(path) for path in written.glob("*.arrow")}
        empty = json.loads((written / "empty.json").read_text(encoding="utf-8"))
        for kind, name, _ in empty:
            problems.add("empty text", kind, repr(name))

        def keep(name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
            write_arrow(folder / f"{name}.arrow", schema, batches)
            return map_table(folder / f"{name}.arrow")

        texts = index_texts(tables["documents"], _distinct(tables["queries"]), problems, _locate, keep)
        judged = {split: tables[f"judgments {split}"] for split in reader.splits}
        found = _collections(entry, texts, judged, empty, problems)
        if reader.triples is not None and reader.triples.split in found:
            split = reader.triples.split
            prefixes = {tag: _prefix(entry, tag) for tag in tags}
            found[split] = _with_triples(found[split], tables["triples"], prefixes, reader.triples.most)
        return found


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


@contextmanager
def _folder_of_cache() -> Iterator[Path]:
    """Yield a folder in the cache that is removed afterwards; tables mapped from it stay usable."""
    root = default_cache() / "collections"
    try:
        root.mkdir(parents=True, exist_ok=True)
        temporary = tempfile.TemporaryDirectory(prefix=".new-", dir=root, ignore_cleanup_errors=True)
    except OSError as error:
        raise InputError(
            f"cannot write to the cache {root}: {error.strerror}; name another folder in ISOGLOT_CACHE"
        ) from None
    with temporary as folder:
        yield Path(folder)


def _write(entry: Entry, tags: list[str], folder: Path) -> None:
    """Write tables from the library's own folder of files, which it downloads to.

    Raises:
        IsoglotError: the library cannot download or read the data set.
    """
    try:
        _write_tables(entry, tags, folder)
    except Exception as error:
        raise IsoglotError(
            f"ir_datasets cannot get {entry.name}: {why_unreachable(error)}. It needs a connection, or its files "
            "where it keeps them (~/.ir_datasets, or any such folder given with --from)"
        ) from error


def _write_apart(entry: Entry, tags: list[str], folder: Path, home: Path) -> None:
    """Write tables from another folder of the library's files, in a process that has it as its own.

    Raises:
        InputError: something is missing there, or not as the library expects.
    """
    job = {"entry": entry.model_dump(mode="json"), "tags": tags, "folder": str(folder)}
    done = subprocess.run(
        [sys.executable, "-c", f"from {__name__} import write_from_home; write_from_home()"],
        input=json.dumps(job),
        env={**os.environ, HOME: str(home)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"the process that read it ended with {done.returncode}"])[
            -1
        ]
        raise InputError(f"{home} is no folder of ir_datasets that holds {entry.name}: {reason}")


def write_from_home() -> None:
    """Write the tables that standard input describes, of the files in $IR_DATASETS_HOME; nothing is downloaded.

    Ends the process with a reason if something is wrong.
    """

    def not_there(wanted: Any) -> Any:
        raise FileNotFoundError(f"the folder lacks what is downloaded from {wanted.url}")

    job = json.load(sys.stdin)
    import_module("ir_datasets").util.RequestsDownload.stream = not_there
    try:
        _write_tables(Entry.model_validate(job["entry"]), job["tags"], Path(job["folder"]))
    except Exception as error:
        sys.exit(why_unreachable(error))


def _write_tables(entry: Entry, tags: list[str], folder: Path) -> None:
    """Write what the library has in some languages: the `TABLES` as Arrow files, empty texts to `empty.json`."""
    library = import_module("ir_datasets")
    logging.getLogger("ir_datasets").disabled = True  # it would log each attempt beside our one sentence
    reader = _reader_of(entry)
    sets = [_Set(library, entry, tag) for tag in tags]
    empty = _Empty()

    def write(name: str, rows: Iterable[tuple[str, ...]]) -> None:
        schema = pa.schema([(column, pa.string()) for column in TABLES[name.split(" ")[0]]])
        write_arrow(folder / f"{name}.arrow", schema, _batches(rows, schema))

    write("documents", (row for one in sets for row in one.documents(empty)))
    write("queries", (row for one in sets for row in one.queries(empty)))
    for split in reader.splits:
        write(f"judgments {split}", (row for one in sets for row in one.judgments(split)))
    if reader.triples is not None:
        pairs = library.load(reader.triples.name).docpairs_iter()
        write("triples", ((sets[0].query_id(pair.query_id), pair.doc_id_b) for pair in pairs))
    (folder / "empty.json").write_text(json.dumps(list(empty.found)), encoding="utf-8")


def _batches(rows: Iterable[tuple[str, ...]], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    left = iter(rows)
    while chunk := list(islice(left, CHUNK)):
        arrays = [pa.array(values, pa.string()) for values in zip(*chunk, strict=True)]
        yield pa.record_batch(arrays, schema=schema)


def _reader_of(entry: Entry) -> IrDatasetsReader:
    assert isinstance(entry.reader, IrDatasetsReader)
    return entry.reader


def _prefix(entry: Entry, tag: str) -> str:
    """Return what ids of a language begin with: the language, if the set has several."""
    return f"{tag}/" if len(entry.languages) > 1 else ""


class _Empty:
    """Texts that are empty, and therefore not in the collection: (document or query, id, language), each once."""

    def __init__(self) -> None:
        self.found: dict[tuple[str, str, str], None] = {}

    def has(self, kind: str, name: str, text: str, language: str = "") -> bool:
        """Tell whether a text is empty, and note it if so."""
        if text.strip():
            return False
        self.found[kind, name, language] = None  # a query may be one of several splits
        return True


class _Set:
    """The data set in one language: its splits, and what its ids are called in the collection.

    Args:
        library: ir_datasets.
        entry: what is read.
        tag: the language of its documents.
    """

    def __init__(self, library: Any, entry: Entry, tag: str) -> None:
        self.reader = _reader_of(entry)
        self.tag = tag
        self.prefix = _prefix(entry, tag)
        code = self.reader.codes.get(tag, tag)
        self.splits: dict[str, Any] = {}
        for split, name in self.reader.elsewhere.get(tag, self.reader.splits).items():
            try:
                self.splits[split] = library.load(name.format(language=code))
            except KeyError:
                continue  # some languages lack a split

    def query_id(self, identifier: str) -> str:
        return identifier if self.reader.shared_queries else f"{self.prefix}{identifier}"

    def documents(self, empty: _Empty) -> Iterator[tuple[str, ...]]:
        for document in next(iter(self.splits.values())).docs_iter():
            title, text = getattr(document, "title", "") or "", document.text or ""
            name = f"{self.prefix}{document.doc_id}"
            if not empty.has("document", name, title + text):
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
                yield self.query_id(judged.query_id), f"{self.prefix}{judged.doc_id}", str(judged.relevance)


def _distinct(queries: pa.Table) -> pa.Table:
    """Return each version of a query once: it may be asked in several splits, and of several languages."""
    numbered = queries.append_column("row", pa.array(range(queries.num_rows), pa.int64()))
    first = numbered.group_by(["_id", "lang"], use_threads=False).aggregate([("row", "min")])["row_min"]
    return queries.take(first.take(pc.sort_indices(first)))


def _locate(table: str, row: int) -> str:
    return f"{table} {row + 1}"


def _collections(
    entry: Entry, texts: Texts, judged: dict[str, pa.Table], empty: list[tuple[str, str, str]], problems: Problems
) -> Splits:
    """Make collections, by split, that share their documents; judgments of empty texts go with them."""
    documents, queries = (
        pa.array({name for what, name, _ in empty if what == kind}, pa.string()) for kind in ("document", "query")
    )
    found: Splits = {}
    for split, qrels in judged.items():
        left_out = pc.is_in(qrels["corpus-id"], documents)
        asked = texts.query_numbers.find(qrels["query-id"])
        gone = pc.is_in(qrels["query-id"], queries)
        drop = pc.or_(left_out, pc.and_(gone, pa.array(asked < 0)))
        qrels = qrels.filter(pc.invert(drop))
        if qrels.num_rows:
            qrels = qrels.set_column(2, "score", qrels["score"].cast(pa.int32()))
            numbers = number_judgments(texts, qrels, problems, _locate)
            found[split or None] = only_judged(texts.judged(numbers, entry.name))
    dropped = problems.finish()
    if not found:
        raise IsoglotError(f"ir_datasets has no judgments for {entry.name} in these languages")
    for collection in found.values():
        collection.dropped.update(dropped)
    return found


def _with_triples(collection: Collection, triples: pa.Table, prefixes: Mapping[str, str], most: int) -> Collection:
    """Return a collection with the negatives that triples give, each in the language of the version of its query.

    MS MARCO is published with such triples (Bajaj et al., arXiv 1611.09268); mMARCO's translations share them, as
    its ids are the same in every language. A negative that is relevant to the query is left out, and one that a
    language lacks is left out there. Needs about 70 bytes a triple.

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
