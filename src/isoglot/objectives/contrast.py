"""What contrastive terms share: cosine similarities, their temperature, and the loss of telling positives from
negatives."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, autograd, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from isoglot.errors import InputError

__all__ = ["Temperature", "contrastive_loss", "cosine_similarity", "cosine_sum", "log_sum", "paired_loss", "unit"]

SMALLEST_LENGTH = 1e-12  # as in functional.normalize
# Of a learned temperature's logarithm: with Adam, 1,000 steps change the temperature by at most a factor of e or
# so. The rate of a pretrained encoder would hardly move it.
TEMPERATURE_LEARNING_RATE = 1e-3


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
        along = torch.linalg.vecdot(found, gradients[0]).unsqueeze(-1)
        along.masked_fill_(length <= SMALLEST_LENGTH, 0.0)  # divided by a constant there
        return torch.addcmul(gradients[0], found, along, value=-1).div_(length.clamp(min=SMALLEST_LENGTH))


def unit(embeddings: Tensor) -> Tensor:
    """Return embeddings (N, d) at unit length, at least in single precision."""
    if embeddings.dtype in (torch.float16, torch.bfloat16):
        embeddings = embeddings.float()
    found: Tensor = _Unit.apply(embeddings)
    return found


class _CosineSum(autograd.Function):
    """The sum of the cosines of vectors with constants of unit length, in half the time of `unit` and a product."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, targets: Tensor) -> Tensor:
        length = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        cosines = torch.linalg.vecdot(vectors, targets).unsqueeze(1).div_(length.clamp(min=SMALLEST_LENGTH))
        ctx.save_for_backward(vectors, targets, cosines, length)
        return cosines.sum()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return what of the targets is not along the vectors, divided by their lengths."""
        vectors, targets, cosines, length = ctx.saved_tensors
        scale = gradients[0] / length.clamp(min=SMALLEST_LENGTH)
        along = (scale * cosines / length).masked_fill_(length <= SMALLEST_LENGTH, 0.0)
        return torch.mul(targets, scale).addcmul_(vectors, along, value=-1), None


def cosine_sum(embeddings: Tensor, targets: Tensor) -> Tensor:
    """Return the sum of the N cosines of embeddings (N, d) with targets (N, d), constants of unit length."""
    found: Tensor = _CosineSum.apply(embeddings, targets)
    return found


def cosine_similarity(left: Tensor, right: Tensor, temperature: Tensor | float = 1.0) -> Tensor:
    """Return the cosines (N, M) of embeddings (N, d) and (M, d) over a temperature, at least in single precision:
    half precision would blur differences that a temperature of 0.05 or less multiplies."""
    with torch.autocast(left.device.type, enabled=False):
        return (unit(left) / temperature) @ unit(right).T  # there are more cosines than numbers on the left


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


def paired_loss(scores: Tensor, excluded: Tensor | None) -> Tensor:
    """Return `contrastive_loss` where column i, and no other one, is the positive of row i.

    Args:
        scores: (N, M), 0 < N ≤ M, similarities over temperature.
        excluded: (N, M) bool: neither positive nor negative; None for nothing.
    """
    if excluded is not None:
        scores = scores.masked_fill(excluded, -torch.inf)
    return functional.cross_entropy(scores, torch.arange(len(scores), device=scores.device))


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


class Temperature(nn.Module):
    """A temperature above 0: a given number, or a parameter that is learned along with the encoder.

    A learned one is the exponential of a parameter, which is put back within its bounds before each use, as CLIP
    does (arXiv 2103.00020): it can neither become negative nor sharpen without end, and can come back from a bound.

    Args:
        initial: the temperature, or where learning starts.
        learned: whether it is learned.
        minimum: lower bound of a learned temperature; 0.01 is CLIP's largest scale, 100.
        maximum: upper bound of a learned temperature.

    Raises:
        InputError: the temperature is not above 0, or a learned one lies outside its bounds.
    """

    def __init__(self, initial: float, learned: bool = False, minimum: float = 0.01, maximum: float = 1.0) -> None:
        super().__init__()
        if not 0 < initial < math.inf:
            raise InputError(f"the temperature must be above 0, not {initial}")
        if learned and not 0 < minimum <= initial <= maximum:
            raise InputError(
                f"a learned temperature must start within its bounds, {minimum} to {maximum}, not at {initial}"
            )
        self.initial = initial
        self.minimum = minimum
        self.maximum = maximum
        self.logarithm = nn.Parameter(torch.tensor(math.log(initial))) if learned else None

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"{self.initial}" + (f", learned in [{self.minimum}, {self.maximum}]" if self.learned else "")

    @property
    def learned(self) -> bool:
        """Whether it is a parameter."""
        return self.logarithm is not None

    @property
    def learning_rate(self) -> float | None:
        """Of a learned temperature; None of a fixed one."""
        return TEMPERATURE_LEARNING_RATE if self.learned else None

    def forward(self) -> float | Tensor:
        """Return the temperature; with a gradient if it is learned."""
        if self.logarithm is None:
            return self.initial
        with torch.no_grad():
            self.logarithm.clamp_(math.log(self.minimum), math.log(self.maximum))
        return self.logarithm.exp()

    def at_bound(self) -> bool:
        """Return whether a learned temperature has run into one of its bounds."""
        if self.logarithm is None:
            return False
        value = self.logarithm.item()
        slack = 1e-6  # the parameter is float32
        return value <= math.log(self.minimum) + slack or value >= math.log(self.maximum) - slack

    def metrics(self) -> dict[str, float]:
        """Return the temperature if it is learned, for logs."""
        return {} if self.logarithm is None else {"temperature": math.exp(self.logarithm.item())}
