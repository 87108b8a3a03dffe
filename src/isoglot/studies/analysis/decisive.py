"""Decisive comparisons: the effect, how sure it is, and a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from isoglot.evaluation.statistics import holm
from isoglot.measures import better_of, column_of
from isoglot.reporting.study.comparison import Comparison, Verdict
from isoglot.reporting.study.verdicts import sentence_of
from isoglot.studies.analysis.estimates import ArmResults, Frame, figure_of_seeds, paired_p_of_seeds, possible
from isoglot.studies.recipe import Decisive

__all__ = ["judge", "weigh_all"]

LEVEL = 0.05


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
    comparisons: Sequence[Decisive],
    arms: Mapping[str, ArmResults],
    frames: Mapping[str, Frame],
    left_out: Mapping[str, str],
) -> list[Comparison]:
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
        weighed[at] = weighed[at].model_copy(update={"p_holm": float(p)})
    judged = [_with_verdict(one) for one in weighed]
    return [one.model_copy(update={"sentence": sentence_of(one)}) for one in judged]


def _with_verdict(one: Comparison) -> Comparison:
    if one.difference is None:
        return one
    means = None if one.first_mean is None or one.second_mean is None else (one.first_mean, one.second_mean)
    verdict = judge(one.difference, one.low, one.high, one.p_holm, one.better, one.margin, means)
    expected = None if one.expect is None else EXPECTED[one.expect] == verdict
    if one.expect == "no difference" and verdict == "within margin":
        expected = True
    return one.model_copy(update={"verdict": verdict, "as_expected": expected})


def _weigh(
    one: Decisive, arms: Mapping[str, ArmResults], frames: Mapping[str, Frame], left_out: Mapping[str, str]
) -> Comparison:
    """Compare, before any correction."""

    def told(**found: Any) -> Comparison:
        return Comparison(
            **one.model_dump(exclude={"on", "better"}),
            evaluation=one.on,
            better=one.better or better_of(one.setting, one.measure) or "high",
            **found,
        )

    for name in (one.on, one.first, one.second):
        if name in left_out:
            return told(reason=f"{name} was left out: {left_out[name]}")
    both = [arms[name].results.get(one.on, {}) for name in (one.first, one.second)]
    seeds = sorted(both[0].keys() & both[1].keys())
    if not seeds:
        return told(reason="the two arms have no seed in common that was measured")
    sides = [[side[seed] for seed in seeds] for side in both]
    if one.setting == "geometry" and len(seeds) < 2:
        return told(reason="it has one value a seed, and one seed cannot be tested")
    if one.setting == "geometry":
        found_values = [[(result.geometry or {}).get(one.measure) for result in side] for side in sides]
        values = [[float(value) for value in side if value is not None] for side in found_values]
        if any(len(side) < len(seeds) for side in values):
            return told(reason=f"{one.on} does not allow to measure {one.measure}")
        differences = [a - b for a, b in zip(*values, strict=True)]
        figure, p, query_ids = figure_of_seeds(differences), paired_p_of_seeds(differences), None
        means: list[float | None] = [float(np.mean(side)) for side in values]
    else:
        column, frame = column_of(one.setting, one.measure), frames[one.on]
        per_query = [[result.per_query for result in side] for side in sides]
        found = frame.difference(column, one.language, *per_query) if frame.has(column) else None
        if found is None:
            where = f" in {one.language}" if one.language else ""
            return told(reason=f"{one.on} has no query{where} that {one.setting} {one.measure} applies to")
        figure, p, query_ids = found
        figures = [frame.estimate([(column, one.language)], side)[0] for side in per_query]
        means = [None if mean is None else mean.mean for mean in figures]
    figure = possible(figure, one.measure, difference=True)
    return told(
        first_mean=means[0],
        second_mean=means[1],
        difference=figure.mean,
        low=figure.low,
        high=figure.high,
        p=p,
        test="t over seeds" if one.setting == "geometry" else "randomisation over queries",
        query_ids=query_ids,
        seeds=len(seeds),
    )
