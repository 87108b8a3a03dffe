"""The page of a leaderboard: a table for each thing measured, and how a model is added to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from isoglot.collections.comparable import collection_hash
from isoglot.measures import measure_of
from isoglot.reporting.comparison import COMPARED, side_by_side
from isoglot.reporting.inspection import Inspection
from isoglot.reporting.page import Fact, render_page, write_page
from isoglot.reporting.report import lead_of, words_of
from isoglot.reporting.result_like import ResultLike
from isoglot.reporting.words import listed

__all__ = ["write_leaderboard"]


class BoardLike(Protocol):
    """An `isoglot.evaluation.Board`, which stands above the pages."""

    @property
    def results(self) -> Mapping[str, ResultLike]:
        """Name -> result, best first."""

    @property
    def measure(self) -> str:
        """The rank measure of the board."""

    @property
    def ranked_by(self) -> str | None:
        """What models are ordered by."""

    @property
    def collection(self) -> str:
        """What the collection is called."""

    def finding(self) -> str:
        """Which comes first."""

    def notes(self) -> list[str]:
        """What is to be said of all its figures."""

    def reservations(self) -> dict[str, list[str]]:
        """Name -> where a claim does not hold."""

    def settings(self, name: str) -> dict[str, Any]:
        """How a model encoded texts."""

    def command(self) -> str:
        """What measures one more model."""


class LeaderboardLike(Protocol):
    """An `isoglot.evaluation.Leaderboard`."""

    @property
    def boards(self) -> Sequence[BoardLike]:
        """The boards."""

    @property
    def differs(self) -> str | None:
        """Why figures of different boards do not compare."""

    def command(self) -> str:
        """What shows all this with one more result."""


def write_leaderboard(
    leaderboard: LeaderboardLike, path: str | Path, *, command: str | None = None, title: str | None = None
) -> Path:
    """Write a leaderboard as one self-contained HTML file.

    Args:
        leaderboard: as `make_leaderboard` gives it.
        path: of the file.
        command: the command line, for "How this was made".
        title: of the page; by default, the collections.

    Returns:
        The path.

    Raises:
        InputError: the file cannot be written.
    """
    boards = leaderboard.boards
    collections = list(dict.fromkeys(board.collection for board in boards))
    headline = title or f"Retrievers on {listed(collections)}"
    results = [result for board in boards for result in board.results.values()]
    context = {
        "title": f"isoglot: {headline}",
        "kicker": "isoglot leaderboard",
        "headline": headline,
        "lead": lead_of(results[0]) if len(boards) == 1 else "",
        "differs": leaderboard.differs,
        "boards": [_part(board) for board in boards],
        "again": leaderboard.command(),
        "words": words_of(results),
        "facts": [Fact("Command", command, code=True)] if command else [],
    }
    return write_page(path, render_page("leaderboard.html", context, figures=False))


def _part(board: BoardLike) -> dict[str, Any]:
    """Return everything of one board that `leaderboard.html` asks for."""
    first = next(iter(board.results.values()))
    table = side_by_side(
        {name: Inspection(result, name) for name, result in board.results.items()},
        keys=[key.replace(".AP", f".{board.measure}") for key in COMPARED],
        label=f"Models on {board.collection}, best first",
    )
    return {
        "name": board.collection,
        "lead": lead_of(first),
        "finding": board.finding(),
        "notes": board.notes(),
        "table": table,
        "ranked_by": "" if board.ranked_by is None else measure_of(board.ranked_by).label,
        "reservations": [Fact(name, " ".join(told)) for name, told in board.reservations().items()],
        "models": [Fact(name, _how(board, name)) for name in board.results],
        "hash": collection_hash(first),
        "command": board.command(),
    }


def _how(board: BoardLike, name: str) -> str:
    """Say how a row was made, as far as its result says."""
    result: Any = board.results[name]
    made, machine = getattr(result, "made", None) or {}, getattr(result, "hardware", None) or {}
    parts = [f"{key.replace('_', ' ')} {value!r}" for key, value in board.settings(name).items()]
    parts += [", ".join(machine.get("gpus") or []) or str(machine.get("cpu") or "")]
    parts += [f"isoglot {version}" if (version := result.versions.get("isoglot")) else ""]
    parts += [str(made.get("date") or "")[:10]]
    return ", ".join(part for part in parts if part) or "Its result does not say."
