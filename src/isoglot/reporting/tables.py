"""Tables as the templates expect them: heads, and rows of cells with text, sortable value and mark.

And when a value of a table may be said to be better than others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from isoglot.measures import Better, Measure, format_value, interval_text
from isoglot.reporting.result_like import Row

__all__ = ["Cell", "Head", "Row", "Table", "clearly_best", "measured", "overlap", "row_cell"]


@dataclass(frozen=True)
class Cell:
    """One cell: what is read, what is sorted by (None: nothing), a small note below, whether it is marked best."""

    text: str
    value: Any = None
    note: str = ""
    best: bool = False


@dataclass(frozen=True)
class Head:
    """One column's head."""

    text: str
    note: str = ""
    title: str = ""


@dataclass(frozen=True)
class Table:
    """One table; the first cell of a row is its head."""

    label: str
    heads: Sequence[Head]
    rows: Sequence[Sequence[Cell]]
    caption: str = ""
    note: str = ""
    sortable: bool = field(default=False)


def measured(value: Any, measure: Measure, interval: tuple[Any, Any] | None = None, best: bool = False) -> Cell:
    """Return the cell of a value, its interval below it."""
    if isinstance(value, float) and math.isnan(value):
        value = None
    note = interval_text(interval[0], interval[1], measure.form) if interval else ""
    return Cell(format_value(value, measure.form), value, note, best)


def row_cell(row: Row, measure: Measure, best: bool = False) -> Cell:
    """Return the cell of a value with its interval."""
    return measured(row["mean"], measure, (row.get("low"), row.get("high")), best)


def clearly_best(rows: Sequence[Row], better: Better | None) -> int | None:
    """Find the row that is better than all others, its interval overlapping none of theirs.

    Args:
        rows: `mean`, `low`, `high` of one measure, one row an arm.
        better: which values are good; for `zero` intervals are compared by their distance from 0.

    Returns:
        Its position; None where there is none, or one row only, or an interval is missing.
    """
    if (
        better is None
        or len(rows) < 2
        or any(row.get(key) is None for row in rows for key in ("mean", "low", "high"))
    ):
        return None
    bounds = [_goodness(row["low"], row["high"], better) for row in rows]
    for at, (low, _) in enumerate(bounds):
        if all(low > high for other, (_, high) in enumerate(bounds) if other != at):
            return at
    return None


def overlap(first: Row, second: Row) -> bool:
    """Tell whether two intervals overlap; True where one is missing, as nothing is then shown to differ."""
    if any(row.get(key) is None for row in (first, second) for key in ("low", "high")):
        return True
    return bool(first["low"] <= second["high"] and second["low"] <= first["high"])


def _goodness(low: float, high: float, better: Better) -> tuple[float, float]:
    """Turn an interval of values into one of goodness, higher being better."""
    if better == "high":
        return low, high
    if better == "low":
        return -high, -low
    nearest = 0.0 if low <= 0 <= high else min(abs(low), abs(high))
    return -max(abs(low), abs(high)), -nearest
