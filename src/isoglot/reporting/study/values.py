"""Finding one's way in the result of a study: its figures by arm, evaluation, setting and measure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from isoglot.errors import InputError
from isoglot.measures import BIAS, GEOMETRY, SETTINGS, Better, measure_of
from isoglot.reporting.tables import Row

__all__ = [
    "arm_named",
    "axis_form",
    "better_in",
    "check_result",
    "differ",
    "key_of",
    "main_measure",
    "measured_columns",
    "retrieval_settings",
    "row_of",
]

NEEDED = ("study", "title", "question", "answer", "decisive", "arms", "evaluations")
AXIS_FORMS = {"rank": ",.0f", "percent": ".0%", "points": ".0%"}
NOTHING: Row = {"mean": None, "low": None, "high": None, "seeds": []}


def check_result(result: Any) -> None:
    """See that this is the result of a study.

    Raises:
        InputError: it is not.
    """
    missing = [key for key in NEEDED if not isinstance(result, Mapping) or key not in result]
    if missing:
        raise InputError(
            f"this is not the result of a study: it lacks {missing[0]!r}; give the content of a study.json"
        )


def arm_named(result: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    """Return an arm; None if it was not run."""
    return next((arm for arm in result["arms"] if arm["name"] == name), None)


def row_of(arm: Mapping[str, Any], evaluation: str, setting: str, measure: str, language: str | None = None) -> Row:
    """Return `mean`, `low`, `high` and `seeds` of a figure; None and no seeds where the arm does not have it."""
    found = (arm.get("estimates") or {}).get(evaluation) or {}
    if language is not None:
        found = (found.get("by_language") or {}).get(language) or {}
    return (found.get(setting) or {}).get(measure) or NOTHING


def key_of(setting: str, measure: str) -> str:
    """Return how the pages name a figure: `monolingual.AP`, `rank_distance`."""
    return f"{setting}.{measure}" if setting in SETTINGS else measure


def axis_form(setting: str, measure: str) -> str | None:
    """Return how the values of a measure are written on an axis (d3-format); None for a score."""
    return AXIS_FORMS.get(measure_of(key_of(setting, measure)).form)


def retrieval_settings(result: Mapping[str, Any], evaluation: str) -> tuple[str, ...]:
    """Return the settings of retrieval that say different things: in one language, the pool of all languages is
    that language's."""
    one = next(one for one in result["evaluations"] if one["name"] == evaluation)
    alone = len(one["languages"]) == 1 and measured_columns(result["arms"], evaluation, "monolingual")
    return ("monolingual",) if alone else tuple(SETTINGS)


def differ(rows: Sequence[Row]) -> bool:
    """Tell whether there are at least two values, and not all the same: a figure of them would show something."""
    return len({row["mean"] for row in rows if row["mean"] is not None}) > 1


def measured_columns(arms: Sequence[Mapping[str, Any]], evaluation: str, setting: str) -> list[str]:
    """Return the measures that some arm has in a setting: of bias and geometry in the pages' order."""
    found = dict.fromkeys(
        measure
        for arm in arms
        for measure in ((arm.get("estimates") or {}).get(evaluation) or {}).get(setting) or {}
        if row_of(arm, evaluation, setting, measure)["mean"] is not None
    )
    order = [measure.key for measure in (*BIAS, *GEOMETRY)]
    return sorted(found, key=lambda measure: order.index(measure) if measure in order else -1)


def main_measure(result: Mapping[str, Any], evaluation: str, setting: str) -> str | None:
    """Return the measure that figures show: that of a decisive comparison, else the first; None without any."""
    there = measured_columns(result["arms"], evaluation, setting)
    decisive = [
        one["measure"]
        for one in result["decisive"]
        if (one["evaluation"], one["setting"]) == (evaluation, setting) and one["measure"] in there
    ]
    return next(iter([*decisive, *there]), None)


def better_in(result: Mapping[str, Any], evaluation: str, setting: str, measure: str) -> Better | None:
    """Return which values are good: what a decisive comparison says, else what is known of the measure."""
    for one in result["decisive"]:
        if (one["evaluation"], one["setting"], one["measure"]) == (evaluation, setting, measure):
            return "low" if one["better"] == "low" else "high"
    return measure_of(key_of(setting, measure)).better
