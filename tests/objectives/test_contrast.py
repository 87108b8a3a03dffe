"""The contrastive loss that several terms share, on masks of every kind."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.objectives.contrast import contrastive_loss, cosine_similarity, cosine_sum, paired_loss, unit


def plain(scores, positives, excluded) -> float:
    rows = []
    for row, wanted, out in zip(scores.tolist(), positives.tolist(), excluded.tolist(), strict=True):
        against = sum(math.exp(s) for s, p, x in zip(row, wanted, out, strict=True) if not (p or x))
        losses = [math.log((math.exp(s) + against) / math.exp(s)) for s, p in zip(row, wanted, strict=True) if p]
        if losses:
            rows.append(sum(losses) / len(losses))
    return sum(rows) / len(rows) if rows else 0.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_it_is_its_equation_whatever_is_masked(rows, columns, seed):
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, columns, generator=rng, dtype=torch.float64).mul_(5).requires_grad_()
    kinds = torch.randint(3, (rows, columns), generator=rng)  # positive, excluded, negative
    positives, excluded = kinds == 0, kinds == 1
    loss = contrastive_loss(scores, positives, excluded)
    assert loss.item() == pytest.approx(plain(scores.detach(), positives, excluded), abs=1e-10)
    loss.backward()
    assert scores.grad.isfinite().all()
    assert not scores.grad[~positives.any(dim=1)].any()
    assert not scores.grad[excluded].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_it_is_its_equation_with_one_positive_in_every_row(rows, columns, seed):
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, columns, generator=rng, dtype=torch.float64).mul_(5).requires_grad_()
    positives = torch.nn.functional.one_hot(torch.randint(columns, (rows,), generator=rng), columns) > 0
    excluded = (torch.randint(3, (rows, columns), generator=rng) == 0) & ~positives
    loss = contrastive_loss(scores, positives, excluded)
    assert loss.item() == pytest.approx(plain(scores.detach(), positives, excluded), abs=1e-10)
    loss.backward()
    assert scores.grad.isfinite().all()


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 5), st.integers(0, 3), st.integers(0, 10**6))
def test_a_paired_batch_has_its_positives_on_the_diagonal(rows, more, seed):
    rng = torch.Generator().manual_seed(seed)
    scores = torch.randn(rows, rows + more, generator=rng, dtype=torch.float64).mul_(5)
    own = torch.eye(rows, rows + more, dtype=torch.bool)
    excluded = (torch.randint(3, scores.shape, generator=rng) == 0) & ~own
    assert paired_loss(scores, excluded).item() == pytest.approx(plain(scores, own, excluded), abs=1e-10)


def test_vectors_of_any_length_get_the_gradient_of_normalize():
    vectors = torch.randn(5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    vectors *= torch.tensor([[1.0], [1e6], [1e-6], [1e-13], [0.0]])
    weights = torch.arange(20.0, dtype=torch.float64).reshape(5, 4)
    found = []
    agreements = []
    for normalised in (unit, lambda one: torch.nn.functional.normalize(one, dim=-1)):
        given_vectors = vectors.clone().requires_grad_()
        values = normalised(given_vectors)
        (values * weights).sum().backward()
        found.append((values.detach(), given_vectors.grad))
        given_vectors = vectors.clone().requires_grad_()
        agreement = (normalised(given_vectors) * unit(weights)).sum()
        agreement.backward()
        agreements.append((agreement.detach(), given_vectors.grad))
    torch.testing.assert_close(*found)
    assert torch.autograd.gradcheck(unit, vectors[:1].requires_grad_())
    given_vectors = vectors.clone().requires_grad_()
    agreement = cosine_sum(given_vectors, unit(weights))
    agreement.backward()
    for expected in agreements:
        torch.testing.assert_close((agreement.detach(), given_vectors.grad), expected)


def test_it_survives_scores_far_apart():
    scores = torch.tensor([[500.0, -500.0], [-500.0, 500.0]], requires_grad=True)
    wrong = torch.tensor([[False, True], [True, False]])
    loss = contrastive_loss(scores, wrong, torch.zeros_like(wrong))
    loss.backward()
    assert loss.item() == 1000
    assert scores.grad.tolist() == [[0.5, -0.5], [-0.5, 0.5]]


def test_cosines_of_half_precision_embeddings_are_computed_in_single():
    rng = torch.Generator().manual_seed(0)
    some, others = (torch.randn(4, 64, generator=rng).bfloat16() for _ in range(2))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cosines = cosine_similarity(some, others)
    assert cosines.dtype == torch.float32
    exact = torch.nn.functional.cosine_similarity(some.double()[:, None], others.double()[None], dim=2)
    assert torch.allclose(cosines.double(), exact, atol=1e-6)
