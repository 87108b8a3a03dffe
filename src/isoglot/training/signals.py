"""SIGTERM while training: save a checkpoint and stop, so that clusters can take a machine back."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

import torch
from transformers import TrainerCallback

from isoglot.errors import IsoglotError

__all__ = ["StopOnSignal", "TrainingStopped"]

AGREE_EVERY = 8  # steps; processes that asked each other at every step would wait for the device each time


class TrainingStopped(IsoglotError):
    """Training was asked to stop and did, after saving a checkpoint: no failure."""

    exit_code = 0


class StopOnSignal(TrainerCallback):
    """Has the trainer save a checkpoint and stop after the step in which SIGTERM arrives.

    A context manager: the signal is heard inside it, by the main thread only, as Python asks; then the old handler
    is put back. Of several processes it is enough that one gets the signal.

    Attributes:
        asked: whether the signal has come.
    """

    def __init__(self) -> None:
        self.asked = False
        self._old: Any = None
        self._installed = False

    def __enter__(self) -> StopOnSignal:
        if threading.current_thread() is threading.main_thread():
            self._old = signal.signal(signal.SIGTERM, self._hear)
            self._installed = True
        return self

    def __exit__(self, *_: object) -> None:
        if self._installed:
            # None: the old handler was not set from Python, and cannot be put back by it
            signal.signal(signal.SIGTERM, signal.SIG_DFL if self._old is None else self._old)
            self._installed = False

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.asked = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Stop if the signal has come, to this process or to another one."""
        if args.world_size > 1:
            if state.global_step % AGREE_EVERY:
                return
            asked = torch.tensor(float(self.asked), device=args.device)
            torch.distributed.all_reduce(asked, torch.distributed.ReduceOp.MAX)
            self.asked = bool(asked.item())
        if self.asked and state.global_step < state.max_steps:
            control.should_save = True
            control.should_training_stop = True
