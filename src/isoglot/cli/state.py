"""What holds for the whole program: how much it says."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

__all__ = ["State", "console", "own_command", "state"]


@dataclass
class State:
    """Options of the whole program."""

    quiet: bool = False
    debug: bool = False

    @property
    def progress(self) -> bool:
        """Whether long steps show progress: on a terminal, unless told to be quiet."""
        return not self.quiet and sys.stderr.isatty()


state = State()


def console() -> Console:
    """Return where tables are shown; wide enough for them when it is no terminal."""
    plain = Console()
    return plain if plain.is_terminal else Console(width=140)


def own_command() -> str | None:
    """Return the command line, for pages to show; None where the program is called from Python."""
    return "isoglot " + " ".join(sys.argv[1:]) if Path(sys.argv[0]).stem == "isoglot" else None
