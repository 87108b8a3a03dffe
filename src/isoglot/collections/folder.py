"""Reading a collection folder: corpus, queries and qrels, as JSON lines or as Parquet."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml
from numpy.typing import NDArray

from isoglot.collections.arrow import Keep, keep_in_memory
from isoglot.collections.building import TEXT_COLUMNS, Locate, Texts, add_judgments, index_texts
from isoglot.collections.collection import TRANSLATIONS, Collection
from isoglot.collections.jsonl import read_qrels, read_texts
from isoglot.collections.parquet import check_parquet_qrels, read_parquet, read_parquet_texts
from isoglot.collections.prepared import Shelf, is_large
from isoglot.collections.problems import Problems
from isoglot.collections.select import only_judged
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["folder_name", "read_collection", "read_splits", "share_prepared", "splits_of"]

IntArray = NDArray[np.integer[Any]]

STEMS = {"documents": "corpus", "queries": "queries"}
QREL_COLUMNS = ("query-id", "corpus-id", "score")
SPLIT_NAMES = ("train", "dev", "test")


def folder_name(folder: Path) -> str:
    """Return what a collection without a name is called: its folder, with the parent's if that is a split."""
    folder = folder.resolve()
    return f"{folder.parent.name}/{folder.name}" if folder.name in SPLIT_NAMES else folder.name


def _qrel_files(folder: Path) -> dict[str | None, Path]:
    """Return the judgment files by split; the key None is the one file without a split."""
    for suffix in (".parquet", ".tsv"):
        if (single := folder / f"qrels{suffix}").is_file():
            return {None: single}
    found: dict[str | None, Path] = {}
    for suffix in (".tsv", ".parquet"):
        found.update({path.stem: path for path in sorted((folder / "qrels").glob(f"*{suffix}"))})
    return found


def splits_of(folder: str | Path) -> tuple[str, ...]:
    """Return the names of the splits a collection folder has; empty if its judgments are in one file."""
    return tuple(split for split in _qrel_files(Path(folder)) if split is not None)


def _pick_split(folder: Path, split: str | None, prefer: str | None) -> str | None:
    """Return the key in `_qrel_files` of the judgments to read."""
    files = _qrel_files(folder)
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
    if not path.is_file():
        return {}
    try:
        metadata = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if metadata is not None and not isinstance(metadata, dict):
        raise InputError(f"{path} must hold keys and values, not a {type(metadata).__name__}")
    if not isinstance(said := (metadata or {}).get(TRANSLATIONS, False), bool):
        raise InputError(f"{path}: {TRANSLATIONS!r} is {said!r}; it must be true or false")
    return metadata or {}


def _text_file(folder: Path, stem: str) -> Path:
    for suffix in (".parquet", ".jsonl"):
        if (path := folder / f"{stem}{suffix}").is_file():
            return path
    raise InputError(f"{folder} is not a collection: it has no {stem}.jsonl and no {stem}.parquet")


def read_collection(
    folder: str | Path,
    *,
    split: str | None = None,
    prefer_split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
) -> Collection:
    """Read a collection folder, or a BEIR folder.

    Of a folder with several splits only the queries judged in the split that is read are kept: the others are
    another split's, which training must not see.

    Args:
        folder: holds `corpus`, `queries` (`.jsonl` or `.parquet`) and `qrels.tsv`, `qrels.parquet` or
            `qrels/<split>.tsv`.
        split: which judgments to read where there are several.
        prefer_split: the split to take when `split` is not given and there are several.
        language: tag of texts that have none (all of them, in a BEIR folder).
        lenient: leave bad rows out and say how many of each kind, instead of failing.

    Raises:
        InputError: the folder is none, a line is bad (with file, line and reason), a judgment names an
            unknown id, an id is given twice, or there is nothing to read.
    """
    folder = Path(folder)
    chosen = _pick_split(folder, split, prefer_split)
    collection = _read(folder, [chosen], language, lenient)[chosen]
    return collection if chosen is None else only_judged(collection)


def read_splits(
    folder: str | Path, *, language: str | None = None, lenient: bool = False
) -> dict[str | None, Collection]:
    """Read all splits of a collection folder: the texts once, every file of judgments.

    Args:
        folder: as for `read_collection`.
        language: as for `read_collection`.
        lenient: as for `read_collection`; `dropped` counts what was left out of all files together.

    Returns:
        The collections by split, sharing documents and queries; the one key is None if the judgments are in
        one file.

    Raises:
        InputError: as for `read_collection`.
    """
    folder = Path(folder)
    return _read(folder, list(_qrel_files(folder)), language, lenient)


def _read(
    folder: Path, splits: list[str | None], language: str | None, lenient: bool
) -> dict[str | None, Collection]:
    """Read the texts of a folder and the judgments of some of its splits."""
    if not folder.is_dir():
        kind = "a file, not a folder" if folder.exists() else "missing"
        raise InputError(f"the collection {folder} is {kind}")
    files = _qrel_files(folder)
    if not files:
        for stem in STEMS.values():  # without texts it is no collection at all
            _text_file(folder, stem)
        raise InputError(f"{folder} has no judgments: expected qrels.tsv, qrels/<split>.tsv or qrels.parquet")
    default = _default_language(language)
    metadata = _read_metadata(folder)
    wanted = {split: files[split] for split in splits}
    texts = {key: _text_file(folder, stem) for key, stem in STEMS.items()}
    reading = _Reading(texts, wanted, default, Problems(str(folder), lenient))
    reading.name = str(metadata.get("name") or folder_name(folder))
    reading.metadata = metadata
    if not is_large(texts.values()):
        return reading.run(None)
    with Shelf(texts["documents"], texts["queries"], wanted.values(), default) as shelf:
        return reading.run(shelf)


