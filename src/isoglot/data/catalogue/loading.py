"""`load_collection`: a collection by its folder, or by a name, whose copy is made when it is first asked for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from filelock import FileLock

from isoglot.collections.collection import Collection
from isoglot.collections.fetching import from_anywhere
from isoglot.collections.folder import collection_folders, read_collection, read_folders
from isoglot.data.catalogue.entry import Built, Entry, Wordnets, entry_names, find_entry
from isoglot.data.catalogue.files import Wanted
from isoglot.data.catalogue.getting import get_data, read_data
from isoglot.data.forms.read import load_folder, load_folder_splits
from isoglot.data.forms.rows import Splits
from isoglot.data.worldfacts import load_worldfacts
from isoglot.errors import InputError, IsoglotError
from isoglot.files import data_folder
from isoglot.names import did_you_mean
from isoglot.stores import is_address

__all__ = ["copy_of", "is_here", "load_collection", "load_splits", "named", "refuse_missing"]

MOST_NEARBY = 1_000
logger = logging.getLogger(__name__)


def named(name: str) -> tuple[Entry, str | None] | None:
    """Return the data set that a name stands for, and the part that it names (`tldr/train`); None if it is none."""
    first, _, part = name.partition("/")
    if first.lower() not in entry_names():
        return None
    return find_entry(first.lower()), part or None


def copy_of(entry: Entry) -> Path:
    """Return where the copy of a data set is, or would be."""
    return data_folder() / entry.name


def is_here(entry: Entry) -> bool:
    """Tell whether a name can be used without a download."""
    return isinstance(entry.reader, Built) or copy_of(entry).exists()


def refuse_missing(name: str | Path) -> None:
    """Refuse what is neither a file or folder nor a name, before anything is read; an address is looked up then.

    Raises:
        InputError: there is no such collection.
    """
    if not is_address(name) and not Path(name).exists() and named(str(name)) is None:
        raise InputError(f"the collection {name} is missing{did_you_mean(str(name), _nearby(Path(name)))}")


def _nearby(path: Path) -> list[str]:
    """Return what a collection that is not there may be: names of the catalogue, and folders beside it."""
    beside = (
        [str(one) for one in sorted(path.parent.iterdir())[:MOST_NEARBY] if one.is_dir()]
        if path.parent.is_dir()
        else []
    )
    return [*entry_names(), *beside]


@from_anywhere
def load_collection(
    name: str | Path,
    *,
    split: str | None = None,
    prefer_split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
    keep_tags: bool = False,
) -> Collection:
    """Load a collection.

    Args:
        name: a collection folder or BEIR folder, or a folder with one for each split (`train`, `dev`, `test`); a
            folder of XQuAD-R or MLQA-R as published, whose candidates are then sentences; or a data set of the
            catalogue (`worldfacts`, `xquad-r`, or `tldr/train` for a part), which is downloaded and converted at
            first use and kept in the folder of $ISOGLOT_DATA. A folder that is there wins over a name. Or the
            address of a folder in an object store (`s3://bucket/my-data`), which is copied into the cache.
        split: which judgments to load where there are several.
        prefer_split: the split taken when `split` is not given and there are several.
        language: tag of texts that have none, as in BEIR folders.
        lenient: leave bad rows out instead of failing.
        keep_tags: leave language tags of a folder as they are written, but for case and separators; not for names.

    Raises:
        InputError: there is no such collection or split, it is not as it should be, or it is too large to be
            downloaded unasked.
        IsoglotError: a data set of the catalogue cannot be downloaded.
    """
    folder = Path(name)
    refuse_missing(name)
    found = None if folder.exists() else named(str(name))
    if found is None:
        return load_folder(folder, split, prefer_split, language, lenient, keep_tags)
    entry, part = found
    _refuse_keeping(entry, keep_tags)
    if isinstance(entry.reader, Built):
        return _split_of_built(entry, split or part or prefer_split, asked=bool(split or part))
    copy, folders = _opened(entry)
    lenient, language = _as_published(entry, lenient, language)
    if not folders:
        splits, _ = read_data(entry, Wanted(source=copy, lenient=lenient))
        return _choose(entry, splits, part or split, prefer_split)
    if None in folders:
        path, split = copy, part if split is None else split
    else:
        chosen = part or next((one for one in (split, prefer_split) if one in folders), None)
        if chosen not in folders:
            raise _no_part(entry, folders)
        path, split = folders[chosen], split if split != chosen else None
    return read_collection(path, split=split, prefer_split=prefer_split, language=language, lenient=lenient)


@from_anywhere
def load_splits(
    name: str | Path,
    *,
    split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
    keep_tags: bool = False,
) -> Splits:
    """Load all splits or parts of a collection, or the one that is asked for.

    Args:
        name: as for `load_collection`.
        split: the only one that is wanted; all if None.
        language: tag of texts that have none, as in BEIR folders.
        lenient: leave bad rows out instead of failing.
        keep_tags: as for `load_collection`.

    Returns:
        The collections by split; the one key is None where there are no splits. They share their documents, unless
        each split is a collection folder of its own.

    Raises:
        InputError: as for `load_collection`.
        IsoglotError: as for `load_collection`.
    """
    if split is not None:
        how: dict[str, Any] = {"language": language, "lenient": lenient, "keep_tags": keep_tags}
        return {split: load_collection(name, split=split, **how)}
    folder = Path(name)
    found = None if folder.exists() else named(str(name))
    if found is None:
        return load_folder_splits(folder, language=language, lenient=lenient, keep_tags=keep_tags)
    entry, part = found
    _refuse_keeping(entry, keep_tags)
    if isinstance(entry.reader, Built):
        return {part: load_collection(name)} if part else dict(load_worldfacts().items())
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
        _make_copy(entry, copy)
    return copy, collection_folders(copy, sorted(path.name for path in copy.iterdir() if path.is_dir()))


def _make_copy(entry: Entry, copy: Path) -> None:
    """Download and convert a data set whose name is used for the first time."""
    if entry.large:
        raise InputError(
            f"{entry.name} is large, and not downloaded just because it is named: `isoglot data get {entry.name}` "
            f"does (with --languages for some of them), and `isoglot data info {entry.name}` says how much it is; "
            f"{_at_hand(entry)}"
        )
    copy.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(copy.parent / f".{entry.name}.lock"):
        if not copy.exists():
            logger.info("Getting %s (licence: %s) to %s", entry.name, entry.licence, copy)
            try:
                get_data(entry, copy, form="parquet")
            except InputError as error:
                raise InputError(f"{error}; {_at_hand(entry)}") from error
            except IsoglotError as error:
                raise IsoglotError(f"{error}; {_at_hand(entry)}") from error


def _at_hand(entry: Entry) -> str:
    return f"or, where its data are at hand, set ISOGLOT_DATA to the folder that has them in a folder {entry.name}"


def _refuse_keeping(entry: Entry, keep_tags: bool) -> None:
    """Refuse to keep tags as they are written where they no longer are so."""
    if keep_tags:
        raise InputError(
            f"--keep-tags: {entry.name} is a data set by name, whose copies have canonical tags; `isoglot data "
            "convert FILES --form FORM --to DIR --keep-tags` keeps those of its publisher's files"
        )


def _as_published(entry: Entry, lenient: bool, language: str | None) -> tuple[bool, str | None]:
    """Return how a copy is read, which may be its publisher's, empty texts, missing tags and all."""
    only = entry.languages[0] if len(entry.languages) == 1 else None
    return lenient or entry.lenient, language or only


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


def _split_of_built(entry: Entry, chosen: str | None, asked: bool) -> Collection:
    splits = load_worldfacts()
    if chosen not in splits:
        problem = f"has no split {chosen!r}" if asked else "has several splits"
        raise InputError(f"{entry.name} {problem}: choose one of {', '.join(splits)} with --split")
    return splits[chosen]


def _no_part(entry: Entry, folders: dict[str | None, Path]) -> InputError:
    have = ", ".join(str(name) for name in folders)
    return InputError(f"{entry.name} has the parts {have}: choose one, as {entry.name}/{next(iter(folders))}")
