"""What runs come to: estimates, verdicts, corrections and sentences, against hand-made cases and scipy."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from isoglot.evaluation import Result, compare_results, evaluate_embeddings
from isoglot.reporting.study.verdicts import answer_of, sentence_of
from isoglot.studies.analysis.decisive import judge, weigh_all
from isoglot.studies.analysis.estimates import ArmResults, Frame, figure_of_seeds, paired_p_of_seeds, possible
from isoglot.studies.job import estimate_cost
from isoglot.studies.recipe import Comparable, Decisive, GpuEstimate
from isoglot.studies.result import check_comparable

from .conftest import pages


@pytest.mark.parametrize(
    ("case", "verdict"),
    [
        ((0.2, 0.1, 0.3, 0.01, "high", None), "first better"),
        ((0.2, 0.1, 0.3, 0.01, "low", None), "second better"),
        ((-0.2, -0.3, -0.1, 0.01, "high", None), "second better"),
        ((-90.0, -120.0, -60.0, 0.01, "low", None), "first better"),
        ((0.2, 0.1, 0.3, 0.05, "high", None), "no difference shown"),  # the test does not say so
        ((0.2, -0.1, 0.5, 0.01, "high", None), "no difference shown"),  # the interval, with its seeds, does not
        ((0.2, None, None, None, "high", None), "no difference shown"),  # one seed alone
        ((0.01, 0.005, 0.015, 0.01, "high", 0.02), "within margin"),  # sure, and of no matter
        ((0.01, -0.01, 0.03, 0.4, "high", 0.02), "no difference shown"),  # may be more than the margin
        ((0.05, 0.01, 0.09, 0.01, "high", 0.02), "first better"),
        ((-0.3, -0.4, -0.2, 0.01, "zero", None, (-0.3, 0.0)), "second better"),  # far below 0 is no better than 0
        ((0.2, 0.1, 0.3, 0.01, "zero", None, (0.5, 0.3)), "second better"),
        ((-0.2, -0.3, -0.1, 0.01, "zero", None, (0.3, 0.5)), "first better"),
        ((-0.5, -0.6, -0.4, 0.01, "zero", None, (-0.3, 0.2)), "no difference shown"),  # on either side of 0
    ],
)
def test_a_verdict_needs_test_and_interval(case, verdict):
    assert judge(*case) == verdict


@given(
    st.floats(-1, 1),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(["high", "low"]),
    st.none() | st.floats(0.01, 1),
)
def test_exchanging_the_arms_exchanges_the_verdict(difference, spread, p, better, margin):
    other = {"first better": "second better", "second better": "first better"}
    one = judge(difference, difference - spread, difference + spread, p, better, margin)
    two = judge(-difference, -difference - spread, -difference + spread, p, better, margin)
    assert two == other.get(one, one)


COLLECTION = pages("test")


def result(seed: int, quality: float = 0.0) -> Result:
    """Random embeddings, in which a query leans towards its answers by some weight."""
    rng = np.random.default_rng(seed)
    documents = rng.standard_normal((36, 8))
    queries = rng.standard_normal((36, 8)) + quality * (
        documents + np.tile(documents.reshape(3, 12, 8).mean(0), (3, 1))
    )
    return evaluate_embeddings(queries, documents, COLLECTION, measures=["AP"], bootstrap=0, geometry=True)


GOOD, BAD = ({seed: result(seed, quality) for seed in range(3)} for quality in (2.0, 0.0))
FRAME = Frame(GOOD[0])
COLUMNS = ["monolingual_AP", "cross_lingual_AP", "multilingual_AP", "rank_distance"]


def per_query(results):
    return [results[seed].per_query for seed in sorted(results)]


@pytest.mark.parametrize("column", COLUMNS)
def test_means_are_those_of_the_results(column):
    (figure,) = FRAME.estimate([(column, None)], per_query(GOOD))
    setting, _, measure = column.rpartition("_") if column != "rank_distance" else ("bias", "", column)
    assert figure.seeds == pytest.approx([getattr(one, setting)[measure] for one in GOOD.values()])
    assert figure.mean == pytest.approx(np.mean(figure.seeds))


@pytest.mark.parametrize("column", COLUMNS)
def test_an_interval_has_the_errors_of_queries_and_of_seeds(column):
    (figure,) = FRAME.estimate([(column, None)], per_query(GOOD))
    (alike,) = FRAME.estimate([(column, None)], [per_query(GOOD)[0]] * 3)
    (one,) = FRAME.estimate([(column, None)], per_query(GOOD)[:1])
    assert (alike.low, alike.high) == pytest.approx((one.low, one.high))  # equal seeds say nothing more
    values = np.stack([seed[column] for seed in per_query(GOOD)])
    ids = np.unique(GOOD[0].per_query["query_id"], return_inverse=True)[1]
    by_id = np.array([values[:, ids == number].mean() for number in range(12)])
    of_queries = by_id.std(ddof=1) / 12**0.5  # every id has as many rows, of equal weight
    of_seeds = np.std(figure.seeds, ddof=1) / 3**0.5
    assert (figure.high - figure.low) / 2 == pytest.approx(1.96 * np.hypot(of_queries, of_seeds), rel=0.1)


def test_values_of_a_language_are_those_of_its_queries():
    (figure,) = FRAME.estimate([("multilingual_AP", "de")], per_query(GOOD)[:1])
    chosen = GOOD[0].per_query["lang"] == "de"
    assert figure.mean == pytest.approx(GOOD[0].per_query["multilingual_AP"][chosen].mean())
    assert FRAME.estimate([("multilingual_AP", "sw")], per_query(GOOD)) == [None]


@pytest.mark.parametrize("column", COLUMNS)
def test_of_one_seed_the_test_is_that_of_compare(column):
    figure, p, ids = FRAME.difference(column, None, per_query(GOOD)[:1], per_query(BAD)[:1])
    (known,) = compare_results(BAD[0], GOOD[0], [column])
    assert figure.mean == pytest.approx(known.difference)
    assert p == pytest.approx(known.p)
    assert ids == known.query_ids == 12


def test_of_several_seeds_values_are_averaged_before_they_are_tested():
    _, p, _ = FRAME.difference("multilingual_AP", None, per_query(GOOD), per_query(BAD))
    means = [
        replace(
            side[0],
            per_query={
                **side[0].per_query,
                "multilingual_AP": np.mean([one.per_query["multilingual_AP"] for one in side.values()], axis=0),
            },
        )
        for side in (BAD, GOOD)
    ]
    (known,) = compare_results(*means, ["multilingual_AP"])
    assert p == pytest.approx(known.p)


def test_what_seeds_have_one_value_of_is_judged_by_student():
    values, others = [0.4, 0.5, 0.7], [0.1, 0.3, 0.2]
    figure = figure_of_seeds(values)
    low, high = stats.t.interval(0.95, 2, loc=np.mean(values), scale=stats.sem(values))
    assert (figure.low, figure.high) == pytest.approx((low, high))
    differences = [a - b for a, b in zip(values, others, strict=True)]
    assert paired_p_of_seeds(differences) == pytest.approx(stats.ttest_rel(values, others).pvalue)
    assert figure_of_seeds([0.5]).low is None
    assert paired_p_of_seeds([0.5]) is None


def weighed(*comparisons, left_out=None):
    arms = {
        "good": ArmResults(results={"test": GOOD}),
        "bad": ArmResults(results={"test": BAD}),
        "late": ArmResults(results={"test": {9: BAD[0]}}),
    }
    return weigh_all([Decisive(on="test", **one) for one in comparisons], arms, {"test": FRAME}, left_out or {})


def test_one_correction_holds_for_all_decisive_comparisons():
    three = weighed(
        {"first": "good", "second": "bad"},
        {"first": "good", "second": "bad", "setting": "bias", "measure": "rank_distance"},
        {"first": "good", "second": "bad", "setting": "geometry", "measure": "alignment"},
        {"first": "good", "second": "late"},
    )
    raw = np.array([one.p for one in three[:3]])
    order = np.argsort(raw)
    expected, most = np.empty(3), 0.0
    for rank, at in enumerate(order):
        most = max(most, min(1.0, raw[at] * (3 - rank)))
        expected[at] = most
    assert [one.p_holm for one in three[:3]] == pytest.approx(expected)
    assert three[3].verdict == "not measured"
    assert "no seed in common" in three[3].reason


def test_geometry_of_one_seed_is_not_judged():
    arms = {name: ArmResults(results={"test": {0: side[0]}}) for name, side in (("good", GOOD), ("bad", BAD))}
    asked = Decisive(first="good", second="bad", on="test", setting="geometry", measure="alignment", expect="first")
    (one,) = weigh_all([asked], arms, {"test": FRAME}, {})
    assert (one.verdict, one.as_expected) == ("not measured", None)
    assert "one seed cannot be tested" in sentence_of(one)


def test_a_clear_difference_is_found_and_said_either_way_round():
    one, two, three = weighed(
        {"first": "good", "second": "bad", "expect": "first"},
        {"first": "bad", "second": "good", "expect": "first"},
        {"first": "good", "second": "bad", "setting": "geometry", "measure": "alignment", "expect": "first"},
    )
    assert (one.verdict, one.as_expected) == ("first better", True)
    assert (two.verdict, two.as_expected) == ("second better", False)
    assert (three.verdict, three.as_expected) == ("first better", True)  # a small distance is good
    assert "good is better than bad by multilingual AP on test (as expected)" in sentence_of(one)
    assert "good is better than bad" in sentence_of(two)
    assert "(not as expected)" in sentence_of(two)
    answer = answer_of([one, two, three])
    assert answer[0] == "The hypothesis holds in part. 2 of 3 decisive comparisons came out as it says."
    assert len(answer) == 4


def test_the_answer_says_how_far_the_hypothesis_holds():
    (right,) = weighed({"first": "good", "second": "bad", "expect": "first"})
    (wrong,) = weighed({"first": "bad", "second": "good", "expect": "first"})
    (open_one,) = weighed({"first": "good", "second": "bad"})
    (missing,) = weighed({"first": "good", "second": "gone", "expect": "first"}, left_out={"gone": "it is absent"})
    assert answer_of([right])[0] == "The hypothesis holds here. The decisive comparison came out as it says."
    assert (
        answer_of([right, right])[0] == "The hypothesis holds here. All 2 decisive comparisons came out as it says."
    )
    assert answer_of([wrong, wrong])[0].startswith("The hypothesis does not hold here. None of the decisive")
    assert answer_of([open_one]) == [sentence_of(open_one)]
    assert answer_of([right, missing])[1] == "1 of the comparisons that it is about could not be made."
    assert "gone was left out: it is absent" in answer_of([missing])[-1]


def test_arms_are_the_same_as_themselves():
    arms = {"a": ArmResults(results={"test": GOOD}), "b": ArmResults(results={"test": GOOD})}
    (same,) = weigh_all(
        [Decisive(first="a", second="b", on="test", expect="no difference")], arms, {"test": FRAME}, {}
    )
    assert (same.difference, same.p, same.verdict, same.as_expected) == (0.0, 1.0, "no difference shown", True)


def runs(**tokens):
    return {arm: {0: {"steps": 100, "tokens": count, "seconds": {"train": 1.0}}} for arm, count in tokens.items()}


def test_arms_that_got_more_are_not_comparable():
    stated = Comparable(same="tokens", tolerance=0.1)
    assert check_comparable(stated, runs(a=1000, b=1100)).holds is True
    told = check_comparable(stated, runs(a=1000, b=1101, c=1050))
    assert told.holds is False
    assert "not comparable as stated" in told.sentence
    assert "from 1,000 (a) to 1,101 (b)" in told.sentence
    assert check_comparable(stated, runs(a=1000, b=None)).holds is None
    assert check_comparable(stated, runs(a=1000)).holds is None
    steps = check_comparable(Comparable(same="steps"), runs(a=1000, b=2000))
    assert steps.holds is True
    assert "from 1,000 (a) to 2,000 (b) tokens" in steps.sentence  # the same steps, but not the same work


def test_what_no_recipe_states_is_not_said_to_be_held():
    for told in (
        check_comparable(Comparable(), runs(a=1000, b=1000), stated=False),
        check_comparable(Comparable(same="tokens"), runs(a=1000, b=1050), stated=False),
        check_comparable(Comparable(same="tokens"), runs(a=1000, b=2000), stated=False),
    ):
        assert not told.stated
        assert "as stated" not in told.sentence
        assert "was stated" not in told.sentence


@given(st.lists(st.floats(0, 1), min_size=2, max_size=4), st.sampled_from(["AP", "R@10", "complete@100", "cka"]))
def test_no_interval_holds_what_cannot_be(values, measure):
    figure = possible(figure_of_seeds(values), measure)
    assert 0 <= figure.low <= figure.mean <= figure.high <= 1
    difference = possible(figure_of_seeds([2 * value - 1 for value in values]), measure, difference=True)
    assert -1 <= difference.low <= difference.mean <= difference.high <= 1


def test_the_interval_of_a_rank_begins_at_the_first_place_and_has_no_end():
    assert (possible(figure_of_seeds([1.0, 9.0]), "max_rank").low) == 1.0
    assert possible(figure_of_seeds([1.0, 900.0]), "max_rank").high > 900


def test_a_folders_size_is_what_its_configuration_says(tmp_path, write_recipe):
    from isoglot.studies.job import make_job
    from isoglot.studies.plan import make_plan
    from isoglot.studies.recipe_files import read_recipe

    sizes = {"hidden_size": 384, "num_hidden_layers": 12, "intermediate_size": 1536, "vocab_size": 250_037}
    (tmp_path / "config.json").write_text(json.dumps(sizes))

    def change(profile):
        profile["train"] = {"data": "train", "encoder": str(tmp_path), "steps": 1000, "batch_size": 128}

    plan = make_plan(read_recipe(write_recipe(change)), "embedded", "tiny")
    jobs = [make_job(arm, 0, plan.evaluations, {"train": "x", "test": "y"}) for arm in plan.arms.values()]
    cost = estimate_cost(jobs, GpuEstimate())
    assert cost.assumed == ()
    assert cost.memory_gb == pytest.approx(118e6 * 16 / 1e9, rel=0.02)  # multilingual-e5-small
    (tmp_path / "config.json").write_text("{}")
    assert estimate_cost(jobs, GpuEstimate()).assumed == (str(tmp_path),)


def test_gpu_hours_are_operations_over_speed(write_recipe, tmp_path):
    """Counted by hand: 2 runs × 8 N × steps × batch × tokens, and 2 N for every token that is measured."""
    from isoglot.studies.job import make_job
    from isoglot.studies.plan import make_plan
    from isoglot.studies.recipe_files import read_recipe

    def change(profile):
        profile["train"] = {"data": "train", "encoder": "xlm-roberta-base", "steps": 1000, "batch_size": 128}

    plan = make_plan(read_recipe(write_recipe(change)), "embedded", "tiny")
    prints = {"train": "x", "test": "y"}
    jobs = [make_job(arm, 0, plan.evaluations, prints) for arm in plan.arms.values()]
    gpu = GpuEstimate(query_tokens=20, document_tokens=100, evaluated=10_000, teraflops=50)
    operations = 2 * 86e6 * (8 * 1000 * 128 * 120 + 2 * 10_000 * 100)
    cost = estimate_cost(jobs, gpu)
    assert cost.gpu_hours == pytest.approx(operations / 50e12 / 3600)
    assert cost.memory_gb == pytest.approx(278e6 * 16 / 1e9)
    assert cost.assumed == ()
    often = [evaluation.model_copy(update={"along": [0, 500, 1000]}) for evaluation in plan.evaluations]
    both = [*often, *plan.evaluations]  # 10,000 texts in all, half of which are measured three times more
    jobs = [make_job(arm, 0, both, prints) for arm in plan.arms.values()]
    operations += 2 * 86e6 * 2 * 1.5 * 10_000 * 100
    assert estimate_cost(jobs, gpu).gpu_hours == pytest.approx(operations / 50e12 / 3600)
