"""Checkpoints: there whole or not at all, whenever the process dies, and continued from at once at any step."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import TrainerCallback
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_callback import TrainerState
from transformers.trainer_utils import get_last_checkpoint

from isoglot.errors import InputError

__all__ = ["CheckpointMixin", "last_checkpoint", "put_in_place", "remove_leftovers"]

OBJECTIVE_FILE = "objective.pt"
NO_MEASURES = ("epoch", "_time", "runtime", "per_second")
"""Ends of what the trainer adds to the measures of a validation."""
SAVING, REMOVING = ".saving-", ".removing-"  # hidden folders: being written, being deleted


def last_checkpoint(folder: str | Path) -> Path | None:
    """Return the checkpoint of the highest step in a folder, None if there is none."""
    found = get_last_checkpoint(str(folder)) if Path(folder).is_dir() else None
    return None if found is None else Path(found)


def put_in_place(written: Path, final: Path) -> None:
    """Give a file or folder that is completely written its name, in the place of what has that name.

    All of it is on the disk before it gets the name, so `final` is whole even after a power cut.

    Args:
        written: what was written, in the folder of `final` or in one beside it.
        final: its name from now on.
    """
    for path in (written, *written.rglob("*")):
        _flush(path)
    if final.is_dir():
        remove(final)
    written.replace(final)
    _flush(final.parent)


def remove(folder: Path) -> None:
    """Delete a folder; it loses its name first, so that nobody finds half of it."""
    hidden = folder.with_name(REMOVING + folder.name)
    shutil.rmtree(hidden, ignore_errors=True)
    folder.replace(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def remove_leftovers(folder: str | Path) -> None:
    """Delete what processes that were killed while saving or deleting left in a folder."""
    for prefix in (SAVING, REMOVING):
        for path in Path(folder).glob(f"{prefix}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    posix = os.name == "posix"
    if path.is_dir() and not posix:  # elsewhere folders cannot be opened, and files only be flushed to write
        return
    handle = os.open(path, os.O_RDONLY if posix else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def objective_state(loss: nn.Module, encoders: tuple[nn.Module, ...]) -> dict[str, Any]:
    """Return the state of an objective without the encoder in it: learned temperatures, classifiers, queues, …."""
    inside = tuple(f"{name}." for name, module in loss.named_modules(remove_duplicate=False) if module in encoders)
    return {key: value for key, value in loss.state_dict().items() if not key.startswith(inside)}


class _Epoch(TrainerCallback):
    """Keeps the epoch true, which the trainer counts from where it continued: a run is one epoch."""

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        state.epoch = state.global_step / state.max_steps


class CheckpointMixin:
    """What a trainer does with checkpoints; goes before `SentenceTransformerTrainer` among the bases.

    A checkpoint holds all that decides how the run goes on: the encoder, optimiser, learning-rate schedule,
    gradient scaler, random number generators and the objective's own parameters and buffers. Batches are a function
    of the step, so the step is all there is to know about them. The last `args.save_total_limit` are kept, and the
    best one by `args.metric_for_best_model`, which is saved as soon as it is measured.

    Attributes:
        start_step: the step that training starts from: 0, or that of the checkpoint continued from.
    """

    args: Any
    state: Any
    control: Any
    model: nn.Module
    model_wrapped: nn.Module
    loss: nn.Module
    accelerator: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.start_step = 0
        self._saving_to: Path | None = None
        super().__init__(*args, **kwargs)
        self.add_callback(_Epoch())  # type: ignore[attr-defined]

    def train(self, resume_from_checkpoint: str | Path | bool | None = None, **kwargs: Any) -> Any:
        """Train.

        Args:
            resume_from_checkpoint: continue from this checkpoint; True for the last one in `args.output_dir`.
            **kwargs: as for `transformers.Trainer.train`.

        Raises:
            InputError: there is no such checkpoint, or it is one of another objective.
        """
        if self.args.should_save:
            remove_leftovers(self.args.output_dir)
        checkpoint = resume_from_checkpoint or None
        if checkpoint is True:
            checkpoint = last_checkpoint(self.args.output_dir)
            if checkpoint is None:
                raise InputError(f"{self.args.output_dir} has no checkpoint to continue from")
        self.start_step = 0
        if checkpoint is not None:
            path = Path(checkpoint) / TRAINER_STATE_NAME
            if not path.is_file():
                raise InputError(f"{checkpoint} is not a checkpoint: it has no {TRAINER_STATE_NAME}")
            self.start_step = TrainerState.load_from_json(str(path)).global_step
        self.args.ignore_data_skip = True  # `remaining_steps` begins where the run continues
        resume = None if checkpoint is None else str(checkpoint)
        return super().train(resume_from_checkpoint=resume, **kwargs)  # type: ignore[misc]

    def remaining_steps(self) -> range:
        """Return the steps of `BatchSampler` that the run still takes: from `start_step` to its end."""
        each = self.args.gradient_accumulation_steps
        return range(self.start_step * each, self.args.max_steps * each)

    @property
    def best_checkpoint(self) -> Path | None:
        """The best checkpoint by `args.metric_for_best_model`, if there is one."""
        step = self.state.best_global_step
        path = Path(self.args.output_dir) / f"checkpoint-{step}"
        return path if step and path.is_dir() else None

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        """Restore the trainer's state; the best checkpoint is where the run is now, not where it was."""
        found = super()._init_training_state(*args, **kwargs)  # type: ignore[misc]
        if self.best_checkpoint is not None:
            self.state.best_model_checkpoint = str(self.best_checkpoint)
        return found

    def _finalize_training(self, *args: Any, **kwargs: Any) -> Any:
        """End training without the trainer's own last deletion, which a killed process leaves half done."""
        keep, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            return super()._finalize_training(*args, **kwargs)  # type: ignore[misc]
        finally:
            self.args.save_total_limit = keep

    def _get_output_dir(self, trial: Any) -> str:
        """Return where the trainer puts checkpoints: while it saves one, the hidden folder."""
        if self._saving_to is not None:
            return str(self._saving_to)
        return super()._get_output_dir(trial)  # type: ignore[misc]

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Tell whether this is the best model so far, and have it saved then, whatever `args.save_steps` is."""
        wanted = self.args.metric_for_best_model
        if wanted is None:
            return False
        if f"eval_{wanted.removeprefix('eval_')}" not in metrics:
            known = ", ".join(sorted(key.removeprefix("eval_") for key in metrics if not key.endswith(NO_MEASURES)))
            raise InputError(f"the validation reports no {wanted!r} to choose the best model by; it has {known}")
        best: bool = super()._determine_best_metric(metrics, trial)  # type: ignore[misc]
        if best:
            self.control.should_save = True
        return best

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint under a hidden name, and name it when all processes have written their part of it."""
        folder = Path(self._get_output_dir(trial))
        name = f"checkpoint-{self.state.global_step}"
        hidden = folder / f"{SAVING}{name}"
        push, self.args.push_to_hub = self.args.push_to_hub, False  # it would send files that are about to move
        self._saving_to = hidden
        try:
            super()._save_checkpoint(model, trial)  # type: ignore[misc]
        finally:
            self._saving_to = None
            self.args.push_to_hub = push
        best = self.state.best_global_step
        if best == self.state.global_step or (best and (folder / f"checkpoint-{best}").is_dir()):
            self.state.best_model_checkpoint = str(folder / f"checkpoint-{best}")
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            self.state.save_to_json(str(hidden / name / TRAINER_STATE_NAME))
            put_in_place(hidden / name, folder / name)
            shutil.rmtree(hidden, ignore_errors=True)
            self._rotate(folder)
        self.accelerator.wait_for_everyone()
        if push:
            self._push_from_checkpoint(str(folder / name))  # type: ignore[attr-defined]

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the encoder, in one process: sentence-transformers takes it that no other one asks."""
        if self.args.should_save:
            super()._save(output_dir, state_dict)  # type: ignore[misc]

    def _rotate(self, folder: Path) -> None:
        """Delete all checkpoints but the last ones and the best one."""
        keep = self.args.save_total_limit
        steps = {int(path.name.split("-")[1]): path for path in folder.glob("checkpoint-*") if path.is_dir()}
        for step in sorted(steps)[: -keep if keep else 0]:
            if step != self.state.best_global_step:
                remove(steps[step])

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Save the optimiser, and the state of the objective beside it."""
        super()._save_optimizer_and_scheduler(output_dir)  # type: ignore[misc]
        if self.args.should_save:
            torch.save(self._objective_state(), Path(output_dir) / OBJECTIVE_FILE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Restore the state of the objective, and the optimiser."""
        path = Path(checkpoint or "") / OBJECTIVE_FILE
        if checkpoint is not None and path.is_file():
            state = torch.load(path, map_location="cpu", weights_only=True)
            expected = self._objective_state()
            if _shapes(state) != _shapes(expected):  # before the optimiser finds out, in words of its own
                raise InputError(
                    f"{checkpoint} is of a run with another objective: it has {_listed(state)}, this one "
                    f"{_listed(expected)}"
                )
            self.loss.load_state_dict(state, strict=False)
        super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]

    def _objective_state(self) -> dict[str, Any]:
        return objective_state(self.loss, (self.model, self.model_wrapped))


def _shapes(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value.shape for key, value in state.items() if isinstance(value, Tensor)}


def _listed(state: dict[str, Any]) -> str:
    return ", ".join(f"{key} {tuple(shape or ())}" for key, shape in _shapes(state).items()) or "no parameters"
