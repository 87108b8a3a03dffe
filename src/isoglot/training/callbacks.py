"""What looks at a run while it lasts: early warnings, SIGTERM, and validations that get no better."""

from __future__ import annotations

import logging
import math
import signal
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import TrainerCallback

from isoglot.batching import StepSampler
from isoglot.errors import AGAIN, InputError, IsoglotError
from isoglot.training.validation import less_is_better

__all__ = [
    "StopEarly",
    "StopOnSignal",
    "TellValidation",
    "TrainingCut",
    "TrainingStopped",
    "TrueState",
    "Watch",
    "best_checkpoint_of",
    "mean_cosine",
]

logger = logging.getLogger(__name__)

COLLAPSED = 0.95
"""Mean cosine between texts above which a space counts as collapsed. Healthy trained encoders lie at 0 to 0.3,
those with very low temperatures, such as E5 (arXiv 2212.03533), at 0.7 to 0.85."""
SETTLING = 500
"""Steps, or a tenth of the run if that is less, in which the space is not judged: pretrained encoders that were
never trained for retrieval, such as XLM-R, start at 0.99 and spread within them."""
FEWEST_TEXTS = 16  # with fewer, the similarity of a query and its own document weighs too much
LOOK_EVERY = 100  # steps, where logs are rarer
IDLE_STEPS = 5  # of loss and gradient 0, from the first on, after which a run is given up
SHOWN_IDS = 5
STUCK = 60.0  # seconds of waiting for a batch after which a run that was asked to stop does
AGREE_EVERY = 8  # steps; processes that asked each other at every step would wait for the device each time
LAST = "what came after the last checkpoint is lost; the same command with --resume continues from there"


def mean_cosine(embeddings: Tensor) -> Tensor:
    """Return the mean cosine between two different texts, a scalar, without computing all pairs.

    The squared length of the sum of unit vectors is the sum of all their dot products, each one's with itself too.

    Args:
        embeddings: (n, d), n ≥ 2, of any length.
    """
    unit = functional.normalize(embeddings.float(), dim=1)
    n = len(unit)
    return (unit.sum(dim=0).square().sum() - unit.square().sum()) / (n * (n - 1))


