"""LanguageAdversary: what reaches the classifier, what reaches the encoder, and whether it takes language out."""

from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from isoglot.errors import InputError
from isoglot.objectives.adversary import LanguageAdversary, reverse_gradient
from isoglot.objectives.batch import EmbeddedBatch


def prepared(dimensions: int = 4, languages: int = 3, **settings) -> LanguageAdversary:
    torch.manual_seed(0)
    term = LanguageAdversary(**settings)
    term.prepare(dimensions, languages)
    return term.double()


def everything(batch: EmbeddedBatch) -> tuple[list[Tensor], list[int]]:
    texts = [(batch.queries, batch.query_languages), (batch.documents, batch.document_languages)]
    texts += [(o.embeddings, o.languages) for o in (batch.other_queries, batch.other_documents) if o is not None]
    return [row for rows, _ in texts for row in rows], [one for _, some in texts for one in some.tolist()]


def plain(classifier, embeddings: list[Tensor], labels: list[int]) -> float:
    losses = []
    for embedding, label in zip(embeddings, labels, strict=True):
        logits = classifier(embedding / embedding.norm() * len(embedding) ** 0.5).tolist()
        losses.append(math.log(sum(math.exp(one) for one in logits)) - logits[label])
    return sum(losses) / len(losses)


def test_its_value_is_the_cross_entropy_of_every_text(any_batch):
    term = prepared()
    assert term(any_batch).item() == pytest.approx(plain(term.classifier, *everything(any_batch)))


def test_sides_take_the_texts_of_one_side(make_batch):
    batch = make_batch("versions")
    embeddings, labels = everything(batch)
    picked = {"queries": [0, 1, 2, 12, 13, 14], "documents": [*range(3, 12), 15, 16, 17]}
    for side, rows in picked.items():
        term = prepared(side=side)
        expected = plain(term.classifier, [embeddings[i] for i in rows], [labels[i] for i in rows])
        assert term(batch).item() == pytest.approx(expected)


@pytest.mark.parametrize(("progress", "share"), [(0.0, 0.0), (0.1, math.tanh(0.5)), (1.0, math.tanh(5))])
def test_the_encoder_gets_the_gradient_times_minus_lambda_and_the_classifier_its_own(
    any_batch, gradients, progress, share
):
    term = prepared(max_lambda=0.7, hidden=5)
    # 2 / (1 + exp(-10 p)) - 1 is tanh(5 p)
    batch = replace(any_batch, progress=progress)
    given = everything(any_batch)
    leaves = [one.detach().requires_grad_() for one in given[0]]
    inputs = functional.normalize(torch.stack(leaves), dim=1) * 2
    unreversed = functional.cross_entropy(term.classifier(inputs), torch.tensor(given[1]))
    unreversed.backward()
    expected = torch.stack([leaf.grad for leaf in leaves]) * -0.7 * share
    got = gradients(term, batch)
    assert torch.allclose(torch.cat(got), expected)
    classifier = [parameter.grad.clone() for parameter in term.classifier.parameters()]
    term.zero_grad()
    term(batch).backward()
    assert all(torch.allclose(p.grad, c) for p, c in zip(term.classifier.parameters(), classifier, strict=True))


def test_a_reversed_gradient_leaves_the_value_alone():
    some = torch.tensor([1.0, -2.0], requires_grad=True)
    turned = reverse_gradient(some, 3.0)
    assert turned.tolist() == [1, -2]
    (turned**2).sum().backward()
    assert some.grad.tolist() == [-6, 12]


def batch_of(embeddings: Tensor, languages: Tensor, **more) -> EmbeddedBatch:
    numbers = torch.arange(len(embeddings))
    return EmbeddedBatch(embeddings, embeddings, languages, languages, numbers, numbers, **more)


@pytest.mark.parametrize("momentum", [None, 200])
def test_it_takes_language_out_of_what_an_encoder_makes(momentum):
    torch.manual_seed(1)
    languages = torch.arange(120) % 2
    texts = torch.randn(120, 8)
    texts[:, 0] += 4 * (languages - 0.5)  # the language is plain to see in one direction
    accuracies = {}
    for adversarial in (False, True):
        encoder = torch.nn.Linear(8, 8, bias=False)
        with torch.no_grad():
            encoder.weight.copy_(torch.eye(8))
        term = LanguageAdversary(max_lambda=1.0, hidden=None, momentum=momentum)
        term.prepare(8, 2)
        groups = [{"params": term.parameters(), "lr": 0.02}]
        if adversarial:
            groups.append({"params": encoder.parameters(), "lr": 0.01})
        optimiser = torch.optim.Adam(groups)
        for step in range(150):
            optimiser.zero_grad()
            term(batch_of(encoder(texts), languages, progress=step / 150)).backward()
            optimiser.step()
            if step == 120:
                term.metrics()
        found = term.metrics()
        assert found["chance"] == 0.5
        accuracies[adversarial] = found["accuracy"]
    assert accuracies[False] > 0.9
    assert accuracies[True] < 0.65


