"""Evaluating fair rankings: the pool is merged as `fair_ranking` says, all else stays, for every source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from evaluation_helpers import judge, make_collection, parallel_collection, ranking
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows
from isoglot.errors import InputError
from isoglot.evaluation import (
    Result,
    compare_before,
    evaluate_bm25,
    evaluate_embeddings,
    evaluate_run,
    measure,
    rank_scores,
    result_of_ranks,
)
from isoglot.evaluation.fair import FAIR, fair_ranking, fit_calibration, merge_best
from isoglot.evaluation.merging import MERGINGS, fair_run_scores

SETTINGS = ("monolingual", "cross_lingual", "multilingual", "bias", "pairs")
STAYING = ("monolingual", "cross_lingual", "pairs")


def embeddings_of(collection: Collection, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    documents = rng.standard_normal((collection.documents.num_rows, 6))
    documents[::4] = documents[0]  # ties
    return rng.standard_normal((len(collection.query_index), 6)), documents


def unit(table: np.ndarray) -> np.ndarray:
    return (table / np.linalg.norm(table, axis=1, keepdims=True)).astype(np.float32)


def same(one: Result, other: Result, parts: tuple[str, ...] = SETTINGS) -> None:
    for part in parts:
        assert getattr(one, part) == getattr(other, part), part


def merged_by_hand(scores: np.ndarray, collection: Collection, method: str) -> Result:
    """The result of every query's pool ranked by `fair_ranking`, as scores that fall along it."""
    judged, language = judge(collection), collection.document_language.astype(int)
    table = np.zeros(scores.shape)
    for query, row in enumerate(scores):
        if method == "oracle":
            relevant = np.isin(np.arange(len(row)), judged.documents[judged.queries == query])
            order, _ = merge_best(row, language, relevant)
        else:
            order, _ = fair_ranking(row, language, method, sizes=np.bincount(language))
        table[query, order] = -np.arange(len(order))
    return result_of_ranks(rank_scores(table, judged), collection, bootstrap=0)


@pytest.mark.parametrize("method", MERGINGS)
@pytest.mark.parametrize("memory", [1, 2**29])
def test_embeddings_are_ranked_by_their_fair_scores(method, memory):
    collection = make_collection(2, languages=4, documents=60)
    queries, documents = embeddings_of(collection)
    result = evaluate_embeddings(queries, documents, collection, fair=method, bootstrap=0, memory=memory)
    own = evaluate_embeddings(queries, documents, collection, bootstrap=0)
    rows = collection.judged_query_rows()
    scores = unit(queries)[rows] @ unit(documents).T
    scores[:, ::4] = scores[:, :1]  # as ranking has it: the same embedding, the same score
    expected = merged_by_hand(scores, collection, method)
    assert result.multilingual == expected.multilingual
    for column, values in expected.per_query.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(result.per_query[column], values, atol=1e-9, err_msg=column)
    same(result, own, STAYING)
    same(result.before, own)
    assert (result.fair, result.before.fair, own.before) == (method, None, None)
    assert result.model == {"oracle": "embeddings, oracle (upper bound)"}.get(method, f"embeddings, {method}")


@pytest.mark.parametrize("method", MERGINGS)
def test_run_files_written_of_a_fair_ranking_are_its_ranking(tmp_path, method):
    collection = make_collection(5, languages=3, documents=40)
    given_ = embeddings_of(collection)
    result = evaluate_embeddings(*given_, collection, fair=method, bootstrap=0, trec_run=tmp_path / "fair")
    again = evaluate_run(tmp_path / "fair" / "multilingual.run", collection, bootstrap=0)
    assert again.multilingual == result.multilingual
    assert again.bias["rank_distance"] == result.bias["rank_distance"]
    evaluate_embeddings(*given_, collection, bootstrap=0, trec_run=tmp_path / "own")
    for path in (tmp_path / "own").glob("*-*.run"):  # language pairs stay
        written = (tmp_path / "fair" / path.name).read_text().splitlines()
        assert [line.split()[:5] for line in written] == [
            line.split()[:5] for line in path.read_text().splitlines()
        ]


@pytest.mark.parametrize("method", MERGINGS)
def test_bm25_and_a_run_of_its_whole_ranking_are_merged_alike(tmp_path, method):
    collection = make_collection(4, languages=3, documents=40)
    result = evaluate_bm25(collection, fair=method, bootstrap=0)
    own = evaluate_bm25(collection, bootstrap=0, trec_run=tmp_path)
    same(result, own, STAYING)
    same(result.before, own)
    run = evaluate_run(tmp_path / "multilingual.run", collection, fair=method, bootstrap=0)
    assert run.model == result.model
    if method != "calibrate":  # which has a run's queries standardised by all of their language
        assert run.multilingual == result.multilingual
        assert run.bias["rank_distance"] == result.bias["rank_distance"]


