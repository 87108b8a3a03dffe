"""Dot plots: a value per language, or a mean with its interval, for one or several arms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.theme import ARM_COLOURS, REFERENCE
from isoglot.reporting.languages import name_and_tag, order_of

__all__ = ["interval_dots", "language_dots"]

SHAPES = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "triangle-right")
ROW_HEIGHT = 19


def _arm_channels(arms: Sequence[str]) -> dict[str, Any]:
    """Colour and shape by arm; both, so that neither is needed. No legend for one arm."""
    legend = None if len(arms) == 1 else alt.Legend(title=None, orient="top")
    colours = [ARM_COLOURS[at % len(ARM_COLOURS)] for at in range(len(arms))]
    shapes = [SHAPES[at % len(SHAPES)] for at in range(len(arms))]
    return {
        "color": alt.Color("arm:N", sort=arms, scale=alt.Scale(domain=arms, range=colours), legend=legend),
        "shape": alt.Shape("arm:N", sort=arms, scale=alt.Scale(domain=arms, range=shapes), legend=legend),
    }


def _distinct(names: Sequence[Any]) -> list[str]:
    return list(dict.fromkeys(names))


def language_dots(
    rows: Sequence[Mapping[str, Any]],
    *,
    axis: str,
    number: str = ",.0f",
    reference: str | None = None,
    title: str = "",
) -> Any:
    """Draw one value per language and arm.

    Args:
        rows: `lang`, `arm`, `value` and, with a reference, `reference`; rows without a value are left out.
        axis: what the value is.
        number: how it is written (d3-format).
        reference: what the reference is, drawn as a tick behind the dots of each language.
        title: what is seen.

    Returns:
        An Altair chart, one line a language, sorted by tag.
    """
    kept = [
        {
            "language": name_and_tag(row["lang"]),
            "tag": row["lang"],
            "arm": row["arm"],
            "value": row["value"],
            "reference": row.get("reference"),
        }
        for row in rows
        if row.get("value") is not None
    ]
    arms = _distinct([row["arm"] for row in kept])
    languages = [name_and_tag(tag) for tag in order_of(row["tag"] for row in kept)]
    base = alt.Chart(alt.Data(values=kept))
    y = alt.Y(
        "language:N",
        sort=languages,
        scale=alt.Scale(domain=languages),
        axis=alt.Axis(title=None, grid=True, domain=False, ticks=False, labelLimit=130),
    )
    x = alt.X("value:Q", title=axis, axis=alt.Axis(format=number, tickCount=5), scale=alt.Scale(zero=True))
    tooltip = [
        alt.Tooltip("language:N"),
        *([alt.Tooltip("arm:N")] if len(arms) > 1 else []),
        alt.Tooltip("value:Q", title=axis, format=number),
    ]
    layers = []
    if reference and any(row["reference"] is not None for row in kept):
        tooltip.append(alt.Tooltip("reference:Q", title=reference, format=number))
        layers.append(
            base.transform_filter("isValid(datum.reference)")
            .mark_tick(color=REFERENCE, thickness=2.5, size=13, opacity=1)
            .encode(x=alt.X("reference:Q", title=axis), y=y, tooltip=tooltip)
        )
    layers.append(
        base.mark_point(filled=True, size=62, opacity=0.95).encode(x=x, y=y, tooltip=tooltip, **_arm_channels(arms))
    )
    return alt.layer(*layers).properties(width=520, height=ROW_HEIGHT * max(len(languages), 2), title=title)


def interval_dots(rows: Sequence[Mapping[str, Any]], *, axis: str, number: str = ".2f", title: str = "") -> Any:
    """Draw means with their intervals, one line a measure and arm.

    Args:
        rows: `label` (of the measure), `arm`, `mean`, `low`, `high`; without an interval `low` is None.
        axis: what the values are.
        number: how they are written (d3-format).
        title: what is seen.
    """
    kept = [
        {name: row.get(name) for name in ("label", "arm", "mean", "low", "high")}
        for row in rows
        if row.get("mean") is not None
    ]
    arms = _distinct([row["arm"] for row in kept])
    labels = _distinct([row["label"] for row in kept])
    base = alt.Chart(alt.Data(values=kept))
    y = alt.Y(
        "label:N", sort=labels, axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=150, grid=False)
    )
    offset = alt.YOffset("arm:N", sort=arms, scale=alt.Scale(domain=arms))
    tooltip = [
        alt.Tooltip("label:N", title="measure"),
        alt.Tooltip("arm:N"),
        alt.Tooltip("mean:Q", format=".3f"),
        alt.Tooltip("low:Q", format=".3f"),
        alt.Tooltip("high:Q", format=".3f"),
    ]
    channels = _arm_channels(arms)
    x = alt.X("mean:Q", title=axis, axis=alt.Axis(format=number, tickCount=6), scale=alt.Scale(zero=True))
    lines = (
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=2)
        .encode(
            x=alt.X("low:Q", title=axis), x2="high:Q", y=y, yOffset=offset, color=channels["color"], tooltip=tooltip
        )
    )
    dots = base.mark_point(filled=True, size=75, opacity=1).encode(
        x=x, y=y, yOffset=offset, tooltip=tooltip, **channels
    )
    height = len(labels) * max(26, ROW_HEIGHT * len(arms) + 8)
    return alt.layer(lines, dots).properties(width=520, height=height, title=title)
