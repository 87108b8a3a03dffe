"""What `data check` and `data stats` say of a collection that can be read, and the page of it."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from isoglot.cli import main
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.data import load_collection
from isoglot.data.quality.findings import finding_sentences, quality_findings
from isoglot.data.stats import collection_stats, length_histograms
from isoglot.reporting.quality import write_quality_page

LONG = "list all the files of a folder and everything below it"
ATTACK = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


@pytest.fixture
def odd() -> Collection:
    return collection_from_rows(
        [
            ("d1", "en", "", "tar unpacks archives"),
            ("d2", "en", "tar", "unpacks archives!"),
            ("d3", "de", "", "tar unpacks archives"),
            ("d4", "el", "", "this is no Greek"),
            ("d5", "en", "", "never asked for"),
        ],
        [
            ("q1", "en", LONG),
            ("q2", "en", f"{LONG}, too"),
            ("q3", "en", "which?"),
            ("q4", "th", "อันไหน"),
        ],
        [("q1", "d1", 1), ("q2", "d2", 1), ("q3", "d3", 1), ("q3", "d4", 1), ("q4", "d5", 0)],
        name="odd",
    )


def test_findings_are_those_counted_by_hand(odd: Collection):
    findings = quality_findings(odd)
    assert json.loads(json.dumps(findings)) == findings
    documents, queries = findings["documents"], findings["splits"]["all"]["queries"]
    assert documents["duplicates"]["by_language"] == {"en": 2}
    assert documents["same_in_languages"]["pairs"] == {"de en": 1}
    assert documents["other_scripts"]["by_language"] == {"el": {"Latin": 1}}
    assert documents["never_relevant"] == {"texts": 1, "by_language": {"en": 1}}
    assert documents["other_languages"] is None
    assert queries["near_duplicates"]["by_language"] == {"en": 2}
    assert queries["duplicates"]["texts"] == 0
    assert queries["without_relevant"] == {"texts": 1, "by_language": {"th": 1}}
    assert findings["splits"]["all"]["few_pairs"] == {"de": 1, "el": 1, "en": 4, "th": 0}


RESTS = (
    "all that is cross-lingual rests on these; versions of a query share their id, as "
    '{"_id": "q1", "lang": "en", …} and {"_id": "q1", "lang": "de", …}, and the judgments of q1 name its relevant '
    "documents in all languages"
)


def test_sentences_name_counts_languages_and_cases(odd: Collection):
    assert finding_sentences(quality_findings(odd)) == [
        "2 documents are the same as another of their language, in 1 group, such as 'd1' and 'd2'",
        "3 documents stand under more than one language, most in de and en (1)",
        "1 document is in another script than the language says, in el (1), such as 'd4' (tagged el, looks Latin)",
        "1 document is relevant to no query",
        "2 queries are nearly the same as another of their language (similarity 0.8 or more), in 1 group, such as "
        "'q1' and 'q2'",
        "1 query has no relevant document",
        "fewer than 100 training pairs in en (4), de (1), el (1), th (0)",
        f"1 of 3 query ids (33.3%) have texts in more than one language: {RESTS}",
    ]


def test_a_document_relevant_in_any_split_is_relevant():
    rows = [("a", "en", "", "one"), ("b", "en", "", "two"), ("c", "en", "", "three")]
    splits = {
        split: collection_from_rows(rows, [(query, "en", f"{query}?")], [(query, page, 1)])
        for split, query, page in (("train", "p", "a"), ("test", "q", "b"))
    }
    findings = quality_findings(splits)
    assert findings["documents"]["never_relevant"]["texts"] == 1
    assert list(findings["splits"]) == ["train", "test"]
    assert "test: fewer than 100 training pairs in en (1)" in finding_sentences(findings)


def test_a_clean_collection_has_nothing_to_say():
    """A hundred parallel questions without a common word."""
    tags = {"en": "question", "de": "Frage"}
    letters = random.Random(1)
    word = {at: "".join(letters.choices("abcdefghijklmnopqrstuvwxyz", k=12)) for at in range(100)}
    documents = [(f"{tag}/{at}", tag, "", f"{name[:1]}{word[at]}") for tag, name in tags.items() for at in word]
    queries = [(f"q{at}", tag, f"{word[at]}{name}{at}") for tag, name in tags.items() for at in word]
    qrels = [(f"q{at}", f"{tag}/{at}", 1) for tag in tags for at in word]
    assert finding_sentences(quality_findings(collection_from_rows(documents, queries, qrels))) == []


def test_lengths_fall_into_classes(odd: Collection):
    found = length_histograms(odd)
    assert found["edges"] == [1, 2, 5, 10, 20, 50, 100]
    assert found["queries"] == {"en": [0, 0, 1, 0, 0, 2], "th": [0, 0, 1, 0, 0, 0]}
    assert found["documents"] == {"de": [0, 0, 0, 0, 1, 0], "el": [0, 0, 0, 1, 0, 0], "en": [0, 0, 0, 1, 2, 0]}


def test_xquad_r_has_greek_questions_that_are_english(shared_data: Path):
    found = quality_findings(load_collection(shared_data / "xquad-r"), near=None)
    queries = found["splits"]["all"]["queries"]
    assert queries["other_scripts"]["by_language"] == {"el": {"Latin": 3}}
    assert queries["near_duplicates"] is None
    assert queries["same_in_languages"]["pairs"]["el en"] == 3


# ------------------------------------------------------------------------------------------ command line


@pytest.fixture
def folder(odd: Collection, tmp_path: Path) -> Path:
    write_collection(odd, tmp_path / "odd")
    return tmp_path / "odd"


def test_check_says_ok_and_warns(folder: Path, tmp_path: Path, capsys):
    assert main(["data", "check", str(folder), "--json", str(tmp_path / "found.json")]) == 0
    first, *warnings = capsys.readouterr().out.splitlines()
    assert first.startswith("ok: Collection('odd': 5 documents, 4 queries")
    assert "warning: 1 query has no relevant document" in warnings
    assert all(line.startswith("warning: ") for line in warnings)
    found = json.loads((tmp_path / "found.json").read_text())
    assert [f"warning: {one}" for one in found["warnings"]] == warnings
    assert found["dropped"] == {"all": {}}


def test_check_without_near_duplicates_is_silent_about_them(folder: Path, capsys):
    assert main(["data", "check", str(folder), "--no-near"]) == 0
    assert "nearly" not in capsys.readouterr().out
    assert main(["data", "check", str(folder), "--near", "1.2"]) == 2
    assert "must be above 0 and at most 1" in capsys.readouterr().err


def test_stats_write_json_and_a_page(folder: Path, tmp_path: Path, capsys):
    files = ["--json", str(tmp_path / "stats.json"), "--html", str(tmp_path / "page" / "stats.html")]
    assert main(["data", "stats", str(folder), *files]) == 0
    assert "1 query has no relevant document" in capsys.readouterr().out
    found = json.loads((tmp_path / "stats.json").read_text())
    assert found["pairs"] == {"en": {"de": 1, "el": 1, "en": 2}}
    assert found["lengths"]["queries"]["th"] == [0, 0, 1, 0, 0, 0]
    assert found["findings"]["documents"]["duplicates"]["texts"] == 2
    page = (tmp_path / "page" / "stats.html").read_text(encoding="utf-8")
    assert "2 documents are the same as another of their language" in page.replace("&#39;", "'")
    assert f"isoglot data stats {folder}" in page


def test_the_page_asks_for_nothing_and_escapes_what_the_data_says(tmp_path: Path):
    name = f"c{ATTACK}"
    collection = collection_from_rows(
        [("d", "en", ATTACK, "a"), ("e", "en", "", f"{ATTACK} a"), ("f", "el", "", ATTACK)],
        [("q", "en", ATTACK), ("r", "en", f"{ATTACK}!")],
        [("q", "d", 1), ("r", "e", 1)],
        name=name,
    )
    stats = collection_stats(collection)
    stats |= {"lengths": length_histograms(collection), "findings": quality_findings(collection)}
    write_quality_page(stats, tmp_path / "page.html", command=f"isoglot {ATTACK}", metadata={"licence": ATTACK})
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert ATTACK not in page
    assert page.count("</script>") == page.count("<script")
    assert "onerror=alert(2)&gt;" in page
    assert "default-src &#39;none&#39;" in page  # nothing is fetched; as in every page of this package


def test_a_collection_of_one_language_without_pairs_has_a_page(tmp_path: Path):
    collection = collection_from_rows([("d", "en", "", "one")], [("q", "en", "which?")], [("q", "d", 0)])
    stats = collection_stats(collection)
    stats |= {"lengths": length_histograms(collection), "findings": quality_findings(collection)}
    page = write_quality_page(stats, tmp_path / "page.html").read_text(encoding="utf-8")
    assert "1 query has no relevant document" in page


def test_check_looks_at_folders_of_splits_and_at_what_is_built(folder: Path, toy, tmp_path: Path, capsys):
    """Splits with documents of their own are checked one by one; worldfacts has both of its splits checked."""
    shutil.copytree(folder, tmp_path / "both" / "train")
    write_collection(toy, tmp_path / "both" / "test")
    assert main(["data", "check", str(tmp_path / "both"), "--no-near", "--json", str(tmp_path / "f.json")]) == 0
    said = capsys.readouterr().out
    assert "ok: train: Collection(" in said
    assert "ok: test: Collection('toy'" in said
    assert "warning: train: " in said
    assert set(json.loads((tmp_path / "f.json").read_text())["parts"]) == {"train", "test"}
    assert main(["data", "check", "worldfacts", "--no-near"]) == 0
    assert [line.split(":")[1] for line in capsys.readouterr().out.splitlines()[:2]] == [" train", " test"]
