"""Statistics over queries: averages, their bootstrap intervals, and paired randomisation tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

__all__ = [
    "NORMAL_95",
    "Averages",
    "averages_of_others",
    "bootstrap_intervals",
    "draw_counts",
    "error_of_average",
    "holm",
    "sign_flip_test",
]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float64]

DENSE_FROM = 0.1
"""From what share of filled cells a dense matrix product is faster than a sparse one (measured)."""

LEVEL = 0.95
"""Of intervals."""

NORMAL_95 = 1.959964
"""A normal variable lies within so many standard errors with probability 0.95."""

CHUNK = 1 << 23
"""Signs drawn at a time: 64 MB as float64."""


@dataclass(frozen=True)
class Averages:
    """Several measures that are averaged alike: within columns (language pairs, say), then over columns.

    Attributes:
        values: measure name -> (n,) float64; NaN where the measure does not apply, which then does not count.
        query_ids: (n,) query id index of each value: what a bootstrap draws.
        columns: (n,) the column of each value; all 0 for a plain mean.
        reduce: `mean` over columns (macro average), or `gap`: best minus worst column, undefined where all are 0.
    """

    values: dict[str, FloatArray]
    query_ids: IntArray
    columns: IntArray
    reduce: Literal["mean", "gap"] = "mean"

    @classmethod
    def plain(cls, values: dict[str, FloatArray], query_ids: IntArray) -> Averages:
        """Return averages that are plain means over values."""
        return cls(values, query_ids, np.zeros(len(query_ids), np.int64))

    def where(self, mask: NDArray[np.bool_]) -> Averages:
        """Keep the values (n,) of a mask (n,) only."""
        kept = {name: values[mask] for name, values in self.values.items()}
        return Averages(kept, self.query_ids[mask], self.columns[mask], self.reduce)

    def estimate(self) -> dict[str, float | None]:
        """Average every measure; None where it applies to no query (for a gap: to fewer than two columns)."""
        means = {name: float(self.draw(name, [None])[0]) for name in self.values}
        return {name: None if np.isnan(mean) else mean for name, mean in means.items()}

    def draw(self, name: str, chunks: Iterable[NDArray[Any] | None]) -> FloatArray:
        """Average a measure with every query id counted so many times as a bootstrap has drawn it.

        A column of which nothing was drawn keeps its observed value: leaving it out would shift the average
        towards larger columns, away from the value whose interval is sought.

        Args:
            name: the measure.
            chunks: arrays (draws, G) of how often each query id was drawn; None for every id once.

        Returns:
            (all draws,) float64; NaN where the measure applies to nothing (for a gap: to fewer than two
            columns, or where all values are 0).
        """
        applies = ~np.isnan(self.values[name])
        values = self.values[name][applies]
        ids = self.query_ids[applies]
        labels, columns = np.unique(self.columns[applies], return_inverse=True)
        width = len(labels)
        if width < (1 if self.reduce == "mean" else 2) or (self.reduce == "gap" and not values.any()):
            return np.concatenate([np.full(1 if counts is None else len(counts), np.nan) for counts in chunks])
        observed = np.bincount(columns, values) / np.bincount(columns)
        sums = _Table(ids, columns, values)
        sizes = _Table(ids, columns, np.ones(len(values)))
        drawn = []
        for counts in chunks:
            means = observed[None]
            if counts is not None:
                size = sizes.weighted(counts)
                means = np.where(size > 0.5, sums.weighted(counts) / np.maximum(size, 1), observed)
            drawn.append(means.mean(axis=1) if self.reduce == "mean" else np.ptp(means, axis=1))
        return np.concatenate(drawn)


class _Table:
    """Sums of values by query id and column, (G, C), dense or sparse."""

    def __init__(self, ids: IntArray, columns: IntArray, values: FloatArray) -> None:
        self.shape = (int(ids.max()) + 1, int(columns.max()) + 1)
        self.table: Any
        if len(values) > DENSE_FROM * self.shape[0] * self.shape[1]:
            cells = ids.astype(np.int64) * self.shape[1] + columns
            self.table = np.bincount(cells, values, minlength=self.shape[0] * self.shape[1]).reshape(self.shape)
        else:
            self.table = csr_array((values, (columns, ids)), shape=self.shape[::-1])

    def weighted(self, counts: NDArray[Any]) -> FloatArray:
        """Sum over query ids, each counted (draws, G) times: (draws, C)."""
        counts = counts[:, : self.shape[0]]
        product: FloatArray = (
            counts @ self.table if isinstance(self.table, np.ndarray) else (self.table @ counts.T).T
        )
        return product


def draw_counts(query_ids: int, draws: int, seed: int, memory: int = 64 * 2**20) -> Iterator[NDArray[np.float64]]:
    """Draw query ids with replacement, some draws at a time.

    Args:
        query_ids: G, how many there are, and how many each draw takes.
        draws: number of draws.
        seed: equal seeds draw the same, whatever `memory` is.
        memory: bytes of one yielded array.

    Yields:
        (some draws, G): how often each query id was drawn.
    """
    generator = np.random.default_rng(seed)
    step = max(1, memory // (8 * max(query_ids, 1)))
    for start in range(0, draws, step):
        counts = np.empty((min(step, draws - start), query_ids))
        for row in counts:
            row[:] = np.bincount(generator.integers(query_ids, size=query_ids), minlength=query_ids)
        yield counts


def bootstrap_intervals(
    averages: Averages, ids: int, draws: int = 1000, seed: int = 0
) -> dict[str, list[float] | None]:
    """Return the 95 % percentile bootstrap interval of every average.

    Query ids are drawn, each with all its language versions, since these are no independent observations;
    macro averages and gaps are computed anew in every draw (Efron and Tibshirani 1993; for retrieval, Sakai
    2006). The interval of a macro average is widened to the standard error of `error_of_average` where that is
    larger, as it is with columns of few queries.

    Args:
        averages: what to draw again.
        ids: G, the number of query ids; `averages.query_ids` are below it.
        draws: number of bootstrap samples, at least 1.
        seed: equal seeds draw the same query ids, for any averages and any model.

    Returns:
        measure -> [low, high], or None where it applies to fewer than two query ids.
    """
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found: dict[str, list[float] | None] = {}
    for name in averages.values:
        if len(np.unique(averages.query_ids[~np.isnan(averages.values[name])])) < 2:
            found[name] = None  # every draw would be the same, and the interval as narrow as if all were known
            continue
        drawn = averages.draw(name, draw_counts(ids, draws, seed))
        found[name] = None if np.isnan(drawn[0]) else _calibrated(averages, name, np.quantile(drawn, edges))
    return found


def _calibrated(averages: Averages, name: str, ends: FloatArray) -> list[float]:
    """Widen an interval of a macro average as far as draws of small columns fall short of it.

    A column of one or two values is as it was observed in most draws, and so seems certain: with many such columns
    a 95 % interval of the draws holds the value sought in two cases of three.
    """
    if averages.reduce == "gap" or len(np.unique(averages.columns)) < 2:
        return [float(end) for end in ends]
    applies = ~np.isnan(averages.values[name])
    values, ids, columns = averages.values[name][applies], averages.query_ids[applies], averages.columns[applies]
    _, column, sizes = np.unique(columns, return_inverse=True, return_counts=True)
    weights, means = 1 / (sizes[column] * len(sizes)), np.bincount(column, values) / sizes
    mean, count = float(means.mean()), len(np.unique(ids))
    error = error_of_average(values, averages_of_others(values, weights, ids, column), weights, ids)
    if error is None:
        return [float(end) for end in ends]
    error *= np.sqrt((count - 1) / count)  # as draws have it where every column has every query id
    of_draws = float(np.linalg.norm(np.bincount(ids, weights * (values - means[column]))))
    if error <= of_draws * (1 + 1e-9):
        return [float(end) for end in ends]
    wide = mean + (ends - mean) * error / of_draws if of_draws else mean + np.array([-1, 1]) * NORMAL_95 * error
    return [float(end) for end in np.clip(wide, values.min(), values.max())]


def averages_of_others(
    values: FloatArray, weights: FloatArray, query_ids: IntArray, columns: IntArray
) -> FloatArray:
    """Return what is to be expected of each value (n,) by others: the average of its column without its query id.

    Where a column has no other query id it is the average of all. Linear in the values.

    Args:
        values: (n,) values.
        weights: (n,) what each contributes to the average of all.
        query_ids: (n,) query id index of each.
        columns: (n,) column of each, a language pair for example.
    """
    if not len(values):
        return values
    _, groups = np.unique(np.stack([columns, query_ids]), axis=1, return_inverse=True)
    groups = groups.reshape(-1)
    weighted = weights * values
    left = np.bincount(columns, weights)[columns] - np.bincount(groups, weights)[groups]
    rest = np.bincount(columns, weighted)[columns] - np.bincount(groups, weighted)[groups]
    alone = left <= 1e-9 * np.bincount(columns, weights)[columns]
    total = weights.sum()
    found: FloatArray = np.where(alone, weighted.sum() / total if total else 0.0, rest / np.where(alone, 1.0, left))
    return found


def error_of_average(
    values: FloatArray, others: FloatArray, weights: FloatArray, query_ids: IntArray
) -> float | None:
    """Return the standard error of a weighted average over query ids; None of a single one.

    Of equal weights it is the jackknife's (Efron and Stein 1981). Where a few query ids make up much of the
    average, being the only ones of many language pairs, their own deviations say little of how far such ones may be
    off: the deviations of all are then pooled, by weight. A bootstrap takes a pair of one query to be certain.

    Args:
        values: (n,) values.
        others: (n,) of `averages_of_others`.
        weights: (n,) what each value contributes; they sum to 1.
        query_ids: (n,) query id index of each.
    """
    labels, ids = np.unique(query_ids, return_inverse=True)
    count = len(labels)
    if count < 2:
        return None
    shares = np.bincount(ids, weights)
    deviations = np.bincount(ids, weights * (values - others)) / shares
    return float(np.sqrt((count - 1) / count * (shares**2).sum() * (shares * deviations**2).sum()))


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
