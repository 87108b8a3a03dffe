import base64
import hashlib
import json
import re

import pytest
from reporting_helpers import ATTACK, Page, attacked, make_result, one_language

from isoglot.errors import InputError
from isoglot.reporting import write_report
from isoglot.reporting.page import json_for_script

ASKING = ("src", "href", "srcset", "action", "formaction", "data", "poster", "background", "xlink:href")
METADATA = {"licence": "CC BY 4.0", "source": "https://example.org/data", "citation": "Doe 2024"}


def read(path) -> Page:
    return Page(path.read_text(encoding="utf-8"))


def pages(tmp_path) -> dict[str, Page]:
    return {
        "one": read(write_report(make_result(), tmp_path / "one.html", metadata=METADATA)),
        "several": read(write_report([make_result("a"), one_language("b")], tmp_path / "several.html")),
        "attacked": read(
            write_report([attacked(), attacked()], tmp_path / "attacked.html", command=ATTACK, title=ATTACK)
        ),
    }


@pytest.fixture(scope="module")
def all_pages(tmp_path_factory):
    return pages(tmp_path_factory.mktemp("pages"))


NAMES = ("one", "several", "attacked")


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_asked_of_any_other_place(all_pages, name):
    page = all_pages[name]
    for tag, attributes in page.elements:
        for attribute in ASKING:
            target = attributes.get(attribute)
            if tag == "a" and attribute == "href":
                assert target == METADATA["source"] or target.startswith("#")
            else:
                assert target in (None, "data:,")
        assert not any(key.startswith("on") for key in attributes)
        assert "url(" not in (attributes.get("style") or "")
    assert not re.search(r"url\(|@import", " ".join(page.styles))


@pytest.mark.parametrize("name", NAMES)
def test_only_the_pages_own_scripts_may_run_and_nothing_may_be_fetched(all_pages, name):
    page = all_pages[name]
    [policy] = [
        attributes["content"]
        for tag, attributes in page.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy.startswith("default-src 'none'")
    code = [text for attributes, text in page.scripts if attributes.get("type") != "application/json"]
    assert len(code) == 2
    for text in code:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy


@pytest.mark.parametrize("name", NAMES)
def test_figures_hold_readable_json(all_pages, name):
    figures = [text for attributes, text in all_pages[name].scripts if attributes.get("type") == "application/json"]
    assert figures
    for text in figures:
        assert json.loads(text)["$schema"]
        assert "<" not in text


@pytest.mark.parametrize("name", ["attacked"])
def test_markup_in_the_data_stays_text(all_pages, name):
    page = all_pages[name]
    assert "img" not in page.tags()
    assert "alert(1)" in page.text
    assert not any("alert(1)" in text for attributes, text in page.scripts if "type" not in attributes)
    assert not any(str(attributes.get("href")).startswith("javascript") for _, attributes in page.elements)


def test_json_cannot_end_its_script_and_has_no_nan():
    text = json_for_script({"a": "</script><!--\u2028", "b": float("nan"), "c": (1, float("inf"))})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"a": "</script><!--\u2028", "b": None, "c": [1, None]}


def test_one_result_shows_settings_intervals_and_how_it_was_made(all_pages):
    text = all_pages["one"].text
    for wanted in (
        "model on toy",
        "2 languages · 40 queries · 1,000 documents",
        "0.700 [0.680, 0.720]",
        "Every language pair",
        "rank distance",
        "+50.0",
        "German",
        "CC BY 4.0",
        "1.8 s (encode 1.2 s, rank 0.5 s)",
        "isoglot 0.1.0",
    ):
        assert wanted in text.replace("\u00a0", " ")
    assert "rank correlation" not in text  # null: not measured
    assert "switch" not in {attributes.get("class") for _, attributes in all_pages["one"].elements}


def test_several_models_have_a_part_each(all_pages):
    parts = [
        attributes["data-model"] for _, attributes in all_pages["several"].elements if "data-model" in attributes
    ]
    assert list(dict.fromkeys(parts)) == ["a", "b"]
    assert parts.count("b") > 1


def test_models_of_one_name_are_told_apart(tmp_path):
    page = read(write_report([make_result("same"), make_result("same")], tmp_path / "same.html"))
    parts = [attributes["data-model"] for _, attributes in page.elements if "data-model" in attributes]
    assert list(dict.fromkeys(parts)) == ["same", "same (2)"]


def test_a_collection_of_one_language_has_no_bias_and_no_heat_map(tmp_path):
    page = read(write_report(one_language(), tmp_path / "one.html"))
    assert "not in this collection" in page.text
    assert "Language bias" not in page.text
    assert "Every language pair" not in page.text


def test_no_result_is_refused(tmp_path):
    with pytest.raises(InputError, match="at least one result"):
        write_report([], tmp_path / "none.html")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write the report"):
        write_report(make_result(), tmp_path / "file" / "report.html")


def test_pages_are_small(tmp_path):
    tags = [f"q{a}{b}" for a in "abcdef" for b in "abcdefg"][:39]
    pairs = [
        {"query_lang": a, "doc_lang": b, "queries": 1, **dict.fromkeys(("AP", "nDCG@10", "R@1", "R@10"), 1 / 3)}
        for a in tags
        for b in tags
    ]
    path = write_report(make_result(languages=tags, pairs=pairs), tmp_path / "report.html")
    assert path.stat().st_size < 1_500_000
