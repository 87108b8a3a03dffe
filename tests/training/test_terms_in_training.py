"""Terms in the trainer: their learning rates, what is logged of them, and what a checkpoint keeps of them."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback

from isoglot.batching import Hybrid
from isoglot.collections import collection_from_rows
from isoglot.collections.negatives import with_hard_negatives
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.objectives import (
    DistributionAlignment,
    DomainContrast,
    InfoNCE,
    LanguageAdversary,
    ReverseAlignment,
    ReverseTraining,
    Role,
    SemanticContrast,
)
from isoglot.training import HybridTrainer
from isoglot.training.execution import Objective


@pytest.fixture(scope="module")
def pages():
    """Twelve pages in three languages, a question each."""
    languages = ("en", "de", "th")
    return collection_from_rows(
        [(f"{lang}{n}", lang, "", f"{lang} page {n}") for lang in languages for n in range(12)],
        [(f"q{n}", lang, f"{lang} {n} ?") for lang in languages for n in range(12)],
        [(f"q{n}", f"{lang}{n}", 1) for lang in languages for n in range(12)],
    )


@pytest.fixture(scope="module")
def target():
    """Unlabelled text of another domain."""
    texts = [f"text {n} of the target is about the numbers {n + 1} and {n * n}" for n in range(20)]
    return collection_from_rows([(f"t{n}", "en", "", text) for n, text in enumerate(texts)], [], [])


def make(pages, folder, objective, steps=10, callbacks=(), settings=None, **options) -> HybridTrainer:
    model = static_encoder(pages, dimensions=16, vocabulary=150)
    args = Arguments(
        str(folder),
        max_steps=steps,
        per_device_train_batch_size=8,
        report_to="none",
        disable_tqdm=True,
        **({"learning_rate": 0.01, "save_strategy": "no"} | (settings or {})),
    )
    return HybridTrainer(model, pages, objective=objective, args=args, callbacks=list(callbacks), **options)


def test_the_objective_may_be_called_loss_but_not_be_given_twice(pages, tmp_path):
    args = Arguments(str(tmp_path), max_steps=1, report_to="none", use_cpu=True)
    model = static_encoder(pages, dimensions=16, vocabulary=150)
    term = InfoNCE()
    (found,) = HybridTrainer(model, pages, loss=term, args=args).loss.terms
    assert found is term
    with pytest.raises(InputError, match="two names of one thing"):
        HybridTrainer(model, pages, loss=term, objective=term, args=args)
    for several in ([InfoNCE(), 0.3 * SemanticContrast()], InfoNCE() + SemanticContrast() * 0.3):
        loss = HybridTrainer(model, pages, objective=several, args=args).loss
        assert dict(zip(loss.names, loss.weights, strict=True)) == {"InfoNCE": 1.0, "SemanticContrast": 0.3}
    term.model = model  # which does not make it a loss of sentence-transformers
    assert isinstance(HybridTrainer(model, pages, objective=term, args=args).loss, Objective)
    with pytest.raises(TypeError):
        HybridTrainer(model, pages, term)


def test_hard_negative_queries_are_added_if_a_term_wants_them_and_the_collection_has_some(pages, tmp_path):
    clear = 0.4 * InfoNCE() + 0.4 * ReverseTraining(hard_negatives=2) + 0.2 * ReverseAlignment()
    with pytest.raises(InputError, match=r"hard_negatives of a term is 2, and .* has no hard negatives: find"):
        make(pages, tmp_path, clear)
    confused = np.array([[page + (n + k) % 12 for k in (3, 7)] for page in (0, 12, 24) for n in range(12)])
    hard = with_hard_negatives(pages, np.arange(0, 73, 2), confused.ravel())
    trainer = make(hard, tmp_path, clear, steps=4)
    assert trainer.loss.negative_queries == 2
    label = next(iter(trainer.get_train_dataloader()))["label"]
    asked, others = (label[label[:, 0] == role, 2] for role in (Role.QUERY, Role.OTHER_QUERY))
    assert not torch.isin(others, asked).all()
    trainer.train()
    assert math.isfinite(trainer.state.log_history[-1]["train_loss"])


def test_every_parameter_is_trained_once_at_its_own_rate_and_temperatures_do_not_decay(pages, tmp_path):
    objective = {
        InfoNCE(learn_temperature=True): 1.0,
        LanguageAdversary(learning_rate=0.2, hidden=4): 1.0,
        SemanticContrast(learn_temperature=True): 0.1,
    }
    trainer = make(pages, tmp_path, objective, settings={"weight_decay": 0.1})
    trainer.create_optimizer()
    found = {}
    for group in trainer.optimizer.param_groups:
        for parameter in group["params"]:
            assert parameter not in found
            found[parameter] = (group["lr"], group["weight_decay"])
    names = {name: found.pop(parameter) for name, parameter in trainer.loss.named_parameters()}
    assert not found
    assert names == {
        "model.0.embedding.weight": (0.01, 0.1),
        "terms.0.temperature.logarithm": (1e-3, 0),
        "terms.1.classifier.0.weight": (0.2, 0.1),
        "terms.1.classifier.0.bias": (0.2, 0),
        "terms.1.classifier.2.weight": (0.2, 0.1),
        "terms.1.classifier.2.bias": (0.2, 0),
        "terms.2.temperature.logarithm": (1e-3, 0),
    }


def test_rates_that_the_user_gives_overrule_those_of_the_terms(pages, tmp_path):
    given = {r"^terms\.0\.": 0.5, r"^model\.": 0.03}
    trainer = make(pages, tmp_path, InfoNCE(learn_temperature=True), settings={"learning_rate_mapping": given})
    trainer.create_optimizer()
    rates = {parameter: group["lr"] for group in trainer.optimizer.param_groups for parameter in group["params"]}
    assert {name: rates[parameter] for name, parameter in trainer.loss.named_parameters()} == {
        "model.0.embedding.weight": 0.03,
        "terms.0.temperature.logarithm": 0.5,
    }


def test_logs_hold_each_terms_share_of_the_loss_and_what_it_measures(pages, tmp_path):
    objective = {InfoNCE(learn_temperature=True): 1.0, LanguageAdversary(): 0.5, DistributionAlignment(): 0.25}
    trainer = make(pages, tmp_path, objective, settings={"logging_steps": 5})
    trainer.train()
    logs = [entry for entry in trainer.state.log_history if "loss" in entry]
    assert [entry["step"] for entry in logs] == [5, 10]
    for entry in logs:
        shares = [entry[name] for name in ("InfoNCE", "LanguageAdversary", "DistributionAlignment")]
        assert sum(shares) == pytest.approx(entry["loss"], rel=1e-3)
        assert all(share > 0 for share in shares)
        assert entry["DistributionAlignment_parallel_pairs"] > 0
        assert 0 <= entry["LanguageAdversary_accuracy"] <= 1
        # a batch is in one or two languages, and its versions in up to three
        assert 1 / 3 <= entry["LanguageAdversary_chance"] <= 1
    first, last = (entry["InfoNCE_temperature"] for entry in logs)
    assert 0 < abs(math.log(last / first)) < 5.5e-3  # five steps of Adam at 0.001 and less


def test_adversaries_start_alike_whatever_was_drawn_before_and_differ_by_seed(pages, tmp_path):
    starts = []
    for drawn, seed in ((0, 1), (5, 1), (0, 2)):
        torch.manual_seed(drawn)
        trainer = make(pages, tmp_path, LanguageAdversary(), settings={"seed": seed})
        starts.append(trainer.loss.terms[0].classifier[0].weight.detach().clone())
    assert torch.equal(starts[0], starts[1])
    assert not torch.equal(starts[0], starts[2])


class Interrupt(TrainerCallback):
    """Ends a run after a step, without the checkpoint of this step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def same(one, other) -> bool:
    """Whether two values of a state are equal to the last bit; what the embedder measured comes as a dict."""
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def everything() -> dict:
    return {
        InfoNCE(0.1, learn_temperature=True): 1.0,
        LanguageAdversary(max_lambda=0.1, momentum=50): 1.0,
        LanguageAdversary(target="domain", hidden=None): 0.5,
        DistributionAlignment(): 0.5,
        DomainContrast(learn_temperature=True): 0.5,
    }


