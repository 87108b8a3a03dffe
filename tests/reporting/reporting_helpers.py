"""Results made by hand, whose sentences and tables can be checked by eye."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np

from isoglot.evaluation import Result
from isoglot.reporting import Inspection, RankedDocument, RankedQuery, Space

SCORES = {("de", "de"): 0.8, ("th", "th"): 0.6, ("de", "th"): 0.35, ("th", "de"): 0.25}

ATTACK = "<script>alert(1);window.injected=1</script><img src=x onerror='window.injected=1'></script>\"'&"


def make_result(model: str = "model", **changes: Any) -> Result:
    """A model that prefers the question's own language; mono AP 0.7, cross AP 0.3."""
    content: dict[str, Any] = {
        "collection": "toy",
        "model": model,
        "languages": ["de", "th"],
        "monolingual": {"AP": 0.7, "nDCG@10": 0.75, "pairs": 2},
        "cross_lingual": {"AP": 0.3, "nDCG@10": 0.4, "pairs": 2},
        "multilingual": {"AP": 0.45, "nDCG@10": 0.5, "queries": 40, "documents": 1000},
        "bias": {
            "rank_distance": 212.4,
            "max_rank": 230.0,
            "max_rank_log": 0.8,
            "complete@10": 0.34,
            "own_language_share@10": 0.5,
            "rank_correlation": None,
            "language_share@10": {"de": {"de": 0.9, "th": 0.1}, "th": {"de": 0.13, "th": 0.87}},
            "by_query_language": {
                "de": {"rank_distance": 180.0, "own_language_share@10": -0.03, "complete@10": 0.4},
                "th": {"rank_distance": 245.0, "own_language_share@10": 0.8, "complete@10": 0.28},
            },
        },
        "geometry": {"language_identification": 0.99, "language_identification_chance": 0.5, "cka": None},
        "intervals": {
            "monolingual": {"AP": [0.68, 0.72]},
            "cross_lingual": {"AP": [0.28, 0.32]},
            "multilingual": {"AP": [0.43, 0.47]},
            "bias": {"rank_distance": [200.0, 225.0]},
        },
        "pairs": [
            {"query_lang": a, "doc_lang": b, "queries": 20, "AP": value, "nDCG@10": value + 0.07}
            for (a, b), value in SCORES.items()
        ],
        "seconds": {"encode": 1.25, "rank": 0.5},
        "versions": {"isoglot": "0.1.0"},
        "per_query": {"rank_distance": np.array([0, 1, 3, 40, 41, 900, np.nan])},
    }
    return Result(**{**content, **changes})


MANY_TAGS = [
    *("af", "am", "ar", "bn", "bs", "ca", "cs", "da", "de", "el", "en", "es", "fa", "fi", "fr", "he", "hi", "hu"),
    *("id", "it", "ja", "ko", "lo", "ml", "ne", "nl", "no", "pl", "pt-BR", "ro", "ru", "sv", "sw", "ta", "th"),
    *("tr", "uk", "vi", "zh-Hans", "zh-Hant"),
]


def large_result() -> list[Inspection]:
    """Two models of long names in forty languages, with everything that an inspection can show."""
    inspected = []
    for worse, name in enumerate(("sentence-transformers/paraphrase-multilingual-MiniLM-L12-v2", "models/hybrid")):
        distances = {tag: 1000.0 * (at + 1) * (worse + 1) for at, tag in enumerate(MANY_TAGS)}
        share = {tag: {other: 1 / len(MANY_TAGS) for other in MANY_TAGS} for tag in MANY_TAGS}
        result = make_result(name, languages=MANY_TAGS)
        result.pairs = [
            {"query_lang": a, "doc_lang": b, "queries": 20, "AP": (0.9 if a == b else 0.4) - worse / 5}
            for a in MANY_TAGS
            for b in MANY_TAGS
        ]
        result.bias["language_share@10"] = share
        result.bias["by_query_language"] = {
            tag: {"rank_distance": value, "own_language_share@10": 0.0} for tag, value in distances.items()
        }
        points = np.random.default_rng(worse).normal(size=(200, 2))
        tags = [MANY_TAGS[at % len(MANY_TAGS)] for at in range(200)]
        inspected.append(Inspection(result, name, Space(points, tags, tags), []))
    return inspected


def one_language(model: str = "model") -> Result:
    """What a collection in German alone gives: null, not 0, for what it does not have."""
    return make_result(
        model,
        languages=["de"],
        cross_lingual=None,
        bias={
            "rank_distance": None,
            "max_rank": None,
            "complete@10": None,
            "own_language_share@10": None,
            "language_share@10": None,
            "by_query_language": None,
        },
        geometry=None,
        intervals=None,
        pairs=[{"query_lang": "de", "doc_lang": "de", "queries": 20, "AP": 0.8}],
        per_query={},
    )


def attacked() -> Inspection:
    """A model whose every text tries to be markup."""
    worst = RankedQuery(ATTACK, ATTACK, ATTACK, 0.1, [RankedDocument(ATTACK, ATTACK, ATTACK, True)])
    result = make_result(ATTACK, collection=ATTACK, versions={ATTACK: ATTACK}, languages=["de", ATTACK])
    result.pairs.append({"query_lang": ATTACK, "doc_lang": "de", "queries": 1, "AP": 0.5})
    result.bias["by_query_language"][ATTACK] = {"rank_distance": 3.0}
    result.multilingual[ATTACK] = 0.5
    return Inspection(result, ATTACK, Space(np.eye(2), [ATTACK, "de"], [ATTACK, ATTACK]), [worst])


class Page(HTMLParser):
    """What a browser would see: elements with attributes, the text of scripts and styles, the text read."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self.styles: list[str] = []
        self.words: list[str] = []
        self._inside: str | None = None
        self._attributes: dict[str, str | None] = {}
        self.feed(text)
        joined = re.sub(r" ?\x00 ?", "", " ".join(self.words))  # code is within words
        self.text = " ".join(joined.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._code(tag)
        if tag in ("script", "style"):
            self._inside, self._attributes = tag, dict(attrs)

    def _code(self, tag: str) -> None:
        if tag == "code":
            self.words.append("\x00")

    def handle_endtag(self, tag: str) -> None:
        self._code(tag)
        if tag == self._inside:
            self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append((self._attributes, data))
        elif self._inside == "style":
            self.styles.append(data)
        else:
            self.words.append(data)

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}
