"""Products of query and document embeddings that do not depend on what else is multiplied with them.

A library cuts a product into parts, by its shape and by the number of threads, and rounds differently in each: so
two pools, or two machines, could give one document two scores. Here documents are multiplied tile by tile, each
tile by one thread, and a tile's product depends on the queries and the tile alone. A pool that is cut at tiles, as
into the shards of `isoglot.engine`, thus gives the scores of the whole pool, bit by bit, on like processors.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

__all__ = ["TILE", "Multiply", "Table", "exact_products", "multiplier", "shared_tensor"]

TILE = 2048
"""Documents multiplied together."""

Multiply = Callable[[torch.Tensor], torch.Tensor]
"""Returns the inner products (b, D) of queries (b, d) with all documents, in memory that the next call reuses."""


class Table(Protocol):
    """Embeddings (n, d) float32 of which some rows are taken at a time: an array, or one in several files."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Their number, and their dimensions."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> NDArray[np.float32]: ...


@contextmanager
def exact_products() -> Iterator[None]:
    """Multiply in whole fp32 and without gradients for a while: a trainer may have allowed TF32."""
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("highest")
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_float32_matmul_precision(precision)


def shared_tensor(array: NDArray[np.float32]) -> torch.Tensor:
    """Share an array with torch, which warns of those that are read-only, as memory-mapped files are."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        return torch.from_numpy(np.ascontiguousarray(array))


@contextmanager
def multiplier(documents: Table, device: str | torch.device = "cpu") -> Iterator[Multiply]:
    """Yield what multiplies queries with documents, on as many threads as torch has, or on a GPU.

    Args:
        documents: (D, d). A GPU gets a copy of them; on a CPU what is mapped into memory stays on disk.
        device: where to multiply, and where queries are.
    """
    pool, starts = len(documents), range(0, len(documents), TILE)
    buffer = torch.empty(0, pool, device=device)  # grows once: fresh memory is slow to touch
    if torch.device(device).type != "cpu":
        copy = torch.empty(pool, documents.shape[1], device=device)
        for start in starts:
            copy[start : start + TILE] = shared_tensor(documents[start : start + TILE])

        def on_device(queries: torch.Tensor) -> torch.Tensor:
            nonlocal buffer
            if len(buffer) < len(queries):
                buffer = torch.empty(len(queries), pool, device=device)
            for start in starts:
                buffer[: len(queries), start : start + TILE] = queries @ copy[start : start + TILE].T
            return buffer[: len(queries)]

        yield on_device
        return

    threads = torch.get_num_threads()

    def tile(queries: torch.Tensor, start: int) -> None:
        with torch.no_grad():  # which is a thread's own
            part = shared_tensor(documents[start : start + TILE])
            torch.mm(queries, part.T, out=buffer[: len(queries), start : start + TILE])

    def on_cpu(queries: torch.Tensor) -> torch.Tensor:
        nonlocal buffer
        if len(buffer) < len(queries):
            buffer = torch.empty(len(queries), pool)
        for _ in workers.map(tile, [queries] * len(starts), starts):
            pass
        return buffer[: len(queries)]

    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as workers:
        try:
            yield on_cpu
        finally:
            torch.set_num_threads(threads)  # of threads to come: those of the pool have set it to 1
