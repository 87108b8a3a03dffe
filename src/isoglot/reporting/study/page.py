"""`write_study_page`, `write_study_figures`: a study as one self-contained HTML page, and its figures as files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from isoglot.errors import InputError
from isoglot.measures import SETTINGS, format_value, interval_text, measure_of, plural, setting_name, signed_value
from isoglot.reporting.figures.style import FORMATS, save_figures
from isoglot.reporting.page import Fact, figure, making, render_page, write_page
from isoglot.reporting.study.charts import study_figures
from isoglot.reporting.study.method import (
    Words,
    arms_table,
    cautions_of,
    claims_of,
    common_settings,
    data_table,
    failures_of,
    tuning_of,
)
from isoglot.reporting.study.result import Comparability, Evaluated, StudyArm, StudyResult, key_of
from isoglot.reporting.study.verdicts import SHARED, best_by_tests, columns_of, verdict_card
from isoglot.reporting.tables import Cell, Head, Table, measured
from isoglot.reporting.words import name_of, order_of

__all__ = ["evaluation_tables", "write_study_figures", "write_study_page"]

HELD = {True: ("held", "good"), False: ("did not hold", "bad"), None: ("cannot be said", "plain")}
ALIKE = {True: ("yes", "plain"), False: ("no", "plain"), None: ("cannot be said", "plain")}
MOST_ARMS = 8
GROUPS = (("retrieval", tuple(SETTINGS)), ("language bias", ("bias",)), ("geometry", ("geometry",)))
INSIDE = {True: "inside", False: "outside", None: "–"}


def write_study_page(
    result: StudyResult | Mapping[str, Any], path: str | Path, *, command: str | None = None
) -> Path:
    """Write what a study asked and found as one self-contained HTML file.

    The answer comes first, with every decisive comparison; then all figures and numbers, how they were
    made, and what the study cannot show. Figures and parts that the result has nothing for are left out.

    Args:
        result: of the study, or the content of its `study.json`.
        path: of the file.
        command: by which it was run; if not given, what the result says.

    Returns:
        The path.

    Raises:
        InputError: it is not the result of a study, or the file cannot be written.
    """
    study = StudyResult.read(result)
    profile = study.profile
    sentences = {one.sentence for one in study.decisive}
    context = {
        "title": f"isoglot study: {study.study}",
        "kicker": f"isoglot study {study.study}, {profile} profile" if profile else "isoglot study",
        "headline": f"{study.title[:1].upper()}{study.title[1:]}",
        "lead": _lead(study),
        "study": study,
        "answer": [sentence for sentence in study.answer if sentence not in sentences],
        "cautions": cautions_of(study),
        "cards": [verdict_card(one) for one in study.decisive],
        "arms": arms_table(study),
        "common": common_settings(study.arms),
        "comparable": _comparable(study.comparable),
        "tuning": tuning_of(study),
        "data": data_table(study),
        "claims": claims_of(study),
        "evaluations": [_evaluation(study, one) for one in study.evaluations],
        "figures": [
            {
                "title": part.title,
                "text": part.text,
                "charts": [
                    figure(shown.chart, shown.caption, widest=shown.widest) for shown in part.charts.values()
                ],
            }
            for part in study_figures(study)
        ],
        "published": published_table(study),
        "failures": failures_of(study),
        "facts": _facts(study, command),
    }
    return write_page(path, render_page("study.html", context))


def write_study_figures(
    result: StudyResult | Mapping[str, Any], folder: str | Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the figures of a study as files, such as `ratio-test-monolingual-AP.svg`.

    Args:
        result: of the study, or the content of its `study.json`.
        folder: where; made if it is missing.
        formats: `svg`, `png` (twice the nominal size).

    Returns:
        The files written; none where the result has nothing to draw.

    Raises:
        InputError: it is not the result of a study, a format is unknown, or a file cannot be written.
    """
    charts: dict[str, Any] = {}
    for part in study_figures(StudyResult.read(result)):
        for name, shown in part.charts.items():
            stem = re.sub(r"[^\w.()@+-]+", "_", name).strip("._")
            if stem in charts:
                raise InputError(f"two figures would be written as {stem}: give arms and evaluations other names")
            charts[stem] = shown.chart
    return save_figures(charts, folder, formats)


