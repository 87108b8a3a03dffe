"""Figures of what changes along the training, with the size of the training data, and from language to language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from isoglot.measures import SETTINGS, measure_of
from isoglot.reporting.charts import Chart
from isoglot.reporting.figures.dots import language_dots
from isoglot.reporting.figures.lines import interval_lines
from isoglot.reporting.figures.points import language_gains
from isoglot.reporting.figures.style import score_format
from isoglot.reporting.study.configs import same_but, stages_of, tuned_keys
from isoglot.reporting.study.values import (
    NOTHING,
    arm_named,
    axis_form,
    differ,
    key_of,
    main_measure,
    retrieval_settings,
    row_of,
)
from isoglot.reporting.words import name_of, order_of

__all__ = ["along_charts", "budget_charts", "common_name", "gain_charts"]

Result = Mapping[str, Any]

WIDEST = 760
ALONG_GEOMETRY = ("parallel_accuracy", "language_identification", "alignment", "uniformity", "cka")
MOST_PAIRS = 6
EVERYTHING = "all"


def along_charts(result: Result) -> dict[str, Chart]:
    """Return what was measured along the training, a figure a measure, a line an arm."""
    charts = {}
    for evaluation in [one["name"] for one in result["evaluations"]]:
        courses = {
            arm["name"]: arm["along"][evaluation]
            for arm in result["arms"]
            if (arm.get("along") or {}).get(evaluation)
        }
        marks = sorted({step for arm in result["arms"] if arm["name"] in courses for step in _switches(arm)})
        for setting, name in _along_measures(list(courses.values())):
            rows = [
                {"arm": arm, "x": point["step"], **((point.get(setting) or {}).get(name) or NOTHING)}
                for arm, course in courses.items()
                for point in course
            ]
            if not differ(rows):
                continue
            label = measure_of(key_of(setting, name)).label
            chart = interval_lines(
                rows,
                arms=list(courses),
                x_axis="training steps",
                axis=label,
                number=axis_form(setting, name),
                marks=marks,
                title=f"{label[0].upper()}{label[1:]} on {evaluation}",
            )
            note = measure_of(key_of(setting, name)).note
            caption = f"{note[0].upper()}{note[1:]}." if note and setting not in SETTINGS else ""
            charts[f"along-{evaluation}-{setting}-{name}"] = Chart(chart, caption, WIDEST)
    return charts


def _along_measures(courses: Sequence[Sequence[Mapping[str, Any]]]) -> list[tuple[str, str]]:
    """Return which measures are drawn: the first of each kind of retrieval, rank distance, and of the geometry what
    says how well languages are aligned; each with at least two steps."""
    steps: dict[tuple[str, str], set[int]] = {}
    for course in courses:
        for point in course:
            for setting in (*SETTINGS, "bias", "geometry"):
                for name, figure in (point.get(setting) or {}).items():
                    if figure.get("mean") is not None:
                        steps.setdefault((setting, name), set()).add(point["step"])
    there = [key for key, at in steps.items() if len(at) > 1]
    firsts = [next((key for key in there if key[0] == setting), None) for setting in SETTINGS]
    wanted = [*firsts, ("bias", "rank_distance"), *(("geometry", name) for name in ALONG_GEOMETRY)]
    return [key for key in wanted if key is not None and key in there]


def _switches(arm: Mapping[str, Any]) -> list[int]:
    """Return the steps at which a sequential training goes on to its next stage."""
    found, done = [], 0
    for stage in stages_of(arm)[:-1]:
        done += int(stage["steps"])
        found.append(done)
    return found


def budget_charts(result: Result) -> dict[str, Chart]:
    """Return figures of arms that differ in how many training queries one language has: a line for each way of
    training, along the sizes."""
    charts = {}
    tags = sorted({tag for arm in result["arms"] for tag in ((arm.get("sample") or {}).get("budgets") or {})})
    for tag in tags:
        sizes = {
            arm["name"]: _budget(arm, tag) for arm in result["arms"] if arm.get("trained") and arm.get("config")
        }
        lines = _budget_lines(result, sizes)
        positions = sorted({sizes[name] for line in lines.values() for name in line}, key=_order)
        if len(positions) < 2:
            continue
        words = [position if position == EVERYTHING else f"{int(position):,}" for position in positions]
        for evaluation in [one["name"] for one in result["evaluations"]]:
            for setting in (*retrieval_settings(result, evaluation), "bias"):
                name = main_measure(result, evaluation, setting)
                if name is None:
                    continue
                rows = [
                    {
                        "arm": line,
                        "x": words[positions.index(sizes[arm])],
                        **_in_language(result, arm, evaluation, setting, name, tag),
                    }
                    for line, arms in lines.items()
                    for arm in arms
                ]
                if not differ(rows):
                    continue
                label = measure_of(key_of(setting, name)).label
                chart = interval_lines(
                    rows,
                    arms=list(lines),
                    x_axis=f"training queries in {name_of(tag)}",
                    axis=label,
                    number=axis_form(setting, name),
                    positions=words,
                    title=f"{label[0].upper()}{label[1:]} on {evaluation}, queries in {name_of(tag)}",
                )
                charts[f"budget-{tag}-{evaluation}-{setting}-{name}"] = Chart(chart, "", WIDEST)
    return charts


def _budget(arm: Mapping[str, Any], tag: str) -> str:
    """Return how many training queries an arm has in a language, as a text; `all` where nothing is left out."""
    sample = arm.get("sample") or {}
    if tag in (sample.get("hold_out") or ()):
        return "0"
    size = (sample.get("budgets") or {}).get(tag, sample.get("default"))
    return EVERYTHING if size is None else str(size)


def _order(size: str) -> tuple[bool, int]:
    return (True, 0) if size == EVERYTHING else (False, int(size))


def _budget_lines(result: Result, sizes: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the arms that differ in their sample alone, by what their names have in common."""
    alike: dict[str, list[str]] = {}
    tuned = tuned_keys(result["arms"])
    for arm in result["arms"]:
        if arm["name"] in sizes:
            alike.setdefault(same_but(arm, "sample", *tuned), []).append(arm["name"])
    lines = {}
    for arms in alike.values():
        kept = list({sizes[name]: name for name in reversed(arms)}.values())[::-1]
        if len(kept) > 1:
            name = common_name(kept)
            lines[f"{kept[0]} … {kept[-1]}" if name in lines else name] = kept
    return lines


