"""A measure against the share of monolingual batches, other arms beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.labels import LETTER, LINE, spread
from isoglot.reporting.figures.numbers import score_format
from isoglot.reporting.figures.theme import ARM_COLOURS, REFERENCE

__all__ = ["ratio_curve"]

HEIGHT = 250
NARROW = 270
"""Pixels between the axes on a phone."""
STRIP, LEADER, LABEL = 1.1, 1.17, 1.19
LONGEST = 18


def ratio_curve(
    rows: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]] = (),
    *,
    axis: str,
    number: str | None = None,
    title: str = "",
) -> Any:
    """Draw a mean against α with its interval, a line a series; other arms beside it, each with a line across.

    Args:
        rows: `series`, `arm`, `alpha`, `mean`, `low`, `high`.
        others: `arm`, `mean`, `low`, `high`, and `note`, what the arm is.
        axis: what the values are.
        number: how they are written (d3-format); as scores, if not given.
        title: what is seen.

    Returns:
        An Altair chart.
    """
    names = ("series", "arm", "alpha", "mean", "low", "high", "note")
    kept: list[dict[str, Any]] = [
        {name: row.get(name) for name in names} for row in rows if row.get("mean") is not None
    ]
    beside: list[dict[str, Any]] = [
        {name: row.get(name) for name in names} for row in others if row.get("mean") is not None
    ]
    values = [row[name] for row in [*kept, *beside] for name in ("mean", "low", "high") if row[name] is not None]
    room = (max(values) - min(values)) * 0.06 or abs(values[0]) * 0.06 or 0.1
    low, high = min(values) - room, max(values) + room
    number = number or score_format((low, high))
    height = max(HEIGHT, LINE * len(beside))
    gap = LINE * (high - low) / height
    for row, place in zip(beside, spread([row["mean"] for row in beside], gap, low, high), strict=True):
        row["place"] = place
    end = 1.03
    if beside:
        letters = min(max(len(row["arm"]) for row in beside), LONGEST)
        end = LABEL / (1 - min(letters * LETTER / NARROW, 0.48))
    series = list(dict.fromkeys(row["series"] for row in kept))
    legend = None if len(series) == 1 else alt.Legend(title=None, orient="top", labelLimit=300)
    colour = alt.Color(
        "series:N",
        sort=series,
        scale=alt.Scale(domain=series, range=[ARM_COLOURS[at % len(ARM_COLOURS)] for at in range(len(series))]),
        legend=legend,
    )
    shares = alt.Axis(values=[0, 0.25, 0.5, 0.75, 1], format=".2~f", titleAnchor="start", grid=False)
    x = alt.X(
        "alpha:Q",
        title="α, the share of monolingual batches",
        axis=shares,
        scale=alt.Scale(domain=[-0.03, end], nice=False),
    )
    y = alt.Y(
        "mean:Q",
        title=axis,
        axis=alt.Axis(format=number, tickCount=5),
        scale=alt.Scale(domain=[low, high], nice=False),
    )
    tooltip = [alt.Tooltip("arm:N"), *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("mean", "low", "high"))]
    base = alt.Chart(alt.Data(values=kept))
    layers = [
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour),
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=2, opacity=0.7)
        .encode(x=x, y=alt.Y("low:Q", title=axis), y2="high:Q", color=colour, tooltip=tooltip),
        base.mark_point(filled=True, size=65, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    if beside:
        # after the curve, whose axis then is the figure's
        layers += _beside(alt.Chart(alt.Data(values=beside)), tooltip, axis)
    return alt.layer(*layers).properties(width=520, height=height, title=title)


def _beside(base: Any, tooltip: list[Any], axis: str) -> list[Any]:
    """Draw the other arms: a line across, a point with its interval beside the curve, and the name."""
    y = alt.Y("mean:Q", title=axis)
    told = [*tooltip, alt.Tooltip("note:N")]
    return [
        base.mark_rule(color=REFERENCE, strokeDash=[2, 3], opacity=0.6).encode(
            x=alt.datum(0), x2=alt.datum(STRIP), y=y
        ),
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(color=REFERENCE, strokeWidth=1.5, opacity=0.45)
        .encode(x=alt.datum(STRIP), y=alt.Y("low:Q", title=axis), y2="high:Q", tooltip=told),
        base.mark_rule(color=REFERENCE, opacity=0.6).encode(
            x=alt.datum(STRIP + 0.02), x2=alt.datum(LEADER), y=y, y2="place:Q"
        ),
        base.mark_point(filled=True, color=REFERENCE, shape="diamond", size=55, opacity=1).encode(
            x=alt.datum(STRIP), y=y, tooltip=told
        ),
        base.mark_text(align="left", baseline="middle", fontSize=11, limit=LONGEST * LETTER).encode(
            x=alt.datum(LABEL), y=alt.Y("place:Q", title=axis), text="arm:N", tooltip=told
        ),
    ]
