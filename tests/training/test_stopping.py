"""Validation loss, patience, and which model is kept."""

from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from launching import launch
from sentence_transformers import SentenceTransformer
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.data import load_collection, load_worldfacts
from isoglot.encoders import scratch_encoder
from isoglot.errors import InputError
from isoglot.evaluation import embed_collection, evaluate, evaluate_embeddings
from isoglot.evaluation.evaluator import flat_metrics
from isoglot.objectives import InfoNCE
from isoglot.training import read_config, run, train, validation
from isoglot.training.callbacks import StopEarly, TrainingStopped
from isoglot.training.validation import (
    COMPARED,
    GAPS,
    SETTINGS,
    ValidationEvaluator,
    ValidationLoss,
    less_is_better,
    what_is_missing,
)


def english(pairs=12, pages=12):
    """Questions in English, so many of them on each page."""
    return collection_from_rows(
        [(f"d{n}", "en", "", f"page {n}") for n in range(pages)],
        [(f"q{n}", "en", f"question {n} ?") for n in range(pairs)],
        [(f"q{n}", f"d{n % pages}", 1) for n in range(pairs)],
        name="english",
    )


@pytest.fixture
def contrary(tmp_path):
    """The English questions of `pages`, each with another's page: what training makes worse."""
    collection = collection_from_rows(
        [(f"en{n}", "en", "", f"en page {n}") for n in range(12)],
        [(f"q{n}", "en", f"en {n} ?") for n in range(12)],
        [(f"q{n}", f"en{(n + 1) % 12}", 1) for n in range(12)],
    )
    write_collection(collection, tmp_path / "contrary")
    return tmp_path / "contrary"


class Diverge(TrainerCallback):
    """From a step on, goes up the gradient."""

    def on_step_end(self, args, state, control, lr_scheduler=None, **kwargs):
        if state.global_step == 14:
            lr_scheduler.base_lrs = [-rate for rate in lr_scheduler.base_lrs]


def diverge(trainer):
    return Diverge()


def settings(data, out, **more):
    flags = {"data": str(data), "out": str(out), "dimensions": 16, "vocabulary": 150, "batch_size": 8}
    flags |= {"validation": str(data), "best_measure": "loss", "eval_steps": 4, "save_steps": 6, "steps": 80}
    return read_config(None, flags | {"schedule": "constant"} | more)


def record_of(out):
    record = json.loads((out / "isoglot-training.json").read_text())
    return record, {entry["step"]: entry["loss"] for entry in record["validation"]["results"]}


def weights(folder) -> bytes:
    (file,) = folder.rglob("*.safetensors")
    return file.read_bytes()


def embeddings_of(collection, seed=0):
    rng = np.random.default_rng(seed)
    return [
        rng.standard_normal((len(table), 6)).astype(np.float32)
        for table in (collection.query_index, collection.documents)
    ]


def brute_force(scores, temperature):
    """Mean over rows of -log softmax at the diagonal."""
    logits = scores.astype(np.float64) / temperature
    return np.mean(np.log(np.exp(logits).sum(axis=1)) - np.diag(logits))


@pytest.mark.parametrize("symmetric", [False, True])
@pytest.mark.parametrize("batch_size", [5, 64])  # the second one cannot be filled
def test_the_loss_by_brute_force(batch_size, symmetric):
    collection = english(pairs=18, pages=9)
    queries, documents = embeddings_of(collection)
    loss = ValidationLoss(collection, batch_size, InfoNCE(0.1, symmetric))
    drawn = [pair for batch in loss.batches for pair in zip(batch.queries, batch.documents, strict=True)]
    assert sorted(drawn) == sorted(zip(*collection.pairs("en", "en"), strict=True))  # one pass, every pair once
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (queries, documents)]
    total = 0.0
    for batch in loss.batches:
        scores = unit[0][batch.queries] @ unit[1][batch.documents].T
        value = brute_force(scores, 0.1)
        total += len(batch) * ((value + brute_force(scores.T, 0.1)) / 2 if symmetric else value)
    assert loss(queries, documents) == pytest.approx(total / 18, rel=1e-6)


