"""Runs that end before their time: by SIGTERM, by SIGKILL, by a changed mind."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from pathlib import Path

import pytest
import torch
import yaml
from sentence_transformers import SentenceTransformer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback

from isoglot.batching import BatchSampler, collate
from isoglot.cli import main
from isoglot.collections import collection_from_rows
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.training import HybridTrainer, callbacks, read_config, run, run_training, train
from isoglot.training.callbacks import StopOnSignal, TrainingStopped
from isoglot.training.cpu import sparse_adamw


@pytest.fixture
def data(pages):
    return pages


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
    monkeypatch.setattr(sparse_adamw, "SMALLEST", smallest)  # with and without token vectors that wait
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


def test_a_finished_run_is_resumed_by_saying_so(data, tmp_path, capsys):
    """Jobs that may be stopped at any time are started with --resume again and again."""
    out = tmp_path / "out"
    first = run_training(settings(data, out))
    files = {path: path.stat().st_mtime_ns for path in out.iterdir()}
    config = tmp_path / "run.yaml"
    config.write_text(f"data: {data}\nout: {out}\nvocabulary: 150\ndimensions: 16\nbatch_size: 8\nsteps: 20\n")
    assert main(["train", str(config), "--save-steps", "6", "--resume"]) == 0
    said = capsys.readouterr()
    assert said.err.strip() == f"{out} holds a finished run: there is nothing to resume"
    assert said.out.startswith("Trained with hybrid batches for 20 steps")
    again = run_training(settings(data, out), resume=True)
    assert torch.equal(first.model[0].embedding.weight, again.model[0].embedding.weight)
    assert (again.steps, again.resumed_from, again.best) == (20, 0, None)
    assert (again.tokens, again.seconds) == (first.tokens, first.seconds)
    assert again.tokens > 0
    assert set(again.seconds) == {"setup", "train"}
    assert {path: path.stat().st_mtime_ns for path in out.iterdir()} == files
    assert main(["train", str(config), "--seed", "3", "--resume"]) == 2  # that would be another run
    assert "was started with seed 0 (now 3)" in capsys.readouterr().err


def test_sigterm_after_the_last_step_lets_the_run_finish(data, tmp_path, monkeypatch):
    with_callback(monkeypatch, terminate, at=20)
    train(settings(data, tmp_path / "out"))
    assert (tmp_path / "out" / "modules.json").is_file()


@pytest.mark.parametrize(
    ("times", "reason"),
    [(1, r"as SIGTERM asked, after \d+ seconds without another batch"), (2, "as SIGTERM asked twice")],
)
def test_a_run_whose_batches_cease_to_come_ends_when_asked_to(
    data, tmp_path, monkeypatch, request, capsys, times, reason
):
    """By the first signal after a while, by the second one at once."""
    blocked, stuck, heard, released = (threading.Event() for _ in range(4))
    request.addfinalizer(released.set)
    compose, wait, hear = BatchSampler.__getitem__, StopOnSignal.waiting, StopOnSignal._hear

    def block(self, step):
        if step == 9:
            blocked.set()
            released.wait(60)
        return compose(self, step)

    def waiting(self):
        if blocked.is_set():  # by then all batches before are trained on, however slow that was
            stuck.set()
        wait(self)

    def hearing(self, *signal):
        heard.set()
        hear(self, *signal)

    def ask():
        stuck.wait(60)
        terminate()
        if times == 2:
            heard.wait(60)  # signals that come together are one
            time.sleep(0.05)
            terminate()

    monkeypatch.setattr(BatchSampler, "__getitem__", block)
    monkeypatch.setattr(StopOnSignal, "waiting", waiting)
    monkeypatch.setattr(StopOnSignal, "_hear", hearing)
    monkeypatch.setattr(callbacks, "STUCK", 0.0 if times == 1 else 60.0)
    monkeypatch.setattr(callbacks, "AGAIN", 0.0)
    monkeypatch.setattr(collate, "PATIENCE", 0.1)
    threading.Thread(target=ask, daemon=True).start()
    flags = f"train --data {data} --out {tmp_path / 'out'} --dimensions 16 --batch-size 8 --steps 20 --save-steps 6"
    assert main(flags.split()) == 1
    assert re.search(f"isoglot: ended.* {reason}; .* --resume continues", capsys.readouterr().err)
    assert not released.is_set()
    assert (tmp_path / "out" / "checkpoints" / "checkpoint-6").is_dir()


def test_signals_that_come_together_are_one(monkeypatch):
    """A launcher passes on the signal that all its processes have got."""
    with StopOnSignal() as stop:
        terminate()
        terminate()
        stop.waiting()
    assert stop.asked


def test_ctrl_c_is_left_alone(data, tmp_path, monkeypatch, request):
    # A process started in the background of a shell ignores it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with_callback(monkeypatch, lambda: os.kill(os.getpid(), signal.SIGINT), at=3)
    with pytest.raises(KeyboardInterrupt):
        train(settings(data, tmp_path / "out"))


def test_outside_the_main_thread_signals_are_left_alone():
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


@pytest.mark.parametrize("encoder", ["static", "scratch"])
def test_a_run_goes_on_with_the_sub_words_of_its_checkpoint(data, tmp_path, monkeypatch, encoder):
    """Learned anew, by another version of a library, they might be others, or have other numbers."""
    own = {"encoder": encoder, "query_prompt": "ask: "} | ({} if encoder == "static" else {"dimensions": 64})
    train(settings(data, tmp_path / "whole", **own))
    with monkeypatch.context() as patched:
        with_callback(patched, terminate, at=9)
        with pytest.raises(TrainingStopped):
            train(settings(data, tmp_path / "out", **own))
    monkeypatch.setattr(run, f"{encoder}_encoder", None)
    train(settings(data, tmp_path / "out", **own), resume=True)
    for name in ("model.safetensors", "tokenizer.json", "config_sentence_transformers.json"):
        whole, out = ((tmp_path / folder / name).read_text("latin-1") for folder in ("whole", "out"))
        assert out == whole, name
    assert "checkpoint-" not in (tmp_path / "out" / "README.md").read_text()


def test_a_model_with_other_sub_words_does_not_go_on_from_a_checkpoint(twelve_pages, tmp_path):
    args = Arguments(str(tmp_path), max_steps=2, save_steps=1, report_to="none", disable_tqdm=True)
    model = static_encoder(twelve_pages, dimensions=16, vocabulary=150)
    HybridTrainer(model, twelve_pages, args=args).train()
    texts = [("d", "en", "", "quite another alphabet: xyz")]
    other = static_encoder(collection_from_rows(texts, [], []), dimensions=16, vocabulary=150)
    with pytest.raises(InputError, match="other sub-words than the model does: continue with"):
        HybridTrainer(other, twelve_pages, args=args).train(resume_from_checkpoint=True)


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
    from isoglot.data import load_collection
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
