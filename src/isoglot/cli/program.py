"""The program: its commands, and `main`, which turns every ending into an exit status and one sentence."""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from isoglot.cli import catalogue, data, lexicon, own, quality, study, translate  # noqa: F401 - some add commands to data
from isoglot.cli.card import card
from isoglot.cli.compare import compare
from isoglot.cli.doctor import doctor
from isoglot.cli.evaluate import evaluate
from isoglot.cli.index import index, search
from isoglot.cli.leaderboard import leaderboard
from isoglot.cli.mine import mine
from isoglot.cli.repair import repair
from isoglot.cli.serve import serve
from isoglot.cli.signals import Terminated, ending_on_sigterm
from isoglot.cli.state import state
from isoglot.cli.study import demo
from isoglot.cli.train import train
from isoglot.errors import IsoglotError, is_out_of_memory
from isoglot.stores import refuse_secrets, without_secrets

# typer carries its own copy of click and does not export the base of its usage errors
UsageError: type[Any] = typer.BadParameter.__mro__[1]

__all__ = ["app", "leave_processes", "main"]

BAD_PATHS = (errno.ENAMETOOLONG, errno.ELOOP, errno.EROFS)


def app() -> typer.Typer:
    """Return the program with all its commands."""
    found = typer.Typer(
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Train, measure and repair multilingual retrievers.",
    )

    @found.callback()
    def options(
        quiet: bool = typer.Option(False, "--quiet", "-q", help="Show no progress and no notes."),
        debug: bool = typer.Option(False, "--debug", help="Show the traceback of an error."),
        version: bool = typer.Option(
            False, "--version", is_eager=True, callback=_show_version, help="Show the version and exit."
        ),
    ) -> None:
        state.quiet, state.debug = quiet, debug
        _set_up_logging(quiet)

    for command in (demo, train, evaluate, compare, leaderboard, card, mine, index, search, repair, serve, doctor):
        found.command()(command)
    found.add_typer(data.app, name="data")
    found.add_typer(study.app, name="study")
    return found


def _show_version(wanted: bool) -> None:
    if wanted:
        from isoglot import __version__

        typer.echo(f"isoglot {__version__}")
        raise typer.Exit


def _set_up_logging(quiet: bool) -> None:
    """Show our own notes; libraries speak only when something is wrong with what the user did."""
    logging.basicConfig(level=logging.ERROR, format="%(message)s", stream=sys.stderr, force=True)
    logging.getLogger("isoglot").setLevel(logging.WARNING if quiet else logging.INFO)
    for library in ("huggingface_hub", "httpx", "httpx2", "sentence_transformers", "transformers", "datasets"):
        logging.getLogger(library).setLevel(logging.ERROR)
    os.environ.setdefault("HF_HUB_VERBOSITY", "error")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "true")
    warnings.filterwarnings("ignore")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Args:
        arguments: what follows the program's name; `sys.argv[1:]` if None.

    Returns:
        Exit status: 0 done, 1 the run failed, 2 bad usage or bad input, 130 interrupted, 143 ended by SIGTERM (but
        for training, which saves a checkpoint: 0).
    """
    try:
        with ending_on_sigterm():
            return _run(list(sys.argv[1:] if arguments is None else arguments))
    finally:
        leave_processes()


def leave_processes() -> None:
    """Take leave of the other processes of a run, if there are any.

    Left to the interpreter's end, the threads that listen to them abort the program. And the trainer must be gone
    before: freed later it would take them down while it holds the interpreter lock that they wait for.
    """
    distributed = sys.modules.get("torch.distributed")  # imported by training alone, and slow to import
    if distributed is not None and distributed.is_available() and distributed.is_initialized():
        gc.collect()
        distributed.destroy_process_group()


def _run(arguments: list[str]) -> int:
    """Run the command line; return the exit status, whatever happens."""
    # Options of the whole program may stand anywhere, as in `isoglot train … --quiet`.
    everywhere = {"--quiet", "-q", "--debug"}
    arguments = [a for a in arguments if a in everywhere] + [a for a in arguments if a not in everywhere]
    state.debug = "--debug" in arguments
    try:
        for one in arguments:
            refuse_secrets(one.partition("=")[2] if one.startswith("--") else one)
        outcome = app()(args=arguments, prog_name="isoglot", standalone_mode=False)
        return outcome if isinstance(outcome, int) else 0
    except UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # its message is the help text
            typer.echo(error.format_message(), err=True)
            return 2
        hint = error.ctx.command_path if error.ctx else "isoglot"
        return _fail(f"{error.format_message()} (see {hint} --help)", 2)
    except (typer.Abort, KeyboardInterrupt):
        return _fail("interrupted", 130)
    except Terminated as error:
        return _fail("ended as SIGTERM asked", error.status)
    except BrokenPipeError:
        # The reader of our output (head, say) has gone; that is no failure of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except IsoglotError as error:
        return _fail(str(error), error.exit_code)
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split())
        return _fail(f"{reason}: {error.filename}" if error.filename else reason, 2 if _is_refused(error) else 1)
    except Exception as error:
        if is_out_of_memory(error):
            return _fail("out of memory; try a smaller --batch-size", 1)
        said = " ".join(str(error).split()) or "no message"
        return _fail(f"unexpected {type(error).__name__}: {said[:300]} (this is a bug; --debug shows where)", 1)


def _is_refused(error: OSError) -> bool:
    """Tell whether a path that the user gave is at fault, and not the run: one that may not be read or written."""
    return isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError) or error.errno in BAD_PATHS


def _fail(sentence: str, status: int) -> int:
    if state.debug:
        typer.echo(without_secrets(traceback.format_exc()), err=True)
    typer.echo(f"isoglot: {without_secrets(sentence)}", err=True)
    return status
