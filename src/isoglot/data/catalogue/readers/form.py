"""Data sets that are files of a published form."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from isoglot.collections.folder import only_split_of
from isoglot.data.catalogue.entry import Entry, FormReader
from isoglot.data.convert import Reading, Splits, read_form
from isoglot.errors import InputError

__all__ = ["read_published"]


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
            found[part] = only_split_of(splits, folder / path)
    if not found:
        raise InputError(f"{folder} has none of {', '.join(reader.parts.values())}")
    return found
