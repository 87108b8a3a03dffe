"""`DeferredAdamW`: AdamW's weights, whoever looks at them and whenever, and however often a run is interrupted."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformerTrainingArguments
from torch import nn
from torch.nn import functional
from torch.optim import AdamW
from transformers import TrainerCallback

from isoglot.encoders import static_encoder
from isoglot.objectives import InfoNCE, LanguageAdversary
from isoglot.training import HybridTrainer
from isoglot.training.cpu import sparse_adamw
from isoglot.training.cpu.sparse_adamw import DeferredAdamW, catch_up_moments

V, D = 40, 3


@pytest.fixture(autouse=True)
def _however_small(monkeypatch):
    monkeypatch.setattr(sparse_adamw, "SMALLEST", 1)


def start(dtype=torch.float32, tokens=V):
    return nn.Parameter(torch.randn(tokens, D, generator=torch.Generator().manual_seed(0)).to(dtype))


def gradients(steps, tokens=V, seed=0):
    """Rows of few tokens, some much rarer than others, with gradients of all sizes."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(steps):
        rows = np.unique((tokens * rng.random(4) ** 3).astype(np.int64))
        found.append((rows, (rng.normal(size=(len(rows), D)) * 10.0 ** rng.uniform(-6, 1)).astype(np.float32)))
    return found


def rate(step):
    """Warm-up from nothing, then decay."""
    return 0.02 * min(step / 10, 1.0) * (1 - step / 1000)


def plain_steps(found, dtype, *, foreach=None, **more):
    weight = start(dtype)
    optimizer = AdamW([weight], **more)
    for step, (rows, gradient) in enumerate(found):
        optimizer.param_groups[0]["lr"] = rate(step)
        weight.grad = torch.zeros_like(weight)
        weight.grad[rows] = torch.from_numpy(gradient).to(dtype)
        optimizer.step()
    return weight.detach(), optimizer


def deferring(**more):
    weight = start()
    plain = AdamW([weight], **more)
    assert DeferredAdamW.fits(plain, weight)
    return DeferredAdamW(plain, weight), weight


def deferred_steps(optimizer, found, begin=0, end=None, look=lambda step: None):
    for step, (rows, gradient) in list(enumerate(found))[begin:end]:
        optimizer.param_groups[0]["lr"] = rate(step)
        optimizer.take(rows)
        look(step)
        optimizer.give(rows, torch.from_numpy(gradient.copy()))
        optimizer.step()
        optimizer.zero_grad()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("betas", [(0.9, 0.999), (0.5, 0.95)])
@pytest.mark.parametrize("steps", [1, 7, 600])
def test_the_weights_are_as_near_to_exact_ones_as_adamws(steps, betas, weight_decay):
    found = gradients(steps)
    more = {"betas": betas, "weight_decay": weight_decay}
    exact, _ = plain_steps(found, torch.float64, **more)
    single, plain = plain_steps(found, torch.float32, **more)
    optimizer, weight = deferring(**more)
    deferred_steps(optimizer, found)
    optimizer.catch_up()
    error, usual = (weight - exact).norm(), (single - exact).norm()
    assert error <= 2 * usual + 1e-6 * (exact - start()).norm()
    for name in ("exp_avg", "exp_avg_sq"):
        assert torch.allclose(optimizer.state[weight][name], plain.state_dict()["state"][0][name], rtol=1e-4)


