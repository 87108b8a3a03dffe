"""SemanticContrast and LanguageContrast against plain loops and on batches that can be computed by hand."""

from __future__ import annotations

import math

import pytest
import torch
from scipy.stats import entropy

from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.versions import LanguageContrast, SemanticContrast


def queries_only(embeddings: list[list[float]], languages: list[int], ids: list[int]) -> EmbeddedBatch:
    queries = torch.tensor(embeddings, dtype=torch.float64)
    none = torch.zeros(len(ids), dtype=torch.long)
    return EmbeddedBatch(queries, queries, torch.tensor(languages), none, torch.tensor(ids), none, none - 1, False)


def semantic(texts: Texts, temperature: float, cosine) -> float:
    rows = []
    for i in range(len(texts)):
        e = [math.exp(cosine(texts.embeddings[i], one) / temperature) for one in texts.embeddings]
        same = [bool(texts.query_ids[i] == one) for one in texts.query_ids]
        against = sum(value for value, version in zip(e, same, strict=True) if not version)
        losses = [
            -math.log(e[j] / (e[j] + against))
            for j in range(len(texts))
            if same[j] and texts.languages[i] != texts.languages[j]
        ]
        if losses:
            rows.append(sum(losses) / len(losses))
    return sum(rows) / len(rows)


def language(texts: Texts, temperature: float, cosine) -> float:
    divergences = []
    for x in range(len(texts)):
        for y in range(x):
            if texts.query_ids[x] != texts.query_ids[y] or texts.languages[x] == texts.languages[y]:
                continue
            for z in range(len(texts)):
                if texts.query_ids[z] != texts.query_ids[x]:
                    pair = [
                        math.exp(cosine(texts.embeddings[z], texts.embeddings[one]) / temperature) for one in (x, y)
                    ]
                    divergences.append(entropy([0.5, 0.5], pair))
    return sum(divergences) / len(divergences)


@pytest.mark.parametrize(("kind", "plain"), [(SemanticContrast, semantic), (LanguageContrast, language)])
def test_they_are_their_equations(parallel_batch, cosine, kind, plain):
    for side, texts in [
        ("queries", parallel_batch.query_versions()),
        ("documents", parallel_batch.document_versions()),
    ]:
        assert kind(0.3, side)(parallel_batch).item() == pytest.approx(plain(texts, 0.3, cosine))


@pytest.mark.parametrize("kind", [SemanticContrast, LanguageContrast])
def test_gradients_are_those_of_the_loss(parallel_batch, check_gradients, kind):
    check_gradients(kind(0.3), parallel_batch)


def test_versions_that_are_one_and_others_opposite_make_the_least_semantic_loss():
    term = SemanticContrast(0.05, "queries")
    together = queries_only([[1, 0], [1, 0], [-1, 0], [-1, 0]], [0, 1, 0, 1], [1, 1, 2, 2])
    by_language = queries_only([[1, 0], [-1, 0], [1, 0], [-1, 0]], [0, 1, 0, 1], [1, 1, 2, 2])
    assert term(together).item() == pytest.approx(0, abs=1e-12)
    assert term(by_language).item() == pytest.approx(40 + math.log1p(math.exp(-40)))


def test_a_text_halfway_between_two_versions_tells_nothing_and_one_beside_a_version_does():
    term = LanguageContrast(0.5, "queries")
    assert term(queries_only([[1, 0], [0, 1], [1, 1]], [0, 1, 0], [1, 1, 2])).item() == pytest.approx(0, abs=1e-12)
    beside = term(queries_only([[1, 0], [0, 1], [2, 0]], [0, 1, 0], [1, 1, 2])).item()
    assert beside == pytest.approx(math.log1p(math.exp(-2)) + 1 - math.log(2))


def test_the_temperature_of_semantic_contrast_can_be_learned(parallel_batch):
    term = SemanticContrast(0.3, learn_temperature=True)
    term(parallel_batch).backward()
    assert term.temperature.logarithm.grad.abs() > 0
    assert term.learning_rate
    assert term.metrics().keys() == {"parallel_pairs", "temperature"}
