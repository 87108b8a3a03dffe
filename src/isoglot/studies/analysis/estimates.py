"""The runs of an arm, and the figures over its seeds: means, how sure they are, and tests of differences."""

from __future__ import annotations

import math
from collections.abc import Collection as Container
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoglot.evaluation import Result
from isoglot.evaluation.compare import row_weights
from isoglot.evaluation.statistics import draw_counts, sign_flip_test
from isoglot.measures import OF_SEEDS, PER_QUERY_BIAS, SETTINGS, better_of, column_of, goodness, measure_of
from isoglot.reporting.study.result import Estimates, Figure, Trial, Tuned
from isoglot.studies.job import TRIAL, Job, Workshop, read_run
from isoglot.studies.plan import Plan
from isoglot.studies.recipe import Evaluation, Tuning

__all__ = [
    "ArmResults",
    "Frame",
    "along_figures",
    "choose_trials",
    "estimates_of",
    "figure_of_seeds",
    "paired_p_of_seeds",
    "possible",
    "read_arm",
]

FloatArray = NDArray[np.float64]

DRAWS = 1000
LEVEL = 0.95
NORMAL_95 = 1.959964  # a normal variable lies within so many standard errors with probability 0.95


@dataclass
class ArmResults:
    """What the runs of an arm found.

    Attributes:
        jobs: seed -> run, of those that ended well.
        runs: seed -> how it went.
        results: evaluation -> seed -> result.
    """

    jobs: dict[int, Job] = field(default_factory=dict)
    runs: dict[int, dict[str, Any]] = field(default_factory=dict)
    results: dict[str, dict[int, Result]] = field(default_factory=dict)


def read_arm(jobs: Mapping[int, Job], workshop: Workshop) -> ArmResults:
    """Read the finished runs of an arm.

    Args:
        jobs: seed -> run. Seeds may share a run, where an encoder that is not trained does not depend on them.
        workshop: of the study.
    """
    found = ArmResults(dict(jobs))
    read: dict[str, tuple[dict[str, Any], dict[str, Result]]] = {}
    for seed, job in jobs.items():
        if job.name not in read:
            folder = workshop.runs / job.name
            results = {one.name: Result.from_json(folder / f"{one.name}.json") for one in job.evaluations}
            read[job.name] = read_run(job, workshop), results
        found.runs[seed], results = read[job.name]
        for name, result in results.items():
            found.results.setdefault(name, {})[seed] = result
    return found


