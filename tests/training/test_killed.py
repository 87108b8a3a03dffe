"""Runs that are killed, wherever they are, end with the weights of one that was not."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from launching import launch
from safetensors.torch import load_file

from isoglot.training.cpu import sparse_adamw


def weights(folder) -> bytes:
    (file,) = Path(folder).rglob("*.safetensors")
    return file.read_bytes()


RUNNER = """
import gc, json, os, signal, sys
from pathlib import Path
import torch
import torch._dynamo
import isoglot.cli.program
import isoglot.training.run
from isoglot.cli import main
from isoglot.training.cpu import sparse_adamw

# imported above, and compiled here, for all the runs to come, which have none of it to collect as garbage
weight = torch.nn.Parameter(torch.ones(4, 3))
optimizer = sparse_adamw.DeferredAdamW(torch.optim.AdamW([weight]), weight)
for rows in ([0, 1], [1, 2]):
    rows = sparse_adamw.np.array(rows)
    optimizer.take(rows)
    optimizer.give(rows, torch.ones(2, 3))
    optimizer.step()
optimizer.catch_up()
gc.freeze()

def die_in(name, number, part):
    owner = {"save": torch, "replace": Path}[name]
    real, calls = getattr(owner, name), 0

    def dying(*args, **kwargs):
        nonlocal calls
        calls += 1
        if calls == number and part == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        outcome = real(*args, **kwargs)
        if calls == number:
            if name == "save":
                os.truncate(args[1], 100)
            os.kill(os.getpid(), signal.SIGKILL)
        return outcome

    setattr(owner, name, dying)

for line in sys.stdin:
    order = json.loads(line)
    child = os.fork()
    if not child:
        sparse_adamw.SMALLEST = order["smallest"]
        if order["die"]:
            die_in(*order["die"])
        os._exit(main(order["arguments"]))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


class Runner:
    """Runs `isoglot train` in processes of their own, which need not import everything again."""

    def __init__(self, *data):
        self.data = data
        self.smallest = sparse_adamw.SMALLEST
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def arguments(self, out, steps, save_steps):
        given = [word for one in self.data for word in ("--data", str(one))]
        flags = f"--out {out} --steps {steps} --save-steps {save_steps} --dimensions 16 --batch-size 8 --quiet"
        return ["train", *given, *flags.split()]

    def start(self, out, steps, save_steps, resume=False, die=None) -> int:
        """Start a run and return its process id."""
        arguments = [*self.arguments(out, steps, save_steps), *(["--resume"] if resume else [])]
        self.process.stdin.write(json.dumps({"arguments": arguments, "die": die, "smallest": self.smallest}) + "\n")
        self.process.stdin.flush()
        return int(self._answer())

    def wait(self) -> int:
        """Wait for the end of the run and return its exit status."""
        return int(self._answer())

    def _answer(self):
        line = ""
        while not line.strip().lstrip("-").isdigit():  # the program's own last line
            line = self.process.stdout.readline()
            assert line, "the runner has gone"
        return line

    def end(self):
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture(scope="module")
def runner(pages):
    one = Runner(pages)
    yield one
    one.end()


def whole_run(runner, folder, steps, save_steps):
    """Make a run that nothing disturbs, as a user would."""
    command = [sys.executable, "-m", "isoglot", *runner.arguments(folder, steps, save_steps)]
    assert subprocess.run(command, env=os.environ | ENVIRONMENT, check=False).returncode == 0
    return weights(folder)


@pytest.mark.slow
def test_runs_killed_while_they_save_end_with_the_weights_of_one_that_was_not(runner, tmp_path):
    whole = whole_run(runner, tmp_path / "whole", 30, 6)
    # a checkpoint takes five calls of torch.save; settings, hashes of the data, each checkpoint and before it its
    # checksums, and the model are given their names by replace
    deaths = [("save", 7, "after"), ("save", 10, "after"), ("replace", 6, "before"), ("replace", 6, "after")]
    # the final model: checkpoints of the steps 6 to 30, three of them deleted again, and then file by file
    deaths += [("replace", number, "after") for number in (16, 17, 19)]
    for death in deaths:
        out = tmp_path / "-".join(map(str, death))
        runner.start(out, 30, 6, die=death)
        assert runner.wait() == -signal.SIGKILL
        assert not (out / "modules.json").exists()
        runner.start(out, 30, 6, resume=True)
        assert runner.wait() == 0
        assert weights(out) == whole
        assert {path.name for path in out.iterdir()} == {path.name for path in (tmp_path / "whole").iterdir()}


