"""From a recipe to the runs of a study: every arm with every seed and all its settings, checked before any runs."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from isoglot.errors import InputError
from isoglot.studies.analysis.published import check_published
from isoglot.studies.expand import expand_arms
from isoglot.studies.recipe import Arm, Decisive, Evaluation, Overrides, Profile, Recipe
from isoglot.training import TrainConfig, read_config
from isoglot.training.config import check_settings, unused, written_key
from isoglot.training.run import make_terms

__all__ = ["LOCAL", "ArmPlan", "Plan", "effective", "make_plan", "settings_of", "training_sets"]

LOCAL = ("data", "out", "split", "lang", "lenient", "cache", "save_steps", "keep_checkpoints", "seed")
"""Keys of `TrainConfig` that are not an arm's: where things lie, and what has no part in the weights."""

STUDY_OWN = ("out", "seed", "split", "lang", "lenient")
"""Keys of `TrainConfig` that a recipe may not give: the study decides them, or its data sources do."""


@dataclass(frozen=True)
class ArmPlan:
    """One arm, with all its settings.

    Attributes:
        name: of the arm.
        arm: as in the recipe.
        trained: whether it is trained at all.
        stages: keys of `TrainConfig` as given, of each stage; one where training is not sequential. `data`,
            `validation` and `target` and the lexicons of `code_switch` are names of sources.
        trials: settings to try; empty without tuning.
    """

    name: str
    arm: Arm
    trained: bool
    stages: tuple[Overrides, ...]
    trials: tuple[Overrides, ...] = ()

    @property
    def sources(self) -> list[str]:
        """Names of the data sources that its training reads, but for those of `training_sets`."""
        found = [str(stage[key]) for stage in self.stages for key in ("target", "validation") if stage.get(key)]
        return list(dict.fromkeys(found))

    @property
    def sets(self) -> list[str]:
        """Names of the data sources that it trains on."""
        return list(dict.fromkeys(name for stage in self.stages for name in training_sets(stage)))

    def without_sets(self, absent: Container[str]) -> ArmPlan:
        """Return the arm without some of the sets that it trains on; of each stage one is left."""
        return replace(self, stages=tuple(_without_sets(stage, absent) for stage in self.stages))

    @property
    def lexicons(self) -> list[str]:
        """Names of the lexicons that it takes words from."""
        named = [name for stage in self.stages for name in (stage.get("code_switch") or {}).get("lexicons", [])]
        return list(dict.fromkeys(named))

    def with_settings(self, settings: Overrides) -> tuple[Overrides, ...]:
        """Return the stages with the settings of a trial."""
        return tuple(_merge(stage, settings) for stage in self.stages)


def training_sets(stage: Overrides) -> dict[str, float | None]:
    """Return the data sources that a stage trains on, each with its weight where it has one."""
    data = stage.get("data")
    listed = data if isinstance(data, list) else [data]
    pairs = ((one["name"], one.get("weight")) if isinstance(one, dict) else (str(one), None) for one in listed)
    return dict(pairs)


def _without_sets(stage: Overrides, absent: Container[str]) -> Overrides:
    kept = {name: weight for name, weight in training_sets(stage).items() if name not in absent}
    if len(kept) == len(training_sets(stage)):
        return stage
    if len(kept) == 1:  # there is nothing left to draw between
        return {**{key: value for key, value in stage.items() if key != "data_power"}, "data": next(iter(kept))}
    data = [name if weight is None else {"name": name, "weight": weight} for name, weight in kept.items()]
    return {**stage, "data": data}


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
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
) -> Plan:
    """Lay out the runs of a study and check all that can be checked without its data.

    Args:
        recipe: the recipe.
        profile_name: which of its profiles.
        where: what messages call the recipe.
        encoder: for all arms, in place of the recipe's.
        seeds: in place of the recipe's.
        arms: only these.

    Raises:
        InputError: there is no such profile or arm, something named in the recipe does not exist, or a setting of
            an arm is bad.
    """
    if profile_name not in recipe.profiles:
        raise InputError(f"{where} has no profile {profile_name!r}; it has {', '.join(recipe.profiles)}")
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
        raise InputError(f"{where} has no arm {unknown[0]!r} in {profile_name}; its arms are {', '.join(known)}")
    plan = Plan(recipe, profile_name, profile, {}, list(seeds or profile.seeds), list(profile.evaluate))
    dropped: set[str] = set()
    for name, arm in known.items():
        planned = _plan_arm(profile, name, arm, f"{place}.arms.{name}", encoder, dropped)
        if arms is None or name in arms:
            plan.arms[name] = planned
    if arms is not None:
        kept = ", ".join(plan.arms)
        plan.notes.append(f"only the arms {kept} were asked for, of {len(known)}")
    if encoder is not None:
        said = f"the encoder is {encoder}, in place of the recipe's"
        plan.notes.append(said + (f"; it has no {', '.join(sorted(dropped))}" if dropped else ""))
    _check_names(profile, known, place)
    check_published(recipe, profile, known, where, place)
    _check_stages(plan, place)
    return plan


