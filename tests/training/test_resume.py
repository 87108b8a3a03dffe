"""Runs that end before their time: by SIGTERM, by SIGKILL, by a changed mind."""

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
import torch
import yaml
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from transformers import TrainerCallback

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.errors import InputError
from isoglot.training import HybridTrainer, deferred, read_config, run, train
from isoglot.training.signals import StopOnSignal, TrainingStopped


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Twelve pages in two languages, a question each; the folder of it."""
    folder = tmp_path_factory.mktemp("pages") / "data"
    pages = collection_from_rows(
        [(f"{lang}{n}", lang, "", f"{lang} page {n}") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", lang, f"{lang} {n} ?") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", f"{lang}{n}", 1) for lang in ("en", "de") for n in range(12)],
    )
    write_collection(pages, folder)
    return folder


def settings(data, out, **more):
    flags = {"data": str(data), "out": str(out), "dimensions": 16, "vocabulary": 150, "batch_size": 8}
    return read_config(None, flags | {"steps": 20, "save_steps": 6} | more)


def weights(folder) -> bytes:
    (file,) = Path(folder).rglob("*.safetensors")
    return file.read_bytes()


def with_callback(monkeypatch, action, at):
    """Have runs do something after a step."""

    class Callback(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            if state.global_step == at:
                action()

    class Watched(HybridTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, callbacks=[Callback()], **kwargs)

    monkeypatch.setattr(run, "HybridTrainer", Watched)


def terminate():
    os.kill(os.getpid(), signal.SIGTERM)


@pytest.mark.parametrize(("save_steps", "smallest"), [(6, 10**9), (0, 10**9), (6, 1), (0, 1)])
def test_sigterm_saves_a_checkpoint_from_which_the_run_continues(
    data, tmp_path, monkeypatch, capsys, save_steps, smallest
):
    monkeypatch.setattr(deferred, "SMALLEST", smallest)  # with and without token vectors that wait
    train(settings(data, tmp_path / "whole", save_steps=save_steps))
    flags = f"train --data {data} --out {tmp_path / 'out'} --dimensions 16 --batch-size 8 --steps 20"
    config = tmp_path / "run.yaml"
    config.write_text("vocabulary: 150\n")
    command = [*flags.split(), "--save-steps", str(save_steps), str(config)]
    with monkeypatch.context() as patched:
        with_callback(patched, terminate, at=9)
        before = signal.getsignal(signal.SIGTERM)
        assert main(command) == 0
        assert signal.getsignal(signal.SIGTERM) is before
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.strip().splitlines()
    # the callbacks of a trainer are asked in order: the signal is heard in this step or in the next one
    assert line.startswith("isoglot: stopped at step ")
    assert "--resume" in line
    assert not (tmp_path / "out" / "modules.json").exists()
    assert main([*command, "--resume"]) == 0
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")
    record = json.loads((tmp_path / "out" / "isoglot-training.json").read_text())
    assert record["resumed_from_step"] in (9, 10)
    assert set(record["seconds"]) == {"setup", "train"}
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        path.name for path in (tmp_path / "whole").iterdir()
    }


def test_sigterm_after_the_last_step_lets_the_run_finish(data, tmp_path, monkeypatch):
    with_callback(monkeypatch, terminate, at=20)
    train(settings(data, tmp_path / "out"))
    assert (tmp_path / "out" / "modules.json").is_file()


def test_ctrl_c_is_left_alone(data, tmp_path, monkeypatch, request):
    # A process started in the background of a shell ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with_callback(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT), at=3)
    with pytest.raises(KeyboardInterrupt):
        train(settings(data, tmp_path / "out"))


def test_outside_the_main_thread_signals_are_left_alone():
    import threading

    before = signal.getsignal(signal.SIGTERM)
    failed = []

    def use():
        try:
            with StopOnSignal():
                failed.append(signal.getsignal(signal.SIGTERM) is not before)
        except ValueError:
            failed.append(True)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert failed == [False]
    assert issubclass(TrainingStopped, Exception)
    assert TrainingStopped.exit_code == 0


def test_a_run_is_resumed_with_the_settings_it_had(data, tmp_path, monkeypatch):
    with monkeypatch.context() as patched:
        with_callback(patched, terminate, at=9)
        with pytest.raises(TrainingStopped):
            train(settings(data, tmp_path / "out"))
    with pytest.raises(InputError, match=r"started with temperature 0\.05 \(now 0\.2\), seed 0 \(now 3\)"):
        train(settings(data, tmp_path / "out", temperature=0.2, seed=3), resume=True)
    train(settings(data, tmp_path / "out", save_steps=50, keep_checkpoints=1), resume=True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"encoder": "static", "layers": 2}, "layers is a setting of scratch; the encoder static has none"),
        ({"encoder": "static", "pooling": "mean"}, "pooling is a setting of pretrained models"),
        ({"encoder": "static", "max_length": 64}, "max_length is a setting of scratch and pretrained models"),
        ({"encoder": "scratch", "pooling": "cls"}, "pooling is a setting of pretrained models"),
        ({"encoder": "some/model", "dimensions": 64}, "dimensions is a setting of static and scratch"),
        ({"encoder": "some/model", "vocabulary": 640}, "the encoder some/model has none"),
    ],
)
def test_settings_that_the_encoder_does_not_look_at_are_refused(data, tmp_path, given, message):
    config = read_config(None, {"data": str(data), "out": str(tmp_path / "out")} | given)
    with pytest.raises(InputError) as caught:
        train(config)
    assert message in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_the_settings_written_beside_a_model_make_it_again(data, tmp_path):
    train(settings(data, tmp_path / "first"))
    written = tmp_path / "first" / "isoglot-training.yaml"
    assert "layers" not in yaml.safe_load(written.read_text())
    train(read_config(written, {"out": str(tmp_path / "second")}))
    assert weights(tmp_path / "first") == weights(tmp_path / "second")


def test_the_model_that_is_best_on_the_validation_collection_is_saved(data, tmp_path, monkeypatch):
    def spoil():
        for values in trainers[-1].model.parameters():
            values.data = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))

    trainers = []

    class Watched(HybridTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            trainers.append(self)

    with_callback(monkeypatch, spoil, at=14)  # after the second of three validations
    base = run.HybridTrainer
    monkeypatch.setattr(run, "HybridTrainer", type("Both", (base, Watched), {}))
    more = {"validation": str(data), "eval_steps": 6, "best_measure": "rank_distance", "learning_rate": 0.05}
    model = train(settings(data, tmp_path / "out", steps=18, save_steps=0, **more))
    record = json.loads((tmp_path / "out" / "isoglot-training.json").read_text())
    results = {entry["step"]: entry["rank_distance"] for entry in record["validation"]["results"]}
    assert sorted(results) == [6, 12, 18]
    best = min(results, key=results.get)
    assert best < 18
    assert record["best"] == {"step": best, "measure": "rank_distance", "value": results[best]}
    from isoglot.collections import load_collection
    from isoglot.evaluation import evaluate

    saved = SentenceTransformer(str(tmp_path / "out"), device="cpu")
    for one in (model, saved):
        found = evaluate(one, load_collection(data), bootstrap=0).bias["rank_distance"]
        assert found == pytest.approx(results[best])


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"best_measure": "multilingual_AP"}, "best_measure needs a collection to measure: give --validation"),
        ({"eval_steps": 5}, "eval_steps needs a collection"),
        ({"validation": "DATA", "best_measure": "AP"}, "cannot be chosen by 'AP'"),
        ({"validation": "DATA", "best_measure": "multilingual_XY"}, "no measure 'XY'"),
        ({"validation": "nowhere"}, "nowhere is missing"),
    ],
)
def test_validation_that_cannot_be_is_refused_before_training(data, tmp_path, more, message):
    more = {key: str(data) if value == "DATA" else value for key, value in more.items()}
    with pytest.raises(InputError) as caught:
        train(settings(data, tmp_path / "out", **more))
    assert message in str(caught.value)


def test_batches_that_the_processes_cannot_share_are_refused(data, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(InputError, match="2 processes cannot share batches of 9: choose a multiple"):
        train(settings(data, tmp_path / "out", batch_size=9))


RUNNER = """
import json, os, signal, sys
from pathlib import Path
import torch
from isoglot.cli import main
from isoglot.training import deferred

