"""Decisive comparisons: the effect, how sure it is, and a verdict."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

import numpy as np

from isoglot.evaluation.statistics import holm
from isoglot.measures import better_of, column_of
from isoglot.studies.analysis.arm_results import ArmResults
from isoglot.studies.analysis.frame import Figure, Frame, figure_of_seeds, paired_p_of_seeds
from isoglot.studies.recipe import Decisive

__all__ = ["Verdict", "Weighed", "judge", "weigh_all"]

Verdict = Literal["first better", "second better", "no difference shown", "within margin", "not measured"]

LEVEL = 0.05


@dataclass(frozen=True)
class Weighed:
    """A decisive comparison and what came of it; the attributes are the keys of the result file.

    Attributes:
        first: an arm.
        second: another.
        evaluation: what they were measured on.
        setting: of the measure.
        measure: the measure.
        language: only queries of it; None for all.
        better: which values are good.
        margin: differences up to this do not matter.
        expect: what the hypothesis says.
        first_mean: mean of the first arm over the seeds that both have.
        second_mean: of the second.
        difference: first minus second.
        low: lower end of its 95 % interval.
        high: upper end.
        p: of the test.
        p_holm: the same, corrected for all decisive comparisons of the study.
        test: `randomisation over queries` or `t over seeds`.
        query_ids: how many queries, a query with all its language versions counting once.
        seeds: how many seeds.
        verdict: what came of it.
        as_expected: whether the hypothesis said so; None where it says nothing, or nothing was measured.
        reason: why nothing was measured.
    """

    first: str
    second: str
    evaluation: str
    setting: str
    measure: str
    language: str | None
    better: str
    margin: float | None
    expect: str | None
    first_mean: float | None = None
    second_mean: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    p_holm: float | None = None
    test: str | None = None
    query_ids: int | None = None
    seeds: int = 0
    verdict: Verdict = "not measured"
    as_expected: bool | None = None
    reason: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return what the result file holds."""
        return asdict(self)


def judge(
    difference: float,
    low: float | None,
    high: float | None,
    p_holm: float | None,
    better: str,
    margin: float | None,
    means: tuple[float, float] | None = None,
) -> Verdict:
    """Say what a difference, first minus second, comes to.

    Where values close to 0 are good, it says nothing of two arms on either side of 0.

    An interval that lies within ± margin says that the difference does not matter, whatever the test says.
    Otherwise an arm is better where both the corrected test and the interval say so: the test knows of other
    queries alone, the interval of other seeds too.
    """
    if margin is not None and low is not None and high is not None and -margin <= low and high <= margin:
        return "within margin"
    clear = low is not None and high is not None and (low > 0 or high < 0)
    if p_holm is None or p_holm >= LEVEL or not clear:
        return "no difference shown"
    if better == "zero":
        if means is None or means[0] * means[1] < 0:
            return "no difference shown"
        return "first better" if abs(means[0]) < abs(means[1]) else "second better"
    return "first better" if (difference > 0) == (better == "high") else "second better"


EXPECTED = {
    "first": "first better",
    "second": "second better",
    "within margin": "within margin",
    "no difference": "no difference shown",
}


def weigh_all(
    comparisons: list[Decisive], arms: dict[str, ArmResults], frames: dict[str, Frame], left_out: dict[str, str]
) -> list[Weighed]:
    """Weigh all decisive comparisons of a study; one Holm correction holds for all of them.

    Args:
        comparisons: of the recipe.
        arms: the results of each arm that was run.
        frames: the queries of each evaluation that was measured.
        left_out: arms and evaluations that were not -> why.
    """
    weighed = [_weigh(one, arms, frames, left_out) for one in comparisons]
    tested = [at for at, one in enumerate(weighed) if one.p is not None]
    corrected = holm(np.array([weighed[at].p for at in tested], dtype=np.float64)) if tested else np.empty(0)
    for at, p in zip(tested, corrected, strict=True):
        weighed[at] = replace(weighed[at], p_holm=float(p))
    return [_with_verdict(one) for one in weighed]


def _with_verdict(one: Weighed) -> Weighed:
    if one.difference is None:
        return one
    means = None if one.first_mean is None or one.second_mean is None else (one.first_mean, one.second_mean)
    verdict = judge(one.difference, one.low, one.high, one.p_holm, one.better, one.margin, means)
    expected = None if one.expect is None else EXPECTED[one.expect] == verdict
    if one.expect == "no difference" and verdict == "within margin":
        expected = True
    return replace(one, verdict=verdict, as_expected=expected)


def _weigh(
    one: Decisive, arms: dict[str, ArmResults], frames: dict[str, Frame], left_out: dict[str, str]
) -> Weighed:
    """Compare, before any correction."""
    empty = Weighed(
        one.first,
        one.second,
        one.on,
        one.setting,
        one.measure,
        one.language,
        str(one.better or better_of(one.setting, one.measure)),
        one.margin,
        one.expect,
    )
    for name in (one.on, one.first, one.second):
        if name in left_out:
            return replace(empty, reason=f"{name} was left out: {left_out[name]}")
    both = [arms[name].results.get(one.on, {}) for name in (one.first, one.second)]
    seeds = sorted(both[0].keys() & both[1].keys())
    if not seeds:
        return replace(empty, reason="the two arms have no seed in common that was measured")
    first, second = ([side[seed] for seed in seeds] for side in both)
    if one.setting == "geometry" and len(seeds) < 2:
        return replace(empty, reason="it has one value a seed, and one seed cannot be tested")
    if one.setting == "geometry":
        found_values = [[(result.geometry or {}).get(one.measure) for result in side] for side in (first, second)]
        values = [[float(value) for value in side if value is not None] for side in found_values]
        if any(len(side) < len(seeds) for side in values):
            return replace(empty, reason=f"{one.on} does not allow to measure {one.measure}")
        differences = [a - b for a, b in zip(*values, strict=True)]
        figure: Figure = figure_of_seeds(differences)
        return replace(
            empty,
            first_mean=float(np.mean(values[0])),
            second_mean=float(np.mean(values[1])),
            difference=figure.mean,
            low=figure.low,
            high=figure.high,
            p=paired_p_of_seeds(differences),
            test="t over seeds",
            seeds=len(seeds),
        )
    column, frame = column_of(one.setting, one.measure), frames[one.on]
    sides = [[result.per_query for result in side] for side in (first, second)]
    found = frame.difference(column, one.language, *sides) if frame.has(column) else None
    if found is None:
        where = f" in {one.language}" if one.language else ""
        return replace(empty, reason=f"{one.on} has no query{where} that {one.setting} {one.measure} applies to")
    figure, p, query_ids = found
    means = [frame.estimate([(column, one.language)], side)[0] for side in sides]
    return replace(
        empty,
        first_mean=means[0].mean if means[0] else None,
        second_mean=means[1].mean if means[1] else None,
        difference=figure.mean,
        low=figure.low,
        high=figure.high,
        p=p,
        test="randomisation over queries",
        query_ids=query_ids,
        seeds=len(seeds),
    )
