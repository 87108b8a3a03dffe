"""When two values may be said to differ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["Row", "overlap"]

Row = Mapping[str, Any]
"""`mean`, `low`, `high`: a value with its interval, which may be None."""


def overlap(first: Row, second: Row) -> bool:
    """Tell whether two intervals overlap; True where one is missing, as nothing is then shown to differ."""
    if any(row.get(key) is None for row in (first, second) for key in ("low", "high")):
        return True
    return bool(first["low"] <= second["high"] and second["low"] <= first["high"])
