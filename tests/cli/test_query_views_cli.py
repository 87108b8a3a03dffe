"""`isoglot evaluate --queries romanised|code-mixed`, and `isoglot compare` of what it gives."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "small"
    words = {"en": "archive", "ru": "архив", "de": "Archiv"}
    documents = [(f"{tag}{at}", tag, "", f"{word}{at}") for tag, word in words.items() for at in range(6)]
    queries = [(f"q{at}", tag, f"{word}{at}") for tag, word in words.items() for at in range(6)]
    qrels = [(f"q{at}", f"{tag}{at}", 1) for tag in words for at in range(6)]
    write_collection(collection_from_rows(documents, queries, qrels), folder)
    (folder.parent / "en-de.tsv").write_text("".join(f"archive{at}\tArchiv{at}\n" for at in range(6)))
    return folder


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_model_is_asked_both_views_and_compared(data, tmp_path, capsys):
    pytest.importorskip("uroman")
    base = ("evaluate", "bm25", data, "--bootstrap", 0)
    assert run(*base, "--json", tmp_path / "a.json") == 0
    capsys.readouterr()
    assert run(*base, "--json", tmp_path / "b.json", "--queries", "romanised") == 0
    assert "6 of 18 queries were romanised by uroman" in flat(capsys.readouterr().out)
    mixed = ("--queries", "code-mixed", "--lexicon", data.parent / "en-de.tsv", "--mix-rate", 1, "--mix-seed", 5)
    assert run(*base, "--json", tmp_path / "c.json", "--html", tmp_path / "c.html", *mixed) == 0
    assert "words of 6 of 18 queries were replaced" in flat(capsys.readouterr().out)
    assert "words of 6 of 18 queries were replaced" in flat((tmp_path / "c.html").read_text())
    plain, romanised, mixed = (json.loads((tmp_path / f"{name}.json").read_text()) for name in "abc")
    assert "query_view" not in plain["made"]
    assert romanised["made"]["query_view"]["languages"] == {"ru": 6}
    view = mixed["made"]["query_view"]
    assert (view["rate"], view["seed"], view["lexicons"]) == (1.0, 5, ["en-de"])
    assert (view["languages"], view["without_known_word"]) == ({"en": 6}, 12)

    def of(result, asked, answered):
        pairs = result["pairs"]
        return next(one["AP"] for one in pairs if (one["query_lang"], one["doc_lang"]) == (asked, answered))

    assert of(plain, "ru", "ru") == of(mixed, "ru", "ru") == 1 > of(romanised, "ru", "ru")
    assert of(mixed, "en", "de") == 1 > of(plain, "en", "de")
    assert of(romanised, "de", "de") == of(plain, "de", "de") == 1
    results = [tmp_path / f"{name}.json" for name in "abc"]
    assert run("compare", *results, "--html", tmp_path / "all.html") == 0
    said = flat(capsys.readouterr().out)
    for page in (said, flat((tmp_path / "all.html").read_text())):
        assert "of different queries, so differences may be due to these" in page.replace(
            "The results", "the results"
        )
        assert "was asked them as they are" in page
        assert "was asked them romanised (6 of 18 changed)" in page
        assert "was asked them code-mixed at rate 1, seed 5 (6 of 18 changed)" in page


def test_a_missing_extra_is_said_in_a_sentence(data, monkeypatch, capsys):
    from isoglot.evaluation import query_views

    query_views._romaniser.cache_clear()
    monkeypatch.setitem(sys.modules, "uroman", None)
    assert run("evaluate", "bm25", data, "--queries", "romanised") == 2
    assert "romanising queries needs uroman: pip install 'isoglot[robustness]'" in flat(capsys.readouterr().err)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("bm25", "{data}", "--queries", "romanized"), "did you mean romanised?"),
        (("bm25", "{data}", "--mix-rate", "0.5"), "go with --queries code-mixed"),
        (("bm25", "{data}", "--queries", "romanised", "--lexicon", "x"), "go with --queries code-mixed"),
        (("bm25", "{data}", "--queries", "code-mixed"), "isoglot data lexicon TRAINING_DATA --to DIR"),
        (("bm25", "{data}", "--queries", "code-mixed", "--lexicon", "en-xx.tsv"), "the lexicon en-xx.tsv"),
        (("run:a.txt", "{data}", "--queries", "romanised"), "run:a.txt has been asked already"),
        (("embeddings:a,b", "{data}", "--queries", "romanised"), "embeddings:a,b has been asked already"),
        (("rerank:m", "{data}", "--first", "run:f", "--queries", "romanised"), "run:f has been asked already"),
        (("m", "mteb:NFCorpus", "--queries", "romanised"), "does not apply to mteb's own measures: use --pool"),
    ],
    ids=["view", "rate", "lexicon", "no-lexicon", "no-file", "run", "embeddings", "rerank", "mteb"],
)
def test_what_is_refused(words, message, data, capsys):
    assert run("evaluate", *(word.format(data=data) for word in words)) == 2
    assert message in flat(capsys.readouterr().err)
