"""The page of the public API is what the code says now."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

import isoglot

ROOT = Path(__file__).parents[1]
WRITER = runpy.run_path(str(ROOT / "scripts" / "write_api.py"), run_name="writer")


def test_the_page_is_as_the_code_is() -> None:
    try:
        now = WRITER["api_page"]()
    except ImportError as error:
        if (error.name or "").startswith("isoglot"):
            raise
        pytest.skip(f"the page needs {error.name}")
    assert (ROOT / "docs" / "api.md").read_text(encoding="utf-8") == now, "run `make api`"
    assert all(
        now.count(f"- `isoglot.{name}`\n") + now.count(f"- `isoglot.{name}(") == 1 for name in isoglot.__all__
    )


def test_what_pages_import_is_found_and_has_a_page(tmp_path: Path) -> None:
    page = tmp_path / "x.md"
    page.write_text("```python\nfrom isoglot.batching import StepCollator\nimport torch\n```\n")
    assert WRITER["documented_names"]([page]) == {"batching.StepCollator"}
    assert WRITER["topic_of"]("batching.StepCollator") == ("Batches", "training.md")
    assert WRITER["topic_of"]("batching.CodeSwitcher")[1] == "code-switching.md"
    assert all((ROOT / "docs" / page).is_file() for _, page in WRITER["TOPICS"].values())


def called(queries, *, k: int = 3, made: object = object()) -> int:
    """Say it

    at length.
    """
    return len(queries) + k


def test_calls_have_no_types_and_no_addresses() -> None:
    assert WRITER["call_of"](called) == "(queries, *, k=3, made=<object object>)"
    assert WRITER["first_paragraph"](called) == "Say it"
    assert WRITER["call_of"](isoglot.InputError) == ""
