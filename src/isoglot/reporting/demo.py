"""The page that `isoglot demo` writes: several ways of composing batches, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from isoglot.errors import InputError
from isoglot.measures import canonical_key, count, measure_of, setting_name
from isoglot.reporting.figures import interval_dots, language_dots, pair_heatmap
from isoglot.reporting.page import figure, making, render_page, write_page
from isoglot.reporting.result_like import ResultLike
from isoglot.reporting.sentences.demo import demo_headline, demo_sentences, effort_sentence
from isoglot.reporting.tables import Cell, Head, Table, clearly_best, measured

__all__ = ["DEMO_MEASURES", "write_demo_report"]

DEMO_MEASURES = (
    "monolingual.AP",
    "cross_lingual.AP",
    "multilingual.AP",
    "rank_distance",
    "max_rank",
    "complete@10",
    "complete@100",
    "own_language_share@10",
)
"""Measures of the demo's table, in order: keys of the result file, with the setting where there are three."""

EXPLAINED = {
    "monolingual": "All questions and answers of a batch are in one language.",
    "cross-lingual": "Every question of a batch is in another language than its answer.",
    "hybrid": "Each batch is one or the other, drawn at random: hybrid batch training.",
    "multiway": "A batch holds fewer questions, each in several languages, with its answers in several languages; "
    "its objective, MultiwayInfoNCE, compares them all in one pool. That of the others is InfoNCE.",
}


