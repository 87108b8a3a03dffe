"""What several models, measured on the same collection, show beside each other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.measures import format_value, measure_of
from isoglot.reporting.result_like import ResultLike
from isoglot.reporting.sentences.intervals import Row

__all__ = ["comparison_sentences", "value_row"]

QUESTIONS = (
    ("monolingual.AP", "Within one language"),
    ("cross_lingual.AP", "Across languages"),
    ("multilingual.AP", "Over all languages in one pool"),
    ("rank_distance", "In treating the languages of an answer alike"),
)


def value_row(result: ResultLike, key: str) -> Row:
    """Return `mean`, `low`, `high` of a measure of a result; None for what it does not have.

    Args:
        result: the result.
        key: `monolingual.AP`, `rank_distance`, ...
    """
    setting, dot, name = key.partition(".")
    if not dot:
        setting, name = "bias", key
    values: Mapping[str, Any] = getattr(result, setting) or {}
    interval = ((result.intervals or {}).get(setting) or {}).get(name) or (None, None)
    return {"mean": values.get(name), "low": interval[0], "high": interval[1]}


def comparison_sentences(results: Mapping[str, ResultLike]) -> list[str]:
    """Say which model is best at what, and whether its interval stands clear of the others'.

    Args:
        results: name -> result. Of different collections nothing is said but that they do not compare.
    """
    from isoglot.reporting.tables import clearly_best

    if len(results) < 2:
        return []
    collections = sorted({result.collection for result in results.values()})
    if len(collections) > 1:
        return [
            f"The models were measured on different collections ({', '.join(collections)}): values do not compare."
        ]
    sentences = []
    for key, where in QUESTIONS:
        measure = measure_of(key)
        rows = {name: value_row(result, key) for name, result in results.items()}
        rows = {name: row for name, row in rows.items() if row["mean"] is not None}
        if len(rows) < 2:
            continue
        ordered = sorted(rows, key=lambda name: rows[name]["mean"], reverse=measure.better == "high")
        first, second = (format_value(rows[name]["mean"], measure.form) for name in ordered[:2])
        name = key.partition(".")[2] or measure.label
        if first == second:
            sentences.append(f"{where}, {ordered[0]} and {ordered[1]} are level ({name} {first}).")
            continue
        clear = clearly_best([rows[name] for name in ordered], measure.better) == 0
        hedge = "" if clear else "; the 95 % intervals overlap or are missing, so this may be chance"
        sentences.append(f"{where}, {ordered[0]} is best ({name} {first}), before {ordered[1]} ({second}){hedge}.")
    return sentences
