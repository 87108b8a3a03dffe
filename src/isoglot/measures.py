"""The registry of measures: what each is called, which values are good, how they are written, and what they say.

Rank measures (`AP`, `nDCG@10`, …) come with a setting and go by one rule: higher is better. Measures of bias and of
geometry are listed. Settings, directions and number formats of tables, pages, studies and training come from here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "BIAS",
    "COUNTS",
    "GEOMETRY",
    "OF_SEEDS",
    "OF_VERSIONS",
    "OTHERS",
    "PER_QUERY_BIAS",
    "SETTINGS",
    "Better",
    "Form",
    "Measure",
    "better_of",
    "canonical_key",
    "column_of",
    "count",
    "digits_of",
    "format_value",
    "goodness",
    "interval_text",
    "key_parts",
    "measure_of",
    "percent",
    "plural",
    "setting_name",
    "signed_value",
    "verdict_of",
]

Better = Literal["high", "low", "zero"]
Form = Literal["score", "rank", "points", "percent", "number"]

SETTINGS = {
    "monolingual": "within one language",
    "cross_lingual": "across two languages",
    "multilingual": "one pool of all languages",
}
"""Setting -> what it is, in plain words."""

COUNTS = ("pairs", "queries", "documents")
"""What settings hold beside measures."""

OTHERS = "others_"
"""How columns of `Result.per_query` begin that hold what the other queries of a query's language pairs have, which
is what to expect of it."""

LEVEL = 0.05
"""Of tests: a corrected p-value below it shows a difference."""

SPACE = " "  # no-break space between a number and its unit
MINUS = "−"


@dataclass(frozen=True)
class Measure:
    """One measure.

    Attributes:
        key: its name in the result file, with its setting: `monolingual.AP`, `rank_distance`.
        label: its name in tables.
        better: which values are good: high, low, or close to zero; None if neither.
        form: how values are written: a score (0.812), a rank (1,452), points (+36 points, of a difference of
            shares), a percentage or a plain number.
        note: what it says, in one clause.
        per_query: whether it is a mean over queries, and so can be tested by queries.
        least: the smallest value there can be.
        most: the greatest; None where that depends on the collection.
    """

    key: str
    label: str
    better: Better | None = "high"
    form: Form = "score"
    note: str = ""
    per_query: bool = True
    least: float = 0.0
    most: float | None = 1.0


BIAS = (
    Measure(
        "rank_distance",
        "rank distance",
        "low",
        "rank",
        "places between the best- and the worst-placed language of the answer; with n languages n − 1 at best",
        most=None,
    ),
    Measure(
        "max_rank",
        "max rank",
        "low",
        "rank",
        "place of the answer in its worst-placed language",
        least=1,
        most=None,
    ),
    Measure(
        "max_rank_log", "max rank, log-normalised", "low", "score", "0: first place, 1: last place of the pool"
    ),
    Measure(
        "complete@10", "complete@10", "high", "percent", "questions with the answer in every language in the top 10"
    ),
    Measure(
        "complete@100",
        "complete@100",
        "high",
        "percent",
        "questions with the answer in every language in the top 100",
    ),
    Measure(
        "own_language_share@10",
        "own-language share of the top 10",
        "zero",
        "points",
        "beyond the language's share of the pool; 0 is no preference",
        least=-1,
    ),
    Measure("tlr@10", "TLR@10", note="recall of the answers in other languages than the question's"),
    Measure("tlr@20", "TLR@20", note="the same, in the top 20"),
    Measure(
        "relevant_own@1",
        "first: relevant, own language",
        "high",
        "percent",
        "of the questions with an answer in their own language and in another (MLAIRE)",
    ),
    Measure(
        "relevant_other@1",
        "first: relevant, other language",
        None,
        "percent",
        "the same; neither good nor bad: it may take the place of any of the other three",
    ),
    Measure("irrelevant_own@1", "first: irrelevant, own language", "low", "percent", "the same"),
    Measure("irrelevant_other@1", "first: irrelevant, other language", "low", "percent", "the same"),
    Measure(
        "peer@10",
        "PEER@10",
        "high",
        "score",
        "probability of equal expected rank of all languages; 0 where none is in the top 10",
    ),
    Measure("peer@100", "PEER@100", "high", "score", "the same, over the top 100"),
    Measure(
        "rank_correlation",
        "rank correlation",
        note="of the rankings of one question in two languages",
        least=-1,
    ),
    Measure(
        "mrc@10",
        "MRC@10",
        note="the same, of what is in the top 10 in either language",
        least=-1,
    ),
    Measure(
        "recall_gap@10",
        "recall gap@10",
        "low",
        note="R@10 of the best minus the worst document language",
        per_query=False,
    ),
    Measure("recall_gap@100", "recall gap@100", "low", note="the same, R@100", per_query=False),
    Measure(
        "unretrieved",
        "not retrieved",
        "low",
        "percent",
        "of a question's relevant documents, those that the run does not hold: each counts as last of the pool",
        per_query=False,
    ),
)

GEOMETRY = (
    Measure("alignment", "alignment", "low", "number", "mean squared distance between language versions", most=4),
    Measure("uniformity", "uniformity", "low", "number", "how evenly questions fill the sphere", least=-8, most=0),
    Measure(
        "parallel_accuracy",
        "parallel accuracy",
        "high",
        "percent",
        "questions whose nearest neighbour in another language is their translation",
    ),
    Measure(
        "language_identification",
        "language identification",
        "low",
        "percent",
        "how often a linear classifier tells a question's language",
    ),
    Measure("language_identification_chance", "… by chance", None, "percent", "what guessing would give"),
    Measure("cka", "linear CKA", "high", "score", "similarity of the spaces of two languages"),
    Measure("isotropy", "isotropy", None, "score", "0: all in one direction, 1: the same spread in all directions"),
)

_KNOWN = {measure.key: measure for measure in (*BIAS, *GEOMETRY)}

PER_QUERY_BIAS = tuple(measure.key for measure in BIAS if measure.per_query)
"""Measures of bias that are means over queries."""

OF_VERSIONS = ("rank_correlation", "mrc@10")
"""Measures of bias that compare whole rankings, and are measured where `rank_correlation` is asked for."""

OF_SEEDS = ("recall_gap@10", "recall_gap@100")
"""Measures of bias of which a run has one value, and no value per query."""


def canonical_key(key: str) -> str:
    """Return the key of a measure however its setting is joined to it.

    `monolingual.AP`, `monolingual_AP`, `monolingual AP`, `monolingual/AP` are the same; so are
    `bias.rank_distance` and `rank_distance`.
    """
    text = key.strip()
    for setting in (*SETTINGS, "bias", "geometry"):
        for written in (setting, setting.replace("_", "-")):
            if text.startswith(written) and text[len(written) : len(written) + 1] in tuple("._ /"):
                name = text[len(written) + 1 :]
                return name if setting in ("bias", "geometry") else f"{setting}.{name}"
    return text


def setting_name(setting: str) -> str:
    """Return how a setting is written: `cross-lingual`."""
    return setting.replace("_", "-")


def measure_of(key: str) -> Measure:
    """Return the measure of a key; one that is not known is a score of which higher is better."""
    key = canonical_key(key)
    if key in _KNOWN:
        return _KNOWN[key]
    setting, dot, name = key.partition(".")
    if dot and setting in SETTINGS:
        return Measure(key, f"{setting_name(setting)} {name}", note=SETTINGS[setting])
    return Measure(key, key)


def key_parts(key: str) -> tuple[str, str]:
    """Return setting and name of a key; one without a setting, such as `rank_distance`, is of `bias`."""
    setting, dot, name = key.partition(".")
    return (setting, name) if dot else ("bias", key)


def better_of(setting: str, measure: str) -> Better | None:
    """Return which values of a measure are good; None if neither, or if it is not known."""
    if setting in SETTINGS:
        return "high"
    return _KNOWN[measure].better if measure in _KNOWN else None


def goodness(value: float, better: Better | None) -> float:
    """Return a number that is the higher the better a value is."""
    return {"low": -value, "zero": -abs(value)}.get(better or "high", value)


def verdict_of(measure: str, first: float, second: float, p: float) -> Literal["better", "worse", "not shown"]:
    """Say what a paired test shows of a second system beside the first.

    Args:
        measure: its name, alone or with its setting.
        first: average of the first system.
        second: average of the second.
        p: p-value of the difference, corrected for the number of tests.

    Returns:
        `not shown` where p is not below 0.05, and for a measure of which 0 is best where the systems lie on
        different sides of it: the test is of their difference, not of their distance from 0. Of a measure of which
        neither more nor less is better nothing can be shown.
    """
    better = _KNOWN[measure].better if measure in _KNOWN else "high"
    if p >= LEVEL or better is None or (better == "zero" and first * second < 0):
        return "not shown"
    return "better" if goodness(second, better) > goodness(first, better) else "worse"


def column_of(setting: str, measure: str) -> str:
    """Return the column of `Result.per_query` that holds a measure's values."""
    return measure if setting == "bias" else f"{setting}_{measure}"


