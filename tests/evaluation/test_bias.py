"""Measures of language bias against their definitions, the package peer_measure, and what must not matter."""

from __future__ import annotations

import ir_measures
import numpy as np
import pytest
from evaluation_helpers import judge, make_collection, parallel_collection, ranking
from hypothesis import given, settings
from hypothesis import strategies as st
from ir_measures import Qrel, ScoredDoc
from scipy.stats import kruskal

from isoglot.collections.building import collection_from_rows
from isoglot.evaluation import evaluate_embeddings, rank_scores
from isoglot.evaluation.bias import measure_bias, peer
from isoglot.evaluation.settings import cells_of


def bias_of(collection, scores):
    judged = judge(collection)
    language = collection.query_language[judged.query_rows].astype(np.int64)
    ranks = rank_scores(scores, judged)
    return measure_bias(ranks, cells_of(ranks, language, ()), judged.query_ids, language, collection.languages)


def random_scores(collection, seed, levels=10**6):
    shape = (len(judge(collection).query_rows), collection.documents.num_rows)
    return np.random.default_rng(seed).integers(0, levels, shape).astype(np.float32)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_definitions(seed):
    collection = make_collection(seed, documents=200)
    scores = random_scores(collection, seed)
    bias = bias_of(collection, scores)
    judged = judge(collection)
    language, pool = judged.document_language, 200
    expected = {name: [] for name in ("rank_distance", "max_rank", "max_rank_log", "complete@10", "complete@100")}
    own, gaps = [], {(k, tag): [] for k in (10, 100) for tag in range(3)}
    for query, row in enumerate(judged.query_rows):
        order = ranking(scores[query])
        relevant = judged.documents[judged.offsets[query] : judged.offsets[query + 1]]
        best = {}
        for tag in np.unique(language[relevant]):
            places = 1 + np.flatnonzero(np.isin(order, relevant[language[relevant] == tag]))
            best[tag] = int(places[0])
            for k in (10, 100):
                gaps[k, tag].append((places <= k).mean())
        if len(best) > 1:
            worst = max(best.values())
            expected["rank_distance"].append(worst - min(best.values()))
            expected["max_rank"].append(worst)
            expected["max_rank_log"].append(np.log(worst) / np.log(pool))
            expected["complete@10"].append(worst <= 10)
            expected["complete@100"].append(worst <= 100)
        mine = collection.query_language[row]
        own.append((language[order[:10]] == mine).mean() - (language == mine).mean())
    for name, values in expected.items():
        found = bias.summary[name]
        assert found == (pytest.approx(np.mean(values)) if values else None), name
    assert bias.summary["own_language_share@10"] == pytest.approx(np.mean(own))
    for k in (10, 100):
        recalls = [np.mean(values) for (cutoff, _), values in gaps.items() if cutoff == k and values]
        told = len(recalls) > 1 and max(recalls) > 0
        expected_gap = pytest.approx(max(recalls) - min(recalls)) if told else None
        assert bias.summary[f"recall_gap@{k}"] == expected_gap
    for shares in bias.summary["language_share@10"].values():
        assert sum(shares.values()) == pytest.approx(1)


CASES = ("relevant_own@1", "relevant_other@1", "irrelevant_own@1", "irrelevant_other@1")


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_recall_in_other_languages_and_the_four_cases_of_the_first_rank(seed):
    collection = make_collection(seed, documents=60)
    scores = random_scores(collection, seed)
    judged = judge(collection)
    scores[judged.queries[::3], judged.documents[::3]] += 10**6  # so that every case comes up
    bias = bias_of(collection, scores)
    recalls, cases = {10: [], 20: []}, []
    for query, row in enumerate(judged.query_rows):
        order, mine = ranking(scores[query]), collection.query_language[row]
        relevant = set(judged.documents[judged.offsets[query] : judged.offsets[query + 1]].tolist())
        other = {at for at in relevant if judged.document_language[at] != mine}
        for k, values in recalls.items():
            if other:
                values.append(len(other & set(order[:k].tolist())) / len(other))
        if other and other != relevant:
            first = order[0]
            answer = "relevant" if first in relevant else "irrelevant"
            cases.append(f"{answer}_{'own' if judged.document_language[first] == mine else 'other'}@1")
    for k, values in recalls.items():
        assert bias.summary[f"tlr@{k}"] == (pytest.approx(np.mean(values)) if values else None)
    for case in CASES:
        assert bias.summary[case] == (pytest.approx(cases.count(case) / len(cases)) if cases else None)


