"""The page of a leaderboard, parsed back: what it shows, in which order, and that no text of a result is markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from reporting_helpers import ATTACK, Page, attacked, make_result, one_language

from isoglot.evaluation import make_leaderboard
from isoglot.reporting import write_leaderboard

NEVER = re.compile(r"\bnan\b|\bNone\b|\binf\b|\b1 (?:models|tables|languages|documents|queries)\b", re.IGNORECASE)


class Rows(HTMLParser):
    """The cells of the tables of a page, and the values they are sorted by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tables: list[list[list[str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "table":
            self.tables.append([])
        elif tag == "tr":
            self.tables[-1].append([])
        elif tag in ("td", "th") and "data-value" in dict(attrs):
            self.tables[-1][-1].append(dict(attrs)["data-value"])


def page_of(tmp_path, *results):
    found = make_leaderboard([(f"{at}.json", one) for at, one in enumerate(results)])
    return write_leaderboard(found, tmp_path / "page.html", command="isoglot leaderboard …").read_text()


def made(texts: str = "aa", **more):
    return {"collection_hash": texts, **more}


def pool(value):
    return {"AP": value, "nDCG@10": 0.5, "queries": 40, "documents": 1000}


SITUATIONS = {
    "one": [make_result(made=made())],
    "one language": [one_language("a"), one_language("b")],
    "ties": [make_result("a", made=made()), make_result("b", made=made())],
    "no intervals": [make_result("a", made=made(), intervals=None), make_result("b", made=made(), intervals=None)],
    "no hash": [make_result("a")],
    "two collections": [make_result("a", made=made()), make_result("a", made=made("bb"), collection="other")],
    "no parallel text": [make_result("a", made=made(), cross_lingual=None)],
    "nothing": [
        make_result("a", monolingual=None, cross_lingual=None, multilingual=None, pairs=[], intervals=None)
    ],
    "one document": [make_result(made=made(), multilingual={"AP": 1.0, "queries": 1, "documents": 1})],
}


@pytest.mark.parametrize("situation", SITUATIONS)
def test_nothing_is_said_that_is_no_value(situation, tmp_path):
    assert NEVER.findall(Page(page_of(tmp_path, *SITUATIONS[situation])).text) == []


def test_rows_are_best_first_and_hold_the_figures(tmp_path):
    results = [make_result(name, multilingual=pool(value), made=made()) for name, value in (("a", 0.1), ("b", 0.9))]
    text = page_of(tmp_path, *results, make_result("c", made=made("bb"), collection="other"))
    first, second = Rows(text).tables
    assert [row[0] for row in first if row] == ["b", "a"]
    assert [float(cell) for cell in first[1][1:]] == [0.7, 0.3, 0.9, 0.5, 212.4, 0.34, 0.5]
    assert [row[0] for row in second if row] == ["c"]
    assert "differ in collection: a figure of one does not compare with one of another" in Page(text).text


def test_intervals_are_spoken_of_where_there_are_any(tmp_path):
    with_them, without = make_result("a", made=made()), make_result("b", made=made(), intervals=None)
    assert "Below each value its 95 % interval." in page_of(tmp_path, with_them)
    assert "Below each value its 95 % interval, where the result has one." in page_of(tmp_path, with_them, without)
    assert "No result has intervals." in page_of(tmp_path, without)


def test_how_a_row_was_made_and_how_one_is_added(tmp_path):
    machine = {"cpu": "A Processor", "gpus": [], "cores": 2}
    settings = made(dtype="bfloat16", max_length=512, truncate_dim=None, date="2026-01-02T03:04:05+00:00")
    text = Page(page_of(tmp_path, make_result("a", made=settings, hardware=machine))).text
    assert "dtype 'bfloat16', max length 512, A Processor, isoglot 0.1.0, 2026-01-02" in text
    assert "isoglot evaluate MODEL toy --json MODEL.json" in text
    assert "(collection_hash aa)" in text
    assert "isoglot leaderboard 0.json MODEL.json" in text


def test_markup_in_results_stays_text_and_nothing_is_fetched(tmp_path):
    result = attacked().result
    result.made = made(ATTACK, dtype=ATTACK)
    text = page_of(tmp_path, result)
    page = Page(text)
    assert " ".join(ATTACK.split()) in page.text
    scripts = [attributes for attributes, _ in page.scripts]
    assert len(scripts) == 1  # report.js alone: a page without figures has no library of them
    assert scripts[0] == {}
    assert "img" not in page.tags()
    assert not any(name.startswith("on") for _, attributes in page.elements for name in attributes)
    (policy,) = [attributes["content"] for _, attributes in page.elements if "http-equiv" in attributes]
    assert "default-src 'none'" in policy
    assert policy.count("sha256-") == 1
    assert not re.search(r'(?:src|href)="(?!#|data:,)', text)
    assert len(text) < 100_000
