"""Working on the next blocks of a file while this one is used."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

__all__ = ["map_ahead"]

Given = TypeVar("Given")
Made = TypeVar("Made")

AHEAD = 2  # blocks, each with a thread


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
