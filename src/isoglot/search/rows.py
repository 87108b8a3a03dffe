"""Documents that are given to an index, as a collection."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from isoglot.collections.building import collection_from_rows
from isoglot.collections.collection import Collection
from isoglot.errors import InputError

__all__ = ["Rows", "documents_of"]

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
