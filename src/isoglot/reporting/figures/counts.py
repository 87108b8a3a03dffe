"""Heat maps of counts: training pairs of language pairs, and texts of each language by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import altair as alt

from isoglot.reporting.figures.matrix import _matrix
from isoglot.reporting.figures.theme import MATRIX_SCHEME
from isoglot.reporting.languages import name_and_tag, order_of

__all__ = ["length_heatmap", "pair_count_heatmap"]

ROW = 17


def pair_count_heatmap(pairs: Mapping[str, Mapping[str, int]], *, title: str | None = None) -> Any:
    """Draw the number of training pairs of every language pair.

    Args:
        pairs: query language -> document language -> number, zeros left out.
        title: by default, what is seen.

    Returns:
        An Altair chart, colours on a logarithmic scale; rows query languages, columns document languages.
    """
    rows, columns = order_of(pairs), order_of(tag for row in pairs.values() for tag in row)
    values = [
        {"query_lang": asked, "doc_lang": answered, "value": count}
        for asked, row in pairs.items()
        for answered, count in row.items()
    ]
    spoken = {tag: name_and_tag(tag) for tag in {*rows, *columns}}
    base = alt.Chart(alt.Data(values=values)).transform_calculate(
        query="names[datum.query_lang]", document="names[datum.doc_lang]"
    )
    largest = max((count for row in pairs.values() for count in row.values()), default=1)
    chart = _matrix(
        base,
        rows,
        columns,
        alt.Scale(scheme=MATRIX_SCHEME, type="log", domain=[1, max(largest, 2)]),
        ".2~s",
        "training pairs",
        "query language",
        [
            alt.Tooltip("query:N", title="question"),
            alt.Tooltip("document:N", title="documents"),
            alt.Tooltip("value:Q", title="training pairs", format=","),
        ],
    )
    return chart.add_params(alt.param(name="names", value=spoken)).properties(
        title=title or "Training pairs of every language pair"
    )


def length_heatmap(edges: Sequence[int], counts: Mapping[str, Sequence[int]], *, title: str = "") -> Any:
    """Draw how long the texts of each language are.

    Args:
        edges: (c + 1,) lengths in characters at which classes begin and end.
        counts: language -> (c,) number of texts of each class.
        title: what is seen.

    Returns:
        An Altair chart, one line a language; colours are shares of its texts.
    """
    classes = [f"{low:,}" if high - low == 1 else f"{low:,}–{high - 1:,}" for low, high in pairwise(edges)]
    used = [at for at in range(len(classes)) if any(row[at] for row in counts.values())]
    shown = classes[used[0] : used[-1] + 1] if used else classes
    values = [
        {
            "language": name_and_tag(tag),
            "class": classes[at],
            "texts": count,
            "share": round(count / max(sum(row), 1), 4),
        }
        for tag, row in counts.items()
        for at, count in enumerate(row)
        if count
    ]
    languages = [name_and_tag(tag) for tag in order_of(counts)]
    return (
        alt.Chart(alt.Data(values=values))
        .mark_rect()
        .encode(
            x=alt.X(
                "class:N",
                sort=shown,
                scale=alt.Scale(domain=shown),
                axis=alt.Axis(title="characters", labelAngle=-40, domain=False, ticks=False, labelOverlap=False),
            ),
            y=alt.Y(
                "language:N",
                sort=languages,
                scale=alt.Scale(domain=languages),
                axis=alt.Axis(title=None, domain=False, ticks=False, labelLimit=150, labelOverlap=False),
            ),
            color=alt.Color(
                "share:Q",
                scale=alt.Scale(scheme=MATRIX_SCHEME, domainMin=0),
                legend=alt.Legend(
                    title="share of the language's texts",
                    format=".0%",
                    orient="bottom",
                    gradientLength=180,
                    gradientThickness=10,
                    tickCount=3,
                ),
            ),
            tooltip=[
                alt.Tooltip("language:N"),
                alt.Tooltip("class:N", title="characters"),
                alt.Tooltip("texts:Q", format=","),
                alt.Tooltip("share:Q", format=".1%"),
            ],
        )
        .properties(width=520, height=ROW * max(len(languages), 2), title=title)
    )
