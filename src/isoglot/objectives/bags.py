"""Means of bags of token vectors, with a backward pass that costs what the bags hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, autograd
from torch.nn import functional

__all__ = ["GradientMemory", "bag_means"]

ALONE = 2  # who holds the storage of a tensor that nobody else has: the tensor, and the asking itself


class GradientMemory:
    """Memory for a gradient with few rows that are not zero, used again at the next step.

    A fresh gradient of a whole vocabulary is tens of megabytes that the operating system hands out page by page,
    and all of it has to be written. Here only the rows written last time are set to zero again. Memory that anybody
    else still holds, such as a gradient kept or being accumulated, is left to them.
    """

    def __init__(self) -> None:
        self._gradient: Tensor | None = None
        self._rows = torch.empty(0, dtype=torch.int64)
        self._version = -1
        self._norm: Tensor | None = None

    def write(self, like: Tensor, rows: Tensor, values: Tensor) -> Tensor:
        """Return a gradient of the shape of `like` (V, d), zero but for rows (U,) with their values (U, d)."""
        held = self._gradient
        if held is None or held.shape != like.shape or held.dtype != like.dtype or _holders(held) > ALONE:
            held = torch.zeros_like(like)
        elif held._version == self._version:
            held.index_fill_(0, self._rows, 0.0)
        else:  # changed in place by others, such as clipping, which may have written anywhere
            held.zero_()
        held.index_copy_(0, rows, values)
        self._gradient, self._rows, self._version = held, rows, held._version
        self._norm = torch.linalg.vector_norm(values)
        return held.detach()  # another tensor over the same memory, which autograd takes without a copy

    def norm(self, gradient: Tensor) -> Tensor | None:
        """Return the norm of a gradient if it is the one last written, and still is what was written."""
        held = self._gradient
        if held is None or gradient.data_ptr() != held.data_ptr() or held._version != self._version:
            return None
        return self._norm

    def scale(self, factor: float | Tensor) -> None:
        """Multiply the gradient last written, in place."""
        if self._gradient is not None:
            self._gradient[self._rows] *= factor
            self._version = self._gradient._version


def _holders(tensor: Tensor) -> int:
    return int(torch._C._storage_Use_Count(tensor.untyped_storage()._cdata))


class _BagMeans(autograd.Function):
    """`embedding_bag` whose gradient is itself a bag: of each token, the sum over the texts that hold it.

    The library's backward pass adds one row at a time to the gradient of the whole vocabulary, in one thread for a
    frequent token; this one writes each row of it once, and only the rows of tokens that occur.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, offsets: Tensor, memory: GradientMemory | None) -> Tensor:
        """Return the means."""
        ctx.save_for_backward(weight, ids, offsets)
        ctx.memory = memory or GradientMemory()
        return functional.embedding_bag(ids, weight, offsets, mode="mean")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the gradient of all token vectors."""
        weight, ids, offsets = ctx.saved_tensors
        ends = np.append(offsets.numpy(), len(ids))
        tokens = csr_array((np.ones(len(ids), np.float32), ids.numpy(), ends), (len(offsets), len(weight))).tocsc()
        lengths = torch.from_numpy(np.diff(ends))
        shares = gradients[0] / lengths.clamp(min=1)[:, None]
        # For every token that occurs, the texts that hold it, as often as they hold it.
        rows = np.flatnonzero(np.diff(tokens.indptr))
        texts, starts = (torch.from_numpy(x.astype(np.int64)) for x in (tokens.indices, tokens.indptr[rows]))
        sums = functional.embedding_bag(texts, shares, starts, mode="sum")
        return ctx.memory.write(weight, torch.from_numpy(rows), sums), None, None, None


def bag_means(weight: Tensor, ids: Tensor, offsets: Tensor, memory: GradientMemory | None = None) -> Tensor:
    """Return the mean vector of each bag (N, d), zero for an empty one; on a CPU.

    Args:
        weight: (V, d), one vector a token.
        ids: (T,) tokens of all bags, one after the other.
        offsets: (N,) where each bag starts.
        memory: of the gradient, to be used from step to step; fresh each time if None.
    """
    means: Tensor = _BagMeans.apply(weight, ids, offsets, memory)
    return means
