"""Studies that are interrupted: what fails alone, what a kill cannot change, and what several processes come to."""

from __future__ import annotations

import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from study_helpers import run

from isoglot.cli import main
from isoglot.errors import InputError
from isoglot.studies import perform, workers
from isoglot.training.callbacks import TrainingStopped


def test_a_failing_arm_leaves_the_others(write_recipe, tmp_path):
    """A language that the collection lacks shows only when the arm runs."""

    def change(profile):
        profile["arms"]["bad"] = {"train": {"languages": ["en", "sw"]}}
        profile["decisive"].append({"first": "bad", "second": "mono", "on": "test"})

    study = run(write_recipe(change), tmp_path / "out")
    assert len(study.failures) == 1
    assert "sw" in study.failures[0][1]
    arms = {arm["name"]: arm for arm in study.result["arms"]}
    assert arms["bad"]["seeds"] == []
    assert [one["seed"] for one in arms["bad"]["failures"]] == [0]
    assert arms["mono"]["seeds"] == [0]
    assert [one["verdict"] == "not measured" for one in study.result["decisive"]] == [False, False, True]


def test_a_failed_run_is_tried_again(write_recipe, tmp_path, monkeypatch):
    recipe, out = write_recipe(), tmp_path / "out"
    whole = perform.perform

    def broken(job, bench):
        if job.arm == "mono":
            raise MemoryError
        whole(job, bench)

    monkeypatch.setattr(perform, "perform", broken)
    first = run(recipe, out)
    assert [label for label, _ in first.failures] == ["mono, seed 0"]
    assert "out of memory" in first.failures[0][1]
    monkeypatch.setattr(perform, "perform", whole)
    assert not run(recipe, out).failures


