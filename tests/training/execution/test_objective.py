"""Objective: texts become the batch that terms see, and terms become one loss."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
import torch
from sentence_transformers.sentence_transformer.data_collator import SentenceTransformerDataCollator
from torch import Tensor, nn

from isoglot.batching import BatchSampler, Hybrid
from isoglot.batching.collate import StepCollator
from isoglot.batching.tokens import FlatTokenizer, TokenCache
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.objectives import (
    DistributionAlignment,
    DomainContrast,
    EmbeddedBatch,
    InfoNCE,
    LanguageAdversary,
    MultiwayInfoNCE,
    Role,
    Term,
)
from isoglot.training.execution import Objective

Q, OQ, D, N, OD, UD = (
    Role.QUERY,
    Role.OTHER_QUERY,
    Role.DOCUMENT,
    Role.NEGATIVE,
    Role.OTHER_DOCUMENT,
    Role.UNPAIRED_DOCUMENT,
)

# role, language, id, query id, target-domain text; the queries' side first
VERSIONS = (
    [(Q, 0, 7, 7, 0), (Q, 1, 3, 3, 0), (OQ, 2, 7, 7, 0)],
    [(D, 0, 40, 7, 0), (D, 1, 41, 3, 0), (N, 0, 42, -1, 0), (N, 2, 43, 3, 0), (OD, 1, 44, 7, 0)],
)
MULTIWAY = (
    [(Q, 0, 7, 7, 0), (Q, 1, 7, 7, 0), (Q, 2, 3, 3, 0)],
    [(UD, 1, 40, 7, 0), (UD, 2, 41, 3, 0), (UD, 0, 42, 7, 0), (UD, 0, 43, -1, 0)],
)
DOMAIN = ([(Q, 0, 5, 5, 1), (Q, 0, 6, 6, 1)], [(D, 0, 5, 5, 1), (D, 0, 6, 6, 1)])


class Given(nn.Module):
    """An encoder whose inputs are the embeddings."""

    def get_embedding_dimension(self) -> int:
        return 8

    def forward(self, features: dict[str, Tensor]) -> dict[str, Tensor]:
        return {"sentence_embedding": features["embeddings"]}


def inputs(kind, seed: int = 0) -> tuple[list[dict[str, Tensor]], Tensor]:
    rng = torch.Generator().manual_seed(seed)
    features = [{"embeddings": torch.randn(len(side), 8, generator=rng, requires_grad=True)} for side in kind]
    return features, torch.tensor([(*label, 0, -1) for side in kind for label in side])


class Seen(Term):
    """Keeps the batch that it is given."""

    on_domain = True

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        self.batch = batch
        return batch.queries.sum()


def seen(kind) -> tuple[EmbeddedBatch, Tensor, Tensor]:
    term = Seen()
    features, labels = inputs(kind)
    Objective(Given(), term)(features, labels)
    return term.batch, features[0]["embeddings"], features[1]["embeddings"]


def test_versions_and_hard_negatives_find_their_place():
    batch, queries, documents = seen(VERSIONS)
    assert batch.paired
    assert not batch.domain
    assert torch.equal(batch.queries, queries[:2])
    assert torch.equal(batch.documents, documents[:4])  # the own ones, then hard negatives
    assert batch.query_languages.tolist() == [0, 1]
    assert batch.document_languages.tolist() == [0, 1, 0, 2]
    assert batch.document_ids.tolist() == [40, 41, 42, 43]
    assert batch.document_query_ids.tolist() == [7, 3, -1, 3]
    # the second negative is known to answer the second query: no negative of it, and nothing it must find
    assert batch.known_positives().nonzero().tolist() == [[1, 3]]
    assert batch.positives().nonzero().tolist() == [[0, 0], [1, 1]]
    assert torch.equal(batch.other_queries.embeddings, queries[2:])
    assert (batch.other_queries.languages.tolist(), batch.other_queries.query_ids.tolist()) == ([2], [7])
    assert torch.equal(batch.other_documents.embeddings, documents[4:])
    assert (batch.other_documents.languages.tolist(), batch.other_documents.query_ids.tolist()) == ([1], [7])


def test_multiway_batches_are_not_paired():
    batch, queries, documents = seen(MULTIWAY)
    assert not batch.paired
    assert torch.equal(batch.queries, queries)
    assert torch.equal(batch.documents, documents)
    assert (batch.other_queries, batch.other_documents) == (None, None)
    assert batch.positives().tolist() == [
        [True, False, True, False],
        [True, False, True, False],
        [False, True, False, False],
    ]


def test_target_domain_text_is_known_as_such():
    batch, _, _ = seen(DOMAIN)
    assert batch.domain
    assert batch.paired
    assert batch.positives().tolist() == [[True, False], [False, True]]


def test_the_loss_is_the_weighted_sum_of_the_terms():
    terms = {InfoNCE(0.1): 2.0, DistributionAlignment(0.2): 0.5, MultiwayInfoNCE(temperature=0.3): -1.0}
    objective = Objective(Given(), terms)
    features, labels = inputs(VERSIONS)
    shares = objective(features, labels)
    batch, *_ = seen(VERSIONS)
    assert list(shares) == ["InfoNCE", "DistributionAlignment", "MultiwayInfoNCE"]
    for share, (term, weight) in zip(shares.values(), terms.items(), strict=True):
        assert share.item() == pytest.approx(weight * term(batch).item())
    torch.stack(list(shares.values())).sum().backward()
    got = torch.cat([part["embeddings"].grad for part in features])
    fresh, labels = inputs(VERSIONS)
    sum(weight * Objective(Given(), term)(fresh, labels) for term, weight in terms.items()).backward()
    assert torch.allclose(got, torch.cat([part["embeddings"].grad for part in fresh]), atol=1e-6)


def test_a_written_sum_is_the_same_objective():
    parts = {InfoNCE(0.1): 1.0, DistributionAlignment(0.2): 0.5}
    first, second = parts
    written, given = (Objective(Given(), one)(*inputs(VERSIONS)) for one in (first + 0.5 * second, parts))
    assert {name: share.item() for name, share in written.items()} == {
        name: share.item() for name, share in given.items()
    }


def test_one_term_alone_gives_a_plain_loss_with_its_weight():
    features, labels = inputs(VERSIONS)
    single = Objective(Given(), InfoNCE(0.1))(features, labels)
    assert single.ndim == 0
    assert Objective(Given(), {InfoNCE(0.1): 3.0})(features, labels).item() == pytest.approx(3 * single.item())


def test_terms_have_no_part_in_batches_that_are_not_theirs():
    objective = Objective(Given(), {InfoNCE(): 1.0, DomainContrast(): 1.0, Seen(): 1.0})
    assert list(objective(*inputs(VERSIONS))) == ["InfoNCE", "Seen"]
    assert list(objective(*inputs(DOMAIN))) == ["DomainContrast", "Seen"]
    features, labels = inputs(DOMAIN)
    nothing = Objective(Given(), InfoNCE())(features, labels)
    nothing.backward()  # as the trainer will
    assert nothing.item() == 0
    assert not features[0]["embeddings"].grad.any()


def test_two_terms_of_a_kind_are_told_apart_in_logs():
    terms = {LanguageAdversary(): 1.0, LanguageAdversary(target="domain"): 1.0, InfoNCE(): 1.0}
    objective = Objective(Given(), terms, languages=3)
    shares = objective(*inputs(VERSIONS))
    assert list(shares) == ["LanguageAdversary", "LanguageAdversary_2", "InfoNCE"]
    logged = objective.metrics()
    assert logged["LanguageAdversary_chance"] == pytest.approx(3 / 8)  # three languages
    assert logged["LanguageAdversary_2_chance"] == 1  # of one domain
    assert objective.metrics() == {}


def test_what_is_kept_of_a_batch_has_no_gradients():
    objective = Objective(Given(), Seen())
    objective(*inputs(VERSIONS))
    kept = objective.last_batch
    assert kept.queries.shape == (2, 8)
    for part in (kept, kept.other_queries, kept.other_documents):
        values = [getattr(part, field.name) for field in fields(part)]
        assert not any(value.requires_grad for value in values if isinstance(value, Tensor))


def test_terms_learn_how_far_training_is_and_which_language_is_english():
    class Bridge(Seen):
        wants_english = True

    bridge, other = Bridge(), Seen()
    objective = Objective(Given(), {bridge: 1.0, other: 1.0}, english=2)
    objective.progress = 0.25
    objective(*inputs(VERSIONS))
    assert bridge.batch.progress == 0.25
    assert (bridge.english, other.english) == (2, None)


def test_only_terms_with_parameters_have_learning_rates_of_their_own():
    terms = [InfoNCE(), InfoNCE(learn_temperature=True), LanguageAdversary(learning_rate=0.2)]
    objective = Objective(Given(), dict.fromkeys(terms, 1.0), languages=3)
    assert objective.learning_rates() == {r"^terms\.1\.": 1e-3, r"^terms\.2\.": 0.2}


@pytest.mark.parametrize(
    ("terms", "message"),
    [({}, "at least one term"), ({InfoNCE(): math.nan}, "the weight of InfoNCE must be a finite number, not nan")],
)
def test_objectives_that_make_no_sense_are_refused(terms, message):
    with pytest.raises(InputError, match=message):
        Objective(Given(), terms)


def _loss_and_gradients(model, term, given) -> tuple[float, list[Tensor]]:
    model.zero_grad()
    features = [
        {key.removeprefix(side): value for key, value in given.items() if key.startswith(side)}
        for side in ("query_", "document_")
    ]
    loss = Objective(model, term, languages=3, english=0)(features, given["label"])
    loss.backward()
    return loss.item(), [parameter.grad.clone() for parameter in model.parameters() if parameter.grad is not None]


@pytest.mark.parametrize("build", [static_encoder, scratch_encoder])
@pytest.mark.parametrize("term", [InfoNCE(0.1), DistributionAlignment(0.1)], ids=["InfoNCE", "versions"])
def test_inputs_of_the_stock_collator_and_of_the_token_cache_give_the_same(build, term, toy, tmp_path):
    model = build(toy, dimensions=64, vocabulary=200).eval()  # no dropout
    sampler = BatchSampler(toy, Hybrid(), 2)
    stock = SentenceTransformerDataCollator(model.preprocess)
    flat = FlatTokenizer.of(model)
    caches = (
        TokenCache(flat, toy.query_texts, toy.queries.num_rows, tmp_path),
        TokenCache(flat, toy.document_texts, toy.documents.num_rows, tmp_path),
    )
    for step in range(3):
        padded = StepCollator(sampler, stock, versions=True)([step])
        cached = StepCollator(sampler, stock, caches, versions=True)([step])
        assert ("query_attention_mask" in padded) == (build is scratch_encoder)
        assert "query_offsets" in cached
        first, first_gradients = _loss_and_gradients(model, term, padded)
        second, second_gradients = _loss_and_gradients(model, term, cached)
        assert first == pytest.approx(second, rel=1e-4, abs=1e-6)
        assert len(first_gradients) == len(second_gradients) > 0
        for one, other in zip(first_gradients, second_gradients, strict=True):
            assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)
