"""The answer of a study in plain sentences, made of its decisive comparisons."""

from __future__ import annotations

from collections.abc import Sequence

from isoglot.measures import digits_of
from isoglot.studies.analysis.decisive import Weighed

__all__ = ["answer_of", "sentence_of"]

NAMES = {
    "rank_distance": "rank distance",
    "max_rank": "max rank",
    "max_rank_log": "log-normalised max rank",
    "own_language_share@10": "share of its own language in the top 10, above the pool's",
    "rank_correlation": "rank correlation",
    "language_identification": "accuracy of the language probe",
    "parallel_accuracy": "accuracy in finding translations",
    "alignment": "distance between language versions",
    "cka": "CKA",
}


def _number(value: float, measure: str, sign: bool = False) -> str:
    return f"{value:{'+' if sign else ''}.{digits_of(measure)}f}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def measured(one: Weighed) -> str:
    """Name what was measured, on what: `cross-lingual AP on tldr-test`."""
    name = NAMES.get(one.measure, one.measure)
    if one.setting in ("monolingual", "cross_lingual", "multilingual"):
        name = f"{one.setting.replace('_', '-')} {name}"
    language = f", queries in {one.language}" if one.language else ""
    return f"{name} on {one.evaluation}{language}"


def sentence_of(one: Weighed) -> str:
    """Say what came of one comparison."""
    what = measured(one)
    if one.difference is None or one.first_mean is None or one.second_mean is None:
        return f"{one.first} and {one.second} could not be compared by {what}: {one.reason}."
    values = f"{_number(one.first_mean, one.measure)} against {_number(one.second_mean, one.measure)}"
    difference = f"a difference of {_number(one.difference, one.measure, sign=True)}"
    if one.low is not None and one.high is not None:
        difference += f" [{_number(one.low, one.measure, sign=True)}, {_number(one.high, one.measure, sign=True)}]"
    tested = f", {_p(one.p_holm)}" if one.p_holm is not None else ", not tested"
    numbers = f"{values}, {difference}{tested}"
    unlike = {True: " (as expected)", False: " (not as expected)", None: ""}[one.as_expected]
    if one.verdict == "first better":
        return f"{one.first} is better than {one.second} by {what}{unlike}: {numbers}."
    if one.verdict == "second better":
        return f"{one.second} is better than {one.first} by {what}{unlike}: {one.first} has {numbers}."
    if one.verdict == "within margin":
        margin = _number(one.margin or 0.0, one.measure)
        return f"{one.first} and {one.second} differ by less than {margin} in {what}{unlike}: {numbers}."
    return f"No difference between {one.first} and {one.second} is shown by {what}{unlike}: {numbers}."


def answer_of(weighed: Sequence[Weighed]) -> list[str]:
    """Return the answer: how far the hypothesis holds, then what came of each comparison."""
    expected = [one.as_expected for one in weighed if one.as_expected is not None]
    missing = sum(one.expect is not None and one.as_expected is None for one in weighed)
    sentences = []
    if expected:
        right = sum(expected)
        count = (
            f"{right} of {len(expected)} decisive comparisons" if len(expected) > 1 else "The decisive comparison"
        )
        if right == len(expected):
            said = "All " + count.split(" of ", 1)[1] if len(expected) > 1 else count
            sentences.append(f"The hypothesis holds here. {said} came out as it says.")
        elif right:
            sentences.append(f"The hypothesis holds in part. {count} came out as it says.")
        else:
            none = (
                "None of the decisive comparisons"
                if len(expected) > 1
                else "The decisive comparison did not come out"
            )
            sentences.append(
                f"The hypothesis does not hold here. {none}"
                + (" came out as it says." if len(expected) > 1 else " as it says.")
            )
    if missing:
        sentences.append(f"{missing} of the comparisons that it is about could not be made.")
    return sentences + [sentence_of(one) for one in weighed]
