"""Validation while training: measuring a collection every so many steps, and by what the best model is chosen."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import numpy as np
from torch import nn
from transformers import TrainerCallback

from isoglot.collections import Collection
from isoglot.data import load_collection
from isoglot.errors import InputError
from isoglot.evaluation import MultilingualEvaluator, judgments_of
from isoglot.evaluation.measures import parse_measure
from isoglot.objectives import InfoNCE, MultiwayInfoNCE
from isoglot.training.config import TrainConfig
from isoglot.training.validation_loss import ValidationLoss

__all__ = ["StopEarly", "TellValidation", "ValidationEvaluator", "less_is_better", "validation_evaluator"]

logger = logging.getLogger(__name__)

MACRO = "macro_"
SETTINGS = ("multilingual_", "macro_multilingual_", "monolingual_", "cross_lingual_")
MEASURES = ("AP", "nDCG@10", "R@10")
LOSS = "loss"
RANKS = ("rank_distance", "max_rank", "max_rank_log")  # less is better
FOUND = ("complete@10", "complete@100", "peer@10", "peer@100")  # more is better
COMPARED = (*RANKS, *FOUND, *(MACRO + name for name in (*RANKS, *FOUND)))
GAPS = ("recall_gap@10", "recall_gap@100")  # less is better; of languages of documents, so never `macro_`


def less_is_better(measure: str) -> bool:
    """Return whether the best model by a measure is the one with the smallest value.

    Args:
        measure: `loss`, or a name that `MultilingualEvaluator` reports: `multilingual_AP`, `rank_distance`, …, and
            `macro_multilingual_AP`, `macro_rank_distance`, …, the means over query languages.

    Raises:
        InputError: there is no such measure, or neither more nor less of it is better.
    """
    if measure == LOSS or measure in GAPS or measure.removeprefix(MACRO) in RANKS:
        return True
    if measure.removeprefix(MACRO) not in FOUND:
        _rank_measure(measure)
    return False


def _rank_measure(measure: str) -> str:
    """Return the rank measure in a name: `AP` of `multilingual_AP`."""
    for setting in SETTINGS:
        if measure.startswith(setting):
            parse_measure(measure.removeprefix(setting))
            return measure.removeprefix(setting)
    choices = _in_words((*SETTINGS, LOSS, *COMPARED, *GAPS))
    raise InputError(f"a best model cannot be chosen by {measure!r}: choose {choices}")


def _in_words(choices: Iterable[str]) -> str:
    """Return what can be chosen as a message says it: settings, which go with any rank measure, and measures."""
    settings = [choice for choice in choices if choice in SETTINGS]
    measures = ", ".join(choice for choice in choices if choice not in SETTINGS)
    named = f"{', '.join(settings[:-1])} or {settings[-1]} with a rank measure, such as multilingual_AP"
    return f"{named}, or one of {measures}" if measures else named


def what_is_missing(collection: Collection) -> dict[str, str | None]:
    """Return of everything that the best model may be chosen by, but the loss, what a collection lacks for it.

    Returns:
        Setting (`multilingual_`, …) or measure of bias -> why it cannot be measured, or is the same for all models;
        None where nothing is missing.

    Raises:
        InputError: no query has a relevant document, so nothing can be measured.
    """
    judged = judgments_of(collection, collection.judged_query_rows())
    language = judged.document_language[judged.documents].astype(np.int64)
    own = language == collection.query_language[judged.query_rows][judged.queries]
    size = len(collection.languages)
    several = np.bincount(np.unique(judged.queries * size + language) // size).max() > 1
    within = "no query has a relevant document in its own language"
    if collection.finds_translations:
        within = "its queries look for their translations"
    return {
        **dict.fromkeys(SETTINGS),
        "monolingual_": None if own.any() else within,
        "cross_lingual_": None if not own.all() else "no query has a relevant document in another language",
        **dict.fromkeys(COMPARED, None if several else "no query has relevant documents in two languages"),
        **dict.fromkeys(GAPS, None if len(np.unique(language)) > 1 else "relevant documents are of one language"),
    }


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
        InputError: the collection or the measure cannot be used, or not together, or settings of validation are
            given without a collection.
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
        prefer_split="test" if config.validation == "worldfacts" else "dev",
        language=config.lang,
        lenient=config.lenient,
    )
    missing = what_is_missing(collection)
    loss = _loss(config, collection, terms) if config.best_measure == LOSS else None
    if config.best_measure is not None and loss is None:
        key = next((one for one in SETTINGS if config.best_measure.startswith(one)), config.best_measure)
        if missing[key] is not None:
            choices = [one for one, why in missing.items() if why is None]
            with suppress(InputError):
                _loss(config, collection, terms)
                choices.append(LOSS)
            raise InputError(
                f"{collection.name} cannot choose a best model by {config.best_measure!r}, as {missing[key]}: "
                f"choose {_in_words(choices)}"
            )
    return ValidationEvaluator(collection, measures, loss)


def _loss(config: TrainConfig, collection: Collection, terms: Iterable[nn.Module]) -> ValidationLoss:
    contrasts = [term for term in terms if isinstance(term, (InfoNCE, MultiwayInfoNCE))]
    return ValidationLoss(collection, config.batch_size, contrasts[0] if contrasts else InfoNCE())


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
