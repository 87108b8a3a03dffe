"""`ArmPlan`: an arm with all its settings, those that are common to all arms included, checked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from collections.abc import Collection as Container
from dataclasses import dataclass, replace
from itertools import product
from string import Formatter
from typing import Any

from isoglot.batching import Hybrid
from isoglot.errors import InputError
from isoglot.repair.maps import check_request
from isoglot.studies.recipe import NAME, Arm, Grid, Overrides, Profile, Sample
from isoglot.training import TrainConfig
from isoglot.training.checks import check_settings, unused
from isoglot.training.config import WHERE_TO, parse_config, written_key
from isoglot.training.run import make_terms

__all__ = ["ArmPlan", "Trial", "defaults_of", "effective", "expand_arms", "plan_arm", "training_sets"]

LOCAL = ("data", "out", "split", "lang", "lenient", "cache", "save_steps", "keep_checkpoints", "seed", *WHERE_TO)
"""Keys of `TrainConfig` that are not an arm's: where things lie, and what has no part in the weights."""

STUDY_OWN = ("out", "seed", "split", "lang", "lenient", *WHERE_TO)
"""Keys of `TrainConfig` that a recipe may not give: the study decides them, or its data sources do."""

ENCODING = (
    *("encoder", "from", "pooling", "max_length", "query_prompt", "document_prompt", "trust_remote_code"),
    *("attention", "data", "dimensions", "vocabulary", "layers"),
)
"""Keys of `TrainConfig` that say something of an encoder that is not trained; `data` does, since the embedded
encoders take their sub-words from it."""

GIVEN = "given"
"""The teacher of an arm that learns from the one the study is given."""

DEFAULT_STEPS = TrainConfig.model_fields["steps"].default


@dataclass(frozen=True)
class Trial:
    """Settings to try, as in the recipe, and the stages of the arm with them."""

    settings: Overrides
    stages: tuple[TrainConfig, ...]


@dataclass(frozen=True)
class ArmPlan:
    """One arm, with all its settings.

    Attributes:
        name: of the arm.
        arm: as in the recipe.
        trained: whether it is trained at all.
        stages: the settings of each stage; one where training is not sequential. `data`, `validation`, `target` and
            the lexicons of `code_switch` are names of sources, and `out` is empty.
        trials: settings to try; empty without tuning.
    """

    name: str
    arm: Arm
    trained: bool
    stages: tuple[TrainConfig, ...]
    trials: tuple[Trial, ...] = ()

    @property
    def sources(self) -> list[str]:
        """Names of the data sources that its training reads, but for those of `training_sets`."""
        found = [name for stage in self.stages for name in (stage.target, stage.validation) if name is not None]
        return list(dict.fromkeys(found))

    @property
    def repaired_on(self) -> list[str]:
        """The name of the data source that its repair is fitted on, if it has one."""
        return [] if self.arm.repair is None else [self.arm.repair.data]

    @property
    def sets(self) -> list[str]:
        """Names of the data sources that it trains on."""
        return list(dict.fromkeys(name for stage in self.stages for name in training_sets(stage)))

    @property
    def lexicons(self) -> list[str]:
        """Names of the lexicons that it takes words from."""
        switched = [stage.code_switch for stage in self.stages if stage.code_switch is not None]
        return list(dict.fromkeys(name for one in switched for name in one.lexicons))

    @property
    def steps(self) -> int:
        """Optimiser steps of all its stages."""
        return sum(stage.steps for stage in self.stages)

    @property
    def wants_teacher(self) -> bool:
        """Whether it learns from the teacher that the study is given."""
        return any(stage.teacher == [GIVEN] for stage in self.stages)

    def with_teacher(self, teacher: str) -> ArmPlan:
        """Return the arm with a teacher in the place of the one to be given."""
        return self._with_each_stage(
            lambda stage: stage.model_copy(update={"teacher": [teacher]}) if stage.teacher == [GIVEN] else stage
        )

    def without_sets(self, absent: Container[str]) -> ArmPlan:
        """Return the arm without some of the sets that it trains on; of each stage one is left."""
        return self._with_each_stage(lambda stage: _without_sets(stage, absent))

    def _with_each_stage(self, change: Callable[[TrainConfig], TrainConfig]) -> ArmPlan:
        """Return the arm with every stage changed, those of its trials too."""
        trials = tuple(replace(trial, stages=tuple(map(change, trial.stages))) for trial in self.trials)
        return replace(self, stages=tuple(map(change, self.stages)), trials=trials)


def training_sets(stage: TrainConfig) -> dict[str, float | None]:
    """Return the data sources that a stage trains on, each with its weight where it has one."""
    return {one.name: one.weight for one in stage.data}


