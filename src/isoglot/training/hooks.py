"""What transformers' `Trainer` is made to do beyond its public face.

transformers promises nothing of methods whose names begin with an underscore. All that we override stand here, each
with the reason, and `tests/training/test_hooks.py` fails for each that the library ceases to call.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers import TrainerCallback
from transformers.trainer import OPTIMIZER_NAME, TRAINER_STATE_NAME
from transformers.trainer_callback import TrainerState

from isoglot.batching import StepSampler
from isoglot.errors import InputError, IsoglotError, is_out_of_memory
from isoglot.training.callbacks import Watch
from isoglot.training.checkpoints import (
    SAVING,
    damage_of,
    last_checkpoint,
    put_in_place,
    remove,
    remove_leftovers,
    seal,
    writing,
)
from isoglot.training.cpu.sparse_adamw import DeferredAdamW, catch_up_moments
from isoglot.training.execution import Objective
from isoglot.training.execution.gradient_cache import RandomState

__all__ = ["TrainerHooks"]

OBJECTIVE_FILE = "objective.pt"
TOKENIZER = "tokenizer.json"  # where the library saves it
NO_MEASURES = ("epoch", "_time", "runtime", "per_second")
"""Ends of what the trainer adds to the measures of a validation."""
COUNTS = ("texts", "tokens", "padded_tokens", "recomputed")
"""What an embedder counts."""
FEW_THREADS = 2
"""Of so many threads torch gets one. Its parallel loops are so short here that they gain little, and each waits for
a thread that has lost its core to another program: beside a busy one a step took five times as long with two
threads as with one. More than two were not tried, and are left as they are."""


class _TrueState(TrainerCallback):
    """Corrects what the trainer makes of a checkpoint: where the best one is, if the run has moved, and the epoch,
    which it counts from where it continued (a run is one epoch)."""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        best = _best_checkpoint(args, state)
        if best is not None:
            state.best_model_checkpoint = str(best)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        state.epoch = state.global_step / state.max_steps


def _best_checkpoint(args: Any, state: Any) -> Path | None:
    path = Path(args.output_dir) / f"checkpoint-{state.best_global_step}"
    return path if state.best_global_step and path.is_dir() else None


class TrainerHooks(SentenceTransformerTrainer):
    """A trainer whose runs are watched, can be killed at any moment and go on where they were, and that updates the
    token vectors of a static encoder only where they occur.

    A checkpoint holds all that decides how the run goes on: the encoder, optimiser, learning-rate schedule,
    gradient scaler, random number generators and the objective's own parameters and buffers. Batches are a function
    of the step, so the step is all there is to know about them. The last `args.save_total_limit` are kept, and the
    best one by `args.metric_for_best_model`, which is saved as soon as it is measured.

    On a CPU, in one process, static encoders are trained by `DeferredAdamW` where the optimiser is AdamW, with one
    thread of torch's in training steps where it has two (`torch.set_num_threads` is the whole process's; it is put
    back for evaluations and at the end). Everywhere else, and without `adamw` among the fast ways, the whole matrix
    of token vectors has a gradient and is updated, as any parameter, and threads are left as they are.

    Attributes:
        sampler: of the batches; it must be there before `__init__` is called.
        start_step: the step that training starts from: 0, or that of the checkpoint continued from.
    """

    sampler: StepSampler
    optimizer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.start_step = 0
        self._saving_to: Path | None = None
        self._keep: int | None = None  # so many of the last checkpoints
        self._deferred: DeferredAdamW | None = None
        self._threads: int | None = None  # torch's outside training steps, where these have fewer
        super().__init__(*args, **kwargs)
        self.add_callback(_TrueState())

    def train(self, resume_from_checkpoint: str | Path | bool | None = None, **kwargs: Any) -> Any:
        """Train; all token vectors are up to date afterwards.

        Args:
            resume_from_checkpoint: continue from this checkpoint; True for the last one in `args.output_dir`.
            **kwargs: as for `transformers.Trainer.train`.

        Raises:
            InputError: there is no such checkpoint, it is damaged, or it is one of another objective or tokenizer.
            IsoglotError: the loss is no number.
        """
        if self.args.should_save:
            remove_leftovers(self.args.output_dir)
        checkpoint = self._checkpoint_to_resume(resume_from_checkpoint)
        self.args.ignore_data_skip = True  # `remaining_steps` begins where the run continues
        with self._rotating_ourselves(), self._few_threads(), Watch(self.sampler, self.loss) as watch:
            self.add_callback(watch)  # the last one: it sees what the others ask for
            try:
                return super().train(resume_from_checkpoint=checkpoint, **kwargs)
            finally:
                self.remove_callback(watch)
                if self._deferred is not None:
                    self._deferred.release()
                    self.loss.embedder.vectors = None

    def _checkpoint_to_resume(self, asked: str | Path | bool | None) -> str | None:
        """Return the checkpoint that is asked for, and note its step."""
        self.start_step = 0
        checkpoint = asked or None
        if checkpoint is True:
            checkpoint = last_checkpoint(self.args.output_dir)
            if checkpoint is None:
                raise InputError(f"{self.args.output_dir} has no checkpoint to continue from")
        if checkpoint is None:
            return None
        path = Path(checkpoint) / TRAINER_STATE_NAME
        if not path.is_file():
            raise InputError(f"{checkpoint} is not a checkpoint: it has no {TRAINER_STATE_NAME}")
        if damage := damage_of(Path(checkpoint)):
            raise InputError(f"{checkpoint} is damaged on the disk ({damage}): continue from another checkpoint")
        if not _same_pieces(self.model, Path(checkpoint) / TOKENIZER):
            raise InputError(
                f"{checkpoint} cuts texts into other sub-words than the model does: continue with the model that "
                f"it holds, SentenceTransformer({str(checkpoint)!r})"
            )
        self.start_step = TrainerState.load_from_json(str(path)).global_step
        return str(checkpoint)

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Take a step's forward and backward passes; where memory does not suffice again, in chunks half as large.

        Not where that would change more than the order of sums and what dropout draws: in several processes, which
        wait for each other; amid gradients that are added up over several batches; and where the objective has
        queues, to which the step may have added already.
        """
        embedder = getattr(self.loss, "embedder", None)
        alone = self.args.world_size == 1 and self.args.gradient_accumulation_steps == 1
        before = RandomState(self.args.device)
        while True:
            counted = [getattr(embedder, name, 0) for name in COUNTS]
            try:
                return super().training_step(*args, **kwargs)
            except Exception as error:
                if embedder is None or not alone or not is_out_of_memory(error) or any(self._queues()):
                    raise
            if not embedder.halve(self.model, self.args.device):  # here, where what the error held on to is gone
                raise IsoglotError("out of memory: give a smaller batch_size, or texts cut shorter (max_length)")
            for name, count in zip(COUNTS, counted, strict=True):
                setattr(embedder, name, count)
            self.optimizer.zero_grad()
            before.restore()

    def _queues(self) -> list[str]:
        """Return the names of the objective's own buffers, as against its parameters."""
        parameters = {name for name, _ in self.loss.named_parameters(remove_duplicate=False)}
        state = self._objective_state().items()
        return [name for name, value in state if isinstance(value, Tensor) and name not in parameters]

    def remaining_steps(self) -> range:
        """Return the steps of `BatchSampler` that the run still takes: from `start_step` to its end."""
        each = self.args.gradient_accumulation_steps
        return range(self.start_step * each, self.args.max_steps * each)

    # -- checkpoints --

    @property
    def best_checkpoint(self) -> Path | None:
        """The best checkpoint by `args.metric_for_best_model`, if there is one."""
        return _best_checkpoint(self.args, self.state)

    def load_best(self) -> None:
        """Give the encoder the weights of the best checkpoint, if there is one."""
        if self.best_checkpoint is not None:
            if damage := damage_of(self.best_checkpoint):
                raise IsoglotError(
                    f"the best checkpoint, {self.best_checkpoint}, is damaged on the disk ({damage}): train again"
                )
            self._load_from_checkpoint(str(self.best_checkpoint))

    @contextmanager
    def _rotating_ourselves(self) -> Iterator[None]:
        """Keep the trainer from deleting checkpoints, which a killed process leaves half done."""
        self._keep, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            yield
        finally:
            self.args.save_total_limit = self._keep

    def _get_output_dir(self, trial: Any) -> str:
        """Return where the trainer puts checkpoints: while it saves one, the hidden folder."""
        return str(self._saving_to) if self._saving_to is not None else super()._get_output_dir(trial)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save a checkpoint under a hidden name, and name it when all processes have written their part of it."""
        folder = Path(self._get_output_dir(trial))
        name = f"checkpoint-{self.state.global_step}"
        hidden = folder / f"{SAVING}{name}"
        push, self.args.push_to_hub = self.args.push_to_hub, False  # it would send files that are about to move
        self._saving_to = hidden
        try:
            with writing(folder / name):
                super()._save_checkpoint(model, trial)
        finally:
            self._saving_to = None
            self.args.push_to_hub = push
        best = self.state.best_global_step
        if best == self.state.global_step or (best and (folder / f"checkpoint-{best}").is_dir()):
            self.state.best_model_checkpoint = str(folder / f"checkpoint-{best}")
        self.accelerator.wait_for_everyone()
        if self.args.should_save:
            with writing(folder / name):
                self.state.save_to_json(str(hidden / name / TRAINER_STATE_NAME))
                seal(hidden / name)
            put_in_place(hidden / name, folder / name)
            shutil.rmtree(hidden, ignore_errors=True)
            self._rotate(folder)
        self.accelerator.wait_for_everyone()
        if push:
            self._push_from_checkpoint(str(folder / name))

    def _rotate(self, folder: Path) -> None:
        """Delete all checkpoints but the last ones and the best one."""
        steps = {int(path.name.split("-")[1]): path for path in folder.glob("checkpoint-*") if path.is_dir()}
        for step in sorted(steps)[: -self._keep if self._keep else 0]:
            if step != self.state.best_global_step:
                remove(steps[step])

    def _save(self, output_dir: str | None = None, state_dict: dict[str, Any] | None = None) -> None:
        """Write the encoder, in one process: sentence-transformers takes it that no other one asks."""
        if self.args.should_save:
            super()._save(output_dir, state_dict)

    def _determine_best_metric(self, metrics: dict[str, float], trial: Any) -> bool:
        """Tell whether this is the best model so far, and have it saved then, whatever `args.save_steps` is."""
        wanted = self.args.metric_for_best_model
        if wanted is None:
            return False
        if f"eval_{wanted.removeprefix('eval_')}" not in metrics:
            known = ", ".join(sorted(key.removeprefix("eval_") for key in metrics if not key.endswith(NO_MEASURES)))
            raise InputError(f"the validation reports no {wanted!r} to choose the best model by; it has {known}")
        best: bool = super()._determine_best_metric(metrics, trial)
        if best:
            self.control.should_save = True
        return best

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        """Save the optimiser, and the state of the objective beside it."""
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            torch.save(self._objective_state(), Path(output_dir) / OBJECTIVE_FILE)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Restore the objective and the optimiser; what a `DeferredAdamW` left for later is made up for where there
        is none here."""
        if checkpoint is None:
            super()._load_optimizer_and_scheduler(checkpoint)
            return
        objective, optimizer = Path(checkpoint) / OBJECTIVE_FILE, Path(checkpoint) / OPTIMIZER_NAME
        if objective.is_file():
            state = torch.load(objective, map_location="cpu", weights_only=True)
            expected = self._objective_state()
            if _shapes(state) != _shapes(expected):  # before the optimiser finds out, in words of its own
                raise InputError(
                    f"{checkpoint} is of a run with another objective: it has {_listed(state)}, this one "
                    f"{_listed(expected)}"
                )
            self.loss.load_state_dict(state, strict=False)
        super()._load_optimizer_and_scheduler(checkpoint)
        weight = _token_vectors(self.model)
        if self._deferred is None and weight is not None and optimizer.is_file():
            saved = torch.load(optimizer, map_location="cpu", weights_only=True, mmap=True)
            catch_up_moments(getattr(self.optimizer, "optimizer", self.optimizer), weight, saved)

    def _objective_state(self) -> dict[str, Any]:
        """Return the state of the objective without the encoder: learned temperatures, classifiers, queues."""
        modules = self.loss.named_modules(remove_duplicate=False)
        encoder = tuple(f"{name}." for name, module in modules if module in (self.model, self.model_wrapped))
        return {key: value for key, value in self.loss.state_dict().items() if not key.startswith(encoder)}

    # -- token vectors on a CPU --

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Return the optimiser; one that was made by others is left as it is."""
        made = self.optimizer is None
        optimizer: Any = super().create_optimizer(model)
        weight = self._quick_vectors()
        if made:
            self._deferred = None
            if weight is not None and DeferredAdamW.fits(optimizer, weight):
                self.optimizer = optimizer = self._deferred = DeferredAdamW(optimizer, weight)
        if self._deferred is not None:
            self.loss.embedder.vectors = self._deferred
            self._deferred.threads = self._threads or 1
            self._deferred.watch(self.model[0].embedding)
        return optimizer

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Measure, with all threads."""
        with _torch_threads(self._threads or torch.get_num_threads()):
            return super().evaluate(*args, **kwargs)

    def _quick_vectors(self) -> nn.Parameter | None:
        """Return the token vectors of a static encoder that may be updated where they occur alone."""
        fast = isinstance(self.loss, Objective) and "adamw" in self.loss.embedder.fast
        return _token_vectors(self.model) if fast and self.args.world_size == 1 and not self.args.fp16 else None

    @contextmanager
    def _few_threads(self) -> Iterator[None]:
        weight, threads = self._quick_vectors(), torch.get_num_threads()
        few = weight is not None and weight.device.type == "cpu" and threads <= FEW_THREADS
        self._threads = threads if few else None
        try:
            with _torch_threads(1 if few else threads):
                yield
        finally:
            self._threads = None

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        """Return the norm of all gradients, which are made smaller where it is too large: those too that the
        optimiser of token vectors holds, and the trainer does not know of."""
        if self._deferred is None:
            return super()._clip_grad_norm(model)
        return self._deferred.clip(model.parameters(), self.args.max_grad_norm)

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """Return the norm of all gradients, where they are not clipped."""
        if grad_norm is None and self._deferred is not None:
            return self._deferred.clip(model.parameters(), math.inf)
        return super()._get_grad_norm(model, grad_norm=grad_norm)


def _same_pieces(model: Any, file: Path) -> bool:
    """Tell whether the tokenizer of a model has the sub-words, each with the number, that a file says, if there is
    such a file."""
    tokenizer = getattr(model, "tokenizer", None)
    own = tokenizer if isinstance(tokenizer, Tokenizer) else getattr(tokenizer, "backend_tokenizer", None)
    return own is None or not file.is_file() or Tokenizer.from_file(str(file)).get_vocab() == own.get_vocab()


def _token_vectors(model: nn.Module) -> nn.Parameter | None:
    """Return the matrix of token vectors, if the encoder is static."""
    embedding = getattr(model[0], "embedding", None) if isinstance(model, SentenceTransformer) else None
    if not isinstance(embedding, nn.EmbeddingBag) or embedding.mode != "mean":
        return None
    weight: nn.Parameter = embedding.weight  # type: ignore[assignment]
    return weight


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _shapes(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value.shape for key, value in state.items() if isinstance(value, Tensor)}


def _listed(state: dict[str, Any]) -> str:
    return ", ".join(f"{key} {tuple(shape or ())}" for key, shape in _shapes(state).items()) or "no parameters"