def test_batches_have_the_kinds_that_the_collection_has(pages, monkeypatch):
    both = load_collection(pages)
    loss = ValidationLoss(both, 4, InfoNCE())
    assert {batch.kind for batch in loss.batches} == {"mono", "cross"}
    assert sum(map(len, loss.batches)) == pytest.approx(24, abs=4)
    assert {batch.kind for batch in ValidationLoss(english(), 4, InfoNCE()).batches} == {"mono"}
    foreign = collection_from_rows(
        [(f"d{n}", "en", "", f"page {n}") for n in range(6)],
        [(f"q{n}", "sw", f"swali {n}") for n in range(6)],
        [(f"q{n}", f"d{n}", 1) for n in range(6)],
    )
    assert {batch.kind for batch in ValidationLoss(foreign, 4, InfoNCE()).batches} == {"cross"}
    monkeypatch.setattr(validation, "MOST_ROWS", 10)
    assert sum(map(len, ValidationLoss(both, 4, InfoNCE()).batches)) == pytest.approx(10, abs=4)


@pytest.mark.parametrize(("collection", "batch_size"), [(english(1, 1), 8), (english(), 1), (english(5, 1), 8)])
def test_a_loss_without_another_document_is_refused(collection, batch_size):
    with pytest.raises(InputError, match="english makes no batch of two queries"):
        ValidationLoss(collection, batch_size, InfoNCE())


def test_the_loss_is_the_same_whenever_it_is_measured(pages):
    collection = load_collection(pages)
    model = scratch_encoder(collection, dimensions=64, layers=1, vocabulary=150)
    evaluator = ValidationEvaluator(collection, ["AP"], ValidationLoss(collection, 8, InfoNCE()))
    model.train()  # with dropout, were it not for the evaluator
    first = evaluator(model, steps=5)["loss"]
    model.train()
    again = ValidationEvaluator(collection, ["AP"], ValidationLoss(collection, 8, InfoNCE()))
    assert evaluator(model, steps=90)["loss"] == first == again(model)["loss"]
    _, queries, documents = embed_collection(model, collection)
    assert evaluator.loss(queries, documents) == first


def test_the_model_of_the_lowest_loss_is_kept_and_patience_ends_the_run(pages, tmp_path, caplog):
    out = tmp_path / "out"
    with caplog.at_level("INFO", logger="isoglot"):
        model = train(settings(pages, out, patience=3), callbacks=[diverge])
    record, losses = record_of(out)
    best = min(losses, key=losses.get)
    assert sorted(losses) == list(range(4, best + 13, 4))  # three more, then the end
    assert 4 < best < 20
    assert record["best"] == {"step": best, "measure": "loss", "value": losses[best]}
    assert (record["steps"], record["stopped_at"]) == (best + 12, best + 12)
    assert record["stop_reason"] == f"loss was no better than at step {best} in 3 validations"
    assert caplog.text.count(f"stopped early at step {best + 12} of 80: {record['stop_reason']}") == 1
    collection = load_collection(pages)
    for one in (model, SentenceTransformer(str(out), device="cpu")):
        _, queries, documents = embed_collection(one, collection)
        assert ValidationLoss(collection, 8, InfoNCE())(queries, documents) == pytest.approx(losses[best], rel=1e-6)


def test_a_run_that_keeps_improving_is_not_stopped(pages, tmp_path):
    out = tmp_path / "out"
    train(settings(pages, out, steps=12, patience=1, learning_rate=0.01))
    record, losses = record_of(out)
    assert sorted(losses) == [4, 8, 12]
    assert record["steps"] == 12
    assert record["stopped_at"] is record["stop_reason"] is None


class At(TrainerCallback):
    """Does something after a step."""

    def __init__(self, step, action):
        self.step, self.action = step, action

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            self.action(control)


def stop(control):
    raise TrainingStopped("killed")


@pytest.mark.parametrize("when", ["waiting", "at the end"])
def test_a_killed_run_makes_the_same_decision(pages, tmp_path, monkeypatch, when):
    more = {"patience": 3, "save_steps": 2, "keep_checkpoints": 1}
    train(settings(pages, tmp_path / "whole", **more), callbacks=[diverge])
    expected, losses = record_of(tmp_path / "whole")
    out = tmp_path / "out"
    step = {"waiting": expected["stopped_at"] - 1, "at the end": None}[when]
    with monkeypatch.context() as patched:
        if step is None:

            def finish(*_):
                raise TrainingStopped("killed")

            patched.setattr(run, "finish", finish)
        with pytest.raises(TrainingStopped):
            train(settings(pages, out, **more), callbacks=[diverge, *([lambda _: At(step, stop)] if step else [])])
    train(settings(pages, out, **more), resume=True, callbacks=[diverge])
    record, again = record_of(out)
    assert again == losses
    for key in ("steps", "stopped_at", "stop_reason", "best"):
        assert record[key] == expected[key]
    assert weights(out) == weights(tmp_path / "whole")


