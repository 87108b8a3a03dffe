"""Ranks equal those of a full stable sort, ties and all."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_helpers import judge, make_collection, ranking
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr

from isoglot.collections.building import collection_from_rows
from isoglot.errors import InputError
from isoglot.evaluation import Judgments, Ranks, rank_embeddings, rank_scores
from isoglot.evaluation.keys import bucket_sort, choose_sort, count_before, documents_of, first_keys, order_keys


def brute_force(scores: np.ndarray, judged: Judgments, top: int) -> Ranks:
    pool, own, best = [], [], []
    for query in range(len(judged.query_rows)):
        order = ranking(scores[query])
        best.append(order[:top])
        for document in judged.documents[judged.offsets[query] : judged.offsets[query + 1]]:
            pool.append(int(np.flatnonzero(order == document)[0]) + 1)
            language = judged.document_language
            same = order[language[order] == language[document]]
            own.append(int(np.flatnonzero(same == document)[0]) + 1)
    return Ranks(judged, np.array(pool), np.array(own), np.array(best))


def assert_same(found: Ranks, expected: Ranks) -> None:
    np.testing.assert_array_equal(found.pool_rank, expected.pool_rank)
    np.testing.assert_array_equal(found.language_rank, expected.language_rank)
    np.testing.assert_array_equal(found.top, expected.top)


@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([1, 2, 5, 50, 10**6]),
    correlation=st.booleans(),
    documents=st.sampled_from([2, 30, 700]),
    top=st.sampled_from([1, 10]),
)
@settings(max_examples=60, deadline=None)
def test_ranks_equal_a_stable_sort(seed, levels, correlation, documents, top):
    judged = judge(make_collection(seed, documents=documents))
    rng = np.random.default_rng(seed)
    scores = rng.integers(-levels, levels, (len(judged.query_rows), documents)).astype(np.float32) / levels
    found = rank_scores(scores, judged, top=top, correlation=correlation)
    assert_same(found, brute_force(scores, judged, min(top, documents)))
    assert all((one is not None) == correlation for one in (found.correlation, found.top_correlation))


def test_a_query_with_more_than_a_thousand_relevant_documents():
    documents = [(f"d{at}", "en" if at % 3 else "de", "", f"text {at}") for at in range(2500)]
    qrels = [("q", f"d{at}", 1) for at in range(1500)] + [("r", "d7", 2)]
    judged = judge(collection_from_rows(documents, [("q", "en", "a"), ("r", "en", "b")], qrels))
    scores = np.random.default_rng(0).integers(0, 50, (2, 2500)).astype(np.float32)
    for correlation in (True, False):
        assert_same(rank_scores(scores, judged, correlation=correlation), brute_force(scores, judged, 10))


@given(seed=st.integers(0, 10**6), correlation=st.booleans())
@settings(max_examples=15, deadline=None)
def test_bounded_memory_gives_the_same_ranks(seed, correlation):
    judged = judge(make_collection(seed, documents=50))
    rng = np.random.default_rng(seed)
    # small integers: products are exact however the matrix is cut
    queries = rng.integers(-3, 4, (len(judged.query_rows), 6)).astype(np.float32)
    documents = rng.integers(-3, 4, (50, 6)).astype(np.float32)
    whole = rank_embeddings(queries, documents, judged, correlation=correlation)
    assert_same(whole, brute_force(queries @ documents.T, judged, 10))
    for memory in (1, 50 * 4 * 3, 2**20):
        blocks: list[np.ndarray] = []

        def observe(positions, scores, columns, memory=memory, blocks=blocks):
            blocks.append(positions)
            alone = judged.query_ids[positions] if correlation else positions  # what no memory could cut
            assert scores.nbytes <= memory or len(set(alone.tolist())) == 1

        options = {"correlation": correlation, "memory": memory, "observe": observe}
        parts = rank_embeddings(queries, documents, judged, **options)
        assert_same(parts, whole)
        assert sorted(np.concatenate(blocks)) == list(range(len(queries)))  # each is computed once
        assert memory < 2**20 or len(blocks) == 1  # and all at once where there is room
        if correlation:
            np.testing.assert_allclose(parts.correlation, whole.correlation, rtol=0, atol=1e-12)


def test_documents_with_equal_embeddings_rank_by_row():
    # wide enough that a matrix product rounds the same numbers differently in different columns
    rng = np.random.default_rng(0)
    rows = 333
    documents = rng.standard_normal((rows, 301)).astype(np.float32)
    documents[rng.permutation(rows)[:200]] = documents[5]
    collection = make_collection(1, documents=rows)
    judged = judge(collection)
    queries = rng.standard_normal((len(judged.query_rows), 301)).astype(np.float32)
    equal = np.flatnonzero((documents == documents[5]).all(axis=1))
    for memory in (1, 2**20):  # a product of one row rounds otherwise than one of many
        found = rank_embeddings(queries, documents, judged, top=rows, correlation=False, memory=memory)
        for order in found.top:
            np.testing.assert_array_equal(order[np.isin(order, equal)], equal)


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([0.5, 4.0, 1024.0]))
@settings(max_examples=15, deadline=None)
def test_ranks_depend_on_the_order_of_scores_only(seed, factor):
    judged = judge(make_collection(seed))
    scores = np.random.default_rng(seed).standard_normal((len(judged.query_rows), 30)).astype(np.float32)
    assert_same(rank_scores(scores * factor, judged), rank_scores(scores, judged))


@given(seed=st.integers(0, 10**6), levels=st.sampled_from([2, 10**6]))
@settings(max_examples=15, deadline=None)
def test_rank_correlation_equals_scipy(seed, levels):
    judged = judge(make_collection(seed, languages=4))
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (len(judged.query_rows), 30)).astype(np.float32)
    found = rank_scores(scores, judged).correlation
    ranks = np.array([np.argsort(ranking(row)) for row in scores])
    for query, value in enumerate(found):
        same = np.flatnonzero(judged.query_ids == judged.query_ids[query])
        others = [spearmanr(ranks[query], ranks[other]).statistic for other in same if other != query]
        if others:
            assert value == pytest.approx(np.mean(others), abs=1e-6)
        else:
            assert np.isnan(value)


def test_keys_order_signed_zeros_infinities_and_ties():
    scores = np.array([-0.0, 0.0, np.inf, -np.inf, 1e-45, -1e-45, 3, 3], np.float32)
    keys = order_keys(scores, np.arange(8))
    assert documents_of(np.sort(keys)).tolist() == [2, 6, 7, 4, 0, 1, 5, 3]


@given(seed=st.integers(0, 10**6), size=st.integers(1, 3000), k=st.integers(1, 20))
@settings(max_examples=50, deadline=None)
def test_first_keys_and_counts(seed, size, k):
    rng = np.random.default_rng(seed)
    keys = rng.permutation(size * 2)[:size].astype(np.int64)
    np.testing.assert_array_equal(first_keys(keys, min(k, size)), np.sort(keys)[:k])
    for wanted in (keys[:k], keys):
        np.testing.assert_array_equal(count_before(keys, wanted), [(keys < key).sum() for key in wanted])


@given(
    seed=st.integers(0, 10**6),
    size=st.integers(1, 3000),
    levels=st.sampled_from([1, 3, 100, 10**6]),
    scale=st.sampled_from([1e-45, 1e-38, 1.0, 3e38]),
    extreme=st.sampled_from([None, 1e30, np.inf, -np.inf]),
)
@settings(max_examples=80, deadline=None)
def test_both_sorts_of_keys_give_the_same_order(seed, size, levels, scale, extreme):
    rng = np.random.default_rng(seed)
    scores = (rng.integers(-levels, levels + 1, size) / levels * scale).astype(np.float32)
    if extreme is not None:
        scores[0] = extreme
    keys = order_keys(scores, rng.permutation(size))
    expected = np.sort(keys)
    np.testing.assert_array_equal(bucket_sort(keys, scores), expected)
    np.testing.assert_array_equal(choose_sort(size)(keys, scores), expected)


def test_a_pool_of_thousands_ranks_as_a_stable_sort_does(monkeypatch):
    from isoglot.evaluation import ranks

    judged = judge(make_collection(3, documents=5000))
    scores = np.random.default_rng(3).integers(0, 3000, (len(judged.query_rows), 5000)).astype(np.float32)
    monkeypatch.setattr(ranks, "choose_sort", lambda size: bucket_sort)
    assert_same(rank_scores(scores, judged), brute_force(scores, judged, 10))


def test_scores_that_cannot_be_ranked():
    judged = judge(make_collection())
    scores = np.zeros((len(judged.query_rows), 30), np.float32)
    with pytest.raises(InputError, match="shape"):
        rank_scores(scores[:-1], judged)
    scores[0, 0] = np.nan
    with pytest.raises(InputError, match="NaN"):
        rank_scores(scores, judged)


@given(
    seed=st.integers(0, 10**6),
    levels=st.sampled_from([2, 10**6]),
    documents=st.sampled_from([2, 9, 30, 300]),
    top=st.sampled_from([1, 10, 25]),
)
@settings(max_examples=25, deadline=None)
def test_correlation_on_top_equals_scipy_over_the_union_however_many_are_returned(seed, levels, documents, top):
    judged = judge(make_collection(seed, languages=4, documents=documents))
    rng = np.random.default_rng(seed)
    base = rng.integers(0, levels, (1, documents)) + rng.integers(0, levels, (len(judged.query_rows), documents))
    found = rank_scores(base.astype(np.float32), judged, top=top).top_correlation
    ranks = np.array([np.argsort(ranking(row)) for row in base])
    for query, value in enumerate(found):
        same = np.flatnonzero(judged.query_ids == judged.query_ids[query])
        others = []
        for other in same[same != query]:
            union = np.flatnonzero((ranks[query] < 10) | (ranks[other] < 10))
            others.append(spearmanr(ranks[query][union], ranks[other][union]).statistic)
        assert value == (pytest.approx(np.mean(others), abs=1e-9) if others else pytest.approx(np.nan, nan_ok=True))
