"""Means with their intervals along something: training steps, or sizes of training data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.numbers import score_format
from isoglot.reporting.figures.theme import ARM_COLOURS, REFERENCE

__all__ = ["interval_lines"]

SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right")
DASHES = ([1, 0], [6, 3], [2, 2])
HEIGHT = 230


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
    kept = [
        {name: row.get(name) for name in ("arm", "x", "mean", "low", "high")}
        for row in rows
        if row.get("mean") is not None
    ]
    number = number or score_format(row[name] for row in kept for name in ("mean", "low", "high"))
    shown = [arm for arm in arms if any(row["arm"] == arm for row in kept)]
    numbers = [list(arms).index(arm) for arm in shown]
    legend = (
        None
        if len(shown) == 1
        else alt.Legend(title=None, orient="top", columns=3, symbolStrokeWidth=0, symbolOpacity=1)
    )

    def scale(choices: Sequence[Any], step: int = 1) -> Any:
        return alt.Scale(domain=shown, range=[choices[at // step % len(choices)] for at in numbers])

    colour = alt.Color("arm:N", sort=shown, scale=scale(ARM_COLOURS), legend=legend)
    shape = alt.Shape("arm:N", sort=shown, scale=scale(SHAPES), legend=legend)
    dash = alt.StrokeDash("arm:N", sort=shown, scale=scale(DASHES, len(ARM_COLOURS)), legend=legend)
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
        *(alt.Tooltip(f"{name}:Q", format=".3f") for name in ("mean", "low", "high")),
    ]
    base = alt.Chart(alt.Data(values=kept))
    layers = [
        base.mark_line(strokeWidth=2, opacity=0.9).encode(x=x, y=y, color=colour, strokeDash=dash),
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=1.5, opacity=0.6)
        .encode(x=x, y=alt.Y("low:Q", title=axis), y2="high:Q", color=colour, tooltip=tooltip),
        base.mark_point(filled=True, size=55, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tooltip
        ),
    ]
    if marks:
        steps = alt.Chart(alt.Data(values=[{"x": step} for step in marks]))
        layers.insert(
            0, steps.mark_rule(color=REFERENCE, strokeDash=[3, 3], opacity=0.8).encode(x=alt.X("x:Q", title=x_axis))
        )
    return alt.layer(*layers).properties(width=520, height=HEIGHT, title=title)
