"""Early warnings: what stops a run, and what is said of one that goes wrong slowly."""

from __future__ import annotations

import logging
import math
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerControl, TrainerState

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Monolingual
from isoglot.collections import collection_from_rows
from isoglot.encoders import static_encoder
from isoglot.errors import InputError, IsoglotError
from isoglot.objectives import InfoNCE
from isoglot.training import HybridTrainer
from isoglot.training.callbacks import Watch, mean_cosine
from isoglot.training.checkpoints import last_checkpoint


@pytest.fixture(scope="module")
def pages(twelve_pages):
    return twelve_pages


class Spoilt(InfoNCE):
    """InfoNCE whose loss is something else at one batch."""

    def __init__(self, at, value):
        super().__init__(0.1)
        self.at, self.value, self.calls = at, value, 0

    def forward(self, batch):
        self.calls += 1
        return super().forward(batch) + (self.value if self.calls == self.at else 0)


def trainer_of(pages, folder, term, strategy=None, **more):
    settings = {"max_steps": 9, "per_device_train_batch_size": 8, "save_steps": 2, "logging_steps": 100} | more
    args = Arguments(str(folder), report_to="none", disable_tqdm=True, **settings)
    model = static_encoder(pages, dimensions=16, vocabulary=150)
    drawn = {"strategy": strategy or CrossLingual()}
    if args.gradient_accumulation_steps > 1:  # batches of a sampler of one's own are not joined
        drawn = {"sampler": BatchSampler(pages, drawn["strategy"], args.per_device_train_batch_size)}
    return HybridTrainer(model, pages, objective=term, args=args, **drawn)


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("accumulation", [1, 2])
def test_a_loss_that_is_no_number_stops_the_run_and_says_where_it_came_from(pages, tmp_path, value, accumulation):
    more = {"gradient_accumulation_steps": accumulation}
    trainer = trainer_of(pages, tmp_path, Spoilt(7, value), **more)
    with pytest.raises(IsoglotError) as caught:
        trainer.train()
    assert caught.value.exit_code == 1
    said = str(caught.value)
    step = 7 if accumulation == 1 else 4
    assert f"at step {step}: the loss is {value}" in said
    batch = trainer.sampler[6]
    ids = pages.query_ids.take(pages.query_index[batch.queries[:5]]).to_pylist()
    assert batch.query_language is None  # rows draw their own
    assert f"(2 languages→2 languages, queries {', '.join(ids)}, …)" in said
    assert f" at step {step - 1}; try a lower --learning-rate" in said
    # the bad gradient went nowhere
    assert torch.isfinite(trainer.model[0].embedding.weight).all()
    assert last_checkpoint(tmp_path).name == f"checkpoint-{(step - 1) // 2 * 2}"


def test_the_last_good_loss_is_told_with_its_value(pages):
    watch = Watch(BatchSampler(pages, Hybrid(), 8), torch.nn.Module())
    watch.saw(1, 0, torch.tensor(2.345678))
    with pytest.raises(IsoglotError, match=r", after 2\.346 at step 1; try"):
        watch.saw(2, 1, torch.tensor(math.nan))
    watch = Watch(BatchSampler(pages, Hybrid(), 8), torch.nn.Module())
    with pytest.raises(IsoglotError, match=r"step 1: the loss is nan \([^)]*\); try"):
        watch.saw(1, 0, torch.tensor(math.nan))


class OnDevice:
    """A loss on a device that says how often it was waited for."""

    device = torch.device("cuda")
    waits = 0

    def __init__(self, value):
        self.value = value

    def float(self):
        OnDevice.waits += 1
        return torch.tensor(self.value)


def test_on_an_accelerator_losses_are_looked_at_together(pages):
    watch = Watch(BatchSampler(pages, Hybrid(), 8), torch.nn.Module())
    control, state = TrainerControl(), TrainerState(max_steps=300)
    for step in range(1, 100):
        watch.saw(step, step - 1, OnDevice(math.nan if step == 42 else 1.5))
        state.global_step = step
        watch.on_step_end(None, state, control)
    assert OnDevice.waits == 5  # once, for the first ones, to see that anything is learned
    control.should_log = True
    with pytest.raises(IsoglotError, match=r"at step 42: .*, after 1\.5 at step 41"):
        watch.on_step_end(None, state, control)


vectors = st.lists(
    st.lists(st.floats(-10, 10).filter(lambda x: x == 0 or abs(x) > 1e-3), min_size=3, max_size=3).filter(any),
    min_size=2,
    max_size=12,
)


@given(vectors)
def test_the_mean_cosine_is_that_of_all_pairs(rows):
    embeddings = torch.tensor(rows)
    pairs = [
        torch.cosine_similarity(embeddings[i], embeddings[j], dim=0).item()
        for i in range(len(rows))
        for j in range(len(rows))
        if i != j
    ]
    assert float(mean_cosine(embeddings)) == pytest.approx(sum(pairs) / len(pairs), abs=1e-5)


