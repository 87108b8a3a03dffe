"""XQuAD-R as published: its sizes, and figures that trec_eval gives too, for every language pair and the pool."""

from __future__ import annotations

import zlib
from dataclasses import replace

import ir_measures
import numpy as np
import pyarrow as pa
import pytest
from evaluation_helpers import ranking

from isoglot.collections import Collection
from isoglot.collections.select import only_judged
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.evaluation import evaluate_embeddings

MEASURES = ("AP", "nDCG@10", "R@100", "RR@10")
CANDIDATES = dict(
    zip(
        ("ar", "de", "el", "en", "es", "hi", "ru", "th", "tr", "vi", "zh"),
        (1222, 1276, 1234, 1180, 1215, 1244, 1219, 852, 1167, 1209, 1196),
        strict=True,
    )
)


def exact_embeddings(texts: list[str]) -> np.ndarray:
    """(n, 256) from hashed trigrams, with 64 entries of ±1/8 each: unit vectors whose products are exact in fp32,
    in whatever order they are summed, and often equal."""
    table = np.random.default_rng(0).standard_normal((4096, 256))
    found = np.zeros((len(texts), 256), np.float32)
    for row, text in enumerate(texts):
        grams = [zlib.crc32(text[at : at + 3].encode()) % 4096 for at in range(max(len(text) - 2, 1))]
        summed = table[grams].sum(axis=0)
        largest = np.argsort(-np.abs(summed))[:64]
        found[row, largest] = np.sign(summed[largest]) / 8
    return found


@pytest.fixture(scope="module")
def xquad_r(shared_data) -> Collection:
    return read_lareqa(shared_data / "xquad-r")


@pytest.fixture(scope="module")
def embeddings(xquad_r) -> tuple[np.ndarray, np.ndarray]:
    return exact_embeddings(xquad_r.query_texts()), exact_embeddings(xquad_r.document_texts())


def test_candidates_pairs_and_pool_are_the_published_ones(xquad_r, embeddings):
    counts = np.bincount(xquad_r.document_language)
    assert dict(zip(xquad_r.languages, counts.tolist(), strict=True)) == CANDIDATES
    result = evaluate_embeddings(*embeddings, xquad_r, bootstrap=0, geometry=False, rank_correlation=False)
    assert (result.monolingual["pairs"], result.cross_lingual["pairs"]) == (11, 110)
    assert (result.multilingual["queries"], result.multilingual["documents"]) == (13_090, 13_014)
    assert all(row["queries"] == 1190 for row in result.pairs)
    for setting in ("multilingual", "bias"):  # as many queries in each language: both averages are one
        for name, value in result.macro[setting].items():
            plain = getattr(result, setting)[name]
            assert value is plain is None or value == pytest.approx(plain, rel=1e-12), name


def test_every_pair_and_the_pool_equal_ir_measures(xquad_r, embeddings):
    # Twenty questions in all languages: full rankings of all 13,090 would be 170 million lines for trec_eval.
    chosen = np.random.default_rng(0).choice(len(xquad_r.query_ids), 20, replace=False)
    mask = np.isin(xquad_r.judgments["query"].to_numpy(), chosen)
    part = only_judged(replace(xquad_r, judgments=xquad_r.judgments.filter(pa.array(mask))))
    queries, documents = exact_embeddings(part.query_texts()), embeddings[1]
    result = evaluate_embeddings(queries, documents, part, bootstrap=0, geometry=False, rank_correlation=False)
    scores = queries @ documents.T
    ties = [len(row) - len(np.unique(row)) for row in scores[:10]]
    assert min(ties) > 1000  # so the rule for ties is at work

    names = [ir_measures.parse_measure(name) for name in MEASURES]

    def reference(language: str | None, rows: np.ndarray) -> dict[str, float]:
        """Means over query rows, ranked among the documents of a language, or of all."""
        pool = np.arange(len(documents))
        if language is not None:
            pool = np.flatnonzero(part.document_language == part.language_index(language))
        qrels, run = {}, {}
        for row in rows.tolist():
            relevant = np.intersect1d(part.relevance.of(part.query_index[row]), pool)
            qrels[str(row)] = {str(document): 1 for document in relevant}
            order = pool[ranking(scores[row, pool])]
            run[str(row)] = {str(document): float(-place) for place, document in enumerate(order)}
        found = ir_measures.calc_aggregate(names, qrels, run)
        return {str(measure): value for measure, value in found.items()}

    for pair in result.pairs:
        rows = np.flatnonzero(part.query_language == part.language_index(pair["query_lang"]))
        expected = reference(pair["doc_lang"], rows)
        for name in MEASURES:
            assert pair[name] == pytest.approx(expected[name], abs=1e-6), (pair["query_lang"], pair["doc_lang"])
    expected = reference(None, np.arange(len(queries)))
    for name in MEASURES:
        assert result.multilingual[name] == pytest.approx(expected[name], abs=1e-6)
    for setting, same in (("monolingual", True), ("cross_lingual", False)):
        pairs = [pair for pair in result.pairs if (pair["query_lang"] == pair["doc_lang"]) == same]
        for name in MEASURES:
            mean = np.mean([pair[name] for pair in pairs])
            assert getattr(result, setting)[name] == pytest.approx(mean, abs=1e-9)
