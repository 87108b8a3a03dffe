"""Fair rankings: the order within a language stays, languages are merged as each method promises."""

from __future__ import annotations

from fractions import Fraction
from itertools import permutations
from math import ceil

import numpy as np
import pytest
from evaluation_helpers import ranking
from hypothesis import assume, example, given
from hypothesis import strategies as st

from isoglot.errors import InputError
from isoglot.evaluation.fair import FAIR, PRIOR, Calibration, fair_ranking, fit_calibration, merge_best
from isoglot.evaluation.measures import RankedRelevance, compute_measures

LANGUAGES = 4
plain = st.integers(-3, 3).map(float) | st.floats(-1e6, 1e6, allow_nan=False)
extreme = st.floats(allow_nan=False, allow_infinity=False)
methods = st.sampled_from(FAIR)
calibrations = st.none() | st.builds(
    lambda pairs: Calibration(*(np.array(side) for side in zip(*pairs, strict=True))),
    st.lists(st.tuples(plain | st.just(np.nan), st.floats(0, 10) | st.just(np.nan)), min_size=1, max_size=5),
)
pool_sizes = st.none() | st.lists(st.integers(0, 30), min_size=1, max_size=5).map(np.array)


def candidates(scores=plain, most: int = 25, languages: int = LANGUAGES):
    """Scores (n,) and language codes (n,) of the candidates of one query, ties among them."""
    each = st.lists(st.tuples(scores, st.integers(0, languages - 1)), max_size=most)
    return each.map(lambda rows: (np.array([s for s, _ in rows], float), np.array([c for _, c in rows], int)))


@given(candidates(plain | extreme), methods, calibrations, pool_sizes)
@example((np.array([1e308, -1e308, 5e-324, 0.0]), np.array([0, 0, 1, 1])), "calibrate", None, None)
@example((np.array([0.1, 0.1 + 2**-55, 1e9]), np.array([1, 1, 0])), "calibrate", None, None)
def test_every_ranking_has_all_candidates_and_the_old_order_within_each_language(given_, method, known, sizes):
    scores, languages = given_
    order, new = fair_ranking(scores, languages, method, known=known, sizes=sizes)
    assert sorted(order.tolist()) == list(range(len(scores)))
    old = ranking(scores)
    for language in range(LANGUAGES):
        assert order[languages[order] == language].tolist() == old[languages[old] == language].tolist()
    assert np.isfinite(new).all()
    assert (np.diff(new[order]) <= 0).all()


@given(candidates(languages=1), methods, calibrations, pool_sizes)
def test_candidates_of_one_language_rank_as_before(given_, method, known, sizes):
    scores, languages = given_
    order, _ = fair_ranking(scores, languages + 2, method, known=known, sizes=sizes)
    assert order.tolist() == ranking(scores).tolist()


@given(candidates(), methods, pool_sizes, st.randoms(use_true_random=False))
def test_the_order_in_which_candidates_come_decides_between_equals_only(given_, method, sizes, random):
    scores, languages = given_
    assume(len(np.unique(scores)) == len(scores))
    order, new = fair_ranking(scores, languages, method, sizes=sizes)
    if method == "calibrate":  # sums round differently in another order
        assume(len(new) < 2 or (-np.diff(new[order])).min() > 1e-9)
    shuffled = np.array(random.sample(range(len(scores)), len(scores)), int)
    again, newer = fair_ranking(scores[shuffled], languages[shuffled], method, sizes=sizes)
    assert shuffled[again].tolist() == order.tolist()
    np.testing.assert_allclose(newer, new[shuffled], rtol=1e-9, atol=1e-9)


@given(candidates())
def test_fusion_takes_the_best_of_every_language_then_the_second_and_so_on(given_):
    scores, languages = given_
    lists = {code: [at for at in ranking(scores) if languages[at] == code] for code in range(LANGUAGES)}
    expected, found = [], {}
    for place in range(len(scores)):
        heads = [one[place] for one in lists.values() if place < len(one)]
        expected += sorted(heads, key=lambda at: (-scores[at], at))
        found |= dict.fromkeys(heads, 1 / (60 + place + 1))
    order, new = fair_ranking(scores, languages, "fuse")
    assert order.tolist() == expected
    assert new.tolist() == [found[at] for at in range(len(scores))]
    assert fair_ranking(scores, languages, "quota")[0].tolist() == expected  # equal shares


