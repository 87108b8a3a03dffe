"""Embeddings of several processes brought together, with gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["agreed", "gather_embeddings", "rank", "seen_by_all", "share_of_process", "world_size"]


def world_size() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Return the number of this process among them, from 0."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def share_of_process(texts: int, process: int | None = None) -> np.ndarray:
    """Return the positions, of 0 … texts - 1, that a process embeds, this one if None: every W-th, so that all get
    about the same of every language and role."""
    return np.arange(rank() if process is None else process, texts, world_size())


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor, texts: int) -> Tensor:
        world = dist.get_world_size()
        ctx.texts, ctx.rows = texts, len(own)  # more rows than its share where that is none
        longest = -(-texts // world)
        sent = own.new_zeros(longest, own.shape[1])
        sent[: len(own)] = own
        parts = [torch.empty_like(sent) for _ in range(world)]
        dist.all_gather(parts, sent.contiguous())
        # position i is number i // W of process i % W
        return torch.stack(parts, dim=1).flatten(0, 1)[:texts].contiguous()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        # Every process computes the whole loss and takes its own texts' part of the gradient. The processes'
        # gradients are then averaged, where they must be added up: hence the factor.
        own = torch.from_numpy(share_of_process(ctx.texts)).to(gradients[0].device)
        found = gradients[0].new_zeros(ctx.rows, gradients[0].shape[1])
        found[: len(own)] = gradients[0][own] * dist.get_world_size()
        return found, None


def gather_embeddings(own: Tensor, texts: int) -> Tensor:
    """Return the embeddings (texts, d) of all processes, in order, given this one's share (n, d).

    The loss computed from them, in every process, has the gradients of a single process that embeds all texts,
    once the processes' gradients are averaged as `DistributedDataParallel` does.
    """
    gathered: Tensor = _Gather.apply(own, texts)
    return gathered


def agreed(bytes_a_token: float, budget: float, device: torch.device) -> tuple[float, float]:
    """Return the largest need and the smallest budget that any process measured, the same in all of them."""
    if world_size() == 1:
        return bytes_a_token, budget
    both = torch.tensor([bytes_a_token, -budget], dtype=torch.float64, device=device)
    dist.all_reduce(both, dist.ReduceOp.MAX)
    return float(both[0]), -float(both[1])


def seen_by_all(value: Any) -> list[Any]:
    """Return what each process sees, by their numbers. All processes must ask."""
    if world_size() == 1:
        return [value]
    found: list[Any] = [None] * world_size()
    dist.all_gather_object(found, value)
    return found
