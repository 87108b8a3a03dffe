"""Progress of long commands: a bar on a terminal, nothing elsewhere or when quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

__all__ = ["demo_progress", "text_progress"]


@contextmanager
def demo_progress(shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that is told what is being done, how many runs are done, and of how many.

    Args:
        shown: draw a progress bar on standard error; else nothing is shown.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total} runs"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), disable=not shown) as progress:
        task = progress.add_task("", total=None)

        def show(text: str, done: int, total: int) -> None:
            progress.update(task, description=text, completed=done, total=total)

        yield show
        progress.update(task, description="done", completed=progress.tasks[0].total)


@contextmanager
def text_progress(shown: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Yield a function that is told what is being done, how many texts are done, and of how many.

    A new description starts a new bar, with its own rate (texts a second) and remaining time.

    Args:
        shown: draw progress bars on standard error; else nothing is shown.
    """
    rate = TextColumn("{task.fields[rate]}")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as progress:
        tasks: dict[str, TaskID] = {}

        def show(text: str, done: int, total: int) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=total, rate="")
            speed = progress.tasks[tasks[text]].speed
            said = "" if speed is None else f"{speed:,.1f} texts/s"
            progress.update(tasks[text], completed=done, total=total, rate=said)

        yield show


@contextmanager
def download_progress(shown: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """Yield a function that is told which file is downloaded, how many bytes are there, and of how many.

    Args:
        shown: draw a progress bar for each file on standard error; else nothing is shown.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, TimeRemainingColumn(), console=screen, disable=not shown) as progress:
        tasks: dict[str, TaskID] = {}

        def show(name: str, done: int, total: int | None) -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total)
            progress.update(tasks[name], completed=done, total=total)

        yield show