def watched(pages, spread, steps, warned, terms=(), first=1, texts=16):
    """Let a watch see a run whose texts lie around one point, `spread` apart; return what it warns of."""
    generator = torch.Generator().manual_seed(0)
    center = torch.nn.functional.normalize(torch.ones(64), dim=0)
    loss = torch.nn.Module()
    loss.terms = torch.nn.ModuleList(terms)
    watch = Watch(BatchSampler(pages, Hybrid(), 8), loss)
    control, state = TrainerControl(), TrainerState(max_steps=steps, is_world_process_zero=True)
    control.should_log = True
    for step in range(first, steps + 1):
        noise = torch.randn(texts, 64, generator=generator) / 8
        parts = (center + spread * noise).split(texts // 2)
        loss.last_batch = SimpleNamespace(queries=parts[0], documents=parts[1])
        state.global_step = step
        watch.on_step_end(None, state, control)
    return [record.getMessage() for record in warned.records if record.levelno == logging.WARNING]


def test_a_collapsing_space_is_told_of_once(pages, caplog):
    (message,) = watched(pages, 0.1, 40, caplog)
    # not in the first tenth, in which a pretrained encoder spreads its space
    assert "at step 4 two texts of a batch have a cosine of 0.99" in message


@pytest.mark.parametrize(("spread", "texts"), [(0.5, 16), (3.0, 16), (0.1, 8)])
def test_healthy_spaces_and_tiny_batches_are_not_warned_of(pages, caplog, spread, texts):
    assert watched(pages, spread, 40, caplog, texts=texts) == []


def test_long_runs_are_judged_after_500_steps(pages, caplog):
    (message,) = watched(pages, 0.1, 100_000, caplog, first=99_998)
    assert "at step 99998" in message
    caplog.clear()
    state_before = watched(pages, 0.1, 499, caplog, first=400)
    assert len(state_before) == 1


class Bounded(torch.nn.Module):
    def __init__(self, at):
        super().__init__()
        self.at, self.looks = at, 0

    def forward(self):
        return torch.tensor(0.01)

    def at_bound(self):
        self.looks += 1
        return self.looks >= self.at


def test_a_temperature_at_its_bound_is_told_of_once(pages, caplog):
    term = torch.nn.Module()
    term.temperature = Bounded(at=3)
    fixed = InfoNCE(0.05)
    (message,) = watched(pages, 3.0, 10, caplog, terms=[fixed, term])
    assert "temperature of Module is at its bound, 0.01, at step 3" in message


def test_a_collapsed_run_is_warned_of_while_it_trains(pages, tmp_path, caplog):
    class Pull(InfoNCE):
        """The opposite of InfoNCE: everything together."""

        def forward(self, batch):
            return -mean_cosine(torch.cat([batch.queries, batch.documents]))

    more = {"learning_rate": 0.3, "save_strategy": "no", "logging_steps": 5, "per_device_train_batch_size": 12}
    trainer = trainer_of(pages, tmp_path, Pull(), max_steps=60, **more)
    with caplog.at_level(logging.WARNING, logger="isoglot"):
        trainer.train()
    assert sum("collapsing" in record.getMessage() for record in caplog.records) == 1


def hub(questions=8):
    """Many questions, all on one page."""
    return collection_from_rows(
        [("page", "en", "", "everything there is to know")],
        [(f"q{n}", "en", f"question {n}") for n in range(questions)],
        [(f"q{n}", "page", 1) for n in range(questions)],
    )


@pytest.mark.parametrize(
    ("collection", "settings", "said"),
    [
        (None, {"per_device_train_batch_size": 1, "gradient_accumulation_steps": 2}, "give a larger --batch-size"),
        (hub(), {}, "all batches hold one query, as no two queries of .* monolingual .* side by side"),
        (hub(), {"max_steps": 2}, "all batches hold one query"),  # too short for the usual number of steps
        (hub(), {"max_grad_norm": 0.0}, "all batches hold one query"),
    ],
)
def test_a_run_that_learns_nothing_is_given_up_with_the_reason(pages, tmp_path, collection, settings, said):
    trainer = trainer_of(collection or pages, tmp_path, InfoNCE(), strategy=Monolingual(), **settings)
    with pytest.raises(InputError, match=f"learns nothing: loss and gradient are 0 .*{said}"):
        trainer.train()
    assert trainer.state.global_step == min(trainer.args.max_steps, 5 if trainer.sampler.batch_size > 1 else 3)
    assert last_checkpoint(tmp_path) is None or trainer.state.global_step >= 2


class Straight(InfoNCE):
    """A loss of 0, whose gradient is another one's."""

    def forward(self, batch):
        loss = super().forward(batch)
        return loss - loss.detach()


def test_a_loss_of_nothing_with_a_gradient_is_left_alone(pages, tmp_path):
    trainer = trainer_of(pages, tmp_path, Straight(), strategy=Monolingual())
    trainer.train()
    assert trainer.state.global_step == trainer.args.max_steps
