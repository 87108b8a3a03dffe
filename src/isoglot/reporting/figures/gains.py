"""What an arm gains over another in each language, against how much of the language was trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10
from typing import Any

import altair as alt

from isoglot.reporting.figures.labels import label_layers, note_places
from isoglot.reporting.figures.theme import ARM_COLOURS, REFERENCE
from isoglot.reporting.languages import name_and_tag

__all__ = ["language_gains"]

HEIGHT = 270
NARROW = 270


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
    ends = [row[key] for row in kept for key in ("gain", "low", "high")] + [0.0]
    room = (max(ends) - min(ends)) * 0.08 or 0.1
    domain = [min(ends) - room, max(ends) + room]
    left, right = min(row["at"] for row in kept) - 0.12, max(row["at"] for row in kept) + 0.12
    points = [
        (NARROW * (row["at"] - left) / (right - left), HEIGHT * (domain[1] - row["gain"]) / (domain[1] - domain[0]))
        for row in kept
    ]
    note_places(kept, points, "lang", NARROW, HEIGHT)
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
    base = alt.Chart(alt.Data(values=kept))
    layers = [
        base.mark_rule(color=ARM_COLOURS[1], strokeWidth=1.5, opacity=0.5).encode(
            x=x, y=alt.Y("low:Q", title=axis), y2="high:Q"
        ),
        base.mark_point(filled=True, size=65, opacity=1, color=ARM_COLOURS[1]).encode(x=x, y=y, tooltip=tooltip),
        alt.Chart(alt.Data(values=[{"gain": 0.0}])).mark_rule(color=REFERENCE).encode(y=y),
    ]
    layers += label_layers(base, kept, "lang", x=x, y=y, tooltip=tooltip)
    return alt.layer(*layers).properties(width=520, height=HEIGHT, title=title)
