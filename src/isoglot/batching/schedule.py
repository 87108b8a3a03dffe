"""`Schedule`: a rate that changes by step."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from isoglot.errors import InputError

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """A rate that moves from `start` to `end` over `steps` steps and stays there.

    Attributes:
        shape: `constant` (always `start`), `linear` or `cosine`.
        start: rate at step 0, in [0, 1].
        end: rate from step `steps` on, in [0, 1]; equals `start` if constant.
        steps: how many steps the change takes.

    Example:
        >>> schedule = Schedule("linear", 1.0, 0.5, steps=1000)
        >>> [schedule.rate(step) for step in (0, 500, 5000)]
        [1.0, 0.75, 0.5]
    """

    shape: Literal["constant", "linear", "cosine"]
    start: float
    end: float | None = None
    steps: int = 0

    def __post_init__(self) -> None:
        if self.shape not in ("constant", "linear", "cosine"):
            raise InputError(f"no schedule {self.shape!r}: choose constant, linear or cosine")
        if self.end is None:
            object.__setattr__(self, "end", self.start)
        for name, rate in (("start", self.start), ("end", self._end)):
            if not 0 <= rate <= 1:
                raise InputError(f"a schedule's {name} must lie between 0 and 1, not {rate}")
        if self.shape != "constant" and self.steps < 1:
            raise InputError(f"a {self.shape} schedule needs the number of steps it takes, at least 1")

    @property
    def _end(self) -> float:
        return self.start if self.end is None else self.end

    def rate(self, step: float) -> float:
        """Return the rate at a step."""
        if self.shape == "constant":
            return self.start
        done = min(step / self.steps, 1.0)
        if self.shape == "cosine":
            done = (1 - math.cos(math.pi * done)) / 2
        return self.start + (self._end - self.start) * done

    def total(self, step: int) -> float:
        """Return the integral of the rate over steps [0, step), in closed form: any step costs the same."""
        if self.shape == "constant":
            return self.start * step
        within = min(step, self.steps)
        if self.shape == "linear":
            moved = within * within / (2 * self.steps)
        else:
            moved = within / 2 - self.steps / (2 * math.pi) * math.sin(math.pi * within / self.steps)
        return self.start * within + (self._end - self.start) * moved + self._end * (step - within)

    @property
    def range(self) -> tuple[float, float]:
        """Lowest and highest rate ever reached."""
        low, high = sorted((self.start, self._end))
        return low, high
