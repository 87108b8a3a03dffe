"""Means of bags of token vectors, with a backward pass that costs what the bags hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor, autograd
from torch.nn import functional

__all__ = ["bag_means"]


class _BagMeans(autograd.Function):
    """`embedding_bag` whose gradient is itself a bag: of each token, the sum over the texts that hold it.

    The library's backward pass adds one row at a time to the gradient of the whole vocabulary, in one thread for a
    frequent token; this one writes each row of it once.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, offsets: Tensor) -> Tensor:
        """Return the means."""
        ctx.save_for_backward(weight, ids, offsets)
        return functional.embedding_bag(ids, weight, offsets, mode="mean")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the gradient of all token vectors."""
        weight, ids, offsets = ctx.saved_tensors
        ends = np.append(offsets.numpy(), len(ids))
        tokens = csr_array((np.ones(len(ids), np.float32), ids.numpy(), ends), (len(offsets), len(weight))).tocsc()
        lengths = torch.from_numpy(np.diff(ends))
        shares = gradients[0] / lengths.clamp(min=1)[:, None]
        # For every token of the vocabulary the texts that hold it, as often as they hold it.
        texts, starts = (torch.from_numpy(part.astype(np.int64)) for part in (tokens.indices, tokens.indptr[:-1]))
        return functional.embedding_bag(texts, shares, starts, mode="sum"), None, None


def bag_means(weight: Tensor, ids: Tensor, offsets: Tensor) -> Tensor:
    """Return the mean vector of each bag (N, d), zero for an empty one; on a CPU.

    Args:
        weight: (V, d), one vector a token.
        ids: (T,) tokens of all bags, one after the other.
        offsets: (N,) where each bag starts.
    """
    means: Tensor = _BagMeans.apply(weight, ids, offsets)
    return means
