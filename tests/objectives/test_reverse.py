"""ReverseTraining and ReverseAlignment against plain loops, and on a batch that can be computed by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from scipy.special import softmax
from scipy.stats import entropy

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.reverse import ReverseAlignment, ReverseTraining
from isoglot.objectives.versions import bridges, draw_versions


def plain(batch: EmbeddedBatch, english: int, temperature: float, cosine) -> float:
    queries, documents = batch.query_versions(), batch.document_versions()
    rows = []
    for document, language, number, leads in zip(
        documents.embeddings,
        documents.languages,
        documents.query_ids,
        bridges(documents, english),
        strict=True,
    ):
        if not leads:
            continue
        found, against = [], 0.0
        for i, query in enumerate(queries.embeddings):
            if queries.languages[i] == language:
                continue
            e = math.exp(cosine(document, query) / temperature)
            if queries.query_ids[i] == number:
                found.append(e)
            else:
                against += e
        if found:
            rows.append(sum(-math.log(e / (e + against)) for e in found) / len(found))
    return sum(rows) / len(rows)


@pytest.mark.parametrize("english", [0, 1, 2])
def test_it_is_its_equation(parallel_batch, cosine, english):
    term = ReverseTraining(0.2)
    assert term.wants_english
    term.english = english
    assert term(parallel_batch).item() == pytest.approx(plain(parallel_batch, english, 0.2, cosine))


def test_the_english_document_looks_for_queries_in_other_languages():
    # documents: English and German of query 1. Queries: English and German of 1, German of 2.
    batch = EmbeddedBatch(
        torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]]),
        torch.tensor([[1.0, 0.0], [0.0, 1.0]]),
        torch.tensor([0, 1, 1]),
        torch.tensor([0, 1]),
        torch.tensor([1, 1, 2]),
        torch.tensor([0, 1]),
        torch.tensor([1, 1]),
        paired=False,
    )
    term = ReverseTraining(temperature=1.0)
    term.english = 0
    # The German document, and the English query, have no part: e^1 for the answer, e^0 for the other German query.
    assert term(batch).item() == pytest.approx(math.log(1 + math.exp(-1)), rel=1e-6)
    assert term.metrics() == {"parallel_pairs": 1.0}


def test_gradients_are_those_of_the_loss(parallel_batch, check_gradients):
    check_gradients(ReverseTraining(0.3), parallel_batch)


def test_its_temperature_can_be_learned(parallel_batch):
    term = ReverseTraining(0.3, learn_temperature=True)
    term(parallel_batch).backward()
    assert term.temperature.logarithm.grad.abs() > 0
    assert term.learning_rate
    assert term.metrics().keys() == {"parallel_pairs", "temperature"}


def triples(batch: EmbeddedBatch, english: int | None) -> list[tuple[int, int, list[int]]]:
    """Of every query id in turn the document that leads, a query in its language, and its queries in others."""
    queries, documents = batch.query_versions(), batch.document_versions()
    found: dict[int, tuple[int, int, list[int]]] = {}
    for d, leads in enumerate(bridges(documents, english).tolist()):
        number, language = documents.query_ids[d].item(), documents.languages[d].item()
        own = [q for q in range(len(queries)) if queries.query_ids[q] == number]
        same = [q for q in own if queries.languages[q] == language]
        other = [q for q in own if queries.languages[q] != language]
        if leads and same and other and number not in found:
            found[number] = (d, same[0], other)
    return [found[number] for number in sorted(found)]


@pytest.mark.parametrize("english", [0, 1, 2, None])
def test_the_alignment_is_the_divergence_of_finding_documents_from_finding_queries(make_batch, cosine, english):
    compared = 0
    for seed in range(6):
        rng = torch.Generator().manual_seed(seed)
        ids = torch.arange(4).repeat_interleave(3)  # of four ids three queries and documents each
        languages, versions = torch.randint(3, (3, 12), generator=rng)[:2], torch.randint(3, (4,), generator=rng)
        queries, documents = torch.randn(2, 12, 4, generator=rng, dtype=torch.float64)
        others = Texts(torch.randn(4, 4, generator=rng, dtype=torch.float64), versions, torch.arange(4))
        batch = EmbeddedBatch(
            queries, documents, *languages, ids, torch.arange(12), ids, paired=False, other_queries=others
        )
        queries, documents = batch.query_versions(), batch.document_versions()
        rows = triples(batch, english)
        term = ReverseAlignment(0.3)
        assert term.wants_english
        term.english = english
        kept = Texts(*(one[[d for d, _, _ in rows]] for one in vars(documents).values() if one is not None))
        allowed = torch.zeros(len(rows), len(queries), dtype=torch.bool)
        for row, (_, _, other) in enumerate(rows):
            allowed[row, other] = True
        drawn = draw_versions(kept, queries, allowed)[1].tolist()
        total = 0.0
        for d, same, _ in rows:
            forward = [cosine(queries.embeddings[same], documents.embeddings[e]) / 0.3 for e, _, _ in rows]
            backward = [cosine(documents.embeddings[d], queries.embeddings[v]) / 0.3 for v in drawn]
            total += entropy(softmax(backward), softmax(forward))
        assert term(batch).item() == pytest.approx(total / len(rows))
        compared += len(rows)
    assert compared >= 9


def test_gradients_of_the_alignment_are_those_of_the_loss(make_batch, check_gradients):
    batch = replace(make_batch("multiway", 5), document_languages=torch.tensor([0, 1, 2, 1, 0, 2, 2]))
    term = ReverseAlignment(0.3)
    term.english = 0
    assert term(batch) > 0
    check_gradients(term, batch)


def test_the_three_parts_of_clear_on_a_bilingual_batch_of_two(cosine):
    rng = torch.Generator().manual_seed(1)
    english, german, documents = torch.randn(3, 2, 4, generator=rng, dtype=torch.float64)
    ids = torch.tensor([5, 6])
    batch = EmbeddedBatch(
        english, documents, torch.zeros(2).long(), torch.zeros(2).long(), ids, torch.arange(2),
        other_queries=Texts(german, torch.ones(2).long(), ids),
    )  # fmt: skip
    # The paper's own form: queries by documents forwards, documents by German queries backwards, row by row.
    forward = torch.log_softmax(torch.tensor([[cosine(q, d) * 20 for d in documents] for q in english]), dim=1)
    backward = torch.log_softmax(torch.tensor([[cosine(d, q) * 20 for q in german] for d in documents]), dim=1)
    divergence = torch.nn.functional.kl_div(forward, backward, reduction="batchmean", log_target=True)
    terms = [ReverseTraining(), ReverseAlignment()]
    for term in terms:
        term.english = 0
    assert terms[0](batch).item() == pytest.approx(-backward.diag().mean().item())
    assert terms[1](batch).item() == pytest.approx(divergence.item())


def test_fewer_than_no_hard_negatives_are_refused():
    with pytest.raises(InputError, match=r"^hard_negatives must be at least 0, not -1$"):
        ReverseTraining(hard_negatives=-1)
