"""Two measures against each other: which arms no other arm beats in both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.labels import label_layers, note_places
from isoglot.reporting.figures.numbers import score_format
from isoglot.reporting.figures.theme import ARM_COLOURS, REFERENCE

__all__ = ["not_beaten", "pareto_front"]

HEIGHT = 300
NARROW = 270
PARTS = ("mean", "low", "high")


def not_beaten(points: Sequence[tuple[float, float]], signs: tuple[float, float]) -> list[bool]:
    """Tell of each point whether no other is at least as good in both values and better in one.

    Args:
        points: two values each.
        signs: of each value 1 if high ones are good, -1 if low ones are.
    """
    good = [(signs[0] * x, signs[1] * y) for x, y in points]
    return [not any(a >= x and b >= y and (a, b) != (x, y) for a, b in good) for x, y in good]


def pareto_front(
    rows: Sequence[Mapping[str, Any]],
    *,
    axes: tuple[str, str],
    signs: tuple[float, float],
    numbers: tuple[str | None, str | None] = (None, None),
    first: Sequence[str] = (),
    title: str = "",
) -> Any:
    """Draw arms as points with intervals in both directions; better is up and to the right.

    Arms that no other beats in both are joined by a line.

    Args:
        rows: `arm`, and `x` and `y` with `mean`, `low`, `high` each.
        axes: what the values are.
        signs: of each 1 if high values are good, -1 if low ones are; their axis is turned.
        numbers: how they are written (d3-format); as scores, if not given.
        first: arms whose names are written before others', where there is no room for all.
        title: what is seen.

    Returns:
        An Altair chart. Arms without a name in it tell theirs under the pointer.
    """
    kept = []
    for row in rows:
        if row["x"]["mean"] is None or row["y"]["mean"] is None:
            continue
        values = {f"{side}_{part}": row[side][part] for side in "xy" for part in PARTS}
        kept.append({"arm": row["arm"], **values})
    best = not_beaten([(row["x_mean"], row["y_mean"]) for row in kept], signs)
    domains = [_domain(kept, side) for side in "xy"]
    for row, front in zip(kept, best, strict=True):
        row["front"] = front
    kept.sort(key=lambda row: (row["arm"] not in first, not row["front"]))
    _label(kept, domains, signs)
    base = alt.Chart(alt.Data(values=kept))
    x, y = (
        channel(
            f"{side}_mean:Q",
            title=axes[at],
            axis=alt.Axis(format=numbers[at] or score_format(domains[at]), tickCount=5),
            scale=alt.Scale(domain=domains[at], nice=False, reverse=signs[at] < 0),
        )
        for at, (side, channel) in enumerate((("x", alt.X), ("y", alt.Y)))
    )
    colour = alt.Color(
        "front:N",
        scale=alt.Scale(domain=[True, False], range=[ARM_COLOURS[1], REFERENCE]),
        legend=None,
    )
    tooltip = [
        alt.Tooltip("arm:N"),
        *(
            alt.Tooltip(f"{side}_{part}:Q", title=axes[at] if part == "mean" else part, format=".3f")
            for at, side in enumerate("xy")
            for part in PARTS
        ),
    ]
    layers = [
        base.transform_filter("datum.front")
        .mark_line(color=ARM_COLOURS[1], strokeWidth=1.5, opacity=0.5)
        .encode(x=x, y=y, order=alt.Order("x_mean:Q")),
        base.transform_filter("isValid(datum.x_low) && isValid(datum.x_high)")
        .mark_rule(strokeWidth=1.5, opacity=0.4)
        .encode(x=alt.X("x_low:Q", title=axes[0]), x2="x_high:Q", y=y, color=colour),
        base.transform_filter("isValid(datum.y_low) && isValid(datum.y_high)")
        .mark_rule(strokeWidth=1.5, opacity=0.4)
        .encode(x=x, y=alt.Y("y_low:Q", title=axes[1]), y2="y_high:Q", color=colour),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    layers += label_layers(base, kept, "arm", x=x, y=y, tooltip=tooltip)
    return alt.layer(*layers).properties(width=520, height=HEIGHT, title=title)


def _domain(rows: Sequence[Mapping[str, Any]], side: str) -> list[float]:
    values = [row[f"{side}_{part}"] for row in rows for part in PARTS if row[f"{side}_{part}"] is not None]
    room = (max(values) - min(values)) * 0.08 or abs(values[0]) * 0.08 or 0.1
    return [min(values) - room, max(values) + room]


def _label(rows: Sequence[dict[str, Any]], domains: Sequence[Sequence[float]], signs: tuple[float, float]) -> None:
    """Say of each row where its name stands; None for nowhere."""

    def pixel(row: Mapping[str, Any], at: int, side: str, size: float) -> float:
        low, high = domains[at]
        share = (row[f"{side}_mean"] - low) / (high - low)
        return size * (share if (signs[at] > 0) == (side == "x") else 1 - share)

    points = [(pixel(row, 0, "x", NARROW), pixel(row, 1, "y", HEIGHT)) for row in rows]
    note_places(rows, points, "arm", NARROW, HEIGHT)
