"""The files of a collection folder: which there may be, and that none is there twice."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from isoglot.errors import InputError

__all__ = [
    "STEMS",
    "collection_folders",
    "folder_name",
    "is_parquet",
    "qrel_files",
    "text_file",
]

STEMS = {"documents": "corpus", "queries": "queries"}
SPLIT_NAMES = ("train", "dev", "test")
PARQUET = ".parquet"
TEXTS = (PARQUET, ".jsonl", ".jsonl.gz")
QRELS = (PARQUET, ".tsv", ".tsv.gz")


def folder_name(folder: Path) -> str:
    """Return what a collection without a name is called: its folder, with the parent's if that is a split."""
    folder = folder.resolve()
    return f"{folder.parent.name}/{folder.name}" if folder.name in SPLIT_NAMES else folder.name


def is_parquet(path: Path) -> bool:
    """Tell whether a file is a table in Parquet, rather than lines of text."""
    return path.suffix == PARQUET


def _there(folder: Path, stem: str, endings: tuple[str, ...]) -> list[Path]:
    return [path for ending in endings if (path := folder / f"{stem}{ending}").exists()]


def _only(paths: list[Path], what: str) -> Path:
    """Return the one file that there is.

    Raises:
        InputError: there are several.
    """
    if len(paths) > 1:
        names = " and ".join(path.name for path in paths)
        one, other = paths[0].name, paths[1].name
        raise InputError(
            f"{paths[0].parent} has {what} more than once, {names}: remove {other} to read {one}, or {one} to read "
            f"{other}"
        )
    return paths[0]


def text_file(folder: Path, kind: str) -> Path:
    """Return the file of "documents" or "queries".

    Raises:
        InputError: there is none, or several.
    """
    stem = STEMS[kind]
    if found := _there(folder, stem, TEXTS):
        return _only(found, f"its {kind}")
    raise InputError(f"{folder} is not a collection: it has no {stem}.jsonl and no {stem}.parquet")


def qrel_files(folder: Path) -> dict[str | None, Path]:
    """Return the judgment files by split; the key None is the one file without a split.

    Raises:
        InputError: judgments are there twice: of a split, or in one file and by split.
    """
    by_split: dict[str | None, list[Path]] = {}
    for ending in QRELS:
        for path in sorted((folder / "qrels").glob(f"*{ending}")):
            if not path.name.startswith("."):
                by_split.setdefault(path.name.removesuffix(ending), []).append(path)
    single = _there(folder, "qrels", QRELS)
    if not single:
        return {split: _only(paths, f"judgments of {split}") for split, paths in by_split.items()}
    if by_split:
        raise InputError(
            f"{folder} has judgments twice, in {single[0].name} and by split in the folder qrels: remove "
            f"{single[0].name} to read the splits ({', '.join(map(str, by_split))}), or the folder qrels to read "
            f"{single[0].name}"
        )
    return {None: _only(single, "judgments")}


def collection_folders(folder: Path, parts: Iterable[str] = ()) -> dict[str | None, Path]:
    """Return the collection folders in a folder: itself, or one for each split or part, in folders named so.

    Args:
        folder: where to look.
        parts: names of parts besides train, dev and test.

    Returns:
        Part (None: the folder itself) -> folder; empty if there is none.

    Raises:
        InputError: the folder is one, and holds one for a split as well.
    """

    def holds_one(path: Path) -> bool:
        return bool(_there(path, STEMS["documents"], TEXTS))

    splits = [name for name in SPLIT_NAMES if holds_one(folder / name)]
    if holds_one(folder):
        if splits:
            raise InputError(
                f"{folder} is a collection, and {folder / splits[0]} in it is another: remove one, or move it away"
            )
        return {None: folder}
    return {name: folder / name for name in (*splits, *parts) if name in splits or holds_one(folder / name)}