@given(candidates(), st.lists(st.integers(1, 40), min_size=LANGUAGES, max_size=LANGUAGES).map(np.array))
def test_quotas_give_every_language_its_share_of_any_top_ranks(given_, sizes):
    scores, languages = given_
    present = np.unique(languages)
    lists = {code: [at for at in ranking(scores) if languages[at] == code] for code in present.tolist()}
    share = {code: Fraction(int(sizes[code]), int(sizes[present].sum())) for code in lists}
    expected: list[int] = []
    top = 0
    while len(expected) < len(scores):
        top += 1
        due = [at for code, one in lists.items() for at in one[: ceil(share[code] * top - Fraction(1, 2))]]
        expected += sorted(set(due) - set(expected), key=lambda at: (-scores[at], at))
    order, new = fair_ranking(scores, languages, "quota", sizes=sizes)
    assert order.tolist() == expected
    assert new[order].tolist() == [1 / rank for rank in range(1, len(scores) + 1)]
    for k in range(1, len(scores) + 1):
        held = np.bincount(languages[order[:k]], minlength=LANGUAGES)
        if any(held[code] == len(one) for code, one in lists.items()):
            break  # the others take what a language has no more documents for
        for code, part in share.items():
            assert abs(held[code] - part * k) <= part * (len(lists) / 2 + 1) + Fraction(1, 2)


@given(candidates(st.floats(-100, 100)))
def test_a_language_is_standardised_as_if_it_had_ten_more_usual_candidates(given_):
    scores, languages = given_
    found = fit_calibration(scores, languages, LANGUAGES)
    for code in range(LANGUAGES):
        own = scores[languages == code]
        if not len(own):
            assert np.isnan(found.means[code])
            assert np.isnan(found.deviations[code])
            continue
        within = np.mean(
            [(score - scores[languages == tag].mean()) ** 2 for score, tag in zip(*given_, strict=True)]
        )
        total = ((own - own.mean()) ** 2).sum() + PRIOR * within
        assert found.means[code] == pytest.approx(
            (own.sum() + PRIOR * scores.mean()) / (len(own) + PRIOR), abs=1e-9
        )
        assert found.deviations[code] == pytest.approx(np.sqrt(total / (len(own) + PRIOR)), abs=1e-6)


def test_calibration_puts_languages_on_one_scale():
    rng = np.random.default_rng(0)
    content = rng.standard_normal(500)
    languages = np.repeat([0, 1, 2], 500)
    scores = np.concatenate([0.9 + 0.02 * content, 0.7 + 0.03 * content, 0.8 + 0.01 * content])
    before = languages[ranking(scores)[:30]]
    assert np.bincount(before, minlength=3).tolist() == [30, 0, 0]
    order, _ = fair_ranking(scores, languages, "calibrate")
    assert np.bincount(languages[order[:30]], minlength=3).min() >= 8
    known = Calibration(np.array([0.9, 0.7, 0.8]), np.array([0.02, 0.03, 0.01]))
    _, new = fair_ranking(scores, languages, "calibrate", known=known)
    np.testing.assert_allclose(new, np.tile(content, 3), atol=1e-9)
    np.testing.assert_allclose(fit_calibration(scores, languages, 3).means, known.means, atol=0.005)


def test_a_language_with_one_candidate_is_moved_little_and_one_in_which_nothing_stands_out_is_not_on_top():
    scores = np.concatenate([np.linspace(0, 1, 100), [0.02]])
    languages = np.append(np.zeros(100, int), 1)
    order, _ = fair_ranking(scores, languages, "calibrate")
    assert (
        order.tolist().index(100) >= 90
    )  # it is no average candidate, though the mean of its language is its score
    assert fair_ranking(scores, languages, "fuse")[0].tolist().index(100) == 1
    flat = np.concatenate([np.linspace(0, 1, 100), np.zeros(100)])
    order, _ = fair_ranking(flat, np.repeat([0, 1], 100), "calibrate")
    assert (order[:25] < 100).all()


