"""Validation while training: measuring a collection every so many steps, and by what the best model is chosen."""

from __future__ import annotations

import logging
from typing import Any

from transformers import TrainerCallback

from isoglot.collections import load_collection
from isoglot.collections.loading import NAMED
from isoglot.errors import InputError
from isoglot.evaluation import MultilingualEvaluator
from isoglot.evaluation.measures import parse_measure
from isoglot.training.config import TrainConfig

__all__ = ["TellValidation", "less_is_better", "validation_evaluator"]

logger = logging.getLogger(__name__)

SETTINGS = ("multilingual_", "monolingual_", "cross_lingual_")
MEASURES = ("AP", "nDCG@10", "R@10")
LESS_IS_BETTER = ("rank_distance", "max_rank", "max_rank_log", "recall_gap@10", "recall_gap@100")
MORE_IS_BETTER = ("complete@10", "complete@100", "peer@10", "peer@100")


def less_is_better(measure: str) -> bool:
    """Return whether the best model by a measure is the one with the smallest value.

    Args:
        measure: a name that `MultilingualEvaluator` reports: `multilingual_AP`, `rank_distance`, ….

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


def validation_evaluator(config: TrainConfig) -> MultilingualEvaluator | None:
    """Load the validation collection of a run; None if it has none.

    Raises:
        InputError: the collection or the measure cannot be used, or settings of validation are given without one.
    """
    if config.validation is None:
        for key in ("eval_steps", "best_measure"):
            if getattr(config, key) is not None:
                raise InputError(f"{key} needs a collection to measure: give --validation")
        return None
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
    return MultilingualEvaluator(collection, measures=measures)


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
