"""Random batches of every kind, small enough for loops over single numbers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.terms import Term

DIMENSIONS = 4


def _draw(rng: torch.Generator, *shape: int) -> Tensor:
    return torch.randn(*shape, DIMENSIONS, generator=rng, dtype=torch.float64)


def paired(seed: int = 0, ids: tuple[int, ...] = (7, 3, 5, 9)) -> EmbeddedBatch:
    """Query i and its document i; queries of one id in two languages if ids repeat."""
    rng = torch.Generator().manual_seed(seed)
    count = len(ids)
    return EmbeddedBatch(
        _draw(rng, count),
        _draw(rng, count),
        torch.arange(count) % 3,
        torch.arange(count) % 2,
        torch.tensor(ids),
        torch.arange(100, 100 + count),
    )


def with_negatives(seed: int = 0) -> EmbeddedBatch:
    """Three queries, each with its document and two hard negatives; one of these is another query's document."""
    rng = torch.Generator().manual_seed(seed)
    return EmbeddedBatch(
        _draw(rng, 3),
        _draw(rng, 3, 3),
        torch.tensor([0, 1, 2]),
        torch.tensor([[0, 1, 1], [2, 2, 0], [1, 0, 1]]),
        torch.tensor([4, 8, 6]),
        torch.tensor([[10, 11, 12], [13, 10, 14], [15, 16, 17]]),
    )


def multiway(seed: int = 0) -> EmbeddedBatch:
    """Four queries in up to three languages, with up to three documents each; one query has no document, and one
    document no query."""
    rng = torch.Generator().manual_seed(seed)
    query_ids = torch.tensor([0, 0, 0, 1, 1, 2, 3])
    document_query_ids = torch.tensor([0, 1, 0, 1, 2, -1, 1])
    return EmbeddedBatch(
        _draw(rng, len(query_ids)),
        _draw(rng, len(document_query_ids)),
        torch.tensor([0, 1, 2, 1, 2, 0, 1]),
        torch.tensor([1, 0, 2, 1, 0, 2, 2]),
        query_ids,
        torch.arange(len(document_query_ids)),
        document_query_ids,
        paired=False,
    )


def with_versions(seed: int = 0) -> EmbeddedBatch:
    """A paired batch with hard negatives, and versions of some of its texts in other languages."""
    rng = torch.Generator().manual_seed(seed + 1000)
    batch = with_negatives(seed)
    return replace(
        batch,
        other_queries=Texts(_draw(rng, 3), torch.tensor([1, 1, 2]), torch.tensor([6, 4, 4])),
        other_documents=Texts(_draw(rng, 3), torch.tensor([1, 2, 0]), torch.tensor([4, 4, 8])),
    )


KINDS: dict[str, Callable[[int], EmbeddedBatch]] = {
    "paired": paired,
    "repeated": lambda seed=0: paired(seed, (1, 2, 1, 3)),
    "negatives": with_negatives,
    "multiway": multiway,
    "versions": with_versions,
}


def tensors(batch: EmbeddedBatch) -> tuple[Tensor, ...]:
    """All embeddings of a batch, ready for gradients."""
    found = [batch.queries, batch.documents]
    found += [other.embeddings for other in (batch.other_queries, batch.other_documents) if other is not None]
    return tuple(one.detach().requires_grad_() for one in found)


def rebuilt(batch: EmbeddedBatch, *embeddings: Tensor) -> EmbeddedBatch:
    """The batch with other embeddings, in the order of `tensors`."""
    rest = iter(embeddings[2:])
    others = {
        name: replace(texts, embeddings=next(rest))
        for name in ("other_queries", "other_documents")
        if (texts := getattr(batch, name)) is not None
    }
    return replace(batch, queries=embeddings[0], documents=embeddings[1], **others)


@pytest.fixture(params=KINDS)
def any_batch(request: pytest.FixtureRequest) -> EmbeddedBatch:
    """A batch of each kind."""
    return KINDS[request.param](3)


@pytest.fixture(params=["multiway", "versions"])
def parallel_batch(request: pytest.FixtureRequest) -> EmbeddedBatch:
    """A batch of each kind that holds language versions."""
    return KINDS[request.param](5)


@pytest.fixture
def make_batch() -> Callable[..., EmbeddedBatch]:
    """A batch by kind and seed."""
    return lambda kind, seed=0: KINDS[kind](seed)


@pytest.fixture
def gradients() -> Callable[[Term, EmbeddedBatch], list[Tensor]]:
    """Gradients of a term with respect to all embeddings of a batch, in the order of `tensors`."""

    def compute(term: Term, batch: EmbeddedBatch) -> list[Tensor]:
        leaves = tensors(batch)
        loss = term(rebuilt(batch, *leaves))
        found = torch.autograd.grad(loss, leaves, allow_unused=True)
        return [torch.zeros_like(leaf) if one is None else one for one, leaf in zip(found, leaves, strict=True)]

    return compute


@pytest.fixture
def check_gradients() -> Callable[[Term, EmbeddedBatch], None]:
    """Compare a term's gradients with finite differences."""

    def check(term: Term, batch: EmbeddedBatch) -> None:
        assert torch.autograd.gradcheck(lambda *some: term(rebuilt(batch, *some)), tensors(batch))

    return check


@pytest.fixture
def cosine() -> Callable[[Tensor, Tensor], float]:
    """Cosine of two vectors, by hand."""
    return lambda left, right: (left @ right / (left @ left).sqrt() / (right @ right).sqrt()).item()
