"""The figures of a study, each only where the result has what it needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, NamedTuple

from isoglot.measures import SETTINGS, Measure, format_value, measure_of
from isoglot.reporting.charts import Chart
from isoglot.reporting.figures.dots import language_dots, probe_dots
from isoglot.reporting.figures.lines import interval_lines, ratio_curve
from isoglot.reporting.figures.points import language_gains, pareto_front
from isoglot.reporting.figures.style import score_format
from isoglot.reporting.study.comparison import Comparison
from isoglot.reporting.study.method import alpha_of, same_but, tuned_keys
from isoglot.reporting.study.result import NOTHING, Estimates, StudyArm, StudyResult, key_of
from isoglot.reporting.tables import Row
from isoglot.reporting.words import listed, name_of, order_of

__all__ = ["FigurePart", "common_name", "study_figures"]

WIDEST = 760
LEAST_SHARES = 3
FAR = 1.5
ALONG_GEOMETRY = ("parallel_accuracy", "language_identification", "alignment", "uniformity", "cka")
MOST_PAIRS = 6
EVERYTHING = "all"
AXIS_FORMS = {"rank": ",.0f", "percent": ".0%", "points": ".0%"}


@dataclass(frozen=True)
class FigurePart:
    """Figures that belong together, what they are about and how to read them; their names are those of files."""

    title: str
    text: str
    charts: dict[str, Chart]


def study_figures(result: StudyResult) -> list[FigurePart]:
    """Return the figures of a study, in parts; parts without figures are left out."""
    several = any(len(arm.seeds) > 1 for arm in result.arms)
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
            _budgets(result),
        ),
        FigurePart(
            "Language by language",
            "Each dot is a language of the queries: what one arm has more than the other"
            + (", in the mean over seeds." if several else ", with one seed."),
            _gains(result),
        ),
        FigurePart(
            "Along the training",
            (
                "Means over seeds at steps of the training, with 95 % intervals. "
                if several
                else "At steps of the training. "
            )
            + "A dashed line stands where sequential "
            "training goes from one stage to the next.",
            _along(result),
        ),
        FigurePart(
            "Is the language in the embeddings?",
            "How often a linear classifier tells the language of a query from its embedding, with 95 % intervals; "
            "the grey tick is what guessing gives.",
            _probes(result),
        ),
    ]
    return [part for part in parts if part.charts]


class Shown(NamedTuple):
    """A measure on an evaluation, which a figure is about."""

    evaluation: str
    setting: str
    name: str

    @property
    def measure(self) -> Measure:
        """What is known of the measure."""
        return measure_of(key_of(self.setting, self.name))

    @property
    def number(self) -> str | None:
        """How its values are written on an axis (d3-format); None for a score."""
        return AXIS_FORMS.get(self.measure.form)

    def title(self, more: str = "") -> str:
        """Return a figure's title."""
        return f"{_capital(self.measure.label)} on {self.evaluation}{more}"

    def axes(self, more: str = "") -> dict[str, Any]:
        """Return what a figure of its values is called, and how they are written."""
        return {"axis": self.measure.label, "number": self.number, "title": self.title(more)}

    def file(self, kind: str) -> str:
        """Return the name of a figure."""
        return f"{kind}-{self.evaluation}-{self.setting}-{self.name}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _main_measures(result: StudyResult) -> Iterator[Shown]:
    """Yield the measure of each setting that figures are about, evaluation by evaluation."""
    for one in result.evaluations:
        for setting in (*result.retrieval_settings(one.name), "bias"):
            name = result.main_measure(one.name, setting)
            if name is not None:
                yield Shown(one.name, setting, name)


def _differ(rows: Sequence[Row]) -> bool:
    """Tell whether there are at least two values, and not all the same: a figure of them would show something."""
    return len({row["mean"] for row in rows if row["mean"] is not None}) > 1


