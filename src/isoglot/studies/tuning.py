"""Tuning: as many trials for every arm, on a development set, and the best one's settings for its runs."""

from __future__ import annotations

from collections.abc import Collection as Container
from collections.abc import Sequence
from typing import Any

from isoglot.evaluation import Result
from isoglot.measures import SETTINGS, better_of, goodness
from isoglot.studies.job import Job, Workshop
from isoglot.studies.plan import Plan
from isoglot.studies.recipe import Evaluation, Overrides, Tuning

__all__ = ["choose", "trial_evaluation"]

TRIAL = "tuning"


def trial_evaluation(tuning: Tuning) -> Evaluation:
    """Return what trials are measured by."""
    ranked = tuning.setting in SETTINGS
    return Evaluation(
        name=TRIAL,
        data=tuning.data,
        measures=[tuning.measure] if ranked else ["AP"],
        geometry=tuning.setting == "geometry",
        rank_correlation=tuning.measure == "rank_correlation",
    )


def choose(
    plan: Plan, trials: Sequence[Job], failed: Container[str], workshop: Workshop
) -> tuple[dict[str, dict[str, Any]], dict[str, Overrides]]:
    """Choose the best trial of every arm; of equal ones the first.

    Args:
        plan: of the study.
        trials: all runs of tuning.
        failed: names of those that failed.
        workshop: of the study.

    Returns:
        arm -> what the result file says: `measure`, `trials` (settings and value, None where it failed) and
        `chosen`; and arm -> the settings chosen. Arms of which all trials failed have none.
    """
    tuning = plan.profile.tuning
    if tuning is None:
        return {}, {}
    better = better_of(tuning.setting, tuning.measure)
    told: dict[str, dict[str, Any]] = {}
    chosen: dict[str, Overrides] = {}
    for name, planned in plan.arms.items():
        if not planned.trials:
            continue
        values = [
            None if job.name in failed else _value(job, tuning, workshop) for job in trials if job.arm == name
        ]
        best = max(
            (number for number, value in enumerate(values) if value is not None),
            key=lambda number: goodness(float(values[number] or 0.0), better),
            default=None,
        )
        if best is not None:
            chosen[name] = planned.trials[best]
        told[name] = {
            "on": tuning.data,
            "setting": tuning.setting,
            "measure": tuning.measure,
            "trials": [
                {"settings": settings, "value": value}
                for settings, value in zip(planned.trials, values, strict=True)
            ],
            "chosen": chosen.get(name),
        }
    return told, chosen


def _value(job: Job, tuning: Tuning, workshop: Workshop) -> float | None:
    result = Result.from_json(workshop.runs / job.name / f"{TRIAL}.json")
    value = (getattr(result, tuning.setting) or {}).get(tuning.measure)
    return None if value is None else float(value)
