"""Reading a collection folder: corpus, queries and qrels, as JSON lines or as Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from isoglot.collections.building import TEXT_COLUMNS, build_collection, only_judged
from isoglot.collections.collection import Collection
from isoglot.collections.jsonl import read_qrels, read_texts
from isoglot.collections.parquet import check_parquet_qrels, check_parquet_texts, read_parquet
from isoglot.collections.problems import Problems
from isoglot.collections.tags import canonical_tag
from isoglot.errors import InputError

__all__ = ["folder_name", "read_collection", "read_splits", "splits_of"]

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
        have = ", ".join(str(name) for name in files if name) or "none: its judgments are in one file"
        raise InputError(f"{folder} has no split {split!r}; its splits are {have}")
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
        raise InputError(f"{folder} has no judgments: expected qrels.tsv, qrels/<split>.tsv or qrels.parquet")
    try:
        default = canonical_tag(language) if language is not None else None
    except ValueError as error:
        raise InputError(f"--lang: {error}") from None
    metadata = _read_metadata(folder)
    problems = Problems(str(folder), lenient)
    lines: dict[str, list[int] | None] = {}
    paths = {"documents": _text_file(folder, "corpus"), "queries": _text_file(folder, "queries")}
    tables: dict[str, pa.Table] = {}
    for key, columns in TEXT_COLUMNS.items():
        tables[key], lines[key] = _read_texts(paths[key], key, columns, problems, default)
    for split in splits:
        key = f"qrels {split}"
        paths[key] = files[split]
        if paths[key].suffix == ".tsv":
            tables[key], lines[key] = read_qrels(paths[key], problems)
        else:
            table = read_parquet(paths[key], QREL_COLUMNS)
            tables[key], lines[key] = check_parquet_qrels(table, paths[key], problems)
    if not lenient:
        problems.finish()  # before judgments of lines that were bad are reported as well
    for key in ("documents", "queries"):
        if not tables[key].num_rows:
            raise InputError(f"{paths[key]} holds no {key}: the collection is empty")

    name = str(metadata.get("name") or folder_name(folder))
    collections: dict[str | None, Collection] = {}
    for split in splits:
        qrels = f"qrels {split}"

        def locate(key: str, row: int, qrels: str = qrels) -> str:
            key = qrels if key == "qrels" else key
            numbers = lines[key]
            number = row + 1 if numbers is None else numbers[row]
            return f"{paths[key].name} {'row' if paths[key].suffix == '.parquet' else 'line'} {number}"

        collections[split] = build_collection(
            tables["documents"],
            tables["queries"],
            tables[qrels],
            name=name,
            problems=problems,
            locate=locate,
            metadata=metadata,
        )
        # what was wrong with the texts is reported once, not again with the next split
        tables |= {"documents": collections[split].documents, "queries": collections[split].queries}
    dropped = problems.finish()
    for split, collection in collections.items():
        if not collection.judgments.num_rows:
            raise InputError(f"{files[split]} holds no judgments: nothing could be trained on or measured")
        collection.dropped.update(dropped)
    return collections


def _read_texts(
    path: Path, key: str, columns: tuple[str, ...], problems: Problems, default_language: str | None
) -> tuple[pa.Table, list[int] | None]:
    """Read documents or queries of either form; return them and their line (row) numbers, None if all."""
    if path.suffix == ".jsonl":
        return read_texts(path, columns, problems, default_language)
    required = tuple(column for column in columns if column not in ("lang", "title"))
    table = read_parquet(path, required, optional=("lang", "title", "extra"))
    if key == "documents" and "title" not in table.column_names:
        table = table.append_column("title", pa.array([""] * table.num_rows, pa.string()))
    table, numbers = check_parquet_texts(table, path, problems, default_language)
    extra = [name for name in table.column_names if name == "extra"]
    return table.select([*columns, *extra]), numbers
