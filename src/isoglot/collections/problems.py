"""What is wrong with an input: counted by reason, the first few cases kept for the message."""

from __future__ import annotations

import logging

import numpy as np

from isoglot.errors import InputError

__all__ = ["Problems"]

logger = logging.getLogger(__name__)

SHOWN = 3


class Problems:
    """Collects the problems of one input, so that a user sees all of them at once, not one a run.

    Args:
        source: what is being read, for the message.
        lenient: leave the rows concerned out and say how many, instead of failing.
    """

    def __init__(self, source: str, lenient: bool = False) -> None:
        self.source = source
        self.lenient = lenient
        self.counts: dict[str, int] = {}
        self.cases: dict[str, list[str]] = {}

    def add(self, reason: str, where: str, case: str = "") -> None:
        """Count one case of `reason`, found at `where`."""
        self.counts[reason] = self.counts.get(reason, 0) + 1
        shown = self.cases.setdefault(reason, [])
        if len(shown) < SHOWN:
            shown.append(f"{where}: {case}" if case else where)

    def sample(self, rows: np.ndarray, reason: str) -> list[int]:
        """Return the rows worth showing and count the rest, so that a million bad rows cost nothing."""
        if len(rows) > SHOWN:
            self.counts[reason] = self.counts.get(reason, 0) + len(rows) - SHOWN
        return [int(row) for row in rows[:SHOWN]]

    def finish(self) -> dict[str, int]:
        """Raise if there were problems; in lenient mode log what was left out.

        Returns:
            Reason -> number of rows left out.

        Raises:
            InputError: there were problems and the reading is strict.
        """
        if not self.counts:
            return {}
        parts = []
        for reason, count in self.counts.items():
            cases = self.cases.get(reason, [])
            more = f" and {count - len(cases):,} more" if count > len(cases) else ""
            parts.append(f"{reason} ({'; '.join(cases)}{more})")
        if self.lenient:
            logger.warning("%s: left out %s", self.source, "; ".join(parts))
            return dict(self.counts)
        remedy = "Correct it, or leave such rows out with --lenient"
        raise InputError(f"{self.source}: {'; '.join(parts)}. {remedy}")
