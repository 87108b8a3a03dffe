"""The notebooks run from top to bottom and print the figures that they show."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
NOTEBOOKS = sorted(EXAMPLES.glob("*.ipynb"))
SHARE = re.compile(r"\b[01]\.\d{3}\b")


def _run(code: str, names: dict[str, object]) -> object:
    """Run a cell, and return the value of its last line, as a notebook does."""
    tree = ast.parse(code)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    exec(compile(tree, "cell", "exec"), names)
    return None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)


def test_there_are_two():
    assert [notebook.stem for notebook in NOTEBOOKS] == ["audit", "train_repair_compare"]


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda one: one.stem)
def test_it_runs_and_shows_what_comes_out(notebook, tmp_path, monkeypatch, capsys):
    pytest.importorskip("babel")
    pytest.importorskip("altair")
    pytest.importorskip("bm25s")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {"__name__": "notebook"}
    compared = 0
    for cell in json.loads(notebook.read_text(encoding="utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        capsys.readouterr()
        value = _run("".join(cell["source"]), names)
        printed = capsys.readouterr().out
        outputs = {one["output_type"]: one for one in cell["outputs"]}
        stored = "".join(outputs.get("stream", {}).get("text", []))
        if "train_runtime" not in stored:  # losses and times are nobody's figures
            found, shown = ([float(one) for one in SHARE.findall(text)] for text in (printed, stored))
            assert found == pytest.approx(shown, abs=0.03), "".join(cell["source"])
            compared += len(shown)
        assert ("execute_result" in outputs) == (value is not None)
    assert compared >= 5
