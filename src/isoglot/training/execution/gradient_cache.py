"""Gradient caching: embeddings whose activations are forgotten, and computed again when gradients arrive.

After Gao et al., Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup (arXiv 2101.06983). There,
the loss is back-propagated to the embeddings first and the encoder is run again in a hook. Here the same is one
node of the graph, so any sum of terms, gradient scaling and accumulation work as without it; and the activations of
some chunks may be kept, as many as memory allows, so that only the others are computed twice.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from isoglot.training.execution.sharding import is_sharded

__all__ = ["RandomState", "SavedBytes", "available_memory", "count_saved", "embed_chunks", "exchanging"]

CONTAINER = Path("/sys/fs/cgroup")


class RandomState:
    """The random state of the CPU and of a device, to draw the same dropout masks again."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.cpu = torch.get_rng_state()
        self.accelerator = None if device.type == "cpu" else torch.get_device_module(device).get_rng_state()

    def restore(self) -> None:
        """Draw as from here on."""
        torch.set_rng_state(self.cpu)
        if self.accelerator is not None:
            torch.get_device_module(self.device).set_rng_state(self.accelerator)

    @contextmanager
    def again(self) -> Iterator[None]:
        """Draw as from here on, and go on afterwards as if nothing had been drawn."""
        with torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self.cpu)
            if self.accelerator is None:
                yield
                return
            module = torch.get_device_module(self.device)
            outside = module.get_rng_state()
            module.set_rng_state(self.accelerator)
            try:
                yield
            finally:
                module.set_rng_state(outside)


def exchanging(model: Any) -> DistributedDataParallel | None:
    """Return the wrapper of an encoder that exchanges gradients between processes, None where there is none."""
    while model is not None and not isinstance(model, DistributedDataParallel):
        model = getattr(model, "_orig_mod", None)
    return model


def _alone(model: DistributedDataParallel | None, last: bool) -> AbstractContextManager[Any]:
    """Keep the processes from exchanging gradients before the last chunk's."""
    return nullcontext() if last or model is None else model.no_sync()


class _EmbedChunks(torch.autograd.Function):
    """All chunks of a batch in one node: gradients are added up in their order, whichever are kept."""

    @staticmethod
    def forward(ctx: Any, anchor: Tensor, runs: Sequence[Callable[[], Tensor]], kept: int, model: Any) -> Tensor:
        """Run the encoder; `anchor` makes autograd ask for the gradient."""
        device = anchor.device
        ctx.runs, ctx.model, ctx.held = runs, exchanging(model), []
        ctx.autocast = (device.type, torch.get_autocast_dtype(device.type), torch.is_autocast_enabled(device.type))
        parts = []
        for number, run in enumerate(runs):
            if number >= kept or not anchor.requires_grad:
                ctx.held.append(RandomState(device))
                parts.append(run())
                continue
            with torch.enable_grad(), _alone(ctx.model, number == len(runs) - 1):
                part = run()
            ctx.held.append(part)
            parts.append(part.detach())
        ctx.sizes = [len(part) for part in parts]
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Back-propagate chunk by chunk, running the encoder again where activations were not kept."""
        device_type, dtype, enabled = ctx.autocast
        parts = gradients[0].split(ctx.sizes)
        for number, (run, gradient) in enumerate(zip(ctx.runs, parts, strict=True)):
            held, ctx.held[number] = ctx.held[number], None
            with _alone(ctx.model, number == len(parts) - 1):
                if isinstance(held, RandomState):
                    precision = torch.autocast(device_type, dtype=dtype, enabled=enabled)
                    with held.again(), torch.enable_grad(), precision:
                        held = run()
                if held.requires_grad:
                    torch.autograd.backward(held, gradient.to(held.dtype))
        return None, None, None, None


def embed_chunks(runs: Sequence[Callable[[], Tensor]], kept: int, model: Any, device: torch.device) -> Tensor:
    """Embed chunk by chunk, holding the activations of some of them until the backward pass.

    Args:
        runs: each embeds one chunk, (n, d), whenever called; dropout draws the same masks both times.
        kept: the activations of so many chunks, the first ones, are kept; the others are computed again.
        model: the encoder, perhaps wrapped for several processes.
        device: where it computes.

    Returns:
        Embeddings of all chunks, one after the other, that gradients can flow through.
    """
    if exchanging(model) is not None and kept < len(runs):
        # The last forward pass arms the exchange of gradients, so it must come after the others' backward passes.
        kept = min(kept, len(runs) - 1)
    anchor = torch.zeros((), device=device, requires_grad=torch.is_grad_enabled())
    embeddings: Tensor = _EmbedChunks.apply(anchor, list(runs), kept, model)
    return embeddings


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
    seen: set[int] = set()
    weights = _storages(model)
    moving = is_sharded(model)  # whose layers are brought together one after the other
    found = SavedBytes()

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        if place not in seen and place not in (_storages(model) if moving else weights):
            seen.add(place)
            found.total += storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        yield found


def _storages(model: nn.Module) -> set[int]:
    """Return where the weights of an encoder lie now, of a sharded one those that are brought together."""
    return {one.untyped_storage().data_ptr() for one in model.parameters() if not hasattr(one, "full_tensor")}
