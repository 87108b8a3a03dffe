"""What a user may rely on about batches, whatever the collection."""

from __future__ import annotations

import logging
from collections import Counter
from itertools import islice, pairwise
from math import ceil

import numpy as np
import pytest
from batching_helpers import SLOW_DATA, collections, make, parallel, relevant, uneven
from hypothesis import given
from hypothesis import strategies as st

from isoglot.batching import (
    STRATEGIES,
    BatchSampler,
    CrossLingual,
    English,
    Hybrid,
    Monolingual,
    Schedule,
    Strategy,
    strategy,
)
from isoglot.collections import read_collection
from isoglot.errors import InputError

PAIRED = [*sorted(set(STRATEGIES) - {"english", "multiway"}), "cross_lingual by batch", "hybrid by batch"]


def rule(name: str) -> Strategy:
    """A strategy, or `name by batch`: with one language pair for all rows of a cross-lingual batch."""
    return strategy(name.split()[0], pairing="batch" if name.endswith("by batch") else None)


@SLOW_DATA
@given(collections(), st.sampled_from(PAIRED), st.integers(1, 9), st.integers(0, 5))
def test_rows_are_relevant_pairs_and_no_two_share_a_relevant_document(collection, name, batch_size, seed):
    sampler = BatchSampler(collection, rule(name), batch_size, seed)
    tags = collection.languages
    for batch in islice(sampler, 12):
        assert 1 <= len(batch) <= batch_size
        seen: set[int] = set()
        for query, document in zip(batch.queries.tolist(), batch.documents.tolist(), strict=True):
            answers = relevant(collection, query)
            assert document in answers
            assert not answers & seen
            seen |= answers
            pair = tags[collection.query_language[query]], tags[collection.document_language[document]]
            assert (pair[0] == pair[1]) == (batch.kind == "mono")
            if not sampler.strategy.by_row(batch.kind):
                assert pair == (batch.query_language, batch.document_language)


@SLOW_DATA
@given(
    collections(), st.sampled_from(["monolingual", "cross_lingual by batch", "hybrid by batch"]), st.integers(1, 9)
)
def test_every_pair_is_seen_once_before_any_is_seen_twice(collection, name, batch_size):
    sampler = BatchSampler(collection, rule(name), batch_size, seed=3)
    seen: dict[tuple[str, str], Counter[tuple[int, int]]] = {}
    for batch in islice(sampler, 60):
        pair = (batch.query_language, batch.document_language)
        counts = seen.setdefault(
            pair, Counter(dict.fromkeys(zip(*(rows.tolist() for rows in collection.pairs(*pair)), strict=True), 0))
        )
        rows = list(zip(batch.queries.tolist(), batch.documents.tolist(), strict=True))
        # before each row is drawn, nothing may be two passes ahead of anything else
        for row in rows:
            counts[row] += 1
        assert max(counts.values()) - min(counts.values()) <= 1


@SLOW_DATA
@given(collections(), st.sampled_from([*PAIRED, "multiway"]), st.integers(1, 9), st.integers(0, 99))
def test_random_access_equals_iteration_and_a_seed_gives_the_same_batches(collection, name, batch_size, seed):
    iterated = list(islice(BatchSampler(collection, rule(name), batch_size, seed), 40))
    other = BatchSampler(collection, rule(name), batch_size, seed)
    for step in np.random.default_rng(0).permutation(40).tolist():
        batch = other[step]
        assert batch.kind == iterated[step].kind
        assert np.array_equal(batch.queries, iterated[step].queries)
        assert np.array_equal(batch.documents, iterated[step].documents)


def test_another_seed_gives_other_batches():
    collection = parallel(50)
    one, other = (BatchSampler(collection, Hybrid(), 8, seed) for seed in (0, 1))
    assert any(not np.array_equal(one[step].queries, other[step].queries) for step in range(5))


