"""Validation while training: measuring a collection every so many steps, by its loss too, and by what the best
model is chosen."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from isoglot.batching import Batch, BatchSampler, CrossLingual, Hybrid, Monolingual, Strategy
from isoglot.collections import Collection
from isoglot.data import load_collection
from isoglot.errors import InputError
from isoglot.evaluation import MultilingualEvaluator, Result, judgments_of
from isoglot.evaluation.measures import parse_measure
from isoglot.measures import better_of
from isoglot.objectives import EmbeddedBatch, InfoNCE, MultiwayInfoNCE
from isoglot.training.config import TrainConfig

__all__ = ["MOST_ROWS", "ValidationEvaluator", "ValidationLoss", "less_is_better", "validation_evaluator"]

MACRO = "macro_"
SETTINGS = ("multilingual_", "macro_multilingual_", "monolingual_", "cross_lingual_")
MEASURES = ("AP", "nDCG@10", "R@10")
LOSS = "loss"
BIAS = ("rank_distance", "max_rank", "max_rank_log", "complete@10", "complete@100", "peer@10", "peer@100")
COMPARED = (*BIAS, *(MACRO + name for name in BIAS))
GAPS = ("recall_gap@10", "recall_gap@100")  # of languages of documents, so never `macro_`
MOST_ROWS = 10_000
"""Rows after which a pass over a large collection is cut."""
SEED = 0  # of the batches, whatever that of the run is: runs of several seeds are measured by the same ones


def less_is_better(measure: str) -> bool:
    """Return whether the best model by a measure is the one with the smallest value.

    Args:
        measure: `loss`, or a name that `MultilingualEvaluator` reports: `multilingual_AP`, `rank_distance`, …, and
            `macro_multilingual_AP`, `macro_rank_distance`, …, the means over query languages.

    Raises:
        InputError: there is no such measure, or neither more nor less of it is better.
    """
    if measure == LOSS:
        return True
    if measure in (*COMPARED, *GAPS):
        return better_of("bias", measure.removeprefix(MACRO)) == "low"
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


def _strategy_of(collection: Collection) -> Strategy:
    """Return how batches are composed: half of them monolingual, where there are training pairs of both kinds."""
    counts = collection.pair_counts
    mono = int(counts.trace())
    if mono == counts.sum():
        return Monolingual(tau=1.0)
    return Hybrid(alpha=0.5, tau=1.0, pairing="row") if mono else CrossLingual(tau=1.0, pairing="row")


class ValidationLoss:
    """InfoNCE with in-batch negatives, mean over the rows of fixed batches.

    Batches are those of `BatchSampler` with a seed of their own: half monolingual and half cross-lingual, or all of
    one kind where the collection has no training pair of the other, as one in English alone. They are taken until
    they hold as many rows as there are monolingual training pairs (cross-lingual, if there are no others), or
    `MOST_ROWS`. The loss is a function of the embeddings alone: dropout, hard negatives, code-switching, domain
    batches and what a learned temperature has become are not in it.

    Args:
        collection: what to measure on.
        batch_size: rows of a batch, as of the run; what cannot fill one makes smaller batches.
        term: gives temperature and directions: an `InfoNCE` or `MultiwayInfoNCE`, as it is before training.

    Raises:
        InputError: no batch has two rows, so there is nothing to tell a document from.
    """

    def __init__(self, collection: Collection, batch_size: int, term: Any) -> None:
        self.collection = collection
        self._rows = collection.judged_query_rows()
        self._infonce = InfoNCE(float(term.temperature()), term.symmetric)
        sampler = BatchSampler(collection, _strategy_of(collection), batch_size, SEED)
        counts = collection.pair_counts
        wanted = min(int(counts.trace()) or int(counts.sum()), MOST_ROWS)
        self.batches: list[Batch] = []
        while sum(map(len, self.batches)) < wanted:
            self.batches.append(sampler[len(self.batches)])
        if max(map(len, self.batches)) < 2:
            raise InputError(
                f"{collection.name} makes no batch of two queries with documents of their own (batch size "
                f"{batch_size}), so there is no loss to measure: choose by another measure, such as multilingual_AP"
            )

    def __call__(self, queries: NDArray[Any], documents: NDArray[Any]) -> float:
        """Return the loss of embeddings.

        Args:
            queries: (q, d) of the queries with a relevant document, in order (`Collection.judged_query_rows`).
            documents: (D, d) of all documents, in order.
        """
        total = 0.0
        with torch.no_grad():
            for batch in self.batches:
                total += len(batch) * float(self._infonce(self._embedded(batch, queries, documents)))
        return total / sum(map(len, self.batches))

    def _embedded(self, batch: Batch, queries: NDArray[Any], documents: NDArray[Any]) -> EmbeddedBatch:
        own = self.collection
        places = np.searchsorted(self._rows, batch.queries)
        return EmbeddedBatch(
            *(_tensor(queries[places]).float(), _tensor(documents[batch.documents]).float()),
            *(_tensor(own.query_language[batch.queries]), _tensor(own.document_language[batch.documents])),
            *(_tensor(own.query_index[batch.queries]), _tensor(batch.documents)),
        )


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))


class ValidationEvaluator(MultilingualEvaluator):
    """Measures a validation collection, its loss included, on the same embeddings.

    Args:
        collection: what to measure on.
        measures: rank measures by ir_measures' names.
        loss: of this collection; None to report none.

    Attributes:
        by_step: step -> what was measured at it, since the process began.
    """

    def __init__(self, collection: Collection, measures: list[str], loss: ValidationLoss | None) -> None:
        super().__init__(collection, measures=measures)
        self.loss = loss
        self.by_step: dict[int, Result] = {}

    def __call__(
        self, model: Any, output_path: str | None = None, epoch: int = -1, steps: int = -1
    ) -> dict[str, float]:
        """Evaluate a model, and keep what a card shows of it (`by_step`): of the values per query, one measure."""
        metrics = super().__call__(model, output_path, epoch, steps)
        assert self.result is not None
        kept = {key: values for key, values in self.result.per_query.items() if key in ("lang", "multilingual_AP")}
        self.by_step[steps] = replace(self.result, per_query=kept)
        return metrics

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
