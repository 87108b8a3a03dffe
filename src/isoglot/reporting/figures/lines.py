"""Means with their intervals along something: training steps, sizes of training data, shares of batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.labels import LETTER, LINE, NARROW, spread
from isoglot.reporting.figures.style import (
    ARM_COLOURS,
    REFERENCE,
    SHAPES,
    by_name,
    data,
    interval_rules,
    padded,
    score_format,
    tips,
    with_mean,
)

__all__ = ["interval_lines", "ratio_curve"]

DASHES = ([1, 0], [6, 3], [2, 2])
HEIGHT = 230
RATIO_HEIGHT = 250
STRIP, LEADER, LABEL = 1.1, 1.17, 1.19
LONGEST = 18


def interval_lines(
    rows: Sequence[Mapping[str, Any]],
    *,
    arms: Sequence[str],
    x_axis: str,
    axis: str,
    number: str | None = None,
    positions: Sequence[str] | None = None,
    marks: Sequence[float] = (),
    title: str = "",
) -> Any:
    """Draw one line an arm, an interval at each of its points.

    Args:
        rows: `arm`, `x`, `mean`, `low`, `high`; without an interval `low` is None.
        arms: those of all figures that belong together, in order, so that an arm looks the same in all.
        x_axis: what `x` is.
        axis: what the values are.
        number: how they are written (d3-format); as scores, if not given.
        positions: of `x`, which then are texts, from left to right; None where they are numbers.
        marks: numbers of `x` at which a dashed line stands.
        title: what is seen.

    Returns:
        An Altair chart.
    """
    kept = with_mean(rows, ("arm", "x", "mean", "low", "high"))
    number = number or score_format(row[name] for row in kept for name in ("mean", "low", "high"))
    shown = [arm for arm in arms if any(row["arm"] == arm for row in kept)]
    numbers = [list(arms).index(arm) for arm in shown]
    legend = {"columns": 3, "symbolStrokeWidth": 0, "symbolOpacity": 1}
    colour = by_name(alt.Color, "arm", shown, ARM_COLOURS, numbers, **legend)
    shape = by_name(alt.Shape, "arm", shown, SHAPES, numbers, **legend)
    dashes = [at // len(ARM_COLOURS) for at in numbers]
    dash = by_name(alt.StrokeDash, "arm", shown, DASHES, dashes, **legend)
    x = (
        alt.X("x:Q", title=x_axis, axis=alt.Axis(format=",d", tickCount=5), scale=alt.Scale(nice=False))
        if positions is None
        else alt.X(
            "x:N",
            title=x_axis,
            sort=list(positions),
            scale=alt.Scale(domain=list(positions), type="point", padding=0.4),
            axis=alt.Axis(labelAngle=0),
        )
    )
    y = alt.Y("mean:Q", title=axis, axis=alt.Axis(format=number, tickCount=5), scale=alt.Scale(zero=False))
    tooltip = [
        alt.Tooltip("arm:N"),
        alt.Tooltip("x:Q" if positions is None else "x:N", title=x_axis),
        *tips("mean", "low", "high"),
    ]
    base = data(kept)
    layers = [
        base.mark_line(strokeWidth=2, opacity=0.9).encode(x=x, y=y, color=colour, strokeDash=dash),
        interval_rules(base, strokeWidth=1.5, opacity=0.6).encode(
            x=x, y=alt.Y("low:Q", title=axis), y2="high:Q", color=colour, tooltip=tooltip
        ),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tooltip
        ),
    ]
    if marks:
        steps = data([{"x": step} for step in marks])
        layers.insert(
            0, steps.mark_rule(color=REFERENCE, strokeDash=[3, 3], opacity=0.8).encode(x=alt.X("x:Q", title=x_axis))
        )
    return alt.layer(*layers).properties(width=520, height=HEIGHT, title=title)


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
    kept, beside = with_mean(rows, names), with_mean(others, names)
    values = [row[name] for row in [*kept, *beside] for name in ("mean", "low", "high") if row[name] is not None]
    low, high = padded(values, 0.06)
    number = number or score_format((low, high))
    height = max(RATIO_HEIGHT, LINE * len(beside))
    gap = LINE * (high - low) / height
    for row, place in zip(beside, spread([row["mean"] for row in beside], gap, low, high), strict=True):
        row["place"] = place
    end = 1.03
    if beside:
        letters = min(max(len(row["arm"]) for row in beside), LONGEST)
        end = LABEL / (1 - min(letters * LETTER / NARROW, 0.48))
    series = list(dict.fromkeys(row["series"] for row in kept))
    colour = by_name(alt.Color, "series", series, ARM_COLOURS, labelLimit=300)
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
    tooltip = [alt.Tooltip("arm:N"), *tips("mean", "low", "high")]
    base = data(kept)
    layers = [
        base.mark_line(strokeWidth=2).encode(x=x, y=y, color=colour),
        interval_rules(base, strokeWidth=2, opacity=0.7).encode(
            x=x, y=alt.Y("low:Q", title=axis), y2="high:Q", color=colour, tooltip=tooltip
        ),
        base.mark_point(filled=True, size=65, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    if beside:
        # after the curve, whose axis then is the figure's
        layers += _beside(data(beside), tooltip, axis)
    return alt.layer(*layers).properties(width=520, height=height, title=title)


def _beside(base: Any, tooltip: list[Any], axis: str) -> list[Any]:
    """Draw the other arms: a line across, a point with its interval beside the curve, and the name."""
    y = alt.Y("mean:Q", title=axis)
    told = [*tooltip, alt.Tooltip("note:N")]
    return [
        base.mark_rule(color=REFERENCE, strokeDash=[2, 3], opacity=0.6).encode(
            x=alt.datum(0), x2=alt.datum(STRIP), y=y
        ),
        interval_rules(base, color=REFERENCE, strokeWidth=1.5, opacity=0.45).encode(
            x=alt.datum(STRIP), y=alt.Y("low:Q", title=axis), y2="high:Q", tooltip=told
        ),
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
