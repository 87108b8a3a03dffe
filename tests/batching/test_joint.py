"""What a user may rely on about batches of several data sets."""

from __future__ import annotations

import logging
import math
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.batching import (
    STRATEGIES,
    BatchSampler,
    CrossLingual,
    English,
    Hybrid,
    JointSampler,
    Monolingual,
    Multiway,
    Schedule,
    strategy,
)
from isoglot.batching.joint import make_sampler
from isoglot.collections import Collection, collection_from_rows, join_collections
from isoglot.errors import InputError


def pages(size: int, asked=("en", "de", "sw"), answered=None, name="pages") -> Collection:
    """So many queries with a page each, asked in some languages and answered in the same ones or in others."""
    answered = answered or asked
    return collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{name} {n} in {tag}") for tag in answered for n in range(size)],
        [(f"q{n}", tag, f"{name} {n} in {tag}?") for tag in asked for n in range(size)],
        [(f"q{n}", f"{tag}{n}", 1) for tag in answered for n in range(size)],
        name=name,
    )


def set_of(sampler: JointSampler, batch) -> int:
    """The one set that a batch's rows are from."""
    joined = sampler.collection
    ids = (
        joined.queries["_id"].take(batch.queries).to_pylist()
        + joined.documents["_id"].take(batch.documents).to_pylist()
    )
    (number,) = {one.partition("/")[0] for one in ids}
    return int(number) - 1


def expected_shares(sizes, weights, power):
    wanted = [size**power for size in sizes] if weights is None else weights
    return [one / sum(wanted) for one in wanted]


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.integers(1, 300), min_size=2, max_size=6),
    st.one_of(st.none(), st.lists(st.floats(0.01, 100), min_size=6, max_size=6)),
    st.sampled_from([0.0, 0.3, 0.5, 1.0, 2.0]),
    st.integers(0, 9),
)
def test_sets_come_up_as_often_as_promised(sizes, weights, power, seed):
    weights = None if weights is None else weights[: len(sizes)]
    power = 1.0 if weights is not None else power
    several = [pages(size) for size in sizes]
    sampler = JointSampler(several, Hybrid(), 4, seed, weights=weights, power=power)
    # three languages, so n queries are 3n monolingual training pairs, and not 9n
    assert [one.training_pairs for one in sampler.sets] == [3 * size for size in sizes]
    shares = expected_shares(sizes, weights, power)
    assert [one.share for one in sampler.sets] == pytest.approx(shares)
    for steps in (64, 1000, 6400):
        for drawn, share in zip(sampler.batches_drawn(steps), shares, strict=True):
            assert abs(drawn - share * steps) <= 16
    counts = Counter(set_of(sampler, batch) for batch in islice(sampler, 100))
    assert [counts[number] for number in range(len(sizes))] == sampler.batches_drawn(100)


SETS = {
    "parallel": pages(40),
    "english": pages(25, ("en",)),
    "translations": pages(20, ("sw",), ("fr",)),
}


@pytest.mark.parametrize("name", sorted(STRATEGIES))
@pytest.mark.parametrize("gamma", [0.0, 0.3])
def test_random_access_equals_iteration_and_every_process_composes_the_same_batches(name, gamma):
    target = pages(9, ("en", "xh")) if gamma else None
    first, second = (JointSampler(list(SETS.values()), strategy(name, gamma=gamma), 6, 5, target) for _ in range(2))
    batches = list(islice(first, 120))
    for step in np.random.default_rng(1).permutation(120).tolist():
        one, other = batches[step], second[step]
        assert (one.step, one.kind, one.query_language, one.document_language) == (
            *(step, other.kind),
            *(other.query_language, other.document_language),
        )
        assert np.array_equal(one.queries, other.queries)
        assert np.array_equal(one.documents, other.documents)
        assert one.queries.dtype == one.documents.dtype == np.int32
    domain = sum(batch.kind == "domain" for batch in batches)
    assert abs(domain - gamma * 120) <= 20
    assert first.batches_drawn(120) == [
        sum(set_of(first, batch) == number for batch in batches if batch.kind != "domain") for number in range(3)
    ]
    assert len(first[10**9]) > 0


