"""`Job`: one run of a study, an arm with a seed, and the name that says what it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from isoglot.collections.fingerprint import hash_of
from isoglot.studies.plan import ArmPlan, effective, settings_of, training_sets
from isoglot.studies.recipe import DataSource, Evaluation, LexiconSource, Overrides

__all__ = ["RUN_FILE", "Job", "Workshop", "is_finished", "make_job", "read_run", "work_folder"]

RUN_FILE = "run.json"
"""Of a run's folder, which appears whole: what was run and how it went."""

DECIDING = ("isoglot", "sentence-transformers", "transformers", "torch", "tokenizers")
"""Packages whose version is part of what a run is."""


@dataclass(frozen=True)
class Job:
    """One run, all that a process needs to know of it.

    Attributes:
        name: of its folder: arm, seed and a hash of everything that decides its results.
        arm: name of the arm.
        seed: of weights, batches and samples.
        trial: which trial of the arm's tuning; None for a run proper.
        trained: whether it is trained.
        stages: keys of `TrainConfig`, with names of sources.
        sample: which part of the training data; None for all.
        evaluations: what is measured.
    """

    name: str
    arm: str
    seed: int
    trial: int | None
    trained: bool
    stages: tuple[Overrides, ...]
    sample: dict[str, Any] | None
    evaluations: tuple[Evaluation, ...]

    @property
    def label(self) -> str:
        """What progress and failures call it."""
        return f"{self.arm}, " + (f"seed {self.seed}" if self.trial is None else f"trial {self.trial + 1}")

    def settings(self, stage: int, **local: Any) -> Any:
        """Return the `TrainConfig` of a stage."""
        return settings_of(self.stages[stage], self.arm, self.trained, seed=self.seed, **local)


@dataclass(frozen=True)
class Workshop:
    """Where and how runs are made; the same for all of a study.

    Attributes:
        runs: folder of the runs.
        sources: the recipe's data.
        folders: where relative paths of it are looked up.
        copies: data source -> folder that it is written to, for domain batches and for validation.
        lexicons: lexicon -> files and folders.
        lexicon_sources: the recipe's.
        threads: of each process, on a CPU; None for as many as torch takes.
        keep_models: whether trained models stay.
        environment: environment variables of worker processes.
    """

    runs: Path
    sources: dict[str, DataSource]
    folders: list[Path]
    copies: dict[str, str] = field(default_factory=dict)
    lexicons: dict[str, list[str]] = field(default_factory=dict)
    lexicon_sources: dict[str, LexiconSource] = field(default_factory=dict)
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
    settings: Overrides | None = None,
) -> Job:
    """Return the run of an arm with a seed.

    Args:
        planned: the arm.
        seed: the seed.
        evaluations: what is measured.
        fingerprints: content hash of each data source and, as `lexicon NAME`, of each lexicon.
        trial: which trial it is.
        settings: of the trial, or those that tuning chose.
    """
    stages = planned.with_settings(settings or {})
    sample = planned.arm.sample.model_dump() if planned.arm.sample is not None else None
    identity = {
        "versions": _deciding_versions(),
        "trained": planned.trained,
        "seed": seed,
        "stages": [_identity(stage, planned, fingerprints) for stage in stages],
        "sample": sample,
        "evaluations": [
            one.model_dump(exclude={"zero_shot", "stands_for", "by_language"}) | {"data": fingerprints[one.data]}
            for one in evaluations
        ],
    }
    run = f"{planned.name}-{seed}" if trial is None else f"{planned.name}-trial{trial + 1}"
    name = f"{run}-{hash_of(identity)[:12]}"
    return Job(name, planned.name, seed, trial, planned.trained, stages, sample, tuple(evaluations))


def _identity(stage: Overrides, planned: ArmPlan, fingerprints: Mapping[str, str]) -> dict[str, Any]:
    """Return what a stage's weights depend on: settings, and contents in place of names."""
    values = effective(settings_of(stage, planned.name, planned.trained))
    sets = [[fingerprints[name], weight] for name, weight in training_sets(stage).items()]
    found = {"settings": values, "data": sets}
    for key in ("target", "validation"):
        if key in values:
            values[key] = fingerprints[str(stage[key])]
    if "code_switch" in values:
        names = values["code_switch"].pop("lexicons")
        found["lexicons"] = [fingerprints[f"lexicon {name}"] for name in names]
    return found


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
