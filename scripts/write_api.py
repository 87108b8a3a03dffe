"""Write docs/api.md, the page of the public API, from signatures and docstrings: `make api`.

    python scripts/write_api.py

It has every name of `isoglot`, and what else the documentation imports from its rooms. A test compares the page
with what this would write.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections import defaultdict
from importlib import import_module
from pathlib import Path
from typing import Any

import isoglot

DOCS = Path(__file__).parents[1] / "docs"
PAGE = DOCS / "api.md"
HEAD = """# The public API

Every name of `isoglot`, and what else these pages use: how it is called, and what it is for.
`help(isoglot.evaluate)` says the rest: shapes, units, errors. The page is made from the code by `make api`.
"""
TOPICS = {  # module, and those within it that have no line of their own -> title, page
    "collections": ("Collections", "collections.md"),
    "data": ("Data sets by name", "catalogue.md"),
    "data.find_leakage": ("Data quality", "data-quality.md"),
    "data.sample_collection": ("Data quality", "data-quality.md"),
    "data.convert": ("Forms", "forms.md"),
    "data.forms": ("Forms", "forms.md"),
    "data.translation": ("Translation", "translation.md"),
    "encoders": ("Encoders", "encoders.md"),
    "batching": ("Batches", "training.md"),
    "objectives": ("Objectives", "objectives.md"),
    "training.execution": ("Objectives", "objectives.md"),
    "data.lexicons": ("Code-switching", "code-switching.md"),
    "batching.CodeSwitcher": ("Code-switching", "code-switching.md"),
    "batching.code_switching": ("Code-switching", "code-switching.md"),
    "collections.negatives": ("Hard negatives", "hard-negatives.md"),
    "evaluation.mine_hard_negatives": ("Hard negatives", "hard-negatives.md"),
    "training": ("Training", "training.md"),
    "evaluation": ("Evaluation", "evaluation.md"),
    "publishing": ("Publishing", "publishing.md"),
    "evaluation.fair": ("Fair rankings", "fair.md"),
    "search": ("Search", "search.md"),
    "search.serve": ("Serve", "serve.md"),
    "engine": ("Several processes, or a cluster", "cluster.md"),
    "repair": ("Repair", "repair.md"),
    "encoders.repair_of": ("Repair", "repair.md"),
    "data.forms.table": ("Your own data", "own-data.md"),
    "data.pseudo": ("Your own data", "own-data.md"),
    "data.splitting": ("Your own data", "own-data.md"),
    "reporting": ("Evaluation", "evaluation.md"),
    "evaluation.mteb": ("Public benchmarks", "benchmarks.md"),
    "data.mteb": ("Public benchmarks", "benchmarks.md"),
    "studies": ("Studies", "studies.md"),
    "reporting.study": ("Studies", "studies.md"),
    "errors": ("Errors", "collections.md"),
}


def documented_names(pages: list[Path]) -> set[str]:
    """Return what Python blocks of the pages import from rooms of the package, as `room.name`."""
    found = set()
    for page in pages:
        for block in re.findall(r"^```python\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S):
            for node in ast.walk(ast.parse(block)):
                if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("isoglot."):
                    room = str(node.module).removeprefix("isoglot.")
                    found |= {f"{room}.{alias.name}" for alias in node.names}
    return found


def topic_of(name: str) -> tuple[str, str]:
    """Return title and page of what `room.name` belongs to: of the longest line of `TOPICS` that it begins with."""
    parts = name.split(".")
    return next(TOPICS[key] for n in range(len(parts), 0, -1) if (key := ".".join(parts[:n])) in TOPICS)


def call_of(value: Any) -> str:
    """Return how something is called: its parameters and their defaults, without types."""
    if isinstance(value, type) and (issubclass(value, Exception) or getattr(value, "_is_protocol", False)):
        return ""
    signature = inspect.signature(value)
    bare = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    written = str(signature.replace(parameters=bare, return_annotation=inspect.Signature.empty))
    return re.sub(r" at 0x[0-9a-f]+", "", written)  # of functions and objects


def first_paragraph(value: Any) -> str:
    """Return what a docstring says first, on one line."""
    return " ".join((inspect.getdoc(value) or "").partition("\n\n")[0].split())


def api_page(docs: Path = DOCS) -> str:
    """Return the page as its names and their docstrings are now."""
    public = {f"{isoglot._ROOM_OF[name]}.{name}": f"isoglot.{name}" for name in isoglot.__all__}
    more = documented_names([docs.parent / "README.md", *sorted(docs.glob("*.md"))])
    known = set(isoglot.__all__)
    names = public | {path: f"isoglot.{path}" for path in more if path.rpartition(".")[2] not in known}
    parts: dict[tuple[str, str], list[str]] = defaultdict(list)
    for path, shown in sorted(names.items(), key=lambda item: (item[1].count("."), item[1].lower())):
        room, _, name = path.rpartition(".")
        value = getattr(import_module(f"isoglot.{room}"), name)
        parts[topic_of(path)].append(f"- `{shown}{call_of(value)}`\n  {first_paragraph(value)}\n")
    topics = dict.fromkeys(TOPICS.values())
    written = [
        f"\n## {title}\n\nMore in [{page}]({page}).\n\n{''.join(parts[title, page])}"
        for title, page in topics
        if (title, page) in parts
    ]
    return HEAD + "".join(written)


if __name__ == "__main__":
    PAGE.write_text(api_page(), encoding="utf-8")