def _plan_arm(profile: Profile, name: str, arm: Arm, place: str, encoder: str | None, dropped: set[str]) -> ArmPlan:
    """Merge an arm's settings with the common ones, and check each of its stages."""
    trained = arm.train != "none"
    own = arm.train if isinstance(arm.train, dict) else {}
    if not trained and (arm.stages or arm.sample or arm.trials):
        raise InputError(f"{place} is not trained: leave out stages, sample and trials")
    if trained and arm.encoder is not None:
        raise InputError(f"{place}.encoder is for arms without training: give train.encoder")
    common = _merge(profile.train, own) if trained else _without_training(profile.train, arm.encoder)
    stages = [common]
    if arm.stages is not None:
        stages = [_merge(common, {**stage.train, "steps": stage.steps}) for stage in arm.stages]
    if encoder is not None:
        stages = [_for_encoder(stage, encoder, place, dropped) for stage in stages]
    trials: tuple[Overrides, ...] = ()
    if profile.tuning is not None and trained:
        trials = tuple(profile.tuning.trials if arm.trials is None else arm.trials)
        if len(trials) != len(profile.tuning.trials):
            raise InputError(
                f"{place}.trials are {len(trials)}, those of others {len(profile.tuning.trials)}: every arm has as "
                "many"
            )
    elif arm.trials is not None:
        raise InputError(f"{place}.trials: the profile has no tuning")
    planned = ArmPlan(name, arm, trained, tuple(stages), trials)
    for settings in trials or ({},):
        for stage in planned.with_settings(settings):
            named = [one.name for one in settings_of(stage, place, trained).data]
            twice = [name for name in named if named.count(name) > 1]
            if twice:
                raise InputError(
                    f"{place}: train.data names {twice[0]!r} twice: name it once, with a weight if need be"
                )
    for kind, named, known in (
        ("data source", [*planned.sets, *planned.sources], profile.data),
        ("lexicon", planned.lexicons, profile.lexicons),
    ):
        for source in named:
            if source not in known:
                raise InputError(f"{place}: no {kind} {source!r}; there is {', '.join(known) or 'none'}")
    return planned


def _merge(common: Overrides, own: Overrides) -> Overrides:
    """Return settings overruled by others, of which None takes a key away."""
    return {key: value for key, value in {**common, **own}.items() if value is not None}


ENCODING = (
    *("encoder", "from", "pooling", "max_length", "query_prompt", "document_prompt", "trust_remote_code"),
    "attention",
)


def _without_training(common: Overrides, encoder: str | None) -> Overrides:
    """Return what of the common settings an encoder has that is not trained; its data, since the embedded encoders
    take their sub-words from it."""
    kept = {key: common[key] for key in (*ENCODING, "data", "dimensions", "vocabulary", "layers") if key in common}
    return kept if encoder is None else {**kept, "encoder": encoder}


def _for_encoder(stage: Overrides, encoder: str, place: str, dropped: set[str]) -> Overrides:
    """Return the settings with another encoder, without those that it does not have; and without the learning rate,
    which is the encoder's own."""
    stage = {**stage, "encoder": encoder}
    idle = {*map(written_key, unused(settings_of(stage, place, trained=False))), "learning_rate"}
    idle -= {"temperature", "symmetric"}
    dropped.update(idle & stage.keys())
    return {key: value for key, value in stage.items() if key not in idle}


