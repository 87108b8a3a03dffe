"""docs/leaderboard.md shows what benchmarks/results/leaderboard.json holds, and the commands that made it."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from isoglot.measures import measure_of
from loading import load_script

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "leaderboard.md").read_text(encoding="utf-8")
HELD = json.loads((ROOT / "benchmarks" / "results" / "leaderboard.json").read_text(encoding="utf-8"))
BOARDS = {board["collection"]: board for board in HELD["boards"]}


@pytest.fixture(scope="module")
def script() -> ModuleType:
    return load_script("benchmarks/leaderboard.py")


def rows_shown(collection: str) -> list[list[str]]:
    part = PAGE.partition(f"<!-- {collection} -->")[2].partition("<!-- end -->")[0]
    lines = [line for line in part.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def number(text: str) -> float:
    return float(text.replace(",", "").replace("−", "-").replace("+", ""))


@pytest.mark.parametrize("collection", BOARDS)
def test_the_page_is_what_the_script_writes(collection, script):
    assert script.board_text(BOARDS[collection]) in PAGE
    assert script.page_text(PAGE, HELD["boards"]) == PAGE


@pytest.mark.parametrize("collection", BOARDS)
def test_every_figure_on_the_page_is_that_of_the_file(collection):
    board, shown = BOARDS[collection], rows_shown(collection)
    assert [row[0] for row in shown] == [row["model"] for row in board["rows"]]
    for cells, row in zip(shown, board["rows"], strict=True):
        for cell, (key, figure) in zip(cells[1:], row["figures"].items(), strict=True):
            form = measure_of(key).form
            factor, most = (100, 0.051) if form == "points" else (1, 0.51 if form == "rank" else 0.00051)
            value, _, interval = cell.partition(" [")
            numbers = [number(one) for one in (value, *interval.rstrip("]").split(", "))]
            held = [figure[name] * factor for name in ("value", "low", "high")]
            assert numbers == pytest.approx(held, abs=most), (row["model"], key)
    values = [row["figures"][board["ranked_by"]]["value"] for row in board["rows"]]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("collection", BOARDS)
def test_every_row_has_the_command_that_made_it(collection, script):
    for row in BOARDS[collection]["rows"]:
        commands = script.ROWS[Path(row["file"]).stem]
        assert commands[-1].endswith(f"--json {row['file']}")
        for command in commands:
            assert f"\n    {command}\n" in PAGE


def test_the_file_tells_no_place_of_a_machine():
    text = json.dumps(HELD)
    assert "/tmp" not in text
    assert "/root" not in text
    assert "/work" not in text


def test_what_does_not_compare_is_said_so():
    if len(BOARDS) > 1:
        assert "differ in collection" in HELD["differs"]


def test_marks_are_replaced_with_what_is_between_them(script):
    board: dict[str, Any] = {**next(iter(BOARDS.values())), "collection": "toy"}
    page = "before\n<!-- toy -->\n\nold | figures\n\n<!-- end -->\nafter\n"
    written = script.page_text(page, [board])
    assert written.startswith("before\n<!-- toy -->\n\n")
    assert written.endswith("\n\n<!-- end -->\nafter\n")
    assert "old | figures" not in written
    assert script.page_text(written, [board]) == written