def _changed(stage: TrainConfig, without: Container[str], **values: Any) -> TrainConfig:
    """Return settings of which some were never given, and others have these values."""
    given = stage.model_dump(exclude_unset=True, exclude=set(without))
    return TrainConfig.model_validate({**given, **values})


def _without_sets(stage: TrainConfig, absent: Container[str]) -> TrainConfig:
    kept = [one for one in stage.data if one.name not in absent]
    if len(kept) == len(stage.data):
        return stage
    if len(kept) == 1:  # there is nothing left to draw between
        return _changed(stage, {"data_power"}, data=kept[0].name)
    return stage.model_copy(update={"data": kept})


def effective(stage: TrainConfig) -> dict[str, Any]:
    """Return all settings that decide a run's weights, those not given included; not where things lie."""
    values = stage.model_dump(mode="json", exclude={*unused(stage), *LOCAL})
    values["learning_rate"] = stage.effective_learning_rate
    if stage.objective is None:
        values["temperature"] = stage.effective_temperature
    return {key: value for key, value in values.items() if value is not None}


def defaults_of(stage: TrainConfig) -> dict[str, Any]:
    """Return what a stage leaves to the defaults and a reader wants to know: the share of monolingual batches, and
    the terms of the objective."""
    found: dict[str, Any] = {}
    batches = stage.make_strategy()
    if stage.alpha is None and isinstance(batches, Hybrid):
        found["alpha"] = batches.alpha
    if stage.objective is None:
        terms = make_terms(stage).items()
        found["objective"] = [{"term": type(term).__name__, "weight": weight} for term, weight in terms]
    return found


def _settings_of_stages(profile: Profile, arm: Arm, place: str) -> list[Overrides]:
    """Merge the settings of each stage of an arm with its own and the common ones."""
    if not isinstance(arm.train, dict):  # not trained
        kept = {key: value for key, value in profile.train.items() if key in ENCODING}
        return [kept if arm.encoder is None else {**kept, "encoder": arm.encoder}]
    common = {**profile.train, **arm.train}
    if arm.stages is None:
        return [common]
    steps, others = sum(stage.steps for stage in arm.stages), profile.train.get("steps", DEFAULT_STEPS)
    if steps != others:
        raise InputError(f"{place}: its stages take {steps} steps in all, other arms {others}: make them equal")
    return [{**common, **stage.train, "steps": stage.steps} for stage in arm.stages]


def plan_arm(
    profile: Profile, name: str, arm: Arm, place: str, encoder: str | None = None
) -> tuple[ArmPlan, set[str]]:
    """Merge an arm's settings with the common ones, and check each of its stages.

    Args:
        profile: of the recipe.
        name: of the arm.
        arm: as in the recipe.
        place: what messages call it.
        encoder: in place of the recipe's.

    Returns:
        The arm, and the keys of settings that it does without, since the other encoder has none.

    Raises:
        InputError: a key is unknown, a value bad, or a setting would do nothing.
    """
    trained = arm.train != "none"
    if not trained and (arm.stages or arm.sample or arm.trials):
        raise InputError(f"{place} is not trained: leave out stages, sample and trials")
    if arm.repair is not None:
        try:
            check_request(arm.repair.method, arm.repair.by, arm.repair.strength, on_dev=False)
        except InputError as error:
            raise InputError(f"{place}.repair: {error}") from None
    if trained and arm.encoder is not None:
        raise InputError(f"{place}.encoder is for arms without training: give train.encoder")
    given = _settings_of_stages(profile, arm, place)
    dropped: set[str] = set()

    def read(settings: Overrides, check: bool = True) -> tuple[TrainConfig, ...]:
        """Return the stages, some settings in place of their own."""
        stages = []
        for one in given:
            stage = _parse({**one, **settings}, place)
            if encoder is not None:
                stage = _for_encoder(stage, encoder, dropped, keep=settings)
            if check:
                _check(stage, place, trained)
            stages.append(stage)
        return tuple(stages)

    trials: list[Overrides] = []
    if profile.tuning is not None and trained:
        trials = profile.tuning.trials if arm.trials is None else arm.trials
        if len(trials) != len(profile.tuning.trials):
            raise InputError(
                f"{place}.trials are {len(trials)}, those of others {len(profile.tuning.trials)}: every arm has as "
                "many"
            )
    elif arm.trials is not None:
        raise InputError(f"{place}.trials: the profile has no tuning")
    tried = tuple(Trial(settings, read(settings)) for settings in trials)
    planned = ArmPlan(name, arm, trained, read({}, check=not trials), tried)
    for kind, named, known in (
        ("data source", [*planned.sets, *planned.sources, *planned.repaired_on], profile.data),
        ("lexicon", planned.lexicons, profile.lexicons),
    ):
        for source in named:
            if source not in known:
                raise InputError(f"{place}: no {kind} {source!r}; there is {', '.join(known) or 'none'}")
    return planned, dropped