def test_a_resumed_run_has_the_queues_classifiers_and_temperatures_of_one_that_was_not_cut(pages, target, tmp_path):
    settings = {"save_strategy": "steps", "save_steps": 5, "logging_steps": 5}
    build = partial(
        make, pages, strategy=Hybrid(gamma=0.5), target=target, settings=settings, token_cache=tmp_path / "tokens"
    )
    whole = build(tmp_path / "whole", everything())
    kinds = [whole.sampler[step].kind for step in range(10)]
    assert all("domain" in half and len(set(half)) > 1 for half in (kinds[:5], kinds[5:]))
    whole.train()
    cut = build(tmp_path / "cut", everything(), callbacks=[Interrupt(7)])
    with pytest.raises(KeyboardInterrupt):
        cut.train()
    at_five = torch.load(tmp_path / "cut" / "checkpoint-5" / "objective.pt", weights_only=True)
    resumed = build(tmp_path / "cut", everything())
    resumed.train(resume_from_checkpoint=True)

    states = whole.loss.state_dict(), resumed.loss.state_dict()
    assert set(states[0]) == set(states[1])
    for name, value in states[0].items():
        assert same(value, states[1][name]), name
    moved = {name for name, value in at_five.items() if not same(value, states[0][name])}
    assert moved == set(at_five) - {"_extra_state"}  # nothing agrees because it never changes
    assert {"terms.1.queue.embeddings", "terms.2.queue.labels", "terms.0.temperature.logarithm"} <= moved
    assert [entry["loss"] for entry in whole.state.log_history if entry.get("step") == 10 and "loss" in entry] == [
        entry["loss"] for entry in resumed.state.log_history if entry.get("step") == 10 and "loss" in entry
    ]
    optimisers = whole.optimizer.state_dict()["state"], resumed.optimizer.state_dict()["state"]
    assert set(optimisers[0]) == set(optimisers[1])
    for number, state in optimisers[0].items():
        assert all(torch.equal(state[key], optimisers[1][number][key]) for key in state)
