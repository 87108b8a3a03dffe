"""Heat maps: query language by document language, and texts of each language by length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from isoglot.reporting.figures.style import MATRIX_SCHEME, class_names, data, gradient, names_axis
from isoglot.reporting.words import name_and_tag, order_of

__all__ = ["POOL", "difference_heatmap", "length_heatmap", "pair_count_heatmap", "pair_heatmap", "share_heatmap"]

POOL = "pool"
"""The extra row of `share_heatmap`: what a ranking that is blind to language would show."""

MOST_LABELLED = 12
"""Languages up to which values are written into the cells."""
DIGIT = 6  # pixels of a digit in a cell

BLACK_OR_WHITE = "luminance(scale('color', datum.value)) > 0.3 ? '#111' : '#fff'"


ROW = 17
"""Pixels of a line of `length_heatmap`."""


def _cell_size(columns: int) -> int:
    return max(11, min(38, 560 // max(columns, 1)))


def _matrix(
    values: Sequence[Mapping[str, Any]],
    rows: Sequence[str],
    columns: Sequence[str],
    scale: Any,
    number: str,
    legend: str | None,
    told: Sequence[Any],
    names: Mapping[str, str] | None = None,
    measured: bool = False,
) -> Any:
    """Draw cells, with values written into them where there is room.

    Args:
        values: `query_lang`, `doc_lang` and `value`, or, if `measured`, the measures that a parameter chooses from.
        rows: query languages, from top to bottom.
        columns: document languages.
        scale: of colours.
        number: how values are written (d3-format).
        legend: what they are.
        told: of a cell under the pointer, after its languages.
        names: what rows and columns are called, where these are no languages.
        measured: whether values are those of the parameter `measure`.
    """
    few = max(len(rows), len(columns)) <= MOST_LABELLED
    base = data(values).transform_calculate(
        **({"value": "datum[measure]"} if measured else {}),
        query="names[datum.query_lang]",
        document="names[datum.doc_lang]",
    )
    if measured:
        base = base.transform_filter("isValid(datum.value)")
    plain = {"domain": False, "ticks": False, "labelFontSize": 11 if few else 9, "labelOverlap": False}
    x = alt.X(
        "doc_lang:N",
        sort=list(columns),
        scale=alt.Scale(domain=list(columns)),
        axis=alt.Axis(orient="top", title="document language", labelAngle=0 if few else -90, **plain),
    )
    y = alt.Y(
        "query_lang:N",
        sort=list(rows),
        scale=alt.Scale(domain=list(rows)),
        axis=alt.Axis(title="query language", **plain),
    )
    tooltip = [alt.Tooltip("query:N", title="question"), alt.Tooltip("document:N", title="documents"), *told]
    colour = alt.Color("value:Q", scale=scale, legend=gradient(legend, number.replace("2f", "2~f")))
    chart = base.mark_rect().encode(x=x, y=y, color=colour, tooltip=tooltip)
    if few:
        figures = base.mark_text(fontSize=10, color={"expr": BLACK_OR_WHITE}).encode(
            x=x, y=y, text=alt.Text("value:Q", format=number), tooltip=tooltip
        )
        chart = alt.layer(chart, figures)
    size = alt.Step(_cell_size(len(columns)))
    spoken = {tag: name_and_tag(tag) for tag in {*rows, *columns}} | dict(names or {})
    return chart.add_params(alt.param(name="names", value=spoken)).properties(width=size, height=size)


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
    only = names[0] if len(names) == 1 else None
    choice = {} if only else {"bind": alt.binding_select(options=names, name="measure ")}
    chart = _matrix(
        values,
        rows,
        columns,
        alt.Scale(scheme=MATRIX_SCHEME, domainMin=0, domainMax={"expr": "tops[measure]"}),
        ".2f",
        only,
        [
            alt.Tooltip("value:Q", title=only or "value", format=".3f"),
            alt.Tooltip("queries:Q", title="queries", format=","),
        ],
        measured=True,
    )
    ends = alt.param(name="tops", value={name: value or 1 for name, value in highest.items()})
    return chart.add_params(alt.param(name="measure", value=names[0], **choice), ends).properties(
        title=title or f"{only or 'Retrieval'} of every language pair"
    )


def difference_heatmap(
    first: Sequence[Mapping[str, Any]], second: Sequence[Mapping[str, Any]], measure: str = "AP"
) -> Any:
    """Draw by how much a measure of one model is above that of another, in every language pair of both.

    Args:
        first: rows of the model compared with, as for `pair_heatmap`.
        second: rows of the other.
        measure: what is compared.

    Returns:
        An Altair chart, blue where the second is higher and red where it is lower; None where no pair is in both.
    """
    base = {(row["query_lang"], row["doc_lang"]): row.get(measure) for row in first}
    values = [
        {"query_lang": pair[0], "doc_lang": pair[1], "value": round(row[measure] - base[pair], 4)}
        for row in second
        if base.get(pair := (row["query_lang"], row["doc_lang"])) is not None and row.get(measure) is not None
    ]
    if not values:
        return None
    largest = max(abs(cell["value"]) for cell in values) or 1
    return _matrix(
        values,
        order_of(cell["query_lang"] for cell in values),
        order_of(cell["doc_lang"] for cell in values),
        alt.Scale(scheme="redblue", domain=[-largest, largest]),
        "+.2f",
        f"difference in {measure}",
        [alt.Tooltip("value:Q", title="difference", format="+.3f")],
    )


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
    if known:
        values += [{"query_lang": POOL, "doc_lang": tag, "value": round(share, 4)} for tag, share in known.items()]
        rows = [*rows, POOL]
    return _matrix(
        values,
        rows,
        columns,
        alt.Scale(scheme=MATRIX_SCHEME, domainMin=0),
        ".0%",
        f"share of the top {k}",
        [alt.Tooltip("value:Q", title="share", format=".1%")],
        {POOL: "share of the whole pool"},
    ).properties(title=title or f"Languages of the top {k}, by language of the question")


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
    largest = max((count for row in pairs.values() for count in row.values()), default=1)
    chart = _matrix(
        values,
        rows,
        columns,
        alt.Scale(scheme=MATRIX_SCHEME, type="log", domain=[1, max(largest, 2)]),
        ",",
        "training pairs",
        [alt.Tooltip("value:Q", title="training pairs", format=",")],
    )
    if max(len(rows), len(columns)) <= MOST_LABELLED:
        chart = chart.properties(width=alt.Step(max(_cell_size(len(columns)), DIGIT * len(f"{largest:,}"))))
    return chart.properties(title=title or "Training pairs of every language pair")


def length_heatmap(edges: Sequence[int], counts: Mapping[str, Sequence[int]], *, title: str = "") -> Any:
    """Draw how long the texts of each language are.

    Args:
        edges: (c + 1,) lengths in characters at which classes begin and end.
        counts: language -> (c,) number of texts of each class.
        title: what is seen.

    Returns:
        An Altair chart, one line a language; colours are shares of its texts.
    """
    classes = class_names(edges)
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
    x = alt.X(
        "class:N",
        sort=shown,
        scale=alt.Scale(domain=shown),
        axis=alt.Axis(title="characters", labelAngle=-40, domain=False, ticks=False, labelOverlap=False),
    )
    y = alt.Y(
        "language:N",
        sort=languages,
        scale=alt.Scale(domain=languages),
        axis=names_axis(150, labelOverlap=False),
    )
    colour = alt.Color(
        "share:Q",
        scale=alt.Scale(scheme=MATRIX_SCHEME, domainMin=0),
        legend=gradient("share of the language's texts", ".0%"),
    )
    tooltip = [
        alt.Tooltip("language:N"),
        alt.Tooltip("class:N", title="characters"),
        alt.Tooltip("texts:Q", format=","),
        alt.Tooltip("share:Q", format=".1%"),
    ]
    return (
        data(values)
        .mark_rect()
        .encode(x=x, y=y, color=colour, tooltip=tooltip)
        .properties(width=520, height=ROW * max(len(languages), 2), title=title)
    )
