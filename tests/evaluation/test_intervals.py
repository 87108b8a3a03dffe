"""The bootstrap: against scipy, and against the slow way of drawing."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from isoglot.evaluation.statistics import (
    NORMAL_95,
    Averages,
    averages_of_others,
    bootstrap_intervals,
    draw_counts,
    error_of_average,
)


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


def uneven(rng: np.random.Generator, shares: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Query ids in languages, some of which have one or two queries: id and language pair of each value."""
    has = rng.random((120, len(shares))) < shares
    has[:, 0] = True
    ids, asked, found = np.nonzero(has[:, :, None] & has[:, None, :] & ~np.eye(len(shares), dtype=bool))
    return ids, asked * len(shares) + found


@pytest.mark.parametrize("spread", [0.0, 0.3])
def test_intervals_of_many_uneven_language_pairs_hold_what_is_sought(spread):
    """Of 120 samples from known means of 14 languages' pairs, of which many have one query. A bootstrap that keeps
    an undrawn pair as observed is right in about two thirds of them."""
    rng = np.random.default_rng(0)
    shares = np.geomspace(0.9, 0.012, 14)
    truth = rng.uniform(0.5 - spread, 0.5 + spread, 14 * 14)
    by_draws, by_error, misses, errors = 0, 0, [], []
    for trial in range(120):
        ids, pair = uneven(rng, shares)
        values = truth[pair] + rng.normal(0, 0.15, 120)[ids] + rng.normal(0, 0.2, len(ids))
        labels, column, sizes = np.unique(pair, return_inverse=True, return_counts=True)
        averages = Averages({"x": values}, ids, column)
        sought = truth[labels].mean()
        low, high = bootstrap_intervals(averages, 120, draws=60, seed=trial)["x"]
        by_draws += low <= sought <= high
        weights = 1 / (sizes[column] * len(sizes))
        error = error_of_average(values, averages_of_others(values, weights, ids, column), weights, ids)
        misses.append(averages.estimate()["x"] - sought)
        errors.append(error)
        by_error += abs(misses[-1]) <= NORMAL_95 * error
    assert by_draws / 120 >= 0.9
    assert by_error / 120 >= 0.92
    assert 0.9 < np.mean(errors) / np.std(misses) < 1.5


def test_one_query_id_that_makes_up_half_of_an_average_does_not_make_it_certain():
    """An id that alone has ten of twenty languages: its half is off by as much as any other id is."""
    rng = np.random.default_rng(0)
    ids = np.concatenate([np.repeat(0, 10), np.repeat(np.arange(1, 61), 10)])
    column = np.concatenate([np.arange(10), np.tile(np.arange(10, 20), 60)])
    weights = 1 / (np.bincount(column)[column] * 20)
    held = []
    for _ in range(400):
        values = 0.5 + rng.normal(0, 0.2, 61)[ids]
        error = error_of_average(values, averages_of_others(values, weights, ids, column), weights, ids)
        held.append(abs(weights @ values - 0.5) <= NORMAL_95 * error)
    assert 0.85 < np.mean(held) <= 1
