"""Searches in threads of their own: so many at once, so many waiting, none for ever."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from isoglot.search.serve.limits import Limits

__all__ = ["Full", "SearchQueue", "TooSlow"]

Found = TypeVar("Found")


class Full(Exception):
    """As many searches are waiting as may."""


class TooSlow(Exception):
    """A search has not ended in time."""


class SearchQueue:
    """Runs searches, which hold the processor, beside the loop that reads requests.

    A thread cannot be stopped: a search that is given up keeps its place until it has ended, so that slow searches
    never are more than `searches`. One that was still waiting is never begun.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._threads = self._new_threads()
        self._lock = threading.Lock()
        self._places = 0

    @property
    def places(self) -> int:
        """Searches that run or wait."""
        return self._places

    async def run(self, search: Callable[[], Found]) -> Found:
        """Run a search when its turn comes.

        Raises:
            Full: too many wait already.
            TooSlow: it has not ended in `limits.seconds`.
        """
        with self._lock:
            if self._places >= self._limits.searches + self._limits.waiting:
                raise Full
            self._places += 1
        future = self._threads.submit(search)
        future.add_done_callback(self._leave)
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), self._limits.seconds)
        except asyncio.TimeoutError:
            raise TooSlow from None

    def _new_threads(self) -> ThreadPoolExecutor:
        return ThreadPoolExecutor(self._limits.searches, thread_name_prefix="search")

    def _leave(self, _: Future[Found]) -> None:
        with self._lock:
            self._places -= 1

    def close(self) -> None:
        """Begin no search that waits; an application may be started again."""
        ended, self._threads = self._threads, self._new_threads()
        ended.shutdown(wait=False, cancel_futures=True)
