"""The private methods of transformers' Trainer that ours overrides: that the library goes on calling each."""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformerTrainer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from sentence_transformers.evaluation import SentenceEvaluator

from isoglot.batching import BatchSampler, Hybrid
from isoglot.encoders import static_encoder
from isoglot.objectives import InfoNCE
from isoglot.training import HybridTrainer
from isoglot.training.callbacks import Watch
from isoglot.training.cpu import sparse_adamw
from isoglot.training.hooks import TrainerHooks

LIBRARY = Path(transformers.__file__).parent


def overridden(kind: type) -> list[str]:
    """Return the methods of the library that a class of ours has anew."""
    ours = [name for name, method in vars(kind).items() if inspect.isfunction(method) and name != "__init__"]
    return [name for name in ours if hasattr(SentenceTransformerTrainer, name)]


HOOKS = [name for name in overridden(TrainerHooks) if name != "train"]


@pytest.fixture(scope="module")
def pages(twelve_pages):
    return twelve_pages


class Asked(SentenceEvaluator):
    """An evaluator that does something, and is always as content."""

    def __init__(self, action=lambda: None):
        super().__init__()
        self.action = action

    def __call__(self, model, *args, **kwargs):
        self.action()
        return {"score": 1.0}


def trainer_of(pages, folder, kind=HybridTrainer, evaluator=None, sampler=None, **more):
    settings = {"max_steps": 4, "per_device_train_batch_size": 8, "save_steps": 2, "logging_steps": 100} | more
    args = Arguments(str(folder), report_to="none", disable_tqdm=True, use_cpu=True, **settings)
    model = static_encoder(pages, dimensions=16, vocabulary=150)
    return kind(model, pages, objective=InfoNCE(), args=args, evaluator=evaluator, sampler=sampler)


@pytest.fixture(scope="module")
def called(pages, tmp_path_factory):
    """The overridden methods that the library itself calls in a run that is validated, saved and resumed."""
    seen = set()

    def noting(name):
        def note(self, *args, **kwargs):
            if Path(sys._getframe(1).f_code.co_filename).is_relative_to(LIBRARY):
                seen.add(name)
            return getattr(super(Noting, self), name)(*args, **kwargs)

        return note

    Noting = type("Noting", (HybridTrainer,), {name: noting(name) for name in HOOKS})
    folder = tmp_path_factory.mktemp("run")
    more = {"eval_strategy": "steps", "eval_steps": 2, "metric_for_best_model": "score"}
    for steps in (2, 4):
        trainer = trainer_of(pages, folder, Noting, Asked(), max_steps=steps, **more)
        trainer.train(resume_from_checkpoint=steps == 4)
    return seen


@pytest.mark.parametrize("name", HOOKS)
def test_the_library_calls_what_is_overridden(called, name):
    assert name in called


def test_every_private_hook_stands_in_one_file():
    ours = [kind for kind in HybridTrainer.__mro__ if kind.__module__.startswith("isoglot.")]
    assert [kind for kind in ours if any(name.startswith("_") for name in overridden(kind))] == [TrainerHooks]
    assert all(vars(TrainerHooks)[name].__doc__ for name in HOOKS)


def test_the_watch_hears_every_loss_of_training_and_no_other(pages, tmp_path):
    heard = []

    def measure():
        batch = next(iter(trainer.get_train_dataloader()))
        with torch.no_grad():
            trainer.compute_loss(trainer.model, batch)

    more = {"gradient_accumulation_steps": 2, "eval_strategy": "steps", "eval_steps": 1}
    sampler = BatchSampler(pages, Hybrid(), 8)
    trainer = trainer_of(pages, tmp_path, evaluator=Asked(measure), sampler=sampler, **more)
    saw = Watch.saw
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Watch, "saw", lambda self, *args: heard.append(args[:2]) or saw(self, *args))
        trainer.train()
    assert heard == [(1 + batch // 2, batch) for batch in range(8)]
    assert not trainer.loss._forward_hooks


def test_the_quick_way_of_static_encoders_can_be_switched_off(pages, tmp_path, monkeypatch):
    monkeypatch.setattr(sparse_adamw, "SMALLEST", 1)
    seen, before = [], torch.get_num_threads()

    class Look(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            seen.append((type(trainer.optimizer.optimizer).__name__, torch.get_num_threads()))

    try:
        torch.set_num_threads(2)
        for fast in (True, False):
            args = Arguments(str(tmp_path), max_steps=1, save_strategy="no", report_to="none", use_cpu=True)
            model = static_encoder(pages, dimensions=16, vocabulary=150)
            trainer = HybridTrainer(model, pages, args=args, fast=fast, callbacks=[Look()])
            trainer.train()
    finally:
        torch.set_num_threads(before)
    assert seen == [("DeferredAdamW", 1), ("AdamW", 2)]