# compiled here, for all the runs to come
weight = torch.nn.Parameter(torch.ones(4, 3))
optimizer = deferred.DeferredAdamW(torch.optim.AdamW([weight]), weight)
for rows in ([0, 1], [1, 2]):
    rows = deferred.np.array(rows)
    optimizer.take(rows)
    optimizer.give(rows, torch.ones(2, 3))
    optimizer.step()
optimizer.catch_up()

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
        deferred.SMALLEST = order["smallest"]
        if order["die"]:
            die_in(*order["die"])
        os._exit(main(order["arguments"]))
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}


class Runner:
    """Runs `isoglot train` in processes of their own, which need not import everything again."""

    def __init__(self, data):
        self.data = data
        self.smallest = deferred.SMALLEST
        self.process = subprocess.Popen(
            [sys.executable, "-c", RUNNER],
            env=os.environ | ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def arguments(self, out, steps, save_steps):
        flags = f"--data {self.data} --out {out} --steps {steps} --save-steps {save_steps}"
        return ["train", *flags.split(), "--dimensions", "16", "--batch-size", "8", "--quiet"]

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
def runner(data):
    one = Runner(data)
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
    # a checkpoint takes five calls of torch.save; settings, checkpoints and model are given their names by replace
    deaths = [("save", 7, "after"), ("save", 10, "after"), ("replace", 3, "before"), ("replace", 3, "after")]
    # the final model: checkpoints of the steps 6 to 30, three of them deleted again, and then file by file
    deaths += [("replace", number, "after") for number in (10, 11, 13)]
    for death in deaths:
        out = tmp_path / "-".join(map(str, death))
        runner.start(out, 30, 6, die=death)
        assert runner.wait() == -signal.SIGKILL
        assert not (out / "modules.json").exists()
        runner.start(out, 30, 6, resume=True)
        assert runner.wait() == 0
        assert weights(out) == whole
        assert {path.name for path in out.iterdir()} == {path.name for path in (tmp_path / "whole").iterdir()}


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

    def launch(out, kind, *more):
        command = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node",
            "2",
            str(script),
        ]
        command += [kind, *runner.arguments(tmp_path / out, 30, 4), *more]
        done = subprocess.run(
            command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, timeout=250, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
        return tmp_path / out

    (whole,) = launch("whole", "whole").rglob("*.safetensors")
    out = launch("out", "terminated")
    # they ask each other every eight steps
    kept = sorted(path.name for path in (out / "checkpoints").iterdir())
    assert kept == ["checkpoint-12", "checkpoint-16"]
    assert {path.name for path in (out / "checkpoints" / "checkpoint-16").glob("rng*")} == {
        "rng_state_0.pth",
        "rng_state_1.pth",
    }
    (resumed,) = launch("out", "whole", "--resume").rglob("*.safetensors")
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