def _default_language(language: str | None) -> str | None:
    try:
        return canonical_tag(language) if language is not None else None
    except ValueError as error:
        raise InputError(f"--lang: {error}") from None


@dataclass
class _Reading:
    """One reading of a folder's files.

    Attributes:
        texts: the files of "documents" and "queries".
        qrels: the files of judgments by split.
        language: canonical tag of texts that have none.
        problems: what is wrong with any of them.
        name: what the collection is called.
        metadata: what `collection.yaml` says.
    """

    texts: dict[str, Path]
    qrels: dict[str | None, Path]
    language: str | None
    problems: Problems
    name: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    numbers: dict[str, IntArray | None] = field(default_factory=dict)

    def run(self, shelf: Shelf | None) -> dict[str | None, Collection]:
        """Read everything, from the cache what is there; leave in the cache what is whole."""
        texts = shelf.texts() if shelf else None
        if shelf and texts:
            kept = {split: shelf.judgments(path) for split, path in self.qrels.items()}
            if all(table is not None for table in kept.values()):
                return {split: self._collection(texts, table) for split, table in kept.items()}
        tables = self._read_texts(shelf.keep if shelf else keep_in_memory) if texts is None else {}
        qrels = {split: self._read_qrels(split, path) for split, path in self.qrels.items()}
        if not self.problems.lenient:
            self.problems.finish()  # before judgments of lines that were bad are reported as well
        if texts is None:
            texts = self._index(tables, shelf)
        collections = {split: self._judged(texts, split, table) for split, table in qrels.items()}
        dropped = self.problems.finish()
        for split, collection in collections.items():
            if not collection.judgments.num_rows:
                raise InputError(f"{self.qrels[split]} holds no judgments: nothing could be trained on or measured")
            collection.dropped.update(dropped)
            if shelf and not dropped:
                shelf.finish_judgments(self.qrels[split], collection.judgments)
        return collections

    def _index(self, tables: dict[str, pa.Table], shelf: Shelf | None) -> Texts:
        """Number the ids of texts that were read."""
        for key, table in tables.items():
            if not table.num_rows:
                raise InputError(f"{self.texts[key]} holds no {key}: the collection is empty")
        keep = shelf.keep if shelf else keep_in_memory
        texts = index_texts(tables["documents"], tables["queries"], self.problems, self._locate(""), keep)
        if shelf and not self.problems.counts:
            shelf.finish_texts(texts)
        return texts

    def _collection(self, texts: Texts, judgments: pa.Table) -> Collection:
        parts = (texts.documents, texts.queries, judgments, texts.query_ids, texts.query_index)
        return Collection(*parts, self.name, dict(self.metadata))

    def _judged(self, texts: Texts, split: str | None, qrels: pa.Table) -> Collection:
        locate = self._locate(f"qrels {split}")
        return add_judgments(
            texts, qrels, name=self.name, problems=self.problems, locate=locate, metadata=self.metadata
        )

    def _read_texts(self, keep: Keep) -> dict[str, pa.Table]:
        tables = {}
        for key, columns in TEXT_COLUMNS.items():
            given = (self.texts[key], key, columns, self.problems, self.language, keep)
            tables[key], self.numbers[key] = _read_texts(*given)
        return tables

    def _read_qrels(self, split: str | None, path: Path) -> pa.Table:
        if path.suffix == ".tsv":
            table, self.numbers[f"qrels {split}"] = read_qrels(path, self.problems)
        else:
            table = read_parquet(path, QREL_COLUMNS)
            table, self.numbers[f"qrels {split}"] = check_parquet_qrels(table, path, self.problems)
        return table

    def _locate(self, qrels: str) -> Locate:
        """Return what tells where row n of "documents", "queries" or "qrels" came from."""
        paths = self.texts | {f"qrels {split}": path for split, path in self.qrels.items()}

        def locate(key: str, row: int) -> str:
            key = qrels if key == "qrels" else key
            numbers = self.numbers[key]
            number = row + 1 if numbers is None else numbers[row]
            return f"{paths[key].name} {'row' if paths[key].suffix == '.parquet' else 'line'} {number}"

        return locate


def _read_texts(
    path: Path,
    key: str,
    columns: tuple[str, ...],
    problems: Problems,
    default_language: str | None,
    keep: Keep = keep_in_memory,
) -> tuple[pa.Table, IntArray | None]:
    """Read documents or queries of either form; return them and their line (row) numbers, None if all."""
    if path.suffix == ".jsonl":
        return read_texts(path, columns, problems, default_language, keep)
    return read_parquet_texts(path, key == "documents", columns, problems, default_language, keep)


def share_prepared(source: str | Path, to: str | Path, *, language: str | None = None) -> None:
    """Let a folder that was just written from another be opened as fast as if it had been read before.

    Does nothing for small folders, and where the source had bad rows.

    Args:
        source: the folder that was read, with all its splits.
        to: the folder that was written, without another change.
        language: the tag given to texts of the source that had none.
    """
    folders = (Path(source), Path(to))
    (documents, queries), (new_documents, new_queries) = (
        tuple(_text_file(folder, stem) for stem in STEMS.values()) for folder in folders
    )
    if not is_large((documents, queries)) or not is_large((new_documents, new_queries)):
        return
    qrels, new_qrels = (_qrel_files(folder) for folder in folders)
    here = Shelf(documents, queries, qrels.values(), _default_language(language))
    there = Shelf(new_documents, new_queries, new_qrels.values())
    here.link_to(there, {path: new_qrels[split] for split, path in qrels.items()})
