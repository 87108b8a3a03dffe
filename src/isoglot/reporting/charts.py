"""The figures of a report by name, for the page and for files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.errors import InputError
from isoglot.measures import measure_of, percent
from isoglot.reporting.figures import (
    difference_heatmap,
    distance_histogram,
    interval_dots,
    language_dots,
    pair_heatmap,
    save_figures,
    share_heatmap,
    space_scatter,
)
from isoglot.reporting.figures.style import FORMATS
from isoglot.reporting.inspection import Inspection, named_arms
from isoglot.reporting.prose import pool_shares
from isoglot.reporting.result_like import ResultLike, value_row

__all__ = ["MAPPED", "Chart", "comparison_charts", "highest_values", "model_charts", "write_figures"]

MAPPED = ("AP", "nDCG@10", "R@1", "R@10", "R@100", "RR@10")
"""Measures that heat maps can show."""
MOST_CURVES = 6
WIDEST = 720


@dataclass(frozen=True)
class Chart:
    """One figure.

    Attributes:
        chart: an Altair chart.
        caption: how to read it.
        widest: pixels beyond which it does not grow with the page; 0 for no limit.
    """

    chart: Any
    caption: str
    widest: int = 0


def highest_values(results: Sequence[ResultLike]) -> dict[str, float]:
    """Return the largest value over language pairs and models of each measure, to give heat maps one scale."""
    rows = [row for result in results for row in result.pairs]
    found = {name: [row[name] for row in rows if row.get(name) is not None] for name in MAPPED}
    return {name: max(values) for name, values in found.items() if values}


def model_charts(arm: Inspection, tops: Mapping[str, float]) -> dict[str, Chart]:
    """Return the figures of one model that its result allows.

    Args:
        arm: the model.
        tops: measure -> upper end of the colour scale of heat maps.

    Returns:
        `pairs`, `rank_distance`, `own_language`, `distances`, `origin` and `space`, each only where there is
        something to draw.
    """
    result = arm.result
    charts = {
        "pairs": _pairs(result, tops),
        "rank_distance": _rank_distance(result),
        "own_language": _own_language(result),
        "distances": _distances(result),
        "origin": _origin(result),
        "space": _space(arm),
    }
    return {name: chart for name, chart in charts.items() if chart is not None}


def _pairs(result: ResultLike, tops: Mapping[str, float]) -> Chart | None:
    names = [name for name in MAPPED if any(row.get(name) is not None for row in result.pairs)]
    if len(result.pairs) < 2 or not names:
        return None
    return Chart(
        pair_heatmap(result.pairs, names, tops=tops, title="Every language pair"),
        "Questions in one language (rows) among the documents of one language (columns); the diagonal is "
        "monolingual retrieval.",
    )


def _rank_distance(result: ResultLike) -> Chart | None:
    by_language = result.bias.get("by_query_language") or {}
    rows = [{"arm": "", "lang": tag, "value": values.get("rank_distance")} for tag, values in by_language.items()]
    if all(row["value"] is None for row in rows):
        return None
    return Chart(
        language_dots(rows, axis="rank distance (places)", title="Rank distance, by language of the question"),
        "Places between the best- and the worst-placed language of the answer; less is better.",
    )


def _own_language(result: ResultLike) -> Chart | None:
    shares, pool = result.bias.get("language_share@10") or {}, pool_shares(result)
    rows = [
        {"arm": "", "lang": tag, "value": row.get(tag), "reference": pool.get(tag)} for tag, row in shares.items()
    ]
    if all(row["value"] is None for row in rows):
        return None
    return Chart(
        language_dots(
            rows,
            axis="share of the top 10",
            number=".0%",
            reference="share of the pool",
            title="How much of the top 10 is in the question's own language",
        ),
        "Dot: share of the top 10. Grey tick: the language's share of the pool, where a ranking blind to "
        "language would be.",
    )


def _distances(result: ResultLike) -> Chart | None:
    distances = result.per_query.get("rank_distance")
    if distances is None or not (distances == distances).any():
        return None
    return Chart(
        distance_histogram({result.model: distances}),
        "Share of the questions by the number of places between the best- and the worst-placed language of "
        "their answer.",
    )


def _origin(result: ResultLike) -> Chart | None:
    shares = result.bias.get("language_share@10") or {}
    if not shares or max(len(row) for row in shares.values()) < 2:
        return None
    return Chart(
        share_heatmap(shares, pool_shares(result), title="Where the top 10 of each language's questions come from"),
        "Each row is a question language and adds up to 100 %; the last row is the share of the whole pool, as far "
        "as it is known. A ranking blind to language would repeat that row.",
    )


def _space(arm: Inspection) -> Chart | None:
    if arm.space is None or not len(arm.space.points):
        return None
    kept = "" if arm.space.kept is None else f" They keep {percent(arm.space.kept)} of the variance."
    return Chart(
        space_scatter(arm.space.points, arm.space.languages, arm.space.texts),
        "Every dot is a question, placed by the first two principal components of the embeddings; a tag stands "
        f"at the centre of its language. Languages that lie apart are told apart by the model.{kept}",
        WIDEST,
    )


def comparison_charts(arms: Mapping[str, Inspection]) -> dict[str, Chart]:
    """Return figures of several models of one collection together.

    `differences`, of three models and more `differences-2`, …: each other model beside the first, pair by pair;
    `average_precision` and `distances`.
    """
    charts = _differences(arms)
    rows = [
        {"label": measure_of(key).label, "arm": name, **value_row(arm.result, key)}
        for key in ("monolingual.AP", "cross_lingual.AP", "multilingual.AP")
        for name, arm in arms.items()
    ]
    if any(row["mean"] is not None for row in rows):
        charts["average_precision"] = Chart(
            interval_dots(rows, axis="average precision", title="Average precision, by kind of retrieval"),
            "Dots are means, lines 95 % intervals.",
            840,
        )
    distances = {
        name: arm.result.per_query["rank_distance"]
        for name, arm in arms.items()
        if "rank_distance" in arm.result.per_query
    }
    distances = {name: values for name, values in distances.items() if (values == values).any()}
    if 2 <= len(distances) <= MOST_CURVES:
        charts["distances"] = Chart(
            distance_histogram(distances),
            "Places between the best- and the worst-placed language of an answer, query by query.",
            840,
        )
    return charts


def _differences(arms: Mapping[str, Inspection]) -> dict[str, Chart]:
    """Return of every other model how much better or worse it is than the first in each language pair."""
    (base, first), *others = arms.items()
    charts = {}
    for number, (name, other) in enumerate(others, 2):
        shared = [
            measure
            for measure in MAPPED
            if all(any(row.get(measure) is not None for row in arm.result.pairs) for arm in (first, other))
        ]
        chart = difference_heatmap(first.result.pairs, other.result.pairs, shared[0]) if shared else None
        if chart is not None:
            key = "differences" if len(others) == 1 else f"differences-{number}"
            charts[key] = Chart(
                chart.properties(title=f"{shared[0]} of {name} minus that of {base}, by language pair"),
                f"Blue: {name} is higher; red: lower. Questions in one language (rows) among the documents of one "
                "language (columns). Single cells are not tested.",
            )
    return charts


def write_figures(
    results: Sequence[ResultLike | Inspection] | ResultLike | Inspection,
    folder: str | Path,
    formats: Sequence[str] = FORMATS,
) -> list[Path]:
    """Write the figures of a report as files, such as `pairs.svg` and `pairs.png`.

    Args:
        results: one or several models, as `write_report` takes them. Of several, the figures of each begin with its
            name, `LaBSE-pairs.svg`, and those of all together with `all-`.
        folder: where; made if it is missing.
        formats: `svg`, `png` (twice the nominal size).

    Returns:
        The files written.

    Raises:
        InputError: there is no result, a format is unknown, or a file cannot be written.
    """
    given: list[Any] = list(results) if isinstance(results, Sequence) else [results]
    if not given:
        raise InputError("figures need at least one result")
    arms = named_arms(given)
    tops = highest_values([arm.result for arm in arms.values()])
    if len(arms) == 1:
        charts = model_charts(next(iter(arms.values())), tops)
    else:
        alike = len({arm.result.collection for arm in arms.values()}) == 1
        charts = {f"all-{name}": chart for name, chart in comparison_charts(arms).items()} if alike else {}
        for number, (name, arm) in enumerate(arms.items(), 1):
            stem = re.sub(r"[^\w.()-]+", "_", name).strip("._")
            if any(key.startswith(f"{stem}-") for key in charts):  # another's name, but for what files cannot have
                stem = f"{stem}_{number}"
            charts |= {f"{stem}-{part}": chart for part, chart in model_charts(arm, tops).items()}
    return save_figures({name: chart.chart for name, chart in charts.items()}, folder, formats)
