"""`Clock`: how long each step of an evaluation took."""

from __future__ import annotations

import time

__all__ = ["Clock"]


class Clock:
    """Measures laps; `seconds` is what goes into the result file.

    Attributes:
        seconds: step -> wall-clock seconds, in order.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note the time since the last lap under a name."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now
