"""Validation while training: measuring a collection every so many steps, and by what the best model is chosen."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from torch import nn
from transformers import TrainerCallback

from isoglot.collections import Collection, load_collection
from isoglot.collections.loading import NAMED
from isoglot.errors import InputError
from isoglot.evaluation import MultilingualEvaluator
from isoglot.evaluation.measures import parse_measure
from isoglot.objectives import InfoNCE, MultiwayInfoNCE
from isoglot.training.config import TrainConfig
from isoglot.training.validation_loss import ValidationLoss

__all__ = ["StopEarly", "TellValidation", "ValidationEvaluator", "less_is_better", "validation_evaluator"]

logger = logging.getLogger(__name__)

SETTINGS = ("multilingual_", "monolingual_", "cross_lingual_")
MEASURES = ("AP", "nDCG@10", "R@10")
LOSS = "loss"
LESS_IS_BETTER = (LOSS, "rank_distance", "max_rank", "max_rank_log", "recall_gap@10", "recall_gap@100")
MORE_IS_BETTER = ("complete@10", "complete@100", "peer@10", "peer@100")


def less_is_better(measure: str) -> bool:
    """Return whether the best model by a measure is the one with the smallest value.

    Args:
        measure: `loss`, or a name that `MultilingualEvaluator` reports: `multilingual_AP`, `rank_distance`, ….

    Raises:
        InputError: there is no such measure, or neither more nor less of it is better.
    """
    if measure in LESS_IS_BETTER:
        return True
    if measure not in MORE_IS_BETTER:
        _rank_measure(measure)
    return False


def _rank_measure(measure: str) -> str:
    """Return the rank measure in a name: `AP` of `multilingual_AP`."""
    for setting in SETTINGS:
        if measure.startswith(setting):
            parse_measure(measure.removeprefix(setting))
            return measure.removeprefix(setting)
    bias = ", ".join(LESS_IS_BETTER + MORE_IS_BETTER)
    raise InputError(
        f"a best model cannot be chosen by {measure!r}: choose multilingual_, monolingual_ or cross_lingual_ with "
        f"a rank measure, such as multilingual_AP, or one of {bias}"
    )


class ValidationEvaluator(MultilingualEvaluator):
    """Measures a validation collection, its loss included, on the same embeddings.

    Args:
        collection: what to measure on.
        measures: rank measures by ir_measures' names.
        loss: of this collection; None to report none.
    """

    def __init__(self, collection: Collection, measures: list[str], loss: ValidationLoss | None) -> None:
        super().__init__(collection, measures=measures)
        self.loss = loss

    def further_metrics(self, queries: Any, documents: Any) -> dict[str, float]:
        """Return the loss, if it is wanted."""
        return {} if self.loss is None else {LOSS: self.loss(queries, documents)}


def validation_evaluator(config: TrainConfig, terms: Iterable[nn.Module]) -> ValidationEvaluator | None:
    """Load the validation collection of a run; None if it has none.

    Args:
        config: the run.
        terms: of its objective, before training; the first InfoNCE among them decides what `loss` is.

    Raises:
        InputError: the collection or the measure cannot be used, or settings of validation are given without one.
    """
    if config.validation is None:
        for key in ("eval_steps", "best_measure", "patience"):
            if getattr(config, key) is not None:
                raise InputError(f"{key} needs a collection to measure: give --validation")
        return None
    if config.patience is not None and config.best_measure is None:
        raise InputError("patience needs a measure that can cease to improve: give --best-measure, such as loss")
    measures = list(MEASURES)
    if config.best_measure is not None:
        less_is_better(config.best_measure)
        if config.best_measure.startswith(SETTINGS):
            measures.append(_rank_measure(config.best_measure))
    collection = load_collection(
        config.validation,
        # worldfacts has no third split
        prefer_split="test" if config.validation in NAMED else "dev",
        language=config.lang,
        lenient=config.lenient,
    )
    loss = None
    if config.best_measure == LOSS:
        contrasts = [term for term in terms if isinstance(term, (InfoNCE, MultiwayInfoNCE))]
        loss = ValidationLoss(collection, config.batch_size, contrasts[0] if contrasts else InfoNCE())
    return ValidationEvaluator(collection, measures, loss)


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
