"""What a run says of itself while it lasts: rows of losses on a terminal, and how long it will take."""

from __future__ import annotations

import logging
import time
from typing import Any

from transformers import ProgressCallback, TrainerCallback

__all__ = ["ProgressInRows", "TellDuration", "log_row"]

logger = logging.getLogger(__name__)

WARM_UP, TIMED = 3, 10  # steps that are slower than others, and steps after them that are timed
LONG = 600  # seconds that are worth saying


def log_row(step: int, steps: int, logs: dict[str, float]) -> str:
    """Return a row of what is logged at a step of a run of so many; empty where there is no loss."""
    if "loss" not in logs:
        return ""
    shown = [f"step {step:>{len(f'{steps:,}')},} of {steps:,}", f"loss {logs['loss']:.4f}"]
    shown += [f"{name} {value:.4g}" for name, value in logs.items() if name not in ("loss", "epoch")]
    return "  ".join(shown)


class ProgressInRows(ProgressCallback):
    """The trainer's bar, with a row for each thing that is logged in place of a dictionary."""

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        """Write a row above the bar."""
        row = log_row(state.global_step, state.max_steps, logs or {})
        if row and state.is_world_process_zero and self.training_bar is not None:
            self.training_bar.write(row)


class TellDuration(TrainerCallback):
    """Says after the first steps how long the rest will take, if that is long."""

    def __init__(self) -> None:
        self._done = 0
        self._since = 0.0

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Measure, and say it once."""
        self._done += 1
        if self._done == WARM_UP:
            self._since = time.perf_counter()
        if self._done != WARM_UP + TIMED or not state.is_world_process_zero:
            return
        each = (time.perf_counter() - self._since) / TIMED
        left = each * (state.max_steps - state.global_step)
        if left >= LONG:
            hours, minutes = divmod(round(left / 60), 60)
            told = f"{hours} h {minutes} min" if hours else f"{minutes} min"
            logger.info(
                "about %s to go: %d steps of %.2g s, validations not counted",
                *(told, state.max_steps - state.global_step, each),
            )