@given(st.lists(st.integers(0, 4), min_size=1, max_size=15), st.integers(1, 4), st.booleans())
def test_the_decision_is_that_of_transformers(values, patience, less):
    measure = "loss" if less else "multilingual_AP"
    ours, theirs = StopEarly(measure, patience), EarlyStoppingCallback(patience)
    args = SimpleNamespace(metric_for_best_model=measure, greater_is_better=not less)
    state = TrainerState(max_steps=1000)
    for step, value in enumerate(values, start=1):
        state.global_step = step
        metrics = {f"eval_{measure}": float(value)}
        state.log_history.append(metrics | {"step": step})
        decisions = [TrainerControl(), TrainerControl()]
        for callback, control in zip((ours, theirs), decisions, strict=True):
            callback.on_evaluate(args, state, control, metrics=metrics)
        assert decisions[0].should_training_stop == decisions[1].should_training_stop
        if state.best_metric is None or (value < state.best_metric if less else value > state.best_metric):
            state.best_metric = value
        if decisions[0].should_training_stop:
            assert ours.stopped_at == step
            break


def test_english_alone_is_enough_to_validate(pages, tmp_path, capsys):
    write_collection(english(3, 3), tmp_path / "english")
    flags = [
        "--validation",
        str(tmp_path / "english"),
        "--best-measure",
        "loss",
        "--patience",
        "1",
        "--eval-steps",
        "2",
    ]
    out = tmp_path / "out"
    command = ["train", "--data", str(pages), "--out", str(out), "--dimensions", "16", "--batch-size", "16"]
    assert main([*command, *flags]) == 0
    record, losses = record_of(out)
    assert record["stopped_at"] == max(losses) < 40
    assert record["best"]["value"] == min(losses.values())
    said = capsys.readouterr()
    assert f"for {record['stopped_at']} steps" in said.out
    assert said.err.count("stopped early at step") == 1
    assert "en→en cannot fill" not in said.err  # of the validation collection


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--patience", "3"], "patience needs a collection to measure: give --validation"),
        (["--validation", "DATA", "--patience", "3"], "give --best-measure, such as loss"),
        (["--validation", "DATA", "--best-measure", "loss", "--patience", "0"], "'patience' is 0"),
        (["--validation", "ONE", "--best-measure", "loss"], "choose by another measure, such as multilingual_AP"),
    ],
)
def test_what_cannot_be_stopped_by_is_refused(pages, tmp_path, capsys, flags, message):
    write_collection(english(1, 1), tmp_path / "one")
    paths = {"DATA": str(pages), "ONE": str(tmp_path / "one")}
    out = tmp_path / "out"
    assert main(["train", "--data", str(pages), "--out", str(out), *(paths.get(flag, flag) for flag in flags)]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert message in said
    assert not out.exists()


def translations(tags, count=6):
    """Sentences that look for their versions in other languages."""
    texts = [(f"{n}", tag, f"{tag} sentence {n}") for n in range(count) for tag in tags]
    return collection_from_rows(
        [(f"{tag}/{n}", tag, "", text) for n, tag, text in texts],
        texts,
        [(n, f"{tag}/{n}", 1) for n, tag, _ in texts],
        metadata={"translations": True},
    )


def no_versions():
    """Questions in two languages, each with pages in its own only."""
    return collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{tag} page {n}") for tag in ("de", "en") for n in range(6)],
        [(f"{tag}{n}", tag, f"{tag} question {n}") for tag in ("de", "en") for n in range(6)],
        [(f"{tag}{n}", f"{tag}{n}", 1) for tag in ("de", "en") for n in range(6)],
    )