def figure_of_seeds(values: Sequence[float]) -> Figure:
    """Estimate a value that each seed has one of, and no queries: by Student's t over seeds."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Figure(mean=mean, seeds=tuple(values))
    spread = (
        float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1))
        * float(np.std(values, ddof=1))
        / math.sqrt(len(values))
    )
    return Figure(mean=mean, low=mean - spread, high=mean + spread, seeds=tuple(values))


def possible(figure: Figure, measure: str, *, difference: bool = False) -> Figure:
    """Return a figure whose interval holds no value that its measure, or a difference in it, cannot have."""
    if figure.low is None or figure.high is None:
        return figure
    known = measure_of(measure)
    least, most = known.least, float("inf") if known.most is None else known.most
    if difference:
        least, most = least - most, most - least
    return figure.model_copy(update={"low": max(figure.low, least), "high": min(figure.high, most)})


def paired_p_of_seeds(differences: Sequence[float]) -> float | None:
    """Test by a paired t-test over seeds; None for one seed."""
    if len(differences) < 2:
        return None
    if not np.any(differences):
        return 1.0
    if np.ptp(differences) == 0:
        return 0.0
    return float(stats.ttest_1samp(differences, 0).pvalue)


class Frame:
    """The queries of one evaluation, which are the same for all arms and seeds.

    Args:
        result: one result of it.
    """

    def __init__(self, result: Result) -> None:
        self.per_query = result.per_query
        self.labels, self.ids = np.unique(result.per_query["query_id"], return_inverse=True)
        self.languages = sorted(set(result.per_query["lang"].tolist()))

    def has(self, column: str) -> bool:
        """Tell whether there are values per query of a column, of some query."""
        values = self.per_query.get(column)
        return values is not None and not bool(np.isnan(values).all())

    def weights(self, column: str, language: str | None = None, macro: bool = False) -> FloatArray:
        """Return what each query row (q,) contributes to the average of a column; sums to 1, or to 0 where it
        applies to no query. `macro`: of multilingual and bias values, the average over query languages."""
        weights = row_weights(self.per_query, column, macro)
        if language is not None:
            weights = np.where(self.per_query["lang"] == language, weights, 0.0)
        total = weights.sum()
        found: FloatArray = weights / total if total else weights
        return found

    def estimate(
        self, columns: Sequence[tuple[str, str | None]], seeds: Sequence[dict[str, Any]], *, macro: bool = False
    ) -> list[Figure | None]:
        """Estimate averages over queries and seeds.

        The standard error has two parts: that over queries, from a bootstrap of the values averaged over seeds
        (queries are the same for all seeds, so that more seeds do not lessen it), and that of the mean over seeds.
        The interval is the mean ± 1.96 standard errors. Of three seeds the spread is known only roughly.

        Args:
            columns: of values per query, each with a language of queries or None.
            seeds: of each seed, values (q,) by column.
            macro: average multilingual and bias values over query languages, as in `Result.macro`.

        Returns:
            A figure for each column; None where it applies to no query.
        """
        size = len(self.labels)
        parts, totals, means = [], [], []
        for column, language in columns:
            weights = self.weights(column, language, macro)
            values = np.stack([np.nan_to_num(seed[column]) for seed in seeds])
            means.append(values @ weights)
            parts.append(np.bincount(self.ids, values.mean(axis=0) * weights, minlength=size))
            totals.append(np.bincount(self.ids, weights, minlength=size))
        sums, sizes = np.stack(parts, axis=1), np.stack(totals, axis=1)
        drawn = []
        for counts in draw_counts(size, DRAWS, seed=0):
            drawn_size = counts @ sizes
            with np.errstate(invalid="ignore", divide="ignore"):
                drawn.append(counts @ sums / drawn_size)
        errors = np.nanstd(np.concatenate(drawn), axis=0, ddof=1) if sizes.any() else np.zeros(len(columns))
        figures: list[Figure | None] = []
        for at, of_seeds in enumerate(means):
            if not totals[at].any():
                figures.append(None)
                continue
            mean = float(of_seeds.mean())
            seed_error = float(np.std(of_seeds, ddof=1)) / math.sqrt(len(of_seeds)) if len(of_seeds) > 1 else 0.0
            spread = NORMAL_95 * math.hypot(float(np.nan_to_num(errors[at])), seed_error)
            seeds_told = tuple(float(value) for value in of_seeds)
            figures.append(Figure(mean=mean, low=mean - spread, high=mean + spread, seeds=seeds_told))
        return figures

    def difference(
        self, column: str, language: str | None, first: Sequence[dict[str, Any]], second: Sequence[dict[str, Any]]
    ) -> tuple[Figure, float, int] | None:
        """Compare two arms on the same queries, seed by seed.

        Args:
            column: of values per query.
            language: only queries of it; None for all.
            first: of each seed of an arm, values (q,) by column.
            second: the same of the other arm, in the same order of seeds.

        Returns:
            First minus second; the p-value of the paired randomisation test over query ids, of values averaged over
            seeds; and how many query ids there are. None where the column applies to no query.
        """
        weights = self.weights(column, language)
        if not weights.any():
            return None
        pairs = [{column: a[column] - b[column]} for a, b in zip(first, second, strict=True)]
        (figure,) = self.estimate([(column, language)], pairs)
        assert figure is not None  # some query has weight
        mean = np.nan_to_num(np.stack([pair[column] for pair in pairs])).mean(axis=0)
        by_id = np.bincount(self.ids, mean * weights, minlength=len(self.labels)).astype(np.float64)
        applies = np.bincount(self.ids, weights, minlength=len(self.labels)) > 0
        p = float(sign_flip_test(by_id[applies][:, None])[0])
        return figure, p, int(applies.sum())


def estimates_of(results: Mapping[int, Result], evaluation: Evaluation, frame: Frame) -> Estimates:
    """Return an arm's figures on one evaluation, `by_language` where it is asked for."""
    seeds = [results[seed].per_query for seed in sorted(results)]
    named = [(setting, measure) for setting in SETTINGS for measure in evaluation.measures]
    named += [("bias", measure) for measure in PER_QUERY_BIAS]
    named = [(setting, measure) for setting, measure in named if frame.has(column_of(setting, measure))]
    found: dict[str, Any] = _estimates(frame, named, None, seeds)
    for setting, figures in _estimates(frame, named, None, seeds, macro=True).items():
        if setting in ("multilingual", "bias"):
            found[f"macro_{setting}"] = figures
    for setting, measures in (("bias", OF_SEEDS), ("geometry", None)):
        for measure in measures or next(iter(results.values())).geometry or ():
            values = [(getattr(results[seed], setting) or {}).get(measure) for seed in sorted(results)]
            known = [float(value) for value in values if isinstance(value, int | float)]
            if len(known) == len(values):
                found.setdefault(setting, {})[measure] = possible(figure_of_seeds(known), measure)
    if evaluation.by_language and len(frame.languages) > 1:
        found["by_language"] = {tag: _estimates(frame, named, tag, seeds) for tag in frame.languages}
    return Estimates.model_validate(found)


