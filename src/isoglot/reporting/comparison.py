"""Several models side by side."""

from __future__ import annotations

from collections.abc import Mapping

from isoglot.measures import measure_of
from isoglot.reporting.inspection import Inspection
from isoglot.reporting.sentences.comparison import value_row
from isoglot.reporting.tables import Cell, Head, Table, clearly_best, measured

__all__ = ["side_by_side"]

COMPARED = (
    "monolingual.AP",
    "cross_lingual.AP",
    "multilingual.AP",
    "multilingual.nDCG@10",
    "rank_distance",
    "complete@10",
    "own_language_share@10",
)


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
