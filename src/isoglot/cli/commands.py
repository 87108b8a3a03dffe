"""The top-level commands."""

from __future__ import annotations

import typer

from isoglot.cli.compare import compare
from isoglot.cli.evaluate import evaluate
from isoglot.cli.mine import mine
from isoglot.cli.study import demo
from isoglot.cli.train import train

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (demo, train, evaluate, compare, mine):
        app.command()(command)
