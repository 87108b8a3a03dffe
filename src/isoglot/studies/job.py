"""`Job`: one run of a study, an arm with a seed; the name that says what it is, and what it will take."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from isoglot.collections.fingerprint import hash_of
from isoglot.measures import OF_VERSIONS, SETTINGS
from isoglot.studies.arms import ArmPlan, effective, training_sets
from isoglot.studies.library import Library
from isoglot.studies.recipe import ArmRepair, Evaluation, GpuEstimate, Tuning
from isoglot.training import TrainConfig

__all__ = [
    "RUN_FILE",
    "TRIAL",
    "Cost",
    "Job",
    "Workshop",
    "estimate_cost",
    "is_finished",
    "make_job",
    "read_run",
    "trial_evaluation",
    "work_folder",
]

RUN_FILE = "run.json"
"""Of a run's folder, which appears whole: what was run and how it went."""

TRIAL = "tuning"
"""What the evaluation of a trial is called."""

DECIDING = ("isoglot", "sentence-transformers", "transformers", "torch", "tokenizers")
"""Packages whose version is part of what a run is."""

SIZES = {
    "xlm-roberta-base": (86e6, 278e6),
    "FacebookAI/xlm-roberta-base": (86e6, 278e6),
    "xlm-roberta-large": (303e6, 560e6),
    "FacebookAI/xlm-roberta-large": (303e6, 560e6),
    "bert-base-multilingual-cased": (86e6, 178e6),
    "google-bert/bert-base-multilingual-cased": (86e6, 178e6),
    "sentence-transformers/LaBSE": (86e6, 471e6),
    "intfloat/multilingual-e5-small": (21e6, 118e6),
    "intfloat/multilingual-e5-base": (86e6, 278e6),
    "intfloat/multilingual-e5-large": (303e6, 560e6),
}
"""Encoder -> parameters of its layers, which every token goes through, and all parameters, embeddings included."""
SIZE_KEYS = (
    ("hidden_size", "dim", "d_model"),
    ("num_hidden_layers", "n_layers", "num_layers"),
    ("intermediate_size", "hidden_dim", "d_ff"),
    ("vocab_size",),
)
"""What configurations of transformers call their width, depth, inner width and number of tokens."""
ASSUMED = (86e6, 278e6)
TRAINING, RECOMPUTED, ENCODING = 6, 2, 2
"""Floating-point operations by token and parameter: forward and backward; the forward pass done twice by the
gradient cache; a forward pass alone."""
STATE = 16
"""Bytes by parameter: weight, gradient and two moments of AdamW, in single precision."""


@dataclass(frozen=True)
class Job:
    """One run, all that a process needs to know of it.

    Attributes:
        name: of its folder: arm, seed and a hash of everything that decides its results.
        arm: name of the arm.
        seed: of weights, batches and samples.
        trial: which trial of the arm's tuning; None for a run proper.
        trained: whether it is trained.
        stages: settings of each stage, the seed's included, with names of sources (`ArmPlan.stages`).
        sample: which part of the training data; None for all.
        evaluations: what is measured.
        repair: of the model, after all training.
    """

    name: str
    arm: str
    seed: int
    trial: int | None
    trained: bool
    stages: tuple[TrainConfig, ...]
    sample: dict[str, Any] | None
    evaluations: tuple[Evaluation, ...]
    repair: ArmRepair | None = None

    @property
    def label(self) -> str:
        """What progress and failures call it."""
        return f"{self.arm}, " + (f"seed {self.seed}" if self.trial is None else f"trial {self.trial + 1}")


@dataclass(frozen=True)
class Workshop:
    """Where and how runs are made; the same for all of a study.

    Attributes:
        runs: folder of the runs.
        library: the recipe's data.
        copies: data source -> folder that it is written to, for domain batches and for validation.
        lexicons: lexicon -> files and folders.
        threads: of each process, on a CPU; None for as many as torch takes.
        keep_models: whether trained models stay.
        environment: environment variables of worker processes.
    """

    runs: Path
    library: Library
    copies: dict[str, str] = field(default_factory=dict)
    lexicons: dict[str, list[str]] = field(default_factory=dict)
    threads: int | None = None
    keep_models: bool = False
    environment: dict[str, str] = field(default_factory=dict)


@cache
def _deciding_versions() -> dict[str, str]:
    return {name: version(name) for name in DECIDING}


def make_job(
    planned: ArmPlan,
    seed: int,
    evaluations: Sequence[Evaluation],
    fingerprints: Mapping[str, str],
    *,
    trial: int | None = None,
    chosen: int | None = None,
) -> Job:
    """Return the run of an arm with a seed.

    Args:
        planned: the arm.
        seed: the seed.
        evaluations: what is measured.
        fingerprints: content hash of each data source and, as `lexicon NAME`, of each lexicon.
        trial: which trial of tuning the run is; None for a run proper.
        chosen: the trial whose settings a run proper has; None for the arm's own.
    """
    number = trial if trial is not None else chosen
    given = planned.stages if number is None else planned.trials[number].stages
    stages = tuple(stage.model_copy(update={"seed": seed}) for stage in given)
    sample = planned.arm.sample.model_dump() if planned.arm.sample is not None else None
    identity = {
        "versions": _deciding_versions(),
        "trained": planned.trained,
        "seed": seed,
        "stages": [_identity(stage, fingerprints) for stage in stages],
        "sample": sample,
        "evaluations": [
            one.model_dump(exclude={"zero_shot", "stands_for", "by_language"}) | {"data": fingerprints[one.data]}
            for one in evaluations
        ],
    }
    repair = planned.arm.repair
    if repair is not None:
        identity["repair"] = repair.model_dump() | {"data": fingerprints[repair.data]}
    run = f"{planned.name}-{seed}" if trial is None else f"{planned.name}-trial{trial + 1}"
    name = f"{run}-{hash_of(identity)[:12]}"
    return Job(name, planned.name, seed, trial, planned.trained, stages, sample, tuple(evaluations), repair)