def common_name(names: Sequence[str]) -> str:
    """Return what names have in common, part by part: `hybrid-tau-0.5` of `hybrid-100-tau-0.5` and
    `hybrid-1000-tau-0.5`; the first and the last name where there is nothing."""
    parts = [name.split("-") for name in names]
    alike = [part[0] for part in zip(*parts, strict=False) if len(set(part)) == 1]
    return "-".join(alike) or f"{names[0]} … {names[-1]}"


def _in_language(
    result: Result, arm: str, evaluation: str, setting: str, measure: str, tag: str
) -> Mapping[str, Any]:
    found = arm_named(result, arm)
    assert found is not None  # it is one of the result's
    return row_of(found, evaluation, setting, measure, tag)


def gain_charts(result: Result) -> dict[str, Chart]:
    """Return figures of what the first arm of a decisive comparison has more than the second, language by language:
    against the training queries of each language where the arm's `training_queries` say how many these are."""
    charts: dict[str, Chart] = {}
    for one in result["decisive"]:
        setting, measure = one["setting"], one["measure"]
        name = f"gain-{one['evaluation']}-{setting}-{measure}-{one['first']}-{one['second']}"
        rows = _gains(result, one)
        if setting == "geometry" or name in charts or len(charts) == MOST_PAIRS or len(rows) < 2:
            continue
        known = measure_of(key_of(setting, measure))
        number = "+,.0f" if known.form == "rank" else score_format((row["gain"] for row in rows), sign=True)
        axis = f"{one['first']} minus {one['second']}"
        title = f"{known.label[0].upper()}{known.label[1:]} on {one['evaluation']}: {axis}"
        if all(row["size"] is not None for row in rows):
            chart = language_gains(rows, axis=axis, number=number, title=title)
            caption = f"{'Below' if one['better'] == 'low' else 'Above'} the line is better. "
            caption += "The line through a dot goes from the least to the largest gain of a seed."
        else:
            dots = [{"lang": row["lang"], "arm": "", "value": row["gain"], "reference": 0.0} for row in rows]
            chart = language_dots(dots, axis=axis, number=number, reference="no difference", title=title)
            caption = f"{'Left' if one['better'] == 'low' else 'Right'} of the grey line is better."
        charts[name] = Chart(chart, caption, WIDEST)
    return charts


def _gains(result: Result, one: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what the first arm of a comparison has more than the second in each language, and of how many training
    queries; None where that is not known."""
    arms = [arm for arm in (arm_named(result, one[side]) for side in ("first", "second")) if arm is not None]
    if len(arms) < 2:
        return []
    by_language = ((arms[0].get("estimates") or {}).get(one["evaluation"]) or {}).get("by_language") or {}
    sizes = arms[0].get("training_queries") or {}
    rows = []
    for tag in order_of(by_language):
        figures = [row_of(arm, one["evaluation"], one["setting"], one["measure"], tag) for arm in arms]
        if any(figure["mean"] is None for figure in figures):
            continue
        first, second = (
            dict(zip(arm["seeds"], figure["seeds"], strict=True)) for arm, figure in zip(arms, figures, strict=True)
        )
        gains = [first[seed] - second[seed] for seed in first if seed in second]
        if gains:
            size = sizes.get(tag)
            rows.append({"lang": tag, "size": size, "gain": fmean(gains), "low": min(gains), "high": max(gains)})
    return rows
