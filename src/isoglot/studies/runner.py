"""`run_study`: from a recipe to `study.json`, however often it is interrupted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from isoglot.encoders import check_encoder
from isoglot.errors import InputError
from isoglot.evaluation import Result
from isoglot.files import held_alone, new_file, write_result_file
from isoglot.hardware import count_cores
from isoglot.stores import refuse_address
from isoglot.studies.job import (
    Cost,
    Job,
    Workshop,
    estimate_cost,
    is_finished,
    make_job,
    trial_evaluation,
    work_folder,
)
from isoglot.studies.library import data_folders
from isoglot.studies.plan import Plan, make_plan
from isoglot.studies.prepare import Data, make_copies, make_lexicons, resolve_data
from isoglot.studies.recipe import Recipe
from isoglot.studies.recipe_files import read_recipe, recipe_names, recipe_path, recipe_text
from isoglot.studies.request import StudyRequest, check_keeps
from isoglot.studies.workers import run_here, run_in_workers

if TYPE_CHECKING:
    from isoglot.reporting.study.result import StudyResult

__all__ = ["Outline", "Study", "StudyRequest", "outline_study", "run_study"]

STUDY_FILE = "study.json"
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

    result: StudyResult
    path: Path
    failures: list[tuple[str, str]]

    def copy_results(self, folder: Path, evaluation: str) -> None:
        """Write the result files of an evaluation as `ARM-SEED.json`."""
        for arm in self.result.arms:
            for seed, run in arm.runs.items():
                result = Result.from_json(self.path.parent / "runs" / run / f"{evaluation}.json")
                result.save(folder / f"{arm.name}-{seed}.json")

    def copy_model(self, arm: str, seed: int, folder: Path) -> None:
        """Copy a trained model that was kept, in place of what is there; nothing where its run failed."""
        found = self.result.arm(arm)
        if found is not None and seed in found.seeds:
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(self.path.parent / "runs" / found.runs[str(seed)] / "model", folder)


class _Made:
    """A study that is set up: plan, data, and where its runs are.

    Args:
        request: what was asked for.
        by_name: load also data that is no path, which may download it.
    """

    def __init__(self, request: StudyRequest, *, by_name: bool = True) -> None:
        refuse_address(request.out, "the folder of a study")
        self.request, self.out = request, Path(request.out)
        given = request.recipe
        recipe = given if isinstance(given, Recipe) else read_recipe(given)
        where = recipe.name if isinstance(given, Recipe) else str(given)
        self.plan = make_plan(
            recipe,
            request.profile,
            where,
            encoder=request.encoder,
            teacher=request.teacher,
            seeds=request.seeds,
            arms=request.arms,
        )
        check_keeps(self.plan, request, self.out / STUDY_FILE)
        encoder = request.encoder
        if encoder is not None and encoder not in ("static", "scratch"):  # before the data, which may take long
            check_encoder(encoder, hub=by_name)
        if request.teacher is not None:
            check_encoder(request.teacher, hub=by_name)
        beside = None
        if not isinstance(given, Recipe) and given not in recipe_names():
            beside = recipe_path(given).resolve().parent
        folders = data_folders(beside, recipe.data_folder)
        self.data: Data = resolve_data(self.plan, folders, by_name=by_name)
        # a pretrained encoder takes a GPU whole where there is one: several runs on it would fight for its memory
        on_cores = request.profile == "embedded" or (request.profile == "pretrained" and not _gpus())
        self.workshop = Workshop(
            runs=self.out / "runs",
            library=self.data.library,
            threads=CPU_THREADS if on_cores else None,
            keep_models=request.keep_models,
            environment={"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"} if on_cores else {},
        )

    @cached_property
    def trials(self) -> list[Job]:
        """The runs of tuning."""
        tuning = self.plan.profile.tuning
        if tuning is None:
            return []
        measured = [trial_evaluation(tuning)]
        return [
            make_job(planned, tuning.seed, measured, self.data.fingerprints, trial=number)
            for planned in self.plan.arms.values()
            for number in range(len(planned.trials))
        ]

    def jobs(self, chosen: Mapping[str, int | None]) -> dict[str, dict[int, Job]]:
        """Return the runs proper: arm -> seed -> run. Arms whose tuning failed have none.

        Args:
            chosen: arm -> the trial that tuning chose; None where it is not known yet.
        """
        found: dict[str, dict[int, Job]] = {}
        for name, planned in self.plan.arms.items():
            if planned.trials and name not in chosen:
                found[name] = {}
                continue
            # a pretrained encoder that is not trained is the same for all seeds: one run serves them all
            first = planned.stages[0]
            begun = first.from_model is not None or first.encoder not in ("static", "scratch")
            found[name] = {
                seed: make_job(
                    planned,
                    self.plan.seeds[0] if begun and not planned.trained else seed,
                    self.plan.evaluations,
                    self.data.fingerprints,
                    chosen=chosen.get(name),
                )
                for seed in self.plan.seeds
            }
        return found

    @cached_property
    def outline(self) -> Outline:
        """What will be done."""
        pending = dict.fromkeys((name for name, planned in self.plan.arms.items() if planned.trials), None)
        jobs = {job.name: job for seeds in self.jobs(pending).values() for job in seeds.values()}.values()
        runs = []
        for job in (*self.trials, *jobs):
            known = not self.data.unseen and (job.trial is not None or job.arm not in pending)
            finished = known and is_finished(job, self.workshop)
            runs.append(Planned(job.arm, job.seed, job.trial, job.name if known else None, finished))
        gpu = self.plan.profile.gpu
        cost = None if gpu is None else estimate_cost((*self.trials, *jobs), gpu)
        return Outline(self.plan, runs, self.plan.profile.minutes, cost, self.plan.notes + self.data.notes)


def outline_study(request: StudyRequest) -> Outline:
    """Return what `run_study` would do; nothing is run, written or downloaded.

    Runs whose data is loaded by name have no name here, since it is not looked at.

    Raises:
        InputError: the recipe, the request or the data is bad.
    """
    return _Made(request, by_name=False).outline


def run_study(
    request: StudyRequest,
    *,
    jobs: int | None = None,
    announce: Callable[[Outline], None] | None = None,
    notify: Notify | None = None,
) -> Study:
    """Run a study, or what is left of it, and write `study.json`.

    Every run has a folder that is named by a hash of all that decides its results, and appears whole. So a study
    that was killed goes on where it was, and ends with the same file.

    Args:
        request: which study, and where.
        jobs: runs at once; by default one a GPU in `benchmark` and, where there are GPUs, in `pretrained`, else
            one a core. 1 runs them in this process.
        announce: called with what will be done, before anything is.
        notify: called with what has been done, the number of runs done and of all runs.

    Raises:
        InputError: the recipe, the request or the data is bad, or `out` holds something else.
        StudyStopped: SIGTERM came while a run trained in this process.
    """
    # what the end alone needs, statistics and the library of figures, and workers do without
    from isoglot.reporting.study.result import Failure
    from isoglot.studies.analysis.estimates import choose_trials, read_arm
    from isoglot.studies.result import study_result

    if jobs is not None and jobs < 1:
        raise InputError(f"--jobs {jobs}: at least one run has to run at a time")
    made = _Made(request)
    plan, workshop = made.plan, made.workshop
    say = notify or (lambda *_: None)
    if announce is not None:
        announce(made.outline)
    with _only_one(made):
        prepared = made.out / "prepared"
        workshop.lexicons.update(make_lexicons(plan.profile.lexicons, made.data, prepared))
        workshop.copies.update(make_copies(plan, made.data, prepared))
        total = len(made.outline.runs)
        failed = _run_all(made.trials, workshop, jobs, 0, total, say)
        tuned, chosen = choose_trials(plan, made.trials, {job.name for job, _ in failed}, workshop)
        runs = made.jobs(chosen)
        proper = [job for seeds in runs.values() for job in seeds.values()]
        failed += _run_all(proper, workshop, jobs, len(made.trials), total, say)
        say("analysing", total, total)
        without = {job.name for job, _ in failed}
        found = {
            arm: read_arm({seed: job for seed, job in of.items() if job.name not in without}, workshop)
            for arm, of in runs.items()
        }
        failures: dict[str, list[Failure]] = {}
        for job, sentence in sorted(failed, key=lambda one: one[0].name):
            failure = Failure(seed=job.seed, trial=job.trial, sentence=sentence)
            failures.setdefault(job.arm, []).append(failure)
        result = study_result(plan, made.data, found, failures, tuned, prepared, request)
        write_result_file(result.to_dict(), made.out / STUDY_FILE)
    return Study(result, made.out / STUDY_FILE, [(job.label, sentence) for job, sentence in failed])


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
        processes = len(devices) if devices[0] is not None else (count_cores() if workshop.threads else 1)
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


def _gpus() -> list[str]:
    """Return the GPUs of this process, as values of CUDA_VISIBLE_DEVICES."""
    import torch

    if not torch.cuda.is_available():
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible:
        return [one for one in visible.split(",") if one]
    return [str(number) for number in range(torch.cuda.device_count())]


def _devices(workshop: Workshop) -> list[str | None]:
    """Return the GPUs that runs are spread over; [None] without any, and where runs are spread over cores."""
    found: list[str | None] = [] if workshop.threads else [*_gpus()]
    return found or [None]


@contextmanager
def _only_one(made: _Made) -> Iterator[None]:
    """Hold the folder of a study while it runs; remove what a killed run left half written.

    Raises:
        InputError: it holds something else, cannot be written to, or the study is running already.
    """
    out, recipe = made.out, made.plan.recipe
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; a study needs a folder")
    if out.is_dir() and any(out.iterdir()) and not (out / "runs").is_dir():
        raise InputError(f"{out} is not empty and holds no study; choose another --out")
    kept = out / RECIPE_FILE
    if kept.is_file():
        other = read_recipe(str(kept)).name
        if other != recipe.name:
            raise InputError(f"{out} holds the study {other}; choose another --out for {recipe.name}")
    try:
        made.workshop.runs.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror}") from None
    told = f"a study is running in {out} already; wait for it, or choose another --out"
    with held_alone(out / ".lock", told):
        for folder in (out / "prepared", made.workshop.runs):
            for leftover in folder.glob(".*.unfinished-*"):
                shutil.rmtree(leftover, ignore_errors=True)
        with new_file(kept) as file:
            file.write(recipe_text(made.request.recipe))
        yield
