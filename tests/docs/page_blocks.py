"""Commands of the pages of the documentation, and why some are not run."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MARKER = re.compile(r"<!-- not run: (.+) -->")
REASONS = re.compile(
    r"downloads? |is downloaded|are downloaded|GPUs?\b|needs a server|a cluster|takes (minutes|long)|account"
)
PROGRAMS = ("curl", "export", "git", "ir_measures", "isoglot", "make", "pip", "python", "ray", "torchrun")


@dataclass(frozen=True)
class Block:
    """Lines of a page that are indented, or fenced as `sh`, and why they are not run."""

    page: str
    line: int
    text: str
    unrun: str | None

    @property
    def commands(self) -> list[str]:
        """Its commands, if that is what it shows."""
        lines = re.sub(r" *\\\n *", " ", self.text).splitlines()
        return [line.strip() for line in lines if line.split()[:1] and line.split()[0] in PROGRAMS]


def blocks_of(page: Path) -> list[Block]:
    """Return the blocks of a page, but for those of Python."""
    found: list[Block] = []
    unrun, fence, start, held = None, None, 0, []
    for number, line in enumerate([*page.read_text(encoding="utf-8").splitlines(), "end"], start=1):
        opened = re.match(r"```(\w*)$", line)
        if fence is not None:
            if opened:
                if fence == "sh":
                    found.append(Block(page.name, start, "\n".join(held), unrun))
                unrun, fence, held = None, None, []
            else:
                held.append(line)
        elif re.match(r" {4,}\S", line):
            start = start if held else number
            held.append(line)
        elif line.strip() or not held:
            if held:
                found.append(Block(page.name, start, "\n".join(held), unrun))
                unrun, held = None, []
            marked = MARKER.match(line)
            unrun = marked[1] if marked else unrun if not line.strip() else None
            if opened:
                fence, start = opened[1], number
                unrun = unrun or None
    return found


BLOCKS = {page: blocks_of(page) for page in PAGES}


def commands_of(page: Path) -> list[str]:
    """Return the commands of a page that are to be run, in its order."""
    return [command for block in BLOCKS[page] if not block.unrun for command in block.commands]
