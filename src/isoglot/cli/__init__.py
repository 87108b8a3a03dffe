"""The command line: words to calls, no logic."""

from isoglot.cli.main import main

__all__ = ["main"]
