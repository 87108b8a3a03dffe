"""The result of a study that never was, with one of everything that a page can show."""

from __future__ import annotations

import copy
from typing import Any

from isoglot.reporting.study.result import StudyArm, StudyResult

BASE = {
    "encoder": "static",
    "dimensions": 128,
    "strategy": "hybrid",
    "tau": 1.0,
    "temperature": 0.05,
    "symmetric": False,
    "steps": 250,
    "batch_size": 256,
    "learning_rate": 0.02,
}
TAGS = ("de", "en", "th", "zh")
QUERIES = {"de": 4000, "en": 9000, "th": 300, "zh": 0}
ADVERSARY = [{"term": "InfoNCE", "weight": 1.0}, {"term": "LanguageAdversary", "weight": 0.5, "max_lambda": 0.03}]


def spread(mean: float, by: float = 0.02) -> dict[str, Any]:
    """A figure of two seeds."""
    return {"mean": mean, "low": mean - by, "high": mean + by, "seeds": [mean - by / 2, mean + by / 2]}


def measured(mono: float, cross: float, distance: float) -> dict[str, Any]:
    """What an arm has on an evaluation in several languages."""
    retrieval = {
        "monolingual": {"AP": spread(mono, 0.01), "R@10": spread(mono + 0.02, 0.01)},
        "cross_lingual": {"AP": spread(cross), "R@10": spread(cross + 0.1)},
        "multilingual": {"AP": spread((mono + cross) / 2), "R@10": spread((mono + cross) / 2 + 0.05)},
        "bias": {"rank_distance": spread(distance, 12), "own_language_share@10": spread(distance / 1000, 0.01)},
    }
    return {
        **retrieval,
        "geometry": {
            "language_identification": spread(0.3 + distance / 1000, 0.05),
            "language_identification_chance": spread(0.25, 0.0),
            "parallel_accuracy": {"mean": cross, "low": None, "high": None, "seeds": [cross]},
        },
        "by_language": {
            tag: {
                "monolingual": {"AP": spread(mono - at / 50)},
                "cross_lingual": {"AP": spread(cross - at * mono / 20)},
                "multilingual": {"AP": spread(cross - at / 50)},
                "bias": {"rank_distance": spread(distance + 10 * at)},
            }
            for at, tag in enumerate(TAGS)
        },
    }


def along(mono: float, cross: float) -> list[dict[str, Any]]:
    """What an arm had at four steps."""
    return [
        {
            "step": step,
            "monolingual": {"AP": spread(mono * done, 0.01)},
            "cross_lingual": {"AP": spread(cross * done**2, 0.02)},
            "bias": {"rank_distance": spread(700 - 500 * cross * done, 20)},
            "geometry": {
                "alignment": spread(2 - done * cross, 0.05),
                "language_identification": spread(1 - 0.6 * done * cross),
            },
        }
        for step, done in ((0, 0.05), (50, 0.6), (125, 0.85), (250, 1.0))
    ]


def arm(name: str, values: tuple[float, float, float], note: str | None = None, **more: Any) -> dict[str, Any]:
    """An arm of two seeds; `more` are settings, or other keys of the result."""
    keys = ("trained", "config", "sample", "tuning", "failures", "along", "seeds", "steps", "tokens", "estimates")
    own = {key: more.pop(key) for key in keys if key in more}
    found = {
        "name": name,
        "note": note,
        "trained": True,
        "config": [{**BASE, **more}],
        "sample": None,
        "tuning": None,
        "seeds": [0, 1],
        "runs": {"0": f"{name}-0", "1": f"{name}-1"},
        "steps": {"0": 250, "1": 250},
        "tokens": {"0": 4_700_000, "1": 4_800_000},
        "estimates": {
            "tldr": measured(*values),
            "xquad-r": measured(values[0] - 0.3, values[1] / 3, values[2] * 8),
            "cranfield": {
                "monolingual": {"nDCG@10": spread(values[0] / 4)},
                "multilingual": {"nDCG@10": spread(values[0] / 4)},
            },
        },
        "along": {"tldr": along(values[0], values[1])},
        "training_queries": dict(QUERIES),
        "failures": [],
    }
    del found["estimates"]["xquad-r"]["by_language"], found["estimates"]["xquad-r"]["geometry"]
    return {**found, **own}


