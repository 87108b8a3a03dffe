"""The page of one or several evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from isoglot.collections.cautions import caution_of, different_queries
from isoglot.errors import InputError
from isoglot.measures import BIAS, GEOMETRY, SETTINGS, plural, setting_name
from isoglot.reporting.charts import comparison_charts, highest_values
from isoglot.reporting.comparison import comparable, comparison_sentences, side_by_side, verdict_table
from isoglot.reporting.inspection import Inspection, named_arms
from isoglot.reporting.model import model_part
from isoglot.reporting.page import Fact, figure, making, render_page, write_page
from isoglot.reporting.repairs import repair_sentences
from isoglot.reporting.result_like import ComparedLike, ResultLike
from isoglot.reporting.words import listed

__all__ = ["lead_of", "words_of", "write_report"]

RANK_MEASURES = {
    "AP": "average precision: the mean, over a question's relevant documents, of the share of relevant documents "
    "among all that stand no lower; 1 is all at the top",
    "nDCG@k": "gain of the first k documents, less for each the lower it stands, as a share of the best order's",
    "R@k": "recall: share of a question's relevant documents that are among the first k",
    "RR@k": "one over the place of the first relevant document; 0 if it is below place k",
    "Success@k": "share of the questions with a relevant document among the first k",
}


def write_report(
    results: Sequence[ResultLike | Inspection] | ResultLike | Inspection,
    path: str | Path,
    *,
    command: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    title: str | None = None,
    tests: Sequence[ComparedLike] = (),
) -> Path:
    """Write what evaluations found as one self-contained HTML file.

    Args:
        results: one or several models; an `Inspection` (see `inspect_result`) adds figures that a result alone
            cannot give. Models of the same name are numbered.
        path: of the file.
        command: the command line, for "How this was made".
        metadata: of the collection: licence, source, citation.
        title: of the page; by default, models and collection.
        tests: of several models, the paired tests of every other one against the first, as `compare_all` gives them
            under the names of the page; without them the page calls none better.

    Returns:
        The path.

    Raises:
        InputError: there is no result, or the file cannot be written.
    """
    given: list[Any] = list(results) if isinstance(results, Sequence) else [results]
    if not given:
        raise InputError("a report needs at least one result")
    arms = named_arms(given)
    collections = list(dict.fromkeys(arm.result.collection for arm in arms.values()))
    headline = title or f"{listed(list(arms)) if len(arms) < 4 else f'{len(arms)} models'} on {listed(collections)}"
    tops = highest_values([arm.result for arm in arms.values()])
    models = []
    for name, arm in arms.items():
        facts = making(
            [arm.result.collection],
            command=command,
            seconds=arm.result.seconds,
            versions=arm.result.versions,
            metadata=metadata,
        )
        models.append({**model_part(name, arm, tops), "facts": [*facts, *_settings(arm.result)]})
    compared = {name: arm.result for name, arm in arms.items()}
    alike = comparable(compared)
    together = comparison_charts(arms) if len(arms) > 1 and alike else {}
    context = {
        "title": f"isoglot: {headline}",
        "kicker": "isoglot evaluation",
        "headline": headline,
        "lead": lead_of(next(iter(arms.values())).result) if alike else "",
        "models": models,
        "spaces": any(model["space"] or model["geometry"] for model in models),
        "cautions": _cautions({name: arm.result for name, arm in arms.items()}),
        "words": words_of([arm.result for arm in arms.values()]),
        "comparison": [
            *comparison_sentences(compared, tests, next(iter(arms))),
            *(repair_sentences(compared, tests, next(iter(arms))) if alike else []),
        ],
        "verdicts": verdict_table(tests, next(iter(arms))) if tests else None,
        "side_by_side": side_by_side(arms) if len(arms) > 1 else None,
        "comparison_charts": [
            figure(shown.chart, shown.caption, widest=shown.widest) for shown in together.values()
        ],
    }
    return write_page(path, render_page("report.html", context))


def _cautions(results: Mapping[str, ResultLike]) -> list[str]:
    """Say what figures are of, where it is not the usual."""
    made = {name: getattr(result, "made", None) for name, result in results.items()}
    sentences = dict.fromkeys([different_queries(made), *map(caution_of, made.values())])
    return [f"{sentence}." for sentence in sentences if sentence]


def _settings(result: ResultLike) -> list[Fact]:
    """Return what the result says of how it was made."""
    made = getattr(result, "made", None) or {}
    told = ", ".join(f"{key.replace('_', ' ')} {value!r}" for key, value in made.items() if value not in (None, ""))
    return [Fact("Settings", told)] if told else []


def lead_of(result: ResultLike) -> str:
    """Return how large a collection is, in one line."""
    sizes = [plural(len(result.languages), "language")]
    counted = result.multilingual or {}
    sizes += [
        plural(counted[name], word)
        for name, word in (("queries", "query"), ("documents", "document"))
        if counted.get(name) is not None
    ]
    return " · ".join(sizes)


def words_of(results: Sequence[ResultLike]) -> list[Fact]:
    """Say what settings and measures are, of those that the page speaks of."""
    facts = [
        Fact(setting_name(setting), text)
        for setting, text in SETTINGS.items()
        if any(getattr(result, setting) for result in results)
    ]
    facts += [Fact(name, text) for name, text in RANK_MEASURES.items()]
    for setting, measures in (("bias", BIAS), ("geometry", GEOMETRY)):
        known = {
            key
            for result in results
            for key, value in (getattr(result, setting) or {}).items()
            if value is not None
        }
        facts += [Fact(one.label, one.note) for one in measures if one.key in known and one.note]
    return facts