def settings_of(stage: Overrides, place: str, trained: bool = True, **local: Any) -> TrainConfig:
    """Return the configuration of a stage.

    Args:
        stage: keys of `TrainConfig` -> values.
        place: what messages call the arm.
        trained: check also what training alone looks at.
        **local: `data`, `out`, `seed` and the like, in place of the recipe's names.

    Raises:
        InputError: a key is unknown, a value bad, or a setting would do nothing.
    """
    for key in STUDY_OWN:
        if key in stage:
            raise InputError(
                f"{place}: {key!r} is not for a recipe to give: the study and its data sources decide it"
            )
    try:
        config = read_config(None, {"data": "-", "out": "-", **stage, **local})
        if trained:
            check_settings(config)
            config.make_strategy()
            make_terms(config)
    except InputError as error:
        raise InputError(f"{place}: {str(error).removeprefix('the flags: ')}") from None
    return config


def effective(config: TrainConfig) -> dict[str, Any]:
    """Return all settings that decide a run's weights, those not given included; not where things lie."""
    values = config.model_dump(mode="json", exclude={*unused(config), *LOCAL})
    values["learning_rate"] = config.effective_learning_rate
    if config.objective is None:
        values["temperature"] = config.effective_temperature
    return {key: value for key, value in values.items() if value is not None}


def _check_names(profile: Profile, arms: Mapping[str, Any], place: str) -> None:
    """See that all names in a profile exist, once."""

    def known(what: str, name: str | None, names: Mapping[str, Any], at: str) -> None:
        if name is not None and name not in names:
            raise InputError(f"{place}.{at}: no {what} {name!r}; there is {', '.join(names)}")

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
        _check_measures(one, f"{place}.evaluate[{at}].measures")
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


def _check_measures(evaluation: Evaluation, place: str) -> None:
    from isoglot.evaluation.measures import parse_measure

    for measure in evaluation.measures:
        try:
            parse_measure(measure)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None


def _check_decisive(one: Decisive, evaluation: Evaluation, place: str) -> None:
    """See that a decisive comparison is of something that its evaluation measures."""
    from isoglot.measures import PER_QUERY_BIAS, better_of

    if one.first == one.second:
        raise InputError(f"{place} compares {one.first!r} with itself")
    if one.setting in ("monolingual", "cross_lingual", "multilingual"):
        if one.measure not in evaluation.measures:
            measured = ", ".join(evaluation.measures)
            raise InputError(
                f"{place}.measure: {evaluation.name} does not measure {one.measure!r}; it has {measured}"
            )
    elif one.setting == "bias" and one.measure not in PER_QUERY_BIAS:
        raise InputError(
            f"{place}.measure: {one.measure!r} has no values per query; there is {', '.join(PER_QUERY_BIAS)}"
        )
    elif one.setting == "bias" and one.measure == "rank_correlation" and not evaluation.rank_correlation:
        raise InputError(f"{place}.measure: {evaluation.name} does not measure it: give rank_correlation: true")
    elif one.setting == "geometry" and not evaluation.geometry:
        raise InputError(f"{place}.setting: {evaluation.name} does not measure geometry: give geometry: true")
    elif one.setting == "geometry" and one.language is not None:
        raise InputError(f"{place}.language: geometry is measured over all languages")
    if one.better is None and better_of(one.setting, one.measure) is None:
        raise InputError(f"{place}: say which values of {one.measure!r} are good, by better: high or low")
    if one.expect == "within margin" and one.margin is None:
        raise InputError(f"{place}: expect: within margin needs a margin")


def _check_stages(plan: Plan, place: str) -> None:
    """See that sequential arms take as many steps in all as the common settings say, and that the steps of
    evaluations along the training are reached."""
    common = settings_of(plan.profile.train, f"{place}.train", trained=False)
    for name, planned in plan.arms.items():
        steps = sum(stage["steps"] for stage in planned.stages) if planned.arm.stages else None
        if steps is not None and steps != common.steps:
            raise InputError(
                f"{place}.arms.{name}: its stages take {steps} steps in all, other arms {common.steps}: make them "
                "equal"
            )
    least = min(
        (
            sum(settings_of(stage, place, trained=False).steps for stage in arm.stages)
            for arm in plan.arms.values()
            if arm.trained
        ),
        default=0,
    )
    for one in plan.evaluations:
        if one.along and (min(one.along) < 0 or max(one.along) > least or len(set(one.along)) < len(one.along)):
            raise InputError(f"{place}.evaluate: along of {one.name!r} must be different steps from 0 to {least}")