def killed_after(seconds: float, recipe: str, out: Path) -> bool:
    """Run a study in a child that is killed after some time; return whether it was done by then."""
    child = os.fork()
    if not child:
        os._exit(0 if not run(recipe, out).failures else 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.slow
def test_kills_at_any_moment_change_nothing_in_the_result(write_recipe, tmp_path, monkeypatch):
    """With checkpoints, and measuring along the way: a run that went on is told of as if it had not been killed."""

    def change(profile):
        profile["train"] |= {"steps": 12, "save_steps": 3}
        profile["evaluate"][0]["along"] = [0, 5, 12]
        profile["evaluate"][0]["geometry"] = True

    recipe = write_recipe(change)
    start = time.perf_counter()
    run(recipe, tmp_path / "whole")
    takes = time.perf_counter() - start
    generator = random.Random(0)
    out = tmp_path / "killed"
    for _ in range(8):
        if killed_after(generator.uniform(0.1, 0.4) * takes, recipe, out):
            break
    run(recipe, out)
    assert (out / "study.json").read_bytes() == (tmp_path / "whole" / "study.json").read_bytes()
    kept, expected = (sorted(path.name for path in (one / "runs").iterdir()) for one in (out, tmp_path / "whole"))
    assert kept == expected


@pytest.mark.parametrize(
    ("event", "last"),
    [("on_step_end", 5), ("on_save", 4), ("on_train_end", 6)],
    ids=["between checkpoints", "right after a checkpoint", "after the last step"],
)
def test_a_run_that_goes_on_counts_the_tokens_of_all_its_steps(write_recipe, tmp_path, monkeypatch, event, last):
    def change(profile):
        profile["train"] |= {"steps": 6, "save_steps": 2}
        profile["arms"], profile["grids"], profile["decisive"] = {"hybrid": {}}, [], []

    recipe = write_recipe(change)
    whole = run(recipe, tmp_path / "whole").result["arms"][0]["tokens"]["0"]

    class Stop(Exception):
        pass

    def stop(self, args, state, control, **kwargs):
        if state.global_step == last:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(perform.AlongTraining, event, stop)
        assert run(recipe, tmp_path / "cut").failures
    study = run(recipe, tmp_path / "cut")
    assert study.result["arms"][0]["tokens"]["0"] == whole
    assert (tmp_path / "cut" / "study.json").read_bytes() == (tmp_path / "whole" / "study.json").read_bytes()


def test_two_programs_do_not_run_in_one_folder(write_recipe, tmp_path):
    import fcntl

    recipe, out = write_recipe(), tmp_path / "out"
    (out / "runs").mkdir(parents=True)
    with (out / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match=r"running in .* already"):
            run(recipe, out)


@pytest.mark.slow
def test_workers_come_to_the_same_as_one_process(write_recipe, tmp_path, monkeypatch):
    recipe = write_recipe()
    run(recipe, tmp_path / "one")
    study = run(recipe, tmp_path / "two", jobs=2)
    assert not study.failures
    assert (tmp_path / "two" / "study.json").read_bytes() == (tmp_path / "one" / "study.json").read_bytes()


def test_a_worker_that_dies_takes_only_its_run_with_it(monkeypatch):
    """The processes are played: the first dies at its first run."""

    class Played:
        count = 0

        def __init__(self, workshop, device):
            Played.count += 1
            self.device, self.job, self.number = device, None, Played.count
            self.connection, self.process = self, self
            self.sentinel = None

        def give(self, job):
            self.job = job

        def poll(self):
            return self.number > 1

        def is_alive(self):
            return self.number > 1

        def take(self):
            self.job = None
            return None if self.number > 1 else "its process was ended by SIGKILL"

        def end(self):
            pass

    monkeypatch.setattr(workers, "_Worker", Played)
    monkeypatch.setattr(workers, "wait", lambda handles: None)
    jobs = ["a", "b", "c", "d"]
    ended = dict(workers.run_in_workers(jobs, None, 2, ["0", "1"]))
    assert ended == {"a": "its process was ended by SIGKILL", "b": None, "c": None, "d": None}
    assert Played.count == 3


def terminate_in_training(monkeypatch, step: int) -> list[str]:
    """Have SIGTERM come after a step of every run; return the names of the runs that are begun."""
    begun: list[str] = []
    whole = perform.perform

    def noted(job, bench):
        begun.append(job.name)
        whole(job, bench)

    real = perform.AlongTraining.on_step_end

    def ended(self, args, state, control, **kwargs):
        real(self, args, state, control, **kwargs)
        if state.global_step == step:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(perform, "perform", noted)
    monkeypatch.setattr(perform.AlongTraining, "on_step_end", ended)
    return begun


@pytest.mark.parametrize("step", [2, 4], ids=["in the middle", "after the last step"])
def test_a_study_that_is_asked_to_stop_begins_no_further_run(write_recipe, tmp_path, monkeypatch, capsys, step):
    recipe, out = write_recipe(), tmp_path / "out"
    run(recipe, tmp_path / "whole")
    command = ["study", "run", recipe, "--out", str(out), "--jobs", "1", "--quiet"]
    with monkeypatch.context() as patched:
        begun = terminate_in_training(patched, step)
        assert main(command) == 143
    assert len(begun) == 1
    said = capsys.readouterr().err
    assert said == "isoglot: ended as SIGTERM asked; the same command goes on where it was\n"
    assert not (out / "study.json").exists()
    assert main(command) == 0
    assert (out / "study.json").read_bytes() == (tmp_path / "whole" / "study.json").read_bytes()
    kept, expected = (sorted(path.name for path in (one / "runs").iterdir()) for one in (out, tmp_path / "whole"))
    assert kept == expected


def test_a_study_that_is_asked_twice_ends_too(write_recipe, tmp_path, monkeypatch, capsys):
    """It is no failure of the run, after which the next one would be begun."""
    monkeypatch.setattr("isoglot.training.callbacks.AGAIN", -1.0)
    recipe, out = write_recipe(), tmp_path / "out"
    begun = terminate_in_training(monkeypatch, 2)
    once = perform.AlongTraining.on_step_end

    def twice(self, args, state, control, **kwargs):
        once(self, args, state, control, **kwargs)
        once(self, args, state, control, **kwargs)

    monkeypatch.setattr(perform.AlongTraining, "on_step_end", twice)
    assert main(["study", "run", recipe, "--out", str(out), "--jobs", "1", "--quiet"]) == 143
    assert len(begun) == 1
    assert "failed" not in capsys.readouterr().err
    assert not (out / "study.json").exists()


def is_there(group: int) -> bool:
    """Tell whether any process of a group is left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_study_in_workers_ends_with_them_when_asked_to(write_recipe, tmp_path):
    def change(profile):
        profile["train"] |= {"steps": 100_000, "save_steps": 5}

    out = tmp_path / "out"
    command = ["study", "run", write_recipe(change), "--out", str(out), "--jobs", "2", "--quiet"]
    study = subprocess.Popen(
        [sys.executable, "-m", "isoglot", *command], stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    patience = time.monotonic() + 240
    while len(list((out / "runs").glob(".work-*/stage-0/checkpoints/checkpoint-*"))) < 2:
        assert study.poll() is None
        assert time.monotonic() < patience
        time.sleep(0.1)
    study.terminate()
    _, said = study.communicate(timeout=60)
    assert study.returncode == 143
    assert said == "isoglot: ended as SIGTERM asked\n"
    patience = time.monotonic() + 20
    while is_there(study.pid):  # its workers are of its session, and end with it
        assert time.monotonic() < patience
        time.sleep(0.1)
    assert not (out / "study.json").exists()


def test_a_study_that_was_stopped_goes_on_with_other_data_as_one_that_never_had_the_first(
    write_recipe, tiny_data, tmp_path, monkeypatch
):
    """What was done with the data before counts for nothing."""
    folder = tmp_path / "data"
    shutil.copytree(tiny_data, folder)
    monkeypatch.setenv("ISOGLOT_DATA", str(folder))
    recipe = write_recipe()
    real = perform.perform

    def one_only(job, bench):
        if job.arm != "mono":
            raise TrainingStopped
        real(job, bench)

    with monkeypatch.context() as patched:
        patched.setattr(perform, "perform", one_only)
        with pytest.raises(workers.StudyStopped):
            run(recipe, tmp_path / "out")
    before = {path.name for path in (tmp_path / "out" / "runs").iterdir() if not path.name.startswith(".")}
    assert len(before) == 1
    shutil.rmtree(folder / "test")
    shutil.copytree(folder / "train", folder / "test")
    study = run(recipe, tmp_path / "out")
    assert not study.failures
    fresh = run(recipe, tmp_path / "fresh")
    assert study.result == fresh.result
    assert not before & {name for arm in study.result["arms"] for name in arm["runs"].values()}


def test_a_worker_refuses_data_that_changed_since_the_study_began(write_recipe, tiny_data, tmp_path, monkeypatch):
    """Its runs are named by the contents that the study has found."""
    folder = tmp_path / "data"
    shutil.copytree(tiny_data, folder)
    monkeypatch.setenv("ISOGLOT_DATA", str(folder))
    real = perform.perform

    def in_a_worker(job, bench):
        shutil.rmtree(folder / "test", ignore_errors=True)
        shutil.copytree(folder / "train", folder / "test")
        workshop = pickle.loads(pickle.dumps(bench.workshop))
        real(job, perform.Bench(workshop))

    recipe = write_recipe()
    with monkeypatch.context() as patched:
        patched.setattr(perform, "perform", in_a_worker)
        failures = run(recipe, tmp_path / "out").failures
    assert len(failures) == 2
    for _, sentence in failures:
        assert sentence == "test has changed since the study began: give the same command again"
    assert not run(recipe, tmp_path / "out").failures
