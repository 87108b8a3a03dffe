"""Chunks, gradient caching and flat inputs give the gradients of the plain path."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from isoglot.batching import BatchSampler, Hybrid, Multiway
from isoglot.batching.collate import StepCollator
from isoglot.batching.tokens import FlatTokenizer, TokenCache, flat_features
from isoglot.data import load_worldfacts
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.objectives import (
    EmbeddingDistillation,
    InfoNCE,
    Matryoshka,
    MultiwayInfoNCE,
    SimilarityDistillation,
)
from isoglot.training.execution import Objective
from isoglot.training.execution.embedding import BatchEmbedder, cut_chunks, padded
from isoglot.training.execution.objective import _batch
from isoglot.training.teacher import teacher_embeddings


@pytest.fixture(scope="module")
def facts():
    return load_worldfacts(("en", "de", "th"))["train"]


def gradients(objective: Objective, inputs: dict, steps: int = 1) -> tuple[float, dict[str, torch.Tensor]]:
    """The loss and all gradients, the encoder's and the term's."""
    features = [
        {key[len(side) + 1 :]: value for key, value in inputs.items() if key.startswith(f"{side}_")}
        for side in ("query", "document")
    ]
    objective.zero_grad()
    torch.manual_seed(0)
    loss = objective(features, inputs["label"])
    loss.backward()
    return loss.item(), {name: p.grad.clone() for name, p in objective.named_parameters() if p.grad is not None}


def close(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, gradient in theirs.items():
        assert (ours[name] - gradient).norm() <= 1e-7 * gradient.norm() + 1e-12, name


CASES = {
    "InfoNCE": (Hybrid(), lambda: InfoNCE(0.05, symmetric=True, learn_temperature=True)),
    "multiway": (Multiway(), lambda: MultiwayInfoNCE(learn_temperature=True)),
    "teacher": (Multiway(), lambda: EmbeddingDistillation()),
    "ranking": (Hybrid(), lambda: SimilarityDistillation()),
    "matryoshka": (Hybrid(), lambda: InfoNCE(0.05, learn_temperature=True)),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("encoder", ["static", "scratch"])
def test_every_path_has_the_gradients_of_the_plain_one(facts, case, encoder):
    strategy, term = CASES[case]
    cuts = [8, 32, 64] if case == "matryoshka" else [64]
    build = static_encoder if encoder == "static" else scratch_encoder
    # No dropout: the paths draw different masks. And float64, where rounding hides no mistake.
    model = build(facts, dimensions=64, vocabulary=500).eval().double()
    sampler = BatchSampler(facts, strategy, 10)
    tokenizer = FlatTokenizer.of(model)
    tokens = (
        TokenCache(tokenizer, facts.query_texts, facts.queries.num_rows),
        TokenCache(tokenizer, facts.document_texts, facts.documents.num_rows),
    )

    taught = teacher_embeddings(static_encoder(facts, dimensions=48, vocabulary=300, seed=7), facts)

    def plain_collate(rows):
        (side,) = rows[0]
        return {f"{side}_{key}": value for key, value in model.preprocess([row[side] for row in rows]).items()}

    def reference():
        """The whole batch padded to its longest, in one pass a side, as sentence-transformers does it."""
        inputs = StepCollator(sampler, plain_collate)([0])
        sides = ("query", "document")
        embedded = [
            model({k[len(s) + 1 :]: v for k, v in inputs.items() if k.startswith(f"{s}_")})["sentence_embedding"]
            for s in sides
        ]
        torch.manual_seed(1)
        one = term()
        one.teacher_dimensions = taught.dimensions
        one.prepare(64, 3)
        one = one.double()
        model.zero_grad()
        whole = torch.cat(embedded)
        loss = sum(one(_batch(whole[:, :size], inputs["label"], 0.0, taught)) for size in cuts)
        loss.backward()
        named = {f"model.{name}": p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        return loss.item(), named | {f"terms.0.{name}": p.grad.clone() for name, p in one.named_parameters()}

    loss, expected = reference()
    flat = StepCollator(sampler, plain_collate, tokens)([0])
    for settings in ({}, {"chunk_tokens": 100, "memory": 1}, {"chunk_tokens": 100, "memory": 2_000_000}):
        torch.manual_seed(1)
        terms = Matryoshka(term(), cuts) if case == "matryoshka" else term()
        objective = Objective(model, terms, teacher=taught, **settings).double()
        found, ours = gradients(objective, copy.copy(flat))
        assert found == pytest.approx(loss, rel=1e-7)
        close(ours, expected)
        if settings.get("memory") == 1 and encoder == "scratch":
            assert objective.embedder.recomputed > 1


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])  # masks of our own, and the library's
def test_dropout_draws_the_same_masks_when_activations_are_computed_again(facts, dtype):
    model = scratch_encoder(facts, dimensions=64, vocabulary=500).train().to(dtype)
    sampler = BatchSampler(facts, Hybrid(), 24)
    tokenizer = FlatTokenizer.of(model)
    tokens = (
        TokenCache(tokenizer, facts.query_texts, facts.queries.num_rows),
        TokenCache(tokenizer, facts.document_texts, facts.documents.num_rows),
    )
    inputs = StepCollator(sampler, lambda rows: {}, tokens)([3])
    kept = gradients(Objective(model, InfoNCE(), chunk_tokens=100, memory=10**12), copy.copy(inputs))
    again = gradients(Objective(model, InfoNCE(), chunk_tokens=100, memory=1), copy.copy(inputs))
    assert again[0] == pytest.approx(kept[0], rel=1e-6)
    close(again[1], kept[1])


@given(
    st.lists(st.integers(1, 60), min_size=1, max_size=80),
    st.integers(1, 200),
    st.integers(1, 3),
)
def test_chunks_hold_every_text_once_within_the_budget(lengths, tokens, groups):
    sizes = np.array(lengths)
    group = np.arange(len(sizes)) % groups
    chunks = cut_chunks(sizes, tokens, group)
    assert sorted(np.concatenate(chunks).tolist()) == list(range(len(sizes)))
    for chunk in chunks:
        assert len(chunk) == 1 or len(chunk) * sizes[chunk].max() <= tokens
        assert len(set(group[chunk].tolist())) == 1


def test_sorted_chunks_hold_little_padding():
    sizes = np.random.default_rng(0).integers(5, 250, 512)
    chunks = cut_chunks(sizes, 4096)
    assert sum(len(chunk) * sizes[chunk].max() for chunk in chunks) < 1.1 * sizes.sum()


def test_padding_puts_every_token_in_its_place():
    lengths = np.array([2, 0, 3])
    ids = torch.tensor([5, 6, 7, 8, 9])
    found = padded(ids, torch.tensor([0, 2, 2]), lengths, np.array([2, 0, 1]), 1)
    assert found["input_ids"].tolist() == [[7, 8, 9], [5, 6, 1], [1, 1, 1]]
    assert found["attention_mask"].tolist() == [[1, 1, 1], [1, 1, 0], [0, 0, 0]]


def test_chunks_embed_as_the_encoder_itself_does(facts):
    model = scratch_encoder(facts, dimensions=64, vocabulary=500).eval()
    tokenizer = FlatTokenizer.of(model)
    cache = TokenCache(tokenizer, facts.document_texts, facts.documents.num_rows)
    rows = np.arange(40)
    whole, cut = (
        BatchEmbedder(chunk_tokens=limit)(model, [flat_features(*cache.flat(rows))]) for limit in (10**6, 50)
    )
    own = torch.from_numpy(model.encode(facts.document_texts(rows)))
    assert torch.allclose(whole, own, atol=1e-5)
    assert torch.allclose(cut, own, atol=1e-5)
