"""From a table to figures by the commands; figures on queries that nobody asked say so wherever they stand."""

from __future__ import annotations

import csv
import html
import json
import re
from pathlib import Path

import pytest

import isoglot as ig
from isoglot.cli import main
from isoglot.collections.pseudo import MADE_OF, pseudo_sentence

ANIMALS = {
    "en": ("cat", "dog", "horse", "fish", "bird", "snake"),
    "de": ("Katze", "Hund", "Pferd", "Fisch", "Vogel", "Schlange"),
    "sw": ("paka", "mbwa", "farasi", "samaki", "ndege", "nyoka"),
}
SENTENCES = {
    "en": (
        "Where does the {} sleep at night?",
        "Every {} has a place of its own. There the {} rests until morning.",
    ),
    "de": ("Wo schläft nachts das Tier {}?", "Das Tier {} hat seinen Platz. Dort ruht das Tier {} bis zum Morgen."),
    "sw": ("Mnyama {} hulala wapi usiku?", "Mnyama {} ana mahali pake. Hapo mnyama {} hupumzika hadi asubuhi."),
}


@pytest.fixture
def faq(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of questions in three languages, in the working folder."""
    monkeypatch.chdir(tmp_path)
    with Path("faq.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file, delimiter=";")
        writer.writerow(["entry", "language", "question", "answer"])
        for tag, (question, answer) in SENTENCES.items():
            for number, animal in enumerate(ANIMALS[tag]):
                writer.writerow([number, tag, question.format(animal), answer.format(animal, animal)])
    return tmp_path


def run(*words: str) -> None:
    assert main(list(words)) == 0


def test_a_table_is_converted_checked_split_and_measured(faq: Path, capsys: pytest.CaptureFixture[str]):
    columns = ("--query", "question", "--document", "answer", "--lang", "language", "--id", "entry")
    run("data", "convert", "faq.csv", "--form", "table", *columns, "--to", "faq")
    run("data", "check", "faq")
    run("data", "split", "faq", "--dev", "0", "--test", "0.5", "--to", "parts")
    run("evaluate", "bm25", "parts", "--bootstrap", "0", "--json", "real.json", "--html", "real.html")
    said = capsys.readouterr()
    assert "nobody asked" not in said.out + said.err + Path("real.html").read_text(encoding="utf-8")
    result = json.loads(Path("real.json").read_text())
    assert (result["multilingual"]["queries"], result["multilingual"]["documents"]) == (9, 18)
    assert "pseudo_queries" not in result["made"]
    assert ig.Result.from_json("real.json").caution is None


def test_figures_on_pseudo_queries_say_what_they_are(faq: Path, capsys: pytest.CaptureFixture[str]):
    columns = ("--document", "answer", "--lang", "language", "--id", "entry")
    run("data", "pseudo", "faq.csv", *columns, "--to", "pseudo")
    sentence = pseudo_sentence("first-sentence")
    assert sentence is not None
    for name in ("a", "b"):
        capsys.readouterr()
        run("-q", "evaluate", "bm25", "pseudo", "--name", name, "--json", f"{name}.json", "--html", f"{name}.html")
        assert sentence in " ".join(capsys.readouterr().out.split())
    run("compare", "a.json", "b.json", "--draws", "10", "--html", "both.html")
    assert sentence in " ".join(capsys.readouterr().out.split())
    for page in ("a.html", "both.html"):
        text = html.unescape(re.sub(r"<[^>]+>", "", Path(page).read_text(encoding="utf-8")))
        assert text.count(f"Mind: {sentence}.") == 1
    result = ig.Result.from_json("a.json")
    assert result.made is not None
    assert result.made["pseudo_queries"] == "first-sentence"
    assert sentence in repr(result)
    assert html.escape(sentence) in result._repr_html_()


def test_a_validation_on_pseudo_queries_says_what_it_is(faq: Path, capsys: pytest.CaptureFixture[str]):
    columns = ("--document", "answer", "--lang", "language", "--id", "entry")
    run("data", "pseudo", "faq.csv", *columns, "--to", "pseudo")
    capsys.readouterr()
    small = ("--dimensions", "8", "--vocabulary", "150", "--batch-size", "4", "--steps", "2", "--out", "model")
    run("train", "--data", "pseudo", "--encoder", "static", "--validation", "pseudo", "--eval-steps", "1", *small)
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(f"note: faq: {pseudo_sentence('first-sentence')}") == 1
    assert said.index("note: faq:") < said.index("step 1 of 2: multilingual_AP is")


@pytest.mark.parametrize("how", MADE_OF)
def test_what_pseudo_queries_are_is_said(how: str):
    sentence = pseudo_sentence(how)
    assert sentence is not None
    assert MADE_OF[how] in sentence
    assert ("taken out" in sentence) == (how != "title")
    assert pseudo_sentence(None) is None