def _identity(stage: TrainConfig, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """Return what a stage's weights depend on: settings, and contents in place of names."""
    values = effective(stage)
    sets = [[fingerprints[name], weight] for name, weight in training_sets(stage).items()]
    found = {"settings": values, "data": sets}
    for key in ("target", "validation"):
        if key in values:
            values[key] = fingerprints[values[key]]
    if "code_switch" in values:
        names = values["code_switch"].pop("lexicons")
        found["lexicons"] = [fingerprints[f"lexicon {name}"] for name in names]
    return found


def trial_evaluation(tuning: Tuning) -> Evaluation:
    """Return what trials are measured by."""
    return Evaluation(
        name=TRIAL,
        data=tuning.data,
        measures=[tuning.measure] if tuning.setting in SETTINGS else ["AP"],
        geometry=tuning.setting == "geometry",
        rank_correlation=tuning.measure in OF_VERSIONS,
    )


def work_folder(job: Job, workshop: Workshop) -> Path:
    """Return where a run that is under way keeps what it has done so far."""
    return workshop.runs / f".work-{job.name}"


def is_finished(job: Job, workshop: Workshop) -> bool:
    """Tell whether a run's folder is there, with its model if models are kept."""
    folder = workshop.runs / job.name
    if not (folder / RUN_FILE).is_file():
        return False
    return not workshop.keep_models or not job.trained or (folder / "model" / "modules.json").is_file()


def read_run(job: Job, workshop: Workshop) -> dict[str, Any]:
    """Return how a finished run went."""
    found: dict[str, Any] = json.loads((workshop.runs / job.name / RUN_FILE).read_text(encoding="utf-8"))
    return found


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        gpu_hours: of all runs together.
        memory_gb: of weights, gradients and optimiser, of the largest encoder; activations come on top, as `memory`
            allows.
        assumed: encoders whose size is not known, and taken to be that of XLM-R base.
    """

    gpu_hours: float
    memory_gb: float
    assumed: tuple[str, ...]


def _size(config: TrainConfig) -> tuple[float, float] | None:
    """Return the parameters of an encoder's layers, and all; None where they are not known."""
    if config.encoder == "static":
        return 0.0, float(config.vocabulary * config.dimensions)
    if config.encoder == "scratch":
        layers = 12.0 * config.layers * config.dimensions**2
        return layers, layers + config.vocabulary * config.dimensions
    return SIZES.get(config.encoder) or _size_of_folder(Path(config.encoder).expanduser())


def _size_of_folder(folder: Path) -> tuple[float, float] | None:
    """Return the same of a transformer in a folder, by what its configuration says; None without one."""
    found = next(
        (path for path in (folder / "config.json", *folder.glob("0_*/config.json")) if path.is_file()), None
    )
    if found is None:
        return None
    try:
        read = json.loads(found.read_text(encoding="utf-8"))
        sizes = [next(int(read[key]) for key in keys if key in read) for keys in SIZE_KEYS]
    except (OSError, ValueError, TypeError, StopIteration):
        return None
    width, depth, inner, words = sizes
    layers = float(depth * (4 * width**2 + 2 * width * inner))
    return layers, layers + words * width


def _along(job: Job) -> float:
    """Return how often a run is measured along its training: the mean over its evaluations."""
    return sum(len(one.along) for one in job.evaluations) / max(len(job.evaluations), 1)


def estimate_cost(jobs: Sequence[Job], gpu: GpuEstimate) -> Cost:
    """Estimate what runs take.

    Operations are 8 N for every token of training and 2 N for every one that is encoded to be measured, N being the
    parameters of the encoder's layers; hours are operations over those that a GPU does in practice.

    Args:
        jobs: the runs.
        gpu: tokens of texts, and what a GPU does.
    """
    operations, memory, assumed = 0.0, 0.0, []
    for job in jobs:
        measured = gpu.evaluated * gpu.document_tokens * (1 + (_along(job) if job.trained else 0))
        for number, config in enumerate(job.stages):
            size = _size(config)
            if size is None:
                assumed.append(config.encoder)
            layers, parameters = size or ASSUMED
            trained = (
                config.steps * config.batch_size * (gpu.query_tokens + gpu.document_tokens) if job.trained else 0
            )
            operations += (TRAINING + RECOMPUTED) * layers * trained
            if number == len(job.stages) - 1:
                operations += ENCODING * layers * measured
            memory = max(memory, STATE * parameters)
    hours = operations / (gpu.teraflops * 1e12) / 3600
    return Cost(hours, memory / 1e9, tuple(dict.fromkeys(assumed)))
