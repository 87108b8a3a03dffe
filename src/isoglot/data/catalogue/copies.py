"""The copy of a data set that its name stands for: in the data folder, made there when it is first asked for."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from filelock import FileLock

from isoglot.collections.collection import Collection
from isoglot.collections.folder import read_collection
from isoglot.collections.parts import collection_folders, read_folders
from isoglot.data.catalogue.entry import Entry, Wordnets
from isoglot.data.catalogue.getting import Wanted, get_data, read_data
from isoglot.data.catalogue.listing import entry_names, find_entry
from isoglot.data.convert import Splits
from isoglot.errors import InputError
from isoglot.files import data_folder

__all__ = ["copy_of", "load_named", "load_named_splits", "named"]

logger = logging.getLogger(__name__)


def copy_of(entry: Entry) -> Path:
    """Return where the copy of a data set is, or would be."""
    return data_folder() / entry.name


def named(name: str) -> tuple[Entry, str | None] | None:
    """Return the data set that a name stands for, and the part that it names (`tldr/train`); None if it is none."""
    first, _, part = name.partition("/")
    if first.lower() not in entry_names():
        return None
    return find_entry(first.lower()), part or None


def _choose(entry: Entry, splits: Splits, split: str | None, prefer: str | None) -> Collection:
    """Return the split that is asked for, the preferred one, or the only one."""
    chosen = split if split is not None else prefer if prefer in splits else next(iter(splits))
    if chosen in splits and (split is not None or prefer in splits or len(splits) == 1):
        return splits[chosen]
    have = ", ".join(str(name) for name in splits if name) or "none"
    if split is not None:
        raise InputError(f"{entry.name} has no split {split!r}; its splits are {have}")
    raise InputError(
        f"{entry.name} has splits {have}: choose one with --split, or as {entry.name}/{next(iter(splits))}"
    )


def _ensure_copy(entry: Entry, copy: Path) -> None:
    """Download and convert a data set whose name is used for the first time."""
    if entry.large:
        raise InputError(
            f"{entry.name} is large, and not downloaded just because it is named: `isoglot data get {entry.name}` "
            f"does (with --languages for some of them), and `isoglot data info {entry.name}` says how much it is"
        )
    copy.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(copy.parent / f".{entry.name}.lock"):
        if not copy.exists():
            logger.info("Getting %s (licence: %s) to %s", entry.name, entry.licence, copy)
            get_data(entry, copy, form="parquet")


def _opened(entry: Entry) -> tuple[Path, dict[str | None, Path]]:
    """Return the copy of a data set, made if it is not there, and the collection folders in it.

    Raises:
        InputError: it is no collection, or too large to be downloaded unasked.
        IsoglotError: it cannot be downloaded.
    """
    if isinstance(entry.reader, Wordnets):
        raise InputError(
            f"{entry.name} is wordnets, not a collection: `isoglot data get {entry.name} --to DIR` makes lexicons "
            "of it"
        )
    copy = copy_of(entry)
    if not copy.exists():
        _ensure_copy(entry, copy)
    return copy, collection_folders(copy, sorted(path.name for path in copy.iterdir() if path.is_dir()))


def _as_published(entry: Entry, lenient: bool, language: str | None) -> tuple[bool, str | None]:
    """Return how a copy is read, which may be its publisher's, empty texts, missing tags and all."""
    only = entry.languages[0] if len(entry.languages) == 1 else None
    return lenient or entry.lenient, language or only


def _no_part(entry: Entry, folders: Mapping[str | None, Path]) -> InputError:
    have = ", ".join(str(name) for name in folders)
    return InputError(f"{entry.name} has the parts {have}: choose one, as {entry.name}/{next(iter(folders))}")


def load_named_splits(
    entry: Entry, part: str | None = None, *, language: str | None = None, lenient: bool = False
) -> Splits:
    """Load all splits or parts of a data set by its name, or the one that is named.

    Args:
        entry: the data set.
        part: the split or part that its name gave; all if None.
        language: tag of texts that have none.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: as for `load_named`.
        IsoglotError: as for `load_named`.
    """
    copy, folders = _opened(entry)
    lenient, language = _as_published(entry, lenient, language)
    if folders and None not in folders and part is not None:
        if part not in folders:
            raise _no_part(entry, folders)
        folders = {part: folders[part]}
    if folders:
        splits = read_folders(folders, language=language, lenient=lenient)
    else:
        splits, _ = read_data(entry, Wanted(source=copy, lenient=lenient))
    return splits if part is None else {part: _choose(entry, splits, part, None)}


def load_named(
    entry: Entry,
    part: str | None = None,
    *,
    split: str | None = None,
    prefer_split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
) -> Collection:
    """Load a data set by its name, from the data folder; what is not there is downloaded and converted.

    Args:
        entry: the data set.
        part: the split or part that its name gave.
        split: which judgments to load where there are several.
        prefer_split: the split taken where there are several and none is asked for.
        language: tag of texts that have none.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: it has no such split, it is too large to be downloaded unasked, or is not as it should be.
        IsoglotError: it cannot be downloaded.
    """
    copy, folders = _opened(entry)
    lenient, language = _as_published(entry, lenient, language)
    if None in folders:
        wanted = part if part is not None and split is None else split
        return read_collection(copy, split=wanted, prefer_split=prefer_split, language=language, lenient=lenient)
    if folders:
        chosen = (
            part or (split if split in folders else None) or (prefer_split if prefer_split in folders else None)
        )
        if chosen not in folders:
            raise _no_part(entry, folders)
        inner = split if split != chosen else None
        return read_collection(
            folders[chosen], split=inner, prefer_split=prefer_split, language=language, lenient=lenient
        )
    splits, _ = read_data(entry, Wanted(source=copy, lenient=lenient))
    return _choose(entry, splits, part or split, prefer_split)
