"""Paired tests: against scipy, and for what their averages are averages of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_helpers import make_collection
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import false_discovery_control, permutation_test

from isoglot.errors import InputError
from isoglot.evaluation import compare_all, compare_results, evaluate_embeddings
from isoglot.evaluation.statistics import holm, sign_flip_test


def scipy_p(differences: np.ndarray, draws: float) -> float:
    return permutation_test(
        (differences, np.zeros_like(differences)),
        lambda x, y, axis: (x - y).mean(axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=draws,
        rng=0,
    ).pvalue


@given(seed=st.integers(0, 10**6), levels=st.sampled_from([1, 8, 2**20]))
@settings(max_examples=20, deadline=None)
def test_exact_for_few_queries_as_scipy(seed, levels):
    # binary fractions: sums are exact, so that both see the same ties
    differences = (np.random.default_rng(seed).normal(0.3, 1, (9, 2)) * levels).round() / levels
    found = sign_flip_test(differences)
    for column in range(2):
        assert found[column] == pytest.approx(scipy_p(differences[:, column], np.inf))


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2])
def test_many_queries_as_scipy(shift):
    differences = np.random.default_rng(1).normal(shift, 1, 200)
    found = sign_flip_test(differences[:, None], draws=20_000)[0]
    assert found == pytest.approx(scipy_p(differences, 20_000), abs=0.015)


def test_no_difference():
    assert sign_flip_test(np.zeros((50, 1)))[0] == 1
    assert sign_flip_test(np.zeros((5, 1)))[0] == 1


def test_holm_by_hand():
    assert holm(np.array([0.01, 0.04, 0.03])) == pytest.approx([0.03, 0.06, 0.06])
    assert holm(np.array([0.5, 0.9])) == pytest.approx([1, 1])
    p = np.random.default_rng(0).random(20) / 10
    assert (holm(p) >= false_discovery_control(p)).all()  # it is stricter than Benjamini-Hochberg


def two_results(seed=0, noise=0.3, languages=3):
    collection = make_collection(seed, languages, ids=30, documents=60)
    rng = np.random.default_rng(seed)
    q = rng.standard_normal((len(collection.query_index), 8))
    d = rng.standard_normal((60, 8))
    options = {"bootstrap": 0, "geometry": False}
    first = evaluate_embeddings(q, d, collection, **options, name="first")
    second = evaluate_embeddings(q + noise * rng.standard_normal(q.shape), d, collection, **options, name="second")
    return first, second


def test_averages_are_those_of_the_results():
    first, second = two_results()
    found = {row.measure: row for row in compare_results(first, second, draws=200)}
    for setting in ("monolingual", "cross_lingual", "multilingual"):
        for name in ("AP", "nDCG@10", "R@5"):
            row = found[f"{setting}_{name}"]
            assert row.first == pytest.approx(first.__dict__[setting][name])
            assert row.second == pytest.approx(second.__dict__[setting][name])
            assert row.difference == pytest.approx(row.second - row.first)
    assert found["rank_distance"].first == pytest.approx(first.bias["rank_distance"])
    assert all(row.p_holm >= row.p for row in found.values())


def test_effect_size_by_hand():
    first, second = two_results()
    row = compare_results(first, second, ["multilingual_AP"], draws=200)[0]
    a, b = (result.per_query["multilingual_AP"] for result in (first, second))
    ids = first.per_query["query_id"]
    sums = np.array([(b - a)[ids == name].sum() for name in np.unique(ids)])
    assert row.effect_size == pytest.approx(sums.mean() / sums.std(ddof=1))
    assert row.query_ids == len(sums)


def test_a_result_against_itself():
    first, _ = two_results()
    for row in compare_results(first, first, draws=100):
        assert (row.p, row.p_holm, row.effect_size, row.difference) == (1, 1, None, 0)


@pytest.mark.parametrize("macro", [False, True])
def test_what_one_language_has_twice_is_tested_once(macro, caplog):
    first, second = two_results(languages=1)
    options = {"draws": 500, "macro": macro}
    with caplog.at_level("INFO"):
        found = compare_all({"a": first, "b": second}, ["AP", "R@5", "RR@10"], by_language=True, **options)
    assert [(one.language, one.setting, one.measure) for one in found] == [
        (None, "monolingual", name) for name in ("AP", "R@5", "RR@10")
    ]
    columns = [f"multilingual_{one.measure}" for one in found]
    p = [one.p for one in compare_results(first, second, columns, **options)]
    assert [one.p_holm for one in found] == pytest.approx(holm(np.array(p)))  # of three tests, and not of six
    assert "tested once: AP, R@5, RR@10" in caplog.text
    (asked,) = compare_all({"a": first, "b": second}, ["multilingual_AP"], **options)
    assert (asked.setting, asked.p_holm) == ("multilingual", found[0].p)


def test_what_differs_in_one_result_alone_is_tested():
    first, second = two_results(languages=1)
    searched = replace(second, per_query=dict(second.per_query))
    searched.per_query["multilingual_AP"] = second.per_query["multilingual_AP"] * 0.9  # as of an index that misses
    found = compare_all({"a": first, "b": searched}, ["AP"], draws=100)
    assert [one.setting for one in found] == ["multilingual", "monolingual"]
    several = compare_all(dict(zip("ab", two_results(), strict=True)), ["AP"], draws=100)
    assert [one.setting for one in several] == ["multilingual", "monolingual", "cross_lingual"]


def test_results_that_cannot_be_compared():
    first, second = two_results()
    other, _ = two_results(seed=1)
    with pytest.raises(InputError, match="different queries"):
        compare_results(first, other)
    with pytest.raises(InputError, match="do not both have"):
        compare_results(first, second, ["AP"])
    second.per_query = {}
    with pytest.raises(InputError, match="no values per query"):
        compare_results(first, second)
