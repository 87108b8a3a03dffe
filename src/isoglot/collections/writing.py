"""Writing a collection folder, as JSON lines or as Parquet, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import yaml

from isoglot.collections.arrow import take_from, take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.jsonl import write_qrels, write_texts
from isoglot.collections.parquet import write_parquet
from isoglot.errors import InputError

__all__ = ["new_folder", "write_collection"]

ABANDONED = 24 * 3600
"""Seconds after which a folder that was not finished is taken for the rest of a process that is gone."""


@contextmanager
def new_folder(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder that becomes `path` when the block ends well: output is whole or absent.

    Raises:
        InputError: `path` exists and is not an empty folder, or cannot be made.
    """
    target = Path(path).resolve()
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise InputError(f"{path} already exists and is not an empty folder; remove it or choose another one")
    if blocked := next((parent for parent in target.parents if parent.exists() and not parent.is_dir()), None):
        raise InputError(f"cannot write {path}: {blocked} is a file, not a folder")
    missing = [parent for parent in target.parents if not parent.exists()]
    prefix = f".{target.name}.unfinished-"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(target.parent, prefix)
        temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
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


def _remove_abandoned(folder: Path, prefix: str) -> None:
    """Remove what earlier writing of the same folder left when it was killed: hidden, and untouched for a day."""
    for path in folder.iterdir():
        if path.name.startswith(prefix) and path.is_dir() and not path.is_symlink():
            with suppress(OSError):  # whoever wrote it may be there after all, and have just finished
                touched = max(one.lstat().st_mtime for one in (path, *path.rglob("*")))
                if time.time() - touched > ABANDONED:
                    shutil.rmtree(path, ignore_errors=True)


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
            "corpus-id": take_from(collection.documents["_id"], judgments["document"].to_numpy()),
            "score": judgments["score"],
        }
    )


def _all_queries(tables: list[pa.Table]) -> pa.Table:
    """Return the queries of all splits, each version once."""
    if all(table is tables[0] for table in tables):
        return tables[0]
    joined = pa.concat_tables(tables, promote_options="default")
    versions = joined.select(["_id", "lang"]).append_column("row", pa.array(range(joined.num_rows)))
    first = versions.group_by(["_id", "lang"]).aggregate([("row", "min")])["row_min"]
    return take_rows(joined, np.sort(first.to_numpy()))


def write_collection(
    collection: Collection | Mapping[str, Collection] | Mapping[str | None, Collection],
    folder: str | Path,
    form: Literal["jsonl", "parquet"] = "jsonl",
) -> None:
    """Write a collection folder; it appears whole or not at all.

    Args:
        collection: the collection, or one per split, which share their documents. The queries of all are
            written to one file. The split None is the one file `qrels`.
        folder: where to; must not exist, or be empty.
        form: `jsonl` (what people read) or `parquet` (what loads fast). Both hold the same.

    Raises:
        InputError: the folder exists and is not empty.
    """
    splits = {None: collection} if isinstance(collection, Collection) else collection
    first = next(iter(splits.values()))
    with new_folder(folder) as temporary:
        queries = _all_queries([part.queries for part in splits.values()])
        for table, stem in ((first.documents, "corpus"), (queries, "queries")):
            if form == "parquet":
                write_parquet(table, temporary / f"{stem}.parquet")
            else:
                write_texts(table, temporary / f"{stem}.jsonl")
        for split, part in splits.items():
            stem = "qrels" if split is None else f"qrels/{split}"
            (temporary / stem).parent.mkdir(exist_ok=True)
            if form == "parquet":
                write_parquet(_qrels_table(part), temporary / f"{stem}.parquet")
            else:
                write_qrels(_qrels_table(part), temporary / f"{stem}.tsv")
        metadata = {"name": first.name, "languages": list(first.languages)} | first.metadata
        text = yaml.safe_dump(metadata, allow_unicode=True, sort_keys=False)
        (temporary / "collection.yaml").write_text(text, encoding="utf-8")
