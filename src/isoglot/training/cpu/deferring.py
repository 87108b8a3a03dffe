"""What a trainer does to have the token vectors of a static encoder updated only where they occur."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from transformers.trainer import OPTIMIZER_NAME

from isoglot.training.cpu.deferred import DeferredAdamW, catch_up_moments
from isoglot.training.execution import Objective

__all__ = ["DeferringMixin"]

FEW_THREADS = 2
"""Of so many threads torch gets one. Its parallel loops are so short here that they gain little, and each waits for
a thread that has lost its core to another program: beside a busy one a step took five times as long with two
threads as with one. More than two were not tried, and are left as they are."""


@contextmanager
def _torch_threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


class DeferringMixin:
    """Trains static encoders on a CPU, in one process, by `DeferredAdamW` where the optimiser is AdamW.

    Everywhere else the whole matrix of token vectors has a gradient and is updated, as any parameter. Goes before
    `SentenceTransformerTrainer` among the bases.
    """

    args: Any
    model: nn.Module
    loss: nn.Module
    optimizer: Any

    _deferred: DeferredAdamW | None = None
    _threads: int | None = None  # torch's outside training steps, where these have fewer

    def create_optimizer(self, model: nn.Module | None = None) -> torch.optim.Optimizer:
        """Return the optimiser; one that was made by others is left as it is."""
        made = self.optimizer is None
        optimizer: Any = super().create_optimizer(model)  # type: ignore[misc]
        weight = self._token_vectors()
        if made:
            self._deferred = None
            if weight is not None and self._defers() and DeferredAdamW.fits(optimizer, weight):
                self.optimizer = optimizer = self._deferred = DeferredAdamW(optimizer, weight)
        if self._deferred is not None:
            self.loss.embedder.vectors = self._deferred  # type: ignore[union-attr]
            self._deferred.threads = self._threads or 1
            self._deferred.watch(self.model[0].embedding)  # type: ignore[index]
        return optimizer

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train; all token vectors are up to date afterwards."""
        weight, threads = self._token_vectors(), torch.get_num_threads()
        few = weight is not None and weight.device.type == "cpu" and self._defers() and threads <= FEW_THREADS
        self._threads = threads if few else None
        try:
            with _torch_threads(1 if few else threads):
                return super().train(*args, **kwargs)  # type: ignore[misc]
        finally:
            self._threads = None
            if self._deferred is not None:
                self._deferred.release()
                self.loss.embedder.vectors = None  # type: ignore[union-attr]

    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        """Measure, with all threads."""
        with _torch_threads(self._threads or torch.get_num_threads()):
            return super().evaluate(*args, **kwargs)  # type: ignore[misc]

    def _token_vectors(self) -> nn.Parameter | None:
        """Return the matrix of token vectors, if the encoder is static."""
        embedding = (
            getattr(self.model[0], "embedding", None) if isinstance(self.model, SentenceTransformer) else None
        )
        if not isinstance(embedding, nn.EmbeddingBag) or embedding.mode != "mean":
            return None
        weight: nn.Parameter = embedding.weight  # type: ignore[assignment]
        return weight

    def _defers(self) -> bool:
        return self.args.world_size == 1 and not self.args.fp16 and isinstance(self.loss, Objective)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        """Restore the optimiser; what a `DeferredAdamW` left for later is made up for where there is none here."""
        super()._load_optimizer_and_scheduler(checkpoint)  # type: ignore[misc]
        path, weight = Path(checkpoint or "") / OPTIMIZER_NAME, self._token_vectors()
        if checkpoint is None or self._deferred is not None or weight is None or not path.is_file():
            return
        saved = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        catch_up_moments(getattr(self.optimizer, "optimizer", self.optimizer), weight, saved)

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        """Return the norm of all gradients, which are made smaller where it is too large."""
        if self._deferred is None:
            return super()._clip_grad_norm(model)  # type: ignore[misc]
        return self._norm(model, self._deferred, self.args.max_grad_norm)

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        """Return the norm of all gradients."""
        if grad_norm is None and self._deferred is not None:
            return self._norm(model, self._deferred, math.inf)
        return super()._get_grad_norm(model, grad_norm=grad_norm)  # type: ignore[misc]

    def _norm(self, model: nn.Module, deferred: DeferredAdamW, most: float) -> Tensor:
        """Clip gradients as the library does, those that the optimiser holds with the others."""
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        if deferred.gradient is not None:
            gradients.append(deferred.gradient)
        norm = torch.nn.utils.get_total_norm(gradients)
        if norm > most:
            for gradient in gradients:
                gradient.mul_(most / (norm + 1e-6))
        return norm