def _comparable(found: Comparability | None) -> dict[str, Any] | None:
    """Return whether trained arms had the same: a question, a badge and its colour, a sentence."""
    if found is None:
        return None
    question = "Comparable as stated?" if found.stated else f"The same {SHARED[found.same]} for all?"
    badge, kind = (HELD if found.stated else ALIKE)[found.holds]
    return {"question": question, "badge": badge, "kind": kind, "sentence": found.sentence}


def _seeds(study: StudyResult) -> list[int]:
    return sorted({seed for arm in study.arms for seed in arm.seeds})


def _lead(study: StudyResult) -> str:
    parts = [plural(len(study.arms), "arm"), plural(len(_seeds(study)), "seed")]
    parts.append(plural(len(study.evaluations), "evaluation"))
    if study.decisive:
        parts.append(plural(len(study.decisive), "decisive comparison"))
    return " · ".join(parts)


def _evaluation(study: StudyResult, one: Evaluated) -> dict[str, Any]:
    """Return an evaluation's tables, and what it is: a claim of zero-shot that was struck is shown as such."""
    text = (
        f"{one.collection}: {plural(one.queries, 'query')}, "
        f"{plural(one.documents, 'document')}, "
        f"{plural(len(one.languages), 'language')}."
    )
    return {
        "name": one.name,
        "text": text + (f" It stands in for {one.stands_for}." if one.stands_for else ""),
        "claim": next((claim for claim in study.zero_shot if claim.evaluation == one.name), None),
        "tables": evaluation_tables(study, one.name),
        "languages": language_table(study, one.name),
    }


def _facts(study: StudyResult, command: str | None) -> list[Fact]:
    """Collect how the result can be made again, and cited."""
    profile = f" --profile {study.profile}" if study.profile else ""
    facts = making(
        [one.collection for one in study.data or study.evaluations],
        command=command or study.command or f"isoglot study run {study.study}{profile} --out DIR",
        seconds=None,
        versions=study.versions,
        metadata=None,
    )
    over = "queries alone, since there is one seed" if len(_seeds(study)) == 1 else "queries and seeds"
    facts.append(
        Fact(
            "Comparisons",
            f"Effects and intervals are over {over}; p is of a paired randomisation test over queries "
            "(of geometry, a paired t-test over seeds), corrected after Holm over all decisive comparisons. An "
            "arm is called better where p < 0.05 and the interval leaves out 0.",
        )
    )
    version = f" {study.versions['isoglot']}" if "isoglot" in study.versions else ""
    named = f"study “{study.study}”" + (f", {study.profile} profile" if study.profile else "")
    seeds = ", ".join(map(str, _seeds(study)))
    runs = f", seeds {seeds}" if seeds else ""
    facts.append(Fact("Cite", f"isoglot{version}, {named}{runs}: {study.title}."))
    return facts


def evaluation_tables(result: StudyResult, evaluation: str) -> list[Table]:
    """Return the tables of one evaluation: retrieval, bias and geometry, as far as there are values."""
    tables = []
    for group, settings in GROUPS:
        columns = [one for one in columns_of(result, evaluation) if one[0] in settings]
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
    note = "Below each value its 95 % interval, where it has one. Click a column's head to sort."
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
        return Table(
            label, heads, rows, note="Below each value its 95 % interval, where it has one.", sortable=True
        )
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
            INSIDE[one.within],
        ]
        rows.append((one.evaluation, "", cells))
    heads = ["evaluation", "measure", "averaged", "arm", "published", "ours [95 %]", "difference", "our interval"]
    return Words("Published figures", heads, rows, "Difference: ours minus the published figure.")