@pytest.mark.parametrize("name", ["hybrid", "monolingual", "mixed", "multiway"])
def test_rows_are_relevant_pairs_of_their_set_and_each_is_seen_once_before_any_is_seen_twice(name):
    several = [pages(8, name="one"), pages(8, name="two"), pages(30, ("en",), name="three")]
    sampler = JointSampler(several, strategy(name), 4, seed=2, power=0)
    joined, starts = sampler.collection, [part.first_document for part in sampler.collection.parts]
    seen: dict[tuple[str | None, str | None, int], Counter[int]] = {}
    for batch in islice(sampler, 200):
        number = set_of(sampler, batch)
        ids = joined.query_index[batch.queries] if batch.document_ids is None else batch.document_ids
        for query_id, document in zip(ids.tolist(), batch.documents.tolist(), strict=True):
            assert document in joined.relevance.of(query_id)
            assert document >= starts[number]
        if batch.document_ids is not None:
            assert set(batch.document_ids.tolist()) == set(joined.query_index[batch.queries].tolist())
        if batch.query_language:
            own = several[number].pairs(batch.query_language, batch.document_language)[0]
            count = seen.setdefault(
                (batch.query_language, batch.document_language, number),
                Counter({int(row) + sampler.sets[number].part.first_query: 0 for row in own}),
            )
            count.update(batch.queries.tolist())
            assert max(count.values()) - min(count.values()) <= 1


def test_equal_sets_do_not_give_equal_batches():
    sampler = JointSampler([pages(40), pages(40)], Monolingual(), 8)
    of_each = [[], []]
    for batch in islice(sampler, 40):
        number = set_of(sampler, batch)
        of_each[number].append((batch.queries - sampler.sets[number].part.first_query).tolist())
    assert of_each[0][:10] != of_each[1][:10]


def test_hybrid_draws_from_each_set_what_it_has(caplog):
    several = list(SETS.values())
    with caplog.at_level(logging.INFO, "isoglot"):
        sampler = JointSampler(several, Hybrid(alpha=0.5), 5, weights=[2, 1, 1])
    kinds = [Counter[str]() for _ in several]
    for batch in islice(sampler, 1280):
        kinds[set_of(sampler, batch)][batch.kind] += 1
    assert abs(kinds[0]["mono"] - 320) <= 10
    assert abs(kinds[0]["cross"] - 320) <= 10
    assert kinds[1].keys() == {"mono"}
    assert kinds[2].keys() == {"cross"}
    assert [one.missing for one in sampler.sets] == [(), ("cross-lingual",), ("monolingual",)]
    # a set without monolingual training pairs counts all those that it has
    assert [one.training_pairs for one in sampler.sets] == [120, 25, 20]
    said = [record.getMessage() for record in caplog.records]
    assert [one.partition(" training pair")[0] for one in said] == [
        "pages (2) has no cross-lingual",
        "pages (3) has no monolingual",
    ]


@pytest.mark.parametrize(
    ("rule", "shares"),
    [
        (CrossLingual(), [120 / 140, 0, 20 / 140]),
        (Monolingual(), [120 / 145, 25 / 145, 0]),
        (English(), [40 / 65, 25 / 65, 0]),
        (Hybrid(languages=("sw", "fr")), [40 / 60, 0, 20 / 60]),
        (Hybrid(pairs=(("en", "de"), ("sw", "fr"), ("en", "en"))), [40 / 85, 25 / 85, 20 / 85]),
        (Hybrid(pairs="english-centric"), [40 / 65, 25 / 65, 0]),
        (Multiway(), [120 / 165, 25 / 165, 20 / 165]),
        (Hybrid(alpha=0), [120 / 140, 0, 20 / 140]),
    ],
)
def test_a_set_without_what_the_strategy_draws_is_left_out(rule, shares, caplog):
    with caplog.at_level(logging.INFO, "isoglot"):
        sampler = JointSampler(list(SETS.values()), rule, 6)
    assert [one.share for one in sampler.sets] == pytest.approx(shares)
    left_out = [record for record in caplog.records if "is left out" in record.getMessage()]
    assert len(left_out) == shares.count(0)
    drawn = sampler.batches_drawn(500)
    assert [count > 0 for count in drawn] == [share > 0 for share in shares]
    for batch in islice(sampler, 60):
        assert shares[set_of(sampler, batch)] > 0
        allowed = rule.allowed(sampler.collection)
        asked = sampler.collection.query_language[batch.queries]
        if batch.document_ids is None:
            assert allowed[asked, sampler.collection.document_language[batch.documents]].all()


