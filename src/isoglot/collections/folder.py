"""Reading a collection folder: corpus, queries and qrels, as JSON lines or as Parquet."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.arrow import Keep, keep_in_memory
from isoglot.collections.building import (
    TEXT_COLUMNS,
    Locate,
    Texts,
    documents_alone,
    index_texts,
    number_judgments,
)
from isoglot.collections.cache import Shelf, is_large
from isoglot.collections.collection import KEEP_TAGS, TRANSLATIONS, Collection
from isoglot.collections.fetching import from_anywhere
from isoglot.collections.jsonl import read_qrels, read_texts
from isoglot.collections.layout import (
    STEMS,
    collection_folders,
    folder_name,
    is_parquet,
    qrel_files,
    text_file,
)
from isoglot.collections.parquet import read_parquet_qrels, read_parquet_texts
from isoglot.collections.problems import Problems
from isoglot.collections.select import only_judged
from isoglot.errors import InputError
from isoglot.files import read_yaml
from isoglot.languages.tags import Tags

__all__ = [
    "collection_folders",
    "folder_name",
    "only_split_of",
    "read_collection",
    "read_documents",
    "read_folders",
    "read_splits",
    "share_cached",
    "splits_of",
]

IntArray = NDArray[np.integer[Any]]


def _pick_split(folder: Path, split: str | None, prefer: str | None) -> str | None:
    """Return the key in `qrel_files` of the judgments to read."""
    files = qrel_files(folder)
    if split is not None:
        if split in files or not files:
            return split
        have = ", ".join(str(name) for name in files if name)
        told = f"; its splits are {have}" if have else ": its judgments are in one file, without splits"
        raise InputError(f"{folder} has no split {split!r}{told}")
    if len(files) <= 1:
        return next(iter(files), None)
    if prefer in files:
        return prefer
    raise InputError(f"{folder} has splits {', '.join(map(str, files))}: choose one with --split")


def _read_metadata(folder: Path) -> dict[str, Any]:
    path = folder / "collection.yaml"
    if not path.exists():
        return {}
    metadata = read_yaml(path, "name: my-data")
    if isinstance(named := metadata.get("name"), list | dict):
        raise InputError(f"{path}: 'name' is {named!r}; it must be a text")
    for key in (TRANSLATIONS, KEEP_TAGS):
        if not isinstance(said := metadata.get(key, False), bool):
            raise InputError(f"{path}: {key!r} is {said!r}; it must be true or false")
    return metadata


def _name_of(folder: Path, metadata: dict[str, Any]) -> str:
    return str(metadata.get("name") or folder_name(folder))


@from_anywhere
def read_collection(
    folder: str | Path,
    *,
    split: str | None = None,
    prefer_split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
    keep_tags: bool = False,
) -> Collection:
    """Read a collection folder, or a BEIR folder.

    Of a folder with several splits only the queries judged in the split that is read are kept: the others are
    another split's, which training must not see.

    Args:
        folder: holds `corpus`, `queries` (`.jsonl` or `.parquet`) and `qrels.tsv`, `qrels.parquet` or
            `qrels/<split>.tsv`; or the address of one in an object store, such as `s3://bucket/my-data`, as text.
        split: which judgments to read where there are several.
        prefer_split: the split to take when `split` is not given and there are several.
        language: tag of texts that have none (all of them, in a BEIR folder).
        lenient: leave bad rows out and say how many of each kind, instead of failing.
        keep_tags: leave language tags as they are written; also if `collection.yaml` says so.

    Raises:
        InputError: the folder is none, a line is bad (with file, line and reason), a judgment names an
            unknown id, an id is given twice, or there is nothing to read.
    """
    folder = Path(folder)
    chosen = _pick_split(folder, split, prefer_split)
    collection = _read(folder, [chosen], language, lenient, keep_tags=keep_tags)[chosen]
    return collection if chosen is None else only_judged(collection)


@from_anywhere
def read_splits(
    folder: str | Path,
    *,
    language: str | None = None,
    lenient: bool = False,
    label: str | None = None,
    keep_tags: bool = False,
) -> dict[str | None, Collection]:
    """Read all splits of a collection folder: the texts once, every file of judgments.

    Args:
        folder: as for `read_collection`.
        language: as for `read_collection`.
        lenient: as for `read_collection`; `dropped` counts what was left out of all files together.
        label: what messages on its rows call the folder; its path if None.
        keep_tags: as for `read_collection`.

    Returns:
        The collections by split, sharing documents and queries; the one key is None if the judgments are in
        one file.

    Raises:
        InputError: as for `read_collection`.
    """
    folder = Path(folder)
    return _read(folder, list(qrel_files(folder)), language, lenient, label, keep_tags)


@from_anywhere
def read_documents(folder: str | Path, *, language: str | None = None, lenient: bool = False) -> Collection:
    """Read the documents of a folder alone; queries and judgments need not be there.

    Args:
        folder: holds `corpus.jsonl` or `corpus.parquet`.
        language: as for `read_collection`.
        lenient: as for `read_collection`.

    Raises:
        InputError: there is no such file, or it is not as it should be.
    """
    folder = Path(folder)
    files, metadata = {"documents": text_file(folder, "documents")}, _read_metadata(folder)
    tags = Tags(language, bool(metadata.get(KEEP_TAGS)))
    reading = _Reading(files, tags, Problems(str(folder), lenient))
    collection = documents_alone(
        reading.read_texts("documents", keep_in_memory),
        name=_name_of(folder, metadata),
        problems=reading.problems,
        locate=reading.locate(),
        metadata=metadata,
    )
    collection.dropped.update(reading.problems.finish())
    tags.tell(str(folder))
    return collection


def _read(
    folder: Path,
    splits: list[str | None],
    language: str | None,
    lenient: bool,
    label: str | None = None,
    keep_tags: bool = False,
) -> dict[str | None, Collection]:
    """Read the texts of a folder and the judgments of some of its splits."""
    if not folder.is_dir():
        kind = "a file, not a folder" if folder.exists() else "missing"
        raise InputError(f"the collection {folder} is {kind}")
    files = qrel_files(folder)
    if not files:
        for kind in STEMS:  # without texts it is no collection at all
            text_file(folder, kind)
        raise InputError(f"{folder} has no judgments: expected qrels.tsv, qrels/<split>.tsv or qrels.parquet")
    metadata = _read_metadata(folder)
    metadata |= {KEEP_TAGS: True} if keep_tags else {}
    tags = Tags(language, bool(metadata.get(KEEP_TAGS)))
    qrels = {split: files[split] for split in splits}
    texts = {kind: text_file(folder, kind) for kind in STEMS}
    reading = _Reading(texts, tags, Problems(label or str(folder), lenient))
    name = _name_of(folder, metadata)
    large = is_large(texts.values())
    with Shelf(texts["documents"], texts["queries"], qrels.values(), tags) if large else nullcontext() as shelf:
        collections = reading.read(qrels, shelf, name, metadata)
    tags.tell(label or str(folder))
    return collections


@dataclass
class _Reading:
    """One reading of a folder's files.

    Attributes:
        texts: the files of "documents" and "queries".
        tags: reads the tags of languages.
        problems: what is wrong with any of the files.
        numbers: the line (Parquet: row) from 1 of each row that was read of a file; None if all rows were.
    """

    texts: dict[str, Path]
    tags: Tags
    problems: Problems
    numbers: dict[Path, IntArray | None] = field(default_factory=dict)

    def read(
        self, qrels: dict[str | None, Path], shelf: Shelf | None, name: str, metadata: dict[str, Any]
    ) -> dict[str | None, Collection]:
        """Read texts and judgments by split, from the cache what is there; leave in the cache what is whole."""
        kept = shelf.texts() if shelf else None
        if shelf and kept:
            judged = {split: shelf.judgments(path) for split, path in qrels.items()}
            if all(table is not None for table in judged.values()):
                return {split: kept.judged(table, name, metadata) for split, table in judged.items()}
        keep = shelf.keep if shelf else keep_in_memory
        tables = {} if kept else {kind: self.read_texts(kind, keep) for kind in STEMS}
        named = {split: self.read_qrels(path) for split, path in qrels.items()}
        if not self.problems.lenient:
            self.problems.finish()  # before judgments of lines that were bad are reported as well
        texts = kept or self._index(tables, keep)
        if shelf and not kept and not self.problems.counts:
            shelf.finish_texts(texts)
        collections = {}
        for split, table in named.items():
            judgments = number_judgments(texts, table, self.problems, self.locate(qrels[split]))
            collections[split] = texts.judged(judgments, name, metadata)
        dropped = self.problems.finish()
        for split, collection in collections.items():
            if not collection.judgments.num_rows:
                raise InputError(f"{qrels[split]} holds no judgments: nothing could be trained on or measured")
            collection.dropped.update(dropped)
            if shelf and not dropped:
                shelf.finish_judgments(qrels[split], collection.judgments)
        return collections

    def _index(self, tables: dict[str, pa.Table], keep: Keep) -> Texts:
        """Number the ids of texts that were read."""
        for kind, table in tables.items():
            if not table.num_rows:
                raise InputError(f"{self.texts[kind]} holds no {kind}: the collection is empty")
        return index_texts(tables["documents"], tables["queries"], self.problems, self.locate(), keep)

    def read_texts(self, kind: str, keep: Keep) -> pa.Table:
        """Read "documents" or "queries"."""
        path = self.texts[kind]
        read = read_parquet_texts if is_parquet(path) else read_texts
        table, self.numbers[path] = read(path, TEXT_COLUMNS[kind], self.problems, self.tags, keep)
        return table

    def read_qrels(self, path: Path) -> pa.Table:
        """Read a file of judgments."""
        read = read_parquet_qrels if is_parquet(path) else read_qrels
        table, self.numbers[path] = read(path, self.problems)
        return table

    def locate(self, qrels: Path | None = None) -> Locate:
        """Return what tells where row n of "documents", "queries" or "qrels", read of this file, came from."""

        def told(kind: str, row: int) -> str:
            path = qrels if qrels and kind == "qrels" else self.texts[kind]
            numbers = self.numbers[path]
            number = row + 1 if numbers is None else numbers[row]
            return f"{path.name} {'row' if is_parquet(path) else 'line'} {number}"

        return told


@from_anywhere
def splits_of(folder: str | Path) -> tuple[str, ...]:
    """Return the names of the splits a collection folder has; empty if its judgments are in one file.

    Raises:
        InputError: judgments are there twice.
    """
    return tuple(split for split in qrel_files(Path(folder)) if split is not None)


def only_split_of(splits: Mapping[str | None, Collection], source: Path) -> Collection:
    """Return the one collection of a part.

    Raises:
        InputError: there are several.
    """
    if len(splits) > 1:
        raise InputError(f"{source} has splits {', '.join(map(str, splits))}, where one is expected")
    return next(iter(splits.values()))


def read_folders(
    folders: Mapping[str | None, Path],
    *,
    language: str | None = None,
    lenient: bool = False,
    keep_tags: bool = False,
) -> dict[str | None, Collection]:
    """Read what `collection_folders` found: one folder with its splits, or one for each split.

    Args:
        folders: part (None if there is one folder) -> folder.
        language: tag of texts that have none.
        lenient: leave bad rows out and say how many, instead of failing.
        keep_tags: leave language tags as they are written.

    Raises:
        InputError: a folder is not as it should be.
    """
    how: dict[str, Any] = {"language": language, "lenient": lenient, "keep_tags": keep_tags}
    if set(folders) == {None}:
        return read_splits(folders[None], **how)
    return {part: only_split_of(read_splits(path, **how), path) for part, path in folders.items()}


def share_cached(
    source: str | Path, to: str | Path, *, language: str | None = None, keep_tags: bool = False
) -> None:
    """Let a folder that was just written from another be opened as fast as if it had been read before.

    Does nothing for small folders, and where the source had bad rows.

    Args:
        source: the folder that was read, with all its splits.
        to: the folder that was written, without another change.
        language: the tag given to texts of the source that had none.
        keep_tags: whether language tags were left as they are written.
    """
    folders = (Path(source), Path(to))
    (documents, queries), (new_documents, new_queries) = (
        tuple(text_file(folder, kind) for kind in STEMS) for folder in folders
    )
    if not is_large((documents, queries)) or not is_large((new_documents, new_queries)):
        return
    qrels, new_qrels = (qrel_files(folder) for folder in folders)
    here = Shelf(documents, queries, qrels.values(), Tags(language, keep_tags))
    there = Shelf(new_documents, new_queries, new_qrels.values(), Tags(keep=keep_tags))
    here.link_to(there, {path: new_qrels[split] for split, path in qrels.items()})
