"""`run_study`: from a recipe to `study.json`, however often it is interrupted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from isoglot.encoders import check_encoder
from isoglot.errors import InputError
from isoglot.files import held_alone, new_file, write_result_file
from isoglot.studies.analysis.arm_results import ArmResults, read_arm
from isoglot.studies.gpu_estimate import Cost, estimate_cost
from isoglot.studies.job import Job, Workshop, is_finished, make_job, work_folder
from isoglot.studies.library import data_root
from isoglot.studies.plan import Plan, make_plan
from isoglot.studies.prepare import Data, make_copies, make_lexicons, resolve_data
from isoglot.studies.recipe_files import read_recipe, recipe_names, recipe_path
from isoglot.studies.result import STUDY_FILE, study_result
from isoglot.studies.tuning import choose, trial_evaluation
from isoglot.studies.workers import run_here, run_in_workers

__all__ = ["Outline", "Study", "outline_study", "run_study"]

RECIPE_FILE = "recipe.yaml"
CPU_THREADS = 1
"""Of each run where runs are spread over cores: several runs of one thread each do more than one of several."""

Notify = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Planned:
    """One run that a study will make.

    Attributes:
        arm: name of the arm.
        seed: of the run.
        trial: which trial of its tuning; None for a run proper.
        name: of its folder; None where it depends on what tuning will choose, or on data not looked at.
        finished: whether it is done already.
    """

    arm: str
    seed: int
    trial: int | None
    name: str | None
    finished: bool


@dataclass(frozen=True)
class Outline:
    """What a study will do, and what it will take.

    Attributes:
        plan: arms, evaluations, and what is left out.
        runs: every run, in the order in which they begin.
        minutes: on two cores, as the recipe says; None where it says nothing.
        cost: on a GPU; None where the recipe has no figures for it.
        notes: what differs from the recipe.
    """

    plan: Plan
    runs: list[Planned]
    minutes: float | None
    cost: Cost | None
    notes: list[str]


@dataclass(frozen=True)
class Study:
    """A study that was run.

    Attributes:
        result: what `study.json` says.
        path: of that file.
        failures: run and sentence of each run that failed.
    """

    result: dict[str, Any]
    path: Path
    failures: list[tuple[str, str]]


@dataclass
class _Made:
    """A study that is set up: plan, data, and where its runs are."""

    plan: Plan
    data: Data
    workshop: Workshop
    path: Path

    def trials(self) -> list[Job]:
        """Return the runs of tuning."""
        tuning = self.plan.profile.tuning
        if tuning is None:
            return []
        evaluation = trial_evaluation(tuning)
        return [
            make_job(planned, tuning.seed, [evaluation], self.data.fingerprints, trial=number, settings=settings)
            for planned in self.plan.arms.values()
            for number, settings in enumerate(planned.trials)
        ]

    def jobs(self, chosen: Mapping[str, dict[str, Any]]) -> dict[str, dict[int, Job]]:
        """Return the runs proper: arm -> seed -> run. Arms whose tuning failed have none.

        Args:
            chosen: arm -> settings that tuning chose.
        """
        found: dict[str, dict[int, Job]] = {}
        for name, planned in self.plan.arms.items():
            if planned.trials and name not in chosen:
                found[name] = {}
                continue
            # a pretrained encoder that is not trained is the same for all seeds: one run serves them all
            first = planned.stages[0]
            begun = first.get("from") or first.get("encoder", "static") not in ("static", "scratch")
            one = bool(begun) and not planned.trained
            found[name] = {
                seed: make_job(
                    planned,
                    self.plan.seeds[0] if one else seed,
                    self.plan.evaluations,
                    self.data.fingerprints,
                    settings=chosen.get(name),
                )
                for seed in self.plan.seeds
            }
        return found


def _set_up(
    name: str,
    profile: str,
    out: Path,
    encoder: str | None,
    seeds: Sequence[int] | None,
    arms: Sequence[str] | None,
    keep_models: bool,
    by_name: bool = True,
) -> _Made:
    path = recipe_path(name)
    plan = make_plan(read_recipe(name), profile, str(name), encoder=encoder, seeds=seeds, arms=arms)
    if encoder is not None and encoder not in ("static", "scratch"):  # before the data, which may take long
        check_encoder(encoder, hub=by_name)
    own = name not in recipe_names()
    folders = [*([path.resolve().parent] if own else []), data_root()]
    data = resolve_data(plan, folders, by_name=by_name)
    workshop = Workshop(
        runs=out / "runs",
        sources=dict(plan.profile.data),
        folders=folders,
        lexicon_sources=dict(plan.profile.lexicons),
        threads=CPU_THREADS if profile != "benchmark" else None,
        keep_models=keep_models,
        environment={"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"} if profile != "benchmark" else {},
    )
    return _Made(plan, data, workshop, path)


def outline_study(
    name: str,
    out: str | Path,
    *,
    profile: str = "embedded",
    encoder: str | None = None,
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
    keep_models: bool = False,
) -> Outline:
    """Return what `run_study` would do; nothing is run, written or downloaded.

    Runs whose data is loaded by name have no name here, since it is not looked at.

    Args:
        name: of a recipe that comes with isoglot, or the path of another one.
        out: folder of the study; runs that are finished there are not run again.
        profile: `embedded`, `pretrained` or `benchmark`.
        encoder: for all arms, in place of the recipe's; `pretrained` needs one.
        seeds: in place of the recipe's.
        arms: only these.
        keep_models: whether trained models would stay.

    Raises:
        InputError: the recipe, an argument or the data is bad.
    """
    return _outline(_set_up(name, profile, Path(out), encoder, seeds, arms, keep_models, by_name=False))


def _outline(made: _Made) -> Outline:
    trials = made.trials()
    pending: dict[str, dict[str, Any]] = {planned.name: {} for planned in made.plan.arms.values() if planned.trials}
    jobs = [job for seeds in made.jobs(pending).values() for job in seeds.values()]
    jobs = list({job.name: job for job in jobs}.values())
    runs = []
    for job in trials + jobs:
        known = not made.data.unseen and (job.trial is not None or job.arm not in pending)
        finished = known and is_finished(job, made.workshop)
        runs.append(Planned(job.arm, job.seed, job.trial, job.name if known else None, finished))
    gpu = made.plan.profile.gpu
    cost = estimate_cost(trials + jobs, gpu) if gpu is not None else None
    return Outline(made.plan, runs, made.plan.profile.minutes, cost, made.plan.notes + made.data.notes)


def run_study(
    name: str,
    out: str | Path,
    *,
    profile: str = "embedded",
    encoder: str | None = None,
    seeds: Sequence[int] | None = None,
    arms: Sequence[str] | None = None,
    jobs: int | None = None,
    keep_models: bool = False,
    announce: Callable[[Outline], None] | None = None,
    notify: Notify | None = None,
) -> Study:
    """Run a study, or what is left of it, and write `study.json`.

    Every run has a folder that is named by a hash of all that decides its results, and appears whole. So a study
    that was killed goes on where it was, and ends with the same file.

    Args:
        name: of a recipe that comes with isoglot, or the path of another one.
        out: folder of the study.
        profile: `embedded`, `pretrained` or `benchmark`.
        encoder: for all arms, in place of the recipe's; `pretrained` needs one.
        seeds: in place of the recipe's.
        arms: only these.
        jobs: runs at once; by default one a core, or one a GPU in `benchmark`. 1 runs them in this
            process.
        keep_models: keep the trained models, in the folders of the runs.
        announce: called with what will be done, before anything is.
        notify: called with what has been done, the number of runs done and of all runs.

    Raises:
        InputError: the recipe, an argument or the data is bad, or `out` holds something else.
    """
    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs {jobs}: at least one run has to run at a time")
    out = Path(out)
    made = _set_up(name, profile, out, encoder, seeds, arms, keep_models)
    say = notify or (lambda *_: None)
    if announce is not None:
        announce(_outline(made))
    with _only_one(out, made):
        prepared = out / "prepared"
        workshop = made.workshop
        workshop.lexicons.update(make_lexicons(made.plan.profile.lexicons, made.data, prepared))
        workshop.copies.update(make_copies(made.plan, made.data, prepared))
        trials = made.trials()
        total = len(_outline(made).runs)
        failed = _run_all(trials, workshop, jobs, 0, total, say)
        tuned, chosen = choose(made.plan, trials, {job.name for job, _ in failed}, workshop)
        runs = made.jobs(chosen)
        proper = [job for seeds_of in runs.values() for job in seeds_of.values()]
        failed += _run_all(proper, workshop, jobs, len(trials), total, say)
        say("analysing", total, total)
        without = {job.name for job, _ in failed}
        found: dict[str, ArmResults] = {
            arm: read_arm({seed: job for seed, job in of.items() if job.name not in without}, workshop)
            for arm, of in runs.items()
        }
        failures: dict[str, list[dict[str, Any]]] = {}
        for job, sentence in sorted(failed, key=lambda one: one[0].name):
            failures.setdefault(job.arm, []).append({"seed": job.seed, "trial": job.trial, "sentence": sentence})
        result = study_result(made.plan, made.data, found, failures, tuned, prepared)
        write_result_file(result, out / STUDY_FILE)
    return Study(result, out / STUDY_FILE, [(job.label, sentence) for job, sentence in failed])


def _run_all(
    jobs: Sequence[Job], workshop: Workshop, processes: int | None, done: int, total: int, say: Notify
) -> list[tuple[Job, str]]:
    """Make the runs that are not finished; return those that failed, with a sentence each."""
    distinct = list({job.name: job for job in jobs}.values())
    open_ones = [job for job in distinct if not is_finished(job, workshop)]
    for job in distinct:
        if job not in open_ones:  # killed when it was done, before it could tidy up
            shutil.rmtree(work_folder(job, workshop), ignore_errors=True)
    done += len(distinct) - len(open_ones)
    if not open_ones:
        return []
    devices = _devices(workshop)
    if processes is None:
        processes = len(devices) if devices[0] is not None else (_cores() if workshop.threads else 1)
    processes = min(processes, len(open_ones))
    say(f"{len(open_ones)} runs, {processes} at once", done, total)
    ended = (
        run_here(open_ones, workshop) if processes == 1 else run_in_workers(open_ones, workshop, processes, devices)
    )
    failed = []
    for job, sentence in ended:
        done += 1
        if sentence is not None:
            failed.append((job, sentence))
        say(job.label if sentence is None else f"{job.label} failed: {sentence}", done, total)
    return failed


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _devices(workshop: Workshop) -> list[str | None]:
    """Return the GPUs that runs are spread over; [None] without any, and where runs are spread over cores."""
    import torch

    if workshop.threads or not torch.cuda.is_available():
        return [None]
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    named = (
        [one for one in visible.split(",") if one]
        if visible
        else [str(n) for n in range(torch.cuda.device_count())]
    )
    return list(named)


@contextmanager
def _only_one(out: Path, made: _Made) -> Iterator[None]:
    """Hold the folder of a study while it runs; remove what a killed run left half written.

    Raises:
        InputError: it holds something else, cannot be written to, or the study is running already.
    """
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; a study needs a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "runs").is_dir():
        raise InputError(f"{out} is not empty and holds no study; choose another --out")
    kept = out / RECIPE_FILE
    if kept.is_file():
        other = read_recipe(str(kept)).name
        if other != made.plan.recipe.name:
            raise InputError(f"{out} holds the study {other}; choose another --out for {made.plan.recipe.name}")
    try:
        made.workshop.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}") from None
    told = f"a study is running in {out} already; wait for it, or choose another --out"
    with held_alone(out / ".lock", told):
        for folder in (out / "prepared", made.workshop.runs):
            for leftover in folder.glob(".new-*"):
                shutil.rmtree(leftover, ignore_errors=True)
        with new_file(kept, "wb") as file:
            file.write(made.path.read_bytes())
        yield