def test_metrics_are_accuracy_and_majority_since_the_last_call(make_batch):
    term, batch = prepared(), make_batch("multiway")
    assert term.metrics() == {}
    term(batch)
    embeddings, labels = everything(batch)
    guesses = [term.classifier(one / one.norm() * 2).argmax().item() for one in embeddings]
    right = sum(guess == label for guess, label in zip(guesses, labels, strict=True))
    majority = max(labels.count(label) for label in labels)
    assert term.metrics() == {
        "accuracy": pytest.approx(right / len(labels)),
        "chance": pytest.approx(majority / len(labels)),
    }
    assert term.metrics() == {}


def test_the_queue_holds_the_newest_embeddings_and_it_alone_trains_the_classifier(make_batch, gradients):
    term = prepared(momentum=20, hidden=None)
    first, second = make_batch("negatives", 1), make_batch("negatives", 2)
    term(first)
    assert term.queue.labels.tolist() == [*everything(first)[1], *[-1] * 8]
    got = gradients(term, replace(second, progress=1.0))
    (embeddings, labels), (older, old_labels) = everything(second), everything(first)
    queued, queued_labels = [*embeddings, *older[:8]], [*labels, *old_labels[:8]]
    assert term.queue.labels.tolist() == queued_labels
    expected = functional.normalize(torch.stack(queued).detach(), dim=1) * 2
    assert torch.allclose(term.queue.embeddings, expected)

    value = term.eval()(second).item()  # does not push
    batch_loss = plain(term.classifier, embeddings, labels)
    assert value == pytest.approx(batch_loss + plain(term.classifier, queued, queued_labels))
    assert term.queue.labels.tolist() == queued_labels

    term.zero_grad()
    term(second).backward()
    reference = copy.deepcopy(term.classifier)
    reference.zero_grad()
    functional.cross_entropy(reference(expected), torch.tensor(queued_labels)).backward()
    assert torch.allclose(term.classifier.weight.grad, reference.weight.grad)

    without = prepared(hidden=None)
    without.classifier.load_state_dict(term.classifier.state_dict())
    for mine, theirs in zip(got, gradients(without, replace(second, progress=1.0)), strict=True):
        assert torch.allclose(mine, theirs)


def test_an_empty_queue_is_harmless(make_batch):
    term = prepared(momentum=4).eval()
    assert term(make_batch("paired")).isfinite()


def test_classifier_and_queue_are_saved(make_batch):
    term, other = prepared(momentum=20), prepared(momentum=20)
    term(make_batch("negatives"))
    with torch.no_grad():
        term.classifier[0].weight.add_(1)
    other.load_state_dict(term.state_dict())
    batch = make_batch("versions")
    assert other(batch).item() == term(batch).item()


def test_domains_are_told_apart_from_both_kinds_of_batch(make_batch):
    term = prepared(target="domain", hidden=None)
    labelled = make_batch("paired")
    unlabelled = replace(labelled, domain=True)
    assert term.on_domain
    assert term.applies(labelled)
    assert term.applies(unlabelled)
    term(labelled)
    term(unlabelled)
    assert term.queue.labels[:17].tolist() == [1] * 8 + [0] * 8 + [-1]
    assert term.metrics()["chance"] == 0.5
    about_languages = prepared()
    assert about_languages.applies(labelled)
    assert not about_languages.applies(unlabelled)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_lambda": 0}, "max_lambda must be above 0, not 0"),
        ({"learning_rate": -1.0}, "learning_rate must be above 0, not -1"),
        ({"hidden": 0}, "hidden must be at least 1, or None for none, not 0"),
        ({"momentum": 0}, "momentum must be at least 1"),
        ({"side": "left"}, "no side 'left'"),
        ({"target": "topic"}, "cannot classify 'topic': choose language or domain"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        LanguageAdversary(**settings)


def test_it_needs_two_languages_and_to_be_prepared(make_batch):
    with pytest.raises(InputError, match="at least two languages"):
        LanguageAdversary().prepare(8, 1)
    with pytest.raises(InputError, match="call prepare"):
        LanguageAdversary()(make_batch("paired"))
