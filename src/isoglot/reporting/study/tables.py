"""The tables of a study: arms by what was measured, and languages by arms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.measures import SETTINGS, measure_of, setting_name
from isoglot.reporting.study.values import key_of, main_measure, measured_columns, retrieval_settings, row_of
from isoglot.reporting.study.verdicts import best_by_tests
from isoglot.reporting.tables import Cell, Head, Table, measured
from isoglot.reporting.words import name_of, order_of

__all__ = ["evaluation_tables", "language_table"]

MOST_ARMS = 8
GROUPS = (("retrieval", tuple(SETTINGS)), ("language bias", ("bias",)), ("geometry", ("geometry",)))


def evaluation_tables(result: Mapping[str, Any], evaluation: str) -> list[Table]:
    """Return the tables of one evaluation: retrieval, bias and geometry, as far as there are values."""
    tables = []
    for group, settings in GROUPS:
        if group == "retrieval":
            settings = retrieval_settings(result, evaluation)
        columns = [
            (setting, measure)
            for setting in settings
            for measure in measured_columns(result["arms"], evaluation, setting)
        ]
        if columns:
            tables.append(_table(result, evaluation, group, columns))
    return tables


def _table(result: Mapping[str, Any], evaluation: str, group: str, columns: list[tuple[str, str]]) -> Table:
    heads, cells, marked = [Head("arm")], [], False
    arms = [arm for arm in result["arms"] if (arm.get("estimates") or {}).get(evaluation)]
    for setting, name in columns:
        measure = measure_of(key_of(setting, name))
        rows = {arm["name"]: row_of(arm, evaluation, setting, name) for arm in arms}
        there = {arm for arm, row in rows.items() if row["mean"] is not None}
        best = best_by_tests(result, evaluation, setting, name, there)
        marked = marked or best is not None
        unit = "percentage points" if measure.form == "points" else ""
        heads.append(
            Head(name, setting_name(setting), SETTINGS[setting])
            if setting in SETTINGS
            else Head(measure.label, unit, measure.note)
        )
        cells.append(
            {
                arm: measured(row["mean"], measure, (row["low"], row["high"]), arm == best)
                for arm, row in rows.items()
            }
        )
    body = [[Cell(arm["name"]), *(column[arm["name"]] for column in cells)] for arm in arms]
    note = "Below each value its 95 % interval. Click a column's head to sort."
    if marked:
        note += " A value is marked as best only where decisive tests found its arm better than every other."
    return Table(f"{evaluation}: {group}", heads, body, caption=group.capitalize(), note=note, sortable=True)


def language_table(result: Mapping[str, Any], evaluation: str) -> Table | None:
    """Return languages by arms, of the measure that the comparisons are about; None without values by language.

    Of many arms, those of the decisive comparisons are shown.
    """
    arms = [
        arm for arm in result["arms"] if ((arm.get("estimates") or {}).get(evaluation) or {}).get("by_language")
    ]
    if len(arms) > MOST_ARMS:
        decisive = {one[side] for one in result["decisive"] for side in ("first", "second")}
        arms = [arm for arm in arms if arm["name"] in decisive][:MOST_ARMS] or arms[:MOST_ARMS]
    settings = [one["setting"] for one in result["decisive"] if one["evaluation"] == evaluation]
    order = [setting for setting in [*settings, "multilingual", "monolingual"] if setting != "geometry"]
    tags = order_of(tag for arm in arms for tag in arm["estimates"][evaluation]["by_language"])
    for setting in order:
        name = main_measure(result, evaluation, setting)
        if name is None or not any(
            row_of(arm, evaluation, setting, name, tag)["mean"] is not None for arm in arms for tag in tags
        ):
            continue
        measure = measure_of(key_of(setting, name))
        rows = []
        for tag in tags:
            values = [row_of(arm, evaluation, setting, name, tag) for arm in arms]
            rows.append(
                [
                    Cell(name_of(tag), note="" if name_of(tag) == tag else tag),
                    *(measured(row["mean"], measure, (row["low"], row["high"])) for row in values),
                ]
            )
        heads = [Head("language of the query"), *(Head(arm["name"]) for arm in arms)]
        label = f"{evaluation}: {measure.label} by language"
        return Table(label, heads, rows, note="Below each value its 95 % interval.", sortable=True)
    return None
