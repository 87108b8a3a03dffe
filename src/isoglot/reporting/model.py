"""What the page shows of one model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.measures import (
    BIAS,
    COUNTS,
    GEOMETRY,
    SETTINGS,
    Measure,
    format_value,
    interval_text,
    measure_of,
    plural,
    setting_name,
)
from isoglot.reporting.charts import MAPPED, model_charts
from isoglot.reporting.inspection import Inspection
from isoglot.reporting.page import figure
from isoglot.reporting.prose import pool_shares, result_sentences
from isoglot.reporting.result_like import ResultLike, value_row
from isoglot.reporting.tables import Cell, Head, Table, row_cell
from isoglot.reporting.words import name_of, order_of

__all__ = ["model_part"]

BY_LANGUAGE = "mean of each query language, then of these"
BIAS_CHARTS = ("rank_distance", "own_language", "distances")
TILES = ("monolingual.AP", "cross_lingual.AP", "multilingual.AP", "rank_distance", "own_language_share@10")


def model_part(name: str, arm: Inspection, tops: Mapping[str, float]) -> dict[str, Any]:
    """Return everything of one model that `report.html` asks for, but how it was made.

    Args:
        name: what the page calls the model.
        arm: the model.
        tops: measure -> upper end of the colour scale of heat maps.
    """
    result = arm.result
    charts = {
        key: figure(shown.chart, shown.caption, widest=shown.widest)
        for key, shown in model_charts(arm, tops).items()
    }
    return {
        "name": name,
        "tiles": _tiles(result),
        "sentences": result_sentences(result),
        "retrieval": _retrieval(result),
        "heatmap": charts.get("pairs"),
        "bias": _measured_table(result, "bias", BIAS, "Measures of language bias"),
        "bias_charts": [charts[key] for key in BIAS_CHARTS if key in charts],
        "origin": charts.get("origin"),
        "languages": _languages(result),
        "geometry": _measured_table(result, "geometry", GEOMETRY, "Geometry of the question embeddings"),
        "space": charts.get("space"),
        "worst": [
            {**vars(query), "language": name_of(query.lang), "value": format_value(query.value)}
            for query in arm.worst
        ],
    }


def _tiles(result: ResultLike) -> list[dict[str, str]]:
    tiles = []
    for key in TILES:
        row, measure = value_row(result, key), measure_of(key)
        if row["mean"] is not None:
            text = format_value(row["mean"], measure.form) + (" pts" if measure.form == "points" else "")
            note = interval_text(row["low"], row["high"], measure.form)
            tiles.append({"name": measure.label, "text": text, "note": note})
    return tiles


def _retrieval(result: ResultLike) -> Table:
    """Settings × measures."""
    present = [setting for setting in SETTINGS if getattr(result, setting)]
    names = list(
        dict.fromkeys(name for setting in present for name in getattr(result, setting) if name not in COUNTS)
    )
    heads = [Head("measure")]
    for setting in SETTINGS:
        values = getattr(result, setting) or {}
        size = plural(values["pairs"], "pair") if "pairs" in values else ""
        size = plural(values["documents"], "document") if "documents" in values else size
        heads.append(Head(setting_name(setting), size or "not in this collection", SETTINGS[setting]))
    macro = _macro_differs(result, "multilingual", [(name, measure_of(name)) for name in names])
    if macro:
        heads.append(Head("multilingual, macro", "by query language", BY_LANGUAGE))
    rows = []
    for name in names:
        cells = [Cell(name)]
        for setting in SETTINGS:
            cells.append(row_cell(value_row(result, f"{setting}.{name}"), measure_of(name)))
        if macro:
            cells.append(row_cell(value_row(result, f"multilingual.{name}", macro=True), measure_of(name)))
        rows.append(cells)
    intervals = "Below each value its 95 % interval. " if result.intervals else ""
    note = (
        f"{intervals}Monolingual: documents of the question's language. Cross-lingual: documents of one other "
        "language. Both are means over language pairs. Multilingual: all documents of all languages in one pool, "
        "mean over questions" + (f"; macro: {BY_LANGUAGE}." if macro else ".")
    )
    return Table("Retrieval measures by setting", heads, rows, note=note)


def _measured_table(result: ResultLike, setting: str, measures: Any, label: str) -> Table | None:
    """Bias or geometry: one row a measure, and what it says."""
    values = getattr(result, setting) or {}
    shown = [measure for measure in measures if values.get(measure.key) is not None]
    macro = _macro_differs(result, setting, [(measure.key, measure) for measure in shown])
    heads = [Head("measure"), Head("value"), Head("good is")]
    if macro:
        heads.insert(2, Head("macro", "by query language", BY_LANGUAGE))
    rows = []
    for measure in shown:
        key = f"{setting}.{measure.key}"
        note = measure.note + (" (percentage points)" if measure.form == "points" else "")
        aim = {"high": "high", "low": "low", "zero": "0"}.get(measure.better or "", "")
        cells = [
            Cell(measure.label, note=note),
            row_cell(value_row(result, key), measure),
            *([row_cell(value_row(result, key, macro=True), measure)] if macro else []),
            Cell(aim, aim),
        ]
        rows.append(cells)
    return Table(label, heads, rows) if rows else None


def _macro_differs(result: ResultLike, setting: str, named: list[tuple[str, Measure]]) -> bool:
    """Tell whether some average over query languages is, as it is written, another than that over queries."""
    rows = [
        (*(value_row(result, f"{setting}.{name}", macro)["mean"] for macro in (True, False)), measure.form)
        for name, measure in named
    ]
    return any(
        value is not None and format_value(value, form) != format_value(plain, form) for value, plain, form in rows
    )


def _languages(result: ResultLike) -> Table | None:
    """One row a language: asked, answered, and biased how much."""
    tags = order_of([*result.languages, *(row["query_lang"] for row in result.pairs)])
    if len(tags) < 2 or not result.pairs:
        return None
    measure = next((name for name in MAPPED if any(row.get(name) is not None for row in result.pairs)), None)
    if measure is None:
        return None
    bias, shares, pool = (
        result.bias.get("by_query_language") or {},
        result.bias.get("language_share@10") or {},
        pool_shares(result),
    )
    heads = [
        Head("language"),
        Head("questions"),
        Head("monolingual", measure, "question and documents in this language"),
        Head("asking others", measure, "questions in this language, documents in each other language: mean"),
        Head("asked by others", measure, "documents in this language, questions in each other language: mean"),
        Head("rank distance", "places"),
        Head("complete@10"),
        Head("own language", "of the top 10"),
        Head("own language", "of the pool"),
    ]

    def mean(rows: list[dict[str, Any]]) -> float | None:
        values = [row[measure] for row in rows if row.get(measure) is not None]
        return sum(values) / len(values) if values else None

    table = []
    for tag in tags:
        asking = [row for row in result.pairs if row["query_lang"] == tag]
        own = [row for row in asking if row["doc_lang"] == tag]
        others = [row for row in asking if row["doc_lang"] != tag]
        asked = [row for row in result.pairs if row["doc_lang"] == tag and row["query_lang"] != tag]
        questions = max((row.get("queries") or 0 for row in asking), default=0)
        values = bias.get(tag, {})
        top, part = shares.get(tag, {}).get(tag), pool.get(tag)
        table.append(
            [
                Cell(name_of(tag), note=tag if name_of(tag) != tag else ""),
                Cell(f"{questions:,}", questions),
                *(Cell(format_value(mean(rows)), mean(rows)) for rows in (own, others, asked)),
                Cell(format_value(values.get("rank_distance"), "rank"), values.get("rank_distance")),
                Cell(format_value(values.get("complete@10"), "percent"), values.get("complete@10")),
                *(Cell(format_value(share, "percent"), share) for share in (top, part)),
            ]
        )
    used = [at for at in range(len(heads)) if at == 0 or any(row[at].value is not None for row in table)]
    return Table(
        "Language by language",
        [heads[at] for at in used],
        [[row[at] for at in used] for row in table],
        note="Click a column's head to sort.",
        sortable=True,
    )