def _by_measure(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Mapping[str, Any]]]:
    """Order rows as measure -> arm -> row, under canonical names."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in rows:
        missing = [name for name in ("arm", "measure", "mean") if name not in row]
        if missing:
            raise InputError(f"a row of the demo's table lacks {missing[0]!r}: {dict(row)}")
        key = row["measure"] if not row.get("setting") else f"{row['setting']}.{row['measure']}"
        found.setdefault(canonical_key(key), {})[setting_name(row["arm"])] = row
    known = [key for key in DEMO_MEASURES if key in found]
    return {key: found[key] for key in [*known, *(key for key in found if key not in known)]}


def _table(found: Mapping[str, Mapping[str, Mapping[str, Any]]], arms: Sequence[str], seeds: int) -> Table:
    rows = []
    for key, by_arm in found.items():
        measure = measure_of(key)
        present = [by_arm.get(arm, {"mean": None}) for arm in arms]
        best = clearly_best(present, measure.better)
        unit = " (percentage points)" if measure.form == "points" else ""
        cells = [Cell(measure.label, note=measure.note + unit)]
        for at, row in enumerate(present):
            cells.append(measured(row["mean"], measure, (row.get("low"), row.get("high")), best == at))
        rows.append(cells)
    note = (
        f"Means{f' over {seeds} seeds' if seeds > 1 else ''}; below them 95 % intervals. A value is marked as best "
        "only where its interval overlaps with none of the others."
    )
    return Table("Measures by kind of batch", [Head("measure"), *(Head(arm) for arm in arms)], rows, note=note)


def mean_pairs(results: Sequence[ResultLike], measure: str = "AP") -> list[dict[str, Any]]:
    """Average a measure of every language pair over results (seeds).

    Returns:
        Rows `query_lang`, `doc_lang`, `queries` and the measure.
    """
    values: dict[tuple[str, str], list[float]] = {}
    queries: dict[tuple[str, str], int] = {}
    for result in results:
        for row in result.pairs:
            if row.get(measure) is not None:
                pair = row["query_lang"], row["doc_lang"]
                values.setdefault(pair, []).append(row[measure])
                queries[pair] = row["queries"]
    return [
        {"query_lang": a, "doc_lang": b, "queries": queries[a, b], measure: fmean(found)}
        for (a, b), found in values.items()
    ]


def by_language(arms: Mapping[str, Sequence[ResultLike]], measure: str) -> list[dict[str, Any]]:
    """Average a measure of bias per query language over results: rows `arm`, `lang`, `value`."""
    rows = []
    for arm, results in arms.items():
        values: dict[str, list[float]] = {}
        for result in results:
            for tag, found in (result.bias.get("by_query_language") or {}).items():
                if found.get(measure) is not None:
                    values.setdefault(tag, []).append(found[measure])
        rows += [{"arm": arm, "lang": tag, "value": fmean(found)} for tag, found in values.items()]
    return rows


def _heatmaps(arms: Mapping[str, Sequence[ResultLike]]) -> list[dict[str, Any]]:
    tables = {arm: mean_pairs(results) for arm, results in arms.items()}
    if not any(row["query_lang"] != row["doc_lang"] for table in tables.values() for row in table):
        return []
    top = {"AP": max(row["AP"] for table in tables.values() for row in table)}
    return [
        figure(pair_heatmap(table, "AP", tops=top, title=f"{arm.capitalize()} batches"))
        for arm, table in tables.items()
        if table
    ]


def _bias(arms: Mapping[str, Sequence[ResultLike]]) -> list[dict[str, Any]]:
    figures = []
    if rows := by_language(arms, "rank_distance"):
        chart = language_dots(
            rows, axis="rank distance (places)", title="Rank distance, by language of the question"
        )
        figures.append(
            figure(chart, "Places between the best- and the worst-placed language of the answer; less is better.")
        )
    if rows := by_language(arms, "own_language_share@10"):
        chart = language_dots(
            rows,
            axis="share of the top 10 minus share of the pool",
            number=".0%",
            title="Preference for the question's own language",
        )
        figures.append(
            figure(chart, "0 is no preference: the top 10 hold as much of the language as the pool does.")
        )
    return figures


def write_demo_report(
    arms: Mapping[str, Sequence[ResultLike]],
    path: str | Path,
    *,
    rows: Sequence[Mapping[str, Any]],
    steps: int | None = None,
    texts: Mapping[str, float] | None = None,
    seconds: float | Mapping[str, float] | None = None,
    command: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    explained: Mapping[str, str] | None = None,
) -> Path:
    """Write the demo's page: one self-contained HTML file.

    Args:
        arms: arm -> its results, one a seed; the last arm is what the page is about, the first what it is
            compared with, unless there are arms called `hybrid` and `monolingual`.
        path: of the file.
        rows: `arm`, `measure`, `mean`, `low`, `high`, one for each arm and measure (`DEMO_MEASURES`); the setting
            is part of the measure, or in a `setting` of its own.
        steps: optimiser steps of each run, if known.
        texts: arm -> texts that a run of it encodes in training, if known.
        seconds: what the demo took, in all or by step.
        command: the command line.
        metadata: of the collection: licence, source, citation.
        explained: arm -> what it is, in a sentence; the arms of the demo are known.

    Returns:
        The path.

    Raises:
        InputError: there is no arm, an arm has no result, a row lacks a value, or the file cannot be written.
    """
    if not arms or not all(arms.values()):
        raise InputError("a demo report needs at least one arm, and every arm at least one result")
    named = {setting_name(arm): list(results) for arm, results in arms.items()}
    names = list(named)
    found = _by_measure(rows)
    first = "hybrid" if "hybrid" in named else names[-1]
    second = "monolingual" if "monolingual" in named else names[0]
    any_result = named[first][0]
    counted = any_result.multilingual or {}
    seeds = max(len(results) for results in named.values())
    scores = [
        {"label": measure_of(key).label, **row, "arm": arm}
        for key in ("monolingual.AP", "cross_lingual.AP", "multilingual.AP")
        for arm, row in found.get(key, {}).items()
    ]
    encoded = {setting_name(arm): number for arm, number in (texts or {}).items()}
    told = {**EXPLAINED, **{setting_name(arm): text for arm, text in (explained or {}).items()}}
    context = {
        "title": "isoglot demo: " + ", ".join(names) + " batches",
        "kicker": "isoglot demo",
        "headline": demo_headline(found, first, second) if first != second else f"{first.capitalize()} batches",
        "lead": _lead(any_result, names, seeds),
        "sentences": [
            *([demo_headline(found, "multiway", first)] if {"multiway", "hybrid"} <= named.keys() else []),
            *demo_sentences(found, names, counted.get("documents"), len(any_result.languages)),
        ],
        "arms": [{"name": f"{arm.capitalize()} batches", "text": told[arm]} for arm in names if arm in told],
        "effort": effort_sentence({arm: encoded[arm] for arm in names if arm in encoded}, steps),
        "table": _table(found, names, seeds),
        "intervals": figure(
            interval_dots(scores, axis="average precision", title="Average precision, by kind of retrieval"),
            "Dots are means, lines 95 % intervals.",
            widest=840,
        )
        if scores
        else None,
        "heatmaps": _heatmaps(named),
        "heatmap_text": "Average precision of questions in one language (rows) among the documents of one language "
        "(columns); the diagonal is monolingual retrieval. All figures have the same colour scale"
        + (", and are means over seeds." if seeds > 1 else "."),
        "bias": _bias(named),
        "facts": making(
            [result.collection for results in named.values() for result in results],
            command=command,
            seconds=seconds,
            versions=any_result.versions,
            metadata=metadata,
        ),
    }
    return write_page(path, render_page("demo.html", context))


def _lead(result: ResultLike, names: Sequence[str], seeds: int) -> str:
    counted = result.multilingual or {}
    languages = len(result.languages)
    sizes = [f"{languages} language{'s' if languages != 1 else ''}"]
    if counted.get("queries") is not None:
        sizes.append(f"{count(counted['queries'])} test questions")
    if counted.get("documents") is not None:
        sizes.append(f"{count(counted['documents'])} documents")
    runs = f", each trained with {seeds} seeds" if seeds > 1 else ""
    ways = f"{len(names)} ways of composing training batches" if len(names) > 1 else "one way of composing batches"
    return (
        f"{ways[0].upper()}{ways[1:]}, the same encoder{runs}, measured on {result.collection}: {', '.join(sizes)}."
    )
