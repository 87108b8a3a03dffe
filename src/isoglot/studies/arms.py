"""Arms of a study, and their figures over several seeds with an interval."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from isoglot.errors import InputError
from isoglot.evaluation import Result

__all__ = ["Arm", "Estimate", "summarise"]


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
        low: lower end of the interval.
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


def _query_table(result: Result, setting: str, measure: str, ids: np.ndarray) -> np.ndarray:
    """Return (2, G): per query id the summed values and weights whose quotient, summed over ids, is the figure."""
    column = measure if setting == "bias" else f"{setting}_{measure}"
    if column not in result.per_query:
        raise InputError(f"the result of {result.model} has no values per query for {setting} {measure}")
    values = np.asarray(result.per_query[column], float)
    weights = result.per_query.get(f"{setting}_weight")
    weight = np.ones(len(values)) if weights is None else np.asarray(weights, float)
    weight = np.where(np.isnan(values), 0.0, weight)
    group = np.searchsorted(ids, result.per_query["query_id"].astype(str))
    sums = np.bincount(group, weight * np.nan_to_num(values), minlength=len(ids))
    return np.stack([sums, np.bincount(group, weight, minlength=len(ids))])


def summarise(arm: Arm, figures: list[tuple[str, str]], *, draws: int = 1000, seed: int = 0) -> list[Estimate]:
    """Estimate an arm's figures with 95 % intervals that hold for other seeds and other queries.

    Every bootstrap draw takes seeds and, independently, query ids (with all their language versions) at random
    with replacement: a hierarchical percentile bootstrap. With few seeds the spread over seeds is known only
    roughly, and so is the interval.

    Args:
        arm: its results carry values per query.
        figures: (setting, measure) of each figure.
        draws: bootstrap draws.
        seed: of the bootstrap.

    Raises:
        InputError: a result has no values per query for a figure, or the arm has no results.
    """
    if not arm.results:
        raise InputError(f"the arm {arm.name} has no results")
    rng = np.random.default_rng(seed)
    ids = np.unique(np.concatenate([r.per_query["query_id"].astype(str) for r in arm.results]))
    counts = rng.multinomial(len(ids), np.full(len(ids), 1 / len(ids)), size=draws).astype(float)
    seeds = len(arm.results)
    chosen = rng.multinomial(seeds, np.full(seeds, 1 / seeds), size=draws) / seeds
    estimates = []
    for setting, measure in figures:
        tables = [_query_table(result, setting, measure, ids) for result in arm.results]
        mean = float(np.mean([table[0].sum() / table[1].sum() for table in tables]))
        drawn = np.stack([(counts @ table[0]) / (counts @ table[1]) for table in tables], axis=1)
        low, high = np.percentile((drawn * chosen).sum(axis=1), [2.5, 97.5])
        estimates.append(Estimate(arm.name, setting, measure, mean, float(low), float(high), seeds))
    return estimates
