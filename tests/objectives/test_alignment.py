"""DistributionAlignment against SciPy's Jensen-Shannon distance."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations

import pytest
import torch
from scipy.spatial.distance import jensenshannon
from scipy.special import softmax

from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.versions import DistributionAlignment


def plain(texts, opposite, temperature, cosine) -> float:
    divergences = []
    for a, b in combinations(range(len(texts)), 2):
        if texts.query_ids[a] == texts.query_ids[b] and texts.languages[a] != texts.languages[b]:
            p, q = (softmax([cosine(texts.embeddings[i], one) / temperature for one in opposite]) for i in (a, b))
            divergences.append(jensenshannon(p, q) ** 2)
    return sum(divergences) / len(divergences)


def test_it_is_the_mean_divergence_of_parallel_texts(parallel_batch, cosine):
    documents = list(parallel_batch.documents)
    if parallel_batch.other_documents is not None:
        documents += list(parallel_batch.other_documents.embeddings)
    queries = parallel_batch.query_versions()
    expected = plain(queries, documents, 0.3, cosine)
    assert DistributionAlignment(0.3, side="queries")(parallel_batch).item() == pytest.approx(expected)
    expected = plain(parallel_batch.document_versions(), list(queries.embeddings), 0.3, cosine)
    assert DistributionAlignment(0.3, side="documents")(parallel_batch).item() == pytest.approx(expected)


def two_versions(first: list[float], second: list[float]) -> EmbeddedBatch:
    """A query in two languages, and two documents, one on each axis."""
    return EmbeddedBatch(
        torch.tensor([first, second], dtype=torch.float64),
        torch.eye(2, dtype=torch.float64),
        torch.tensor([0, 1]),
        torch.tensor([0, 1]),
        torch.tensor([1, 1]),
        torch.tensor([0, 1]),
        torch.tensor([1, -1]),
        paired=False,
    )


def test_versions_that_rank_alike_cost_nothing_and_opposite_ones_at_most_log_2():
    term = DistributionAlignment(0.01, side="queries")
    assert term(two_versions([3, 1], [6, 2])).item() == pytest.approx(0, abs=1e-12)
    assert term(two_versions([1, 0], [0, 1])).item() == pytest.approx(math.log(2))


def test_gradients_are_those_of_the_loss(parallel_batch, check_gradients):
    check_gradients(DistributionAlignment(0.3), parallel_batch)


def test_gradients_stay_finite_in_single_precision_at_a_low_temperature(parallel_batch, gradients):
    single = replace(parallel_batch, queries=parallel_batch.queries.float())
    single = replace(single, documents=single.documents.float(), other_queries=None, other_documents=None)
    assert all(gradient.isfinite().all() for gradient in gradients(DistributionAlignment(0.005), single))
