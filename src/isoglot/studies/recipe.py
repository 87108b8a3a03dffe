"""`Recipe`: one research question as a file that anyone can read, checked key by key."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, field_validator

from isoglot.studies.published import Beside, Published
from isoglot.training.fields import Strict

__all__ = [
    "Arm",
    "ArmRepair",
    "Choice",
    "Comparable",
    "DataSource",
    "Decisive",
    "Evaluation",
    "GpuEstimate",
    "Grid",
    "LexiconSource",
    "Profile",
    "Recipe",
    "Sample",
    "Stage",
    "Switched",
    "Tuning",
    "Winner",
]

NAME = r"^[A-Za-z0-9][A-Za-z0-9.+_-]*$"

Setting = Literal["monolingual", "cross_lingual", "multilingual", "bias", "geometry"]
RankSetting = Literal["monolingual", "cross_lingual", "multilingual"]
Overrides = dict[str, Any]
"""Keys of `TrainConfig` -> values."""


class Switched(Strict):
    """Queries in further languages, made by replacing words; where there is no translation of them.

    Attributes:
        lexicon: a lexicon.
        into: languages.
        rate: probability that a word that it knows is replaced.
    """

    lexicon: str
    into: list[str] = Field(min_length=1)
    rate: float = Field(default=1.0, gt=0, le=1)


class DataSource(Strict):
    """Where texts come from.

    Attributes:
        collection: `worldfacts`, `mteb:TASK`, a path (relative to the recipe or to a data folder), or what
            `load_collection` takes.
        form: the published form to read it as, one of `collections.convert.FORMS`; a collection folder if not
            given.
        split: which judgments, where there are several.
        language: of texts that have none.
        languages: only texts in these.
        articles: only the first so many articles of a set in the form `lareqa`, with their questions: a part of it
            whose pool holds nothing else.
        candidates: what is retrieved, in the form `lareqa`.
        view: `translations`: queries find their own translations instead of documents.
        switched: queries in further languages, made by replacing words.
        lenient: leave bad rows out.
        optional: what needs it is left out, and said so, where it is absent.
        fallback: the source taken in its place where it is absent.
    """

    collection: str
    form: str | None = None
    split: str | None = None
    language: str | None = None
    languages: list[str] | None = Field(default=None, min_length=1)
    articles: int | None = Field(default=None, ge=1)
    candidates: Literal["sentence", "sentence+context", "paragraph"] | None = None
    view: Literal["translations"] | None = None
    switched: Switched | None = None
    lenient: bool = False
    optional: bool = False
    fallback: str | None = None


class LexiconSource(Strict):
    """Bilingual lexicons for code-switching: files, or made from a collection's parallel texts.

    Attributes:
        paths: files or folders, as `code_switch.lexicons` takes them; relative to the recipe or the data folder.
        induce: a data source, from whose parallel texts they are made.
        optional: arms that need it are left out, and said so, where it is absent.
    """

    paths: list[str] | None = Field(default=None, min_length=1)
    induce: str | None = None
    optional: bool = False


class Sample(Strict):
    """A part of the training data: see `isoglot.data.sampling.sample_collection`.

    Attributes:
        budgets: language -> how many of its queries.
        default: of the languages without a budget; all if not given.
        hold_out: languages that are left out altogether.
    """

    budgets: dict[str, int] = Field(default_factory=dict)
    default: int | None = Field(default=None, ge=0)
    hold_out: list[str] = Field(default_factory=list)


class Stage(Strict):
    """A part of a sequential training: `steps` steps with these settings, from the model of the stage before."""

    steps: int = Field(ge=1)
    train: Overrides = Field(default_factory=dict)


class ArmRepair(Strict):
    """A repair of an arm's model once it is trained: see `isoglot.repair_model`.

    Attributes:
        method: how.
        data: a data source that it is fitted on.
        strength: of the repair.
        by: how to erase.
    """

    method: str
    data: str
    strength: float = 1.0
    by: str | None = None


class Arm(Strict):
    """One configuration.

    Attributes:
        train: keys of `TrainConfig` that differ from the common ones; `none`: the encoder as it is.
        encoder: of an arm without training, if not the common one.
        stages: sequential training.
        sample: a part of the training data.
        trials: settings to try where there is tuning, in place of the common trials; as many.
        repair: of the model, after all training.
        note: what the arm is, in words.
    """

    train: Literal["none"] | Overrides = Field(default_factory=dict)
    encoder: str | None = None
    stages: list[Stage] | None = Field(default=None, min_length=2)
    sample: Sample | None = None
    trials: list[Overrides] | None = None
    repair: ArmRepair | None = None
    note: str | None = None


class Grid(Strict):
    """Arms for all combinations of values.

    Attributes:
        name: of each arm, such as `hybrid-{alpha}`.
        over: key of `TrainConfig`, or `sample.budgets.zh` and the like -> values.
        train: as of an arm, for all of them.
        sample: the same.
        trials: the same.
        note: the same.
    """

    name: str
    over: dict[str, list[Any]] = Field(min_length=1)
    train: Overrides = Field(default_factory=dict)
    sample: Sample | None = None
    trials: list[Overrides] | None = None
    note: str | None = None


class Evaluation(Strict):
    """One thing to measure every arm on.

    Attributes:
        name: what it is called.
        data: a data source.
        zero_shot: whether the recipe claims that nothing of it was trained on; checked.
        measures: rank measures.
        geometry: whether to measure the geometry of query embeddings.
        rank_correlation: whether to measure it, and `mrc@10`.
        by_language: whether to tell values by query language too.
        along: steps at which it is measured while training too; 0 is before it.
        dtype: precision in which texts are encoded, as of `isoglot.evaluate`.
        stands_for: what it stands in for, where the full study measures something else.
    """

    name: str = Field(pattern=NAME)
    data: str
    zero_shot: bool = False
    measures: list[str] = Field(default_factory=lambda: ["AP", "nDCG@10", "R@10"], min_length=1)
    geometry: bool = False
    rank_correlation: bool = False
    by_language: bool = False
    along: list[int] = Field(default_factory=list)
    dtype: Literal["float32", "bfloat16", "float16"] | None = None
    stands_for: str | None = None


class Tuning(Strict):
    """Settings chosen for each arm on a development set, by as many trials for every arm.

    Attributes:
        data: a data source to measure on; not one that is evaluated on.
        setting: of the measure.
        measure: by which the best trial is chosen.
        seed: of the trials.
        trials: keys of `TrainConfig` of each trial; arms may have their own.
    """

    data: str
    setting: Setting = "multilingual"
    measure: str = "AP"
    seed: int = 0
    trials: list[Overrides] = Field(min_length=2)


class Comparable(Strict):
    """What is the same for all trained arms, so that they can be compared; checked after the runs.

    Attributes:
        same: `steps`, `tokens` (encoded in training) or `time` (of training).
        tolerance: by what share of the smallest value the largest may be larger.
    """

    same: Literal["steps", "tokens", "time"] = "steps"
    tolerance: float = Field(default=0.1, ge=0)


class Decisive(Strict):
    """One comparison that the answer rests on.

    Attributes:
        first: an arm.
        second: another.
        on: an evaluation.
        setting: of the measure.
        measure: the measure.
        language: only queries in this language.
        better: which values are good; known of our own measures.
        margin: differences up to this do not matter.
        expect: what the hypothesis says will come out.
    """

    first: str
    second: str
    on: str
    setting: Setting = "multilingual"
    measure: str = "AP"
    language: str | None = None
    better: Literal["high", "low"] | None = None
    margin: float | None = Field(default=None, gt=0)
    expect: Literal["first", "second", "within margin", "no difference"] | None = None


class Winner(Strict):
    """Which arm is to be called the best, if any: the one that tuning found best on its data is compared with every
    other tuned arm. The comparisons are decisive ones, and corrected with them.

    Attributes:
        on: an evaluation.
        setting: of the measure.
        measure: the measure.
        among: the arms that may win; all that are tuned if not given.
    """

    on: str
    setting: RankSetting = "multilingual"
    measure: str = "AP"
    among: list[str] | None = Field(default=None, min_length=2)


class GpuEstimate(Strict):
    """What the estimate of GPU hours is made of: see docs/studies.md.

    Attributes:
        query_tokens: mean tokens of a query.
        document_tokens: mean tokens of a document.
        evaluated: texts that each run encodes to be measured.
        teraflops: what a GPU does in a second in practice.
    """

    query_tokens: int = Field(default=16, ge=1)
    document_tokens: int = Field(default=128, ge=1)
    evaluated: int = Field(default=0, ge=0)
    teraflops: float = Field(default=100, gt=0)


class Profile(Strict):
    """How a study is run at one scale.

    Attributes:
        minutes: how long it takes, on two cores (`embedded`, `pretrained`).
        gpu: what the estimate of GPU hours is made of (`benchmark`, and `pretrained` where two cores take a day).
        data: name -> source.
        lexicons: name -> source, for `code_switch.lexicons`.
        train: settings of all arms; `data` (one or several), `validation`, `target` and `code_switch.lexicons` name
            sources.
        seeds: runs of each arm.
        arms: name -> arm.
        grids: further arms.
        evaluate: what is measured.
        tuning: how settings are chosen, if they are.
        comparable: what is the same for all trained arms.
        decisive: the comparisons that the answer rests on.
        winner: how the best arm is found, if one is to be named.
        limits: what this profile cannot show.
        published: how published figures are set beside its own; they are left out if not given.
    """

    minutes: float | None = Field(default=None, gt=0)
    gpu: GpuEstimate | None = None
    data: dict[str, DataSource] = Field(min_length=1)
    lexicons: dict[str, LexiconSource] = Field(default_factory=dict)
    train: Overrides
    seeds: list[int] = Field(min_length=1)
    arms: dict[str, Arm] = Field(default_factory=dict)
    grids: list[Grid] = Field(default_factory=list)
    evaluate: list[Evaluation] = Field(min_length=1)
    tuning: Tuning | None = None
    comparable: Comparable = Field(default_factory=Comparable)
    decisive: list[Decisive] = Field(default_factory=list)
    winner: Winner | None = None
    limits: list[str] = Field(default_factory=list)
    published: Beside | None = None

    @field_validator("seeds")
    @classmethod
    def _different(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds) or min(seeds) < 0:
            raise ValueError("seeds must be different numbers from 0 on")
        return seeds


class Choice(Strict):
    """A detail that a source leaves open, and what is chosen here."""

    detail: str
    chosen: str


class Recipe(Strict):
    """One study.

    Attributes:
        name: what it is called.
        title: what it is about, in a few words.
        question: what it asks.
        hypothesis: what is expected.
        sources: papers and data sets it builds on.
        choices: details that the sources leave open.
        published: what a source has found.
        data_folder: where paths of data and lexicons are looked up, if not beside the recipe or in the folder of
            data sets; relative to the recipe.
        profiles: `embedded` (minutes on two cores), `pretrained` (hours on two cores, an encoder that is given) and
            `benchmark` (a GPU server).
    """

    name: str = Field(pattern=NAME)
    title: str
    question: str
    hypothesis: str
    sources: list[str] = Field(default_factory=list)
    choices: list[Choice] = Field(default_factory=list)
    published: Published | None = None
    data_folder: str | None = None
    profiles: dict[Literal["embedded", "pretrained", "benchmark"], Profile] = Field(min_length=1)