def test_the_first_rank_of_a_known_ranking():
    # en asks; answers are d0 (en) and d1 (de), d2 (en) and d3 (de) are not; the query of d4 has none in de
    texts = [(f"d{at}", tag, "", f"text {at}") for at, tag in enumerate(["en", "de", "en", "de", "en"])]
    asked = [(f"q{at}", "en", f"query {at}") for at in range(5)]
    qrels = [(f"q{at}", answer, 1) for at in range(4) for answer in ("d0", "d1")] + [("q4", "d4", 1)]
    collection = collection_from_rows(texts, asked, qrels)
    bias = bias_of(collection, np.eye(5, dtype=np.float32))
    assert [bias.summary[case] for case in CASES] == [0.25] * 4
    assert [np.isnan(bias.per_query[case][4]) for case in CASES] == [True] * 4


def test_by_query_language_averages_to_the_whole():
    collection = make_collection(3, documents=100)
    bias = bias_of(collection, random_scores(collection, 3))
    tags = np.array(collection.languages)[collection.query_language[judge(collection).query_rows]]
    for name in ("rank_distance", "peer@10", "own_language_share@10"):
        applies = ~np.isnan(bias.per_query[name])
        counts = {tag: (applies & (tags == tag)).sum() for tag in collection.languages}
        parts = bias.summary["by_query_language"]
        mean = sum(parts[tag][name] * count for tag, count in counts.items() if count) / applies.sum()
        assert bias.summary[name] == pytest.approx(mean)


