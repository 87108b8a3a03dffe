"""From a recipe to the runs of a study: every arm with every seed and all its settings, checked before any runs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from isoglot.errors import InputError
from isoglot.evaluation.measures import parse_measure
from isoglot.measures import OF_SEEDS, OF_VERSIONS, PER_QUERY_BIAS, SETTINGS, better_of
from isoglot.names import did_you_mean
from isoglot.studies.arms import ArmPlan, expand_arms, plan_arm
from isoglot.studies.published import PublishedFigures
from isoglot.studies.recipe import Arm, Decisive, Evaluation, Profile, Recipe, Winner

__all__ = ["ENCODER_NOTE", "Plan", "make_plan"]

ENCODER_NOTE = "the encoder is "
"""How the note begins that says which encoder was taken in place of the recipe's."""

PUBLISHED_RANKED = (*SETTINGS, "macro_multilingual")


@dataclass
class Plan:
    """What a study will run.

    Attributes:
        recipe: the recipe.
        profile_name: `embedded`, `pretrained` or `benchmark`.
        profile: of this name.
        arms: what is run, by name.
        seeds: of each arm.
        evaluations: what is measured.
        left_out: what the recipe has and is not run, each with the reason.
        notes: what else differs from the recipe.
    """

    recipe: Recipe
    profile_name: str
    profile: Profile
    arms: dict[str, ArmPlan]
    seeds: list[int]
    evaluations: list[Evaluation]
    left_out: list[dict[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, kind: str, name: str, reason: str) -> None:
        """Remove an arm or an evaluation, and say why."""
        self.left_out.append({"what": kind, "name": name, "reason": reason})
        if kind == "arm":
            del self.arms[name]
        else:
            self.evaluations = [one for one in self.evaluations if one.name != name]


def make_plan(
    recipe: Recipe,
    profile_name: str,
    where: str,
    *,
    encoder: str | None = None,
    teacher: str | None = None,
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
) -> Plan:
    """Lay out the runs of a study and check all that can be checked without its data.

    Args:
        recipe: the recipe.
        profile_name: which of its profiles.
        where: what messages call the recipe.
        encoder: for all arms, in place of the recipe's.
        teacher: of the arms that learn from one that is given; without it they are left out.
        seeds: in place of the recipe's.
        arms: only these.

    Raises:
        InputError: there is no such profile or arm, something named in the recipe does not exist, or a setting of
            an arm is bad.
    """
    if profile_name not in recipe.profiles:
        meant, have = did_you_mean(profile_name, recipe.profiles), ", ".join(recipe.profiles)
        raise InputError(f"{where} has no profile {profile_name!r}{meant}; it has {have}")
    profile = recipe.profiles[profile_name]
    place = f"{where}: profiles.{profile_name}"
    given = encoder is not None and profile_name == "pretrained" and "encoder" not in profile.train
    if profile_name == "pretrained" and encoder is None and "encoder" not in profile.train:
        raise InputError(
            "the profile pretrained trains an encoder that you give: --encoder FOLDER, the folder or name of a "
            "multilingual sentence-transformers model, such as intfloat/multilingual-e5-small"
        )
    if given:  # the recipe leaves it open, and its settings are meant for it
        profile = profile.model_copy(update={"train": {**profile.train, "encoder": encoder}})
        encoder = None
    try:
        known = expand_arms(profile)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None
    if seeds is not None and (not seeds or len(set(seeds)) < len(seeds) or min(seeds) < 0):
        raise InputError("--seeds must be different numbers from 0 on, such as 0,1,2")
    unknown = [name for name in arms or () if name not in known]
    if unknown:
        meant = did_you_mean(unknown[0], known)
        have = ", ".join(known)
        raise InputError(f"{where} has no arm {unknown[0]!r}{meant} in {profile_name}; its arms are {have}")
    plan = Plan(recipe, profile_name, profile, {}, list(seeds or profile.seeds), list(profile.evaluate))
    dropped: set[str] = set()
    for name, arm in known.items():
        planned, idle = plan_arm(profile, name, arm, f"{place}.arms.{name}", encoder)
        dropped |= idle
        if arms is None or name in arms:
            plan.arms[name] = planned
    _give_teacher(plan, where, teacher)
    if arms is not None:
        kept = ", ".join(plan.arms)
        plan.notes.append(f"only the arms {kept} were asked for, of {len(known)}")
    if encoder is not None:
        plan.notes.append(_encoder_note(encoder, dropped))
        _leave_out_repeated(plan, known, place, encoder)
    _check_names(profile, known, place)
    _check_published(recipe, profile, known, where, place)
    _check_along(plan, place)
    return plan


def _give_teacher(plan: Plan, where: str, teacher: str | None) -> None:
    """Give arms their teacher, or leave those out that want one.

    Raises:
        InputError: a teacher is given, and no arm wants one.
    """
    wanting = [name for name, planned in plan.arms.items() if planned.wants_teacher]
    if teacher is not None and not wanting:
        raise InputError(f"{where}: no arm that is run learns from a teacher: leave out --teacher {teacher}")
    for name in wanting:
        if teacher is None:
            plan.leave_out("arm", name, "it learns from a teacher: give --teacher MODEL")
        else:
            plan.arms[name] = plan.arms[name].with_teacher(teacher)


def _encoder_note(encoder: str, dropped: set[str]) -> str:
    """Say which encoder was taken, and which of the recipe's settings it does without."""
    said = f"{ENCODER_NOTE}{encoder}, in place of the recipe's"
    if "learning_rate" in dropped:
        said += "; its own learning rate is used"
    idle = sorted(dropped - {"learning_rate"})
    return said + (f"; it has no {', '.join(idle)}" if idle else "")


def _leave_out_repeated(plan: Plan, known: Mapping[str, Arm], place: str, encoder: str) -> None:
    """Leave out arms that differ in the recipe, and with one encoder for all no more."""
    seen: dict[str, str] = {}
    for name, planned in list(plan.arms.items()):
        written, _ = plan_arm(plan.profile, name, known[name], place)
        one = _same(planned)
        first = seen.setdefault(one, name)
        if first == name:
            continue
        other, _ = plan_arm(plan.profile, first, known[first], place)
        if _same(written) != _same(other):
            plan.leave_out("arm", name, f"with the encoder {encoder} for all it is the same as {first}")


def _same(planned: ArmPlan) -> str:
    """Return a text that two arms share which train alike."""
    trials = [[stage.model_dump(mode="json") for stage in trial.stages] for trial in planned.trials]
    own = planned.arm.model_dump(include={"sample", "repair"})
    stages = [stage.model_dump(mode="json") for stage in planned.stages]
    return json.dumps([planned.trained, stages, trials, own], sort_keys=True)


def _check_names(profile: Profile, arms: Mapping[str, Any], place: str) -> None:
    """See that all names in a profile exist, once."""

    def known(what: str, name: str | None, names: Mapping[str, Any], at: str) -> None:
        if name is not None and name not in names:
            raise InputError(
                f"{place}.{at}: no {what} {name!r}{did_you_mean(name, names)}; there is {', '.join(names)}"
            )

    for name, source in profile.data.items():
        known("data source", source.fallback, profile.data, f"data.{name}.fallback")
        seen = [name]
        while (after := profile.data[seen[-1]].fallback) is not None:
            known("data source", after, profile.data, f"data.{seen[-1]}.fallback")
            if after in seen:
                raise InputError(f"{place}.data.{name}: its fallbacks lead back to itself")
            seen.append(after)
        if source.switched is not None:
            known("lexicon", source.switched.lexicon, profile.lexicons, f"data.{name}.switched.lexicon")
    for name, lexicon in profile.lexicons.items():
        if (lexicon.paths is None) == (lexicon.induce is None):
            raise InputError(f"{place}.lexicons.{name}: give either paths or induce")
        known("data source", lexicon.induce, profile.data, f"lexicons.{name}.induce")
    evaluations = {one.name: one for one in profile.evaluate}
    if len(evaluations) < len(profile.evaluate):
        raise InputError(f"{place}.evaluate: two evaluations have one name")
    for at, one in enumerate(profile.evaluate):
        known("data source", one.data, profile.data, f"evaluate[{at}].data")
        for measure in one.measures:
            _check_rank_measure(measure, f"{place}.evaluate[{at}].measures")
    if profile.tuning is not None:
        known("data source", profile.tuning.data, profile.data, "tuning.data")
        if profile.tuning.data in {one.data for one in profile.evaluate}:
            raise InputError(
                f"{place}.tuning.data: {profile.tuning.data!r} is evaluated on, so nothing may be chosen by it"
            )
    for at, pair in enumerate(profile.decisive):
        known("arm", pair.first, arms, f"decisive[{at}].first")
        known("arm", pair.second, arms, f"decisive[{at}].second")
        known("evaluation", pair.on, evaluations, f"decisive[{at}].on")
        _check_decisive(pair, evaluations[pair.on], f"{place}.decisive[{at}]")
    if profile.winner is not None:
        _check_winner(profile, profile.winner, f"{place}.winner")
        known("evaluation", profile.winner.on, evaluations, "winner.on")
        for name in profile.winner.among or ():
            known("arm", name, arms, "winner.among")


def _check_winner(profile: Profile, winner: Winner, place: str) -> None:
    """See that there is something to choose the best arm by, and that it is measured where they are compared."""
    if profile.tuning is None:
        raise InputError(f"{place}: the best arm is chosen by tuning, and the profile has none: give tuning")
    measured = next((one.measures for one in profile.evaluate if one.name == winner.on), [winner.measure])
    if winner.measure not in measured:
        raise InputError(
            f"{place}.measure: {winner.on} does not measure {winner.measure!r}; it has {', '.join(measured)}"
        )


def _check_rank_measure(measure: str, place: str) -> None:
    try:
        parse_measure(measure)
    except InputError as error:
        raise InputError(f"{place}: {error}") from None


def _check_decisive(one: Decisive, evaluation: Evaluation, place: str) -> None:
    """See that a decisive comparison is of something that its evaluation measures."""
    if one.first == one.second:
        raise InputError(f"{place} compares {one.first!r} with itself")
    if one.setting in SETTINGS:
        if one.measure not in evaluation.measures:
            measured = ", ".join(evaluation.measures)
            raise InputError(
                f"{place}.measure: {evaluation.name} does not measure {one.measure!r}; it has {measured}"
            )
    elif one.setting == "bias" and one.measure not in PER_QUERY_BIAS:
        raise InputError(
            f"{place}.measure: {one.measure!r} has no values per query; there is {', '.join(PER_QUERY_BIAS)}"
        )
    elif one.setting == "bias" and one.measure in OF_VERSIONS and not evaluation.rank_correlation:
        raise InputError(f"{place}.measure: {evaluation.name} does not measure it: give rank_correlation: true")
    elif one.setting == "geometry" and not evaluation.geometry:
        raise InputError(f"{place}.setting: {evaluation.name} does not measure geometry: give geometry: true")
    elif one.setting == "geometry" and one.language is not None:
        raise InputError(f"{place}.language: geometry is measured over all languages")
    if one.better is None and better_of(one.setting, one.measure) is None:
        raise InputError(f"{place}: say which values of {one.measure!r} are good, by better: high or low")
    if one.expect == "within margin" and one.margin is None:
        raise InputError(f"{place}: expect: within margin needs a margin")


def _check_along(plan: Plan, place: str) -> None:
    """See that the steps of evaluations along the training are reached."""
    least = min((arm.steps for arm in plan.arms.values() if arm.trained), default=0)
    for one in plan.evaluations:
        if one.along and (min(one.along) < 0 or max(one.along) > least or len(set(one.along)) < len(one.along)):
            raise InputError(f"{place}.evaluate: along of {one.name!r} must be different steps from 0 to {least}")


def _check_published(recipe: Recipe, profile: Profile, arms: Mapping[str, Any], where: str, place: str) -> None:
    """See that published figures and what a profile sets them beside exist: evaluations, measures and arms."""
    published = recipe.published
    evaluations = {one.name: None for each in recipe.profiles.values() for one in each.evaluate}
    for at, one in enumerate(published.figures if published is not None else ()):
        key = f"{where}: published.figures[{at}]"
        if one.on not in evaluations:
            raise InputError(
                f"{key}.on: no profile has an evaluation {one.on!r}; there is {', '.join(evaluations)}"
            )
        _check_published_measure(one, f"{key}.measure")
    beside = profile.published
    if beside is None:
        return
    if published is None:
        raise InputError(f"{place}.published: the recipe has no published figures: give it a key 'published'")
    there = {arm for one in published.figures for arm in one.arms}
    for ours, theirs in (beside.arms or {}).items():
        if ours not in arms:
            raise InputError(
                f"{place}.published.arms: no arm {ours!r}{did_you_mean(ours, arms)}; there is {', '.join(arms)}"
            )
        if theirs not in there:
            raise InputError(f"{place}.published.arms: the source has no arm {theirs!r}; it has {', '.join(there)}")
    measured = {one.name: one.measures for one in profile.evaluate}
    for one in published.figures:
        if one.setting in PUBLISHED_RANKED and one.measure not in measured.get(one.on, [one.measure]):
            raise InputError(f"{place}.evaluate: {one.on} does not measure {one.measure!r}, which is published")


def _check_published_measure(figures: PublishedFigures, place: str) -> None:
    """See that a measure is one that `estimates_of` tells in its setting."""
    if figures.setting in PUBLISHED_RANKED:
        _check_rank_measure(figures.measure, place)
        return
    known = PER_QUERY_BIAS if figures.setting == "macro_bias" else (*PER_QUERY_BIAS, *OF_SEEDS)
    if figures.measure not in known:
        raise InputError(f"{place}: {figures.setting} has no {figures.measure!r}; it has {', '.join(known)}")
