"""InfoNCE against a plain loop and against sentence-transformers."""

from __future__ import annotations

import math

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.losses import MultipleNegativesRankingLoss
from torch import Tensor, nn

from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.objectives import EmbeddedBatch, InfoNCE, Objective


def batch(rows: int = 5, dimensions: int = 7, *, ids: list[int] | None = None, seed: int = 0) -> EmbeddedBatch:
    rng = torch.Generator().manual_seed(seed)
    queries, documents = (
        torch.randn(rows, dimensions, generator=rng, dtype=torch.float64).requires_grad_() for _ in range(2)
    )
    languages = torch.zeros(rows, dtype=torch.long)
    query_ids = torch.tensor(ids) if ids else torch.arange(rows)
    return EmbeddedBatch(queries, documents, languages, languages, query_ids, torch.arange(rows))


def plain(given: EmbeddedBatch, temperature: float) -> float:
    """The equation, one number at a time."""
    losses = []
    for i, query in enumerate(given.queries):
        terms = []
        for j, document in enumerate(given.documents):
            if i == j or given.query_ids[i] != given.query_ids[j]:
                cosine = float(query @ document / (query.norm() * document.norm()))
                terms.append(math.exp(cosine / temperature))
            if i == j:
                own = terms[-1]
        losses.append(-math.log(own / sum(terms)))
    return sum(losses) / len(losses)


@pytest.mark.parametrize("temperature", [0.02, 0.05, 1.0])
@pytest.mark.parametrize("ids", [None, [0, 1, 2, 1, 0]])
def test_it_is_the_equation_with_known_positives_left_out(temperature, ids):
    given = batch(ids=ids)
    assert InfoNCE(temperature)(given).item() == pytest.approx(plain(given, temperature), rel=1e-9)


def test_symmetric_is_the_mean_of_both_directions():
    given = batch()
    turned = EmbeddedBatch(
        given.documents,
        given.queries,
        given.document_languages,
        given.query_languages,
        given.document_ids,
        given.query_ids,
    )
    both = (plain(given, 0.1) + plain(turned, 0.1)) / 2
    assert InfoNCE(0.1, symmetric=True)(given).item() == pytest.approx(both, rel=1e-9)


class Given(nn.Module):
    """Stands in for an encoder: the features are the embeddings."""

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sentence_embedding": features["embedding"]}


def test_it_equals_multiple_negatives_ranking_loss_with_its_gradients():
    given = batch(rows=9, dimensions=16)
    peer = MultipleNegativesRankingLoss(Given(), scale=20.0)
    expected = peer([{"embedding": given.queries}, {"embedding": given.documents}], labels=None)
    ours = InfoNCE(temperature=0.05)(given)
    assert ours.item() == pytest.approx(expected.item(), rel=1e-9)
    for tensor in (given.queries, given.documents):
        (mine,) = torch.autograd.grad(ours, tensor, retain_graph=True)
        (theirs,) = torch.autograd.grad(expected, tensor, retain_graph=True)
        assert torch.allclose(mine, theirs, rtol=1e-9)


def test_gradients_are_those_of_the_loss():
    given = batch(rows=4, dimensions=3, ids=[0, 1, 1, 2])

    def loss(queries: Tensor, documents: Tensor) -> Tensor:
        rest = (given.query_languages, given.document_languages, given.query_ids, given.document_ids)
        return InfoNCE(0.2, symmetric=True)(EmbeddedBatch(queries, documents, *rest))

    assert torch.autograd.gradcheck(loss, (given.queries, given.documents))


def test_an_objective_is_the_weighted_sum_of_its_terms():
    given = batch()
    labels = torch.stack(
        [given.query_languages, given.document_languages, given.query_ids, given.document_ids], dim=1
    )
    features = [{"embedding": given.queries}, {"embedding": given.documents}]
    terms = {InfoNCE(0.05): 2.0, InfoNCE(0.5): 0.25}
    total = Objective(Given(), terms)(features, labels).item()
    assert total == pytest.approx(2 * plain(given, 0.05) + 0.25 * plain(given, 0.5), rel=1e-9)


def test_one_pass_over_bags_of_tokens_is_two_passes(toy):
    model = static_encoder(toy, dimensions=8, vocabulary=200)
    labels = torch.arange(24).reshape(6, 4)
    texts = toy.query_texts(), toy.document_texts()
    Objective(model, InfoNCE())([model.preprocess(some) for some in texts], labels).backward()
    once = model[0].embedding.weight.grad.clone()
    model.zero_grad()
    queries, documents = (model(model.preprocess(some))["sentence_embedding"] for some in texts)
    InfoNCE()(EmbeddedBatch(queries, documents, *labels.unbind(dim=1))).backward()
    assert torch.allclose(once, model[0].embedding.weight.grad, atol=1e-6)
    assert once.abs().max() > 0


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="temperature must be above 0"):
        InfoNCE(0)
    with pytest.raises(InputError, match="at least one term"):
        Objective(SentenceTransformer(modules=[Given()], device="cpu"), {})
