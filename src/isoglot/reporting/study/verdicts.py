"""The decisive comparisons: a sentence on each and the answer that they make; and how the page shows them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from isoglot.measures import (
    SETTINGS,
    digits_of,
    format_value,
    goodness,
    measure_of,
    plural,
    setting_name,
    signed_value,
)
from isoglot.reporting.study.comparison import Comparison, Winner
from isoglot.reporting.study.result import StudyResult, key_of
from isoglot.reporting.words import listed

__all__ = [
    "SHARED",
    "answer_of",
    "best_by_tests",
    "columns_of",
    "lead_sentence",
    "sentence_of",
    "verdict_card",
    "winner_sentence",
]

NAMES = {
    "max_rank_log": "log-normalised max rank",
    "own_language_share@10": "share of its own language in the top 10, above the pool's",
    "language_identification": "accuracy of the language probe",
    "parallel_accuracy": "accuracy in finding translations",
    "alignment": "distance between language versions",
    "cka": "CKA",
}
"""What a sentence calls a measure, where a table calls it otherwise."""

SHARED = {"steps": "optimiser steps", "tokens": "encoded tokens", "time": "seconds of training"}
"""What arms may have in common, in words."""

ROOM = 1.15
EXPECTED = {True: "as expected", False: "not as expected", None: ""}
KINDS = {True: "good", False: "bad", None: "plain"}


def _number(value: float, measure: str, sign: bool = False) -> str:
    rounded = round(value, digits_of(measure)) + 0.0  # no minus before a zero
    return f"{rounded:{'+' if sign and rounded else ''}.{digits_of(measure)}f}"


def _measured(one: Comparison) -> str:
    """Name what was measured, on what: `cross-lingual AP on tldr-test`."""
    name = NAMES.get(one.measure) or measure_of(one.measure).label
    if one.setting in SETTINGS:
        name = f"{setting_name(one.setting)} {name}"
    return f"{name} on {one.evaluation}" + (f", queries in {one.language}" if one.language else "")


def sentence_of(one: Comparison) -> str:
    """Say what came of one comparison."""
    what = _measured(one)
    if one.difference is None or one.first_mean is None or one.second_mean is None:
        return f"{one.first} and {one.second} could not be compared by {what}: {one.reason}."
    values = f"{_number(one.first_mean, one.measure)} against {_number(one.second_mean, one.measure)}"
    difference = f"a difference of {_number(one.difference, one.measure, sign=True)}"
    if one.low is not None and one.high is not None:
        difference += f" [{_number(one.low, one.measure, sign=True)}, {_number(one.high, one.measure, sign=True)}]"
    tested = "not tested"
    if one.p_holm is not None:
        tested = "p < 0.001" if one.p_holm < 0.001 else f"p = {one.p_holm:.3f}"
    numbers = f"{values}, {difference}, {tested}"
    expected = "" if one.as_expected is None else f" ({EXPECTED[one.as_expected]})"
    if one.verdict == "first better":
        return f"{one.first} is better than {one.second} by {what}{expected}: {numbers}."
    if one.verdict == "second better":
        return f"{one.second} is better than {one.first} by {what}{expected}: {one.first} has {numbers}."
    if one.verdict == "within margin":
        margin = _number(one.margin or 0.0, one.measure)
        return f"{one.first} and {one.second} differ by less than {margin} in {what}{expected}: {numbers}."
    return f"No difference between {one.first} and {one.second} is shown by {what}{expected}: {numbers}."


def winner_sentence(won: Winner) -> str:
    """Say which arm is the best, or why none can be called so."""
    name = NAMES.get(won.measure) or measure_of(won.measure).label
    what = f"{setting_name(won.setting)} {name} on {won.on}"
    if won.chosen is None:
        return f"No winner can be named by {what}: no arm has a value on the development data."
    others = (*won.better_than, *won.not_shown, *won.worse_than)
    missing = f" It could not be compared with {listed(won.not_measured)}." if won.not_measured else ""
    if not others:
        return f"No winner can be named by {what}: {won.chosen} could be compared with no other arm.{missing}"
    best = f"{won.chosen}, of {len(others) + len(won.not_measured) + 1} arms the best on {won.chosen_on},"
    if won.name is not None:
        rest = "the other one" if len(others) == 1 else f"each of {len(others)} others"
        return f"The winner is {best} and better than {rest} by {what}.{missing}"
    against = [f"is not shown to be better than {listed(won.not_shown)}"] if won.not_shown else []
    against += [f"is worse than {listed(won.worse_than)}"] if won.worse_than else []
    return f"There is no winner: {best} {' and '.join(against)} by {what}.{missing}"


def answer_of(weighed: Sequence[Comparison]) -> list[str]:
    """Return the answer: how far the hypothesis holds, then what came of each comparison."""
    expected = [one.as_expected for one in weighed if one.as_expected is not None]
    right, several = sum(expected), len(expected) > 1
    missing = sum(one.expect is not None and one.as_expected is None for one in weighed)
    sentences = []
    if expected and right == len(expected):
        made = " that could be made" if missing else ""
        all_of = f"All {len(expected)} decisive comparisons{made}" if several else f"The decisive comparison{made}"
        far = ", as far as it could be compared" if missing else ""
        sentences.append(f"The hypothesis holds here{far}. {all_of} came out as it says.")
    elif right:
        some = f"{right} of {len(expected)} decisive comparisons"
        sentences.append(f"The hypothesis holds in part. {some} came out as it says.")
    elif expected:
        none = (
            "None of the decisive comparisons came out" if several else "The decisive comparison did not come out"
        )
        against = any(one.verdict != "no difference shown" for one in weighed if one.as_expected is False)
        said = "does not hold here" if against else "is not shown to hold here"
        sentences.append(f"The hypothesis {said}. {none} as it says.")
    if missing:
        sentences.append(f"{missing} of the comparisons that it is about could not be made.")
    return sentences + [one.sentence or sentence_of(one) for one in weighed]


def _badge(one: Comparison, form: str) -> str:
    if one.verdict == "first better":
        return f"{one.first} better"
    if one.verdict == "second better":
        return f"{one.second} better"
    if one.verdict == "within margin":
        return f"within ±{signed_value(one.margin or 0.0, form).lstrip('+')}"
    return one.verdict


def _ends(one: Comparison) -> tuple[str, str]:
    """Say what a difference below 0 means, and one above it."""
    if one.better == "zero" and (one.first_mean or 0.0) * (one.second_mean or 0.0) < 0:
        return f"{one.second} higher", f"{one.first} higher"
    high = one.better == "high" or (one.better == "zero" and (one.first_mean or 0.0) < 0)
    below, above = (one.second, one.first) if high else (one.first, one.second)
    return f"{below} better", f"{above} better"


def _drawing(one: Comparison) -> dict[str, Any] | None:
    """Return where an effect, its interval and the margin lie on a line from 0 to 100, no difference at 50."""
    if one.difference is None:
        return None
    ends = [value for value in (one.difference, one.low, one.high, one.margin) if value is not None]
    span = ROOM * max(map(abs, ends)) or 1.0

    def place(value: float) -> float:
        return round(50 + 50 * value / span, 2)

    left, right = _ends(one)
    return {
        "dot": place(one.difference),
        "bar": None if one.low is None or one.high is None else [place(one.low), place(one.high)],
        "margin": None if one.margin is None else [place(-one.margin), place(one.margin)],
        "left": left,
        "right": right,
    }


def verdict_card(one: Comparison) -> dict[str, Any]:
    """Return what the page shows of a decisive comparison: a badge, a sentence, facts and a drawing."""
    measure = measure_of(key_of(one.setting, one.measure))
    facts = []
    if one.difference is not None:
        effect = signed_value(one.difference, measure.form)
        if one.low is not None and one.high is not None:
            effect += f" [{signed_value(one.low, measure.form)}, {signed_value(one.high, measure.form)}]"
        facts = [("effect", effect), ("corrected p", _p(one.p_holm))]
        size = [plural(one.seeds, "seed")]
        if one.query_ids is not None:
            size = [plural(one.query_ids, "query"), *size]
        facts.append(("over", ", ".join(size)))
        if one.test:
            facts.append(("test", one.test))
    where = f"{one.evaluation}, queries in {one.language}" if one.language else one.evaluation
    return {
        "badge": _badge(one, measure.form),
        "kind": KINDS[one.as_expected],
        "expected": EXPECTED[one.as_expected],
        "what": f"{measure.label[0].upper()}{measure.label[1:]} on {where}",
        "sentence": one.sentence,
        "facts": facts,
        "drawing": _drawing(one),
    }


def _p(value: float | None) -> str:
    if value is None:
        return "not tested"
    return "< 0.001" if value < 0.001 else format_value(value)


def best_by_tests(
    result: StudyResult, evaluation: str, setting: str, measure: str, measured: set[str]
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
    for one in result.decisive:
        if not one.is_of(evaluation, setting, measure) or one.language is not None:
            continue
        if one.verdict in ("first better", "second better"):
            ends = (one.first, one.second)
            winner, loser = ends if one.verdict == "first better" else ends[::-1]
            beaten.setdefault(winner, set()).add(loser)
    return next((arm for arm, others in beaten.items() if len(measured) > 1 and measured <= {arm} | others), None)


def columns_of(result: StudyResult, evaluation: str) -> list[tuple[str, str]]:
    """Return setting and measure of all values that the tables of an evaluation hold, in their order."""
    settings = (*result.retrieval_settings(evaluation), "bias", "geometry")
    return [(setting, measure) for setting in settings for measure in result.measures(evaluation, setting)]


def lead_sentence(result: StudyResult, evaluation: str) -> str | None:
    """Say which arms have the best values in the tables of an evaluation, so that the decisive comparisons do not
    stand for more than they are; None where no arm has any that another lacks."""
    leads: Counter[str] = Counter()
    columns = 0
    for setting, measure in columns_of(result, evaluation):
        better = result.better(evaluation, setting, measure)
        means = {arm.name: arm.figure(evaluation, setting, measure).mean for arm in result.arms}
        values = {name: goodness(mean, better) for name, mean in means.items() if mean is not None}
        if better is None or len(values) < 2:
            continue
        columns += 1
        best = [name for name, value in values.items() if value == max(values.values())]
        if len(best) == 1:
            leads[best[0]] += 1
    if not leads:
        return None
    (first, most), *others = leads.most_common()
    told = [f"{first} has the best mean in {most}", *(f"{name} in {count}" for name, count in others)]
    values_of = "one measure" if columns == 1 else f"{columns} measures"
    return f"Of {values_of} on {evaluation}, {listed(told)}; that alone is no test."