@pytest.mark.parametrize(
    ("collection", "refused"),
    [
        (english(), {"cross_lingual_", *COMPARED, *GAPS}),
        (no_versions(), {"cross_lingual_", *COMPARED}),
        (translations(("de", "en")), {"monolingual_", *COMPARED}),
        (translations(("de", "en", "sw")), {"monolingual_"}),
        (load_worldfacts(("de", "en"))["test"], set()),
    ],
)
def test_what_may_be_chosen_by_is_what_is_measured(collection, refused):
    missing = what_is_missing(collection)
    assert {name for name, why in missing.items() if why} == refused
    result = evaluate_embeddings(*embeddings_of(collection), collection, measures=["AP"], bootstrap=0)
    measured = flat_metrics(result)
    for name, why in missing.items():
        given = f"{name}AP" if name in SETTINGS else name
        if why is None:
            assert np.isfinite(measured[given])
            less_is_better(given)
        elif "peer" in given:  # 1 where there are no two languages to compare, whatever the model
            assert measured.get(given, 1) == 1
        else:
            assert given not in measured


@pytest.mark.parametrize(
    ("collection", "measure", "why"),
    [
        (english(), "cross_lingual_AP", "as no query has a relevant document in another language"),
        (english(), "rank_distance", "as no query has relevant documents in two languages"),
        (english(), "macro_peer@10", "as no query has relevant documents in two languages"),
        (english(), "recall_gap@10", "as relevant documents are of one language"),
        (translations(("de", "en")), "monolingual_AP", "as its queries look for their translations"),
        (english(1, 1), "cross_lingual_AP", "monolingual_ with a rank measure, such as multilingual_AP"),
    ],
)
def test_a_measure_that_the_validation_cannot_give_is_refused_before_training(
    pages, tmp_path, collection, measure, why
):
    write_collection(collection, tmp_path / "dev")
    with pytest.raises(InputError) as caught:
        train(settings(pages, tmp_path / "out", validation=str(tmp_path / "dev"), best_measure=measure))
    message = str(caught.value)
    assert why in message
    choices = message.split("choose ")[-1]
    assert measure not in choices
    assert ("loss" in choices) == (len(collection.query_ids) > 1)
    assert "multilingual_, macro_multilingual_" in choices
    assert not (tmp_path / "out").exists()


def test_the_best_by_an_average_over_query_languages(pages, tmp_path):
    """Less of macro_rank_distance is better; it is that of the model that is kept."""
    uneven = collection_from_rows(  # more questions in English than in German
        [(f"{lang}{n}", lang, "", f"{lang} page {n}") for lang in ("en", "de") for n in range(12)],
        [(f"q{n}", lang, f"{lang} {n} ?") for lang, count in (("en", 12), ("de", 3)) for n in range(count)],
        [(f"q{n}", f"{lang}{n}", 1) for lang in ("en", "de") for n in range(12)],
    )
    write_collection(uneven, tmp_path / "dev")
    flags = {"validation": str(tmp_path / "dev"), "steps": 4, "eval_steps": 2, "save_steps": 0}
    model = train(settings(pages, tmp_path / "out", best_measure="macro_rank_distance", **flags))
    record = json.loads((tmp_path / "out" / "isoglot-training.json").read_text())
    found = [entry["macro_rank_distance"] for entry in record["validation"]["results"]]
    assert len(set(found)) > 1
    assert record["best"]["value"] == min(found)
    result = evaluate(model, uneven, bootstrap=0)
    assert result.macro["bias"]["rank_distance"] == pytest.approx(min(found))
    assert result.bias["rank_distance"] != pytest.approx(min(found))
    assert not less_is_better("macro_multilingual_nDCG@10")
    for measure in ("macro_recall_gap@10", "macro_loss", "macro_monolingual_AP", "epoch"):
        with pytest.raises(InputError, match="a best model cannot be chosen by"):
            less_is_better(measure)


@pytest.mark.slow
def test_two_processes_measure_and_stop_as_one(pages, contrary, tmp_path):
    flags = (
        f"train --data {pages} --validation {contrary} --best-measure loss --patience 2 --eval-steps 4 --steps 60"
    )
    flags += " --dimensions 16 --batch-size 8"
    found = []
    for processes in (1, 2):
        out = tmp_path / str(processes)
        said = launch(processes, "-m", "isoglot", *flags.split(), "--out", str(out))
        assert said.count("stopped early") == 1
        found.append(record_of(out))
    (one, losses), (two, theirs) = found
    assert theirs == pytest.approx(losses, rel=1e-4)
    assert one["stopped_at"] == two["stopped_at"] < 60
    assert one["best"]["step"] == two["best"]["step"]
