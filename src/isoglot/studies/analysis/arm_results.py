"""The runs of an arm, read from their folders, and the arm's figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isoglot.evaluation import Result
from isoglot.measures import OF_SEEDS, PER_QUERY_BIAS, SETTINGS, column_of, measure_of
from isoglot.studies.analysis.frame import Frame, figure_of_seeds
from isoglot.studies.job import Job, Workshop, read_run
from isoglot.studies.recipe import Evaluation

__all__ = ["ArmResults", "along_figures", "estimates_of", "read_arm"]


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


def estimates_of(results: Mapping[int, Result], evaluation: Evaluation, frame: Frame) -> dict[str, Any]:
    """Return an arm's figures on one evaluation: setting -> measure -> mean, interval and values of seeds; of
    `macro_multilingual` and `macro_bias` means over query languages, as in `Result.macro`; and `by_language`, the
    same by query language, where it is asked for."""
    seeds = [results[seed].per_query for seed in sorted(results)]
    named = [(setting, measure) for setting in SETTINGS for measure in evaluation.measures]
    named += [("bias", measure) for measure in PER_QUERY_BIAS]
    named = [(setting, measure) for setting, measure in named if frame.has(column_of(setting, measure))]
    found = _estimates(frame, named, None, seeds)
    for setting, figures in _estimates(frame, named, None, seeds, macro=True).items():
        if setting in ("multilingual", "bias"):
            found[f"macro_{setting}"] = figures
    for setting, measures in (("bias", OF_SEEDS), ("geometry", None)):
        for measure in measures or next(iter(results.values())).geometry or ():
            values = [(getattr(results[seed], setting) or {}).get(measure) for seed in sorted(results)]
            known = [float(value) for value in values if isinstance(value, int | float)]
            if len(known) == len(values):
                found.setdefault(setting, {})[measure] = figure_of_seeds(known).to_dict()
    if evaluation.by_language and len(frame.languages) > 1:
        found["by_language"] = {tag: _estimates(frame, named, tag, seeds) for tag in frame.languages}
    return found


def _estimates(
    frame: Frame,
    named: Sequence[tuple[str, str]],
    language: str | None,
    seeds: Sequence[dict[str, Any]],
    macro: bool = False,
) -> dict[str, Any]:
    columns = [(column_of(setting, measure), language) for setting, measure in named]
    found: dict[str, Any] = {}
    for (setting, measure), figure in zip(named, frame.estimate(columns, seeds, macro=macro), strict=True):
        if figure is not None:
            shown = figure if measure_of(measure).negative else figure.clipped()
            found.setdefault(setting, {})[measure] = shown.to_dict()
    return found


def along_figures(runs: Mapping[int, dict[str, Any]], evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return what was measured along the training: step, and figures over seeds by setting and measure."""
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
                    entry.setdefault(setting, {})[measure] = figure_of_seeds(values).to_dict()
        found.append(entry)
    return found
