"""Rank measures equal those of ir_measures."""

from __future__ import annotations

import zlib

import ir_measures
import numpy as np
import pytest
from evaluation_helpers import judge, make_collection, ranking
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections.folder import read_collection
from isoglot.errors import InputError
from isoglot.evaluation import DEFAULT_MEASURES, evaluate_embeddings, rank_scores
from isoglot.evaluation.embed import unit_rows
from isoglot.evaluation.measures import parse_measure
from isoglot.evaluation.settings import cells_of, multilingual_values

NAMES = (*DEFAULT_MEASURES, "AP@5", "nDCG", "nDCG@3", "RR", "P@1", "P@20", "Success@100", "R@2")


def reference(names, qrels, run) -> dict[tuple[str, str], float]:
    """ir_measures on {query: {document: judgment}} and {query: ordered documents}."""
    scored = {query: {document: -float(at) for at, document in enumerate(order)} for query, order in run.items()}
    measures = {ir_measures.parse_measure(name): name for name in names}
    return {
        (metric.query_id, measures[metric.measure]): metric.value
        for metric in ir_measures.iter_calc(list(measures), qrels, scored)
    }


@given(seed=st.integers(0, 10**6), levels=st.sampled_from([3, 10**6]))
@settings(max_examples=15, deadline=None)
def test_measures_equal_ir_measures(seed, levels):
    collection = make_collection(seed, documents=120)
    judged = judge(collection)
    scores = np.random.default_rng(seed).integers(0, levels, (len(judged.query_rows), 120)).astype(np.float32)
    ranks = rank_scores(scores, judged)
    gains = [
        {str(document): int(gain) for document, gain in zip(judged.documents[a:b], judged.gains[a:b], strict=True)}
        for a, b in zip(judged.offsets[:-1], judged.offsets[1:], strict=True)
    ]
    orders = [ranking(row) for row in scores]

    expected = reference(
        NAMES,
        {str(query): gain for query, gain in enumerate(gains)},
        {str(query): order.astype(str).tolist() for query, order in enumerate(orders)},
    )
    found = multilingual_values(ranks, NAMES)
    assert len(expected) == len(NAMES) * len(orders)
    for (query, name), value in expected.items():
        assert found[name][int(query)] == pytest.approx(value, abs=1e-6), name

    languages = collection.query_language[judged.query_rows]
    cells = cells_of(ranks, languages, NAMES)
    qrels, run = {}, {}
    for cell, (query, tag) in enumerate(zip(cells.query, cells.document_language, strict=True)):
        inside = {str(at) for at in np.flatnonzero(judged.document_language == tag)}
        qrels[str(cell)] = {document: gain for document, gain in gains[query].items() if document in inside}
        run[str(cell)] = [document for document in orders[query].astype(str) if document in inside]
        assert cells.query_language[cell] == languages[query]
    for (cell, name), value in reference(NAMES, qrels, run).items():
        assert cells.values[name][int(cell)] == pytest.approx(value, abs=1e-6), name


def hashed_embeddings(texts: list[str]) -> np.ndarray:
    """Sums of random vectors of hashed trigrams."""
    table = np.random.default_rng(0).standard_normal((4096, 64))
    grams = [[text[at : at + 3].encode() for at in range(max(len(text) - 2, 1))] for text in texts]
    return np.stack([table[[zlib.crc32(gram) % 4096 for gram in row]].sum(axis=0) for row in grams])


def test_tldr_equals_ir_measures(shared_data):
    collection = read_collection(shared_data / "tldr/test")
    queries = hashed_embeddings(collection.query_texts())
    documents = hashed_embeddings(collection.document_texts())
    result = evaluate_embeddings(
        queries, documents, collection, bootstrap=0, geometry=False, rank_correlation=False
    )
    assert result.multilingual["AP"] > 0.05  # the embedding finds something

    q, d = unit_rows(queries, "q", len(queries)), unit_rows(documents, "d", len(documents))
    scores = q @ d.T
    judged = judge(collection)
    language = collection.query_language
    names = ("AP", "nDCG@10", "RR@10", "R@100")
    for setting, mono in (("monolingual", True), ("cross_lingual", False)):
        pairs = [row for row in result.pairs if (row["query_lang"] == row["doc_lang"]) == mono]
        assert result.__dict__[setting]["pairs"] == len(pairs)
        for name in names:
            assert result.__dict__[setting][name] == pytest.approx(np.mean([row[name] for row in pairs]), abs=1e-9)
    for row in (result.pairs[0], max(result.pairs, key=lambda row: row["queries"])):
        a, b = (collection.language_index(row[key]) for key in ("query_lang", "doc_lang"))
        inside = np.flatnonzero(collection.document_language == b)
        qrels, run = {}, {}
        for at, query in enumerate(judged.query_rows):
            relevant = judged.documents[judged.offsets[at] : judged.offsets[at + 1]]
            relevant = relevant[np.isin(relevant, inside)]
            if language[query] == a and len(relevant):
                qrels[str(at)] = {str(document): 1 for document in relevant}
                run[str(at)] = inside[ranking(scores[query, inside])].astype(str).tolist()
        values = reference(names, qrels, run)
        assert len(qrels) == row["queries"]
        for name in names:
            mean = np.mean([value for (_, measure), value in values.items() if measure == name])
            assert row[name] == pytest.approx(mean, abs=1e-5)


@pytest.mark.parametrize("name", ["MAP", "AP@0", "AP@x", "R", "nDCG@", "P", "", "nDCG@-1", "R@1.5"])
def test_unknown_measures(name):
    with pytest.raises(InputError, match="there is no measure"):
        parse_measure(name)


@pytest.mark.parametrize(("name", "meant"), [("ndgc@10", "nDCG@k"), ("ndgc", "nDCG"), ("sucess@5", "Success@k")])
def test_a_misspelt_measure_is_met_with_the_one_that_may_have_been_meant(name, meant):
    with pytest.raises(InputError, match=rf"'{name}' \(did you mean {meant}\?\)"):
        parse_measure(name)