def test_languages_that_a_calibration_does_not_know_are_standardised_by_the_candidates():
    scores, languages = np.array([3.0, 1.0, 5.0, 2.0]), np.array([0, 0, 1, 2])
    known = Calibration(np.array([1.0, np.nan]), np.array([2.0, 1.0]))
    _, new = fair_ranking(scores, languages, "calibrate", known=known)
    own = fit_calibration(scores, languages, 3)
    expected = [1.0, 0.0, *((scores[2:] - own.means[1:]) / own.deviations[1:])]
    np.testing.assert_allclose(new, expected)


@pytest.mark.parametrize("method", FAIR)
def test_equal_scores_rank_by_place(method):
    order, _ = fair_ranking(np.full(5, 0.3), np.array([1, 1, 0, 0, 0]), method)
    expected = [0, 1, 2, 3, 4] if method == "calibrate" else [0, 2, 1, 3, 4]
    assert order.tolist() == expected
    assert fair_ranking(np.empty(0), np.empty(0, int), method)[0].tolist() == []


@pytest.mark.parametrize(
    ("scores", "languages", "method", "said"),
    [
        pytest.param([0.1], [0], "calibrat", "did you mean calibrate", id="method"),
        pytest.param([np.nan, 1.0], [0, 1], "fuse", "NaN", id="nan"),
        pytest.param([np.inf, 1.0], [0, 1], "quota", "infinite", id="infinite"),
        pytest.param([1.0, 2.0], [0], "fuse", r"\(2,\).*\(1,\)", id="shapes"),
        pytest.param([1.0, 2.0], [0, -1], "fuse", "code is -1", id="code"),
    ],
)
def test_what_cannot_be_ranked_is_said(scores, languages, method, said):
    with pytest.raises(InputError, match=said):
        fair_ranking(np.array(scores), np.array(languages), method)


def _mergings(scores, languages):
    """All rankings that keep the order within each language."""
    lists = [[at for at in ranking(scores) if languages[at] == code] for code in np.unique(languages)]
    for draws in set(permutations([code for code, one in enumerate(lists) for _ in one])):
        heads = [iter(one) for one in lists]
        yield [next(heads[code]) for code in draws]


def _values(order, relevant) -> dict[str, float]:
    ranks = np.array([order.index(at) + 1 for at in np.flatnonzero(relevant)])
    ranked = RankedRelevance.of(np.zeros(len(ranks), int), ranks, np.ones(len(ranks)))
    return {k: float(v[0]) for k, v in compute_measures(("AP", "nDCG@3", "nDCG", "RR", "R@2"), ranked).items()}


@given(candidates(st.integers(0, 5), most=7, languages=3), st.data())
def test_no_merging_has_a_lower_mean_rank_of_the_relevant_documents_than_the_best_one(given_, data):
    scores, languages = given_
    relevant = np.array(data.draw(st.lists(st.booleans(), min_size=len(scores), max_size=len(scores))), bool)
    assume(relevant.any())
    order, new = merge_best(scores, languages, relevant)
    totals = [int(np.flatnonzero(relevant[merging]).sum()) for merging in _mergings(scores, languages)]
    assert np.flatnonzero(relevant[order]).sum() == min(totals)
    assert order.tolist() in list(_mergings(scores, languages))
    assert (np.diff(new[order]) < 0).all()
    if np.bincount(languages[relevant]).max() == 1:
        best = _values(order.tolist(), relevant)
        for merging in _mergings(scores, languages):
            for name, value in _values(merging, relevant).items():
                assert value <= best[name] + 1e-12, name


def test_what_is_left_when_all_answers_are_placed_ranks_by_score():
    scores, languages = np.array([5.0, 4.0, 3.0, 2.0, 9.0]), np.array([0, 0, 1, 1, 2])
    relevant = np.array([False, True, True, False, False])
    order, _ = merge_best(scores, languages, relevant)
    assert order.tolist() == [2, 0, 1, 4, 3]
    assert merge_best(scores, languages, np.zeros(5, bool))[0].tolist() == ranking(scores).tolist()
