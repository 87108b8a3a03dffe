"""The figures of a study, each only where the result has what it needs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.errors import InputError
from isoglot.measures import format_value, measure_of
from isoglot.reporting.charts import Chart
from isoglot.reporting.figures.dots import probe_dots
from isoglot.reporting.figures.lines import ratio_curve
from isoglot.reporting.figures.points import pareto_front
from isoglot.reporting.figures.style import FORMATS, save_figures
from isoglot.reporting.study.configs import alpha_of, same_but, stages_of, tuned_keys
from isoglot.reporting.study.courses import along_charts, budget_charts, gain_charts
from isoglot.reporting.study.values import (
    axis_form,
    better_in,
    check_result,
    differ,
    key_of,
    main_measure,
    retrieval_settings,
    row_of,
)
from isoglot.reporting.tables import Row
from isoglot.reporting.words import listed

__all__ = ["FigurePart", "study_figures", "write_study_figures"]

WIDEST = 760
LEAST_SHARES = 3
FAR = 1.5


@dataclass(frozen=True)
class FigurePart:
    """Figures that belong together.

    Attributes:
        title: what they are about.
        text: how to read them.
        charts: name -> figure; names are those of files.
    """

    title: str
    text: str
    charts: dict[str, Chart]


def study_figures(result: Mapping[str, Any]) -> list[FigurePart]:
    """Return the figures of a study, in parts; parts without figures are left out.

    Args:
        result: of the study.
    """
    parts = [
        FigurePart(
            "The share of monolingual batches",
            "Dots and the line that joins them: arms that differ in α alone, with 95 % intervals. Diamonds on the "
            "right, each with a dotted line across: the other arms.",
            _ratio(result),
        ),
        FigurePart(
            "What is paid for what",
            "Every arm by two measures at once, with 95 % intervals; better is up and to the right. No arm beats "
            "those in colour, joined by a line, in both. Where there is no room for a name, the pointer shows it.",
            _fronts(result),
        ),
        FigurePart(
            "How much training data a language has",
            "Queries in the one language whose training data differs, with 95 % intervals.",
            budget_charts(result),
        ),
        FigurePart(
            "Language by language",
            "Each dot is a language of the queries: what one arm has more than the other, in the mean over seeds.",
            gain_charts(result),
        ),
        FigurePart(
            "Along the training",
            "Means over seeds at steps of the training, with 95 % intervals. A dashed line stands where sequential "
            "training goes from one stage to the next.",
            along_charts(result),
        ),
        FigurePart(
            "Is the language in the embeddings?",
            "How often a linear classifier tells the language of a query from its embedding, with 95 % intervals; "
            "the grey tick is what guessing gives.",
            _probes(result),
        ),
    ]
    return [part for part in parts if part.charts]


def write_study_figures(
    result: Mapping[str, Any], folder: str | Path, formats: Sequence[str] = FORMATS
) -> list[Path]:
    """Write the figures of a study as files, such as `ratio-test-monolingual-AP.svg`.

    Args:
        result: the content of a `study.json`.
        folder: where; made if it is missing.
        formats: `svg`, `png` (twice the nominal size).

    Returns:
        The files written; none where the result has nothing to draw.

    Raises:
        InputError: it is not the result of a study, a format is unknown, or a file cannot be written.
    """
    check_result(result)
    charts: dict[str, Any] = {}
    for part in study_figures(result):
        for name, shown in part.charts.items():
            stem = re.sub(r"[^\w.()@+-]+", "_", name).strip("._")
            if stem in charts:
                raise InputError(f"two figures would be written as {stem}: give arms and evaluations other names")
            charts[stem] = shown.chart
    return save_figures(charts, folder, formats)


def _families(arms: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Return arms that differ in α alone, at least three shares of them, by what they are called together."""
    alike: dict[str, list[Mapping[str, Any]]] = {}
    tuned = tuned_keys(arms)
    for arm in arms:
        if alpha_of(arm) is not None:
            alike.setdefault(same_but(arm, "alpha", "strategy", *tuned), []).append(arm)
    found = {}
    for family in alike.values():
        by_share = {alpha_of(arm): arm for arm in reversed(family)}  # of equal arms the first
        if len(by_share) >= LEAST_SHARES:
            kept = sorted(by_share.values(), key=lambda arm: alpha_of(arm) or 0.0)
            found[f"{kept[0]['name']} … {kept[-1]['name']}"] = kept
    return found


