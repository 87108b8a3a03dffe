"""Several models side by side: a table and figures."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.reporting.figures import distance_histogram, interval_dots
from isoglot.reporting.inspection import Inspection
from isoglot.reporting.measures import measure_of
from isoglot.reporting.page import figure
from isoglot.reporting.sentences.comparison import value_row
from isoglot.reporting.tables import Cell, Head, Table, clearly_best, measured

__all__ = ["comparison_charts", "side_by_side"]

COMPARED = (
    "monolingual.AP",
    "cross_lingual.AP",
    "multilingual.AP",
    "multilingual.nDCG@10",
    "rank_distance",
    "complete@10",
    "own_language_share@10",
)

MOST_CURVES = 6
WIDEST = 840


def side_by_side(arms: Mapping[str, Inspection]) -> Table:
    """Return the main measures, one row a model, sortable; best values marked where intervals stand clear.

    Nothing is marked where the models were measured on different collections.
    """
    same = len({arm.result.collection for arm in arms.values()}) == 1
    heads, columns = [Head("model")], []
    for key in COMPARED:
        rows = [value_row(arm.result, key) for arm in arms.values()]
        if all(row["mean"] is None for row in rows):
            continue
        measure = measure_of(key)
        best = clearly_best(rows, measure.better) if same else None
        unit = "percentage points" if measure.form == "points" else ""
        heads.append(Head(measure.label, note=unit, title=measure.note))
        columns.append(
            [measured(row["mean"], measure, (row["low"], row["high"]), best == at) for at, row in enumerate(rows)]
        )
    rows_of_cells = [
        [Cell(name, note="" if same else arm.result.collection), *(column[at] for column in columns)]
        for at, (name, arm) in enumerate(arms.items())
    ]
    note = (
        "Below each value its 95 % interval. A value is marked as best only where its interval overlaps no other's."
    )
    return Table("Models side by side", heads, rows_of_cells, note=note if same else "", sortable=True)


def comparison_charts(arms: Mapping[str, Inspection]) -> list[dict[str, Any]]:
    """Return figures of all models together: average precision, and rank distances."""
    rows = [
        {"label": measure_of(key).label, "arm": name, **value_row(arm.result, key)}
        for key in ("monolingual.AP", "cross_lingual.AP", "multilingual.AP")
        for name, arm in arms.items()
    ]
    charts = []
    if any(row["mean"] is not None for row in rows):
        charts.append(
            figure(
                interval_dots(rows, axis="average precision", title="Average precision, by kind of retrieval"),
                "Dots are means, lines 95 % intervals.",
                widest=WIDEST,
            )
        )
    distances = {
        name: arm.result.per_query["rank_distance"]
        for name, arm in arms.items()
        if "rank_distance" in arm.result.per_query
    }
    distances = {name: values for name, values in distances.items() if (values == values).any()}
    if 2 <= len(distances) <= MOST_CURVES:
        charts.append(
            figure(
                distance_histogram(distances),
                "Places between the best- and the worst-placed language of an answer, query by query.",
                widest=WIDEST,
            )
        )
    return charts
