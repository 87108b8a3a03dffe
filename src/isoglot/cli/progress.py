"""Progress of long commands: a bar on a terminal, nothing elsewhere or when quiet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["demo_progress"]


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
