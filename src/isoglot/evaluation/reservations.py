"""Where a claim that a table of figures makes of a model does not hold: sentences made from its result."""

from __future__ import annotations

from isoglot.collections.comparable import collection_hash
from isoglot.evaluation.merging import ORACLE
from isoglot.evaluation.result import Result
from isoglot.languages.tags import language_name
from isoglot.measures import format_value, percent, plural

__all__ = ["common_reservations", "model_reservations"]

FAR_BELOW = 0.5
"""Share of a value below which another one is told as far below it."""
PREFERRED = 0.5
"""Own-language share of the top 10, above the pool's, from which on it is told."""
SHOWN = 6
"""Languages that a sentence names."""


def model_reservations(result: Result, measure: str = "AP") -> list[str]:
    """Say where the averages of a result do not hold, or are not what they seem to be.

    Args:
        result: the result.
        measure: a rank measure.

    Returns:
        Sentences: of languages in which the model has less than half of what it has in its best; of crossing
        languages, if it keeps less than half; of a top 10 that is mostly of the question's own language; of upper
        bounds, of repairs fitted on a collection of this name, of runs that lack documents, of missing intervals.
    """
    told = [
        _upper_bound(result),
        *_languages(result, measure),
        _crossing(result, measure),
        _preference(result),
        _fitted_here(result),
        _unretrieved(result),
    ]
    if not result.intervals:
        told.append("It has no intervals: it was evaluated with --bootstrap 0.")
    return [sentence for sentence in told if sentence]


def common_reservations(results: list[Result]) -> list[str]:
    """Say what holds of all results of one collection, and in what they were not made alike.

    Args:
        results: results that compare.
    """
    first = results[0]
    told = []
    if len(first.languages) == 1:
        told.append(
            f"The collection is in {language_name(first.languages[0])} alone: nothing is said of other languages."
        )
    elif not any(one.cross_lingual for one in results):
        told.append("No question has an answer in another language: crossing languages is not measured.")
    elif not any(one.monolingual for one in results):
        told.append("No question has an answer in its own language: only crossing languages is measured.")
    if collection_hash(first) is None:
        told.append(
            "No file says which texts it is of (collection_hash), so whether they are the same cannot be checked: "
            "evaluate again."
        )
    for what, values in (
        ("versions of isoglot", {one.versions.get("isoglot") for one in results}),
        ("processors", {_processor(one) for one in results}),
    ):
        known = sorted(value for value in values if value)
        if len(known) > 1:
            told.append(
                f"Rows were made by different {what} ({', '.join(known)}): last digits may differ by these."
            )
    return told


def _processor(result: Result) -> str | None:
    held = result.hardware or {}
    return ", ".join(held.get("gpus") or []) or held.get("cpu")


def _upper_bound(result: Result) -> str | None:
    if result.fair != ORACLE:
        return None
    return "It is the upper bound on merging languages anew, which knows the answers: no system."


def _languages(result: Result, measure: str) -> list[str]:
    """Name languages in which questions find far less of their own language's documents than in the best."""
    values = {
        row["query_lang"]: row[measure]
        for row in result.pairs
        if row["query_lang"] == row["doc_lang"] and row.get(measure) is not None
    }
    if len(values) < 2:
        return []
    best = max(values, key=values.__getitem__)
    if not values[best]:
        return [f"Within one language it finds nothing, in none of the {len(values)} languages ({measure} 0)."]
    low = sorted((tag for tag in values if values[tag] < FAR_BELOW * values[best]), key=values.__getitem__)
    if not low:
        return []
    named = ", ".join(f"{language_name(tag)} {format_value(values[tag])}" for tag in low[:SHOWN])
    others = len(values) - 1
    which = "in the other language" if others == 1 else f"in {len(low)} of the other {others} languages"
    more = f" and {len(low) - SHOWN} more" if len(low) > SHOWN else ""
    return [
        f"Within one language it has less than half of its best ({language_name(best)}, {measure} "
        f"{format_value(values[best])}) {which} ({named}{more}): the average does not hold there."
    ]


def _crossing(result: Result, measure: str) -> str | None:
    mono, cross = ((part or {}).get(measure) for part in (result.monolingual, result.cross_lingual))
    if not mono or cross is None or cross >= FAR_BELOW * mono:
        return None
    kept = f"keeps {percent(cross / mono)} of its {measure} within one" if cross else f"keeps none of its {measure}"
    return f"Across languages it {kept} ({format_value(cross)} beside {format_value(mono)})."


def _preference(result: Result) -> str | None:
    share = result.bias.get("own_language_share@10")
    if share is None or share < PREFERRED:
        return None
    return (
        f"Its top 10 hold, on average, {format_value(share, 'points').removeprefix('+')} percentage points more of "
        "the question's own language than the pool does."
    )


def _fitted_here(result: Result) -> str | None:
    if (data := (result.made or {}).get("repair_data")) != result.collection or not data:
        return None
    return (
        f"Its repair was fitted on a collection of this name, {data}: figures are of new texts only if that was "
        "another part of it."
    )


def _unretrieved(result: Result) -> str | None:
    counted = ((result.bias.get("unretrieved_documents") or {}).get("multilingual")) or {}
    missing = counted.get("unretrieved")
    if not missing:
        return None
    relevant = plural(counted["relevant"], "relevant document")
    return (
        f"Its run does not hold {percent(missing / counted['relevant'])} of {relevant}: each that is missing "
        "counts as last of the pool in rank distance."
    )
