"""Taking what is needed from JSON that others wrote: checked, with a reason where it is not as it should be."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import langcodes

from isoglot.collections.problems import Problems
from isoglot.languages.tags import canonical_tag

__all__ = [
    "Bad",
    "check_id",
    "check_text",
    "identifier",
    "optional_text",
    "principal_tag",
    "reporting",
    "shown",
    "tag",
    "take",
    "texts",
]

NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}


class Bad(Exception):
    """A part of a file that cannot be used: (reason, case)."""

    def __init__(self, reason: str, case: str = "") -> None:
        super().__init__(reason, case)
        self.reason, self.case = reason, case


@contextmanager
def reporting(problems: Problems, place: str) -> Iterator[None]:
    """Report what is bad in the block, and go on after it."""
    try:
        yield
    except Bad as bad:
        problems.add(bad.reason, place, bad.case)


def shown(value: Any) -> str:
    """Return a value as a message shows it: short, however long or deep it is."""
    short = reprlib.Repr()
    short.maxstring = short.maxother = short.maxlong = 60
    return short.repr(value)


def check_text(text: str, what: str) -> str:
    """Return a text that says something and can be written as UTF-8.

    Raises:
        Bad: it is empty, or holds half a surrogate pair, which JSON's escapes can.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Bad("half a surrogate pair in a text", what) from None
    if not text.strip():
        raise Bad(f"empty {what}")
    return text


def check_id(text: str) -> str:
    """Return a text that is an id.

    Raises:
        Bad: it holds a tab or line break.
    """
    if any(character in text for character in "\t\r\n"):
        raise Bad("an id holds a tab or line break", shown(text))
    return text


def take(entry: Any, key: str, kind: type) -> Any:
    """Return a key of an entry.

    Args:
        entry: what should be a JSON object.
        key: the key, which must be there.
        kind: str, int, bool, list or dict. Strings are checked as by `check_text`; true is no whole number.

    Raises:
        Bad: the entry is no object, has no such key, or its value is of another kind.
    """
    if not isinstance(entry, dict):
        raise Bad("not a JSON object", f"a {type(entry).__name__}")
    if key not in entry:
        raise Bad(f"no {key!r}")
    value = entry[key]
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise Bad(f"{key!r} is not {NAMES[kind]}", shown(value))
    return check_text(value, repr(key)) if isinstance(value, str) else value


def optional_text(entry: Any, key: str) -> str:
    """Return a key of an object whose text may be missing, null or empty, then "".

    Raises:
        Bad: it is there and no text.
    """
    value = entry.get(key)
    if value is None or value == "":
        return ""
    if isinstance(value, str) and not value.strip():
        return ""
    return take(entry, key, str)


def texts(entry: Any, key: str) -> list[str]:
    """Return a key of an entry that is a list of texts; blank ones are left out.

    Raises:
        Bad: it is no list, or holds something else.
    """
    listed = take(entry, key, list)
    for value in listed:
        if not isinstance(value, str):
            raise Bad(f"{key!r} holds something other than strings", shown(value))
    return [check_text(value, repr(key)) for value in listed if value.strip()]


def identifier(entry: Any, key: str) -> str:
    """Return an id: a text without tab and line break, or a whole number.

    Raises:
        Bad: it is neither.
    """
    if isinstance(entry, dict) and isinstance(entry.get(key), int):
        return str(take(entry, key, int))
    return check_id(take(entry, key, str))


def tag(text: str) -> str:
    """Return the canonical form of a language tag.

    Raises:
        Bad: it is none.
    """
    try:
        return canonical_tag(text)
    except ValueError:
        raise Bad("not a language tag", shown(text)) from None


def principal_tag(code: str) -> str:
    """Return the tag of an ISO 639-3 code, of a macrolanguage's principal member (CLDR) the macrolanguage's.

    `arb` is `ar`, `cmn` is `zh`, `prs` is `fa-AF`; variants are kept: `zho-CN` is `zh-CN`, `srp-Latn` is `sr-Latn`.

    Raises:
        Bad: the code is no language's.
    """
    tag(code)
    return tag(langcodes.standardize_tag(code, macro=True))
