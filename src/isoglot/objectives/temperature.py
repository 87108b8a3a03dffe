"""`Temperature`: what similarities are divided by before a softmax, fixed or learned."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from isoglot.errors import InputError

__all__ = ["TEMPERATURE_LEARNING_RATE", "Temperature"]

TEMPERATURE_LEARNING_RATE = 1e-3
"""Of a learned temperature's logarithm: with Adam, 1,000 steps change the temperature by at most a factor of e or
so. The rate of a pretrained encoder would hardly move it."""


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