class Watch(TrainerCallback):
    """Looks at losses, embeddings and temperatures while a trainer trains.

    On a CPU every loss is looked at before the optimiser takes its step. An accelerator would have to be waited
    for, so there losses are collected and looked at together, whenever something is logged, evaluated or saved, and
    at least every 100 steps.

    A context manager: inside it losses are heard of as the objective computes them. It should be the last of the
    callbacks, so that it sees what the others ask for.

    Args:
        sampler: of the batches; it says which texts a bad loss came from.
        loss: the objective. Its `last_batch` (an `EmbeddedBatch`), if it has one, is looked at for collapse.

    Raises:
        IsoglotError: a loss is not finite (by `saw`, `check`, `on_step_end` and `on_epoch_end`).
        InputError: nothing is learned: all losses are 0 from the first step on, and so are gradients (by `on_log`).
    """

    def __init__(self, sampler: StepSampler, loss: nn.Module) -> None:
        self.sampler = sampler
        self.loss = loss
        self._hook: Any = None
        self._step = self._batch = 0  # of the optimiser, from 1; of the sampler
        self._pending: list[tuple[int, int, Tensor]] = []
        self._last: tuple[int, float] | None = None
        self._told: set[str] = set()
        self._idle: list[int] | None = []  # batches whose loss is 0; None once there was another one

    def __enter__(self) -> Watch:
        self._hook = self.loss.register_forward_hook(self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        self._hook.remove()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Have the trainer leave losses as they are."""
        # It would wait for the device at every step, and hide what the watch stops at.
        args.logging_nan_inf_filter = False

    def on_step_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count."""
        self._step = state.global_step + 1
        self._batch = state.global_step * args.gradient_accumulation_steps

    def _hear(self, module: nn.Module, inputs: Any, loss: Tensor | dict[str, Tensor]) -> None:
        total = torch.stack(list(loss.values())).sum() if isinstance(loss, dict) else loss
        if total.requires_grad:  # else it is no training
            self.saw(self._step, self._batch, total.detach())
            self._batch += 1

    def saw(self, step: int, batch: int, loss: Tensor) -> None:
        """Take note of a loss.

        Args:
            step: the optimiser's step that it belongs to, counted from 1.
            batch: which batch of the sampler.
            loss: a scalar.
        """
        self._pending.append((step, batch, loss))
        if loss.device.type == "cpu":
            self.check()

    def check(self) -> None:
        """Look at the losses noted since the last look."""
        if not self._pending:
            return
        values = torch.stack([loss.float() for _, _, loss in self._pending]).tolist()
        for (step, batch, _), value in zip(self._pending, values, strict=True):
            if not math.isfinite(value):
                self._stop(step, batch, value)
            self._last = (step, value)
            if value:
                self._idle = None
            elif self._idle is not None:
                self._idle.append(batch)
        self._pending.clear()

    def _stop(self, step: int, batch: int, value: float) -> NoReturn:
        before = "" if self._last is None else f", after {self._last[1]:.4g} at step {self._last[0]}"
        raise IsoglotError(
            f"training went wrong at step {step}: the loss is {value} ({self._texts(batch)}){before}; try a lower "
            "--learning-rate or a higher --temperature, and look at these texts"
        )

    def _texts(self, step: int) -> str:
        """Name the languages and the first query ids of a batch."""
        batch = self.sampler[step]
        collection = self.sampler.collection
        if not len(batch.queries):
            return "target-domain text"
        ids = collection.query_ids.take(pa.array(collection.query_index[batch.queries[:SHOWN_IDS]])).to_pylist()
        more = ", …" if len(batch.queries) > SHOWN_IDS else ""
        asked = _tags(collection.languages, collection.query_language[batch.queries])
        answered = _tags(collection.languages, collection.document_language[batch.documents])
        return f"{asked}→{answered}, queries {', '.join(ids)}{more}"

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at what the device has computed, every now and then."""
        step = state.global_step
        if control.should_save or self._may_be_idle(step, state.max_steps):  # no checkpoint of spoilt weights
            self.check()
        if self._may_be_idle(step, state.max_steps):
            control.should_log = True  # tells the norm of the gradient
        look = control.should_log or control.should_evaluate or step % LOOK_EVERY == 0
        if not look and not control.should_training_stop:
            return
        self.check()
        if state.is_world_process_zero:
            self._watch_space(step, state.max_steps)
            self._watch_temperatures(step)

    def _may_be_idle(self, step: int, steps: int) -> bool:
        return self._idle is not None and (len(self._idle) + len(self._pending) >= IDLE_STEPS or step >= steps)

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float], **kwargs: Any) -> None:
        """Give up a run that has learned nothing so far."""
        if logs.get("grad_norm") != 0 or not self._may_be_idle(state.global_step, state.max_steps):
            return
        self.check()
        if self._idle:
            raise InputError(
                f"training learns nothing: loss and gradient are 0 from the first step on; {self._why()}"
            )

    def _why(self) -> str:
        """Say why there is nothing to learn in the batches so far, and what to do."""
        collection, size = self.sampler.collection, self.sampler.batch_size
        if size == 1:
            return "a batch of one query has no other documents to tell its own from: give a larger --batch-size"
        rows = max(len(self.sampler[batch].queries) for batch in self._idle or [0])
        if rows == 1:
            return (
                f"all batches hold one query, as no two queries of {collection.name} that the strategy "
                f"{self.sampler.strategy.name} could put side by side differ in their relevant documents: choose "
                "another --strategy or finer documents, or give hard negatives (isoglot mine, --negatives)"
            )
        return "see that the objective has a use for these batches: docs/objectives.md says what each term needs"

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Look at all losses: a checkpoint may follow."""
        self.check()

    def _watch_space(self, step: int, steps: int) -> None:
        batch = getattr(self.loss, "last_batch", None)
        if batch is None or "space" in self._told or step < min(SETTLING, steps / 10):
            return
        texts = torch.cat([batch.queries, batch.documents])
        if len(texts) < FEWEST_TEXTS:
            return
        cosine = float(mean_cosine(texts))
        if cosine > COLLAPSED:
            self._told.add("space")
            logger.warning(
                "The space is collapsing: at step %d two texts of a batch have a cosine of %.3f on average, and "
                "rankings hang on what little is left; try a lower learning rate, larger batches or a lower "
                "temperature",
                *(step, cosine),
            )

    def _watch_temperatures(self, step: int) -> None:
        terms = getattr(self.loss, "terms", ())
        names = getattr(self.loss, "names", [type(term).__name__ for term in terms])
        for name, term in zip(names, terms, strict=True):
            temperature: Any = getattr(term, "temperature", None)
            if name in self._told or not hasattr(temperature, "at_bound") or not temperature.at_bound():
                continue
            self._told.add(name)
            logger.warning(
                "The learned temperature of %s is at its bound, %.4g, at step %d: the objective would go beyond "
                "it; consider a fixed temperature",
                *(name, float(temperature()), step),
            )


def _tags(languages: tuple[str, ...], indices: np.ndarray) -> str:
    found = [languages[index] for index in np.unique(indices)]
    return found[0] if len(found) == 1 else f"{len(found)} languages"


class TrainingStopped(IsoglotError):
    """Training was asked to stop and did, after saving a checkpoint: no failure."""

    exit_code = 0


class TrainingCut(TrainingStopped):
    """Training was asked to stop and did, without a checkpoint."""

    exit_code = 1


class StopOnSignal(TrainerCallback):
    """Has the trainer save a checkpoint and stop after the step in which SIGTERM arrives.

    A context manager: the signal is heard inside it, by the main thread only, as Python asks; then the old handler
    is put back. Of several processes it is enough that one gets the signal.

    Attributes:
        asked: whether the signal has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._old: Any = None
        self._installed = False

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGTERM, self._hear)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            # None: the old handler was not set from Python, and cannot be put back by it
            signal.signal(signal.SIGTERM, signal.SIG_DFL if self._old is None else self._old)
            self._installed = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if not self.asked:
            self.asked, self._since = True, now
        elif now - self._since > AGAIN:
            raise TrainingCut(f"ended at once, as SIGTERM asked twice; {LAST}")

    def waiting(self) -> None:
        """Hear that training waits for a batch, as a `StepLoader` says every second.

        Raises:
            TrainingCut: it has for long, and the signal has come.
        """
        if self.asked and time.monotonic() - self._since > STUCK:
            raise TrainingCut(f"ended as SIGTERM asked, after {STUCK:.0f} seconds without another batch; {LAST}")

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop if the signal has come, to this process or to another one."""
        if args.world_size > 1:
            if state.global_step % AGREE_EVERY:
                return
            asked = torch.tensor(float(self.asked), device=args.device)
            torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
            self.asked = bool(asked.item())
        if self.asked and state.global_step < state.max_steps:
            control.should_save = True
            control.should_training_stop = True


class TellValidation(TrainerCallback):
    """Says in one line what each validation came to.

    Args:
        measure: the measure told.
    """

    def __init__(self, measure: str) -> None:
        self.measure = measure

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: dict[str, float], **kwargs: Any) -> None:
        """Tell it."""
        value = metrics.get(f"eval_{self.measure}")
        if value is not None and state.is_world_process_zero:
            logger.info("step %d of %d: %s is %.4g", state.global_step, state.max_steps, self.measure, value)


