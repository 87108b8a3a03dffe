"""The command line: words to calls, no logic."""

from isoglot.cli.program import main

__all__ = ["main"]