@given(seed=st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_peer_equals_the_package(seed):
    package = pytest.importorskip("peer_measure", reason="the package peer_measure is not installed")
    # version 0.0.1 calls a helper that ir_measures has dropped,
    ir_measures.util.flatten_measures = list
    collection = make_collection(seed, documents=150, grades=1)
    scores = random_scores(collection, seed)
    judged = judge(collection)
    ranks = rank_scores(scores, judged)
    cells = cells_of(ranks, collection.query_language[judged.query_rows], ())
    mapping = {str(at): str(tag) for at, tag in enumerate(judged.document_language)}
    qrels = [Qrel(str(q), str(d), 1) for q, d in zip(judged.queries, judged.documents, strict=True)]
    # ... and fails on queries without a judgment of 0
    qrels += [Qrel(str(query), "not retrieved", 0) for query in range(len(scores))]
    run = [
        ScoredDoc(str(query), str(document), -float(at))
        for query, row in enumerate(scores)
        for at, document in enumerate(ranking(row))
    ]
    for k in (10, 100):
        measure = package.PEER(weights={1: 1.0}, lang_mapping=mapping) @ k
        values = {int(metric.query_id): metric.value for metric in ir_measures.iter_calc([measure], qrels, run)}
        found = peer(ranks, cells, k)
        tags = judged.document_language[judged.documents]
        for query, value in values.items():
            part = slice(judged.offsets[query], judged.offsets[query + 1])
            if ranks.pool_rank[part].min() > k and len(set(tags[part])) > 1:
                assert value == 1  # of the package: what finds nothing is the fairest
                assert found[query] == 0
            else:
                assert found[query] == pytest.approx(1.0 if np.isnan(value) else value, abs=1e-9)


def test_peer_equals_scipy_where_everything_is_retrieved():
    # the package, and so we, do not rank the ranks again: equal to Kruskal-Wallis where relevant documents lead
    collection = make_collection(5, documents=60, grades=1)
    judged = judge(collection)
    scores = random_scores(collection, 5)
    scores[judged.queries, judged.documents] += 10**7
    ranks = rank_scores(scores, judged)
    found = peer(ranks, cells_of(ranks, collection.query_language[judged.query_rows], ()), 100)
    for query in range(len(scores)):
        part = slice(judged.offsets[query], judged.offsets[query + 1])
        tags = judged.document_language[judged.documents[part]]
        groups = [ranks.pool_rank[part][tags == tag] for tag in np.unique(tags)]
        if len(groups) > 1:
            assert found[query] == pytest.approx(kruskal(*groups).pvalue)


@given(languages=st.integers(2, 5))
@settings(max_examples=4, deadline=None)
def test_a_perfect_ranking(languages):
    collection = parallel_collection(languages)
    vectors = np.tile(np.eye(12), (languages, 1))
    result = evaluate_embeddings(vectors, vectors, collection, bootstrap=0)
    assert result.multilingual["AP"] == result.monolingual["AP"] == result.cross_lingual["AP"] == 1
    assert result.bias["rank_distance"] == languages - 1
    assert result.bias["max_rank"] == languages
    assert result.bias["complete@10"] == 1
    assert result.bias["recall_gap@10"] == 0
    assert result.bias["rank_correlation"] == pytest.approx(1)
    assert result.bias["mrc@10"] == pytest.approx(1)
    assert result.bias["tlr@10"] == 1
    assert result.bias["relevant_own@1"] + result.bias["relevant_other@1"] == 1


def test_a_model_that_only_sees_the_language():
    collection = parallel_collection(3)
    vectors = np.repeat(np.eye(3), 12, axis=0)
    result = evaluate_embeddings(vectors, vectors, collection, bootstrap=0)
    assert result.bias["own_language_share@10"] == pytest.approx(1 - 1 / 3)
    for tag, shares in result.bias["language_share@10"].items():
        assert shares == {other: float(other == tag) for other in collection.languages}
    assert result.bias["rank_correlation"] < 0.5
    # every language fills its own top with documents that are all equal to it: the first of them is first
    assert result.bias["relevant_own@1"] == pytest.approx(1 / 12)
    assert result.bias["irrelevant_own@1"] == pytest.approx(11 / 12)
    assert result.bias["tlr@10"] == 0


@given(seed=st.integers(0, 10**6))
@settings(max_examples=10, deadline=None)
def test_names_of_languages_and_order_of_documents_do_not_matter(seed):
    collection = make_collection(seed)
    queries = collection.queries.to_pylist()
    documents = collection.documents.to_pylist()
    names = collection.query_ids.to_pylist()
    qrels = [
        (names[row["query"]], documents[row["document"]]["_id"], row["score"])
        for row in collection.judgments.to_pylist()
    ]
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(documents))
    renamed = dict(zip(collection.languages, rng.permutation(["sw", "ja", "ar"]).tolist(), strict=True))
    other = collection_from_rows(
        [(documents[at]["_id"], renamed[documents[at]["lang"]], "", documents[at]["text"]) for at in order],
        [(row["_id"], renamed[row["lang"]], row["text"]) for row in queries],
        qrels,
    )
    q, d = rng.standard_normal((len(queries), 8)), rng.standard_normal((len(documents), 8))
    first = evaluate_embeddings(q, d, collection, bootstrap=20, geometry=False)
    second = evaluate_embeddings(q, d[order], other, bootstrap=20, geometry=False)
    for setting in ("monolingual", "cross_lingual", "multilingual"):
        assert first.__dict__[setting] == pytest.approx(second.__dict__[setting])
        for name, interval in (first.intervals[setting] or {}).items():
            assert interval == pytest.approx(second.intervals[setting][name])
    for name, value in first.bias.items():
        if not isinstance(value, dict):
            assert value == pytest.approx(second.bias[name], abs=1e-6)
    shares = {
        renamed[a]: {renamed[b]: share for b, share in row.items()}
        for a, row in first.bias["language_share@10"].items()
    }
    assert {a: pytest.approx(row) for a, row in shares.items()} == second.bias["language_share@10"]


def test_mean_ranks_by_language_pair_are_those_of_the_best_answers():
    collection = make_collection(3)
    scores = random_scores(collection, 0)
    judged = judge(collection)
    found = bias_of(collection, scores).summary["best_rank"]
    expected: dict = {}
    for at, row in enumerate(judged.query_rows):
        place = np.empty(scores.shape[1], int)
        place[ranking(scores[at])] = np.arange(1, scores.shape[1] + 1)
        relevant = judged.documents[judged.offsets[at] : judged.offsets[at + 1]]
        by_answer = expected.setdefault(collection.languages[collection.query_language[row]], {})
        for language in np.unique(judged.document_language[relevant]):
            best = place[relevant[judged.document_language[relevant] == language]].min()
            by_answer.setdefault(collection.languages[language], []).append(best)
    assert found == {a: {b: pytest.approx(np.mean(v)) for b, v in row.items()} for a, row in expected.items()}