@given(seed=st.integers(0, 10**6), method=st.sampled_from(MERGINGS))
@settings(max_examples=25, deadline=None)
def test_what_a_run_holds_is_merged_query_by_query(seed, method):
    rng = np.random.default_rng(seed)
    collection = make_collection(seed, languages=3)
    judged, language = judge(collection), collection.document_language.astype(int)
    asked = collection.query_language[judged.query_rows].astype(int)
    lines = [(query, np.sort(rng.choice(30, rng.integers(0, 12), replace=False))) for query in range(len(asked))]
    queries = np.concatenate([np.full(len(held), query) for query, held in lines])
    documents = np.concatenate([held for _, held in lines])
    scores = rng.integers(0, 5, len(queries)).astype(float)
    found = fair_run_scores(queries, documents, scores, judged, asked, method)
    values = scores.copy()
    if method == "calibrate":
        for query, _ in lines:
            own = scores[queries == query]
            if len(own):
                values[queries == query] = (own - own.mean()) / own.std() if own.std() > 0 else 0
    for query, held in lines:
        mine = queries == query
        if not len(held):
            continue
        if method == "oracle":
            relevant = np.isin(held, judged.documents[judged.queries == query])
            order, _ = merge_best(values[mine], language[held], relevant)
        else:
            alike = asked[queries] == asked[query]
            known = fit_calibration(values[alike], language[documents[alike]], 3)
            sizes = np.bincount(language)
            order, _ = fair_ranking(values[mine], language[held], method, known=known, sizes=sizes)
        assert ranking(found[mine]).tolist() == order.tolist()


def test_a_document_that_is_the_question_takes_no_place_of_its_language(tmp_path):
    texts = [
        ("q0", "de", "", "Frage"),
        ("a", "de", "", "Antwort"),
        ("b", "en", "", "answer"),
        ("c", "en", "", "no"),
    ]
    collection = collection_from_rows(texts, [("q0", "de", "Frage")], [("q0", "a", 1), ("q0", "b", 1)])
    documents = np.array([[1.0, 0.0], [0.9, 0.1], [0.5, 0.5], [0.4, 0.6]])
    run = tmp_path / "some.run"
    run.write_text("".join(f"q0@de Q0 {name} 1 {score} x\n" for name, score in zip("abc", "321", strict=True)))
    with run.open("a") as file:
        file.write("q0@de Q0 q0 1 4 x\n")
    for method in MERGINGS:
        for result in (
            evaluate_embeddings(documents[:1], documents, collection, fair=method, bootstrap=0),
            evaluate_run(run, collection, fair=method, bootstrap=0),
        ):
            assert result.multilingual["AP"] == 1, method
            assert result.bias["rank_distance"] == 1


def test_a_pool_of_one_language_stays_and_is_told_of(caplog):
    collection = make_collection(1, languages=1)
    given_ = embeddings_of(collection)
    for method in MERGINGS[:3]:
        caplog.clear()
        result = evaluate_embeddings(*given_, collection, fair=method, bootstrap=0)
        same(result, result.before)
        assert "documents of one language" in caplog.text


def test_no_method_is_better_than_the_upper_bound():
    collection = parallel_collection(languages=4, ids=15)
    given_ = embeddings_of(collection)
    bound = evaluate_embeddings(*given_, collection, fair="oracle", bootstrap=0)
    for method in FAIR:
        result = evaluate_embeddings(*given_, collection, fair=method, bootstrap=0)
        for column in ("multilingual_AP", "multilingual_nDCG@10", "multilingual_R@10"):
            assert (result.per_query[column] <= bound.per_query[column] + 1e-12).all()


def test_before_and_after_are_tested_where_merging_changes_something():
    collection = parallel_collection(languages=3, ids=12)
    result = evaluate_embeddings(*embeddings_of(collection), collection, fair="fuse", bootstrap=0)
    found = compare_before(result, draws=200)
    assert {one.setting for one in found} == {"multilingual", "bias"}
    by_measure = {(one.setting, one.measure): one for one in found}
    one = by_measure["multilingual", "AP"]
    assert (one.first, one.second) == pytest.approx((result.before.multilingual["AP"], result.multilingual["AP"]))
    assert one.model == "embeddings, fuse"
    with pytest.raises(InputError, match="no ranking before"):
        compare_before(result.before)


def test_a_result_file_says_how_the_ranking_was_merged(tmp_path):
    result = evaluate_bm25(make_collection(0), fair="quota", bootstrap=0)
    result.save(tmp_path / "r.json")
    again = Result.from_json(tmp_path / "r.json")
    assert (again.fair, again.before) == ("quota", None)
    assert again == result
    text = (tmp_path / "r.json").read_text()
    (tmp_path / "old.json").write_text(text.replace('"fair": "quota"', '"made_up": 1').replace('"made_up": 1,', ""))
    assert Result.from_json(tmp_path / "old.json").fair is None


@pytest.mark.parametrize("source", ["bm25", "run:none.run", "embeddings:a.npy,b.npy", "no-model"])
def test_a_method_that_is_not_known_is_refused(source):
    with pytest.raises(InputError, match=r"fuse.*oracle"):
        measure(source, make_collection(0), fair="fused")


def test_public_benchmarks_in_mtebs_own_measures_have_no_fair_ranking(tmp_path: Path):
    with pytest.raises(InputError, match="--fair does not apply"):
        measure("no-model", "mteb:NFCorpus", fair="fuse")
