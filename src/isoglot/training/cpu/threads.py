"""How many threads torch has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["FEW_THREADS", "torch_threads"]

FEW_THREADS = 2
"""Of so many threads torch gets one. Its parallel loops are so short here that they gain little, and each waits for
a thread that has lost its core to another program: beside a busy one a step took five times as long with two
threads as with one. More than two were not tried, and are left as they are."""


@contextmanager
def torch_threads(count: int) -> Iterator[None]:
    """Give torch so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
