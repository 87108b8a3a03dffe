"""Batches of like length keep to their budget and change no embedding."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from evaluation_helpers import parallel_collection
from hypothesis import given
from hypothesis import strategies as st

from isoglot.collections import collection_from_rows
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.evaluation import embed_collection
from isoglot.evaluation.batches import encode_by_length, fill_batches, token_lengths

WORDS = ["answer", "question", "de", "en", "fr", *"123456789"]


def some_texts(count: int, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, size=int(size))) for size in rng.integers(0, 60, count)]


@pytest.fixture(scope="module")
def transformer():
    model = scratch_encoder(parallel_collection(), dimensions=64, layers=1, vocabulary=120)
    model.max_seq_length = 40
    model.prompts.update(query="question question: ")
    return model


@pytest.fixture
def watched(transformer, monkeypatch):
    """The model, and the shape (texts, tokens) of every batch that goes through it."""
    shapes: list[tuple[int, int]] = []
    forward = transformer.forward

    def watch(features, **options):
        shapes.append(tuple(features["input_ids"].shape))
        return forward(features, **options)

    monkeypatch.setattr(transformer, "forward", watch)
    return transformer, shapes


@given(
    lengths=st.lists(st.integers(0, 300), max_size=80),
    batch_size=st.integers(1, 20),
    batch_tokens=st.integers(1, 2000),
)
def test_batches_hold_every_text_once_and_are_as_full_as_allowed(lengths, batch_size, batch_tokens):
    batches = fill_batches(np.array(lengths, np.int64), batch_size, batch_tokens)
    assert sorted(at for batch in batches for at in batch.tolist()) == list(range(len(lengths)))
    flat = [lengths[at] for batch in batches for at in batch.tolist()]
    assert flat == sorted(lengths, reverse=True)
    for number, batch in enumerate(batches):
        longest = max(1, *(lengths[at] for at in batch))  # an empty text takes a place as well
        assert len(batch) <= batch_size
        assert len(batch) == 1 or len(batch) * longest <= batch_tokens
        if number + 1 < len(batches):  # one more would be too many
            assert len(batch) == batch_size or (len(batch) + 1) * longest > batch_tokens


@pytest.mark.parametrize("method", ["encode_query", "encode_document"])
@pytest.mark.parametrize("prompt", [None, "", "answer: "])
def test_embeddings_are_those_of_one_call(watched, method, prompt):
    model, shapes = watched
    texts = some_texts(70)
    expected = getattr(model, method)(texts, prompt=prompt, batch_size=8, normalize_embeddings=True)
    shapes.clear()
    found = encode_by_length(
        model, method, texts, prompt=prompt, batch_size=9, batch_tokens=200, normalize_embeddings=True
    )
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)
    assert sum(count for count, _ in shapes) == len(texts)
    assert max(count for count, _ in shapes) == 9  # short ones
    assert all(count * (width - 1) <= 200 for count, width in shapes)  # prompt and text may share a token more
    assert max(width for _, width in shapes) == 40


@pytest.mark.parametrize("prompt", [None, "answer: "])
def test_lengths_are_those_that_the_model_reads(transformer, prompt):
    texts = some_texts(30, seed=1)
    for method, own in (("encode_query", "question question: "), ("encode_document", "")):
        found = token_lengths(transformer, texts, method, prompt)
        read = [
            int(transformer.preprocess([text], prompt=own if prompt is None else prompt)["attention_mask"].sum())
            for text in texts
        ]
        assert np.abs(found - read).max() <= 1


def test_models_without_a_transformer_get_all_texts_at_once(monkeypatch):
    static = static_encoder(parallel_collection(), dimensions=16, vocabulary=100)
    calls = []
    encode = static.encode_document
    monkeypatch.setattr(
        static, "encode_document", lambda texts, **options: calls.append(texts) or encode(texts, **options)
    )
    texts = some_texts(20)
    assert token_lengths(static, texts, "encode_document") is None
    found = encode_by_length(static, "encode_document", texts, batch_size=3, batch_tokens=5)
    assert calls == [texts]
    np.testing.assert_array_equal(found, encode(texts))


def test_a_collection_embeds_alike_under_any_budget(transformer):
    documents = [(f"d{at}", "en", "", text or "x") for at, text in enumerate(some_texts(25, seed=2))]
    documents.append(("again", "en", "", documents[3][3]))  # equal texts are encoded once, and stay in place
    collection = collection_from_rows(documents, [("q", "en", "question 1")], [("q", "d0", 1)])
    model = copy.deepcopy(transformer)
    _, queries, whole = embed_collection(model, collection)
    for budget in (1, 64, 500):
        found = embed_collection(model, collection, batch_size=5, batch_tokens=budget)
        np.testing.assert_allclose(found[1], queries, rtol=0, atol=1e-5)
        np.testing.assert_allclose(found[2], whole, rtol=0, atol=1e-5)
