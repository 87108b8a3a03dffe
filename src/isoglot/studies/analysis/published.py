"""Published figures beside ours: the difference, and whether our interval holds them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from isoglot.errors import InputError
from isoglot.measures import OF_SEEDS, PER_QUERY_BIAS
from isoglot.studies.recipe import Beside, Profile, Published, PublishedFigures, Recipe

__all__ = ["check_published", "published_beside"]

RANKED = ("monolingual", "cross_lingual", "multilingual", "macro_multilingual")


def check_published(recipe: Recipe, profile: Profile, arms: Mapping[str, Any], where: str, place: str) -> None:
    """See that published figures and what a profile sets them beside exist.

    Args:
        recipe: the recipe.
        profile: the profile.
        arms: all of its arms, by name.
        where: what messages call the recipe.
        place: what messages call the profile.

    Raises:
        InputError: there are none, one is of no evaluation of any profile or of an unknown measure, an arm is not
            in the profile or not in the source, or a measure is not measured.
    """
    published = recipe.published
    evaluations = {one.name: None for each in recipe.profiles.values() for one in each.evaluate}
    for at, one in enumerate(published.figures if published is not None else ()):
        key = f"{where}: published.figures[{at}]"
        if one.on not in evaluations:
            raise InputError(
                f"{key}.on: no profile has an evaluation {one.on!r}; there is {', '.join(evaluations)}"
            )
        _check_measure(one, f"{key}.measure")
    beside = profile.published
    if beside is None:
        return
    if published is None:
        raise InputError(f"{place}.published: the recipe has no published figures: give it a key 'published'")
    there = {arm for one in published.figures for arm in one.arms}
    for ours, theirs in (beside.arms or {}).items():
        if ours not in arms:
            raise InputError(f"{place}.published.arms: no arm {ours!r}; there is {', '.join(arms)}")
        if theirs not in there:
            raise InputError(f"{place}.published.arms: the source has no arm {theirs!r}; it has {', '.join(there)}")
    measured = {one.name: one.measures for one in profile.evaluate}
    for one in published.figures:
        if one.setting in RANKED and one.measure not in measured.get(one.on, [one.measure]):
            raise InputError(f"{place}.evaluate: {one.on} does not measure {one.measure!r}, which is published")


def _check_measure(figures: PublishedFigures, place: str) -> None:
    """See that a measure is one that `estimates_of` tells in its setting."""
    from isoglot.evaluation.measures import parse_measure

    if figures.setting in RANKED:
        try:
            parse_measure(figures.measure)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
        return
    known = PER_QUERY_BIAS if figures.setting == "macro_bias" else (*PER_QUERY_BIAS, *OF_SEEDS)
    if figures.measure not in known:
        raise InputError(f"{place}: {figures.setting} has no {figures.measure!r}; it has {', '.join(known)}")


def published_beside(
    published: Published | None, beside: Beside | None, arms: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return what the result file holds; None where nothing is set beside anything.

    Args:
        published: of the recipe.
        beside: of the profile.
        arms: what the result says of each arm.
    """
    if published is None or beside is None:
        return None
    figures = list(_figures(published, beside, arms))
    return {
        "source": published.source,
        "note": published.note,
        "comparable": beside.comparable,
        "differs": beside.differs,
        "sentence": _sentence(beside, figures),
        "figures": figures,
    }


def _figures(published: Published, beside: Beside, arms: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield each published figure of an arm that was run, on what was measured, with ours."""
    for one in published.figures:
        for arm in arms:
            theirs = arm["name"] if beside.arms is None else beside.arms.get(arm["name"])
            value = one.arms.get(theirs or "")
            found = arm["estimates"].get(one.on, {}).get(one.setting, {}).get(one.measure)
            if value is None or found is None:
                continue
            low, high = found["low"], found["high"]
            yield {
                "evaluation": one.on,
                "setting": one.setting,
                "measure": one.measure,
                "averaged": one.averaged,
                "arm": arm["name"],
                "published_arm": theirs,
                "published": value,
                "ours": found["mean"],
                "low": low,
                "high": high,
                "difference": found["mean"] - value,
                "within": None if low is None or high is None else low <= value <= high,
            }


def _sentence(beside: Beside, figures: Sequence[Mapping[str, Any]]) -> str:
    """Say whether published figures can be compared with ours, and how many our intervals hold."""
    differs = beside.differs.rstrip(".")
    if not beside.comparable:
        return f"The published figures are no yardstick for these: {differs}."
    known = [one["within"] for one in figures if one["within"] is not None]
    held = f"Our 95 % intervals hold {sum(known)} of {len(known)} published figures. " if known else ""
    return f"{held}Set-ups differ: {differs}."
