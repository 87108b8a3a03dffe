"""`load_collection`: a collection by name or folder."""

from __future__ import annotations

from pathlib import Path

from isoglot.collections.building import collection_from_rows
from isoglot.collections.catalogue.staging import collection_folders
from isoglot.collections.collection import Collection
from isoglot.collections.folder import read_collection
from isoglot.collections.lareqa import read_lareqa
from isoglot.errors import InputError

__all__ = ["NAMED", "load_collection", "load_worldfacts"]

NAMED = ("worldfacts",)


def load_worldfacts(languages: tuple[str, ...] | None = None) -> dict[str, Collection]:
    """Build the embedded default collection.

    Args:
        languages: only these; all if None.

    Returns:
        Split ("train", "test") -> collection. The splits share their documents; their queries differ.

    Raises:
        InputError: a language that worldfacts does not have.
    """
    from isoglot.collections.worldfacts import build_worldfacts

    tables = build_worldfacts(languages)
    return {
        split: collection_from_rows(
            tables.documents,
            tables.queries[split],
            tables.qrels[split],
            name=f"worldfacts/{split}",
            metadata=dict(tables.metadata),
        )
        for split in tables.queries
    }


def _is_lareqa(folder: Path) -> bool:
    """Tell whether a folder holds one JSON file per language, and none of the files of a collection."""
    if not folder.is_dir() or any(folder.glob("corpus.*")) or any(folder.glob("queries.*")):
        return False
    return any(folder.glob("[a-z][a-z].json"))


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
        from isoglot.collections.catalogue.copies import load_named, named

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
    return read_collection(folder, split=split, prefer_split=prefer_split, language=language, lenient=lenient)


def _split_of_worldfacts(name: str, chosen: str | None, asked: bool) -> Collection:
    splits = load_worldfacts()
    if chosen not in splits:
        problem = f"has no split {chosen!r}" if asked else "has several splits"
        raise InputError(f"{name} {problem}: choose one of {', '.join(splits)} with --split")
    return splits[chosen]
