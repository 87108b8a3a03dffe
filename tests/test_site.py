"""The site of the documentation (`make docs`): it builds without a warning, asks nobody else for anything, and its
tutorial ends with the figures it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

import isoglot.objectives
from isoglot.cli import program
from isoglot.evaluation import Result

NAMES = isoglot.objectives.__all__
ROOT = Path(__file__).parents[1]
TUTORIAL = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
FIGURES = re.compile(r"^\| `([\w-]+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", re.MULTILINE)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("material")
    pytest.importorskip("latex2mathml")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return folder


def test_every_page_is_there(site):
    sources = {page.relative_to(ROOT / "docs") for page in (ROOT / "docs").rglob("*.md")}
    assert {page.with_suffix(".html") for page in sources} <= {
        page.relative_to(site) for page in site.rglob("*.html")
    }


def test_no_page_loads_anything_from_another_server(site):
    loaded = re.compile(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=\"?(https?://[^\s\">]+)")
    for page in site.rglob("*.html"):
        found = loaded.findall(page.read_text(encoding="utf-8"))
        assert not found, f"{page.name} loads {found[0]}"


def test_equations_are_drawn_and_examples_are_code(site):
    objectives = (site / "reference" / "objectives.html").read_text(encoding="utf-8")
    concepts = (site / "concepts.html").read_text(encoding="utf-8")
    told = sum((getattr(isoglot.objectives, name).__doc__ or "").count(".. math::") for name in NAMES)
    assert objectives.count("<math") == told > 10
    assert concepts.count("<math") == (ROOT / "docs" / "concepts.md").read_text(encoding="utf-8").count("$$ ") > 0
    for page in site.rglob("*.html"):
        text = page.read_text(encoding="utf-8")
        assert ".. math::" not in text, page.name
        assert "$$" not in text, page.name
    assert not re.search(r"<p>[^<]*&gt;&gt;&gt; ", objectives)


def test_lists_that_follow_a_paragraph_are_lists(site):
    for page in site.rglob("*.html"):
        assert not re.search(r"<p>[^<]*\n- ", page.read_text(encoding="utf-8")), page.name


def test_every_block_of_commands_of_the_tutorial_is_tried():
    """So that the test below runs what the page says and no more."""
    commands = re.findall(r"^    (\S+) ", TUTORIAL, re.MULTILINE)
    assert set(commands) == {"pip", "isoglot"}
    assert len(FIGURES.findall(TUTORIAL)) == 5


@pytest.mark.slow
def test_the_tutorial_ends_with_the_figures_it_shows(tmp_path, monkeypatch, capsys):
    pytest.importorskip("babel")
    pytest.importorskip("altair")
    pytest.importorskip("lancedb")
    monkeypatch.chdir(tmp_path)
    for command in re.findall(r"^    isoglot (.*)$", TUTORIAL, re.MULTILINE):
        capsys.readouterr()
        assert program.main(shlex.split(command)) == 0, command
    found = capsys.readouterr().out  # of the search, which is the last
    for language in ("de", "en", "es", "sw"):
        assert f"{language}/KE" in found
    for model, *figures in FIGURES.findall(TUTORIAL):
        result = Result.from_json({"mono": "mono.json", "hybrid": "hybrid.json"}.get(model, "center.json"))
        measured = (*(getattr(result, s)["AP"] for s in ("monolingual", "cross_lingual", "multilingual")),)
        assert measured == pytest.approx([float(one) for one in figures[:3]], abs=0.02), model
        assert result.bias["rank_distance"] == pytest.approx(float(figures[3]), rel=0.15, abs=1.5), model