@pytest.mark.parametrize("gamma", [0.0, 0.5])
def test_schedules_of_alpha_count_the_steps_of_the_run(gamma):
    schedule = Schedule("linear", 1.0, 0.0, 4000)
    target = pages(9) if gamma else None
    sampler = JointSampler(
        [pages(30), pages(30)], Hybrid(alpha=schedule, gamma=gamma), 4, target=target, weights=[9, 1]
    )
    kinds = [
        [
            (batch.step, batch.kind)
            for batch in islice(sampler, 5000)
            if batch.kind != "domain" and set_of(sampler, batch) == number
        ]
        for number in range(2)
    ]
    for of_set in kinds:
        for start in (0, 1000, 2000, 3000, 4000):
            drawn = [kind == "mono" for step, kind in of_set if start <= step < start + 1000]
            expected = (schedule.total(start + 1000) - schedule.total(start)) / 1000
            # of the small set 50 or 100 batches lie in 1,000 steps, drawn in strata of 64
            assert abs(np.mean(drawn) - expected) < (0.25 if len(drawn) < 200 else 0.06)


@pytest.mark.parametrize("name", ["hybrid", "mixed", "multiway"])
def test_one_set_gives_the_batches_that_it_gave_before(name):
    one = SETS["parallel"]
    before, now = BatchSampler(one, strategy(name), 8, 3), make_sampler([one], strategy(name), 8, 3)
    assert type(now) is BatchSampler
    for step in range(30):
        assert np.array_equal(before[step].queries, now[step].queries)
        assert np.array_equal(before[step].documents, now[step].documents)
    with pytest.raises(InputError, match="hybrid draws cross-lingual batches, but pages has no"):
        make_sampler([SETS["english"]], Hybrid(), 8)


def test_a_pass_draws_as_many_rows_as_all_sets_have():
    sampler = JointSampler([pages(100), pages(40, ("en",))], Hybrid(), 10)
    assert sampler.steps_per_pass == 30 + 4
    assert (
        JointSampler([pages(100)], Hybrid(), 10).steps_per_pass
        == BatchSampler(pages(100), Hybrid(), 10).steps_per_pass
    )
    with_domain = JointSampler([pages(100), pages(40)], Hybrid(gamma=0.5), 10, target=pages(5))
    assert with_domain.steps_per_pass == 2 * (30 + 12)


def test_small_pairs_are_those_of_all_sets():
    sampler = JointSampler([pages(3, ("en",)), pages(5, ("en",)), pages(50, ("en", "de"))], Hybrid(), 10, power=0)
    for _ in islice(sampler, 100):
        pass
    assert sampler.small_pairs == {("en", "en"): (8, 2)}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"weights": [1]}, "2 data sets have 1 weights: give one for each"),
        ({"weights": [1, 0]}, "the weight of a data set must be a number above 0, not 0: leave the set out"),
        ({"weights": [1, math.inf]}, "above 0, not inf"),
        ({"weights": [1, 2], "power": 0.5}, "by given weights or by a power of their sizes: give one of the two"),
        ({"power": -1}, "must be a number from 0 on, not -1"),
    ],
)
def test_mixtures_that_make_no_sense(more, message):
    with pytest.raises(InputError) as caught:
        JointSampler([pages(3), pages(4)], Hybrid(), 2, **more)
    assert message in str(caught.value)


def test_other_errors_are_those_of_one_set():
    english = [SETS["english"], SETS["english"]]
    with pytest.raises(InputError, match=r"finds no training pair .* in any of the 2 data sets \(pages .*\)"):
        JointSampler(english, CrossLingual(), 4)
    with pytest.raises(InputError, match="has no language 'fr'; it has en"):
        JointSampler(english, Hybrid(languages=("fr",)), 4)
    with pytest.raises(InputError, match="the strategy english needs English"):
        JointSampler([SETS["translations"]] * 2, English(), 4)
    with pytest.raises(InputError, match="batch size must be at least 1"):
        JointSampler(english, Hybrid(), 0)
    with pytest.raises(InputError, match="domain batches need both"):
        JointSampler(english, Hybrid(gamma=0.2), 4)
    with pytest.raises(InputError, match="no collection to join"):
        make_sampler([], Hybrid(), 4)
    with pytest.raises(
        InputError, match="weights and a power decide between several data sets, and pages is the only"
    ):
        make_sampler([SETS["parallel"]], Hybrid(), 4, power=0.5)
    with pytest.raises(IndexError):
        JointSampler(english, Monolingual(), 4)[-1]


def test_a_joined_sample_of_which_a_set_has_nothing_left():
    from isoglot.data import sample_collection

    joined = join_collections([pages(10, name="whole"), pages(10, ("fr",), name="gone")])
    sampler = JointSampler(sample_collection(joined, {}, hold_out=["fr"]), Hybrid(), 4)
    assert [(one.name, one.share) for one in sampler.sets] == [("whole", 1.0), ("gone", 0.0)]
    assert {set_of(sampler, batch) for batch in islice(sampler, 30)} == {0}
