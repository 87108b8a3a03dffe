"""Random numbers: every series and every key has a stream of its own."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from batching_helpers import parallel, relevant, uneven
from hypothesis import example, given, settings
from hypothesis import strategies as st

import isoglot.batching.draws
from isoglot.batching import BatchSampler, CodeSwitcher, CrossLingual, Hybrid, JointSampler, Mixed, Multiway
from isoglot.batching.collate import StepCollator
from isoglot.batching.draws import Series, generator
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
