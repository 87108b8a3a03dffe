"""`StudyResult`: what a study asked and found; its attributes are the keys of `study.json`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer

from isoglot.errors import InputError
from isoglot.measures import BIAS, GEOMETRY, SETTINGS, Better, measure_of
from isoglot.reporting.study.comparison import Comparison, Part, Winner

__all__ = [
    "NOTHING",
    "Claim",
    "Comparability",
    "DataUsed",
    "Estimates",
    "Evaluated",
    "Failure",
    "Figure",
    "PublishedBeside",
    "PublishedFigure",
    "SampleUsed",
    "StudyArm",
    "StudyResult",
    "Trial",
    "Tuned",
    "key_of",
]


def key_of(setting: str, measure: str) -> str:
    """Return how the pages name a figure: `monolingual.AP`, `rank_distance`."""
    return f"{setting}.{measure}" if setting in SETTINGS else measure


class Figure(Part):
    """A mean over seeds.

    Attributes:
        mean: None where there is no such figure.
        low: lower end of its 95 % interval; None where one seed alone gives none.
        high: upper end.
        seeds: the value of each seed.
    """

    mean: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: tuple[float, ...] = ()


NOTHING = Figure()


class Estimates(Part):
    """What an arm has on an evaluation: measure -> figure in each setting, None where there is none.

    Attributes:
        step: after so many steps of training; None at its end.
        monolingual: retrieval within a language.
        cross_lingual: from one language into another.
        multilingual: in one pool of all languages.
        bias: language bias.
        macro_multilingual: means over query languages, as in `Result.macro`.
        macro_bias: the same of bias.
        geometry: of embeddings.
        by_language: the same of the queries in each language.
    """

    step: int | None = None
    monolingual: dict[str, Figure] | None = None
    cross_lingual: dict[str, Figure] | None = None
    multilingual: dict[str, Figure] | None = None
    bias: dict[str, Figure] | None = None
    macro_multilingual: dict[str, Figure] | None = None
    macro_bias: dict[str, Figure] | None = None
    geometry: dict[str, Figure] | None = None
    by_language: dict[str, Estimates] | None = None

    @model_serializer(mode="wrap")
    def _what_there_is(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in write(self).items() if value is not None}

    def figures(self, setting: str) -> dict[str, Figure]:
        """Return the measures of a setting that have a value."""
        found = getattr(self, setting, None) or {}
        return {measure: figure for measure, figure in found.items() if figure.mean is not None}


class SampleUsed(Part):
    """A part of the training data: queries by language, of other languages (None: all), and languages left out."""

    budgets: dict[str, int] = Field(default={})
    default: int | None = None
    hold_out: tuple[str, ...] = ()


class Trial(Part):
    """Settings that tuning tried, and the value they gave; None where the trial failed."""

    settings: dict[str, Any]
    value: float | None


class Tuned(Part):
    """How an arm's settings were chosen: measured on what and by what, the trials and the settings of the best."""

    on: str
    setting: str
    measure: str
    trials: tuple[Trial, ...]
    chosen: dict[str, Any] | None


class Failure(Part):
    """A run that failed, or a trial of tuning, and the sentence that says why."""

    seed: int
    trial: int | None = None
    sentence: str


class StudyArm(Part):
    """One arm.

    Attributes:
        name: of the arm.
        note: what it is, in words.
        trained: whether it was trained.
        config: the settings in effect, of each stage; None for an arm that never ran.
        sample: part of the training data; None for all.
        tuning: how settings were chosen, if they were.
        seeds: of the runs that ended well.
        runs: seed -> folder of the run.
        steps: seed -> optimiser steps.
        tokens: seed -> tokens encoded in training; None where they were not counted.
        estimates: evaluation -> figures.
        along: evaluation -> figures along the training.
        failures: runs that failed.
        training_queries: language -> queries trained on, where that is known; not written.
    """

    name: str
    note: str | None = None
    trained: bool
    config: tuple[dict[str, Any], ...] | None = None
    sample: SampleUsed | None = None
    tuning: Tuned | None = None
    seeds: tuple[int, ...] = ()
    runs: dict[str, str] = Field(default={})
    steps: dict[str, int] = Field(default={})
    tokens: dict[str, int | None] = Field(default={})
    estimates: dict[str, Estimates] = Field(default={})
    along: dict[str, tuple[Estimates, ...]] = Field(default={})
    failures: tuple[Failure, ...] = ()
    training_queries: dict[str, int] = Field(default={}, exclude=True)

    def figure(self, evaluation: str, setting: str, measure: str, language: str | None = None) -> Figure:
        """Return a figure, of the queries in one language if given; an empty one where the arm does not have it."""
        found: Estimates | None = self.estimates.get(evaluation)
        if found is not None and language is not None:
            found = (found.by_language or {}).get(language)
        return NOTHING if found is None else found.figures(setting).get(measure, NOTHING)

    def row(self, evaluation: str, setting: str, measure: str, language: str | None = None) -> dict[str, Any]:
        """Return `mean`, `low`, `high` and `seeds` of a figure, as charts take them."""
        return dict(self.figure(evaluation, setting, measure, language))


