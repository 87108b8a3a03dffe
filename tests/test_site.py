"""The site of the documentation (`make docs`): it builds without a warning, asks nobody else for anything, can be
read in a browser with or without a mouse, and its tutorial ends with the figures it shows."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from browsing import chromium, listened_page, until

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


@pytest.fixture(scope="module")
def browser():
    yield from chromium()


@pytest.fixture
def visit(browser, site):
    """Open a page of the site from its folder, as readers do."""
    contexts = []

    def _visit(name, width=1280, scheme="light"):
        page = listened_page(browser, width, scheme)
        contexts.append(page.context)
        page.goto((site / name).as_uri())
        until(page, "document.readyState === 'complete'")
        return page

    yield _visit
    for context in contexts:
        context.close()


SEEN = ("index", "tutorial", "how-to", "concepts", "peers", "findings", "api", "reference/objectives")
UNREACHED = """[...document.querySelectorAll('.md-content *')].filter(box =>
    box.scrollWidth > box.clientWidth + 1 && box.clientWidth > 0 && box.tabIndex < 0
    && ['auto', 'scroll'].includes(getComputedStyle(box).overflowX)).map(box => box.outerHTML.slice(0, 80))"""


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_pages_fit_wide_and_narrow_screens_light_and_dark(visit, width, scheme):
    page = visit("index.html", width, scheme)
    first = page.url
    for name in SEEN:
        page.goto(first.replace("index.html", f"{name}.html"))
        until(page, "document.readyState === 'complete'")
        assert page.evaluate("document.body.dataset.mdColorScheme") == {"light": "default", "dark": "slate"}[scheme]
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), f"{name} scrolls sideways"
        assert page.evaluate(UNREACHED) == [], f"{name} has what only a mouse can scroll"
        figures = "[...document.querySelectorAll('.md-content img')]"
        assert page.evaluate(f"{figures}.every(one => one.complete && one.naturalWidth > 0)"), name
        backgrounds = page.evaluate(f"{figures}.map(one => getComputedStyle(one).backgroundColor)")
        assert set(backgrounds) <= {"rgb(255, 255, 255)"}, f"{name}: dark text of figures on a dark page"
    assert page.logged == []
    assert all(url.startswith("file:") for url in page.asked)


FOCUS = """(() => {
    const at = document.activeElement;
    const seen = at.matches('.md-option') ? at.nextElementSibling : at;
    const box = seen.getBoundingClientRect();
    return {name: (at.ariaLabel || at.textContent || at.placeholder || '').trim(),
            shown: box.width > 0 && box.height > 0 && box.right > 0 && box.left < innerWidth,
            outlined: getComputedStyle(seen).outlineStyle !== 'none'};
})()"""


def tabbed(page, until_named, most=60):
    """Press Tab until something of that name has the focus; return the names on the way."""
    names = []
    for _ in range(most):
        page.keyboard.press("Tab")
        page.wait_for_timeout(50)
        at = page.evaluate(FOCUS)
        assert at["shown"], f"{at['name']} has the focus and is not to be seen"
        assert at["outlined"], f"{at['name']} has the focus, which is not to be seen"
        names.append(at["name"])
        if at["name"] == until_named:
            return names
    pytest.fail(f"the Tab key does not reach {until_named}, only {names}")


def test_a_page_is_read_by_keys_alone(visit):
    page = visit("tutorial.html")
    way = tabbed(page, "an FAQ as CSV does in one command")
    assert way[0] == "Skip to content"
    assert {"Search", "How to", "Concepts", "Hybrid batches"} <= set(way)
    page = visit("tutorial.html")
    tabbed(page, "Skip to content")
    page.keyboard.press("Enter")
    assert "How to" not in tabbed(page, "an FAQ as CSV does in one command")


def test_a_folder_is_searched_too(visit):
    page = visit("tutorial.html")
    page.keyboard.press("/")
    until(page, "document.activeElement.matches('.md-search__input')")
    page.keyboard.type("rank distance")
    until(page, "document.querySelectorAll('.md-search-result__item').length > 3")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "/tutorial.html" not in url)  # a page that is being left evaluates nothing
    assert page.logged == []


def test_a_narrow_page_is_read_by_keys_alone(visit):
    """What is folded away is on the way of the Tab key only once it is open."""
    page = visit("tutorial.html", width=400)
    way = tabbed(page, "an FAQ as CSV does in one command")
    assert {"Navigation", "Search"} <= set(way)
    assert not {"How to", "Concepts"} & set(way)
    page = visit("tutorial.html", width=400)
    tabbed(page, "Navigation")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    tabbed(page, "How to")
    page.keyboard.press("Enter")
    page.wait_for_timeout(500)
    tabbed(page, "Fair rankings")
    page.keyboard.press("Escape")
    page.wait_for_timeout(500)
    assert page.evaluate(FOCUS)["name"] == "Navigation"
    tabbed(page, "Search")
    page.keyboard.press("Space")
    until(page, "document.activeElement.matches('.md-search__input')")


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
