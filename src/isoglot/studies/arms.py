"""Arms of a study, and their figures over several seeds with an interval."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from isoglot.errors import InputError
from isoglot.evaluation import Result

__all__ = ["Arm", "Estimate", "summarise"]

NORMAL_95 = 1.959964  # a normal variable lies within so many standard errors with probability 0.95


@dataclass
class Arm:
    """One configuration, and what each of its seeds came to.

    Attributes:
        name: what the arm is called.
        results: one result per seed, all on the same collection.
    """

    name: str
    results: list[Result] = field(default_factory=list)


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and queries with its 95 % interval.

    Attributes:
        arm: the arm's name.
        setting: `monolingual`, `cross_lingual`, `multilingual` or `bias`.
        measure: such as `AP` or `rank_distance`.
        mean: mean over seeds.
        low: lower end of the interval, not below 0 where the measure cannot be.
        high: upper end.
        seeds: how many seeds.
    """

    arm: str
    setting: str
    measure: str
    mean: float
    low: float
    high: float
    seeds: int


def summarise(arm: Arm, figures: list[tuple[str, str]]) -> list[Estimate]:
    """Estimate an arm's figures, with 95 % intervals that allow for other queries and other seeds.

    The standard error has two parts: that of one result, from the bootstrap over queries it carries (the queries
    are the same for all seeds, so averaging over seeds does not lessen it), and that of the mean over seeds. The
    interval is the mean ± 1.96 standard errors. Of three seeds the spread is known only roughly.

    Args:
        arm: its results carry bootstrap intervals.
        figures: (setting, measure) of each figure.

    Raises:
        InputError: the arm has no results, or a result lacks a figure or its interval.
    """
    if not arm.results:
        raise InputError(f"the arm {arm.name} has no results")
    return [_estimate(arm, setting, measure) for setting, measure in figures]


def _estimate(arm: Arm, setting: str, measure: str) -> Estimate:
    values, query_errors = [], []
    for result in arm.results:
        value = (getattr(result, setting) or {}).get(measure)
        interval = ((result.intervals or {}).get(setting) or {}).get(measure)
        if value is None or interval is None:
            raise InputError(f"the result of {result.model} has no {setting} {measure} with an interval")
        values.append(value)
        query_errors.append((interval[1] - interval[0]) / (2 * NORMAL_95))
    mean = float(np.mean(values))
    seed_error = float(np.std(values, ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    spread = NORMAL_95 * math.sqrt(float(np.mean(np.square(query_errors))) + seed_error**2)
    low = mean - spread if measure.startswith("own_language_share") else max(mean - spread, 0.0)
    return Estimate(arm.name, setting, measure, mean, low, mean + spread, len(values))
