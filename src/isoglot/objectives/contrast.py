"""What contrastive terms share: cosine similarities, and the loss of telling positives from negatives."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, autograd
from torch.autograd.function import once_differentiable
from torch.nn import functional

__all__ = ["contrastive_loss", "cosine_similarity", "log_sum", "paired_loss", "unit"]


SMALLEST_LENGTH = 1e-12  # as in functional.normalize


class _Unit(autograd.Function):
    """`functional.normalize` with a backward pass of its own, in a third of the time."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
        found = vectors / length.clamp(min=SMALLEST_LENGTH)
        ctx.save_for_backward(found, length)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return what of the gradient is not along the vector, divided by its length."""
        found, length = ctx.saved_tensors
        along = (found * gradients[0]).sum(dim=-1, keepdim=True)
        along.masked_fill_(length <= SMALLEST_LENGTH, 0.0)  # divided by a constant there
        return (gradients[0] - found * along) / length.clamp(min=SMALLEST_LENGTH)


def unit(embeddings: Tensor) -> Tensor:
    """Return embeddings (N, d) at unit length, at least in single precision."""
    if embeddings.dtype in (torch.float16, torch.bfloat16):
        embeddings = embeddings.float()
    found: Tensor = _Unit.apply(embeddings)
    return found


def cosine_similarity(left: Tensor, right: Tensor) -> Tensor:
    """Return the cosines (N, M) of embeddings (N, d) and (M, d), at least in single precision: half precision would
    blur differences that a temperature of 0.05 or less multiplies."""
    with torch.autocast(left.device.type, enabled=False):
        return unit(left) @ unit(right).T


def log_sum(scores: Tensor, excluded: Tensor) -> Tensor:
    """Return the logarithm of each row's sum of exponentials over what is not excluded, (N,); -inf over nothing.

    Args:
        scores: (N, M).
        excluded: (N, M) bool.
    """
    # The logarithm of an empty sum is put in by hand, for the gradient of logsumexp is not a number there.
    none = excluded.all(dim=1)
    sums = torch.logsumexp(scores.masked_fill(excluded & ~none[:, None], -torch.inf), dim=1)
    return sums.masked_fill(none, -torch.inf)


def paired_loss(scores: Tensor, excluded: Tensor) -> Tensor:
    """Return `contrastive_loss` where column i, and no other one, is the positive of row i.

    Args:
        scores: (N, M), 0 < N ≤ M, similarities over temperature.
        excluded: (N, M) bool: neither positive nor negative.
    """
    own = torch.arange(len(scores), device=scores.device)
    return functional.cross_entropy(scores.masked_fill(excluded, -torch.inf), own)


def contrastive_loss(scores: Tensor, positives: Tensor, excluded: Tensor) -> Tensor:
    r"""Return how badly rows tell their positives from their negatives, a scalar.

    .. math:: \frac1{|R|} \sum_{i \in R} \frac1{|P_i|} \sum_{p \in P_i}
        -\log \frac{e^{s_{ip}}}{e^{s_{ip}} + \sum_{n \in N_i} e^{s_{in}}}

    R are the rows that have a positive. A positive competes with the negatives alone, never with another positive.
    With one positive in each row this is the cross entropy of a softmax. 0, with gradients of 0, if no row has one.

    Args:
        scores: (N, M), similarities over temperature.
        positives: (N, M) bool: P.
        excluded: (N, M) bool: neither positive nor negative.
    """
    count = positives.sum(dim=1)
    if len(count) and bool((count == 1).all()):  # fused, in half the time
        return functional.cross_entropy(scores.masked_fill(excluded, -torch.inf), positives.byte().argmax(dim=1))
    against = log_sum(scores, positives | excluded)
    rows, columns = positives.nonzero(as_tuple=True)
    losses = -functional.logsigmoid(scores[rows, columns] - against[rows])
    return (losses / count[rows]).sum() / (count > 0).sum().clamp(min=1)
