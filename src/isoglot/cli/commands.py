"""The top-level commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isoglot.cli.compare import compare
from isoglot.cli.data import _tags
from isoglot.cli.evaluate import evaluate
from isoglot.cli.mine import mine
from isoglot.cli.progress import demo_progress
from isoglot.cli.state import console, state
from isoglot.cli.train import train

__all__ = ["register"]


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the report, the results and a trained model.")] = Path(
        "demo"
    ),
    seeds: Annotated[int, typer.Option(help="Runs of each strategy.", min=1)] = 3,
    steps: Annotated[int, typer.Option(help="Optimiser steps of each run.", min=1)] = 450,
    languages: Annotated[str | None, typer.Option(help="Languages of worldfacts; twelve by default.")] = None,
) -> None:
    """The whole story on the embedded default: build, train four strategies, compare, write a report."""
    import logging

    from isoglot.cli.tables import estimates_table
    from isoglot.studies.demo import DEMO_LANGUAGES, run_demo

    logging.getLogger("isoglot").setLevel(logging.WARNING)
    with demo_progress(state.progress) as notify:
        outcome = run_demo(
            out, seeds=seeds, steps=steps, languages=tuple(_tags(languages) or DEMO_LANGUAGES), notify=notify
        )
    console().print(estimates_table(outcome.estimates))
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in outcome.seconds.items())
    typer.echo(f"{seconds}. Report: {outcome.report}  Model (hybrid batches): {out / 'model'}")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (demo, train, evaluate, compare, mine):
        app.command()(command)