def _estimates(
    frame: Frame,
    named: Sequence[tuple[str, str]],
    language: str | None,
    seeds: Sequence[dict[str, Any]],
    macro: bool = False,
) -> dict[str, dict[str, Figure]]:
    """Return setting -> measure -> figure."""
    columns = [(column_of(setting, measure), language) for setting, measure in named]
    found: dict[str, dict[str, Figure]] = {}
    for (setting, measure), figure in zip(named, frame.estimate(columns, seeds, macro=macro), strict=True):
        if figure is None:
            continue
        found.setdefault(setting, {})[measure] = possible(figure, measure)
    return found


def along_figures(runs: Mapping[int, dict[str, Any]], evaluation: Evaluation) -> tuple[Estimates, ...]:
    """Return what was measured along the training, step by step."""
    told = [runs[seed]["along"].get(evaluation.name, []) for seed in sorted(runs)]
    found = []
    for at, first in enumerate(told[0] if told else []):
        entry: dict[str, Any] = {"step": first["step"]}
        for setting, measures in first.items():
            if setting == "step":
                continue
            for measure in measures:
                values = [one[at][setting].get(measure) for one in told]
                if all(value is not None for value in values):
                    entry.setdefault(setting, {})[measure] = possible(figure_of_seeds(values), measure)
        found.append(Estimates.model_validate(entry))
    return tuple(found)


def choose_trials(
    plan: Plan, trials: Sequence[Job], failed: Container[str], workshop: Workshop
) -> tuple[dict[str, Tuned], dict[str, int | None]]:
    """Choose the best trial of every arm; of equal ones the first.

    Args:
        plan: of the study.
        trials: all runs of tuning.
        failed: names of those that failed.
        workshop: of the study.

    Returns:
        What the result says of each arm; and the number of the trial chosen. Arms of which all trials failed have
        none.
    """
    tuning = plan.profile.tuning
    if tuning is None:
        return {}, {}
    better = better_of(tuning.setting, tuning.measure)
    told: dict[str, Tuned] = {}
    chosen: dict[str, int | None] = {}
    for name, planned in plan.arms.items():
        if not planned.trials:
            continue
        values = [
            None if job.name in failed else _trial_value(job, tuning, workshop) for job in trials if job.arm == name
        ]
        known = [number for number, value in enumerate(values) if value is not None]
        best = max(known, key=lambda number: goodness(float(values[number] or 0.0), better), default=None)
        if best is not None:
            chosen[name] = best
        told[name] = Tuned(
            on=tuning.data,
            setting=tuning.setting,
            measure=tuning.measure,
            trials=tuple(
                Trial(settings=trial.settings, value=value)
                for trial, value in zip(planned.trials, values, strict=True)
            ),
            chosen=None if best is None else planned.trials[best].settings,
        )
    return told, chosen


def _trial_value(job: Job, tuning: Tuning, workshop: Workshop) -> float | None:
    result = Result.from_json(workshop.runs / job.name / f"{TRIAL}.json")
    value = (getattr(result, tuning.setting) or {}).get(tuning.measure)
    return None if value is None else float(value)
