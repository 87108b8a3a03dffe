"""ReverseTraining against a plain loop, and on a batch that can be computed by hand."""

from __future__ import annotations

import math

import pytest
import torch

from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.versions import ReverseTraining, bridges


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
