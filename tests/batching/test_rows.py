"""Batches whose rows draw their own language pairs: how often what comes up, and at what cost."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import islice

import numpy as np
import pytest
from batching_helpers import LANGUAGES, SLOW_DATA, collections, make, parallel, uneven
from hypothesis import given
from hypothesis import strategies as st

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Mixed, Strategy
from isoglot.batching.relations import Conflicts
from isoglot.batching.rows import RowDraws, _pick
from isoglot.collections import Collection, read_collection

RULES: tuple[type[Strategy], ...] = (Mixed, CrossLingual)


def drawn_pairs(sampler: BatchSampler, steps: int) -> np.ndarray:
    """How often each language pair came up in the rows of cross-lingual (or mixed) batches."""
    collection = sampler.collection
    drawn = np.zeros(collection.pair_counts.shape)
    for batch in islice(sampler, steps):
        if batch.query_language is None:
            pairs = (collection.query_language[batch.queries], collection.document_language[batch.documents])
            np.add.at(drawn, pairs, 1)
    return drawn


def wanted_pairs(collection: Collection, rule: type[Strategy], tau: float) -> np.ndarray:
    """The share of each language pair among the rows."""
    mono = np.eye(len(collection.languages), dtype=bool)
    counts = np.where(mono if rule is Mixed else ~mono, collection.pair_counts, 0).astype(float)
    weights = np.where(counts > 0, np.maximum(counts, 1) ** tau, 0)
    return weights / weights.sum()


@pytest.mark.parametrize("rule", [*RULES, Hybrid])
@pytest.mark.parametrize("tau", [0.0, 0.3, 0.5, 1.0])
def test_rows_draw_language_pairs_by_their_size_to_the_power_of_tau(rule, tau):
    collection = uneven(4)  # no query weighs so much that it would have to come up twice in a batch of six
    drawn = drawn_pairs(BatchSampler(collection, rule(tau=tau), 6), 4000)
    assert drawn / drawn.sum() == pytest.approx(wanted_pairs(collection, rule, tau), abs=0.003)


def test_language_pairs_that_lose_by_full_batches_are_made_up_for_by_other_queries():
    # One page asked for in eight ways in all languages weighs 8 x 12 of 8 x 12 + 60 x 2 training pairs, and can
    # come up once a batch of ten; German-Thai exists also outside it, and must get its share from there.
    answers = {f"a{n}": {lang: {0} for lang in LANGUAGES} for n in range(8)}
    asked = {query: set(LANGUAGES) for query in answers}
    for n in range(1, 61):
        pair = ("de", "th") if n % 2 else ("en", "sw")
        answers[f"q{n}"], asked[f"q{n}"] = {lang: {n} for lang in pair}, set(pair)
    collection = make(answers, asked)
    sampler = BatchSampler(collection, CrossLingual(), 10)
    drawn = drawn_pairs(sampler, 2000)
    assert drawn.sum() >= 0.98 * 2000 * 10
    at = {tag: place for place, tag in enumerate(collection.languages)}
    wanted = wanted_pairs(collection, CrossLingual, 1.0)
    # pairs that only the page has come up at most once a batch between them, evenly
    only_there = [(a, b) for a in at for b in at if a != b and {a, b} not in ({"de", "th"}, {"en", "sw"})]
    found = np.array([drawn[at[a], at[b]] / drawn.sum() for a, b in only_there])
    assert found.sum() == pytest.approx(0.1, abs=0.01)
    assert found == pytest.approx(found.mean(), rel=0.2)
    others = [(a, b) for a, b in (("de", "th"), ("th", "de"), ("en", "sw"), ("sw", "en"))]
    found = np.array([drawn[at[a], at[b]] / drawn.sum() for a, b in others])
    assert found == pytest.approx(0.9 / 4, abs=0.01)
    assert wanted[at["de"], at["th"]] < 0.9 / 4  # they take what the page gives up


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize(("queries", "batch_size"), [(64, 16), (50, 7), (100, 64), (30, 40), (7, 7)])
def test_where_texts_exist_in_all_languages_queries_come_up_equally_often(rule, queries, batch_size):
    collection = parallel(queries)
    sampler = BatchSampler(collection, rule(), batch_size)
    draws = next(iter(sampler._pairs.values()))
    assert isinstance(draws, RowDraws)
    times = int(draws.rates[0])
    for number in range(3):
        batches = [sampler[step] for step in range(number * draws.batches, (number + 1) * draws.batches)]
        counts = Counter(collection.query_index[row] for batch in batches for row in batch.queries.tolist())
        assert counts == dict.fromkeys(range(queries), times)
        assert min(len(batch) for batch in batches) >= 0.95 * min(queries, batch_size) - 1
    if queries % batch_size == 0:
        assert times == 1  # every one once before any twice


@SLOW_DATA
@given(collections(), st.sampled_from(RULES), st.integers(1, 9), st.sampled_from([0.0, 0.5, 1.0]))
def test_a_query_is_dealt_within_one_of_its_share_after_any_number_of_passes(collection, rule, batch_size, tau):
    draws = next(iter(BatchSampler(collection, rule(tau=tau), batch_size)._pairs.values()))
    assert isinstance(draws, RowDraws)
    dealt = np.zeros(len(draws.ids))
    alone = 0  # a pass of fewer rows than batches fills up with batches of a single row
    for number in range(12):
        arranged = draws._arrange(number)
        for positions, occurrences in arranged:
            # a row knows how often its query came up before; rows that found no place leave a gap
            assert np.all(occurrences >= np.floor(number * draws.rates + draws._starts)[positions])
            dealt += np.bincount(positions, minlength=len(dealt))
            alone += len(positions) == 1
        assert np.all(dealt <= (number + 1) * draws.rates + 1 + alone)


@SLOW_DATA
@given(collections(), st.sampled_from(RULES), st.integers(1, 9))
def test_no_query_or_document_is_due_more_than_once_a_batch(collection, rule, batch_size):
    draws = next(iter(BatchSampler(collection, rule(), batch_size)._pairs.values()))
    assert isinstance(draws, RowDraws)
    conflicts = Conflicts.of(collection)
    claims = conflicts.of_rows(draws.ids)
    load = np.bincount(claims.values, np.repeat(draws.rates, np.diff(claims.offsets)))
    assert load.max() <= draws.batches * (1 + 1e-6)
    assert draws.rates.sum() <= draws.batches * batch_size * (1 + 1e-6)


LAST_PLACE = 1 - 2**-32  # as near to 1 as places come


@given(
    st.lists(
        st.tuples(
            st.lists(st.sampled_from([0.0, 1.0, 3.0]) | st.floats(1e-3, 9), min_size=1, max_size=4).filter(any),
            st.sampled_from([0.0, 0.25, 0.5, LAST_PLACE]) | st.floats(0, LAST_PLACE),
        ),
        min_size=1,
        max_size=6,
    )
)
def test_an_option_is_picked_where_the_place_falls_among_the_weights_of_its_owner(owners):
    weights = np.array([weight for options, _ in owners for weight in options])
    owner = np.repeat(np.arange(len(owners)), [len(options) for options, _ in owners])
    picked, rest = _pick(weights, owner, np.array([place for _, place in owners]))
    assert owner[picked].tolist() == list(range(len(owners)))
    assert np.all(weights[picked] > 0)
    assert np.all((rest >= 0) & (rest < 1))
    for number, (options, place) in enumerate(owners):
        at = place * sum(options)
        which = picked[number] - np.searchsorted(owner, number)
        found = sum(options[:which]) + rest[number] * options[which]  # the place that was left is within the option
        assert found == pytest.approx(at, abs=1e-6)


def test_all_language_pairs_of_a_query_take_turns():
    collection = parallel(6)
    seen: Counter[tuple[int, int]] = Counter()
    for batch in islice(BatchSampler(collection, CrossLingual(), 6), 24):
        for query, document in zip(batch.queries.tolist(), batch.documents.tolist(), strict=True):
            seen[query, document] += 1
    # 6 queries x 12 pairs of languages, 24 times each query: twice each pair if they took turns exactly
    assert len(seen) == 72
    assert max(seen.values()) <= 3


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_real_uneven_data_fills_batches_by_rows(shared_data, tau):
    collection = read_collection(shared_data / "tldr" / "train")
    sampler = BatchSampler(collection, CrossLingual(tau=tau), 512)
    sizes = [len(sampler[step]) for step in range(100)]
    assert np.mean(sizes) >= 0.99 * 512
    if tau == 1:
        drawn = drawn_pairs(sampler, 300)
        wanted = wanted_pairs(collection, CrossLingual, 1.0)
        assert np.abs(drawn / drawn.sum() - wanted).sum() / 2 < 0.03


def test_what_tau_asks_for_and_cannot_have_is_told(caplog):
    # Swahili and Zulu have five texts beside 400 in two languages: uniformly every third row would be one of theirs
    sizes = {"en": 400, "de": 400, "sw": 5}
    versions = {f"q{n}": {lang for lang, size in sizes.items() if n < size} for n in range(400)}
    collection = make(
        {query: {lang: {int(query[1:])} for lang in langs} for query, langs in versions.items()}, versions
    )
    with caplog.at_level("INFO", logger="isoglot"):
        sampler = BatchSampler(collection, CrossLingual(tau=0.0), 100)
    drawn = drawn_pairs(sampler, 400)
    wanted = wanted_pairs(collection, CrossLingual, 0.0)
    missed = np.abs(drawn / drawn.sum() - wanted).sum() / 2
    assert sampler.missed["cross"] == pytest.approx(missed, abs=0.01)
    assert missed > 0.5
    (said,) = [record.getMessage() for record in caplog.records if "tau 0" in record.getMessage()]
    assert f"{100 * missed:.0f} % of the rows" in said
    caplog.clear()
    with caplog.at_level("INFO", logger="isoglot"):
        assert BatchSampler(collection, CrossLingual(), 100).missed["cross"] < 0.01
    assert not caplog.records


@pytest.mark.parametrize("rule", [Mixed(tau=1000), CrossLingual(tau=1000), CrossLingual(tau=1000, pairing="batch")])
def test_a_tau_beyond_all_measure_draws_the_largest_alone(rule):
    collection = uneven()
    batches = list(islice(BatchSampler(collection, rule, 4), 20))
    languages = {
        collection.languages[language]
        for batch in batches
        for language in (*collection.query_language[batch.queries], *collection.document_language[batch.documents])
    }
    assert languages == ({"en"} if isinstance(rule, Mixed) else {"en", "de"})


class Calls:
    """Counts the calls of functions, Python's and C's, while it is open."""

    def __init__(self) -> None:
        self.count = 0

    def _note(self, _frame: object, event: str, _argument: object) -> None:
        self.count += event in ("call", "c_call")

    def __enter__(self) -> Calls:
        sys.setprofile(self._note)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)


def star(queries: int) -> Collection:
    """Every query has the same one page."""
    asked = {f"q{n}": {"en", "de"} for n in range(queries)}
    return make({query: {"en": {0}, "de": {0}} for query in asked}, asked)


def chains(queries: int) -> Collection:
    """Every query shares a page with the one before and one with the next."""
    asked = {f"q{n}": {"en", "de"} for n in range(queries)}
    return make({f"q{n}": {lang: {n, n + 1} for lang in ("en", "de")} for n in range(queries)}, asked)


def repeated(queries: int) -> Collection:
    """Fifty queries over and over, each version with pages of its own and one that all of its kind have."""
    asked = {f"q{n}": {"en", "de"} for n in range(queries)}
    answers = {f"q{n}": {lang: {1000 + n, n % 50} for lang in ("en", "de")} for n in range(queries)}
    return make(answers, asked)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("batch_size", [1, 8, 512, 4096])
@pytest.mark.parametrize("collection", [star(300), chains(300), repeated(300), parallel(3), parallel(600)])
def test_the_work_for_a_batch_is_bounded_whatever_the_data(collection, rule, batch_size):
    with Calls() as setup:
        sampler = BatchSampler(collection, rule(), batch_size)
    draws = next(iter(sampler._pairs.values()))
    with Calls() as one_pass:
        sizes = [len(sampler[step]) for step in range(draws.batches)]
    assert sum(sizes) > 0
    # so many calls, each linear in texts, judgments and rows but for sorting
    assert setup.count < 50_000
    assert one_pass.count < 2_000 + 300 * draws.batches


@pytest.mark.parametrize("batch_size", [64, 512, 4096])
def test_a_batch_without_conflicts_holds_as_many_rows_as_there_are_pages(batch_size):
    collection = repeated(300)
    sizes = [len(batch) for batch in islice(BatchSampler(collection, CrossLingual(), batch_size), 20)]
    assert max(sizes) <= 50
    assert np.mean(sizes) >= 0.95 * 50
