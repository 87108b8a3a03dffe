"""Random numbers: every series and every key has a stream of its own."""

from __future__ import annotations

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from batching_helpers import parallel, relevant, uneven
from hypothesis import example, given, settings
from hypothesis import strategies as st

import isoglot.batching.draws
from isoglot.batching import BatchSampler, CodeSwitcher, CrossLingual, Hybrid, JointSampler, Mixed, Multiway
from isoglot.batching.collate import StepCollator
from isoglot.batching.draws import BLOCK, Series, WeightedDraw, divide, generator
from isoglot.collections.negatives import with_hard_negatives
from isoglot.data.lexicons.lexicon import lexicon_from_pairs

NUMBERS = st.integers(0, 3) | st.sampled_from([2**32 - 1, 2**32, 2**32 + 1, 2**63]) | st.integers(0, 2**64 - 1)
NAMES = st.tuples(NUMBERS, st.sampled_from(Series), st.lists(NUMBERS, max_size=4).map(tuple))


def stream(seed: int, series: Series, key: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(generator(seed, series, *key).integers(2**63, size=4).tolist())


@given(NAMES, NAMES)
@example((7, Series.PASS, ()), (7, Series.PASS, (0,)))
@example((7, Series.KIND, (0,)), (7, Series.KIND, (0, 0)))
@example((7, Series.PASS, (2**32 + 5,)), (7, Series.PASS, (5, 1)))
@example((2**32, Series.PASS, (1,)), (0, Series.PASS, (1, 1)))
@settings(max_examples=300, deadline=None)
def test_other_names_have_other_streams_and_the_same_name_the_same(one, other):
    assert (stream(*one) == stream(*other)) == (one == other)


@given(st.floats(0, 1), st.integers(0, 300), st.integers(1, 200), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_a_branch_gets_its_share_of_every_block_and_knows_what_came_before(rate, start, count, seed):
    def asked(first: int, number: int) -> tuple[list[bool], int]:
        goes_left, before = divide(lambda draws: rate * draws, first, number, seed, Series.KIND)
        return goes_left.tolist(), before

    every, none = asked(0, 8 * BLOCK)
    assert none == 0
    for block in range(0, len(every), BLOCK):
        assert abs(sum(every[block : block + BLOCK]) - rate * BLOCK) < 1
        assert abs(sum(every[:block]) - rate * block) < 1
    assert asked(start, count) == (every[start : start + count], sum(every[:start]))


@given(st.lists(st.sampled_from([0.0, 1.0, 3.0]) | st.floats(0.01, 9), min_size=1, max_size=9), st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_options_come_up_by_weight_and_each_draw_knows_how_often_its_own_came_before(weights, seed):
    weights[0] = weights[0] or 1.0
    draw = WeightedDraw(np.array(weights), seed, Series.PAIR)
    options, occurrences = (found.tolist() for found in draw.many(0, 300))
    counts: Counter[int] = Counter()
    for option, occurrence in zip(options, occurrences, strict=True):
        assert occurrence == counts[option]
        counts[option] += 1
    for index in (0, 1, 63, 64, 130, 299):
        assert draw(index) == (options[index], occurrences[index])
    assert [found.tolist() for found in draw.many(100, 90)] == [options[100:190], occurrences[100:190]]
    many = Counter(draw.many(0, 100 * BLOCK)[0].tolist())
    for option, weight in enumerate(weights):
        assert weight > 0 or not many[option]
        # each division on the way, fewer than there are weights, is off by 1 and by the order of a block begun:
        # 16 draws at most, where half of its draws go left and all of these came first
        assert abs(many[option] - 100 * BLOCK * weight / sum(weights)) <= 17 * (len(weights) - 1)


def test_draws_are_in_no_order():
    goes_left = divide(lambda draws: draws / 2, 0, 64 * BLOCK, 0, Series.KIND)[0].reshape(64, BLOCK)
    assert np.abs(goes_left.mean(axis=0) - 0.5).max() < 0.3  # at every place of a block both, about as often
    assert len({tuple(block) for block in goes_left.tolist()}) == 64


@pytest.fixture
def drawn(monkeypatch) -> dict[tuple[int, ...], tuple[int, ...]]:
    """The streams asked for while a test runs, by what they were asked for."""
    found: dict[tuple[int, ...], tuple[int, ...]] = {}

    class Noted(np.random.PCG64):
        def __init__(self, sequence: np.random.SeedSequence) -> None:
            super().__init__(sequence)
            found[(sequence.entropy, *sequence.spawn_key)] = tuple(sequence.generate_state(4).tolist())

    for cached in (isoglot.batching.draws._block_order, isoglot.batching.draws._offset):
        cached.cache_clear()
    monkeypatch.setattr(np.random, "PCG64", Noted)
    return found


def test_no_two_draws_of_a_run_share_a_stream(drawn):
    collection = uneven()
    rows = collection.queries.num_rows
    wrong = [[page for page in range(40) if page not in relevant(collection, row)][:2] for row in range(rows)]
    hard = with_hard_negatives(collection, np.arange(0, 2 * rows + 1, 2), np.concatenate(wrong))
    target = parallel(40)
    rules = (Hybrid(pairing="batch"), Hybrid(gamma=0.3), Mixed(), Multiway(), CrossLingual(gamma=0.1))
    samplers = [BatchSampler(hard, rule, 4, 7, target if rule.gamma else None) for rule in rules]
    samplers.append(JointSampler([collection, parallel(9)], Hybrid(), 4, 7))
    switcher = CodeSwitcher([lexicon_from_pairs("en", "de", [("page", "Seite")])], side="both", seed=7)
    for sampler in samplers:
        negatives = 1 if sampler.collection is hard else 0
        more = {"negatives": negatives, "negative_queries": negatives, "switcher": switcher}
        collator = StepCollator(sampler, lambda rows: {}, versions=True, **more)
        for step in range(200):
            collator([step])
        assert len(list(islice(sampler, 3))) == 3
    used = {name[1] for name in drawn}
    assert used == set(Series)
    assert len(set(drawn.values())) == len(drawn)