class PublishedFigure(Part):
    """A published figure, how its source averages it, and ours; `within`: whether our interval holds it."""

    evaluation: str
    setting: str
    measure: str
    averaged: str
    arm: str
    published_arm: str
    published: float
    ours: float
    low: float | None
    high: float | None
    difference: float
    within: bool | None


class PublishedBeside(Part):
    """Published figures beside ours: where they are from, whether they can be compared, and what differs."""

    source: str
    note: str | None = None
    comparable: bool
    differs: str
    sentence: str
    figures: tuple[PublishedFigure, ...]


class Evaluated(Part):
    """What was measured, as in the recipe, the sizes of its collection, and what pseudo queries are made of."""

    name: str
    data: str
    zero_shot: bool = False
    measures: tuple[str, ...] = ()
    geometry: bool = False
    rank_correlation: bool = False
    by_language: bool = False
    along: tuple[int, ...] = ()
    dtype: str | None = None
    stands_for: str | None = None
    collection: str
    documents: int
    queries: int
    query_ids: int
    languages: tuple[str, ...]
    pseudo_queries: str | None = None


class DataUsed(Part):
    """A source of the recipe, the one used in its place if it is absent, and what that holds."""

    name: str
    used: str
    collection: str
    documents: int
    queries: int
    languages: tuple[str, ...]
    licence: str | None = None
    fingerprint: str


class Claim(Part):
    """A claim of zero-shot: whether it holds, what was found in each training source, and text not looked into."""

    evaluation: str
    claimed: bool = True
    holds: bool
    against: dict[str, dict[str, Any]]
    sentence: str
    unlabelled: tuple[str, ...] = ()


class Comparability(Part):
    """Whether trained arms had the same `steps`, `tokens` or `time`; None where it cannot be said; mean by arm.
    `stated`: whether the recipe says what; else `steps`."""

    stated: bool = True
    same: str
    tolerance: float
    holds: bool | None
    values: dict[str, float | None]
    sentence: str


class StudyResult(Part):
    """What a study asked and found; docs/studies.md says what each key holds."""

    format: int = 1
    study: str
    title: str
    profile: str | None = None
    question: str
    hypothesis: str | None = None
    sources: tuple[str, ...] = ()
    choices: tuple[dict[str, str], ...] = ()
    answer: tuple[str, ...]
    decisive: tuple[Comparison, ...]
    winner: Winner | None = None
    arms: tuple[StudyArm, ...]
    published: PublishedBeside | None = None
    evaluations: tuple[Evaluated, ...]
    data: tuple[DataUsed, ...] = ()
    zero_shot: tuple[Claim, ...] = ()
    comparable: Comparability | None = None
    left_out: tuple[dict[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    limits: tuple[str, ...] = ()
    command: str | None = None
    full_command: str | None = None
    versions: dict[str, str] = Field(default={})
    hardware: tuple[dict[str, Any], ...] = ()

    @classmethod
    def read(cls, content: Any) -> StudyResult:
        """Read the content of a `study.json`; a result stays what it is.

        Raises:
            InputError: it is not the result of a study.
        """
        try:
            return cls.model_validate(content)
        except ValidationError as error:
            problem = error.errors(include_url=False)[0]
            place = ".".join(map(str, problem["loc"]))
            said = f"it lacks {place!r}" if problem["type"] == "missing" else f"{place} {problem['msg'].lower()}"
            raise InputError(
                f"this is not the result of a study: {said.strip()}; give the content of a study.json"
            ) from None

    def to_dict(self) -> dict[str, Any]:
        """Return the content of the result file."""
        return self.model_dump(mode="json")

    def arm(self, name: str) -> StudyArm | None:
        """Return an arm; None if it was not run."""
        return next((arm for arm in self.arms if arm.name == name), None)

    def measures(self, evaluation: str, setting: str) -> list[str]:
        """Return the measures that some arm has in a setting: of bias and geometry in the pages' order."""
        told = [arm.estimates[evaluation] for arm in self.arms if evaluation in arm.estimates]
        found = dict.fromkeys(measure for one in told for measure in one.figures(setting))
        order = [measure.key for measure in (*BIAS, *GEOMETRY)]
        return sorted(found, key=lambda measure: order.index(measure) if measure in order else -1)

    def retrieval_settings(self, evaluation: str) -> tuple[str, ...]:
        """Return the settings of retrieval that say different things: in one language all are the same."""
        one = next(one for one in self.evaluations if one.name == evaluation)
        alone = len(one.languages) == 1 and self.measures(evaluation, "monolingual")
        return ("monolingual",) if alone else tuple(SETTINGS)

    def main_measure(self, evaluation: str, setting: str) -> str | None:
        """Return the measure that figures show: that of a decisive comparison, else the first; None without any."""
        there = self.measures(evaluation, setting)
        decisive = [one.measure for one in self.decisive if one.is_of(evaluation, setting, one.measure)]
        return next((one for one in [*decisive, *there] if one in there), None)

    def better(self, evaluation: str, setting: str, measure: str) -> Better | None:
        """Return which values are good: what a decisive comparison says, else what is known of the measure."""
        known = measure_of(key_of(setting, measure)).better
        told = [one.better for one in self.decisive if one.is_of(evaluation, setting, measure)]
        if not told or known == "zero":
            return known
        return "low" if told[0] == "low" else "high"
