"""The report and the figures of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from isoglot.cli.state import own_command

if TYPE_CHECKING:
    from isoglot.collections import Collection
    from isoglot.evaluation import Compared, Result

__all__ = ["write_pages"]


def write_pages(
    results: Sequence[Result],
    collection: Collection,
    page: Path | None,
    figures: Path | None,
    tests: Sequence[Compared] = (),
) -> None:
    """Write report and figures; with the geometry view and the worst queries where there are embeddings."""
    from isoglot.reporting import write_figures, write_report

    arms = [arm for result in results for arm in _arms(result, collection)]
    if page is not None:
        write_report(arms, page, command=own_command(), metadata=collection.metadata, tests=tests)
    if figures is not None:
        write_figures(arms, figures)


def _arms(result: Result, collection: Collection) -> list[Result]:
    """Return what is shown of a result: of a merged ranking the system's own too."""
    from isoglot.collections.cautions import POOL
    from isoglot.reporting import inspect_result

    shown: Any = result.before or result  # the worst queries are shown in the system's own ranking
    # the worst queries are shown with their rankings of all documents
    if result.embeddings is not None and "multilingual_AP" in result.per_query and POOL not in (result.made or {}):
        shown = inspect_result(shown, collection, *result.embeddings)
    return [shown] if result.before is None else [shown, result]
