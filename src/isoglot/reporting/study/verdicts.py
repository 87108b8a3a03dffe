"""The decisive comparisons, as the page shows them: a badge, a sentence and a small drawing of the effect."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.measures import format_value, measure_of, signed_value
from isoglot.reporting.study.values import key_of
from isoglot.reporting.words import plural

__all__ = ["best_by_tests", "verdict_card"]

ROOM = 1.15
EXPECTED = {True: "as expected", False: "not as expected", None: ""}
KINDS = {True: "good", False: "bad", None: "plain"}


def _badge(one: Mapping[str, Any], form: str) -> str:
    if one["verdict"] == "first better":
        return f"{one['first']} better"
    if one["verdict"] == "second better":
        return f"{one['second']} better"
    if one["verdict"] == "within margin":
        return f"within ±{signed_value(one['margin'], form).lstrip('+')}"
    return str(one["verdict"])


def _drawing(one: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return where an effect, its interval and the margin lie on a line from 0 to 100, no difference at 50."""
    if one["difference"] is None:
        return None
    ends = [one[key] for key in ("difference", "low", "high", "margin") if one[key] is not None]
    span = ROOM * max(map(abs, ends)) or 1.0

    def place(value: float) -> float:
        return round(50 + 50 * value / span, 2)

    known = one["low"] is not None and one["high"] is not None
    sides = [one["second"], one["first"]] if one["better"] == "high" else [one["first"], one["second"]]
    return {
        "dot": place(one["difference"]),
        "bar": [place(one["low"]), place(one["high"])] if known else None,
        "margin": [place(-one["margin"]), place(one["margin"])] if one["margin"] is not None else None,
        "left": f"{sides[0]} better",
        "right": f"{sides[1]} better",
    }


def verdict_card(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page shows of a decisive comparison.

    Args:
        one: from `decisive` of the result.
    """
    measure = measure_of(key_of(one["setting"], one["measure"]))
    facts = []
    if one["difference"] is not None:
        effect = signed_value(one["difference"], measure.form)
        if one["low"] is not None and one["high"] is not None:
            effect += f" [{signed_value(one['low'], measure.form)}, {signed_value(one['high'], measure.form)}]"
        facts = [("effect", effect), ("corrected p", _p(one["p_holm"]))]
        size = [plural(one["seeds"], "seed")]
        if one["query_ids"] is not None:
            size = [f"{one['query_ids']:,} {'query' if one['query_ids'] == 1 else 'queries'}", *size]
        facts.append(("over", ", ".join(size)))
        if one["test"]:
            facts.append(("test", one["test"]))
    where = f"{one['evaluation']}, queries in {one['language']}" if one["language"] else one["evaluation"]
    return {
        "badge": _badge(one, measure.form),
        "kind": KINDS[one["as_expected"]],
        "expected": EXPECTED[one["as_expected"]],
        "what": f"{measure.label[0].upper()}{measure.label[1:]} on {where}",
        "sentence": one["sentence"],
        "facts": facts,
        "drawing": _drawing(one),
    }


def _p(value: float | None) -> str:
    if value is None:
        return "not tested"
    return "< 0.001" if value < 0.001 else format_value(value)


def best_by_tests(
    result: Mapping[str, Any], evaluation: str, setting: str, measure: str, measured: set[str]
) -> str | None:
    """Return the arm that the decisive tests found better than every other measured arm; None if there is none.

    Args:
        result: of the study.
        evaluation: of the values.
        setting: of the measure.
        measure: the measure.
        measured: names of the arms that have a value.
    """
    beaten: dict[str, set[str]] = {}
    for one in result["decisive"]:
        if (one["evaluation"], one["setting"], one["measure"], one["language"]) != (
            evaluation,
            setting,
            measure,
            None,
        ):
            continue
        if one["verdict"] in ("first better", "second better"):
            ends = (one["first"], one["second"])
            winner, loser = ends if one["verdict"] == "first better" else ends[::-1]
            beaten.setdefault(winner, set()).add(loser)
    return next((arm for arm, others in beaten.items() if len(measured) > 1 and measured <= {arm} | others), None)
