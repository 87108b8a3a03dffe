"""What pages of studies and of collections say, in situations in which words for the usual case would be untrue.

Situations are rows; a rule holds for all that a page says. (`test_sentences_sweep.py` does so for results.)
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evaluation_helpers import parallel_collection
from reporting_helpers import Page
from study_example import decisive, of_tldr

from isoglot.collections import Collection, collection_from_rows
from isoglot.data.quality.findings import quality_findings
from isoglot.data.stats import collection_stats, length_histograms
from isoglot.reporting.quality import write_quality_page
from isoglot.reporting.study import write_study_page
from isoglot.reporting.study.comparison import Comparison
from isoglot.reporting.study.verdicts import answer_of, sentence_of

NEVER = re.compile(
    r"\bnan\b|\bNone\b(?! of)|\binf\b|\bNaN\b|(?<![\d.,])(?<!queries )(?<!documents )"
    r"1 (?:pairs|languages|language pairs|questions|queries|documents|ids|"
    r"judgments|texts|groups|seeds|arms|evaluations|runs|steps)\b"
)
"""What is no value, and what is none of its number; tiles have names before numbers."""


def said_by(path: Path) -> str:
    text = Page(path.read_text(encoding="utf-8")).text
    return text.replace("\u00a0", " ").replace("\u202f", " ")


def unjudged() -> Collection:
    return collection_from_rows([("d", "en", "", "a text")], [("q", "en", "which?")], [("q", "d", 0)], name="none")


COLLECTIONS: dict[str, tuple[Callable[[], Collection], tuple[str, ...]]] = {
    "one-language": (lambda: parallel_collection(1, 8), ("1 language · 8 queries (8 ids) · 8 documents",)),
    "one-query": (
        lambda: parallel_collection(1, 1),
        ("1 language · 1 query (1 id) · 1 document · 1 judgment",),
    ),
    "one-query-in-three": (
        lambda: parallel_collection(3, 1),
        ("3 languages · 3 queries (1 id) · 3 documents · 3 judgments",),
    ),
    "nothing-relevant": (unjudged, ("1 query has no relevant document", "in 0 languages")),
}


@pytest.mark.parametrize("situation", COLLECTIONS)
def test_the_page_of_a_collection_says_what_is_so(situation: str, tmp_path: Path) -> None:
    make, told = COLLECTIONS[situation]
    collection = make()
    stats = collection_stats(collection)
    stats |= {"lengths": length_histograms(collection), "findings": quality_findings(collection)}
    said = said_by(write_quality_page(stats, tmp_path / "page.html"))
    assert NEVER.findall(said) == []
    for words in told:
        assert words in said


def one_seed(study: dict[str, Any]) -> None:
    for one in study["arms"]:
        for key in ("runs", "steps", "tokens"):
            one[key] = dict([*one[key].items()][:1])
        one["seeds"], one["failures"] = one["seeds"][:1], []
        _keep_one(one["estimates"])
        _keep_one(one["along"])


def _keep_one(values: Any) -> None:
    for one in values.values() if isinstance(values, dict) else values:
        if isinstance(one, dict) and "seeds" in one:
            one["seeds"] = one["seeds"][:1]
        elif isinstance(one, dict | list):
            _keep_one(one)


def tied(study: dict[str, Any]) -> None:
    """All arms have the figures of the first."""
    for one in study["arms"][1:]:
        for key in ("estimates", "along"):
            one[key] = copy.deepcopy(study["arms"][0][key])
    zero = {"difference": 0.0, "half": 0.0, "verdict": "no difference shown", "as_expected": False, "p_holm": 1.0}
    names = [one["name"] for one in study["arms"]]
    study["decisive"] = [decisive(names[0], names[1], zero.pop("difference"), zero.pop("half"), **zero)]


def one_language(study: dict[str, Any]) -> None:
    for one in study["evaluations"]:
        one["languages"] = one["languages"][:1]
    for one in study["arms"]:
        for values in one["estimates"].values():
            for setting in ("cross_lingual", "bias", "geometry", "by_language"):
                values.pop(setting, None)
        for values in (step for steps in one["along"].values() for step in steps):
            for setting in ("cross_lingual", "bias", "geometry"):
                values.pop(setting, None)
    study["decisive"] = []


def one_query(study: dict[str, Any]) -> None:
    for one in study["evaluations"]:
        one |= {"queries": 1, "query_ids": 1, "documents": 1}
    for one in study["decisive"]:
        one |= {"query_ids": 1, "low": None, "high": None}


def nothing_ran(study: dict[str, Any]) -> None:
    for one in study["arms"]:
        one |= {"seeds": [], "runs": {}, "steps": {}, "tokens": {}, "estimates": {}, "along": {}}
        one["failures"] = [{"seed": 0, "trial": None, "sentence": "out of memory"}]
    study["decisive"] = []


STUDIES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "one-seed": (one_seed, r"queries and seeds|[Mm]eans? over seeds|gain of a seed"),
    "tied": (tied, r"has the best mean|is better than|hypothesis holds"),
    "one-language": (one_language, r"[Cc]ross-lingual AP|rank distance|asked by others"),
    "one-query": (one_query, r"\b1 queries"),
    "nothing-ran": (nothing_ran, r"since there is one seed|has the best mean"),
}


@pytest.mark.parametrize("situation", STUDIES)
def test_the_page_of_a_study_says_nothing_that_is_not_so(situation: str, tmp_path: Path) -> None:
    change, untrue = STUDIES[situation]
    study = of_tldr()
    change(study)
    for one in study["decisive"]:
        one |= {"sentence": "", "reason": "nothing was measured" if one["difference"] is None else None}
        one["sentence"] = sentence_of(Comparison(**one))
    study["answer"] = answer_of([Comparison(**one) for one in study["decisive"]])
    said = said_by(write_study_page(study, tmp_path / "page.html"))
    assert NEVER.findall(said) == []
    assert re.findall(untrue, said) == []
