"""Progress of long commands: a bar on a terminal, nothing elsewhere or when quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.text import Text

__all__ = ["demo_progress", "download_progress", "text_progress"]

Notify = Callable[[str, int, int | None], None]
"""Is told what is being done, how much of it is done, and of how much."""


def _progress(shown: bool, *columns: ProgressColumn) -> Progress:
    console = Console(stderr=True)
    return Progress(TextColumn("{task.description}"), BarColumn(), *columns, console=console, disable=not shown)


@contextmanager
def demo_progress(shown: bool) -> Iterator[Notify]:
    """Yield what draws one bar on standard error, of runs, if it is to be shown."""
    columns = (TextColumn("{task.completed}/{task.total} runs"), TimeElapsedColumn())
    with _progress(shown, *columns) as progress:
        task = progress.add_task("", total=None)
        yield lambda text, done, total: progress.update(task, description=text, completed=done, total=total)
        progress.update(task, description="done", completed=progress.tasks[0].total)


@contextmanager
def _bars(shown: bool, *columns: ProgressColumn) -> Iterator[Notify]:
    """Yield what draws a bar on standard error for each thing that is done, if they are to be shown."""
    with _progress(shown, *columns, TimeRemainingColumn()) as progress:
        tasks: dict[str, TaskID] = {}

        def show(text: str, done: int, total: int | None) -> None:
            if text not in tasks:
                tasks[text] = progress.add_task(text, total=total)
            progress.update(tasks[text], completed=done, total=total)

        yield show


class _Rate(ProgressColumn):
    """Texts a second."""

    def render(self, task: Task) -> Text:
        """Write it, once it is known."""
        return Text("" if task.speed is None else f"{task.speed:,.1f} texts/s")


def text_progress(shown: bool) -> AbstractContextManager[Notify]:
    """Return bars of texts, with their rate and remaining time."""
    return _bars(shown, MofNCompleteColumn(), _Rate())


def download_progress(shown: bool) -> AbstractContextManager[Notify]:
    """Return bars of the bytes of files."""
    return _bars(shown, DownloadColumn(), TransferSpeedColumn())
