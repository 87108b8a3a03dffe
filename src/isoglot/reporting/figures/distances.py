"""How rank distances are distributed over queries."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import ArrayLike

from isoglot.reporting.figures.theme import ARM_COLOURS

__all__ = ["distance_counts", "distance_histogram"]

EDGES = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000)


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
    for order, ((low, high), number) in enumerate(zip(pairwise(edges), counts, strict=True)):
        text = f"{low:,}" if high - low == 1 else f"{low:,}–{high - 1:,}"
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
    colours = [ARM_COLOURS[at % len(ARM_COLOURS)] for at in range(len(arms))]
    legend = None if len(arms) == 1 else alt.Legend(title=None, orient="top")
    chart = (
        alt.Chart(alt.Data(values=rows))
        .mark_bar(cornerRadiusTopLeft=2, cornerRadiusTopRight=2)
        .encode(
            x=alt.X(
                "class:N",
                sort=classes,
                title="rank distance (places)",
                axis=alt.Axis(labelAngle=-40, domain=True, ticks=False, labelOverlap=False),
                scale=alt.Scale(domain=classes, paddingInner=0.12),
            ),
            y=alt.Y(
                "share:Q", title="share of the queries", axis=alt.Axis(format=".0%", tickCount=5, domain=False)
            ),
            color=alt.Color("arm:N", sort=arms, scale=alt.Scale(domain=arms, range=colours), legend=legend),
            tooltip=[
                *([alt.Tooltip("arm:N")] if len(arms) > 1 else []),
                alt.Tooltip("class:N", title="rank distance"),
                alt.Tooltip("share:Q", format=".1%"),
                alt.Tooltip("queries:Q", format=","),
            ],
        )
    )
    if len(arms) > 1:
        chart = chart.encode(xOffset=alt.XOffset("arm:N", sort=arms))
    return chart.properties(
        width=520, height=240, title=title or "How far apart the languages of an answer are placed"
    )
