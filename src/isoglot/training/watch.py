"""Early warnings: a loss that is no number, a space that collapses, a temperature that ran into its bound."""

from __future__ import annotations

import logging
import math
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import TrainerCallback

from isoglot.batching import StepSampler
from isoglot.errors import IsoglotError

__all__ = ["Watch", "WatchMixin", "mean_cosine"]

logger = logging.getLogger(__name__)

COLLAPSED = 0.95
"""Mean cosine between texts above which a space counts as collapsed. Healthy trained encoders lie at 0 to 0.3,
those with very low temperatures, such as E5 (arXiv 2212.03533), at 0.7 to 0.85."""
SETTLING = 500
"""Steps, or a tenth of the run if that is less, in which the space is not judged: pretrained encoders that were
never trained for retrieval, such as XLM-R, start at 0.99 and spread within them."""
FEWEST_TEXTS = 16  # with fewer, the similarity of a query and its own document weighs too much
LOOK_EVERY = 100  # steps, where logs are rarer
SHOWN_IDS = 5


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

    Args:
        sampler: of the batches; it says which texts a bad loss came from.
        loss: the objective. Its `last_batch` (an `EmbeddedBatch`), if it has one, is looked at for collapse.

    Raises:
        IsoglotError: a loss is not finite (by `saw`, `check` and `on_step_end`).
    """

    def __init__(self, sampler: StepSampler, loss: nn.Module) -> None:
        self.sampler = sampler
        self.loss = loss
        self._pending: list[tuple[int, int, Tensor]] = []
        self._last: tuple[int, float] | None = None
        self._told: set[str] = set()

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
        look = control.should_log or control.should_evaluate or step % LOOK_EVERY == 0
        if not look and not control.should_training_stop:
            return
        self.check()
        if state.is_world_process_zero:
            self._watch_space(step, state.max_steps)
            self._watch_temperatures(step)

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


class WatchMixin:
    """Lets a trainer be watched; goes before `CheckpointMixin` among the bases, and needs its `sampler` first."""

    args: Any
    state: Any
    sampler: StepSampler
    loss: nn.Module
    current_gradient_accumulation_steps: int

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._watch: Watch | None = None
        self._part = (-1, 0)  # the step, and which of its batches

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, watched."""
        # It would wait for the device at every step, and hide what the watch stops at.
        self.args.logging_nan_inf_filter = False
        if self._watch is not None:
            self.remove_callback(self._watch)  # type: ignore[attr-defined]
        self._watch = Watch(self.sampler, self.loss)
        self.add_callback(self._watch)  # type: ignore[attr-defined]
        return super().train(*args, **kwargs)  # type: ignore[misc]

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Make the forward and the backward pass of a batch, and look at the loss."""
        loss: Tensor = super().training_step(*args, **kwargs)  # type: ignore[misc]
        step = self.state.global_step
        part = self._part[1] + 1 if self._part[0] == step else 0
        self._part = (step, part)
        parts = self.args.gradient_accumulation_steps
        if self._watch is not None:
            self._watch.saw(step + 1, step * parts + part, loss * self.current_gradient_accumulation_steps)
        return loss

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Save a checkpoint, unless the loss has become no number since the last one."""
        if self._watch is not None:
            self._watch.check()
        super()._save_checkpoint(*args, **kwargs)  # type: ignore[misc]
