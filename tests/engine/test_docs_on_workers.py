"""Commands of the pages that start workers run, as the others do in test_docs_commands.py; and Python that does."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from page_blocks import PAGES, ROOT, commands_of
from page_reader import follow

import isoglot as ig
import isoglot.engine
from isoglot.collections import Collection

if TYPE_CHECKING:
    from isoglot.engine import Workers

WITH_WORKERS = [page for page in PAGES if any("--engine" in one for one in commands_of(page))]


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_WORKERS, ids=lambda page: page.name)
def test_commands_run(
    page: Path, workers: Workers, world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("isoglot.cli.engine.started_workers", lambda *_: nullcontext(workers))
    follow(page, world, tmp_path, monkeypatch)


def test_workers_are_used_from_python_as_the_page_says(
    workers: Workers, toy: Collection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(isoglot.engine, "start_workers", lambda count: nullcontext(workers))
    names = {"model": ig.static_encoder(toy, dimensions=8), "collection": toy}
    page = (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    (code,) = (block for block in blocks if "start_workers" in block)
    exec(compile(code, "cluster.md", "exec"), names)
    assert len(names["embeddings"]) == toy.documents.num_rows
    assert names["result"].multilingual == ig.evaluate(names["model"], toy).multilingual