class StopEarly(TrainerCallback):
    """Ends a run after so many validations in a row that were no better than the best one before them.

    They are counted in the log, which every checkpoint holds, so a run that continues stops where it would have
    stopped. (transformers' `EarlyStoppingCallback` keeps a count of its own, which is restored together with the
    trainer's flags: a run that a signal stopped would stop again at once.)

    Args:
        measure: what is to improve.
        patience: how many validations.

    Attributes:
        stopped_at: the step at which the run was ended; None if it was not.
        reason: why, in words.
    """

    def __init__(self, measure: str, patience: int) -> None:
        self.measure = measure
        self.patience = patience
        self.stopped_at: int | None = None
        self.reason: str | None = None

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Count, and stop."""
        key, sign = f"eval_{self.measure}", -1 if less_is_better(self.measure) else 1
        found = [(entry["step"], sign * entry[key]) for entry in state.log_history if key in entry]
        best = max(range(len(found)), key=lambda at: found[at][1], default=0)  # the first of equal ones
        if len(found) - 1 - best < self.patience or state.global_step >= state.max_steps:
            return
        control.should_training_stop = True
        control.should_save = False  # from a checkpoint of this step a killed run would go on beyond it
        self.stopped_at = state.global_step
        self.reason = f"{self.measure} was no better than at step {found[best][0]:,} in {self.patience} validations"
        if state.is_world_process_zero:
            logger.info("stopped early at step %d of %d: %s", state.global_step, state.max_steps, self.reason)


class TrueState(TrainerCallback):
    """Corrects what the trainer makes of a checkpoint: where the best one is, if the run has moved, and the epoch,
    which it counts from where it continued (a run is one epoch)."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Correct the place of the best checkpoint."""
        best = best_checkpoint_of(args, state)
        if best is not None:
            state.best_model_checkpoint = str(best)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Correct the epoch."""
        state.epoch = state.global_step / state.max_steps


def best_checkpoint_of(args: Any, state: Any) -> Path | None:
    """Return the folder of a run's best checkpoint, wherever the run has moved; None without one."""
    path = Path(args.output_dir) / f"checkpoint-{state.best_global_step}"
    return path if state.best_global_step and path.is_dir() else None
