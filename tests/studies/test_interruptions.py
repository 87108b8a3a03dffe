"""Studies that are interrupted: what fails alone, what a kill cannot change, and what several processes come to."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest
from study_helpers import run

from isoglot.errors import InputError
from isoglot.studies import perform, workers


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