def _families(arms: Sequence[StudyArm]) -> dict[str, list[StudyArm]]:
    """Return arms that differ in α alone, at least three shares of them, by what they are called together."""
    alike: dict[str, list[StudyArm]] = {}
    tuned = tuned_keys(arms)
    for arm in arms:
        if alpha_of(arm) is not None:
            alike.setdefault(same_but(arm, "alpha", "strategy", *tuned), []).append(arm)
    found = {}
    for family in alike.values():
        by_share = {alpha_of(arm): arm for arm in reversed(family)}  # of equal arms the first
        if len(by_share) >= LEAST_SHARES:
            kept = sorted(by_share.values(), key=lambda arm: alpha_of(arm) or 0.0)
            found[f"{kept[0].name} … {kept[-1].name}"] = kept
    return found


def _ratio(result: StudyResult) -> dict[str, Chart]:
    """Return figures of a measure against α, the other arms beside it."""
    families = _families(result.arms)
    inside = {arm.name for family in families.values() for arm in family}
    charts = {}
    for shown in _main_measures(result) if families else ():
        rows = [
            {"series": series, "arm": arm.name, "alpha": alpha_of(arm), **arm.row(*shown)}
            for series, family in families.items()
            for arm in family
        ]
        if sum(row["mean"] is not None for row in rows) < LEAST_SHARES or not _differ(rows):
            continue
        others = [
            {"arm": arm.name, "note": arm.note or "", **arm.row(*shown)}
            for arm in result.arms
            if arm.name not in inside
        ]
        near, far = _within(rows, others)
        chart = ratio_curve(rows, near, **shown.axes())
        caption = {"low": "Less is better. ", "zero": "0 is best. "}.get(result.better(*shown) or "", "")
        if far:
            told = listed([f"{one['arm']} {format_value(one['mean'], shown.measure.form)}" for one in far])
            caption += f"Off the scale: {told}."
        charts[shown.file("ratio")] = Chart(chart, caption.strip(), WIDEST)
    return charts


