"""Values per query of several seeds: their mean, how sure it is, and tests of differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from isoglot.evaluation import Result
from isoglot.evaluation.compare import row_weights
from isoglot.evaluation.statistics import draw_counts, sign_flip_test
from isoglot.studies.arms import NORMAL_95

__all__ = ["Figure", "Frame", "figure_of_seeds", "paired_p_of_seeds"]

FloatArray = NDArray[np.float64]

DRAWS = 1000
LEVEL = 0.95


@dataclass(frozen=True)
class Figure:
    """A mean over seeds, with its 95 % interval.

    Attributes:
        mean: over seeds.
        low: lower end; None where one seed alone gives no interval.
        high: upper end.
        seeds: the value of each seed.
    """

    mean: float
    low: float | None
    high: float | None
    seeds: tuple[float, ...]

    def clipped(self) -> Figure:
        """Return the same with an interval that does not go below 0."""
        return self if self.low is None else Figure(self.mean, max(self.low, 0.0), self.high, self.seeds)

    def to_dict(self) -> dict[str, Any]:
        """Return what the result file holds."""
        return {"mean": self.mean, "low": self.low, "high": self.high, "seeds": list(self.seeds)}


def figure_of_seeds(values: Sequence[float]) -> Figure:
    """Estimate a value that each seed has one of, and no queries: by Student's t over seeds."""
    mean = float(np.mean(values))
    if len(values) < 2:
        return Figure(mean, None, None, tuple(values))
    spread = (
        float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1))
        * float(np.std(values, ddof=1))
        / math.sqrt(len(values))
    )
    return Figure(mean, mean - spread, mean + spread, tuple(values))


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

        The standard error has two parts, as in `summarise`: that over queries, from a bootstrap of the values
        averaged over seeds (queries are the same for all seeds), and that over seeds. The interval is the mean ±
        1.96 standard errors.

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
            figures.append(Figure(mean, mean - spread, mean + spread, tuple(float(value) for value in of_seeds)))
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
