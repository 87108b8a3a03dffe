"""A collection on disk: a folder with corpus, queries and qrels, as JSON lines or as Parquet."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import yaml

from isoglot.collections.building import TEXT_COLUMNS, build_collection
from isoglot.collections.collection import Collection
from isoglot.collections.jsonl import read_qrels, read_texts, write_qrels, write_texts
from isoglot.collections.problems import Problems
from isoglot.collections.tags import canonical_tag
from isoglot.errors import InputError

__all__ = ["folder_name", "new_folder", "read_collection", "read_splits", "splits_of", "write_collection"]

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


def _read_parquet(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    try:
        table = pq.read_table(path, memory_map=True)
        table.validate(full=True)  # a string column may hold invalid UTF-8
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file: {' '.join(str(error).split())}") from None
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]!r}; it has {', '.join(table.column_names)}")
    table = table.select([name for name in (*columns, *optional) if name in table.column_names])
    for position, name in enumerate(table.column_names):
        wanted = pa.int32() if name == "score" else pa.string()
        try:
            table = table.set_column(position, name, table[name].cast(wanted))
        except pa.ArrowException:
            raise InputError(f"{path}: column {name!r} is {table[name].type}, not {wanted}") from None
    return table


def _check_parquet_texts(
    table: pa.Table, path: Path, problems: Problems, default_language: str | None
) -> tuple[pa.Table, list[int] | None]:
    """Check what a Parquet table's types do not: nulls, empty texts, language tags.

    Returns:
        The rows without a problem, and their numbers in the file if there were others.
    """
    if "lang" not in table.column_names:
        if default_language is None:
            raise InputError(f"{path} lacks the column 'lang': give the language of all texts with --lang")
        table = table.append_column("lang", pa.array([default_language] * table.num_rows, pa.string()))
    elif default_language is not None:
        position = table.column_names.index("lang")
        table = table.set_column(position, "lang", pc.fill_null(table["lang"], default_language))
    if "title" in table.column_names:
        position = table.column_names.index("title")
        table = table.set_column(position, "title", pc.fill_null(table["title"], ""))
    bad = np.zeros(table.num_rows, bool)

    def report(mask: pa.ChunkedArray, reason: str) -> None:
        rows = np.flatnonzero(np.asarray(mask.to_numpy()).astype(bool) & ~bad)
        for row in problems.sample(rows, reason):
            problems.add(reason, f"{path.name} row {row + 1}", repr(table["_id"][row].as_py()))
        bad[rows] = True

    for name in ("_id", "lang", "text"):
        report(pc.is_null(table[name]), f"no {name!r}")
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(table["_id"], "x"))
    odd = pc.match_substring_regex(pc.fill_null(table["_id"], "x"), "[\t\r\n]")
    report(pc.or_(pc.equal(trimmed, ""), odd), "an id is empty or holds a tab or line break")
    text = pc.fill_null(table["text"], "x")
    if "title" in table.column_names:
        text = pc.binary_join_element_wise(table["title"], text, "")
    report(pc.equal(pc.utf8_trim_whitespace(text), ""), "empty text")

    if "extra" in table.column_names:
        odd = [value is not None and not _is_object(value) for value in table["extra"].to_pylist()]
        report(pa.chunked_array([pa.array(odd, pa.bool_())]), "'extra' is not a JSON object")

    tags = pc.unique(table["lang"]).to_pylist()
    canonical: dict[str | None, str] = {}
    for tag in tags:
        try:
            canonical[tag] = canonical_tag(tag or "")
        except ValueError as error:
            if tag is not None:
                report(pc.fill_null(pc.equal(table["lang"], tag), False), f"not a language tag: {error}")
    codes = pc.index_in(table["lang"], value_set=pa.array(tags, pa.string()))
    values = pa.array([canonical.get(tag, "und") for tag in tags], pa.string())
    table = table.set_column(table.column_names.index("lang"), "lang", values.take(codes.combine_chunks()))
    if not bad.any():
        return table, None
    return table.filter(pa.array(~bad)), (np.flatnonzero(~bad) + 1).tolist()


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def _check_parquet_qrels(
    table: pa.Table, path: Path, problems: Problems
) -> tuple[pa.Table, list[int] | None]:
    """Leave out judgments with a null; return the others, and their numbers in the file if there were any."""
    bad = np.zeros(table.num_rows, bool)
    for name in QREL_COLUMNS:
        rows = np.flatnonzero(pc.is_null(table[name]).to_numpy() & ~bad)
        for row in problems.sample(rows, f"no {name!r}"):
            problems.add(f"no {name!r}", f"{path.name} row {row + 1}")
        bad[rows] = True
    if not bad.any():
        return table, None
    return table.filter(pa.array(~bad)), (np.flatnonzero(~bad) + 1).tolist()


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
    return _read(folder, [chosen], language, lenient)[chosen]


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
            table = _read_parquet(paths[key], QREL_COLUMNS)
            tables[key], lines[key] = _check_parquet_qrels(table, paths[key], problems)
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
    table = _read_parquet(path, required, optional=("lang", "title", "extra"))
    if key == "documents" and "title" not in table.column_names:
        table = table.append_column("title", pa.array([""] * table.num_rows, pa.string()))
    table, numbers = _check_parquet_texts(table, path, problems, default_language)
    extra = [name for name in table.column_names if name == "extra"]
    return table.select([*columns, *extra]), numbers


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well: output is whole or absent.

    Raises:
        InputError: `path` exists and is not an empty folder, or cannot be made.
    """
    target = Path(path).resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{path} already exists and is not an empty folder; remove it or choose another one")
    missing = [parent for parent in target.parents if not parent.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    except OSError as error:
        _remove_empty(missing)
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        if target.exists():
            target.rmdir()
        temporary.rename(target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        _remove_empty(missing)
        raise


def _remove_empty(folders: list[Path]) -> None:
    """Remove folders, innermost first, as far as they are there and empty."""
    for folder in folders:
        with suppress(OSError):
            folder.rmdir()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _qrels_table(collection: Collection) -> pa.Table:
    judgments = collection.judgments
    return pa.table(
        {
            "query-id": collection.query_ids.take(judgments["query"].combine_chunks()),
            "corpus-id": collection.documents["_id"].take(judgments["document"]),
            "score": judgments["score"],
        }
    )


def write_collection(
    collection: Collection | Mapping[str, Collection] | Mapping[str | None, Collection],
    folder: str | Path,
    form: Literal["jsonl", "parquet"] = "jsonl",
) -> None:
    """Write a collection folder; it appears whole or not at all.

    Args:
        collection: the collection, or one per split: these share documents and queries, of which the first
            one's are written, and differ in their judgments. The split None is the one file `qrels`.
        folder: where to; must not exist, or be empty.
        form: `jsonl` (what people read) or `parquet` (what loads fast). Both hold the same.

    Raises:
        InputError: the folder exists and is not empty.
    """
    splits = {None: collection} if isinstance(collection, Collection) else collection
    first = next(iter(splits.values()))
    with new_folder(folder) as temporary:
        for table, stem in ((first.documents, "corpus"), (first.queries, "queries")):
            if form == "parquet":
                pq.write_table(table, temporary / f"{stem}.parquet", compression="zstd")
            else:
                write_texts(table, temporary / f"{stem}.jsonl")
        for split, part in splits.items():
            stem = "qrels" if split is None else f"qrels/{split}"
            (temporary / stem).parent.mkdir(exist_ok=True)
            if form == "parquet":
                pq.write_table(_qrels_table(part), temporary / f"{stem}.parquet", compression="zstd")
            else:
                write_qrels(_qrels_table(part), temporary / f"{stem}.tsv")
        metadata = {"name": first.name, "languages": list(first.languages)} | first.metadata
        text = yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False)
        (temporary / "collection.yaml").write_text(text, encoding="utf-8")
