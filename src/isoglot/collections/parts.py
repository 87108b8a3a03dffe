"""Collections in parts: splits with documents of their own, in a collection folder each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from isoglot.collections.collection import Collection
from isoglot.collections.folder import read_splits
from isoglot.collections.writing import write_collection
from isoglot.errors import InputError
from isoglot.files import new_folder

__all__ = ["collection_folders", "only_split_of", "read_folders", "share_documents", "write_splits"]

Splits = Mapping[str | None, Collection]


def collection_folders(folder: Path, parts: Iterable[str] = ()) -> dict[str | None, Path]:
    """Return the collection folders in a folder: itself, or one for each split or part, in folders named so.

    Args:
        folder: where to look.
        parts: names of parts besides train, dev and test.

    Returns:
        Part (None: the folder itself) -> folder; empty if there is none.
    """

    def holds_one(path: Path) -> bool:
        return any((path / f"corpus.{suffix}").is_file() for suffix in ("jsonl", "parquet"))

    if holds_one(folder):
        return {None: folder}
    return {name: folder / name for name in ("train", "dev", "test", *parts) if holds_one(folder / name)}


def only_split_of(splits: Splits, source: Path) -> Collection:
    """Return the one collection of a part.

    Raises:
        InputError: there are several.
    """
    if len(splits) > 1:
        raise InputError(f"{source} has splits {', '.join(map(str, splits))}, where one is expected")
    return next(iter(splits.values()))


def read_folders(
    folders: Mapping[str | None, Path], *, language: str | None = None, lenient: bool = False
) -> dict[str | None, Collection]:
    """Read what `collection_folders` found: one folder with its splits, or one for each split.

    Args:
        folders: part (None if there is one folder) -> folder.
        language: tag of texts that have none.
        lenient: leave bad rows out and say how many, instead of failing.

    Raises:
        InputError: a folder is not as it should be.
    """
    if set(folders) == {None}:
        return read_splits(folders[None], language=language, lenient=lenient)
    return {
        part: only_split_of(read_splits(path, language=language, lenient=lenient), path)
        for part, path in folders.items()
    }


def share_documents(splits: Splits) -> bool:
    """Tell whether all splits have the same documents."""
    first, *others = (one.documents for one in splits.values())
    return all(other is first or other.equals(first) for other in others)


def write_splits(splits: Splits, to: str | Path, form: Literal["jsonl", "parquet"]) -> None:
    """Write a collection folder; or one for each split, in a folder of their own, if their documents differ.

    Raises:
        InputError: `to` is not free.
    """
    if share_documents(splits):
        write_collection(splits, to, form)
        return
    with new_folder(to) as temporary:
        for split, collection in splits.items():
            write_collection(collection, temporary / str(split), form)
