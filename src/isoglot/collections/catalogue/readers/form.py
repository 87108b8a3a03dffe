"""Data sets that are files of a published form."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from isoglot.collections.catalogue.entry import Entry, FormReader
from isoglot.collections.collection import Collection
from isoglot.collections.convert import Reading, Splits, read_form
from isoglot.collections.folder import read_splits
from isoglot.errors import InputError

__all__ = ["read_collections", "read_published"]


def read_published(entry: Entry, reader: FormReader, folder: Path, lenient: bool) -> Splits:
    """Read the files of a data set, laid out as their publisher has them.

    Args:
        entry: the data set.
        reader: its form.
        folder: what holds the files.
        lenient: leave bad rows out and say how many, instead of failing.

    Returns:
        Its collections by split, or by part.

    Raises:
        InputError: the files are not of the form.
    """
    unknown = set(reader.options) - {field.name for field in fields(Reading)}
    if unknown:
        raise InputError(f"{entry.name} asks for {', '.join(sorted(unknown))}, which readers of forms do not know")
    reading = replace(Reading(**reader.options), lenient=lenient)
    if not reader.parts:
        source = folder / reader.source
        return read_form(source if source.exists() else folder, reader.form, reading)
    found: Splits = {}
    for part, path in reader.parts.items():
        if (folder / path).exists():
            splits = read_form(folder / path, reader.form, reading)
            found[part] = _only(splits, folder / path)
    if not found:
        raise InputError(f"{folder} has none of {', '.join(reader.parts.values())}")
    return found


def _only(splits: Splits, source: Path) -> Collection:
    if len(splits) > 1:
        raise InputError(f"{source} has splits {', '.join(map(str, splits))}, where one is expected")
    return next(iter(splits.values()))


def read_collections(entry: Entry, folders: dict[str | None, Path], lenient: bool) -> Splits:
    """Read collection folders that are there already: one with its splits, or one for each split.

    Args:
        entry: the data set; the language of a set of one language holds for texts without a tag.
        folders: part (None if there is one folder) -> folder.
        lenient: as for `read_published`.

    Raises:
        InputError: a folder is not as it should be.
    """
    language = entry.languages[0] if len(entry.languages) == 1 else None
    if set(folders) == {None}:
        return read_splits(folders[None], language=language, lenient=lenient)
    return {
        part: _only(read_splits(path, language=language, lenient=lenient), path) for part, path in folders.items()
    }
