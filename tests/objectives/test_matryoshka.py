"""Matryoshka: the weighted sum of an objective over embeddings that are cut, as sentence-transformers has it."""

from __future__ import annotations

import logging
import math

import pytest
import torch
from sentence_transformers.sentence_transformer import losses

from isoglot.batching import BatchSampler, Monolingual
from isoglot.batching.collate import StepCollator
from isoglot.data import load_worldfacts
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.objectives import DistributionAlignment, InfoNCE, LanguageAdversary, Matryoshka
from isoglot.training.execution import Objective


@pytest.fixture(scope="module")
def facts():
    return load_worldfacts(("en", "de"))["train"]


def batch_of(facts, versions=False):
    """A static encoder of 16 dimensions, and the inputs of a batch."""
    model = static_encoder(facts, dimensions=16, vocabulary=300)
    inputs = StepCollator(BatchSampler(facts, Monolingual(), 6), model, versions=versions)([0])
    features = [
        {key.removeprefix(side): value for key, value in inputs.items() if key.startswith(side)}
        for side in ("query_", "document_")
    ]
    return model, features, inputs["label"]


def loss_and_gradient(model, objective, features, labels):
    model.zero_grad()
    found = objective([dict(part) for part in features], labels)
    loss = torch.stack(list(found.values())).sum() if isinstance(found, dict) else found
    loss.backward()
    return loss.item(), model[0].embedding.weight.grad.clone()


@pytest.mark.parametrize("weights", [None, [0.5, 2.0, 1.0]])
def test_around_infonce_it_is_that_of_sentence_transformers(facts, weights):
    model, features, labels = batch_of(facts)
    cuts = [4, 8, 16]
    theirs = losses.MatryoshkaLoss(
        model, losses.MultipleNegativesRankingLoss(model, scale=10), cuts, matryoshka_weights=weights
    )
    ours = Objective(model, Matryoshka(InfoNCE(0.1), cuts, weights))
    loss, gradient = loss_and_gradient(model, ours, features, labels)
    expected, expected_gradient = loss_and_gradient(model, theirs, features, labels)
    assert loss == pytest.approx(expected, rel=1e-5)
    assert (gradient - expected_gradient).norm() <= 1e-5 * expected_gradient.norm()
    assert gradient.norm() > 0


def test_every_term_is_summed_over_cut_embeddings_under_its_own_name(facts):
    model, features, labels = batch_of(facts, versions=True)
    terms = InfoNCE(0.1) + 0.3 * DistributionAlignment(0.2)
    objective = Objective(model, Matryoshka(terms, [4, 16], [2.0, 0.5]))
    shares = objective([dict(part) for part in features], labels)
    assert list(shares) == ["InfoNCE", "DistributionAlignment"]

    def cut(size: int) -> dict:
        whole = torch.cat([model(dict(part))["sentence_embedding"] for part in features])[:, :size]
        stand_in = Objective(model, terms)
        stand_in.embedder = lambda *_: whole
        return stand_in([{"offsets": torch.zeros(1)}], labels)

    for name, share in shares.items():
        assert share.item() == pytest.approx(2.0 * cut(4)[name].item() + 0.5 * cut(16)[name].item(), rel=1e-5)
    assert objective.last_batch.queries.shape[1] == 16


def test_a_classifier_of_embeddings_sees_whole_ones_once(facts):
    model, features, labels = batch_of(facts)

    def shares_of(cuts):
        terms = InfoNCE(0.1) + 0.5 * LanguageAdversary(hidden=None)
        torch.manual_seed(0)
        objective = Objective(model, Matryoshka(terms, cuts) if cuts else terms, languages=2)
        assert objective.terms[1].classifier.weight.shape == (2, 16)
        return objective([dict(part) for part in features], labels)

    shares, expected = shares_of([4, 8]), shares_of(None)
    assert shares["LanguageAdversary"].item() == pytest.approx(expected["LanguageAdversary"].item())
    assert shares["InfoNCE"] != expected["InfoNCE"]


def test_dimensions_that_are_never_trained_are_told(facts, caplog):
    model, *_ = batch_of(facts)
    with caplog.at_level(logging.WARNING):
        Objective(model, Matryoshka(InfoNCE(), [4, 8, 16]))
        assert not caplog.records
        Objective(model, Matryoshka(InfoNCE(), [4, 8]))
    assert "does not train dimensions 9 to 16: add 16" in caplog.text


@pytest.mark.parametrize(
    ("cuts", "weights", "message"),
    [
        ([], None, r"different numbers of dimensions, at least 1 each, not \[\]"),
        ([4, 4], None, r"different numbers of dimensions, at least 1 each, not \[4, 4\]"),
        ([0, 4], None, r"different numbers of dimensions, at least 1 each, not \[0, 4\]"),
        ([4, 8], [1.0], "has 2 dimensions and 1 weights: give one each"),
        ([4, 8], [1.0, 0.0], "weights of matryoshka must be above 0, not 0.0"),
        ([4], [math.nan], "weights of matryoshka must be above 0, not nan"),
        ([4, 32], None, "has 32 dimensions, and the encoder 16: leave 32 out"),
    ],
)
def test_dimensions_and_weights_that_make_no_sense_are_refused(facts, cuts, weights, message):
    with pytest.raises(InputError, match=message):
        Objective(batch_of(facts)[0], Matryoshka(InfoNCE(), cuts, weights))


def test_one_dimension_is_the_least_to_train():
    assert Matryoshka(InfoNCE(), [1, 4], weights=[0.5, 2]).shares == ((1, 0.5), (4, 2.0))