@given(st.sets(st.integers(0, 299)), st.sampled_from(["settle", "state", "forward", "take"]))
@settings(deadline=None, max_examples=20)
def test_looking_shows_adamws_weights_and_changes_nothing(looks, how):
    found = gradients(300)
    undisturbed, expected = deferring()
    deferred_steps(undisturbed, found)
    undisturbed.catch_up()

    optimizer, weight = deferring()
    module = nn.EmbeddingBag(V, D, mode="mean")
    module.weight = weight
    optimizer.watch(module)
    at = sorted(looks)[len(looks) // 2] if looks else None

    def look(step):
        if step not in looks:
            return
        if how == "settle":
            optimizer.settle()
            seen = weight.detach()
        elif how == "state":
            seen = module.state_dict()["weight"]
        elif how == "forward":
            seen = module(torch.arange(V), torch.arange(V)).detach()
        else:
            seen = optimizer.take(np.arange(V))
        if step == at:
            exact, _ = plain_steps(found[:step], torch.float64)
            assert torch.allclose(seen.double(), exact, rtol=1e-4, atol=1e-5)

    deferred_steps(optimizer, found, look=look)
    optimizer.release()
    assert torch.equal(weight, expected)
    assert not module._forward_pre_hooks
    assert not module._state_dict_pre_hooks


def saved(optimizer):
    """What is in a checkpoint, written and read again."""
    file = io.BytesIO()
    torch.save(optimizer.state_dict(), file)
    return torch.load(io.BytesIO(file.getvalue()), weights_only=True)


@pytest.mark.parametrize("step", [1, 100, 256, 299])
def test_a_run_that_is_saved_and_continued_ends_with_the_same_bits(step):
    found = gradients(300)
    whole, expected = deferring()
    deferred_steps(whole, found)
    whole.catch_up()

    first, weight = deferring()
    deferred_steps(first, found, end=step)
    first.settle()
    shown, state = weight.detach().clone(), saved(first)
    second, weight = deferring()
    with torch.no_grad():
        weight.copy_(shown)  # as a trainer loads the model before the optimiser
    second.load_state_dict(state)
    deferred_steps(second, found, begin=step)
    second.catch_up()
    assert torch.equal(weight, expected)


def test_adamw_continues_what_was_begun_and_is_continued():
    found = gradients(80)
    expected, _ = plain_steps(found, torch.float64)

    begun, weight = deferring()
    deferred_steps(begun, found, end=40)
    begun.settle()
    goes_on = nn.Parameter(weight.detach().clone())
    plain = AdamW([goes_on])
    state = saved(begun)
    plain.load_state_dict(state)
    catch_up_moments(plain, goes_on, state)
    for step, (rows, gradient) in list(enumerate(found))[40:60]:
        plain.param_groups[0]["lr"] = rate(step)
        goes_on.grad = torch.zeros_like(goes_on)
        goes_on.grad[rows] = torch.from_numpy(gradient)
        plain.step()

    last, weight = deferring()
    with torch.no_grad():
        weight.copy_(goes_on)
    last.load_state_dict(saved(plain))
    deferred_steps(last, found, begin=60)
    last.catch_up()
    assert torch.allclose(weight.double(), expected, rtol=1e-4, atol=1e-5)


def test_gradients_of_several_passes_add_up_and_a_gradient_of_the_whole_matrix_counts():
    found = gradients(20)
    expected, _ = plain_steps(found, torch.float64)
    optimizer, weight = deferring()
    for step, (rows, gradient) in enumerate(found):
        optimizer.param_groups[0]["lr"] = rate(step)
        halves = [(rows[:2], 0.25 * gradient[:2]), (rows, 0.5 * gradient), (rows[:2], 0.25 * gradient[:2])]
        for part, values in [*halves, (rows[2:], 0.5 * gradient[2:])]:
            optimizer.take(part)
            if step % 3:
                optimizer.give(part, torch.from_numpy(values))
            else:
                whole = torch.zeros(V, D)
                whole[part] = torch.from_numpy(values)
                weight.grad = whole if weight.grad is None else weight.grad + whole
        optimizer.step()
        assert optimizer.gradient is None
        assert weight.grad is None
    optimizer.catch_up()
    assert torch.allclose(weight.double(), expected, rtol=1e-4, atol=1e-5)


def test_weights_that_others_write_are_kept():
    found = gradients(30)
    for settled in (True, False):
        optimizer, weight = deferring()
        deferred_steps(optimizer, found)
        if settled:
            optimizer.settle()
        written = torch.full((V, D), 0.5)
        with torch.no_grad():
            weight.copy_(written)
        assert torch.equal(optimizer.take(np.arange(V)), written)
        optimizer.catch_up()
        assert torch.equal(weight, written)


def test_many_rows_are_shared_by_threads_with_the_same_bits():
    torch.manual_seed(0)
    found = [(np.unique(np.random.default_rng(n).integers(0, 3000, 2000)), None) for n in range(5)]
    found = [(rows, torch.randn(len(rows), 8)) for rows, _ in found]

    def after(threads):
        weight = nn.Parameter(torch.ones(3000, 8))
        optimizer = DeferredAdamW(AdamW([weight], lr=0.1), weight)
        optimizer.threads = threads
        for rows, gradient in found:
            optimizer.take(rows)
            optimizer.give(rows, gradient)
            optimizer.step()
        optimizer.catch_up()
        return weight.detach()

    assert torch.equal(after(1), after(3))


def test_optimisers_it_does_not_fit_are_left_alone():
    weight = start()
    assert not DeferredAdamW.fits(torch.optim.SGD([weight]), weight)
    assert not DeferredAdamW.fits(AdamW([weight], amsgrad=True), weight)
    assert not DeferredAdamW.fits(AdamW([weight], maximize=True), weight)
    assert not DeferredAdamW.fits(AdamW([weight], eps=0.0), weight)
    assert not DeferredAdamW.fits(AdamW([weight]), start())
    assert not DeferredAdamW.fits(AdamW([start(torch.float64)]), weight)


def trainer_of(toy, folder, terms=None, **more):
    model = static_encoder(toy, dimensions=8, vocabulary=120, seed=3)
    settings = {
        "max_steps": 12,
        "per_device_train_batch_size": 2,
        "learning_rate": 0.05,
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "use_cpu": True,
        "logging_steps": 1,
    }
    args = SentenceTransformerTrainingArguments(str(folder), **(settings | more))
    return HybridTrainer(model, toy, objective=terms, args=args)


def trained(trainer):
    trainer.train()
    norms = [entry["grad_norm"] for entry in trainer.state.log_history if "grad_norm" in entry]
    return trainer.model[0].embedding.weight.detach().clone(), norms


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"gradient_accumulation_steps": 2},
        {"max_grad_norm": 0.01},
        {"max_grad_norm": 0.0},
        {"weight_decay": 0.1, "warmup_steps": 3},
        {"optim": "adamw_torch"},
    ],
    ids=str,
)
def test_a_trainer_ends_with_the_weights_and_norms_of_adamw(toy, tmp_path, monkeypatch, more):
    trainer = trainer_of(toy, tmp_path / "ours", **more)
    ours, norms = trained(trainer)
    assert isinstance(trainer.optimizer.optimizer, DeferredAdamW)
    monkeypatch.setattr(sparse_adamw, "SMALLEST", 10**9)
    trainer = trainer_of(toy, tmp_path / "plain", **more)
    plain, plain_norms = trained(trainer)
    assert type(trainer.optimizer.optimizer) is AdamW
    assert (plain - static_encoder(toy, dimensions=8, vocabulary=120, seed=3)[0].embedding.weight).norm() > 0.1
    assert torch.allclose(ours, plain, rtol=1e-4, atol=1e-5)
    assert norms == pytest.approx(plain_norms, rel=1e-3)


