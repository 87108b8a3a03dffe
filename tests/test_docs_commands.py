"""Commands of the pages run, in the order of a page, on small data; what cannot run here says why.

tutorial.md, own-data.md and extending.md are followed by tests of their own (test_site.py, test_docs.py,
test_extending.py), and pages whose commands start workers by engine/test_docs_on_workers.py.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from page_blocks import BLOCKS, MARKER, PAGES, PROGRAMS, REASONS, commands_of
from page_reader import follow

ELSEWHERE = ("tutorial.md", "own-data.md", "extending.md")
SHOWN = ("location", "proxy_pass", "proxy_set_header", "p", "q")  # a proxy's settings, equations
WITH_COMMANDS = [
    page
    for page in PAGES
    if commands_of(page) and page.name not in ELSEWHERE and not any("--engine" in one for one in commands_of(page))
]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_COMMANDS, ids=lambda page: page.name)
def test_commands_run(page: Path, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    follow(page, world, tmp_path, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_is_not_run_says_why(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for reason in MARKER.findall(text):
        assert REASONS.search(reason), f"{page.name}: {reason}"
    marked = [one for one in BLOCKS[page] if one.unrun]
    fenced = len(re.findall(r"<!-- not run: .+ -->\n```python$", text, re.MULTILINE))
    assert len(marked) + fenced == len(MARKER.findall(text)), f"{page.name} has a marker with no block after it"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_programs_of_the_pages_are_known(page: Path) -> None:
    """So that no block of commands is taken for one that only shows something."""
    for block in BLOCKS[page]:
        firsts = {line.split()[0] for line in block.text.splitlines() if re.match(r" {4,}[a-z][\w-]* ", line)}
        unknown = firsts - {*PROGRAMS, *SHOWN}
        assert not unknown, f"{page.name}:{block.line}: {unknown}"