@pytest.mark.slow
def test_a_run_on_two_data_sets_goes_on_after_a_kill(pages, runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "data", (pages, pages))
    runner.start(tmp_path / "whole", 30, 6)
    assert runner.wait() == 0
    whole = weights(tmp_path / "whole")
    for death in (("save", 7, "after"), ("replace", 6, "after")):
        out = tmp_path / "-".join(map(str, death))
        runner.start(out, 30, 6, die=death)
        assert runner.wait() == -signal.SIGKILL
        runner.start(out, 30, 6, resume=True)
        assert runner.wait() == 0
        assert weights(out) == whole


TWO_PROCESSES = """
import os, signal, sys
from transformers import TrainerCallback
from isoglot.cli import main
from isoglot.training import HybridTrainer, run

class Terminate(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9 and os.environ["RANK"] == "1" and "--resume" not in sys.argv:
            os.kill(os.getpid(), signal.SIGTERM)

class Terminated(HybridTrainer):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, callbacks=[Terminate()], **kwargs)

if sys.argv.pop(1) == "terminated":
    run.HybridTrainer = Terminated
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
def test_of_two_processes_one_that_is_asked_to_stop_stops_both(runner, tmp_path):
    script = tmp_path / "two.py"
    script.write_text(TWO_PROCESSES)

    def run(out, kind, *more):
        launch(2, str(script), kind, *runner.arguments(tmp_path / out, 30, 4), *more)
        return tmp_path / out

    (whole,) = run("whole", "whole").rglob("*.safetensors")
    out = run("out", "terminated")
    # they ask each other every eight steps
    kept = sorted(path.name for path in (out / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-12", "checkpoint-16"]
    assert {path.name for path in (out / "checkpoints" / "checkpoint-16").glob("rng*")} == {
        "rng_state_0.pth",
        "rng_state_1.pth",
    }
    (resumed,) = run("out", "whole", "--resume").rglob("*.safetensors")
    # the promise of two processes is that of one up to rounding; to the bit it is made for one process
    for name, weight in load_file(whole).items():
        difference = (load_file(resumed)[name] - weight).norm() / weight.norm()
        assert difference <= 1e-5, (name, float(difference))
    assert not (out / "checkpoints").exists()


@pytest.mark.slow
def test_a_run_killed_ten_times_at_random_ends_with_the_weights_of_one_that_was_not(runner, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "smallest", 1)  # token vectors wait, as in a large vocabulary
    out = tmp_path / "out"
    runner.start(tmp_path / "whole", 400, 10)
    assert runner.wait() == 0
    whole = weights(tmp_path / "whole")
    rng = random.Random(5)
    killed, seen = 0, 0
    while killed < 10:
        child, started = runner.start(out, 400, 10, resume=True), time.time()
        sign = out / "isoglot-training.yaml"
        while not (sign.exists() and sign.stat().st_mtime >= started - 0.01) and time.time() < started + 60:
            time.sleep(0.002)
        time.sleep(rng.uniform(0, 1))
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        if runner.wait() == -signal.SIGKILL:
            killed += 1
            reached = [int(path.name.split("-")[1]) for path in (out / "checkpoints").glob("checkpoint-*")]
            assert max(reached, default=0) >= seen
            seen = max(reached, default=0)
        if (out / "modules.json").is_file():
            assert weights(out) == whole
            shutil.rmtree(out)
            seen = 0
    if out.exists():
        runner.start(out, 400, 10, resume=True)
        assert runner.wait() == 0
        assert weights(out) == whole
