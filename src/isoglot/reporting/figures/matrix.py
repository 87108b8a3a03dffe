"""Heat maps: query language by document language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.theme import MATRIX_SCHEME
from isoglot.reporting.languages import name_and_tag, order_of

__all__ = ["POOL", "pair_heatmap", "share_heatmap"]

POOL = "pool"
"""The extra row of `share_heatmap`: what a ranking that is blind to language would show."""

MOST_LABELLED = 12
"""Languages up to which values are written into the cells."""

BLACK_OR_WHITE = "luminance(scale('color', datum.value)) > 0.3 ? '#111' : '#fff'"


def _cell_size(columns: int) -> int:
    return max(11, min(38, 560 // max(columns, 1)))


def _matrix(
    base: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    scale: Any,
    number: str,
    legend: str | None,
    row_title: str,
    tooltip: Sequence[Any],
) -> Any:
    """Draw cells, with values written into them where there is room."""
    few = max(len(rows), len(columns)) <= MOST_LABELLED
    x = alt.X(
        "doc_lang:N",
        sort=list(columns),
        scale=alt.Scale(domain=list(columns)),
        axis=alt.Axis(
            orient="top",
            title="document language",
            labelAngle=0 if few else -90,
            labelFontSize=11 if few else 9,
            domain=False,
            ticks=False,
            labelOverlap=False,
        ),
    )
    y = alt.Y(
        "query_lang:N",
        sort=list(rows),
        scale=alt.Scale(domain=list(rows)),
        axis=alt.Axis(
            title=row_title,
            domain=False,
            ticks=False,
            labelFontSize=11 if few else 9,
            labelOverlap=False,
        ),
    )
    cells = base.mark_rect().encode(
        x=x,
        y=y,
        color=alt.Color(
            "value:Q",
            scale=scale,
            legend=alt.Legend(
                title=legend,
                format=number.replace("2f", "2~f"),
                orient="bottom",
                gradientLength=180,
                gradientThickness=10,
                tickCount=3,
            ),
        ),
        tooltip=list(tooltip),
    )
    size = alt.Step(_cell_size(len(columns)))
    if few:
        figures = base.mark_text(fontSize=10, color={"expr": BLACK_OR_WHITE}).encode(
            x=x, y=y, text=alt.Text("value:Q", format=number), tooltip=list(tooltip)
        )
        return alt.layer(cells, figures).properties(width=size, height=size)
    return cells.properties(width=size, height=size)


def pair_heatmap(
    pairs: Sequence[Mapping[str, Any]],
    measures: str | Sequence[str] = "AP",
    *,
    tops: Mapping[str, float] | None = None,
    title: str | None = None,
) -> Any:
    """Draw a measure of every language pair.

    Args:
        pairs: rows as in the result file: `query_lang`, `doc_lang`, `queries` and measures.
        measures: the measure, or several, of which the reader of an HTML page selects one.
        tops: measure -> upper end of its colour scale, to give several figures the same; by default the
            largest value. The lower end is 0.
        title: by default, what is seen.

    Returns:
        An Altair chart, rows query languages, columns document languages, sorted by tag.
    """
    names = [measures] if isinstance(measures, str) else list(measures)
    rows = order_of(row["query_lang"] for row in pairs)
    columns = order_of(row["doc_lang"] for row in pairs)
    highest = {
        name: (tops or {}).get(name) or max((row[name] for row in pairs if row.get(name) is not None), default=1)
        for name in names
    }
    values = [
        {
            "query_lang": row["query_lang"],
            "doc_lang": row["doc_lang"],
            "queries": row.get("queries"),
            **{name: None if row.get(name) is None else round(row[name], 4) for name in names},
        }
        for row in pairs
    ]
    spoken = {tag: name_and_tag(tag) for tag in {*rows, *columns}}
    choice = {} if len(names) == 1 else {"bind": alt.binding_select(options=names, name="measure ")}
    chosen = alt.param(name="measure", value=names[0], **choice)
    tongue = alt.param(name="names", value=spoken)
    ends = alt.param(name="tops", value={name: value or 1 for name, value in highest.items()})
    base = (
        alt.Chart(alt.Data(values=values))
        .transform_calculate(
            value="datum[measure]", query="names[datum.query_lang]", document="names[datum.doc_lang]"
        )
        .transform_filter("isValid(datum.value)")
    )
    chart = _matrix(
        base,
        rows,
        columns,
        alt.Scale(scheme=MATRIX_SCHEME, domainMin=0, domainMax={"expr": "tops[measure]"}),
        ".2f",
        names[0] if len(names) == 1 else None,
        "query language",
        [
            alt.Tooltip("query:N", title="question"),
            alt.Tooltip("document:N", title="documents"),
            alt.Tooltip("value:Q", title=names[0] if len(names) == 1 else "value", format=".3f"),
            alt.Tooltip("queries:Q", title="queries", format=","),
        ],
    )
    shown = title or f"{names[0] if len(names) == 1 else 'Retrieval'} of every language pair"
    return chart.add_params(chosen, tongue, ends).properties(title=shown)


def share_heatmap(
    shares: Mapping[str, Mapping[str, float]],
    pool: Mapping[str, float | None] | None = None,
    *,
    k: int = 10,
    title: str | None = None,
) -> Any:
    """Draw of what language the top k of every query language are.

    Args:
        shares: {query language: {document language: share of the top k}}, `language_share@k` of a result.
        pool: document language -> its share of the pool, drawn as a last row; None or missing where unknown.
        k: the cut-off, for the title.
        title: by default, what is seen.

    Returns:
        An Altair chart; every row adds up to 1.
    """
    rows = order_of(shares)
    columns = order_of(tag for row in shares.values() for tag in row)
    values = [
        {"query_lang": asked, "doc_lang": found, "value": round(share, 4)}
        for asked, row in shares.items()
        for found, share in row.items()
    ]
    known = {tag: share for tag, share in (pool or {}).items() if share is not None and tag in columns}
    spoken = {tag: name_and_tag(tag) for tag in {*rows, *columns}} | {POOL: "share of the whole pool"}
    if known:
        values += [{"query_lang": POOL, "doc_lang": tag, "value": round(share, 4)} for tag, share in known.items()]
        rows = [*rows, POOL]
    base = alt.Chart(alt.Data(values=values)).transform_calculate(
        query="names[datum.query_lang]", document="names[datum.doc_lang]"
    )
    chart = _matrix(
        base,
        rows,
        columns,
        alt.Scale(scheme=MATRIX_SCHEME, domainMin=0),
        ".0%",
        f"share of the top {k}",
        "query language",
        [
            alt.Tooltip("query:N", title="question"),
            alt.Tooltip("document:N", title="documents"),
            alt.Tooltip("value:Q", title="share", format=".1%"),
        ],
    )
    return chart.add_params(alt.param(name="names", value=spoken)).properties(
        title=title or f"Languages of the top {k}, by language of the question"
    )
