"""How numbers on an axis are written."""

from __future__ import annotations

import math
from collections.abc import Iterable

__all__ = ["score_format"]

TICKS = 5
LEAST = 2


def score_format(values: Iterable[float | None], sign: bool = False) -> str:
    """Return the d3-format that tells ticks of an axis over these values apart, with two decimals or more."""
    known = [value for value in values if value is not None]
    step = (max(known) - min(known)) / TICKS if known else 0.0
    digits = max(LEAST, math.ceil(-math.log10(step))) if step > 0 else LEAST
    return f"{'+' if sign else ''}.{min(digits, 6)}f"
