"""The tables of a study: arms by what was measured, languages by arms, and published figures beside ours."""

from __future__ import annotations

from dataclasses import replace

from isoglot.measures import SETTINGS, format_value, interval_text, measure_of, setting_name, signed_value
from isoglot.reporting.study.method import Words
from isoglot.reporting.study.result import StudyArm, StudyResult, key_of
from isoglot.reporting.study.verdicts import best_by_tests
from isoglot.reporting.tables import Cell, Head, Table, measured
from isoglot.reporting.words import name_of, order_of

__all__ = ["evaluation_tables", "language_table", "published_table"]

MOST_ARMS = 8
GROUPS = (("retrieval", tuple(SETTINGS)), ("language bias", ("bias",)), ("geometry", ("geometry",)))
HELD = {True: "inside", False: "outside", None: "–"}


def evaluation_tables(result: StudyResult, evaluation: str) -> list[Table]:
    """Return the tables of one evaluation: retrieval, bias and geometry, as far as there are values."""
    tables = []
    for group, settings in GROUPS:
        if group == "retrieval":
            settings = result.retrieval_settings(evaluation)
        columns = [(setting, name) for setting in settings for name in result.measures(evaluation, setting)]
        if columns:
            tables.append(_table(result, evaluation, group, columns))
    return tables


def _cell(arm: StudyArm, evaluation: str, setting: str, name: str, language: str | None = None) -> Cell:
    figure = arm.figure(evaluation, setting, name, language)
    return measured(figure.mean, measure_of(key_of(setting, name)), (figure.low, figure.high))


def _table(result: StudyResult, evaluation: str, group: str, columns: list[tuple[str, str]]) -> Table:
    arms = [arm for arm in result.arms if evaluation in arm.estimates]
    heads, marked = [Head("arm")], False
    rows = [[Cell(arm.name)] for arm in arms]
    for setting, name in columns:
        measure = measure_of(key_of(setting, name))
        if setting in SETTINGS:
            heads.append(Head(name, setting_name(setting), SETTINGS[setting]))
        else:
            heads.append(Head(measure.label, "percentage points" if measure.form == "points" else "", measure.note))
        there = {arm.name for arm in arms if arm.figure(evaluation, setting, name).mean is not None}
        best = best_by_tests(result, evaluation, setting, name, there)
        marked = marked or best is not None
        for arm, row in zip(arms, rows, strict=True):
            cell = _cell(arm, evaluation, setting, name)
            row.append(replace(cell, best=True) if arm.name == best else cell)
    note = "Below each value its 95 % interval. Click a column's head to sort."
    if marked:
        note += " A value is marked as best only where decisive tests found its arm better than every other."
    return Table(f"{evaluation}: {group}", heads, rows, caption=group.capitalize(), note=note, sortable=True)


def language_table(result: StudyResult, evaluation: str) -> Table | None:
    """Return languages by arms, of the measure that the comparisons are about; None without values by language.

    Of many arms, those of the decisive comparisons are shown.
    """
    by_arm = {arm.name: arm.estimates[evaluation].by_language for arm in result.arms if evaluation in arm.estimates}
    arms = [arm for arm in result.arms if by_arm.get(arm.name)]
    if len(arms) > MOST_ARMS:
        decisive = {name for one in result.decisive for name in (one.first, one.second)}
        arms = [arm for arm in arms if arm.name in decisive][:MOST_ARMS] or arms[:MOST_ARMS]
    settings = [one.setting for one in result.decisive if one.evaluation == evaluation]
    tags = order_of(tag for arm in arms for tag in by_arm[arm.name] or ())
    for setting in [*(one for one in settings if one != "geometry"), "multilingual", "monolingual"]:
        name = result.main_measure(evaluation, setting)
        if name is None or not any(
            arm.figure(evaluation, setting, name, tag).mean is not None for arm in arms for tag in tags
        ):
            continue
        rows = [
            [
                Cell(name_of(tag), note="" if name_of(tag) == tag else tag),
                *(_cell(arm, evaluation, setting, name, tag) for arm in arms),
            ]
            for tag in tags
        ]
        heads = [Head("language of the query"), *(Head(arm.name) for arm in arms)]
        label = f"{evaluation}: {measure_of(key_of(setting, name)).label} by language"
        return Table(label, heads, rows, note="Below each value its 95 % interval.", sortable=True)
    return None


def published_table(result: StudyResult) -> Words | None:
    """Return published figures beside ours; None where the study has none."""
    told = result.published
    if told is None or not told.figures:
        return None
    rows = []
    for one in told.figures:
        setting = one.setting.removeprefix("macro_")
        measure = measure_of(key_of(setting, one.measure))
        interval = interval_text(one.low, one.high, measure.form)
        cells = [
            measure.label if setting == "bias" else f"{setting_name(setting)} {one.measure}",
            one.averaged,
            one.arm,
            format_value(one.published, measure.form),
            f"{format_value(one.ours, measure.form)} {interval}".strip(),
            signed_value(one.difference, measure.form),
            HELD[one.within],
        ]
        rows.append((one.evaluation, "", cells))
    heads = ["evaluation", "measure", "averaged", "arm", "published", "ours [95 %]", "difference", "our interval"]
    return Words("Published figures", heads, rows, "Difference: ours minus the published figure.")
