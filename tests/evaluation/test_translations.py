"""Collections whose queries look for their translations: nothing is measured of a text that finds itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import collection_from_rows
from isoglot.data.sampling import sample_collection
from isoglot.evaluation import evaluate_embeddings, evaluate_run, judgments_of, rank_scores
from isoglot.evaluation.hard_negatives import mine_embeddings

TAGS = ("de", "en", "sw")


def sentences(count: int = 6, metadata: dict | None = None):
    """`count` sentences in three languages, each a query and a document; the last has no Swahili version."""
    texts = [(f"{n}", tag, f"{tag} {n}") for n in range(count) for tag in TAGS if (n, tag) != (count - 1, "sw")]
    return collection_from_rows(
        [(f"{tag}/{n}", tag, "", text) for n, tag, text in texts],
        texts,
        [(n, f"{tag}/{n}", 1) for n, tag, _ in texts],
        metadata={"translations": True} if metadata is None else metadata,
    )


def vectors(collection, seed=0):
    """Embeddings in which a query and the document of its text are the same."""
    rng = np.random.default_rng(seed)
    found = rng.normal(size=(collection.documents.num_rows, 8)).astype(np.float32)
    return found, found


def test_there_is_no_monolingual_setting_and_the_query_itself_is_not_in_its_pool():
    collection = sentences()
    queries, documents = vectors(collection)
    result = evaluate_embeddings(queries, documents, collection, bootstrap=10)
    assert result.monolingual is None
    assert result.intervals["monolingual"] is None
    assert result.cross_lingual["pairs"] == 6
    assert {(row["query_lang"], row["doc_lang"]) for row in result.pairs} == {
        (a, b) for a in TAGS for b in TAGS if a != b
    }
    # by hand: every query against the documents of its row's languages other than its own
    scores = queries @ documents.T / np.outer(*(np.linalg.norm(x, axis=1) for x in (queries, documents)))
    ids, language = collection.query_index, collection.query_language
    precision = []
    for row, line in enumerate(scores):
        line[row] = -np.inf
        order = np.argsort(-line, kind="stable")[: len(line) - 1]
        hits = np.flatnonzero((ids[order] == ids[row]) & (language[order] != language[row]))
        precision.append(np.mean((np.arange(len(hits)) + 1) / (hits + 1)))
    assert result.multilingual["AP"] == pytest.approx(np.mean(precision))


def test_without_the_key_a_text_finds_itself():
    collection = sentences(metadata={})
    result = evaluate_embeddings(*vectors(collection), collection, bootstrap=0)
    assert result.monolingual["AP"] == 1.0  # what the key is there to keep out


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), block=st.sampled_from([1, 200, 10**6]))
def test_ranks_are_those_in_the_pool_without_the_query_itself(seed, block):
    collection = sentences()
    rng = np.random.default_rng(seed)
    judged = judgments_of(collection, collection.judged_query_rows())
    scores = rng.integers(-3, 3, (collection.queries.num_rows, collection.documents.num_rows)).astype(np.float32)
    ranks = rank_scores(scores, judged, memory=block)
    for at in range(len(judged.documents)):
        query, document = judged.queries[at], judged.documents[at]
        better = (scores[query] > scores[query, document]) | (
            (scores[query] == scores[query, document]) & (np.arange(len(scores[query])) < document)
        )
        better[query] = False  # query rows and document rows are the same texts here
        assert ranks.pool_rank[at] == better.sum() + 1
    assert not (ranks.top == np.arange(len(judged.query_rows))[:, None]).any()


def test_run_files_are_measured_as_embeddings_are(tmp_path):
    collection = sentences()
    queries, documents = vectors(collection, 3)
    direct = evaluate_embeddings(queries, documents, collection, bootstrap=0, trec_run=tmp_path)
    again = evaluate_run(tmp_path / "multilingual.run", collection, bootstrap=0)
    for setting in ("cross_lingual", "multilingual"):
        for name, value in getattr(direct, setting).items():
            assert getattr(again, setting)[name] == pytest.approx(value), (setting, name)
    assert again.monolingual is None


@pytest.mark.parametrize("where", ["any", "own", "language"])
def test_a_query_itself_is_not_mined_as_its_negative(where):
    collection = sentences()
    queries, documents = vectors(collection)
    rows = collection.judged_query_rows()
    mined = mine_embeddings(
        queries[rows], documents, judgments_of(collection, rows), collection, negatives=3, where=where, margin=None
    )
    owner = np.repeat(np.arange(len(mined.offsets) - 1), np.diff(mined.offsets))
    ids = collection.query_index
    assert len(mined.documents)
    assert (ids[owner] != ids[mined.documents]).all()


def test_a_sentence_in_one_language_only_is_no_query():
    lonely = collection_from_rows(
        [("de/1", "de", "", "eins"), ("en/1", "en", "", "one"), ("de/2", "de", "", "zwei")],
        [("1", "de", "eins"), ("1", "en", "one"), ("2", "de", "zwei")],
        [("1", "de/1", 1), ("1", "en/1", 1), ("2", "de/2", 1)],
        metadata={"translations": True},
    )
    assert lonely.judged_query_rows().tolist() == [0, 1]
    assert evaluate_embeddings(*vectors(lonely), lonely, bootstrap=0).multilingual["queries"] == 2


def test_a_budget_of_sentences_is_one_of_documents_too():
    whole, flagged = (
        sample_collection(sentences(40, metadata), {"sw": 5}) for metadata in ({}, {"translations": True})
    )
    assert whole.documents["_id"].to_pylist() == flagged.documents["_id"].to_pylist()
    assert flagged.finds_translations
