"""The files of a source, plain or gzipped, and what is taken from them: checked, with a reason where it is bad."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from isoglot.collections.problems import Problems
from isoglot.errors import InputError
from isoglot.files import opened, read_text, why_no_file
from isoglot.languages.tags import read_tag

__all__ = [
    "EMPTY",
    "Bad",
    "check_id",
    "check_text",
    "count_lines",
    "default_tag",
    "files_of",
    "identifier",
    "is_blank",
    "json_file",
    "json_lines",
    "json_records",
    "optional_text",
    "packed_or_not",
    "reporting",
    "shown",
    "take",
    "text_lines",
    "texts",
]

EMPTY = "an empty file"
NAMES = {str: "a string", int: "a whole number", list: "a list", dict: "an object", bool: "true or false"}


def default_tag(language: str | None, source: Path) -> str:
    """Return the canonical tag given with `--lang`.

    Raises:
        InputError: none is given, or it is no language.
    """
    if language is None:
        raise InputError(f"{source} does not say its language: give it with --lang, as in --lang en")
    return read_tag(language, "--lang")


def files_of(source: Path, wanted: Callable[[Path], bool], expected: str) -> list[Path]:
    """Return the files of a source: itself, or the wanted files of a folder and of the folders in it, sorted.

    Args:
        source: a file, which is taken whatever its name, or a folder.
        wanted: tells by its name whether a file of a folder is one.
        expected: what such files are called, for the message.

    Raises:
        InputError: the source is missing, or a folder without such a file, or holds a folder in place of one.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"{source} is missing: expected {expected}, or a folder of such files")
    paths = sorted(
        path
        for path in source.rglob("*")
        if not any(part.startswith(".") for part in path.relative_to(source).parts) and wanted(path)
    )
    if folder := next((path for path in paths if not path.is_file()), None):
        raise InputError(f"{folder} {why_no_file(folder)}: expected files like {expected}; remove or rename it")
    if not paths:
        raise InputError(f"{source} holds no file like {expected}")
    if twice := next((path for path in paths if path.with_name(f"{path.name}.gz") in paths), None):
        raise InputError(f"{twice} is there twice, also as {twice.name}.gz: remove one of them")
    return paths


def packed_or_not(path: Path) -> Path:
    """Return the file, or, where it is there gzipped, `FILE.gz`."""
    packed = path.with_name(f"{path.name}.gz")
    return packed if packed.is_file() and not path.is_file() else path


def json_file(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    text = read_text(path)
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from None


def text_lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, text) of every line, blank ones too; lines of invalid UTF-8 are reported, and so is a
    file in which there is nothing else: one of several that is empty would be missed by nobody.

    Raises:
        InputError: the file cannot be read.
    """
    blank = True
    with opened(path) as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
            blank = blank and not raw.strip()
            try:
                yield number, raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                problems.add("invalid UTF-8", f"{path.name} line {number}", f"byte {error.start + 1}")
    if blank:
        problems.add(EMPTY, path.name)


def count_lines(path: Path) -> int:
    """Return how many lines a file has, those included that are not UTF-8.

    Raises:
        InputError: the file cannot be read.
    """
    with opened(path) as file:
        return sum(1 for _ in file)


def json_lines(path: Path, problems: Problems) -> Iterator[tuple[str, Any]]:
    """Yield (place for messages, value) of every line that is JSON; other lines are reported, blank ones skipped.

    Raises:
        InputError: the file cannot be read.
    """
    for number, line in text_lines(path, problems):
        place = f"{path.name} line {number}"
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            problems.add("not valid JSON", place, str(error))
            continue
        yield place, value


def json_records(path: Path, problems: Problems) -> Iterator[tuple[str, Any]]:
    """Yield (place for messages, value) of the records of a JSON list, or of JSON lines.

    A list is held in memory as a whole; lines are not.

    Raises:
        InputError: the file cannot be read, or is neither.
    """
    with opened(path) as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"["):
        yield from json_lines(path, problems)
        return
    content = json_file(path)
    if not isinstance(content, list):
        raise InputError(f"{path} is not a JSON list")
    if not content:
        problems.add(EMPTY, path.name)
    for number, value in enumerate(content, start=1):
        yield f"{path.name} entry {number}", value


# ----------------------------------------------------------------------------------------------------- fields


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


def is_blank(entry: Any, key: str) -> bool:
    """Tell whether a key of an object holds a text that says nothing."""
    value = entry.get(key) if isinstance(entry, dict) else None
    return isinstance(value, str) and not value.strip()


def optional_text(entry: Any, key: str) -> str:
    """Return a key of an object whose text may be missing, null, NaN (a table's nothing) or empty, then "".

    Raises:
        Bad: it is there and no text.
    """
    value = entry.get(key)
    nothing = value is None or value != value or is_blank(entry, key)
    return "" if nothing else take(entry, key, str)


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
