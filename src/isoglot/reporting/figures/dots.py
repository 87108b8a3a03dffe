"""A value per language, a mean with its interval, an accuracy beside chance, and how distances are distributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from isoglot.reporting.figures.style import (
    ARM_COLOURS,
    REFERENCE,
    SHAPES,
    by_name,
    class_names,
    data,
    interval_rules,
    names_axis,
    tips,
    with_mean,
)
from isoglot.reporting.words import name_and_tag, order_of

__all__ = ["distance_counts", "distance_histogram", "interval_dots", "language_dots", "probe_dots"]

ROW_HEIGHT = 19
PROBE_HEIGHT = 22
EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)


def _arm_channels(arms: Sequence[str]) -> dict[str, Any]:
    """Colour and shape by arm; both, so that neither is needed."""
    return {
        "color": by_name(alt.Color, "arm", arms, ARM_COLOURS),
        "shape": by_name(alt.Shape, "arm", arms, SHAPES),
    }


def _told_arm(arms: Sequence[str]) -> list[Any]:
    return [alt.Tooltip("arm:N")] if len(arms) > 1 else []


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
    arms = list(dict.fromkeys(row["arm"] for row in kept))
    languages = [name_and_tag(tag) for tag in order_of(row["tag"] for row in kept)]
    base = data(kept)
    y = alt.Y(
        "language:N",
        sort=languages,
        scale=alt.Scale(domain=languages),
        axis=names_axis(130, grid=True),
    )
    x = alt.X("value:Q", title=axis, axis=alt.Axis(format=number, tickCount=5), scale=alt.Scale(zero=True))
    tooltip = [
        alt.Tooltip("language:N"),
        *_told_arm(arms),
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
    kept = with_mean(rows, ("label", "arm", "mean", "low", "high"))
    arms = list(dict.fromkeys(row["arm"] for row in kept))
    labels = list(dict.fromkeys(row["label"] for row in kept))
    base = data(kept)
    y = alt.Y("label:N", sort=labels, axis=names_axis(150, grid=False))
    offset = alt.YOffset("arm:N", sort=arms, scale=alt.Scale(domain=arms))
    tooltip = [alt.Tooltip("label:N", title="measure"), alt.Tooltip("arm:N"), *tips("mean", "low", "high")]
    channels = _arm_channels(arms)
    x = alt.X("mean:Q", title=axis, axis=alt.Axis(format=number, tickCount=6), scale=alt.Scale(zero=True))
    lines = interval_rules(base, strokeWidth=2).encode(
        x=alt.X("low:Q", title=axis), x2="high:Q", y=y, yOffset=offset, color=channels["color"], tooltip=tooltip
    )
    dots = base.mark_point(filled=True, size=75, opacity=1).encode(
        x=x, y=y, yOffset=offset, tooltip=tooltip, **channels
    )
    height = len(labels) * max(26, ROW_HEIGHT * len(arms) + 8)
    return alt.layer(lines, dots).properties(width=520, height=height, title=title)


def probe_dots(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> Any:
    """Draw one line an arm: the accuracy of a classifier of languages with its interval, and a grey tick at chance.

    Args:
        rows: `arm`, `mean`, `low`, `high`, `chance`, and `adversary`, whether the arm was trained against a
            language classifier.
        title: what is seen.
    """
    names = ("arm", "mean", "low", "high", "chance")
    kinds = {True: "with an adversary", False: "without"}
    kept = [{**{name: row[name] for name in names}, "kind": kinds[bool(row["adversary"])]} for row in rows]
    arms = [row["arm"] for row in kept]
    known = list(kinds.values())
    shown = [kind for kind in known if any(row["kind"] == kind for row in kept)]
    at = [known.index(kind) for kind in shown]
    colour = by_name(alt.Color, "kind", shown, ARM_COLOURS, at, symbolOpacity=1)
    shape = by_name(alt.Shape, "kind", shown, ("diamond", "circle"), at, symbolOpacity=1)
    base = data(kept)
    y = alt.Y("arm:N", sort=arms, axis=names_axis(150, grid=True))
    axis = "accuracy of the language probe"
    tooltip = [alt.Tooltip("arm:N"), *tips(*names[1:], number=".1%")]
    x = alt.X("mean:Q", title=axis, axis=alt.Axis(format=".0%", tickCount=5), scale=alt.Scale(zero=True))
    layers = [
        base.mark_tick(color=REFERENCE, thickness=2.5, size=15).encode(
            x=alt.X("chance:Q", title=axis), y=y, tooltip=tooltip
        ),
        interval_rules(base, strokeWidth=2, opacity=0.6).encode(
            x=alt.X("low:Q", title=axis), x2="high:Q", y=y, color=colour, tooltip=tooltip
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tooltip
        ),
    ]
    return alt.layer(*layers).properties(width=520, height=PROBE_HEIGHT * max(len(arms), 2), title=title)


def distance_counts(distances: ArrayLike) -> list[dict[str, Any]]:
    """Count rank distances in classes that grow like 1, 2, 5, 10, ...

    Args:
        distances: (q,) rank distances ≥ 0; NaN is left out.

    Returns:
        Rows `class` (its text), `order`, `queries` (their number), `share`, from the first class to the last
        that has a query; empty where there is no distance.
    """
    values = np.asarray(distances, dtype=np.float64)
    values = values[~np.isnan(values)]
    if not len(values):
        return []
    top = int(values.max())
    edges = [edge for edge in EDGES if edge <= top]
    edges.append(next((edge for edge in EDGES if edge > top), top + 1))
    counts = np.histogram(values, [*edges[:-1], np.inf])[0]
    rows = []
    for order, (text, number) in enumerate(zip(class_names(edges), counts, strict=True)):
        rows.append(
            {"class": text, "order": order, "queries": int(number), "share": round(float(number) / len(values), 5)}
        )
    first = next(at for at, row in enumerate(rows) if row["queries"])
    return rows[first:]


def distance_histogram(distances: Mapping[str, ArrayLike], *, title: str | None = None) -> Any:
    """Draw the distribution of rank distances over queries, for one or several arms.

    Args:
        distances: arm -> (q,) rank distances, NaN where it does not apply.
        title: by default, what is seen.
    """
    rows = [{"arm": arm, **row} for arm, values in distances.items() for row in distance_counts(values)]
    arms = list(distances)
    classes = [name for _, name in sorted({(row["order"], row["class"]) for row in rows})]
    x = alt.X(
        "class:N",
        sort=classes,
        title="rank distance (places)",
        axis=alt.Axis(labelAngle=-40, domain=True, ticks=False, labelOverlap=False),
        scale=alt.Scale(domain=classes, paddingInner=0.12),
    )
    y = alt.Y("share:Q", title="share of the queries", axis=alt.Axis(format=".0%", tickCount=5, domain=False))
    tooltip = [
        *_told_arm(arms),
        alt.Tooltip("class:N", title="rank distance"),
        alt.Tooltip("share:Q", format=".1%"),
        alt.Tooltip("queries:Q", format=","),
    ]
    chart = (
        data(rows)
        .mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2)
        .encode(x=x, y=y, color=by_name(alt.Color, "arm", arms, ARM_COLOURS), tooltip=tooltip)
    )
    if len(arms) > 1:
        chart = chart.encode(xOffset=alt.XOffset("arm:N", sort=arms))
    return chart.properties(
        width=520, height=240, title=title or "How far apart the languages of an answer are placed"
    )
