"""`PrefetchLoader`: the next batch is put together while the last one is computed with."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

__all__ = ["PrefetchLoader"]

AHEAD = 2  # batches ready at most


class PrefetchLoader(DataLoader):
    """A `DataLoader` that, without worker processes, loads in a thread: computing releases the interpreter lock."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yield the batches in order."""
        batches = super().__iter__()
        return iter(batches) if self.num_workers else _ahead(batches)


def _ahead(batches: Iterator[Any]) -> Iterator[Any]:
    """Take from an iterator in a thread of its own; what it raises is raised here, where it would have been."""
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def put(item: tuple[Any, BaseException | None]) -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def load() -> None:
        try:
            for batch in batches:
                if not put((batch, None)):
                    return
        except BaseException as error:
            put((None, error))
        else:
            put((None, StopIteration()))

    thread = threading.Thread(target=load, name="isoglot-batches", daemon=True)
    thread.start()
    try:
        while True:
            batch, error = ready.get()
            if isinstance(error, StopIteration):
                return
            if error is not None:
                raise error
            yield batch
    finally:
        stopped.set()
        thread.join()
