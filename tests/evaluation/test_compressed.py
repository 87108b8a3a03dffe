"""Compressed embeddings: cut as the library cuts them, stored and ranked as its search rescores them."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_helpers import parallel_collection
from sentence_transformers.util.quantization import quantize_embeddings, semantic_search_faiss

from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import embed_collection, evaluate, evaluate_embeddings, measure_compressed
from isoglot.evaluation.compressed import stored

COLLECTION = parallel_collection(languages=2, ids=12)
OPTIONS = {"bootstrap": 0, "cache": None}


@pytest.fixture(scope="module")
def model():
    return static_encoder(COLLECTION, dimensions=16, vocabulary=200).to("cpu")


def figures(result):
    whole = {**result.multilingual, **result.monolingual, **result.cross_lingual, **result.bias}
    return {name: value for name, value in whole.items() if isinstance(value, (int, float))}


def test_several_dimensions_are_what_each_alone_is_and_texts_are_encoded_once(model, monkeypatch):
    alone = [evaluate(model, COLLECTION, truncate_dim=size, **OPTIONS) for size in (4, 16)]
    calls = []
    encode = type(model).encode_document
    monkeypatch.setattr(type(model), "encode_document", lambda *a, **k: calls.append(1) or encode(*a, **k))
    found = measure_compressed(model, COLLECTION, dimensions=[4, 16], name="m", **OPTIONS)
    assert len(calls) == 1
    assert [result.model for result in found] == ["m (4 dimensions)", "m (16 dimensions)"]
    assert [result.made["truncate_dim"] for result in found] == [4, 16]
    for ours, theirs in zip(found, alone, strict=True):
        assert figures(ours) == pytest.approx(figures(theirs), nan_ok=True)
    assert figures(found[0])["AP"] != figures(found[1])["AP"]


@pytest.mark.parametrize("quantize", ["int8", "binary"])
def test_quantised_documents_rank_as_the_librarys_search_that_rescores_all(quantize):
    pytest.importorskip("faiss")
    rng = np.random.default_rng(0)
    queries, documents = (rng.standard_normal((n, 20)).astype(np.float32) for n in (5, 60))
    precision = {"int8": "uint8", "binary": "ubinary"}[quantize]  # the forms that faiss takes, with the same steps
    codes = quantize_embeddings(documents, precision=precision, calibration_embeddings=documents)
    found, _ = semantic_search_faiss(
        queries,
        corpus_embeddings=codes.astype(np.float32) if quantize == "int8" else codes,
        corpus_precision=precision,
        top_k=60,
        calibration_embeddings=documents,
        rescore_multiplier=1,
    )
    scores = queries @ stored(documents, quantize).T
    for row, hits in zip(scores, found, strict=True):
        assert [hit["corpus_id"] for hit in hits] == np.argsort(-row, kind="stable").tolist()
        if quantize == "int8":
            assert [hit["score"] for hit in hits] == pytest.approx(np.sort(row)[::-1].tolist(), rel=1e-4, abs=1e-4)


@pytest.mark.parametrize("quantize", ["int8", "binary"])
def test_a_quantised_model_is_measured_on_what_is_stored(model, quantize):
    (found,) = measure_compressed(model, COLLECTION, quantize=quantize, name="m", **OPTIONS)
    _, queries, documents = embed_collection(model, COLLECTION)
    read = stored(documents, quantize)
    if quantize == "int8":  # each value within a step of the 255 of its dimension, never above
        steps = np.ptp(documents, axis=0) / 255
        assert ((documents - read >= -1e-6) & (documents - read <= steps + 1e-6)).all()
    else:
        assert np.array_equal(read > 0, documents > 0)
        assert set(np.unique(read)) == {-1.0, 1.0}
        expected = evaluate_embeddings(queries, read, COLLECTION, bootstrap=0)
        assert figures(found) == pytest.approx(figures(expected), nan_ok=True)
    assert found.model == f"m ({quantize})"
    assert (found.made["quantize"], found.made["truncate_dim"]) == (quantize, None)


def test_one_document_or_a_constant_dimension_can_be_stored():
    same = np.array([[0.5, 1.0, -1.0], [0.5, 0.0, 1.0]], np.float32)
    assert np.allclose(stored(same, "int8"), same, atol=0.01)
    assert np.allclose(stored(same[:1], "int8"), same[:1])


def test_what_cannot_be_is_refused(model):
    with pytest.raises(InputError, match="the model has 16 dimensions: they cannot be cut to 17"):
        measure_compressed(model, COLLECTION, dimensions=[4, 17], **OPTIONS)
    with pytest.raises(InputError, match=r"at least 1 each, not \[4, 4\]"):
        measure_compressed(model, COLLECTION, dimensions=[4, 4], **OPTIONS)
    with pytest.raises(InputError, match="no precision 'int4' to quantize to"):
        measure_compressed(model, COLLECTION, quantize="int4", **OPTIONS)
