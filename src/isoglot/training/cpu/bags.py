"""Means of bags of token vectors, with a backward pass that costs what the bags hold."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, autograd
from torch.nn import functional

__all__ = ["TokenVectors", "bag_means"]


class TokenVectors(Protocol):
    """Where token vectors come from and their gradients go to, row by row."""

    def take(self, rows: np.ndarray) -> Tensor:
        """Return the vectors (U, d) of tokens (U,), in ascending order."""

    def give(self, rows: np.ndarray, gradient: Tensor) -> None:
        """Take the gradient (U, d) of the vectors of tokens (U,)."""


class _BagMeans(autograd.Function):
    """`embedding_bag` whose gradient is itself a bag: of each token, the sum over the texts that hold it.

    The library's backward pass adds one row at a time to the gradient of the whole vocabulary, in one thread for a
    frequent token; this one writes each row of it once, and only the rows of tokens that occur.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, offsets: Tensor, vectors: TokenVectors | None) -> Tensor:
        """Return the means."""
        used = np.zeros(len(weight), bool)
        used[ids.numpy()] = True
        rows = np.flatnonzero(used)
        places = np.empty(len(weight), np.int64)
        places[rows] = np.arange(len(rows))
        ctx.weight, ctx.vectors, ctx.rows = weight, vectors, rows
        ctx.places, ctx.ends = places[ids.numpy()], np.append(offsets.numpy(), len(ids))
        taken = weight.index_select(0, torch.from_numpy(rows)) if vectors is None else vectors.take(rows)
        return functional.embedding_bag(torch.from_numpy(ctx.places), taken, offsets, mode="mean")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the gradient of all token vectors, or give it away row by row."""
        texts, ends = len(ctx.ends) - 1, ctx.ends
        shares = gradients[0] / torch.from_numpy(np.diff(ends)).clamp_(min=1)[:, None]
        # for every token, the texts that hold it, as often as they hold it
        held = csr_array((np.ones(len(ctx.places), np.float32), ctx.places, ends), (texts, len(ctx.rows))).tocsc()
        holders, starts = (torch.from_numpy(found.astype(np.int64)) for found in (held.indices, held.indptr[:-1]))
        sums = functional.embedding_bag(holders, shares, starts, mode="sum")
        if ctx.vectors is not None:
            ctx.vectors.give(ctx.rows, sums)
            return None, None, None, None
        whole = torch.zeros_like(ctx.weight).index_copy_(0, torch.from_numpy(ctx.rows), sums)
        return whole, None, None, None


def bag_means(weight: Tensor, ids: Tensor, offsets: Tensor, vectors: TokenVectors | None = None) -> Tensor:
    """Return the mean vector of each bag (N, d), zero for an empty one; on a CPU.

    Args:
        weight: (V, d), one vector a token.
        ids: (T,) tokens of all bags, one after the other.
        offsets: (N,) where each bag starts.
        vectors: gives the vectors of the tokens that occur, and takes their gradient, which `weight` then does not
            get; `weight` itself if None.
    """
    means: Tensor = _BagMeans.apply(weight, ids, offsets, vectors)
    return means
