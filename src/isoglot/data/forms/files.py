"""Finding and reading the files of a source: plain or gzipped, JSON or lines of text."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from isoglot.collections.problems import Problems
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = [
    "count_lines",
    "default_tag",
    "files_of",
    "json_file",
    "json_lines",
    "json_records",
    "split_of",
    "text_lines",
]

SPLIT_WORD = re.compile(r"(?:^|[._-])(train|training|dev|validation|valid|test)(?=[._-]|$)")
SPLITS = {"training": "train", "validation": "dev", "valid": "dev"}


def split_of(path: Path) -> str | None:
    """Return the split that a file's name tells: train (`training`), dev (`validation`) or test; None if none."""
    found = SPLIT_WORD.search(path.name)
    return None if found is None else SPLITS.get(found[1], found[1])


def default_tag(language: str | None, source: Path) -> str:
    """Return the canonical tag given with `--lang`.

    Raises:
        InputError: none is given, or it is no language.
    """
    if language is None:
        raise InputError(f"{source} does not say its language: give it with --lang, as in --lang en")
    try:
        return canonical_tag(language)
    except ValueError as error:
        raise InputError(f"--lang: {error}") from None


def files_of(source: Path, wanted: Callable[[Path], bool], expected: str) -> list[Path]:
    """Return the files of a source: itself, or the wanted files of a folder and of the folders in it, sorted.

    Args:
        source: a file, which is taken whatever its name, or a folder.
        wanted: tells by its name whether a file of a folder is one.
        expected: what such files are called, for the message.

    Raises:
        InputError: the source is missing, or a folder without such a file.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise InputError(f"{source} is missing: expected {expected}, or a folder of such files")
    candidates = (*source.glob("*"), *source.glob("*/*"))
    paths = [path for path in candidates if not path.name.startswith(".") and wanted(path) and path.is_file()]
    if not paths:
        raise InputError(f"{source} holds no file like {expected}")
    return sorted(paths)


@contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, unpacking it if it is gzipped; what goes wrong while it is read is an `InputError`."""
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
            file.seek(0)
            if packed:
                with gzip.open(file, "rb") as unpacked:
                    yield unpacked  # type: ignore[misc]
            else:
                yield file
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{path} is damaged: {error}; get it again") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def json_file(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        InputError: it cannot be read, or is not JSON.
    """
    with _opened(path) as file:
        raw = file.read()
    try:
        return json.loads(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: invalid UTF-8 at byte {error.start + 1}") from None
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not valid JSON: {error}") from None


def text_lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """Yield (number from 1, text) of every line, blank ones too; lines of invalid UTF-8 are reported.

    Raises:
        InputError: the file cannot be read.
    """
    with _opened(path) as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
            try:
                yield number, raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                problems.add("invalid UTF-8", f"{path.name} line {number}", f"byte {error.start + 1}")


def count_lines(path: Path) -> int:
    """Return how many lines a file has, those included that are not UTF-8.

    Raises:
        InputError: the file cannot be read.
    """
    with _opened(path) as file:
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
    with _opened(path) as file:
        start = file.read(4096).removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"["):
        yield from json_lines(path, problems)
        return
    content = json_file(path)
    if not isinstance(content, list):
        raise InputError(f"{path} is not a JSON list")
    for number, value in enumerate(content, start=1):
        yield f"{path.name} entry {number}", value
