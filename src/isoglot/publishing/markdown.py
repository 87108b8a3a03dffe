"""Markdown of cards: text as such, tables, and parts that are found again and replaced."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["part", "parts_of", "plain", "table", "without_place"]

HIDDEN = "<!-- isoglot {}{} -->"


def plain(text: object) -> str:
    """Return a text in one line in which nothing is markup of Markdown's tables, HTML or links."""
    line = " ".join(str(text).split())
    return re.sub(r"([\\|`*_\[\]])", r"\\\1", line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;"))


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table whose first column is words and the others figures; cells are Markdown already."""
    lines = [heads, ["---", *["---:"] * (len(heads) - 1)], *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def part(name: str, text: str) -> str:
    """Return a text between comments that readers do not see, by which `parts_of` finds it."""
    return f"{HIDDEN.format('', name)}\n{text.strip()}\n{HIDDEN.format('/', name)}"


def parts_of(text: str, name: str) -> dict[str, str]:
    """Return the parts of a text whose name matches a pattern: name -> all of it, comments included, in order."""
    found = re.finditer(rf"<!-- isoglot ({name}) -->\n.*?<!-- isoglot /\1 -->", text, re.DOTALL)
    return {one[1]: one[0] for one in found}


def without_place(value: str) -> str:
    """Return a path without the folders of the machine that it is on; what is no absolute path, as it is."""
    if not re.match(r"(?:[/~\\]|[A-Za-z]:[\\/])", value):
        return value
    return re.split(r"[\\/]", value.rstrip("/\\"))[-1]