def decisive(first: str, second: str, difference: float | None, half: float, **more: Any) -> dict[str, Any]:
    """A comparison and what came of it."""
    missing = difference is None
    found = {
        "first": first,
        "second": second,
        "evaluation": "tldr",
        "setting": "cross_lingual",
        "measure": "AP",
        "language": None,
        "better": "high",
        "margin": None,
        "expect": "first",
        "first_mean": None if missing else 0.6,
        "second_mean": None if missing else 0.6 - difference,
        "difference": difference,
        "low": None if missing else difference - half,
        "high": None if missing else difference + half,
        "p": None if missing else 0.0001,
        "p_holm": None if missing else 0.0004,
        "test": None if missing else "randomisation over queries",
        "query_ids": None if missing else 1584,
        "seeds": 0 if missing else 2,
        "verdict": "first better",
        "as_expected": True,
        "reason": None,
        **more,
    }
    return {
        **found,
        "sentence": found.get("sentence")
        or f"{first} and {second}: {found['verdict']} by {found['measure']}, {difference}.",
    }


def overlap(examples: list[dict[str, Any]], exact: int = 0, near: int = 0) -> dict[str, Any]:
    """What of the texts of a test collection is in a training collection."""
    return {
        "found": bool(examples),
        "compared": 1190,
        "against": 59377,
        "exact": exact,
        "near": near,
        "examples": examples,
    }


def evaluation(name: str, data: str, collection: str, languages: tuple[str, ...], **more: Any) -> dict[str, Any]:
    """Something to measure on."""
    sizes = {"documents": 1035, "queries": 4138, "query_ids": 1584}
    claims = {"zero_shot": False, "by_language": False, "stands_for": None}
    return {
        "name": name,
        "data": data,
        "collection": collection,
        "languages": list(languages),
        **sizes,
        **claims,
        **more,
    }


def source(
    name: str, used: str, collection: str, languages: tuple[str, ...], licence: str | None = None
) -> dict[str, Any]:
    """A source of data."""
    sizes = {"documents": 14716, "queries": 59377, "languages": list(languages)}
    return {"name": name, "used": used, "collection": collection, **sizes, "licence": licence, "fingerprint": "e8"}


