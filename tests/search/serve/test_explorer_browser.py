"""The explorer in a real browser (scripts/install-chromium), as people and as attackers use it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from browsing import chromium, listened_page, until
from serve_helpers import CONTROLS, MARKUP, OVERRIDE, FakeIndex
from serving import served

from isoglot.search.serve import Limits

SHOWN = "!document.querySelector('#results').hidden && !document.querySelector('#results[aria-busy]')"
OUTSIDE = """[...document.querySelectorAll("main *")]
  .filter((e) => e.getBoundingClientRect().right > innerWidth + 1).map((e) => e.outerHTML.slice(0, 80))"""
WRITTEN = """[...document.querySelectorAll(".hit")].map((hit) => {
  const text = hit.querySelector(".text");
  return [text.lang, text.dir, getComputedStyle(text).textAlign];
})"""
FOCUSED = """document.activeElement.closest(".hit")?.querySelector(".rank").textContent
  ?? document.activeElement.id"""
ISOLATED = """[...document.querySelectorAll(".hit .text")]
  .every((e) => getComputedStyle(e).unicodeBidi === "isolate")"""
QUESTIONS = ["archiv Ordner", "archiv folder", "ls"]


@pytest.fixture(scope="module")
def browser():
    yield from chromium()


@pytest.fixture(scope="module")
def one():
    with served(FakeIndex()) as address:
        yield address


@pytest.fixture(scope="module")
def two():
    indexes = FakeIndex(name="before", prefer="de"), FakeIndex(name="after", repair="center")
    with served(*indexes) as address:
        yield address


@pytest.fixture
def visit(browser):
    contexts = []

    def _visit(address, questions=(), width=1280, scheme="light", **state):
        page = listened_page(browser, width, scheme)
        contexts.append(page.context)
        query = urlencode([("q", question) for question in questions] + list(state.items()))
        page.goto(f"{address}?{query}" if query else address)
        until(page, SHOWN if questions else "document.querySelector('#indexes').textContent")
        return page

    yield _visit
    for context in contexts:
        context.close()


def texts(page, selector: str) -> list[str]:
    return page.evaluate("(selector) => [...document.querySelectorAll(selector)].map(e => e.textContent)", selector)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 400, 1280])
def test_page_shows_all_without_complaint_strange_request_or_overflow(visit, two, width, scheme):
    page = visit(two, QUESTIONS, width, scheme, k=20)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OUTSIDE) == []
    assert page.logged == []
    assert all(url.startswith(two) for url in page.asked)
    assert len(texts(page, ".ranking")) == 6


def test_a_question_is_typed_and_its_answers_are_in_a_link(visit, one):
    page = visit(one)
    page.keyboard.type("archiv Ordner")
    page.keyboard.press("Enter")
    until(page, SHOWN)
    tags = texts(page, ".hit .language")
    assert tags[0] == "German (de)"
    assert len(set(tags)) >= 3
    assert parse_qs(urlsplit(page.url).query) == {"q": ["archiv Ordner"]}
    page.locator("#k").select_option("5")
    until(page, "document.querySelectorAll('.hit').length === 5")
    page.locator("#filter summary").click()
    page.locator("#languages input[value=en]").check()
    until(page, "[...document.querySelectorAll('.hit .language')].every(e => e.textContent === 'English (en)')")
    assert parse_qs(urlsplit(page.url).query) == {"q": ["archiv Ordner"], "k": ["5"], "in": ["en"]}
    shown = texts(page, ".hit")
    again = visit(one, ["archiv Ordner"], k=5, **{"in": "en"})
    assert texts(again, ".hit") == shown
    assert again.locator("#within").inner_text() == "English"
    page.go_back()
    until(page, "new Set([...document.querySelectorAll('.hit .language')].map(e => e.textContent)).size > 2")
    assert page.logged == again.logged == []


def test_the_mix_of_languages_stands_beside_the_pools(visit, one):
    page = visit(one, ["archiv"], k=4)
    widths = "[...document.querySelectorAll('.stack.{}')].map(s => [...s.children].map(i => i.style.width))[0]"
    assert page.evaluate("[...document.querySelector('.stack').children].map(i => i.style.width)") == ["25%"] * 4
    pool = [float(width[:-1]) for width in page.evaluate(widths.format("pool"))]
    assert pool == pytest.approx([100 * n / 11 for n in (1, 2, 5, 1, 2)], abs=0.01)
    assert texts(page, ".legend li") == [
        "Arabic 1 of 4; pool 9 %",
        "German 1 of 4; pool 18 %",
        "English 1 of 4; pool 45 %",
        "French 1 of 4; pool 9 %",
    ]


def test_texts_have_their_language_and_direction_of_writing(visit, one):
    page = visit(one, ["archiv ls"])
    found = {lang: (direction, align) for lang, direction, align in page.evaluate(WRITTEN)}
    assert found["ar"] == found["he"] == ("rtl", "right")
    assert found["de"] == found["fr"] == ("ltr", "left")


def test_two_indexes_stand_side_by_side_and_on_a_phone_below_each_other(visit, two):
    boxes = "[...document.querySelectorAll('.ranking')].map(m => m.getBoundingClientRect().toJSON())"
    page = visit(two, ["archiv"])
    assert texts(page, ".ranking .name") == ["beforea model", "aftera model · repaired: center"]
    first, second = page.evaluate(boxes)
    assert first["top"] == second["top"]
    assert first["right"] <= second["left"]
    leading = [texts(page, f".ranking:nth-child({n}) .hit .language")[0] for n in (1, 2)]
    assert leading == ["German (de)", "Arabic (ar)"]
    first, second = visit(two, ["archiv"], 400).evaluate(boxes)
    assert first["bottom"] <= second["top"]


def test_agreement_is_the_share_of_common_answers(visit, two):
    page = visit(two, ["archiv", "archiv Archiv", "ls"], k=4)

    def found(q: str, **options) -> list[set[str]]:
        hits = FakeIndex(**options).search(q, k=4)
        return [{hit.id for hit in hits}, {hit.id.partition("/")[2] for hit in hits}]

    for at, options in enumerate(({"prefer": "de"}, {})):
        a, b, c = (found(q, **options) for q in ("archiv", "archiv Archiv", "ls"))
        means = [
            sum(len(x[i] & y[i]) / max(len(x[i]), len(y[i])) for x, y in ((a, b), (a, c), (b, c))) / 3
            for i in (0, 1)
        ]
        shown = texts(page, f"#agreements .model:nth-child({at + 1}) dd")
        assert shown == [f"{mean:.2f}" for mean in means]
        assert means[0] < 1
    assert texts(page, "#agreements .model:nth-child(2) .overlaps td")[1] == "1.00"


def test_keys_lead_through_the_page(visit, one):
    page = visit(one, ["archiv"])
    assert page.evaluate(FOCUSED) == "question"
    for key, place in (("ArrowDown", "1"), ("ArrowDown", "2"), ("ArrowUp", "1"), ("ArrowUp", "question")):
        page.keyboard.press(key)
        assert page.evaluate(FOCUSED) == place
    page.keyboard.press("ArrowDown")
    assert not page.evaluate("document.querySelector('.hit').open")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('.hit').open")
    page.keyboard.press("/")
    assert page.evaluate(FOCUSED) == "question"
    page.keyboard.type("ls")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("archiv")
    page.keyboard.press("Enter")
    until(page, "document.querySelectorAll('.ranking').length === 2")
    assert parse_qs(urlsplit(page.url).query)["q"] == ["ls", "archiv"]
    assert page.locator("#lang").is_disabled()
    assert page.logged == []


def test_hostile_texts_are_shown_as_text(visit, one):
    page = visit(one, [f"{MARKUP} {OVERRIDE}", "markup override controls id"], k=20)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.wait_for_timeout(300)
    assert page.evaluate("window.injected") is None
    assert page.locator("img").count() == 0
    assert page.evaluate("document.scripts.length") == 1
    shown = set(texts(page, ".hit .text"))
    assert {f"markup {MARKUP}", OVERRIDE, CONTROLS} <= shown
    assert MARKUP in texts(page, ".hit .title")
    assert f"en/evil/{MARKUP}" in texts(page, ".hit .id code")
    assert texts(page, ".asked bdi")[0] == f"{MARKUP} {OVERRIDE}"
    assert page.evaluate(ISOLATED)
    assert page.logged == []


@pytest.mark.parametrize(
    ("questions", "state", "said"),
    [
        (["x" * 1001], {}, "Q is too long: at most 1,000 characters."),
        (["refuse"], {}, "This is not to be asked."),
        (["x"], {"k": "<b>"}, "K: input should be a valid integer, unable to parse string as an integer."),
        (["x"], {"k": 1000}, "K: input should be less than or equal to 100."),
        (["x"], {"lang": "!"}, "Lang takes language tags, such as de or zh-TW."),
        (list("abcdefghi"), {}, "These are 9 questions: compare at most 8."),
    ],
)
def test_what_is_refused_is_told_on_the_page(browser, one, questions, state, said):
    page = listened_page(browser)
    page.goto(f"{one}?{urlencode([('q', question) for question in questions] + list(state.items()))}")
    until(page, "!document.querySelector('#problem').hidden")
    assert page.locator("#problem").inner_text() == said
    page.context.close()


def test_an_empty_question_and_a_server_that_is_gone_are_told(browser):
    with served(FakeIndex()) as address:
        page = listened_page(browser)
        page.goto(address)
        until(page, "document.querySelector('#indexes').textContent")
        page.locator("#form button[type=submit]").click()
        assert page.locator("#problem").inner_text() == "The question is empty."
    page.locator("#question").fill("archiv")
    page.keyboard.press("Enter")
    until(page, "document.querySelector('#problem').textContent.includes('does not answer')")
    page.context.close()


def test_a_token_is_asked_for_on_the_page_and_is_in_no_link(browser):
    with served(FakeIndex(), token="secret") as address:
        page = listened_page(browser)
        page.goto(f"{address}?q=archiv")
        until(page, "!document.querySelector('#access').hidden")
        page.locator("#token").fill("wrong")
        page.keyboard.press("Enter")
        until(page, "document.querySelector('#problem').textContent.includes('token')")
        page.locator("#token").fill("secret")
        page.keyboard.press("Enter")
        until(page, SHOWN)
        assert page.locator("#access").is_hidden()
        assert all("secret" not in url for url in page.asked)
        page.context.close()


def test_the_last_question_wins(browser):
    slow = FakeIndex(seconds=0.5)
    with served(slow, limits=Limits(searches=4)) as address:
        page = listened_page(browser)
        page.goto(f"{address}?q=ls")
        until(page, "document.querySelector('#indexes').textContent")
        slow.seconds = 0
        page.locator("#question").fill("archiv")
        page.keyboard.press("Enter")
        until(page, SHOWN)
        page.wait_for_timeout(700)
        assert texts(page, ".hit .id code")[0] == "ar/common/tar"
        assert page.logged == []
        page.context.close()