def _parse(given: Overrides, place: str) -> TrainConfig:
    """Read the settings of a stage; None takes a key away."""
    given = {key: value for key, value in given.items() if value is not None}
    for key in STUDY_OWN:
        if key in given:
            raise InputError(
                f"{place}: {key!r} is not for a recipe to give: the study and its data sources decide it"
            )
    return parse_config({"out": "", **given}, place)


def _for_encoder(stage: TrainConfig, encoder: str, dropped: set[str], keep: Container[str]) -> TrainConfig:
    """Return the settings with another encoder, without those that it does not have, which are added to `dropped`;
    and without the learning rate, which is the encoder's own, unless it is one of those to keep."""
    stage = stage.model_copy(update={"encoder": encoder})
    idle = {*unused(stage), "learning_rate"} - {"temperature", "symmetric", *keep}
    dropped.update(written_key(key) for key in idle & stage.model_fields_set)
    return _changed(stage, idle)


def _check(stage: TrainConfig, place: str, trained: bool) -> None:
    """See that a stage can be run: of an arm that is not trained, only that its data is named well."""
    named = [one.name for one in stage.data]
    twice = next((name for name in named if named.count(name) > 1), None)
    if trained:
        try:
            check_settings(stage)
            stage.make_strategy()
            make_terms(stage)
        except InputError as error:
            raise InputError(f"{place}: {error}") from None
    if twice is not None:
        raise InputError(f"{place}: train.data names {twice!r} twice: name it once, with a weight if need be")


def expand_arms(profile: Profile) -> dict[str, Arm]:
    """Return name -> arm of those named and those of grids, in the order of the recipe, grids last.

    Raises:
        InputError: there is none, a name is given twice or is none, or a grid names its arms badly.
    """
    arms = dict(profile.arms)
    for grid in profile.grids:
        for name, arm in _grid_arms(grid):
            if name in arms:
                raise InputError(f"two arms are called {name!r}: name the arms of grids after all keys of 'over'")
            arms[name] = arm
    if not arms:
        raise InputError("there are no arms: give arms or grids")
    for name in arms:
        if not re.match(NAME, name):
            raise InputError(f"{name!r} cannot be the name of an arm: use letters, digits, '.', '+', '_' and '-'")
    return arms


def _grid_arms(grid: Grid) -> Iterator[tuple[str, Arm]]:
    short = {key: key.rpartition(".")[2] for key in grid.over}
    fields = {field for _, field, _, _ in Formatter().parse(grid.name) if field is not None}
    if fields != set(short.values()) or len(set(short.values())) < len(short):
        wanted = ", ".join(f"{{{name}}}" for name in short.values())
        raise InputError(f"the grid {grid.name!r} must name its arms by {wanted}, each once")
    for values in product(*grid.over.values()):
        chosen = dict(zip(grid.over, values, strict=True))
        name = grid.name.format(**{short[key]: _word(value) for key, value in chosen.items()})
        yield name, _with_values(grid, chosen)


def _word(value: Any) -> str:
    """Return how a value is written in an arm's name: of a schedule, its values joined by hyphens."""
    if isinstance(value, dict):
        return "-".join(_word(part) for part in value.values())
    return "none" if value is None else str(value).lower()


def _with_values(grid: Grid, chosen: dict[str, Any]) -> Arm:
    train, sample = dict(grid.train), grid.sample
    for key, value in chosen.items():
        if not key.startswith("sample."):
            train[key] = value
            continue
        sample = sample or Sample()
        _, part, *rest = key.split(".", 2)
        if part == "budgets" and rest:
            budgets = {**sample.budgets, rest[0]: value}
            sample = sample.model_copy(update={"budgets": budgets})
            if value is None:  # no budget: all there is
                del budgets[rest[0]]
        elif part in ("default", "hold_out") and not rest:
            sample = sample.model_copy(update={part: value})
        else:
            raise InputError(
                f"the grid {grid.name!r} has no key {key!r}: there are sample.budgets.LANGUAGE, "
                "sample.default and sample.hold_out"
            )
    sample = None if sample is None else Sample.model_validate(sample.model_dump())
    if sample == Sample():
        sample = None
    return Arm(train=train, sample=sample, trials=grid.trials, note=grid.note)
