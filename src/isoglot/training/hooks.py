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
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from torch import Tensor, nn
from transformers.trainer import OPTIMIZER_NAME, SCHEDULER_NAME, TRAINER_STATE_NAME
from transformers.trainer_callback import TrainerState

from isoglot.batching import StepSampler
from isoglot.errors import InputError, IsoglotError
from isoglot.training.callbacks import TrueState, Watch, best_checkpoint_of
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
from isoglot.training.cpu.threads import FEW_THREADS, torch_threads
from isoglot.training.cpu.token_vectors import token_vectors_of
from isoglot.training.execution import Objective
from isoglot.training.execution.gather import seen_by_all
from isoglot.training.execution.sharding import (
    ShardedEncoder,
    Sharding,
    shard_optimizer_state,
    whole_optimizer_state,
)
from isoglot.training.retrying import RetriedSteps

__all__ = ["TrainerHooks"]

OBJECTIVE_FILE = "objective.pt"
TOKENIZER = "tokenizer.json"  # where the library saves it
NO_MEASURES = ("epoch", "_time", "runtime", "per_second")
"""Ends of what the trainer adds to the measures of a validation."""


class TrainerHooks(RetriedSteps):
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

    An encoder is spread over the processes (FSDP2) by `ShardedEncoder`, not by accelerate, which shards on GPUs
    alone and knows nothing of an objective's own parameters: it is told that the encoder is prepared.

    Attributes:
        sampler: of the batches; it must be there before `__init__` is called.
        sharding: how the encoder is spread over the processes, if it is; as the sampler.
        start_step: the step that training starts from: 0, or that of the checkpoint continued from.
    """

    model: Any
    is_fsdp_enabled: bool
    sampler: StepSampler
    sharding: Sharding | None = None
    optimizer: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.start_step = 0
        self._saving_to: Path | None = None
        self._keep: int | None = None  # so many of the last checkpoints
        self._deferred: DeferredAdamW | None = None
        self._threads: int | None = None  # torch's outside training steps, where these have fewer
        self._sharded: ShardedEncoder | None = None
        super().__init__(*args, **kwargs)
        self.add_callback(TrueState())

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

    def remaining_steps(self) -> range:
        """Return the steps of `BatchSampler` that the run still takes: from `start_step` to its end."""
        each = self.args.gradient_accumulation_steps
        return range(self.start_step * each, self.args.max_steps * each)

    # -- checkpoints --

    @property
    def best_checkpoint(self) -> Path | None:
        """The best checkpoint by `args.metric_for_best_model`, if there is one."""
        return best_checkpoint_of(self.args, self.state)

    def load_best(self) -> None:
        """Give the encoder the weights of the best checkpoint, if there is one. All processes must ask."""
        best = self.best_checkpoint
        if best is not None and (damage := damage_of(best)):
            raise IsoglotError(f"the best checkpoint, {best}, is damaged on the disk ({damage}): train again")
        if self._sharded is None:
            if best is not None:
                self._load_from_checkpoint(str(best))
            return
        if not any(seen_by_all(best is not None)):
            return
        whole = self._sharded.whole()
        if best is not None and self.args.process_index == 0:
            with self._instead(whole):
                self._load_from_checkpoint(str(best))
        self._sharded.load(whole.state_dict())

    def whole_model(self) -> SentenceTransformer:
        """Return the encoder with all its weights. One that is spread over the processes is put together on the CPU
        of the first process; elsewhere its copy has none. All processes must ask."""
        return self.model if self._sharded is None else self._sharded.whole()

    @contextmanager
    def _instead(self, model: SentenceTransformer) -> Iterator[None]:
        """Have the library take a model for the one that is trained."""
        trained, self.model = self.model, model
        try:
            yield
        finally:
            self.model = trained

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the encoder, with all its weights. All processes must ask."""
        with self._instead(self.whole_model()):
            super().save_model(output_dir, _internal_call)

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
        shutil.rmtree(hidden, ignore_errors=True)  # on a node that does not share the first one's files
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
        if self._sharded is None:
            super()._save_optimizer_and_scheduler(output_dir)
        else:
            state = whole_optimizer_state(self.optimizer)
            if self.args.should_save:
                torch.save(state, Path(output_dir) / OPTIMIZER_NAME)
                torch.save(self.lr_scheduler.state_dict(), Path(output_dir) / SCHEDULER_NAME)
        objective = self._objective_state()  # which a sharded encoder gives in all processes alike
        if self.args.should_save:
            torch.save(objective, Path(output_dir) / OBJECTIVE_FILE)

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
        if self._sharded is not None and optimizer.is_file():
            # the library's way would have each device hold all of it for a moment
            saved = torch.load(optimizer, map_location="cpu", weights_only=True, mmap=True)
            self.optimizer.load_state_dict(shard_optimizer_state(self.optimizer, saved))
            self.lr_scheduler.load_state_dict(torch.load(Path(checkpoint) / SCHEDULER_NAME, weights_only=True))
            return
        super()._load_optimizer_and_scheduler(checkpoint)
        weight = token_vectors_of(self.model)
        if self._deferred is None and weight is not None and optimizer.is_file():
            saved = torch.load(optimizer, map_location="cpu", weights_only=True, mmap=True)
            catch_up_moments(getattr(self.optimizer, "optimizer", self.optimizer), weight, saved)

    def _objective_state(self) -> dict[str, Any]:
        """Return the state of the objective without the encoder: learned temperatures, classifiers, queues."""
        modules = self.loss.named_modules(remove_duplicate=False)
        encoder = tuple(f"{name}." for name, module in modules if module in (self.model, self.model_wrapped))
        return {key: value for key, value in self.loss.state_dict().items() if not key.startswith(encoder)}

    # -- the optimiser --

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Return the optimiser, of this process's shards where the encoder is to be spread; one that was made by
        others is left as it is."""
        if self.sharding is not None and self._sharded is None:
            self._sharded = ShardedEncoder(self.model, self.args.device, self.sharding)
            self.loss.terms.to(self.args.device)
            self.model._is_accelerate_prepared = True  # else it would be wrapped for DDP
        made = self.optimizer is None
        optimizer: Any = super().create_optimizer(model)
        if self._sharded is not None and any(True for _ in self.loss.terms.parameters()):
            for group in optimizer.param_groups:  # shards and whole parameters cannot be updated in one call
                group.update(foreach=False, fused=False)
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

    def _move_model_to_device(self, model: nn.Module, device: torch.device) -> None:
        """Leave an encoder that one device may not hold where it is."""
        if self.sharding is None:
            super()._move_model_to_device(model, device)

    def evaluation_loop(self, *args: Any, **kwargs: Any) -> Any:
        """Measure; of a sharded encoder all processes must embed the same texts at once."""
        before, self.is_fsdp_enabled = self.is_fsdp_enabled, self.is_fsdp_enabled or self._sharded is not None
        try:
            return super().evaluation_loop(*args, **kwargs)
        finally:
            self.is_fsdp_enabled = before

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Measure, with all threads."""
        with torch_threads(self._threads or torch.get_num_threads()):
            return super().evaluate(*args, **kwargs)

    def _quick_vectors(self) -> nn.Parameter | None:
        """Return the token vectors of a static encoder that may be updated where they occur alone."""
        fast = isinstance(self.loss, Objective) and "adamw" in self.loss.embedder.fast
        return token_vectors_of(self.model) if fast and self.args.world_size == 1 and not self.args.fp16 else None

    @contextmanager
    def _few_threads(self) -> Iterator[None]:
        weight, threads = self._quick_vectors(), torch.get_num_threads()
        few = weight is not None and weight.device.type == "cpu" and threads <= FEW_THREADS
        self._threads = threads if few else None
        try:
            with torch_threads(1 if few else threads):
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


def _shapes(state: dict[str, Any]) -> dict[str, Any]:
    return {key: value.shape for key, value in state.items() if isinstance(value, Tensor)}


def _listed(state: dict[str, Any]) -> str:
    return ", ".join(f"{key} {tuple(shape or ())}" for key, shape in _shapes(state).items()) or "no parameters"
