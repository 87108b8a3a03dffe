"""What the demo found, in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from isoglot.measures import count, format_value, percent
from isoglot.reporting.tables import Row, overlap
from isoglot.reporting.words import listed, plural

__all__ = ["demo_headline", "demo_sentences", "effort_sentence"]

Found = Mapping[str, Mapping[str, Row]]
"""Measure -> arm -> its row, with `mean`, `low`, `high`."""


def _pair(found: Found, measure: str, first: str, second: str) -> tuple[Row, Row] | None:
    rows = found.get(measure, {})
    if any(rows.get(arm) is None or rows[arm].get("mean") is None for arm in (first, second)):
        return None
    return rows[first], rows[second]


def _crossing(ours: Row, theirs: Row, other: str) -> str:
    """Say how well the first finds answers in another language, beside the second."""
    figures = f"(AP {format_value(ours['mean'])} against {format_value(theirs['mean'])})"
    find = "find the answer in another language"
    if overlap(ours, theirs):
        return f"are not shown to {find} better or worse than {other} {figures}"
    if theirs["mean"] <= 0:
        return f"{find} better than {other} {figures}"
    ratio = ours["mean"] / theirs["mean"]
    if ratio >= 1.15:
        return f"{find} {ratio:.1f} times as well as {other} {figures}"
    if ratio > 1:
        return f"{find} {percent(ratio - 1)} better than {other} {figures}"
    return f"{find} {percent(1 - ratio)} less well than {other} {figures}"


def _staying(ours: Row, theirs: Row) -> str:
    """Say what the first gains or loses within one language."""
    change = round(ours["mean"], 3) - round(theirs["mean"], 3)
    amount = format_value(abs(change))
    if float(amount) == 0:
        return "keep the same monolingual AP"
    verb = "gain" if change > 0 else "lose"
    hedge = ", which is not shown to be more than chance" if overlap(ours, theirs) else ""
    return f"{verb} {amount} monolingual AP{hedge}"


def demo_headline(found: Found, first: str, second: str) -> str:
    """Say in one sentence how batches of the first arm compare with those of the second.

    Args:
        found: measure -> arm -> row.
        first: the arm the sentence is about.
        second: what it is compared with.
    """
    ours, theirs = f"{first.capitalize()} batches", f"{second} batches"
    crossing = _pair(found, "cross_lingual.AP", first, second)
    staying = _pair(found, "monolingual.AP", first, second)
    if crossing and staying:
        return f"{ours} {_crossing(*crossing, theirs)} and {_staying(*staying)}."
    if crossing:
        return f"{ours} {_crossing(*crossing, theirs)}."
    if staying:
        return f"Compared with {theirs}, {ours.lower()} {_staying(*staying)}."
    return f"{ours} beside {theirs}"


def _points(number: int) -> str:
    return f"{number:+d}".replace("-", "−") if number else "0"


def demo_sentences(found: Found, arms: Sequence[str], pool: int | None = None, languages: int = 0) -> list[str]:
    """Say what each arm does to language bias and to retrieval over all languages.

    Args:
        found: measure -> arm -> row.
        arms: names in order.
        pool: documents in the pool, if known.
        languages: number of languages.
    """

    def means(measure: str) -> list[tuple[str, float]]:
        rows = found.get(measure, {})
        known = [(arm, rows[arm]["mean"]) for arm in arms if arm in rows and rows[arm].get("mean") is not None]
        return known if len(known) == len(arms) else []

    def each(values: Sequence[tuple[str, float]], write: Callable[[float], str]) -> str:
        return listed([f"{write(value)} with {arm} batches" for arm, value in values])

    sentences = []
    if values := means("rank_distance"):
        where = f"a pool of {count(pool)} documents in all languages" if pool else "one pool of all languages"
        sentences.append(
            f"In {where}, the best- and the worst-placed language of an answer are on average "
            f"{each(values, lambda value: format_value(value, 'rank'))} places apart."
            if len(values) == 1
            else f"In {where}, the places of the best- and the worst-placed language of an answer differ on "
            f"average by {each(values, lambda value: format_value(value, 'rank'))}."
        )
    if values := means("own_language_share@10"):
        rows = found["own_language_share@10"]
        lows = [rows[arm].get("low") for arm in arms]
        if all(round(100 * value) > 0 for _, value in values) and all(low is not None and low > 0 for low in lows):
            sentences.append(
                "A question prefers documents in its own language: their share of the top 10 exceeds their share "
                f"of the pool by {each(values, lambda value: f'{round(100 * value)} percentage points')}."
            )
        else:
            sentences.append(
                "Share of the question's own language in the top 10, minus its share of the pool, in percentage "
                f"points: {each(values, lambda value: _points(round(100 * value)))}. "
                "0 is no preference."
            )
    k = 10 if languages <= 10 else 100  # more languages than places could not be complete
    if (values := means(f"complete@{k}")) and languages <= k:
        sentences.append(
            f"Questions with the answer in every language that has it among the top {k}: {each(values, percent)}."
        )
    if values := means("multilingual.AP"):
        rows = found["multilingual.AP"]
        best, value = max(values, key=lambda item: item[1])
        close = [arm for arm, _ in values if arm != best and overlap(rows[best], rows[arm])]
        if len(values) > 1 and not close:
            sentences.append(
                f"Over all languages at once, {best} batches rank best (multilingual AP {format_value(value)})."
            )
        elif len(values) > 1:
            figures = each([(best, value), *((arm, other) for arm, other in values if arm in close)], format_value)
            sentences.append(
                f"Over all languages at once no kind of batch is shown to rank best: multilingual AP is {figures}."
            )
    return sentences


def effort_sentence(texts: Mapping[str, float], steps: int | None = None) -> str:
    """Say what a run of each arm costs: texts encoded, the same number of steps for all; nothing if not known.

    Args:
        texts: arm -> texts that a run encodes in training.
        steps: of each run, if known.
    """
    if not texts:
        return ""
    runs = "Every run" if steps is None else f"Every run takes {plural(steps, 'step')} and"
    numbers = {arm: f"{round(number):,}" for arm, number in texts.items()}
    if len(set(numbers.values())) == 1:
        return f"{runs} encodes {next(iter(numbers.values()))} texts."
    return f"{runs} encodes {listed([f'{number} texts with {arm} batches' for arm, number in numbers.items()])}."