@pytest.mark.parametrize("alpha", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_kinds_come_with_probability_alpha(alpha):
    sampler = BatchSampler(parallel(20), Hybrid(alpha=alpha), 4)
    kinds = Counter(batch.kind for batch in islice(sampler, 2000))
    assert kinds["mono"] / 2000 == pytest.approx(alpha, abs=0.01)
    # and not in a fixed pattern: both kinds follow both kinds
    if alpha == 0.5:
        order = [sampler[step].kind for step in range(200)]
        assert len(set(pairwise(order))) == 4


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_language_pairs_come_by_their_size_to_the_power_of_tau(tau):
    collection = uneven()
    sampler = BatchSampler(collection, Hybrid(tau=tau, pairing="batch"), 4)
    steps = 6000
    drawn = Counter((batch.query_language, batch.document_language) for batch in islice(sampler, steps))
    weights = {
        (a, b): float(collection.pair_counts[i, j]) ** tau
        for i, a in enumerate(collection.languages)
        for j, b in enumerate(collection.languages)
    }
    for mono in (True, False):
        total = sum(weight for (a, b), weight in weights.items() if (a == b) == mono)
        for (a, b), weight in weights.items():
            if (a == b) == mono:
                assert drawn[a, b] / steps == pytest.approx(0.5 * weight / total, abs=0.004)


def test_the_ten_to_the_ninth_step_is_there_without_those_before():
    collection = parallel(200)
    batch = BatchSampler(collection, Hybrid(), 16)[10**9]  # drawing a thousand million batches would never end
    sampler = BatchSampler(collection, Hybrid(), 16)
    sampler[0]
    assert np.array_equal(sampler[10**9].queries, batch.queries)
    assert len(batch) == 16


def test_there_is_no_step_before_the_first():
    with pytest.raises(IndexError, match="steps count from 0, not -1"):
        BatchSampler(parallel(4), Hybrid(), 2)[-1]


def test_batches_are_full_but_for_the_last_two_of_a_pass():
    sampler = BatchSampler(parallel(21, ("en",)), Monolingual(), 8)
    assert sorted(len(sampler[step]) for step in range(3)) == [6, 7, 8]
    assert sorted(len(sampler[step]) for step in range(3, 6)) == [6, 7, 8]


def test_a_pair_that_cannot_fill_a_batch_is_named_once_with_its_size(caplog):
    sampler = BatchSampler(parallel(5, ("en", "sw")), Hybrid(pairing="batch"), 8)
    with caplog.at_level(logging.INFO, logger="isoglot"):
        batches = list(islice(sampler, 40))
    assert {len(batch) for batch in batches} == {5}
    said = [record.getMessage() for record in caplog.records]
    assert sorted(line.split(" ")[0] for line in said) == ["en→en", "en→sw", "sw→en", "sw→sw"]
    assert all("cannot fill batches of 8: its 5 training pairs" in line for line in said)


def test_queries_of_one_page_never_meet_and_still_all_come_up():
    # eight questions on one page and two on another: at most two rows a batch, eight batches a pass
    answers = {f"a{n}": {"en": {0}} for n in range(8)} | {f"b{n}": {"en": {1}} for n in range(2)}
    collection = make(answers, {query: {"en"} for query in answers})
    sampler = BatchSampler(collection, Monolingual(), 4)
    batches = [sampler[step] for step in range(8)]
    assert sorted(row for batch in batches for row in batch.queries.tolist()) == list(range(10))
    assert max(len(batch) for batch in batches) <= 2


def test_a_sampler_over_many_languages_stores_nothing_per_pair_before_it_draws(shared_data):
    collection = read_collection(shared_data / "tldr" / "train")
    sampler = BatchSampler(collection, Hybrid(pairing="batch"), 512)
    assert sampler.counts.shape == (39, 39)
    assert not sampler._kept  # no training pair of any language pair is held
    drawn = {(batch.query_language, batch.document_language) for batch in islice(sampler, 30)}
    index = collection.languages.index
    assert set(sampler._kept) == {(index(a), index(b)) for a, b in drawn}


def test_real_data_fills_batches_without_conflicts(shared_data):
    collection = read_collection(shared_data / "tldr" / "train")
    sampler = BatchSampler(collection, English(), 512)
    passes = ceil(23105 / 512)
    sizes = [len(sampler[step]) for step in range(passes)]
    assert sum(sizes) == 23105
    assert sizes.count(512) >= passes - 2
    for step in (0, 7, 45):
        documents = [relevant(collection, row) for row in sampler[step].queries.tolist()]
        assert sum(map(len, documents)) == len(set().union(*documents))


@pytest.mark.parametrize("pairing", ["row", "batch"])
def test_languages_and_pairs_can_be_limited(pairing):
    collection = parallel(30)

    def drawn(rule: Strategy, steps: int) -> set[tuple[str, str]]:
        return {
            (collection.languages[collection.query_language[query]], collection.languages[language])
            for batch in islice(BatchSampler(collection, rule, 4), steps)
            for query, language in zip(batch.queries, collection.document_language[batch.documents], strict=True)
        }

    two = drawn(Hybrid(languages=("en", "tha"), pairing=pairing), 200)
    assert two == {("en", "en"), ("th", "th"), ("en", "th"), ("th", "en")}
    chosen = (("de", "en"), ("sw", "sw"))
    assert drawn(Hybrid(pairs=chosen, pairing=pairing), 50) == set(chosen)
    assert all("en" in pair for pair in drawn(Hybrid(pairs="english-centric", pairing=pairing), 200))


def test_english_draws_english_only():
    for batch in islice(BatchSampler(parallel(30), English(), 4), 20):
        assert (batch.query_language, batch.document_language) == ("en", "en")


@pytest.mark.parametrize(
    ("rule", "collection", "message"),
    [
        (CrossLingual(), parallel(3, ("en",)), "no cross-lingual training pair"),
        (Hybrid(), parallel(3, ("en",)), "no cross-lingual training pair"),
        (English(), parallel(3, ("de",)), "needs English"),
        (Hybrid(languages=("fr",)), parallel(3), "no language 'fr'"),
        (Monolingual(pairs=(("en", "de"),)), parallel(3), "no monolingual training pair"),
    ],
)
def test_a_strategy_that_finds_nothing_to_draw_says_so(rule, collection, message):
    with pytest.raises(InputError, match=message):
        BatchSampler(collection, rule, 4)


def test_settings_out_of_range_are_refused():
    for bad in (lambda: Hybrid(alpha=1.5), lambda: Hybrid(tau=-1), lambda: Hybrid(languages=("xx",))):
        with pytest.raises(InputError):
            bad()
    with pytest.raises(InputError, match=r"no strategy 'hybird' \(did you mean hybrid\?\): choose one of"):
        strategy("hybird")
    with pytest.raises(InputError, match="monolingual has no alpha; hybrid has"):
        strategy("monolingual", alpha=0.5)
    with pytest.raises(InputError, match="mixed has no pairing; cross_lingual and hybrid have"):
        strategy("mixed", pairing="row")
    with pytest.raises(InputError, match="pairing is 'row' or 'batch', not 'rows'"):
        strategy("hybrid", pairing="rows")
    with pytest.raises(InputError, match="mixed_cross is now cross_lingual"):
        strategy("mixed_cross")
    with pytest.raises(InputError, match="batch size"):
        BatchSampler(parallel(3), Hybrid(), 0)


@pytest.mark.parametrize("shape", ["constant", "linear", "cosine"])
def test_a_schedule_of_alpha_is_followed(shape):
    schedule = Schedule(shape, 0.9, 0.1 if shape != "constant" else None, 1000 if shape != "constant" else 0)
    sampler = BatchSampler(parallel(20), Hybrid(alpha=schedule), 4)
    mono = np.array([sampler[step].kind == "mono" for step in range(1600)])
    for start in range(0, 1600, 200):
        wanted = np.mean([schedule.rate(step) for step in range(start, start + 200)])
        assert mono[start : start + 200].mean() == pytest.approx(wanted, abs=0.06)


@given(
    st.sampled_from(["linear", "cosine"]),
    st.floats(0, 1),
    st.floats(0, 1),
    st.integers(1, 500),
    st.integers(0, 900),
)
def test_the_integral_of_a_schedule_is_its_sum(shape, start, end, steps, until):
    schedule = Schedule(shape, start, end, steps)
    midpoints = sum(schedule.rate(step + 0.5) for step in range(until))
    assert schedule.total(until) == pytest.approx(midpoints, abs=0.06)
