"""Points: arms by two measures, languages by what an arm gains in them, and questions in the embedding space."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from isoglot.reporting.figures.labels import NARROW, label_layers, note_places
from isoglot.reporting.figures.style import (
    ARM_COLOURS,
    LANGUAGE_COLOURS,
    REFERENCE,
    data,
    interval_rules,
    padded,
    score_format,
)
from isoglot.reporting.words import name_and_tag, order_of

__all__ = ["language_gains", "not_beaten", "pareto_front", "space_scatter"]

FRONT_HEIGHT = 300
GAINS_HEIGHT = 270
PARTS = ("mean", "low", "high")
MOST_POINTS = 1500
EVERY = "all languages"


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
    sides = [[row[f"{side}_{part}"] for row in kept for part in PARTS] for side in "xy"]
    domains = [padded([value for value in values if value is not None]) for values in sides]
    for row, front in zip(kept, best, strict=True):
        row["front"] = front
    kept.sort(key=lambda row: (row["arm"] not in first, not row["front"]))
    _label(kept, domains, signs)
    base = data(kept)
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
    thin = {"strokeWidth": 1.5, "opacity": 0.4}
    layers = [
        base.transform_filter("datum.front")
        .mark_line(color=ARM_COLOURS[1], strokeWidth=1.5, opacity=0.5)
        .encode(x=x, y=y, order=alt.Order("x_mean:Q")),
        interval_rules(base, "x_low", "x_high", **thin).encode(
            x=alt.X("x_low:Q", title=axes[0]), x2="x_high:Q", y=y, color=colour
        ),
        interval_rules(base, "y_low", "y_high", **thin).encode(
            x=x, y=alt.Y("y_low:Q", title=axes[1]), y2="y_high:Q", color=colour
        ),
        base.mark_point(filled=True, size=70, opacity=1).encode(x=x, y=y, color=colour, tooltip=tooltip),
    ]
    layers += label_layers(base, kept, "arm", x=x, y=y, tooltip=tooltip)
    return alt.layer(*layers).properties(width=520, height=FRONT_HEIGHT, title=title)


def _label(rows: Sequence[dict[str, Any]], domains: Sequence[Sequence[float]], signs: tuple[float, float]) -> None:
    """Say of each row where its name stands; None for nowhere."""

    def pixel(row: Mapping[str, Any], at: int, side: str, size: float) -> float:
        low, high = domains[at]
        share = (row[f"{side}_mean"] - low) / (high - low)
        return size * (share if (signs[at] > 0) == (side == "x") else 1 - share)

    points = [(pixel(row, 0, "x", NARROW), pixel(row, 1, "y", FRONT_HEIGHT)) for row in rows]
    note_places(rows, points, "arm", NARROW, FRONT_HEIGHT)


def language_gains(rows: Sequence[Mapping[str, Any]], *, axis: str, number: str = "+.2f", title: str = "") -> Any:
    """Draw one point a language.

    Args:
        rows: `lang`, `size` (training queries, 0 or more), `gain`, and `low` and `high`, the ends of the line
            through the point.
        axis: what the gain is of.
        number: how gains are written (d3-format).
        title: what is seen.

    Returns:
        An Altair chart; sizes are on a logarithmic scale, on which 0 has a place.
    """
    kept = [
        {
            "language": name_and_tag(row["lang"]),
            **{key: row[key] for key in ("lang", "size", "gain", "low", "high")},
        }
        for row in rows
    ]
    top = max(row["size"] for row in kept)
    none = any(row["size"] == 0 for row in kept)
    least = min((row["size"] for row in kept if row["size"]), default=1)
    for row in kept:  # what is 0 stands a step left of the least size
        row["at"] = log10(row["size"] or max(least / 10, 0.1))
    domain = padded([0.0, *(row[key] for row in kept for key in ("gain", "low", "high"))])
    left, right = min(row["at"] for row in kept) - 0.12, max(row["at"] for row in kept) + 0.12
    across, down = NARROW / (right - left), GAINS_HEIGHT / (domain[1] - domain[0])
    points = [(across * (row["at"] - left), down * (domain[1] - row["gain"])) for row in kept]
    note_places(kept, points, "lang", NARROW, GAINS_HEIGHT)
    powers = [power for power in range(8) if left <= power <= log10(max(top, 1)) + 0.13]
    ticks = [*([min(row["at"] for row in kept)] if none else []), *powers]
    label = "format(pow(10, datum.value), ',.0f')"
    if none:
        label = f"datum.value === {ticks[0]!r} ? '0' : {label}"
    x = alt.X(
        "at:Q",
        title="training queries in the language",
        axis=alt.Axis(values=sorted(set(ticks)), labelExpr=label, grid=False),
        scale=alt.Scale(domain=[left, right], nice=False),
    )
    y = alt.Y(
        "gain:Q", title=axis, axis=alt.Axis(format=number, tickCount=5), scale=alt.Scale(domain=domain, nice=False)
    )
    tooltip = [
        alt.Tooltip("language:N"),
        alt.Tooltip("size:Q", title="training queries", format=","),
        alt.Tooltip("gain:Q", format="+.3f"),
    ]
    base = data(kept)
    layers = [
        base.mark_rule(color=ARM_COLOURS[1], strokeWidth=1.5, opacity=0.5).encode(
            x=x, y=alt.Y("low:Q", title=axis), y2="high:Q"
        ),
        base.mark_point(filled=True, size=65, opacity=1, color=ARM_COLOURS[1]).encode(x=x, y=y, tooltip=tooltip),
        data([{"gain": 0.0}]).mark_rule(color=REFERENCE).encode(y=y),
    ]
    layers += label_layers(base, kept, "lang", x=x, y=y, tooltip=tooltip)
    return alt.layer(*layers).properties(width=520, height=GAINS_HEIGHT, title=title)


def space_scatter(
    points: NDArray[np.floating[Any]],
    languages: Sequence[str],
    texts: Sequence[str] | None = None,
    *,
    title: str | None = None,
) -> Any:
    """Draw embeddings in two dimensions, coloured by language, each language's tag at its centre.

    Args:
        points: (n, 2) positions, of which at most `MOST_POINTS`, drawn with a fixed seed, are shown.
        languages: (n,) tags.
        texts: (n,) what is shown for a point under the pointer.
        title: by default, what is seen.

    Returns:
        An Altair chart; in an HTML page a language can be selected.
    """
    tags = order_of(languages)
    kept = np.arange(len(points))
    if len(kept) > MOST_POINTS:
        kept = np.sort(np.random.default_rng(0).choice(kept, MOST_POINTS, replace=False))
    spoken = {tag: name_and_tag(tag) for tag in tags}
    rows = [
        {
            "x": round(float(points[at, 0]), 4),
            "y": round(float(points[at, 1]), 4),
            "lang": languages[at],
            **({"text": str(texts[at])[:160]} if texts is not None else {}),
        }
        for at in map(int, kept)
    ]
    labels = np.asarray(languages, dtype=object)
    centres = [
        {"lang": tag, **dict(zip("xy", map(float, points[labels == tag].mean(axis=0)), strict=True))}
        for tag in tags
    ]
    colours = [LANGUAGE_COLOURS[at % len(LANGUAGE_COLOURS)] for at in range(len(tags))]
    colour = alt.Color("lang:N", scale=alt.Scale(domain=tags, range=colours), legend=None)
    plain = alt.Axis(labels=False, ticks=False, domain=False, grid=False, title=None)
    place = {"x": alt.X("x:Q", axis=plain), "y": alt.Y("y:Q", axis=plain)}
    options = [EVERY, *tags]
    chosen = alt.param(
        name="shown",
        value=EVERY,
        bind=alt.binding_select(options=options, labels=[EVERY, *(spoken[tag] for tag in tags)], name="show "),
    )
    tongue = alt.param(name="names", value=spoken)
    visible = f"shown === '{EVERY}' || shown === datum.lang"
    tooltip = [alt.Tooltip("name:N", title="language"), *([alt.Tooltip("text:N")] if texts is not None else [])]
    dots = (
        data(rows)
        .transform_calculate(name="names[datum.lang]")
        .mark_circle(size=26)
        .encode(
            **place,
            color=colour,
            opacity=alt.condition(visible, alt.value(0.6), alt.value(0.06)),
            tooltip=tooltip,
        )
    )
    marks = (
        data(centres)
        .mark_text(fontSize=13, fontWeight="bold", limit=90, clip=True)  # what reaches out would narrow the plot
        .encode(**place, text="lang:N", opacity=alt.condition(visible, alt.value(1), alt.value(0.1)))
    )
    return (
        alt.layer(dots, marks)
        .add_params(chosen, tongue)
        .properties(width=520, height=420, title=title or "Questions in the embedding space, by language")
    )
