"""Bags of token vectors: the library's means and gradients, whole or row by row."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from isoglot.training.cpu.token_vectors import bag_means


def bags(texts):
    ids = torch.tensor([token for text in texts for token in text], dtype=torch.int64)
    return ids, torch.tensor(np.cumsum([0] + [len(text) for text in texts])[:-1])


def gradient(means, weight, seed=0):
    wanted = torch.randn(means.shape, generator=torch.Generator().manual_seed(seed))
    return torch.autograd.grad((means * wanted).sum(), weight, allow_unused=True)[0]


class Shifted:
    """Vectors kept elsewhere: those of the weights, plus one."""

    def __init__(self, weight):
        self.weight, self.given, self.threads = weight.detach() + 1, torch.zeros_like(weight), 1

    def take(self, rows):
        assert (np.diff(rows) > 0).all()
        return self.weight[torch.from_numpy(rows)]

    def give(self, rows, gradient, square=None):
        self.given[torch.from_numpy(rows)] += gradient


TEXTS = st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5)


@given(TEXTS)
def test_means_and_gradient_are_the_librarys(texts):
    weight = torch.randn(10, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    means, expected = (
        bag_means(weight, *bags(texts)),
        functional.embedding_bag(*reordered(texts, weight), mode="mean"),
    )
    assert torch.allclose(means, expected, atol=1e-6)
    assert torch.allclose(gradient(means, weight), gradient(expected, weight), atol=1e-6)


@given(TEXTS)
def test_vectors_kept_elsewhere_are_used_and_given_the_gradient(texts):
    weight = torch.randn(10, 3, generator=torch.Generator().manual_seed(1), requires_grad=True)
    kept = Shifted(weight)
    means = bag_means(weight, *bags(texts), kept)
    other = kept.weight.clone().requires_grad_()
    expected = functional.embedding_bag(*reordered(texts, other), mode="mean")
    assert torch.allclose(means, expected, atol=1e-6)
    assert gradient(means, weight) is None
    assert torch.allclose(kept.given, gradient(expected, other), atol=1e-6)


def test_gradients_add_up():
    weight = torch.randn(20, 4, requires_grad=True)
    steps = ([[1, 2]], [[2, 3]], [[4]])
    for texts in steps:
        bag_means(weight, *bags(texts)).sum().backward()
    found, weight.grad = weight.grad, None
    for texts in steps:
        functional.embedding_bag(*reordered(texts, weight), mode="mean").sum().backward()
    assert torch.allclose(found, weight.grad, atol=1e-6)


def reordered(texts, weight):
    ids, offsets = bags(texts)
    return ids, weight, offsets
