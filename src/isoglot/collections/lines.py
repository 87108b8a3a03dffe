"""Text files by blocks of whole lines, and the lines in them that can be read."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from isoglot.collections.problems import Problems
from isoglot.files import opened

__all__ = ["LONGEST", "line_blocks", "map_ahead", "numbered_lines", "read_lines"]

Given = TypeVar("Given")
Made = TypeVar("Made")

BLOCK = 16 * 2**20  # bytes read at a time; a block is longer where a line is
LONGEST = 2**30  # bytes of a line: an Arrow string array holds twice that
AHEAD = 2  # blocks that are worked on before they are asked for, each with a thread


def line_blocks(path: Path) -> Iterator[tuple[int, int, bytes]]:
    """Yield (number of its first line, number of the line after it, bytes) of the blocks of a file.

    A block is whole lines. A byte order mark at the start of the file is left out. The file may be gzipped.

    Raises:
        InputError: the file cannot be read, or is damaged.
    """
    number = 1
    with opened(path) as file:
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


def read_lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """Yield (number, text) of the lines of a file that are not blank and are valid UTF-8; others are reported.

    Raises:
        InputError: the file cannot be read.
    """
    for first, _, block in line_blocks(path):
        yield from numbered_lines(block, first, path.name, problems)


def map_ahead(make: Callable[[Given], Made], given: Iterable[Given]) -> Iterator[tuple[Given, Made]]:
    """Yield (one, make(one)) of all that is given, in order, a few made ahead in threads.

    Args:
        make: what to do; it should release Python's lock for most of its time, and depend on nothing else.
        given: what to do it with; taken from no more than needed.
    """
    waiting: deque[tuple[Given, Future[Made]]] = deque()
    with ThreadPoolExecutor(AHEAD) as pool:
        try:
            for one in given:
                waiting.append((one, pool.submit(make, one)))
                if len(waiting) > AHEAD:
                    first, made = waiting.popleft()
                    yield first, made.result()
            while waiting:
                first, made = waiting.popleft()
                yield first, made.result()
        finally:  # left early: what has not begun need not
            for _, made in waiting:
                made.cancel()
