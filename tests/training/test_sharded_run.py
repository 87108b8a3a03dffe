"""Whole runs whose encoder is spread over processes (FSDP2), from the command line."""

from __future__ import annotations

import json

import pytest
from launching import launch
from sentence_transformers import SentenceTransformer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

from isoglot.data import load_collection
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.training import HybridTrainer, read_config
from isoglot.training.checks import check_settings
from isoglot.training.execution import sharding
from isoglot.training.execution.sharding import take_sharding


@pytest.mark.slow
def test_a_sharded_run_leaves_the_whole_model_that_was_best(pages, tmp_path):
    out = tmp_path / "m"
    flags = "--encoder scratch --dimensions 64 --layers 2 --vocabulary 150 --batch-size 8 --steps 9 --save-steps 4"
    more = "--eval-steps 3 --best-measure rank_distance --bf16 --gradient-checkpointing --fsdp --learning-rate 0.01"
    launch(
        2,
        "-m",
        "isoglot",
        "train",
        "--data",
        str(pages),
        *flags.split(),
        *more.split(),
        "--out",
        str(out),
        "--validation",
        str(pages),
    )
    record = json.loads((out / "isoglot-training.json").read_text())
    measured = {entry["step"]: entry["rank_distance"] for entry in record["validation"]["results"]}
    assert sorted(measured) == [3, 6, 9]
    assert record["best"]["value"] == min(measured.values())
    assert record["hardware"]["processes"] == 2
    model = SentenceTransformer(str(out), device="cpu")
    assert {weights.dtype for weights in model.parameters()} == {next(model.parameters()).dtype}
    found = evaluate(model, load_collection(pages), bootstrap=0).bias["rank_distance"]
    # embeddings were measured in bfloat16, and are float32 here: a rank or two may differ
    assert found == pytest.approx(record["best"]["value"], abs=1.0)


def test_fsdp_is_refused_where_it_cannot_be(pages, tmp_path, monkeypatch):
    def settings(**more):
        return read_config(None, {"data": str(pages), "out": str(tmp_path / "m"), "fsdp": True} | more)

    with pytest.raises(InputError, match="fsdp is a setting of scratch and pretrained models"):
        check_settings(settings())
    with pytest.raises(
        InputError, match="fsdp spreads the encoder over several processes: start them with torchrun"
    ):
        check_settings(settings(encoder="scratch"))
    monkeypatch.setenv("WORLD_SIZE", "2")
    check_settings(settings(encoder="scratch"))
    with pytest.raises(InputError, match="fsdp and fp16 exclude each other: give bf16"):
        check_settings(settings(encoder="scratch", fp16=True))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"version": 1}, "give fsdp_version 2"),
        ({"cpu_offload": True}, "cpu_offload: use more processes, or LoRA"),
        ({"activation_checkpointing": True}, "activation_checkpointing: give gradient_checkpointing"),
        ({}, "fsdp needs a transformer, and this encoder has none"),
    ],
)
def test_what_a_sharded_encoder_is_not_trained_with_is_named(twelve_pages, tmp_path, monkeypatch, config, reason):
    args = Arguments(str(tmp_path), fsdp=True, fsdp_config=config, use_cpu=True, report_to="none")
    model = static_encoder(twelve_pages, dimensions=16, vocabulary=150)
    monkeypatch.setattr(sharding.dist, "is_initialized", lambda: True)
    with pytest.raises(InputError, match=reason):
        take_sharding(args, model)


def test_what_accelerate_was_launched_with_counts_too(twelve_pages, tmp_path, monkeypatch):
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    monkeypatch.setenv("FSDP_VERSION", "2")
    args = Arguments(str(tmp_path), use_cpu=True, report_to="none")
    with pytest.raises(
        InputError, match="fsdp spreads an encoder over several processes: start them with torchrun"
    ):
        HybridTrainer(static_encoder(twelve_pages, dimensions=16, vocabulary=150), twelve_pages, args=args)
