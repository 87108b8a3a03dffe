"""Documents that are given to an index, as a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TypeAlias

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection
from isoglot.collections.lines import read_lines
from isoglot.collections.problems import Problems
from isoglot.errors import InputError

__all__ = ["Rows", "documents_of", "read_ids"]

Rows: TypeAlias = Mapping[str, str] | tuple[str, str, str, str]
"""A document: (id, language, title, text), or a mapping with the keys of a line of `corpus.jsonl`."""

KEYS = ("_id", "lang", "title", "text")


def documents_of(rows: Collection | Iterable[Rows]) -> Collection:
    """Return documents as a collection without queries.

    Raises:
        InputError: a document lacks a key or a text, an id is there twice, a tag is none, or a text is no Unicode.
    """
    if isinstance(rows, Collection):
        return rows
    return collection_from_rows([_row(at, row) for at, row in enumerate(rows, 1)], [], [], name="documents")


def _row(at: int, row: Rows) -> tuple[str, str, str, str]:
    values = {"title": "", **(row if isinstance(row, Mapping) else dict(zip(KEYS, row, strict=False)))}
    for key in KEYS:
        value = values.get(key)
        if not isinstance(value, str):
            said = "lacks" if value is None else "has no text as"
            raise InputError(f"document {at} {said} {key!r}: give {', '.join(KEYS)}, all of them text")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"document {at}: {key!r} is no Unicode text at character {error.start + 1}") from None
    for key in ("_id", "text"):
        if not values[key].strip():
            raise InputError(f"document {at} has an empty {key!r}")
    return values["_id"], values["lang"], values["title"], values["text"]


def read_ids(path: str | Path) -> list[str]:
    """Read ids of documents, one a line; blank lines are passed over, and the file may be gzipped.

    Raises:
        InputError: the file cannot be read, a line is no UTF-8, or it names no id.
    """
    problems = Problems(str(path))
    found = [line for _, line in read_lines(Path(path), problems)]
    problems.finish()
    if not found:
        raise InputError(f"{path} names no id: one a line is expected")
    return found
