"""Paired comparison of two results on the same queries: randomisation tests with Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.errors import InputError
from isoglot.evaluation.result import Result
from isoglot.measures import SETTINGS

__all__ = ["Comparison", "compare_results", "holm", "row_weights", "sign_flip_test"]

FloatArray = NDArray[np.float64]

CHUNK = 1 << 23
"""Signs drawn at a time: 64 MB as float64."""


def sign_flip_test(differences: FloatArray, *, draws: int = 10_000, seed: int = 0) -> FloatArray:
    """Test whether paired differences are symmetric about 0, by flipping their signs at random.

    The statistic is the sum of differences; two-sided. All 2^n patterns are tried where there are at most `draws`
    of them, which makes the test exact; else the p-value is (hits + 1) / (draws + 1), never 0. Known as Fisher's
    randomisation test; recommended for retrieval by Smucker, Allan and Carterette (CIKM 2007).

    Args:
        differences: (n, m), independent rows, m measures, each tested on its own with the same signs.
        draws: number of random sign patterns.
        seed: of the patterns.

    Returns:
        (m,) p-values; 1 where all differences are 0.
    """
    count = len(differences)
    observed = np.abs(differences.sum(axis=0))
    # equal sums of the same numbers may round differently
    least = observed - 1e-12 * np.abs(differences).sum(axis=0)
    exact = count < 63 and 2**count <= draws
    total = 2**count if exact else draws
    generator = np.random.default_rng(seed)
    hits = np.zeros(differences.shape[1])
    step = max(1, CHUNK // max(count, 1))
    for start in range(0, total, step):
        rows = min(step, total - start)
        if exact:
            bits = (np.arange(start, start + rows)[:, None] >> np.arange(count)) & 1
        else:
            bits = generator.integers(0, 2, size=(rows, count), dtype=np.int8)
        sums = (2.0 * bits - 1) @ differences
        hits += (np.abs(sums) >= least).sum(axis=0)
    p: FloatArray = hits / total if exact else (hits + 1) / (total + 1)
    return p


def holm(p_values: FloatArray) -> FloatArray:
    """Adjust p-values (m,) so that the chance of any false finding among them stays bounded (Holm 1979)."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    adjusted = np.empty(count)
    adjusted[order] = np.minimum(np.maximum.accumulate(p_values[order] * np.arange(count, 0, -1)), 1)
    return adjusted


@dataclass(frozen=True)
class Comparison:
    """One measure of two results on the same queries.

    Attributes:
        measure: column of `Result.per_query`, such as `multilingual_AP` or `rank_distance`.
        first: its average in the first result.
        second: its average in the second result.
        difference: second minus first.
        p: of the paired randomisation test over query ids.
        p_holm: the same, corrected for the number of measures compared.
        effect_size: mean over standard deviation of the paired differences of query ids (Cohen's d_z); None
            where all are equal.
        query_ids: how many query ids the measure applies to.
    """

    measure: str
    first: float
    second: float
    difference: float
    p: float
    p_holm: float
    effect_size: float | None
    query_ids: int


def row_weights(per_query: dict[str, Any], measure: str, macro: bool = False) -> FloatArray:
    """Return what each query row (q,) contributes to the average of a measure; sums to 1.

    Args:
        per_query: as `Result.per_query`.
        measure: column of it.
        macro: of multilingual and bias values the average over query languages, as in `Result.macro`.

    Returns:
        (q,) float64; all 0 where the measure applies to no query.
    """
    values = per_query[measure]
    applies = ~np.isnan(values)
    setting = next((name for name in SETTINGS if measure.startswith(f"{name}_")), None)
    column = per_query.get(f"{setting}_weight")
    if column is None:
        column = np.ones(len(values))
        if macro:
            _, language = np.unique(per_query["lang"], return_inverse=True)
            column /= np.maximum(np.bincount(language, applies), 1)[language]
    weights = np.where(applies, column, 0.0)
    total = weights.sum()
    return weights / total if total else weights


def _check_same_queries(first: Result, second: Result) -> None:
    for result in (first, second):
        if not result.per_query:
            raise InputError(
                f"the result of {result.model} has no values per query: keep F.queries.parquet next to F.json, "
                "or evaluate again"
            )
    for column in ("query_id", "lang"):
        if not np.array_equal(first.per_query[column], second.per_query[column]):
            raise InputError(
                f"{first.model} and {second.model} were evaluated on different queries "
                f"({first.collection}, {second.collection}): evaluate both on the same collection and split"
            )


def compare_results(
    first: Result,
    second: Result,
    measures: Sequence[str] | None = None,
    *,
    macro: bool = False,
    draws: int = 10_000,
    seed: int = 0,
) -> list[Comparison]:
    """Compare two results of the same collection, measure by measure, over query ids.

    A query id, with all its language versions, is one observation. Averages are those of the result file (macro
    averages for monolingual and cross-lingual measures): every row carries the weight that it has there.

    Args:
        first: the result to compare with.
        second: the other one.
        measures: columns of `per_query`; by default all measures that both results have.
        macro: average multilingual and bias values over query languages, as in `Result.macro`.
        draws: number of random sign patterns.
        seed: of the patterns.

    Returns:
        One comparison per measure that applies to some query, Holm-corrected across all of them.

    Raises:
        InputError: values per query are missing, the queries differ, or a measure is in only one of the results.
    """
    _check_same_queries(first, second)
    left, right = first.per_query, second.per_query
    if measures is None:
        skipped = {"row", "query_id", "lang", *(f"{name}_weight" for name in SETTINGS)}
        measures = [name for name in left if name in right and name not in skipped]
    for name in measures:
        if name not in left or name not in right:
            raise InputError(f"the results do not both have the measure {name!r}; they share {', '.join(left)}")
    labels, ids = np.unique(left["query_id"], return_inverse=True)
    kept, differences, means, sizes = [], [], [], []
    for name in measures:
        weights = row_weights(left, name, macro)
        if not weights.any() or not np.array_equal(np.isnan(left[name]), np.isnan(right[name])):
            continue
        a, b = (np.nan_to_num(side[name]) * weights for side in (left, right))
        kept.append(name)
        differences.append(np.bincount(ids, b - a, minlength=len(labels)))
        means.append((float(a.sum()), float(b.sum())))
        sizes.append(np.bincount(ids, weights, minlength=len(labels)) > 0)
    if not kept:
        return []
    table = np.stack(differences, axis=1).astype(np.float64)
    p_values = sign_flip_test(table, draws=draws, seed=seed)
    adjusted = holm(p_values)
    found = []
    for at, name in enumerate(kept):
        applies = table[sizes[at], at]
        deviation = float(applies.std(ddof=1)) if len(applies) > 1 else 0.0
        found.append(
            Comparison(
                measure=name,
                first=means[at][0],
                second=means[at][1],
                difference=means[at][1] - means[at][0],
                p=float(p_values[at]),
                p_holm=float(adjusted[at]),
                effect_size=float(applies.mean()) / deviation if deviation > 0 else None,
                query_ids=int(sizes[at].sum()),
            )
        )
    return found