def digits_of(measure: str) -> int:
    """Return the decimals of a measure's values: ranks are told in tenths, shares and averages in thousandths."""
    return 1 if measure in ("rank_distance", "max_rank") else 3


def count(value: float) -> str:
    """Write a whole number with thousands separators: 1,452."""
    return f"{round(value):,}".replace("-", MINUS)


def plural(number: int, word: str) -> str:
    """Return `1 language`, `1,190 languages`, `2 queries`."""
    many = f"{word[:-1]}ies" if word.endswith("ry") else f"{word}s"
    return f"{number:,} {word if number == 1 else many}"


def percent(share: float) -> str:
    """Write a share as a percentage: 34 %, 12.5 %, 0.4 %; never 0 % or 100 % of what is not."""
    value = 100 * share
    text = f"{value:.0f}" if 20 <= abs(value) <= 99 else f"{value:.1f}".removesuffix(".0")
    if float(text) in (0, 100) and value not in (0, 100):
        text = f"{'under' if value < 50 else 'over'} {'0.1' if value < 50 else '99.9'}"
    return text.replace("-", MINUS) + SPACE + "%"


def _signed(text: str) -> str:
    """Write a minus sign as such, and none before a zero."""
    return text.lstrip("-") if not text.strip("-0.,") else text.replace("-", MINUS)


def format_value(value: Any, form: Form = "score") -> str:
    """Write a value; a dash for None and NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    if form == "rank":
        return count(value) if abs(value) >= 100 else _signed(f"{value:.1f}")
    if form == "percent":
        return _signed(f"{100 * value:.1f}") + SPACE + "%"
    if form == "points":
        rounded = round(100 * value, 1)
        return _signed(f"{rounded:+.1f}") if rounded else "0.0"
    return _signed(f"{value:.{3 if form == 'score' else 2}f}")


def signed_value(value: float, form: str) -> str:
    """Write a difference with its sign: +0.012, of ranks +3.4."""
    return f"{value:+.{1 if form == 'rank' else 3}f}".replace("-", MINUS)


def interval_text(low: Any, high: Any, form: Form = "score") -> str:
    """Write an interval, [0.31, 0.35]; empty where there is none."""
    if low is None or high is None or math.isnan(low) or math.isnan(high):
        return ""
    unit = SPACE + "%"
    return f"[{format_value(low, form).removesuffix(unit)}, {format_value(high, form).removesuffix(unit)}]"
