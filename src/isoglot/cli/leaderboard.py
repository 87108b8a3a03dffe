"""`isoglot leaderboard`: many models on many collections, best first, without tests between them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isoglot.cli.state import console, own_command
from isoglot.cli.tables import models_table

__all__ = ["leaderboard"]


def leaderboard(
    results: Annotated[list[Path], typer.Argument(metavar="RESULT…", help="Files of evaluate --json.")],
    json_file: Annotated[Path | None, typer.Option("--json", help="Write all tables here, as figures.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write all tables here, as a page.")] = None,
) -> None:
    """Show results of many models, best first: a table a collection, where figures do not hold, how to add one."""
    from isoglot.evaluation import Result, make_leaderboard
    from isoglot.files import write_result_file

    found = make_leaderboard([(str(path), Result.from_json(path)) for path in results])
    if json_file is not None:
        write_result_file(found.to_dict(), json_file)
    if html_file is not None:
        from isoglot.reporting import write_leaderboard

        write_leaderboard(found, html_file, command=own_command())
    shell = console()

    def say(text: str) -> None:
        shell.print(text, highlight=False, markup=False, soft_wrap=True)

    for board in found.boards:
        shell.print(models_table(board.results, best_first=True, measure=board.measure))
        say(board.finding())
        for sentence in board.notes():
            say(f"note: {sentence}")
        for name, sentences in board.reservations().items():
            for sentence in sentences:
                say(f"note: {name}: {sentence}")
        say(f"To add a model: {board.command()}\n")
    if found.differs:
        say(found.differs)
    say(f"All this with one more result: {found.command()}")