def test_other_parameters_are_trained_beside(toy, tmp_path, monkeypatch):
    def run(smallest):
        monkeypatch.setattr(sparse_adamw, "SMALLEST", smallest)
        trainer = trainer_of(toy, tmp_path, {InfoNCE(): 1.0, LanguageAdversary(): 0.1})
        trainer.train()
        return [parameter.detach().clone() for parameter in trainer.loss.parameters()]

    ours, plain = run(1), run(10**9)
    assert len(ours) > 1
    for one, other in zip(ours, plain, strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-4)


def test_callbacks_and_later_runs_see_weights_that_are_up_to_date(toy, tmp_path):
    trainer = trainer_of(toy, tmp_path)
    seen = []

    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, model, **kwargs):
            weight = model[0].embedding.weight
            shown = model.encode(["tar"], convert_to_tensor=True)[0]
            stored = model.state_dict()["0.embedding.weight"]
            assert stored.data_ptr() == weight.data_ptr()
            ids = torch.tensor(model.tokenizer.encode("tar").ids)
            expected = functional.normalize(stored[ids].mean(0), dim=0)
            assert torch.allclose(shown, expected, atol=1e-6)
            seen.append(shown)

    trainer.add_callback(Look())
    trainer.train()
    assert len(seen) == 12
    weight = trainer.model[0].embedding.weight
    before = weight.detach().clone()
    trainer.optimizer.optimizer.settle()
    assert torch.equal(weight, before)
    assert trainer.loss.embedder.vectors is None
    trainer.train()
    assert not torch.equal(weight, before)
    assert not trainer.model[0].embedding._forward_pre_hooks


@pytest.mark.parametrize(("have", "in_steps", "rows"), [(1, 1, 1), (2, 1, 2), (3, 3, 1)])
def test_two_threads_are_torchs_while_it_measures_and_the_rows_in_steps(toy, tmp_path, have, in_steps, rows):
    seen = {}

    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            trainer.evaluate()
            seen["step"] = torch.get_num_threads(), trainer.optimizer.optimizer.threads

    def measure(model, **kwargs):
        seen["evaluation"] = torch.get_num_threads()
        return {"score": 1.0}

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(have)
        trainer = trainer_of(toy, tmp_path, max_steps=3)
        trainer.evaluator = measure
        trainer.add_callback(Look())
        trainer.train()
        assert seen == {"step": (in_steps, rows), "evaluation": have}
        assert torch.get_num_threads() == have
    finally:
        torch.set_num_threads(before)
