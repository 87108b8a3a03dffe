"""The bootstrap: against scipy, and against the slow way of drawing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from isoglot.evaluation.statistics import Averages, bootstrap_intervals, draw_counts


def test_a_simple_mean_agrees_with_scipy():
    values = np.random.default_rng(0).exponential(size=300)
    averages = Averages.plain({"x": values}, np.arange(300))
    low, high = bootstrap_intervals(averages, 300, draws=20_000)["x"]
    expected = bootstrap((values,), np.mean, n_resamples=20_000, method="percentile", rng=1).confidence_interval
    width = expected.high - expected.low
    assert low == pytest.approx(expected.low, abs=0.03 * width)
    assert high == pytest.approx(expected.high, abs=0.03 * width)
    assert averages.estimate()["x"] == pytest.approx(values.mean())


@pytest.mark.parametrize("reduce", ["mean", "gap"])
@pytest.mark.parametrize("columns", [3, 60])  # a dense and a sparse table
def test_draws_equal_repeating_the_rows(reduce, columns):
    rng = np.random.default_rng(0)
    ids, column = rng.integers(40, size=150), rng.integers(columns, size=150)
    values = rng.random(150)
    values[rng.random(150) < 0.2] = np.nan
    averages = Averages({"x": values}, ids, column, reduce)
    counts = next(draw_counts(40, 50, seed=1))
    found = averages.draw("x", [counts[:30], counts[30:]])
    kept = ~np.isnan(values)
    for draw, value in zip(counts.astype(int), found, strict=True):
        means = []
        for tag in np.unique(column[kept]):
            here = kept & (column == tag)
            repeated = np.repeat(values[here], draw[ids[here]])
            means.append(repeated.mean() if len(repeated) else values[here].mean())
        assert value == pytest.approx(np.mean(means) if reduce == "mean" else np.ptp(means))


def test_versions_of_a_query_are_drawn_together():
    # 30 query ids whose 10 versions agree: the interval is that of 30 observations, not of 300
    per_id = np.random.default_rng(0).random(30)
    ids = np.repeat(np.arange(30), 10)
    together = bootstrap_intervals(Averages.plain({"x": per_id[ids]}, ids), 30, draws=4000)["x"]
    single = bootstrap_intervals(Averages.plain({"x": per_id}, np.arange(30)), 30, draws=4000)["x"]
    assert together == pytest.approx(single)


def test_draws_do_not_depend_on_memory_and_repeat():
    whole = next(draw_counts(17, 40, seed=3))
    parts = np.concatenate(list(draw_counts(17, 40, seed=3, memory=1000)))
    np.testing.assert_array_equal(whole, parts)
    assert (whole.sum(axis=1) == 17).all()
    assert (next(draw_counts(17, 40, seed=4)) != whole).any()


def test_a_measure_that_applies_to_nothing_has_no_interval():
    averages = Averages.plain({"x": np.full(5, np.nan)}, np.arange(5))
    assert averages.estimate() == {"x": None}
    assert bootstrap_intervals(averages, 5, draws=10) == {"x": None}