def _ratio(result: Mapping[str, Any]) -> dict[str, Chart]:
    families = _families(result["arms"])
    inside = {arm["name"] for family in families.values() for arm in family}
    charts = {}
    for evaluation in [one["name"] for one in result["evaluations"]] if families else ():
        for setting in (*retrieval_settings(result, evaluation), "bias"):
            name = main_measure(result, evaluation, setting)
            if name is None:
                continue
            rows = [
                {
                    "series": series,
                    "arm": arm["name"],
                    "alpha": alpha_of(arm),
                    **row_of(arm, evaluation, setting, name),
                }
                for series, family in families.items()
                for arm in family
            ]
            if sum(row["mean"] is not None for row in rows) < LEAST_SHARES or not differ(rows):
                continue
            others = [
                {"arm": arm["name"], "note": arm.get("note") or "", **row_of(arm, evaluation, setting, name)}
                for arm in result["arms"]
                if arm["name"] not in inside
            ]
            label = measure_of(key_of(setting, name)).label
            title = f"{label[0].upper()}{label[1:]} on {evaluation}"
            near, far = _within(rows, others)
            chart = ratio_curve(rows, near, axis=label, number=axis_form(setting, name), title=title)
            good = better_in(result, evaluation, setting, name)
            caption = {"low": "Less is better. ", "zero": "0 is best. "}.get(good or "", "")
            if far:
                form = measure_of(key_of(setting, name)).form
                caption += (
                    f"Off the scale: {listed([one['arm'] + ' ' + format_value(one['mean'], form) for one in far])}."
                )
            charts[f"ratio-{evaluation}-{setting}-{name}"] = Chart(chart, caption.strip(), WIDEST)
    return charts


def _within(rows: Sequence[Row], others: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Part other arms into those near a curve, and those so far from it that beside them it would be flat."""
    values = [row[key] for row in rows for key in ("mean", "low", "high") if row[key] is not None]
    room = FAR * (max(values) - min(values))
    there = [row for row in others if row["mean"] is not None]
    near = [row for row in there if min(values) - room <= row["mean"] <= max(values) + room]
    return near, [row for row in there if row not in near]


def _fronts(result: Mapping[str, Any]) -> dict[str, Chart]:
    decisive = list(dict.fromkeys(one[side] for one in result["decisive"] for side in ("first", "second")))
    charts = {}
    for evaluation in [one["name"] for one in result["evaluations"]]:
        across = main_measure(result, evaluation, "monolingual")
        for setting in ("cross_lingual", "bias"):
            up = main_measure(result, evaluation, setting)
            if across is None or up is None:
                continue
            good = better_in(result, evaluation, setting, up)
            rows = [
                {
                    "arm": arm["name"],
                    "x": row_of(arm, evaluation, "monolingual", across),
                    "y": row_of(arm, evaluation, setting, up),
                }
                for arm in result["arms"]
            ]
            both = [row for row in rows if None not in (row["x"]["mean"], row["y"]["mean"])]
            if good not in ("high", "low") or not all(differ([row[side] for row in both]) for side in "xy"):
                continue
            labels = [measure_of(key_of(*key)).label for key in (("monolingual", across), (setting, up))]
            chart = pareto_front(
                rows,
                axes=(labels[0], labels[1] + (" (less is better)" if good == "low" else "")),
                signs=(1.0, 1.0 if good == "high" else -1.0),
                numbers=(axis_form("monolingual", across), axis_form(setting, up)),
                first=decisive,
                title=f"{labels[0][0].upper()}{labels[0][1:]} and {labels[1]} on {evaluation}",
            )
            charts[f"front-{evaluation}-{setting}-{up}"] = Chart(chart, "", WIDEST)
    return charts


def _adversary(arm: Mapping[str, Any]) -> bool:
    """Tell whether an arm was trained against a classifier of languages."""
    return any(
        isinstance(term, Mapping) and term.get("term") == "LanguageAdversary" and term.get("target") != "domain"
        for stage in stages_of(arm)
        if not isinstance(stage["objective"], str)
        for term in stage["objective"]
    )


def _probes(result: Mapping[str, Any]) -> dict[str, Chart]:
    charts = {}
    for evaluation in [one["name"] for one in result["evaluations"]]:
        rows = []
        for arm in result["arms"]:
            found, chance = (
                row_of(arm, evaluation, "geometry", name)
                for name in ("language_identification", "language_identification_chance")
            )
            if found["mean"] is not None and chance["mean"] is not None:
                rows.append({**found, "arm": arm["name"], "chance": chance["mean"], "adversary": _adversary(arm)})
        if len(rows) > 1:
            charts[f"probe-{evaluation}"] = Chart(
                probe_dots(rows, title=f"Accuracy of the language probe on {evaluation}"), "", WIDEST
            )
    return charts
