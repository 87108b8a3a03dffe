"""The pages in a real browser (scripts/install-chromium); without one skipped, or with
ISOGLOT_REQUIRE_BROWSER=1 failed."""

import pytest
from browsing import chromium, listened_page, until
from reporting_helpers import MANY_TAGS, attacked, large_result, make_result
from study_example import make_study

from isoglot.collections import collection_from_rows
from isoglot.data.quality.findings import quality_findings
from isoglot.data.stats import collection_stats, length_histograms
from isoglot.reporting import Inspection, write_report
from isoglot.reporting.quality import write_quality_page
from isoglot.reporting.study import write_study_page


@pytest.fixture(scope="module")
def browser():
    yield from chromium()


@pytest.fixture
def visit(browser):
    """Open a page and return it, with what it logged and asked for."""
    contexts = []

    def _visit(path, width=1280, scheme="light"):
        page = listened_page(browser, width, scheme)
        contexts.append(page.context)
        page.goto(path.as_uri())
        until(
            page, "[...document.querySelectorAll('.canvas')].every(c => !c.clientWidth || c.querySelector('svg'))"
        )
        return page

    yield _visit
    for context in contexts:
        context.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    return write_report([Inspection(make_result("first")), attacked()], folder / "report.html")


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    return write_report(large_result(), tmp_path_factory.mktemp("large") / "report.html")


@pytest.fixture(scope="module")
def quality(tmp_path_factory):
    each = [(tag, at) for tag in MANY_TAGS for at in range(3)]
    collection = collection_from_rows(
        [(f"{tag}/{at}", tag, "", f"document {at} in {tag} " * (5 * at + 1)) for tag, at in each],
        [(f"{at}", tag, f"query {at} in {tag}?") for tag, at in each],
        [(f"{at}", f"{tag}/{at}", 1) for tag, at in each],
    )
    stats = collection_stats(collection) | {
        "lengths": length_histograms(collection),
        "findings": quality_findings(collection),
    }
    return write_quality_page(stats, tmp_path_factory.mktemp("quality") / "quality.html")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    example = make_study()
    example["evaluations"], example["decisive"] = example["evaluations"][:1], example["decisive"][:1]
    return write_study_page(example, tmp_path_factory.mktemp("study") / "study.html")


OUTSIDE = """() => {
  const wide = innerWidth + 0.5, seen = (e) => e.getBoundingClientRect();
  const marks = [...document.querySelectorAll(".canvas svg")].flatMap((svg) => {
    const marks = [...svg.querySelectorAll(".mark-symbol.role-mark path, .mark-rect.role-mark path")];
    const edge = seen(svg);
    return marks.map(seen).filter((m) => m.left < -0.5 || m.right > Math.min(wide, edge.right + 0.5));
  });
  const parts = [...document.querySelectorAll(".scroll, .canvas")];
  const scrolled = parts.filter((e) => e.scrollWidth > e.clientWidth + 1);
  const name = (e) => e.closest("section").id + ": " + e.parentElement.textContent.slice(0, 80);
  return [marks.length, scrolled.map(name)];
}"""
NARROWEST_PLOT = """() => Math.min(...[...document.querySelectorAll(".canvas svg")].map(
  (svg) => svg.querySelector(".background").getBoundingClientRect().width))"""


@pytest.mark.parametrize("width", [360, 400, 1280])
@pytest.mark.parametrize("which", ["report", "large", "quality", "study"])
def test_page_draws_without_complaint_request_or_overflow(visit, request, which, width):
    path = request.getfixturevalue(which)
    page = visit(path, width)
    assert page.logged == []
    assert page.asked == [path.as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.wait_for_timeout(300)
    outside, scrolled = page.evaluate(OUTSIDE)
    assert outside == 0
    assert scrolled == []
    assert page.evaluate(NARROWEST_PLOT) > 0.4 * min(width, 400)


@pytest.mark.parametrize("which", ["large", "quality"])
def test_heat_maps_take_the_width_of_the_page(visit, request, which):
    page = visit(request.getfixturevalue(which))
    shares = page.evaluate(
        "[...document.querySelectorAll('.canvas:not([data-columns=\"0\"])')]"
        ".map(c => c.querySelector('svg').getBoundingClientRect().width / c.parentElement.clientWidth)"
    )
    assert shares
    assert min(shares) > 0.9


def test_dark_readers_get_a_dark_page(visit, study):
    colour = "getComputedStyle(document.body).backgroundColor"
    assert visit(study).evaluate(colour) != visit(study, scheme="dark").evaluate(colour)


def test_a_column_sorts_both_ways(visit, report):
    page = visit(report)
    part = page.locator("#languages [data-model='first']")
    button = part.locator("table.sortable thead button", has_text="rank distance")
    first = part.locator("table.sortable tbody tr").first
    button.click()
    assert "Thai" in first.inner_text()
    button.click()
    assert "German" in first.inner_text()


def test_models_stand_in_columns_and_on_a_phone_below_each_other(visit, report):
    boxes = "[...document.querySelectorAll('#retrieval .model')].map(m => m.getBoundingClientRect().toJSON())"
    first, second = visit(report).evaluate(boxes)
    assert first["top"] == second["top"]
    assert first["right"] <= second["left"]
    first, second = visit(report, 400).evaluate(boxes)
    assert first["bottom"] <= second["top"]


def test_contents_lead_to_every_part(visit, report, study):
    for path in (report, study):
        page = visit(path)
        named = page.evaluate("[...document.querySelectorAll('.contents a')].map(a => a.hash.slice(1))")
        assert named == page.evaluate("[...document.querySelectorAll('main > section')].map(s => s.id)")


def test_a_measure_can_be_selected(visit, report):
    page = visit(report)
    select = page.locator("[data-model='first'] .vega-bindings select").first
    assert select.input_value() == "AP"
    cells = page.locator("#retrieval [data-model='first'] .canvas").first.locator("svg text", has_text="0.87")
    assert cells.count() == 0
    select.select_option("nDCG@10")
    cells.wait_for()
    assert page.logged == []


def test_markup_in_the_data_is_not_executed(visit, report):
    page = visit(report)
    for summary in page.locator("main summary").all():
        summary.click()
    page.wait_for_timeout(500)
    point = page.locator("#retrieval .canvas svg path[aria-label*='alert(1)']").first
    point.evaluate("element => element.scrollIntoView({block: 'center'})")
    box = point.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    until(page, "document.querySelector('#vg-tooltip-element')?.textContent.includes('alert(1)')")
    assert page.evaluate("window.injected") is None
    assert page.locator("img").count() == 0
    assert page.logged == []


def test_figures_are_redrawn_at_a_new_width(visit, study):
    page = visit(study)
    width = "document.querySelector('.canvas svg').getBoundingClientRect().width"
    before = page.evaluate(width)
    page.set_viewport_size({"width": 400, "height": 900})
    until(page, f"{width} < {before}")