def make_study(**changes: Any) -> dict[str, Any]:
    """The content of a `study.json`."""
    leaked = {
        "kind": "near",
        "similarity": 0.91,
        "test": {"id": "q17", "language": "de", "text": "Wie entpacke ich ein Archiv?"},
        "train": {"id": "tar#2", "language": "de", "text": "Wie entpacke ich ein Archiv mit tar?"},
    }
    same = {**leaked, "kind": "exact", "similarity": 1.0, "train": {**leaked["test"], "id": "tar#1"}}
    clean = {"found": False, "queries": overlap([]), "documents": overlap([])}
    struck = {"found": True, "queries": overlap([same, leaked], exact=12, near=3), "documents": overlap([])}
    weighed = [
        decisive("alpha-0.5", "alpha-1.0", 0.243, 0.044),
        decisive(
            "alpha-0.5",
            "alpha-1.0",
            -0.004,
            0.006,
            setting="monolingual",
            margin=0.02,
            expect="within margin",
            verdict="within margin",
            p_holm=0.21,
        ),
        decisive("alpha-0.5", "mixed", -384.0, 13.4, setting="bias", measure="rank_distance", better="low"),
        decisive("alpha-0.5", "alpha-0.0", -0.083, 0.068, verdict="second better", as_expected=False),
        decisive(
            "adversary",
            "alpha-0.5",
            0.003,
            0.02,
            verdict="no difference shown",
            as_expected=None,
            expect=None,
            p_holm=0.62,
            language="th",
        ),
        decisive("alpha-0.5", "broken", None, 0.0, verdict="not measured", as_expected=None, reason="it failed"),
    ]
    tried = {
        "on": "dev",
        "setting": "multilingual",
        "measure": "AP",
        "trials": [
            {"settings": {"learning_rate": 0.01}, "value": 0.61},
            {"settings": {"learning_rate": 0.02}, "value": 0.64},
            {"settings": {"learning_rate": 9.0}, "value": None},
        ],
        "chosen": {"learning_rate": 0.02},
    }
    budgets = [
        arm(
            f"{way}-zh-{size}",
            (0.90 + gain / 10, 0.3 + bonus + gain, 400 - 600 * gain),
            f"{way}, {size} Chinese queries",
            strategy=strategy,
            along={},
            sample={"budgets": {"zh": size}, "default": None, "hold_out": []},
        )
        for way, strategy, bonus in (("englishway", "english", 0.1), ("crossway", "cross_lingual", 0.0))
        for size, gain in ((0, 0.0), (100, 0.08), (1000, 0.2))
    ]
    result = {
        "format": 1,
        "study": "ratio",
        "title": "the share of monolingual batches",
        "profile": "embedded",
        "question": "How does α trade accuracy within a language for accuracy across languages?",
        "hypothesis": "A half-and-half mixture keeps most of both.",
        "sources": ["hybrid batch training: arXiv 2408.10536"],
        "choices": [{"detail": "the batch size", "chosen": "256, which the paper does not state"}],
        "answer": [
            "The hypothesis holds in part. 3 of 4 decisive comparisons came out as it says.",
            "1 of the comparisons that it is about could not be made.",
            *(one["sentence"] for one in weighed),
        ],
        "decisive": weighed,
        "arms": [
            arm("alpha-0.0", (0.950, 0.625, 80.0), alpha=0.0, tuning=tried),
            arm("alpha-0.25", (0.960, 0.594, 91.0), alpha=0.25, along={}),
            arm("alpha-0.5", (0.966, 0.542, 109.0), "hybrid", alpha=0.5, tuning=tried),
            arm("alpha-1.0", (0.971, 0.299, 375.0), alpha=1.0),
            arm(
                "mixed",
                (0.961, 0.270, 493.0),
                "every row draws its own language",
                strategy="mixed",
                tokens={"0": 5_600_000, "1": 5_700_000},
            ),
            arm("adversary", (0.958, 0.545, 101.0), "α = 0.5, against a classifier", objective=ADVERSARY, along={}),
            arm(
                "curriculum",
                (0.968, 0.53, 118.0),
                alpha={"shape": "linear", "start": 1.0, "end": 0.0, "steps": 250},
                along={},
            ),
            arm(
                "sequential",
                (0.969, 0.50, 130.0),
                "first monolingual, then cross-lingual",
                config=[
                    {**BASE, "strategy": "monolingual", "steps": 125},
                    {**BASE, "strategy": "cross_lingual", "steps": 125},
                ],
            ),
            arm(
                "as-it-is",
                (0.41, 0.05, 640.0),
                trained=False,
                along={},
                config=[{"encoder": "intfloat/multilingual-e5-small"}],
            ),
            *budgets,
            arm(
                "broken",
                (0, 0, 0),
                "a rate that is far too high",
                config=None,
                seeds=[],
                steps={},
                tokens={},
                estimates={},
                along={},
                failures=[
                    {
                        "seed": 0,
                        "trial": None,
                        "sentence": "the loss is not finite after step 7: lower the learning rate",
                    },
                    {"seed": 1, "trial": 2, "sentence": "out of memory"},
                ],
            ),
        ],
        "evaluations": [
            evaluation("tldr", "test", "tldr/test", TAGS, by_language=True),
            evaluation("xquad-r", "xquad-r", "xquad-r", ("de", "zh"), zero_shot=True),
            evaluation("cranfield", "cranfield", "cranfield", ("en",), zero_shot=True, stands_for="BEIR"),
        ],
        "data": [
            source("train", "facts", "worldfacts", TAGS, "CC BY 4.0"),
            source("test", "test", "tldr/test", TAGS, "CC BY 4.0"),
            source("dev", "dev", "tldr/dev", TAGS),
            source("xquad-r", "xquad-r", "xquad-r", ("de", "zh"), "CC BY-SA 4.0"),
            source("cranfield", "cranfield", "cranfield", ("en",)),
        ],
        "zero_shot": [
            {
                "evaluation": "xquad-r",
                "claimed": True,
                "holds": False,
                "against": {"train": struck},
                "sentence": "xquad-r is not zero-shot: texts of it were trained on (train). The claim is struck.",
            },
            {
                "evaluation": "cranfield",
                "claimed": True,
                "holds": True,
                "against": {"train": clean},
                "unlabelled": ["dialogues"],
                "sentence": "cranfield is zero-shot as far as can be seen.",
            },
        ],
        "comparable": {
            "stated": True,
            "same": "steps",
            "tolerance": 0.1,
            "holds": True,
            "values": {"alpha-0.5": 250.0, "mixed": 250.0},
            "sentence": "All trained arms had the same optimiser steps, 250.",
        },
        "left_out": [{"what": "evaluation", "name": "miracl", "reason": "mteb is not installed"}],
        "notes": ["train is absent; facts (worldfacts) stands in for it"],
        "limits": ["The static encoder knows no word that it was not trained on."],
        "command": "isoglot study run ratio --profile embedded --out DIR",
        "full_command": "isoglot study run ratio --profile benchmark --out DIR",
        "versions": {"python": "3.11.7", "isoglot": "0.1.0"},
        "hardware": [{"system": "Linux", "machine": "x86_64", "cpu": "a processor", "cores": 2, "gpus": []}],
    }
    return {**copy.deepcopy(result), **changes}


def arms_of(*arms: dict[str, Any]) -> list[StudyArm]:
    """Arms as a result has them."""
    return [StudyArm(**{"name": "arm", "trained": True, **one}) for one in arms]


def as_read(study: dict[str, Any]) -> StudyResult:
    """The result that a page and its figures are made of."""
    return StudyResult.read(study)


def of_tldr(**changes: Any) -> dict[str, Any]:
    """The study with one of its evaluations: quicker to draw."""
    study = make_study(**changes)
    study["evaluations"] = study["evaluations"][:1]
    return study
