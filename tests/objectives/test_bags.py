"""Bags of token vectors: the library's means and gradients, in memory that is used again only when it is free."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformerTrainingArguments
from torch.nn import functional

from isoglot.encoders import static_encoder
from isoglot.objectives.bags import GradientMemory, bag_means
from isoglot.training import HybridTrainer


def bags(texts):
    ids = torch.tensor([token for text in texts for token in text], dtype=torch.int64)
    return ids, torch.tensor(np.cumsum([0] + [len(text) for text in texts])[:-1])


def gradient(weight, texts, memory=None, seed=0):
    means = bag_means(weight, *bags(texts), memory)
    wanted = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad((means * wanted).sum(), weight)[0]


def of_library(weight, texts, seed=0):
    means = functional.embedding_bag(bags(texts)[0], weight, bags(texts)[1], mode="mean")
    wanted = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad((means * wanted).sum(), weight)[0]


@given(st.lists(st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5), min_size=1, max_size=4))
def test_step_after_step_the_gradient_is_the_librarys(steps):
    weight = torch.randn(10, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    memory = GradientMemory()
    for number, texts in enumerate(steps):
        found = gradient(weight, texts, memory, number)
        assert torch.allclose(found, of_library(weight, texts, number), atol=1e-6)
        norm = memory.norm(found)
        assert norm is not None
        assert torch.allclose(norm, found.norm(), atol=1e-6)
        del found


def test_a_gradient_that_somebody_holds_is_left_to_them():
    weight = torch.randn(50, 4, requires_grad=True)
    memory = GradientMemory()
    held = gradient(weight, [[1, 2, 2], [7]], memory)
    before = held.clone()
    later = gradient(weight, [[3], [7, 7]], memory)
    assert torch.equal(held, before)
    assert held.data_ptr() != later.data_ptr()
    assert memory.norm(held) is None
    place = later.data_ptr()
    del later
    assert gradient(weight, [[4]], memory).data_ptr() == place


def test_what_others_did_to_the_memory_is_gone_at_the_next_step():
    weight = torch.randn(50, 4, requires_grad=True)
    memory = GradientMemory()
    found = gradient(weight, [[1, 2]], memory)
    found.add_(1.0)
    assert memory.norm(found) is None
    del found
    assert torch.allclose(gradient(weight, [[5]], memory), of_library(weight, [[5]]), atol=1e-6)


def test_accumulated_gradients_add_up():
    weight = torch.randn(20, 4, requires_grad=True)
    memory = GradientMemory()
    for seed, texts in enumerate(([[1, 2]], [[2, 3]], [[4]])):
        means = bag_means(weight, *bags(texts), memory)
        wanted = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed))
        (means * wanted).sum().backward()
    expected = sum(of_library(weight, texts, seed) for seed, texts in enumerate(([[1, 2]], [[2, 3]], [[4]])))
    assert torch.allclose(weight.grad, expected, atol=1e-6)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_clipping_shortens_gradients_as_the_library_does(toy, tmp_path, accumulate, monkeypatch):
    def weights_after(plain):
        model = static_encoder(toy, dimensions=8, vocabulary=120, seed=3)
        args = SentenceTransformerTrainingArguments(
            str(tmp_path / "out"),
            max_steps=4,
            per_device_train_batch_size=2,
            gradient_accumulation_steps=accumulate,
            learning_rate=0.1,
            max_grad_norm=0.01,
            save_strategy="no",
            report_to="none",
            optim="sgd",  # whose steps are as long as the gradient
            disable_tqdm=True,
            use_cpu=True,
        )
        trainer = HybridTrainer(model, toy, args=args)
        if plain:
            monkeypatch.setattr(GradientMemory, "norm", lambda self, gradient: None)
        trainer.train()
        monkeypatch.undo()
        return model[0].embedding.weight.detach().clone()

    ours, plain = weights_after(False), weights_after(True)
    start = static_encoder(toy, dimensions=8, vocabulary=120, seed=3)[0].embedding.weight
    assert (plain - start).norm() > 1e-4
    assert torch.allclose(ours, plain, atol=1e-7)
