"""How much memory the activations of an encoder take, and how much there is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import torch
from torch import Tensor, nn

CONTAINER = Path("/sys/fs/cgroup")

__all__ = ["SavedBytes", "available_memory", "count_saved"]


def available_memory(device: torch.device) -> int:
    """Return the bytes of memory that are free on a device now."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    free = psutil.virtual_memory().available
    try:  # a container may have less than its host
        most, used = (int((CONTAINER / name).read_text()) for name in ("memory.max", "memory.current"))
        free = min(free, most - used)
    except (OSError, ValueError):
        pass
    return max(free, 0) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # processes on one machine share it


class SavedBytes:
    """Bytes that forward passes have kept for their backward passes."""

    total = 0


@contextmanager
def count_saved(model: nn.Module) -> Iterator[SavedBytes]:
    """Count the bytes of all tensors saved for the backward pass, each once, and without the parameters."""
    seen = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    found = SavedBytes()

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in seen:
            seen.add(storage.data_ptr())
            found.total += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield found
