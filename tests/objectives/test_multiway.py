"""MultiwayInfoNCE against a plain loop, and against InfoNCE where both mean the same."""

from __future__ import annotations

import math

import pytest
import torch

from isoglot.errors import InputError
from isoglot.objectives import EmbeddedBatch, InfoNCE, MultiwayInfoNCE


def batch(seed: int = 0, *, missing: bool = True) -> EmbeddedBatch:
    """Four queries in up to three languages, their documents in up to three; some translations are absent."""
    rng = torch.Generator().manual_seed(seed)
    queries = [(q, lang) for q in range(4) for lang in range(3) if not missing or (q, lang) not in {(0, 1), (2, 2)}]
    documents = [
        (q, lang) for q in range(4) for lang in range(3) if not missing or (q, lang) not in {(1, 0), (2, 1)}
    ]
    embedded = [
        torch.randn(len(texts), 6, generator=rng, dtype=torch.float64).requires_grad_()
        for texts in (queries, documents)
    ]
    return EmbeddedBatch(
        *embedded,
        *(torch.tensor([lang for _, lang in texts]) for texts in (queries, documents)),
        torch.tensor([q for q, _ in queries]),
        torch.arange(len(documents)),
        torch.tensor([q for q, _ in documents]),
        paired=False,
    )


def plain(
    given: EmbeddedBatch, alpha: float, temperature: float, form: str, cross_temperature: float | None = None
) -> float:
    """The definition, one number at a time."""

    def cosine(query: int, document: int) -> float:
        q, d = given.queries[query].detach(), given.documents[document].detach()
        return float(q @ d / (q.norm() * d.norm()))

    means = []
    for i in range(len(given.queries)):
        total = weights = 0.0
        for p in range(len(given.documents)):
            if given.query_ids[i] != given.document_query_ids[p]:
                continue
            negatives = [
                n
                for n in range(len(given.documents))
                if given.query_ids[i] != given.document_query_ids[n]
                and (form == "pooled" or given.document_languages[n] == given.document_languages[p])
            ]
            mono = given.query_languages[i] == given.document_languages[p]
            t = temperature if mono else cross_temperature or temperature
            own = math.exp(cosine(i, p) / t)
            weight = alpha if mono else 1 - alpha
            total += weight * -math.log(own / (own + sum(math.exp(cosine(i, n) / t) for n in negatives)))
            weights += weight
        if weights:
            means.append(total / weights)
    return sum(means) / len(means)


@pytest.mark.parametrize("form", ["pooled", "per_pair"])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("cross", [None, 0.5])
def test_it_is_its_definition(form, alpha, cross):
    for seed in range(3):
        given = batch(seed)
        loss = MultiwayInfoNCE(form, alpha, 0.2, cross_temperature=cross)(given)
        assert loss.item() == pytest.approx(plain(given, alpha, 0.2, form, cross), rel=1e-10)


def test_infonce_on_a_multiway_batch_is_the_pooled_form_with_even_weights():
    given = batch(4)
    assert MultiwayInfoNCE(alpha=0.5, temperature=0.1)(given).item() == pytest.approx(
        InfoNCE(0.1)(given).item(), rel=1e-10
    )


@pytest.mark.parametrize("form", ["pooled", "per_pair"])
def test_the_other_direction_is_the_same_with_sides_changed(form):
    given = batch(missing=False)
    turned = EmbeddedBatch(
        given.documents,
        given.queries,
        given.document_languages,
        given.query_languages,
        given.document_query_ids,
        torch.arange(len(given.queries)),
        given.query_ids,
        paired=False,
    )
    one_way = MultiwayInfoNCE(form, 0.4, 0.1)
    both = MultiwayInfoNCE(form, 0.4, 0.1, symmetric=True)
    assert both(given).item() == pytest.approx((one_way(given) + one_way(turned)).item() / 2, rel=1e-10)


@pytest.mark.parametrize("form", ["pooled", "per_pair"])
def test_its_gradient_is_that_of_finite_differences(form):
    given = batch(1)

    def loss(queries: torch.Tensor, documents: torch.Tensor) -> torch.Tensor:
        embedded = EmbeddedBatch(
            queries,
            documents,
            given.query_languages,
            given.document_languages,
            given.query_ids,
            given.document_ids,
            given.document_query_ids,
            paired=False,
        )
        return MultiwayInfoNCE(form, 0.3, 0.5, symmetric=True)(embedded)

    assert torch.autograd.gradcheck(loss, (given.queries, given.documents))


@pytest.mark.parametrize("form", ["pooled", "per_pair"])
def test_on_a_batch_of_one_language_pair_it_is_infonce(form):
    rng = torch.Generator().manual_seed(3)
    queries, documents = (torch.randn(5, 4, generator=rng, dtype=torch.float64) for _ in range(2))
    ones, ids = torch.ones(5, dtype=torch.long), torch.arange(5)
    given = EmbeddedBatch(queries, documents, ones, 0 * ones, ids, ids)
    assert MultiwayInfoNCE(form, 0.5, 0.05)(given).item() == pytest.approx(InfoNCE(0.05)(given).item(), rel=1e-10)


def test_documents_relevant_to_a_query_are_never_its_negatives():
    """Moving one of a query's documents changes nothing for the query's other documents."""
    given = batch(missing=False)
    moved = given.documents.detach().clone()
    french = (given.document_query_ids == 1) & (given.document_languages == 2)
    moved[french] = -moved[french]
    mono = MultiwayInfoNCE(alpha=1.0)
    english = given.query_languages == 0
    first, second = (
        mono(
            EmbeddedBatch(
                given.queries[english & (given.query_ids == 1)],
                documents,
                torch.tensor([0]),
                given.document_languages,
                torch.tensor([1]),
                given.document_ids,
                given.document_query_ids,
                paired=False,
            )
        )
        for documents in (given.documents, moved)
    )
    assert first.item() == pytest.approx(second.item(), rel=1e-12)


def test_a_batch_without_a_weighted_positive_has_loss_zero():
    given = batch()
    apart = EmbeddedBatch(
        given.queries,
        given.documents,
        given.query_languages,
        given.document_languages + 10,
        given.query_ids,
        given.document_ids,
        given.document_query_ids,
        paired=False,
    )
    loss = MultiwayInfoNCE(alpha=1.0)(apart)
    assert loss.item() == 0
    loss.backward()
    assert torch.isfinite(given.queries.grad).all()


@pytest.mark.parametrize("form", ["pooled", "per_pair"])
def test_a_language_without_negatives_has_finite_gradients(form):
    rng = torch.Generator().manual_seed(0)
    queries, documents = (torch.randn(3, 4, generator=rng).requires_grad_() for _ in range(2))
    ids = torch.tensor([0, 0, 1])
    given = EmbeddedBatch(
        queries,
        documents,
        torch.tensor([0, 1, 0]),
        torch.tensor([0, 1, 0]),
        ids,
        torch.arange(3),
        ids,
        paired=False,
    )
    MultiwayInfoNCE(form, symmetric=True)(given).backward()
    assert torch.isfinite(queries.grad).all()
    assert torch.isfinite(documents.grad).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"form": "pool"},
        {"alpha": 1.5},
        {"temperature": 0},
        {"cross_temperature": -0.1},
        {"cross_temperature": 0.1, "learn_temperature": True},
    ],
)
def test_bad_settings_are_refused(settings):
    with pytest.raises(InputError):
        MultiwayInfoNCE(**settings)
