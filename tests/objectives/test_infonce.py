"""InfoNCE against a plain loop and against sentence-transformers."""

from __future__ import annotations

import math

import pytest
import torch
from sentence_transformers.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn

from isoglot.errors import InputError
from isoglot.objectives import EmbeddedBatch, InfoNCE


def relevant(batch: EmbeddedBatch, i: int, j: int) -> bool:
    if batch.query_ids[i] == batch.document_query_ids[j]:
        return True
    return batch.paired and bool(batch.document_ids[i] == batch.document_ids[j])


def plain(batch: EmbeddedBatch, temperature: float, cosine, *, turned: bool = False) -> float:
    """The equation, one number at a time; turned: documents look for queries."""
    queries, documents = range(len(batch.queries)), range(len(batch.documents))

    def wanted(i: int, j: int) -> bool:
        return i == j if batch.paired else relevant(batch, i, j)

    def e(i: int, j: int) -> float:
        return math.exp(cosine(batch.queries[i], batch.documents[j]) / temperature)

    rows = []
    for row in documents if turned else queries:
        pairs = [(i, row) for i in queries] if turned else [(row, j) for j in documents]
        against = sum(e(*pair) for pair in pairs if not relevant(batch, *pair))
        losses = [-math.log(e(*pair) / (e(*pair) + against)) for pair in pairs if wanted(*pair)]
        if losses:
            rows.append(sum(losses) / len(losses))
    return sum(rows) / len(rows)


@pytest.mark.parametrize("temperature", [0.02, 0.05, 1.0])
def test_it_is_the_equation_on_every_kind_of_batch(any_batch, cosine, temperature):
    expected = plain(any_batch, temperature, cosine)
    assert InfoNCE(temperature)(any_batch).item() == pytest.approx(expected, rel=1e-9)


def test_symmetric_is_the_mean_of_both_directions(any_batch, cosine):
    both = (plain(any_batch, 0.1, cosine) + plain(any_batch, 0.1, cosine, turned=True)) / 2
    assert InfoNCE(0.1, symmetric=True)(any_batch).item() == pytest.approx(both, rel=1e-9)


def test_positives_of_a_query_do_not_compete_with_each_other():
    # cosines 1, 0 and 0: two positives and a negative
    batch = EmbeddedBatch(
        torch.eye(2)[:1],
        torch.eye(2)[[0, 1, 1]],
        torch.tensor([0]),
        torch.tensor([0, 1, 0]),
        torch.tensor([5]),
        torch.arange(3),
        torch.tensor([5, 5, -1]),
        paired=False,
    )
    by_hand = (math.log(1 + math.exp(-2)) + math.log(2)) / 2
    assert InfoNCE(temperature=0.5)(batch).item() == pytest.approx(by_hand, rel=1e-6)


class Given(nn.Module):
    """Stands in for an encoder: the features are the embeddings."""

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sentence_embedding": features["embedding"]}


@pytest.mark.parametrize("negatives", [0, 2])
def test_it_equals_multiple_negatives_ranking_loss_with_its_gradients(negatives):
    rng = torch.Generator().manual_seed(0)
    queries = torch.randn(9, 16, generator=rng, dtype=torch.float64, requires_grad=True)
    documents = torch.randn(9, 1 + negatives, 16, generator=rng, dtype=torch.float64, requires_grad=True)
    peer = MultipleNegativesRankingLoss(Given(), scale=20.0)
    expected = peer([{"embedding": part} for part in (queries, *documents.unbind(dim=1))], labels=None)
    numbers = torch.arange(9 * (1 + negatives)).reshape(9, -1)
    batch = EmbeddedBatch(queries, documents, numbers[:, 0], numbers, numbers[:, 0], numbers)
    ours = InfoNCE(temperature=0.05)(batch)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-9)
    for tensor in (queries, documents):
        (mine,) = torch.autograd.grad(ours, tensor, retain_graph=True)
        (theirs,) = torch.autograd.grad(expected, tensor, retain_graph=True)
        assert torch.allclose(mine, theirs, rtol=1e-9)


def test_gradients_are_those_of_the_loss(any_batch, check_gradients):
    check_gradients(InfoNCE(0.2, symmetric=True), any_batch)


def test_a_query_that_nothing_competes_with_costs_nothing(make_batch, gradients):
    alone = make_batch("repeated")
    alone = EmbeddedBatch(
        alone.queries, alone.documents, *(torch.zeros(4, dtype=torch.long),) * 3, alone.document_ids
    )
    term = InfoNCE(0.05, symmetric=True)
    assert term(alone).item() == 0
    assert all(not gradient.any() for gradient in gradients(term, alone))


def test_a_learned_temperature_gets_the_gradient_of_the_loss(make_batch):
    batch, step = make_batch("negatives"), 1e-4
    term = InfoNCE(0.3, learn_temperature=True).double()
    term(batch).backward()
    higher, lower = (InfoNCE(0.3 * math.exp(sign * step))(batch).item() for sign in (1, -1))
    slope = (higher - lower) / (2 * step)
    assert term.temperature.logarithm.grad.item() == pytest.approx(slope, rel=1e-5)
    assert term.learning_rate is not None
    assert InfoNCE(0.3).learning_rate is None
    assert term.metrics() == {"temperature": pytest.approx(0.3)}


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="temperature must be above 0"):
        InfoNCE(0)
