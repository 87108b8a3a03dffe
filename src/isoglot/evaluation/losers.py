"""Who loses: languages of a result, worst first, and what it comes to in three sentences."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isoglot.collections.cautions import POOL
from isoglot.evaluation.result import Result
from isoglot.languages.tags import language_name
from isoglot.measures import COUNTS, count, format_value, percent

__all__ = ["LanguageRow", "language_rows", "shown_measure", "who_loses"]


@dataclass(frozen=True)
class LanguageRow:
    """What a result holds of the questions in one language; None for what it does not measure.

    Attributes:
        language: its tag.
        pool: the measure over the pool of all languages.
        own: among documents of the language.
        others: mean over documents of each other language.
        rank_distance: in places; lower is better.
    """

    language: str
    pool: float | None
    own: float | None
    others: float | None
    rank_distance: float | None


def shown_measure(result: Result) -> str:
    """Return the rank measure to speak of: AP, or the first that there is."""
    names = [name for name in (result.multilingual or {}) if name not in COUNTS]
    return "AP" if "AP" in names else next(iter(names), "AP")


def language_rows(result: Result) -> list[LanguageRow]:
    """Return one row a language of questions, that of the lowest value in the pool first."""
    measure = shown_measure(result)
    values = result.per_query.get(f"multilingual_{measure}")
    bias = result.bias.get("by_query_language") or {}

    def mean(found: list[float]) -> float | None:
        known = [value for value in found if not np.isnan(value)]
        return float(np.mean(known)) if known else None

    rows = []
    for tag in dict.fromkeys(row["query_lang"] for row in result.pairs):
        asked = [row for row in result.pairs if row["query_lang"] == tag and row.get(measure) is not None]
        own, others = (
            [row[measure] for row in asked if (row["doc_lang"] == tag) == same] for same in (True, False)
        )
        pool = None if values is None else mean(values[result.per_query["lang"] == tag].tolist())
        rows.append(LanguageRow(tag, pool, mean(own), mean(others), bias.get(tag, {}).get("rank_distance")))
    return sorted(
        rows, key=lambda row: next((one for one in (row.pool, row.others, row.own) if one is not None), 0)
    )


def who_loses(result: Result) -> list[str]:
    """Say in up to three sentences who is served worst, what crossing languages costs, and how large bias is."""
    rows, measure = language_rows(result), shown_measure(result)
    told = []
    pool = "their pools" if (result.made or {}).get(POOL) else "the pool of all languages"
    if len(rows) > 1 and rows[0].pool is not None and rows[-1].pool is not None:
        values = [format_value(row.pool) for row in (rows[0], rows[-1])]
        worst, best = (language_name(row.language) for row in (rows[0], rows[-1]))
        told.append(
            f"Questions in {worst} ({values[0]}) find least in {pool}, those in {best} "
            f"({values[1]}) most ({measure})."
            if values[0] != values[1]
            else f"Questions in all {len(rows)} languages find the same in {pool} ({measure} {values[0]})."
        )
    mono, cross = ((part or {}).get(measure) for part in (result.monolingual, result.cross_lingual))
    if mono and cross is not None:
        written = [format_value(cross), format_value(mono)]
        change = f"{'costs' if cross < mono else 'gains'} {percent(abs(mono - cross) / mono)} of {measure}"
        told.append(
            f"Asking in another language than the documents' {change}: {written[0]} beside {written[1]}."
            if written[0] != written[1]
            else f"Asking in another language than the documents' changes nothing ({measure} {written[0]})."
        )
    distance, own = (result.bias.get(name) for name in ("rank_distance", "own_language_share@10"))
    if distance is not None:
        preferred = ""
        if own is not None and abs(own) >= 0.01:
            points = format_value(own, "points")
            preferred = f"; the question's own language has {points} percentage points in the top 10 over the pool"
        told.append(
            f"The worst-placed language of an answer stands {format_value(distance, 'rank')} places after the best "
            f"of {count((result.multilingual or {}).get('documents', 0))} (lower is better){preferred}."
        )
    return told