def _within(rows: Sequence[Row], others: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """Part other arms into those near a curve, and those so far from it that beside them it would be flat."""
    values = [row[key] for row in rows for key in ("mean", "low", "high") if row[key] is not None]
    room = FAR * (max(values) - min(values))
    there = [row for row in others if row["mean"] is not None]
    near = [row for row in there if min(values) - room <= row["mean"] <= max(values) + room]
    return near, [row for row in there if row not in near]


def _fronts(result: StudyResult) -> dict[str, Chart]:
    """Return figures of two measures at once, and the arms that none beats in both."""
    decisive = list(dict.fromkeys(name for one in result.decisive for name in (one.first, one.second)))
    charts = {}
    for evaluation in [one.name for one in result.evaluations]:
        for setting in ("cross_lingual", "bias"):
            names = [result.main_measure(evaluation, one) for one in ("monolingual", setting)]
            if names[0] is None or names[1] is None:
                continue
            across, up = Shown(evaluation, "monolingual", names[0]), Shown(evaluation, setting, names[1])
            good = result.better(*up)
            points = [(arm.row(*across), arm.row(*up)) for arm in result.arms]
            both = [point for point in points if None not in (point[0]["mean"], point[1]["mean"])]
            if good not in ("high", "low") or not all(_differ([point[at] for point in both]) for at in (0, 1)):
                continue
            chart = pareto_front(
                [{"arm": arm.name, "x": x, "y": y} for arm, (x, y) in zip(result.arms, points, strict=True)],
                axes=(across.measure.label, up.measure.label + (" (less is better)" if good == "low" else "")),
                signs=(1.0, 1.0 if good == "high" else -1.0),
                numbers=(across.number, up.number),
                first=decisive,
                title=f"{_capital(across.measure.label)} and {up.measure.label} on {evaluation}",
            )
            charts[up.file("front")] = Chart(chart, "", WIDEST)
    return charts


def _budgets(result: StudyResult) -> dict[str, Chart]:
    """Return figures of arms that differ in how many training queries one language has: a line for each way of
    training, along the sizes."""
    charts = {}
    for tag in sorted({tag for arm in result.arms if arm.sample is not None for tag in arm.sample.budgets}):
        sizes = {arm.name: _budget(arm, tag) for arm in result.arms if arm.trained and arm.config}
        lines = _budget_lines(result, sizes)
        there = {sizes[arm.name] for line in lines.values() for arm in line}
        positions = sorted(there, key=lambda size: float("inf") if size == EVERYTHING else int(size))
        if len(positions) < 2:
            continue
        words = [position if position == EVERYTHING else f"{int(position):,}" for position in positions]
        for shown in _main_measures(result):
            rows = [
                {"arm": line, "x": words[positions.index(sizes[arm.name])], **arm.row(*shown, language=tag)}
                for line, arms in lines.items()
                for arm in arms
            ]
            if not _differ(rows):
                continue
            where = f"queries in {name_of(tag)}"
            axes = {"x_axis": f"training {where}", **shown.axes(f", {where}")}
            chart = interval_lines(rows, arms=list(lines), positions=words, **axes)
            charts[shown.file(f"budget-{tag}")] = Chart(chart, "", WIDEST)
    return charts


def _budget(arm: StudyArm, tag: str) -> str:
    """Return how many training queries an arm has in a language, as a text; `all` where nothing is left out."""
    if arm.sample is None:
        return EVERYTHING
    size = 0 if tag in arm.sample.hold_out else arm.sample.budgets.get(tag, arm.sample.default)
    return EVERYTHING if size is None else str(size)


def _budget_lines(result: StudyResult, sizes: Mapping[str, str]) -> dict[str, list[StudyArm]]:
    """Return the arms that differ in their sample alone, by what their names have in common."""
    alike: dict[str, list[StudyArm]] = {}
    tuned = tuned_keys(result.arms)
    for arm in result.arms:
        if arm.name in sizes:
            alike.setdefault(same_but(arm, "sample", *tuned), []).append(arm)
    lines = {}
    for arms in alike.values():
        kept = list({sizes[arm.name]: arm for arm in reversed(arms)}.values())[::-1]
        if len(kept) > 1:
            name = common_name([arm.name for arm in kept])
            lines[f"{kept[0].name} … {kept[-1].name}" if name in lines else name] = kept
    return lines


def common_name(names: Sequence[str]) -> str:
    """Return what names have in common, part by part: `hybrid-tau-0.5` of `hybrid-100-tau-0.5` and
    `hybrid-1000-tau-0.5`; the first and the last name where there is nothing."""
    parts = [name.split("-") for name in names]
    alike = [part[0] for part in zip(*parts, strict=False) if len(set(part)) == 1]
    return "-".join(alike) or f"{names[0]} … {names[-1]}"


def _gains(result: StudyResult) -> dict[str, Chart]:
    """Return figures of what the first arm of a decisive comparison has more than the second, language by language:
    against the training queries of each language where the arm's `training_queries` say how many these are."""
    charts: dict[str, Chart] = {}
    for one in result.decisive:
        shown = Shown(one.evaluation, one.setting, one.measure)
        name = f"{shown.file('gain')}-{one.first}-{one.second}"
        rows = _gains_by_language(result, one)
        if one.setting == "geometry" or name in charts or len(charts) == MOST_PAIRS or len(rows) < 2:
            continue
        rank = shown.measure.form == "rank"
        number = "+,.0f" if rank else score_format((row["gain"] for row in rows), sign=True)
        axis = f"{one.first} minus {one.second}"
        title = shown.title(f": {axis}")
        if all(row["size"] is not None for row in rows):
            chart = language_gains(rows, axis=axis, number=number, title=title)
            side = {"low": "Below", "high": "Above"}.get(one.better)
            caption = f"{side} the line is better. " if side else ""
            if any(row["low"] < row["high"] for row in rows):
                caption += "The line through a dot goes from the least to the largest gain of a seed."
            caption = caption.strip()
        else:
            dots = [{"lang": row["lang"], "arm": "", "value": row["gain"], "reference": 0.0} for row in rows]
            chart = language_dots(dots, axis=axis, number=number, reference="no difference", title=title)
            side = {"low": "Left", "high": "Right"}.get(one.better)
            caption = f"{side} of the grey line is better." if side else ""
        charts[name] = Chart(chart, caption, WIDEST)
    return charts


def _gains_by_language(result: StudyResult, one: Comparison) -> list[dict[str, Any]]:
    """Return what the first arm of a comparison has more than the second in each language, and of how many training
    queries; None where that is not known."""
    first, second = result.arm(one.first), result.arm(one.second)
    if first is None or second is None or one.evaluation not in first.estimates:
        return []
    rows = []
    for tag in order_of(first.estimates[one.evaluation].by_language or ()):
        figures = [
            arm.figure(one.evaluation, one.setting, one.measure, tag) if arm.seeds else NOTHING
            for arm in (first, second)
        ]
        if any(figure.mean is None for figure in figures):
            continue
        of_first, of_second = (
            dict(zip(arm.seeds, figure.seeds, strict=True))
            for arm, figure in zip((first, second), figures, strict=True)
        )
        gains = [of_first[seed] - of_second[seed] for seed in of_first if seed in of_second]
        if gains:
            size = first.training_queries.get(tag)
            rows.append({"lang": tag, "size": size, "gain": fmean(gains), "low": min(gains), "high": max(gains)})
    return rows


def _along(result: StudyResult) -> dict[str, Chart]:
    """Return what was measured along the training, a figure a measure, a line an arm."""
    charts = {}
    for evaluation in [one.name for one in result.evaluations]:
        courses = {arm.name: arm.along[evaluation] for arm in result.arms if arm.along.get(evaluation)}
        marks = sorted({step for arm in result.arms if arm.name in courses for step in _switches(arm)})
        for setting, name in _along_measures([point for course in courses.values() for point in course]):
            shown = Shown(evaluation, setting, name)
            rows = [
                {"arm": arm, "x": point.step, **dict(point.figures(setting).get(name, NOTHING))}
                for arm, course in courses.items()
                for point in course
            ]
            if not _differ(rows):
                continue
            chart = interval_lines(rows, arms=list(courses), x_axis="training steps", marks=marks, **shown.axes())
            note = "" if setting in SETTINGS or not shown.measure.note else f"{_capital(shown.measure.note)}."
            charts[shown.file("along")] = Chart(chart, note, WIDEST)
    return charts


def _along_measures(points: Sequence[Estimates]) -> list[tuple[str, str]]:
    """Return which measures are drawn: the first of each kind of retrieval, rank distance, and of the geometry what
    says how well languages are aligned; each with at least two steps."""
    steps: dict[tuple[str, str], set[int | None]] = {}
    for point in points:
        for setting in (*SETTINGS, "bias", "geometry"):
            for name in point.figures(setting):
                steps.setdefault((setting, name), set()).add(point.step)
    there = [key for key, at in steps.items() if len(at) > 1]
    firsts = [next((key for key in there if key[0] == setting), None) for setting in SETTINGS]
    wanted = [*firsts, ("bias", "rank_distance"), *(("geometry", name) for name in ALONG_GEOMETRY)]
    return [key for key in wanted if key is not None and key in there]


def _switches(arm: StudyArm) -> list[int]:
    """Return the steps at which a sequential training goes on to its next stage."""
    found, done = [], 0
    for stage in (arm.config or ())[:-1]:
        done += int(stage["steps"])
        found.append(done)
    return found


def _adversary(arm: StudyArm) -> bool:
    """Tell whether an arm was trained against a classifier of languages."""
    return any(
        isinstance(term, Mapping) and term.get("term") == "LanguageAdversary" and term.get("target") != "domain"
        for stage in arm.config or ()
        for term in stage.get("objective") or ()
    )


def _probes(result: StudyResult) -> dict[str, Chart]:
    """Return figures of how well the language is told from embeddings, and by chance."""
    charts = {}
    for evaluation in [one.name for one in result.evaluations]:
        rows = []
        for arm in result.arms:
            found = arm.row(evaluation, "geometry", "language_identification")
            chance = arm.row(evaluation, "geometry", "language_identification_chance")["mean"]
            if found["mean"] is not None and chance is not None:
                rows.append({**found, "arm": arm.name, "chance": chance, "adversary": _adversary(arm)})
        if len(rows) > 1:
            chart = probe_dots(rows, title=f"Accuracy of the language probe on {evaluation}")
            charts[f"probe-{evaluation}"] = Chart(chart, "", WIDEST)
    return charts
