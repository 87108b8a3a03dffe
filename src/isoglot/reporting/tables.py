"""Tables as the templates expect them: heads, and rows of cells with text, sortable value and mark."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from isoglot.measures import Measure, format_value, interval_text
from isoglot.reporting.result_like import Row

__all__ = ["Cell", "Head", "Row", "Table", "measured", "row_cell"]


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
