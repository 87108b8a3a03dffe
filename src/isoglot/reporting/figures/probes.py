"""How well a classifier tells the language of an embedding, and what guessing would give."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.theme import ARM_COLOURS, REFERENCE

__all__ = ["probe_dots"]

ROW_HEIGHT = 22


def probe_dots(rows: Sequence[Mapping[str, Any]], *, title: str = "") -> Any:
    """Draw one line an arm: the accuracy with its interval, and a grey tick at chance.

    Args:
        rows: `arm`, `mean`, `low`, `high`, `chance`, and `adversary`, whether the arm was trained against a
            language classifier.
        title: what is seen.
    """
    names = ("arm", "mean", "low", "high", "chance")
    kinds = {True: "with an adversary", False: "without"}
    kept = [{**{name: row[name] for name in names}, "kind": kinds[bool(row["adversary"])]} for row in rows]
    arms = [row["arm"] for row in kept]
    shown = [kind for kind in kinds.values() if any(row["kind"] == kind for row in kept)]
    base = alt.Chart(alt.Data(values=kept))
    y = alt.Y("arm:N", sort=arms, axis=alt.Axis(title=None, domain=False, ticks=False, grid=True, labelLimit=150))
    legend = None if len(shown) == 1 else alt.Legend(title=None, orient="top", symbolOpacity=1)
    colours = dict(zip(kinds.values(), (ARM_COLOURS[0], ARM_COLOURS[1]), strict=True))
    shapes = dict(zip(kinds.values(), ("diamond", "circle"), strict=True))
    colour, shape = (
        channel("kind:N", scale=alt.Scale(domain=shown, range=[choice[kind] for kind in shown]), legend=legend)
        for channel, choice in ((alt.Color, colours), (alt.Shape, shapes))
    )
    axis = "accuracy of the language probe"
    tooltip = [alt.Tooltip("arm:N"), *(alt.Tooltip(f"{name}:Q", format=".1%") for name in names[1:])]
    x = alt.X("mean:Q", title=axis, axis=alt.Axis(format=".0%", tickCount=5), scale=alt.Scale(zero=True))
    layers = [
        base.mark_tick(color=REFERENCE, thickness=2.5, size=15).encode(
            x=alt.X("chance:Q", title=axis), y=y, tooltip=tooltip
        ),
        base.transform_filter("isValid(datum.low) && isValid(datum.high)")
        .mark_rule(strokeWidth=2, opacity=0.6)
        .encode(x=alt.X("low:Q", title=axis), x2="high:Q", y=y, color=colour, tooltip=tooltip),
        base.mark_point(filled=True, size=70, opacity=1).encode(
            x=x, y=y, color=colour, shape=shape, tooltip=tooltip
        ),
    ]
    return alt.layer(*layers).properties(width=520, height=ROW_HEIGHT * max(len(arms), 2), title=title)
