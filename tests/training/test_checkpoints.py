"""Checkpoints: whole or not there, and nothing of a run is missing from them."""

from __future__ import annotations

import random
import shutil

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback, set_seed

from isoglot.batching import BatchSampler, Hybrid
from isoglot.checksums import LISTED
from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import MultilingualEvaluator
from isoglot.evaluation.evaluator import flat_metrics
from isoglot.objectives import InfoNCE
from isoglot.training import HybridTrainer, checkpoints
from isoglot.training.checkpoints import last_checkpoint, put_in_place, remove, remove_leftovers


@pytest.fixture(scope="module")
def pages(twelve_pages):
    return twelve_pages


def static(collection):
    return static_encoder(collection, dimensions=16, vocabulary=150)


def dropping_out(collection):
    """A transformer, whose dropout draws random numbers at every step."""
    return scratch_encoder(collection, dimensions=64, vocabulary=150, layers=1, max_length=16)


def arguments(folder, steps, **more) -> Arguments:
    settings = {"learning_rate": 0.01, "per_device_train_batch_size": 8, "save_strategy": "steps", "save_steps": 3}
    return Arguments(str(folder), max_steps=steps, report_to="none", disable_tqdm=True, **(settings | more))


class At(TrainerCallback):
    """Does something after a step, before the checkpoint of this step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            return self.action(control)
        return None


class Recorder(TrainerCallback):
    def __init__(self):
        self.rates, self.epochs, self.steps = [], [], []

    def on_step_begin(self, args, state, control, lr_scheduler=None, **kwargs):
        self.rates.append(lr_scheduler.get_last_lr()[0])

    def on_log(self, args, state, control, logs=None, **kwargs):
        if "loss" in logs:
            self.epochs.append(logs["epoch"])
            self.steps.append(state.global_step)


class Learned(InfoNCE):
    """InfoNCE with a learned scale, a queue, and a weight that three sources of random numbers draw."""

    def __init__(self):
        super().__init__(0.1)
        self.scale = torch.nn.Parameter(torch.tensor(1.0))
        self.register_buffer("queue", torch.zeros(4, 16))
        self.drawn = []

    def forward(self, batch):
        numpy_draw = float(np.random.random())  # noqa: NPY002 (the global generator is what is restored)
        self.drawn.append((random.random(), numpy_draw, float(torch.rand(()))))
        self.queue = torch.cat([batch.queries[:1].detach(), self.queue[:-1]])
        return super().forward(batch) * self.scale * (0.5 + sum(self.drawn[-1])) + self.queue.sum().square()


def interrupt(control):
    raise KeyboardInterrupt


def test_a_resumed_run_has_all_that_the_objective_and_the_random_numbers_were(pages, tmp_path):
    terms = {}
    for name in ("whole", "cut"):
        terms[name] = Learned()
        model = static(pages)
        stop = [At(5, interrupt)] if name == "cut" else []
        args = arguments(tmp_path / name, 8)
        trainer = HybridTrainer(model, pages, objective=terms[name], args=args, callbacks=stop)
        if name == "cut":
            with pytest.raises(KeyboardInterrupt):
                trainer.train()
        else:
            trainer.train()
            whole = model
    set_seed(99)  # which the checkpoint is to overrule
    terms["resumed"] = Learned()
    model = static(pages)
    trainer = HybridTrainer(model, pages, objective=terms["resumed"], args=arguments(tmp_path / "cut", 8))
    trainer.train(resume_from_checkpoint=True)
    assert terms["resumed"].drawn == terms["whole"].drawn[3:]
    for key, value in terms["whole"].state_dict().items():
        assert torch.equal(value, terms["resumed"].state_dict()[key])
    assert float(terms["resumed"].scale.detach()) != 1
    assert torch.equal(whole[0].embedding.weight, model[0].embedding.weight)


def test_the_state_of_the_objective_is_kept_without_the_encoder(pages, tmp_path):
    HybridTrainer(static(pages), pages, objective=Learned(), args=arguments(tmp_path, 3)).train()
    state = torch.load(tmp_path / "checkpoint-3" / "objective.pt", weights_only=True)
    shapes = {
        key.rpartition(".")[2]: value.shape for key, value in state.items() if isinstance(value, torch.Tensor)
    }
    assert shapes == {"scale": (), "queue": (4, 16)}


def test_a_checkpoint_of_another_objective_is_refused(pages, tmp_path):
    HybridTrainer(static(pages), pages, objective=Learned(), args=arguments(tmp_path, 3)).train()
    trainer = HybridTrainer(static(pages), pages, objective=InfoNCE(), args=arguments(tmp_path, 6))
    with pytest.raises(InputError, match=r"another objective: it has .*scale \(\).*, this one no parameters"):
        trainer.train(resume_from_checkpoint=True)


def test_rates_epochs_and_the_end_are_those_of_an_uninterrupted_run(pages, tmp_path):
    settings = {"lr_scheduler_type": "cosine", "warmup_steps": 0.2, "logging_steps": 1}
    seen, weights = {}, {}
    for name in ("whole", "cut", "resumed"):
        seen[name] = Recorder()
        callbacks = [seen[name], *([At(5, interrupt)] if name == "cut" else [])]
        folder = tmp_path / ("whole" if name == "whole" else "cut")
        args = arguments(folder, 8, gradient_accumulation_steps=2, **settings)
        model = dropping_out(pages)
        trainer = HybridTrainer(model, pages, args=args, callbacks=callbacks)
        if name == "cut":
            with pytest.raises(KeyboardInterrupt):
                trainer.train()
        else:
            trainer.train(resume_from_checkpoint=name == "resumed")
            assert trainer.state.global_step == 8
        weights[name] = torch.cat([value.flatten() for value in model.state_dict().values()])
    assert seen["resumed"].rates == seen["whole"].rates[3:]
    assert seen["resumed"].epochs == seen["whole"].epochs[3:] == [step / 8 for step in range(4, 9)]
    assert torch.equal(weights["whole"], weights["resumed"])


def test_a_run_goes_on_at_once_at_step_a_million(pages, tmp_path):
    args = {"lr_scheduler_type": "linear", "save_total_limit": 1}
    HybridTrainer(static(pages), pages, args=arguments(tmp_path, 3, **args)).train()
    # forge what a run of a million steps would have left
    old, late = tmp_path / "checkpoint-3", tmp_path / "checkpoint-1000000"
    old.rename(late)
    state = late / "trainer_state.json"
    state.write_text(state.read_text().replace('"global_step": 3', '"global_step": 1000000'))
    schedule = torch.load(late / "scheduler.pt", weights_only=True)
    torch.save(schedule | {"last_epoch": 1_000_000}, late / "scheduler.pt")
    (late / LISTED).unlink()
    seen = Recorder()
    trainer = HybridTrainer(static(pages), pages, args=arguments(tmp_path, 1_000_005, **args), callbacks=[seen])
    assert len(trainer.get_train_dataloader()) == 1_000_005
    trainer.train(resume_from_checkpoint=True)
    assert trainer.state.global_step == 1_000_005
    assert len(seen.rates) == 5
    assert seen.rates[-1] == pytest.approx(0.01 / 1_000_005)
    assert next(iter(trainer.remaining_steps())) == 1_000_000


def test_resuming_takes_the_batch_of_the_step(pages, tmp_path):
    args = arguments(tmp_path, 9, gradient_accumulation_steps=2)
    trainer = HybridTrainer(static(pages), pages, args=args, sampler=BatchSampler(pages, Hybrid(), 8))
    trainer.start_step = 4
    assert list(trainer.remaining_steps()) == list(range(8, 18))


def test_a_run_that_had_made_its_last_step_ends_at_once(pages, tmp_path):
    first = static(pages)
    HybridTrainer(first, pages, args=arguments(tmp_path, 3)).train()
    again = static(pages)
    trainer = HybridTrainer(again, pages, args=arguments(tmp_path, 3), callbacks=[seen := Recorder()])
    trainer.train(resume_from_checkpoint=True)
    assert seen.rates == []
    assert trainer.state.global_step == 3
    assert torch.equal(first[0].embedding.weight, again[0].embedding.weight)


def test_a_save_that_breaks_off_leaves_nothing_that_looks_like_a_checkpoint(pages, tmp_path, monkeypatch):
    saves, whole = [], torch.save

    def break_off(*args, **kwargs):
        saves.append(args[1])
        if len(saves) == 8:  # amid the second checkpoint
            raise KeyboardInterrupt
        whole(*args, **kwargs)

    trainer = HybridTrainer(static(pages), pages, args=arguments(tmp_path, 9))
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", break_off)
        with pytest.raises(KeyboardInterrupt):
            trainer.train()
    assert last_checkpoint(tmp_path).name == "checkpoint-3"
    left = [path.name for path in tmp_path.iterdir()]
    assert sorted(left) == [".saving-checkpoint-6", "checkpoint-3"]
    HybridTrainer(static(pages), pages, args=arguments(tmp_path, 9)).train(resume_from_checkpoint=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-3", "checkpoint-6", "checkpoint-9"]


def test_a_checkpoint_appears_only_when_all_its_files_are_on_the_disk(pages, tmp_path, monkeypatch):
    flushed, flush = set(), checkpoints._flush

    def note(path):
        flushed.add(path.name)
        flush(path)

    monkeypatch.setattr(checkpoints, "_flush", note)
    HybridTrainer(static(pages), pages, args=arguments(tmp_path, 3)).train()
    assert {path.name for path in (tmp_path / "checkpoint-3").rglob("*")} <= flushed
    assert {"checkpoint-3", tmp_path.name} <= flushed


def test_what_is_half_deleted_has_lost_its_name_first(tmp_path, monkeypatch):
    for step in (3, 6):
        (tmp_path / f"checkpoint-{step}").mkdir()
    monkeypatch.setattr(shutil, "rmtree", lambda *args, **kwargs: None)
    remove(tmp_path / "checkpoint-6")
    assert last_checkpoint(tmp_path).name == "checkpoint-3"
    monkeypatch.undo()
    remove_leftovers(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-3"]
    assert last_checkpoint(tmp_path / "nowhere") is None


def test_a_new_checkpoint_takes_the_place_of_an_old_one_of_the_same_step(tmp_path):
    for name, text in (("new", "2"), ("checkpoint-3", "1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(text)
    put_in_place(tmp_path / "new", tmp_path / "checkpoint-3")
    assert (tmp_path / "checkpoint-3" / "file").read_text() == "2"
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-3"]


@pytest.mark.parametrize("keep", [1, 2])
def test_the_last_checkpoints_are_kept(pages, tmp_path, keep):
    HybridTrainer(static(pages), pages, args=arguments(tmp_path, 9, save_total_limit=keep)).train()
    kept = sorted(int(path.name.split("-")[1]) for path in tmp_path.iterdir())
    assert kept == [3, 6, 9][-keep:]


class Measured(MultilingualEvaluator):
    """Gives values prepared beforehand."""

    def __init__(self, collection, values):
        super().__init__(collection)
        self.values = values

    def __call__(self, model, output_path=None, epoch=-1, steps=-1):
        return {"multilingual_AP": self.values[steps]}


@pytest.mark.parametrize(("greater", "best"), [(True, 4), (False, 8)])
def test_the_best_checkpoint_is_kept_though_it_fell_between_saves_and_the_run_was_cut(
    pages, tmp_path, greater, best
):
    values = {2: 0.5, 4: 0.9, 6: 0.6, 8: 0.2, 10: 0.4, 12: 0.7}
    more = {"save_steps": 6, "eval_strategy": "steps", "eval_steps": 2, "save_total_limit": 1}
    more |= {"metric_for_best_model": "multilingual_AP", "greater_is_better": greater}
    for callbacks in ([At(9, interrupt)], []):
        args = arguments(tmp_path, 12, **more)
        evaluator = Measured(pages, values)
        trainer = HybridTrainer(static(pages), pages, args=args, evaluator=evaluator, callbacks=callbacks)
        if callbacks:
            with pytest.raises(KeyboardInterrupt):
                trainer.train()
            tmp_path = tmp_path.rename(tmp_path.with_name(tmp_path.name + "-moved"))  # paths in it no longer hold
        else:
            trainer.train(resume_from_checkpoint=True)
    assert trainer.best_checkpoint == tmp_path / f"checkpoint-{best}"
    kept = {int(path.name.split("-")[1]) for path in tmp_path.glob("checkpoint-*")}
    assert kept == {best, 12}


def test_a_measure_that_is_not_reported_is_named(pages, tmp_path):
    more = {"eval_strategy": "steps", "eval_steps": 2, "metric_for_best_model": "peer@7"}
    trainer = HybridTrainer(
        static(pages), pages, args=arguments(tmp_path, 4, **more), evaluator=MultilingualEvaluator(pages)
    )
    with pytest.raises(InputError, match=r"no 'peer@7'.*multilingual_AP") as caught:
        trainer.train()
    listed = str(caught.value).split("it has ")[1].split(", ")
    assert set(listed) <= set(flat_metrics(trainer.evaluator.result))  # nothing like the time it took


def test_there_must_be_a_checkpoint_to_continue_from(pages, tmp_path):
    trainer = HybridTrainer(static(pages), pages, args=arguments(tmp_path, 3))
    with pytest.raises(InputError, match="has no checkpoint"):
        trainer.train(resume_from_checkpoint=True)
    with pytest.raises(InputError, match="is not a checkpoint"):
        trainer.train(resume_from_checkpoint=str(tmp_path / "checkpoint-9"))


@pytest.mark.parametrize("there", [False, True])
def test_a_run_that_ends_before_its_first_checkpoint_leaves_nothing(tmp_path, capsys, pages, there):
    hub = collection_from_rows(
        [("page", "en", "", "everything there is to know")],
        [(f"q{n}", "en", f"question {n}") for n in range(8)],
        [(f"q{n}", "page", 1) for n in range(8)],
    )
    write_collection(hub, tmp_path / "hub")
    write_collection(pages, tmp_path / "pages")
    out = tmp_path / "out"
    if there:
        out.mkdir()
    size = ["--vocabulary", "100", "--dimensions", "8", "--steps", "20", "--batch-size", "4"]
    command = ["train", "--encoder", "static", *size, "--strategy", "monolingual"]
    assert main([*command, "--data", str(tmp_path / "hub"), "--out", str(out)]) == 2
    assert "learns nothing" in capsys.readouterr().err
    assert out.exists() == there
    assert not there or not [*out.iterdir()]
    kept = tmp_path / "kept"  # there is something to resume from here
    assert main([*command, "--data", str(tmp_path / "hub"), "--save-steps", "1", "--out", str(kept)]) == 2
    assert {path.name for path in kept.iterdir()} == {"checkpoints", "isoglot-training.yaml"}
    assert main([*command, "--data", str(tmp_path / "pages"), "--out", str(out)]) == 0
