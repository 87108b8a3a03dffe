"""Measuring along the training, and counting what was encoded however often a run was interrupted."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from isoglot.collections import Collection
from isoglot.evaluation import Result, evaluate
from isoglot.files import new_file
from isoglot.studies.recipe import Evaluation
from isoglot.training import HybridTrainer

__all__ = ["AlongTraining", "encoded_tokens", "read_along"]


def _write(path: Path, content: Any) -> None:
    with new_file(path) as file:
        json.dump(content, file)


def scalars(result: Result) -> dict[str, dict[str, float]]:
    """Return the single values of a result by setting and measure."""
    found = {}
    for setting in ("monolingual", "cross_lingual", "multilingual", "bias", "geometry"):
        values = getattr(result, setting) or {}
        found[setting] = {
            name: float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and name not in ("pairs", "queries", "documents")
        }
    return found


class AlongTraining(TrainerCallback):
    """Measures collections at given steps, and notes at each checkpoint how many tokens were encoded until then.

    What it finds is written to files at once, so that a run that goes on after a kill has it.

    Args:
        trainer: of the run.
        folder: where the files go.
        stage: which stage of the run this is, from 0.
        before: steps of the stages before.
        evaluations: what is measured, and when.
    """

    def __init__(
        self,
        trainer: HybridTrainer,
        folder: Path,
        stage: int,
        before: int,
        evaluations: Sequence[tuple[Evaluation, Collection]],
    ) -> None:
        self.trainer, self.folder, self.stage, self.before = trainer, folder, stage, before
        self.evaluations = evaluations

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure the encoder before its first step, if asked for."""
        if not state.global_step and not self.stage:
            self._measure(0)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure after a step, if asked for; note the tokens before there is a checkpoint to go on from."""
        self._measure(self.before + state.global_step)
        if control.should_save:
            self._note_tokens(state.global_step)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Note the tokens of a checkpoint that was asked for later in the step."""
        self._note_tokens(state.global_step)

    def _note_tokens(self, step: int) -> None:
        embedder: Any = self.trainer.loss.embedder
        since = embedder.tokens if embedder.texts else None  # of encoders that take more than token ids
        tokens = encoded_tokens(self.folder, self.stage, self.trainer.start_step, since)
        _write(_tokens_file(self.folder, self.stage, step), tokens)

    def _measure(self, step: int) -> None:
        model: Any = self.trainer.model
        for evaluation, collection in self.evaluations:
            path = _along_file(self.folder, evaluation, step)
            if step not in evaluation.along or path.exists():
                continue
            training = model.training
            model.eval()
            result = evaluate(
                model,
                collection,
                measures=evaluation.measures,
                bootstrap=0,
                rank_correlation=evaluation.rank_correlation,
                geometry=evaluation.geometry,
                dtype=evaluation.dtype,
            )
            model.train(training)
            _write(path, scalars(result))


def _along_file(folder: Path, evaluation: Evaluation, step: int) -> Path:
    return folder / f"along-{evaluation.name}-{step}.json"


def _tokens_file(folder: Path, stage: int, step: int) -> Path:
    return folder / f"tokens-{stage}-{step}.json"


def encoded_tokens(folder: Path, stage: int, since_step: int, tokens: int | None) -> int | None:
    """Return the tokens that a stage encoded in all; None where they are not counted.

    Args:
        folder: where `AlongTraining` wrote.
        stage: which stage.
        since_step: the step from which it was continued; 0 if it was not.
        tokens: encoded since.
    """
    if not since_step or tokens is None:
        return tokens
    try:
        before: int | None = json.loads(_tokens_file(folder, stage, since_step).read_text(encoding="utf-8"))
    except FileNotFoundError:  # killed between a checkpoint that a signal asked for and the note of it
        return None
    return None if before is None else before + tokens


def read_along(folder: Path, evaluation: Evaluation) -> list[dict[str, Any]]:
    """Return what was measured along the training: step, and values by setting and measure."""
    return [
        {"step": step, **json.loads(_along_file(folder, evaluation, step).read_text(encoding="utf-8"))}
        for step in sorted(evaluation.along)
    ]
