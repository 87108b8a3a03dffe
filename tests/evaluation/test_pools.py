"""Pools of chosen languages: what is measured on them is what collections of these documents alone give."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from evaluation_helpers import make_collection, parallel_collection
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections.building import collection_from_rows
from isoglot.errors import InputError
from isoglot.evaluation import Result, compare_all, evaluate_bm25, evaluate_embeddings, evaluate_run, measure
from isoglot.evaluation.measures import DEFAULT_MEASURES
from isoglot.measures import OF_VERSIONS, PER_QUERY_BIAS

POOLS = ["en", "own", "own,en", "en,fr", "all"]


def embeddings(collection, seed):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal((table.num_rows, 6)) for table in (collection.queries, collection.documents)]


def alone(collection, tag, pool, without, queries, documents):
    """Evaluate the queries of one language on a collection of nothing but the documents of their pool."""
    kept = {tag if one == "own" else one for one in pool.split(",")}
    names = collection.query_ids.to_pylist()
    held, asked = collection.documents.to_pylist(), collection.queries.to_pylist()
    judged = [
        (names[row["query"]], row["document"], row["score"])
        for row in collection.judgments.to_pylist()
        if row["score"] > 0
    ]
    rows = [at for at, row in enumerate(asked) if row["lang"] == tag]
    found = {}
    for at in rows:  # each query on its own: without its own answers pools differ from query to query
        answers = {document: gain for name, document, gain in judged if name == asked[at]["_id"]}
        gone = {document for document in answers if without and held[document]["lang"] == tag}
        pooled = [
            place for place, row in enumerate(held) if (pool == "all" or row["lang"] in kept) and place not in gone
        ]
        qrels = [(asked[at]["_id"], held[place]["_id"], answers[place]) for place in pooled if place in answers]
        if not qrels:
            continue
        texts = [(held[place]["_id"], held[place]["lang"], "", held[place]["text"]) for place in pooled]
        small = collection_from_rows(texts, [(asked[at]["_id"], tag, asked[at]["text"])], qrels)
        result = evaluate_embeddings(queries[[at]], documents[pooled], small, bootstrap=0, geometry=False)
        found[asked[at]["_id"], tag] = result.per_query
    return found


@given(seed=st.integers(0, 10**6), pool=st.sampled_from(POOLS), without=st.booleans())
@settings(max_examples=5, deadline=None)
def test_a_pool_is_a_collection_of_its_documents(seed, pool, without):
    collection = make_collection(seed, ids=3, documents=40)
    queries, documents = embeddings(collection, seed)
    expected = {}
    for tag in collection.languages:
        expected |= alone(collection, tag, pool, without, queries, documents)
    options = {"bootstrap": 0, "geometry": False, "pool_languages": pool, "without_own_answer": without}
    if not expected:
        with pytest.raises(InputError, match="no query of random has a relevant document in its pool"):
            evaluate_embeddings(queries, documents, collection, **options)
        return
    result = evaluate_embeddings(queries, documents, collection, **options)
    if pool == "all" and not without:
        assert "pool" not in result.made
        return
    assert result.multilingual["queries"] == len(expected)
    # without its own answers a query's pool is smaller by these, which sizes and shares of pools do not count
    sized = ("max_rank_log", "own_language_share@10") if without else ()
    compared = [name for name in PER_QUERY_BIAS if name not in (*OF_VERSIONS, *sized)]
    columns = [*(f"multilingual_{name}" for name in DEFAULT_MEASURES), *compared]
    for at, key in enumerate(zip(result.per_query["query_id"], result.per_query["lang"], strict=True)):
        for column in columns:
            found = result.per_query[column][at]
            if key not in expected:
                assert np.isnan(found)
            else:
                assert found == pytest.approx(expected[key][column][0], nan_ok=True), column
    whole = evaluate_embeddings(queries, documents, collection, bootstrap=0, geometry=False)
    for part in ("monolingual", "cross_lingual", "pairs"):
        assert getattr(result, part) == getattr(whole, part)
    for name in OF_VERSIONS:
        assert result.bias[name] is None


def write_run(path, collection, queries, documents):
    unit = [table / np.linalg.norm(table, axis=1, keepdims=True) for table in (queries, documents)]
    scores = (unit[0] @ unit[1].T).round(6)
    names = collection.documents["_id"].to_pylist()
    asked = zip(collection.queries["_id"].to_pylist(), collection.queries["lang"].to_pylist(), strict=True)
    lines = [
        f"{name}@{tag} Q0 {names[at]} 1 {row[at]:.6f} x"
        for (name, tag), row in zip(asked, scores, strict=True)
        for at in range(len(names))
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("fair", [None, "fuse", "oracle"])
def test_a_run_of_all_documents_and_embeddings_agree_on_a_pool(tmp_path, fair):
    collection = make_collection(4, documents=50)
    queries, documents = embeddings(collection, 4)
    options = {"bootstrap": 0, "pool_languages": ["own", "en"], "without_own_answer": True, "fair": fair}
    run = evaluate_run(write_run(tmp_path / "r.run", collection, queries, documents), collection, **options)
    made = evaluate_embeddings(queries, documents, collection, geometry=False, **options)
    assert run.multilingual == pytest.approx(made.multilingual)
    assert run.made["pool"] == made.made["pool"] == {"languages": ["own", "en"], "without_own_answer": True}
    for name in ("rank_distance", "own_language_share@10", "tlr@10", "peer@10"):
        assert run.bias[name] == pytest.approx(made.bias[name])
    if fair is not None:
        assert run.before.multilingual == pytest.approx(made.before.multilingual)


def test_a_fair_ranking_stays_within_the_pool():
    collection = parallel_collection(languages=4, ids=12)
    vectors = np.repeat(np.eye(4), 12, axis=0) + 0.01 * np.tile(np.eye(12)[:, :4], (4, 1))
    options = {"bootstrap": 0, "geometry": False, "pool_languages": "own,en"}
    best = evaluate_embeddings(vectors, vectors, collection, fair="oracle", **options)
    assert set(best.bias["language_share@10"]["de"]) == {"de", "en"}
    assert best.before.bias["own_language_share@10"] >= best.bias["own_language_share@10"]
    assert best.multilingual["AP"] >= best.before.multilingual["AP"]


def test_bm25_and_a_pool_smaller_than_ten():
    collection = parallel_collection(languages=3, ids=4)
    result = evaluate_bm25(collection, bootstrap=0, pool_languages="own,en")
    assert result.multilingual["documents"] == 12
    assert set(result.bias["language_share@10"]["fr"]) == {"en", "fr"}
    for shares in result.bias["language_share@10"].values():
        assert sum(shares.values()) == pytest.approx(1)
    assert result.bias["max_rank"] <= 8
    assert set(result.bias["language_share@10"]["en"]) == {"en"}
    assert result.bias["by_query_language"]["en"]["rank_distance"] is None


def test_a_result_says_which_pool_it_is_of_and_compares_with_no_other(tmp_path):
    collection = parallel_collection(languages=3, ids=12)
    vectors = np.random.default_rng(0).standard_normal((36, 5))
    whole, part, same = (
        evaluate_embeddings(vectors, vectors, collection, bootstrap=20, **options)
        for options in ({}, {"pool_languages": "own,en"}, {"pool_languages": "own,en"})
    )
    part.save(tmp_path / "r.json")
    back = Result.from_json(tmp_path / "r.json")
    assert back == part
    assert back.made["pool"] == {"languages": ["own", "en"], "without_own_answer": False}
    assert back.caution == "the pool of a query is the documents in its own language and in en"
    assert whole.caution is None
    assert compare_all({"a": part, "b": same}, ["AP"])
    with pytest.raises(InputError, match=r"different pools: .* all documents of the one, the documents in its own"):
        compare_all({"a": whole, "b": part})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pool_languages": "en,freench"}, "freench"),
        ({"pool_languages": "en,sw"}, "has no document in sw; it has de, en, fr"),
        ({"pool_languages": "all,en"}, "nothing goes beside it"),
        ({"pool_languages": "en,,fr"}, "names no language"),
        ({"pool_languages": "own", "without_own_answer": True}, "no query of parallel has a relevant document"),
        ({"pool_languages": "en", "trec_run": "runs"}, "--trec-run writes rankings of all documents"),
    ],
    ids=str,
)
def test_pools_that_there_are_not(options, message, caplog):
    caplog.set_level(logging.WARNING)
    collection = parallel_collection(languages=3, ids=3)
    vectors = np.ones((9, 2))
    with pytest.raises(InputError, match=message):
        evaluate_embeddings(vectors, vectors, collection, bootstrap=0, **options)


def test_public_benchmarks_have_no_chosen_pool():
    with pytest.raises(InputError, match="--pool-languages does not apply to mteb's own measures"):
        measure("some-model", "mteb:Some", pool_languages="en")
