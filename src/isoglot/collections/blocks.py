"""Text files by blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from isoglot.collections.problems import Problems
from isoglot.errors import InputError

__all__ = ["LONGEST", "line_blocks", "numbered_lines"]

BLOCK = 16 * 2**20  # bytes read at a time; a block is longer where a line is
LONGEST = 2**30  # bytes of a line: an Arrow string array holds twice that


def line_blocks(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number of its first line, number of the line after it, bytes) of the blocks of a file.

    A block is whole lines. A byte order mark at the start of the file is left out.

    Raises:
        InputError: the file cannot be read.
    """
    number = 1
    try:
        with path.open("rb") as file:
            begun: list[bytes] = []
            while data := file.read(BLOCK):
                end = data.rfind(b"\n") + 1
                if not end:
                    begun.append(data)
                    continue
                block = b"".join([*begun, data[:end]])
                begun = [data[end:]] if end < len(data) else []
                after = number + block.count(b"\n")
                yield number, after, _without_mark(block, number)
                number = after
            if begun:
                yield number, number + 1, _without_mark(b"".join(begun), number)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _without_mark(block: bytes, number: int) -> bytes:
    return block.removeprefix(b"\xef\xbb\xbf") if number == 1 else block


def numbered_lines(block: bytes, first: int, name: str, problems: Problems) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines of a block that are not blank and are valid UTF-8.

    Args:
        block: whole lines.
        first: the number of the first of them.
        name: the file's name, for messages.
        problems: where other lines are reported.
    """
    for number, raw in enumerate(block.split(b"\n"), start=first):
        if len(raw) > LONGEST:
            problems.add("a line too long to be read", f"{name} line {number}", f"{len(raw):,} bytes")
            continue
        try:
            line = raw.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            problems.add("invalid UTF-8", f"{name} line {number}", f"byte {error.start + 1}")
            continue
        if line.strip():
            yield number, line
