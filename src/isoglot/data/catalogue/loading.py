"""`load_collection`: a collection by name or folder."""

from __future__ import annotations

from pathlib import Path

from isoglot.collections.collection import Collection
from isoglot.collections.folder import read_collection, read_splits
from isoglot.collections.parts import collection_folders, read_folders
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.data.worldfacts import load_worldfacts
from isoglot.errors import InputError

__all__ = ["NAMED", "holds_collection", "load_collection", "load_splits", "refuse_missing"]

NAMED = ("worldfacts",)


def _is_lareqa(folder: Path) -> bool:
    """Tell whether a folder holds one JSON file per language, and none of the files of a collection."""
    if not folder.is_dir() or any(folder.glob("corpus.*")) or any(folder.glob("queries.*")):
        return False
    return any(folder.glob("[a-z][a-z].json"))


def holds_collection(folder: Path) -> bool:
    """Tell whether `load_collection` reads a folder: a collection, one for each split, or XQuAD-R's files."""
    return bool(collection_folders(folder)) or _is_lareqa(folder)


def load_collection(
    name: str | Path,
    *,
    split: str | None = None,
    prefer_split: str | None = None,
    language: str | None = None,
    lenient: bool = False,
) -> Collection:
    """Load a collection.

    Args:
        name: a collection folder or BEIR folder, or a folder with one for each split (`train`, `dev`, `test`); a
            folder of XQuAD-R or MLQA-R as published, whose candidates are then sentences; `worldfacts`; or a
            data set of the catalogue (`xquad-r`, or `tldr/train` for a part), which is downloaded and converted at
            first use and kept in the folder of $ISOGLOT_DATA. A folder that is there wins over a name.
        split: which judgments to load where there are several.
        prefer_split: the split taken when `split` is not given and there are several.
        language: tag of texts that have none, as in BEIR folders.
        lenient: leave bad rows out instead of failing.

    Raises:
        InputError: there is no such collection, or it is not as it should be.
        IsoglotError: a data set of the catalogue cannot be downloaded.
    """
    folder = Path(name)
    if not folder.exists():
        if str(name) in NAMED:
            return _split_of_worldfacts(str(name), split or prefer_split, asked=split is not None)
        # imported here as only names need it
        from isoglot.data.catalogue.copies import load_named, named

        if found := named(str(name)):
            entry, part = found
            return load_named(
                entry, part, split=split, prefer_split=prefer_split, language=language, lenient=lenient
            )
    if split is None and _is_lareqa(folder):
        return read_lareqa(folder, lenient=lenient)
    folders = collection_folders(folder)
    chosen = split if split in folders else prefer_split
    if chosen in folders and None not in folders:
        inner = None if split == chosen else split
        return read_collection(folders[chosen], split=inner, language=language, lenient=lenient)
    if folders and None not in folders:
        missing = f"has no split {split!r}; its splits are" if split else "has splits"
        choice = "" if split else ": choose one with --split"
        raise InputError(f"{folder} {missing} {', '.join(map(str, folders))}{choice}")
    return read_collection(folder, split=split, prefer_split=prefer_split, language=language, lenient=lenient)


def load_splits(
    name: str | Path, *, split: str | None = None, language: str | None = None, lenient: bool = False
) -> dict[str | None, Collection]:
    """Load all splits of a collection, or the one that is asked for.

    Args:
        name: as for `load_collection`.
        split: the only one that is wanted; all if None.
        language: tag of texts that have none, as in BEIR folders.
        lenient: leave bad rows out instead of failing.

    Returns:
        The collections by split; the one key is None where there are no splits. They share their documents, unless
        each split is a collection folder of its own.

    Raises:
        InputError: there is no such collection, or it is not as it should be.
        IsoglotError: a data set of the catalogue cannot be downloaded.
    """
    if split is not None:
        return {split: load_collection(name, split=split, language=language, lenient=lenient)}
    folder = Path(name)
    if not folder.exists():
        if str(name) in NAMED:
            return dict[str | None, Collection](load_worldfacts().items())
        from isoglot.data.catalogue.copies import load_named_splits, named

        if found := named(str(name)):
            return load_named_splits(*found, language=language, lenient=lenient)
    if _is_lareqa(folder):
        return {None: read_lareqa(folder, lenient=lenient)}
    if (folders := collection_folders(folder)) and None not in folders:
        return read_folders(folders, language=language, lenient=lenient)
    return read_splits(folder, language=language, lenient=lenient)


def refuse_missing(name: str | Path) -> None:
    """Refuse what is neither a file or folder nor a name, before anything is read.

    Raises:
        InputError: there is no such collection.
    """
    from isoglot.data.catalogue.copies import named

    if not Path(name).exists() and str(name) not in NAMED and named(str(name)) is None:
        raise InputError(f"the collection {name} is missing")


def _split_of_worldfacts(name: str, chosen: str | None, asked: bool) -> Collection:
    splits = load_worldfacts()
    if chosen not in splits:
        problem = f"has no split {chosen!r}" if asked else "has several splits"
        raise InputError(f"{name} {problem}: choose one of {', '.join(splits)} with --split")
    return splits[chosen]
