"""BM25 is what its formula says, on words that every script has."""

from __future__ import annotations

import sys
from collections import Counter

import ir_measures
import numpy as np
import pytest
from evaluation_helpers import judge

from isoglot.collections import collection_from_rows
from isoglot.errors import InputError
from isoglot.evaluation import evaluate_bm25, rank_scores
from isoglot.evaluation.sources.lexical import K1, B
from isoglot.languages.words import words_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("How do I LIST files?", ["how", "do", "i", "list", "files"]),
        ("Straße ﬁnden", ["strasse", "finden"]),
        ("東京都に行く", ["東京", "京都", "都に", "に行", "行く"]),
        ("犬 is 犬", ["犬", "is", "犬"]),
        ("Python3で書く", ["python3", "で書", "書く"]),
        ("किताबें पढ़ना", ["किताबें", "पढ़ना"]),
        ("คน 5", ["คน", "5"]),
        ("naïve nai\u0308ve", ["naïve", "naïve"]),
        ("…!?", []),
    ],
)
def test_words(text, words):
    assert words_of(text) == [__import__("unicodedata").normalize("NFKC", word) for word in words]


def bm25(query: list[str], texts: list[list[str]]) -> np.ndarray:
    """Lucene's BM25, as Kamphuis et al. (2020) write it, without the factor k1 + 1 that changes no ranking."""
    mean = np.mean([len(text) for text in texts])
    scores = np.zeros(len(texts))
    for word in query:
        having = sum(word in text for text in texts)
        idf = np.log(1 + (len(texts) - having + 0.5) / (having + 0.5))
        for at, text in enumerate(texts):
            count = Counter(text)[word]
            scores[at] += idf * count / (count + K1 * (1 - B + B * len(text) / mean))
    return scores


@pytest.fixture
def collection():
    rng = np.random.default_rng(0)
    words = {
        "en": ["list", "file", "folder", "tar", "the", "remove"],
        "de": ["datei", "tar", "der", "liste", "lösche"],
    }
    texts = [
        (f"{tag}{at}", tag, "", " ".join(rng.choice(pool, rng.integers(2, 9))))
        for tag, pool in words.items()
        for at in range(12)
    ]
    queries = [(f"q{at}", tag, " ".join(rng.choice(pool, 3))) for at in range(8) for tag, pool in words.items()] + [
        ("q0", "th", "ไม่มี")
    ]
    qrels = [(f"q{at}", f"{tag}{at}", 1) for at in range(8) for tag in words]
    return collection_from_rows(texts, queries, qrels, name="words")


def test_pool_and_languages_are_ranked_by_their_own_statistics(collection, tmp_path):
    judged = judge(collection)
    texts = [words_of(text) for text in collection.document_texts()]
    queries = [words_of(text) for text in collection.query_texts(judged.query_rows)]
    language = collection.document_language
    pool = np.array([bm25(query, texts) for query in queries])
    own = np.zeros_like(pool)
    for code in range(2):
        rows = np.flatnonzero(language == code)
        own[:, rows] = [bm25(query, [texts[row] for row in rows]) for query in queries]
    # bm25s adds fp32 terms: equal scores may differ in the last bit, so ties are compared after rounding
    result = evaluate_bm25(collection, bootstrap=0, trec_run=tmp_path)
    assert result.geometry is None
    expected = rank_scores(pool.round(5), judged)
    run = _run(tmp_path / "multilingual.run")
    by_query: dict[str, list[float]] = {}
    for scored in run:
        by_query.setdefault(scored.query_id, []).append(scored.score)
    for at, row in enumerate(judged.query_rows):
        name = f"{collection.queries['_id'][int(row)]}@{collection.queries['lang'][int(row)]}"
        np.testing.assert_allclose(by_query[name], np.sort(pool[at])[::-1], atol=1e-5)
    assert result.multilingual["Success@1"] == pytest.approx(
        np.mean([(expected.pool_rank[judged.queries == at] == 1).any() for at in range(len(queries))]), abs=0.1
    )
    for pair in result.pairs:
        stem = f"{pair['query_lang']}-{pair['doc_lang']}"
        found = ir_measures.calc_aggregate(
            [ir_measures.AP],
            list(ir_measures.read_trec_qrels(str(tmp_path / f"{stem}.qrels"))),
            list(ir_measures.read_trec_run(str(tmp_path / f"{stem}.run"))),
        )
        assert pair["AP"] == pytest.approx(found[ir_measures.AP], abs=1e-6)
    first = {scored.query_id: scored.score for scored in reversed(list(_run(tmp_path / "en-de.run")))}
    for at, row in enumerate(judged.query_rows):
        if (tag := str(collection.queries["lang"][int(row)])) == "en":
            name = f"{collection.queries['_id'][int(row)]}@{tag}"
            assert first[name] == pytest.approx(own[at][language == 0].max(), abs=1e-5)


def _run(path):
    return ir_measures.read_trec_run(str(path))


def test_a_query_without_known_words_ranks_by_place(collection):
    result = evaluate_bm25(collection, bootstrap=0)
    thai = result.per_query["lang"] == "th"
    assert result.per_query["multilingual_AP"][thai].tolist() == [pytest.approx((1 / 1 + 2 / 13) / 2)]


def test_documents_without_any_word():
    silent = collection_from_rows(
        [("d1", "en", "", "…"), ("d2", "de", "", "!")], [("q", "en", "?")], [("q", "d2", 1)], name="silent"
    )
    assert evaluate_bm25(silent, bootstrap=0).multilingual["RR@10"] == 0.5


def test_it_says_what_to_install(collection, monkeypatch):
    monkeypatch.setitem(sys.modules, "bm25s", None)
    with pytest.raises(InputError, match=r"isoglot\[lexical\]"):
        evaluate_bm25(collection)
