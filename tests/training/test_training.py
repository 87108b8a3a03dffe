"""Training: what the trainer does with batches, checkpoints and configurations."""

from __future__ import annotations

import json
import logging

import numpy as np
import pytest
import torch
import yaml
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback

from isoglot.batching import (
    STRATEGIES,
    BatchSampler,
    CrossLingual,
    Hybrid,
    Monolingual,
    Multiway,
    Schedule,
    strategy,
)
from isoglot.batching.collate import StepCollator
from isoglot.collections import collection_from_rows, write_collection
from isoglot.data import sample_collection
from isoglot.encoders import scratch_encoder, static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import MultilingualEvaluator, evaluate
from isoglot.objectives import InfoNCE, KLAlignment, SemanticContrast
from isoglot.training import HybridTrainer, read_config, train
from isoglot.training.execution import Objective

WORDS = {"en": "page number about", "de": "Seite Nummer über", "th": "หน้า ที่ เรื่อง"}
NUMBERS = {
    "en": "one two three four five six seven eight nine ten eleven twelve",
    "de": "eins zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "th": "หนึ่ง สอง สาม สี่ ห้า หก เจ็ด แปด เก้า สิบ สิบเอ็ด สิบสอง",
}


def number(lang: str, n: int) -> str:
    return NUMBERS[lang].split()[n]


@pytest.fixture(scope="module")
def counting():
    """Twelve pages in three languages, two questions a page: which page has this number?"""
    return collection_from_rows(
        [(f"{lang}/{n}", lang, "", f"{WORDS[lang]} {number(lang, n)}") for lang in WORDS for n in range(12)],
        [
            (f"q{n}#{k}", lang, f"{number(lang, n)} {WORDS[lang].split()[k]} ?")
            for n in range(12)
            for k in range(2)
            for lang in WORDS
        ],
        [(f"q{n}#{k}", f"{lang}/{n}", 1) for n in range(12) for k in range(2) for lang in WORDS],
        name="counting",
    )


def arguments(folder, steps=40, **more) -> Arguments:
    settings = {"learning_rate": 0.05, "per_device_train_batch_size": 8, "save_strategy": "no"}
    return Arguments(str(folder), max_steps=steps, report_to="none", disable_tqdm=True, **(settings | more))


def test_a_static_encoder_learns_to_cross_languages(counting, tmp_path):
    model = static_encoder(counting, dimensions=32, vocabulary=200)
    before = evaluate(model, counting, bootstrap=0).cross_lingual["AP"]
    HybridTrainer(model, counting, strategy=Hybrid(), objective=InfoNCE(0.1), args=arguments(tmp_path, 120)).train()
    after = evaluate(model, counting, bootstrap=0)
    assert before < 0.6
    assert after.cross_lingual["AP"] > 0.95
    assert after.bias["rank_distance"] < 10


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_trains_every_encoder(name, counting, tmp_path):
    for build in (static_encoder, scratch_encoder):
        model = build(counting, dimensions=64, vocabulary=200)
        before = {key: value.clone() for key, value in model.state_dict().items()}
        HybridTrainer(model, counting, strategy=strategy(name), args=arguments(tmp_path, 3)).train()
        assert any(not torch.equal(before[key], value) for key, value in model.state_dict().items())


def test_the_trainer_sees_the_batches_of_the_sampler_in_order(counting, tmp_path):
    model = static_encoder(counting, dimensions=16, vocabulary=200)
    trainer = HybridTrainer(model, counting, strategy=CrossLingual(), args=arguments(tmp_path, 5, seed=7))
    sampler = BatchSampler(counting, CrossLingual(), 8, seed=7)
    seen = [inputs["label"] for inputs in trainer.get_train_dataloader()]
    assert len(seen) == 5
    for step, label in enumerate(seen):
        rows = len(sampler[step])
        assert np.array_equal(label[rows:, 2].numpy(), sampler[step].documents)
        assert np.array_equal(label[:rows, 2].numpy(), counting.query_index[sampler[step].queries])


def test_the_same_seed_gives_the_same_model(counting, tmp_path):
    weights = []
    for seed in (1, 1, 2):
        model = static_encoder(counting, dimensions=16, vocabulary=200, seed=0)
        HybridTrainer(model, counting, args=arguments(tmp_path, 20, seed=seed)).train()
        weights.append(model[0].embedding.weight.detach().clone())
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def stock_trainer(model, sampler, term, folder, **options):
    """sentence-transformers' own trainer on our batches, as docs/extending.md has it."""
    return SentenceTransformerTrainer(
        model,
        arguments(folder, 6, per_device_train_batch_size=1),
        train_dataset=Dataset.from_dict({"step": range(6)}).to_iterable_dataset(),
        data_collator=StepCollator(sampler, model, **options),
        loss=Objective(model, term),
    )


def test_sampler_and_objective_work_in_the_stock_trainer(counting, tmp_path):
    ours, stock = (static_encoder(counting, dimensions=16, vocabulary=200) for _ in range(2))
    for model in (ours, stock):
        model.prompts = {"query": "query: ", "document": ""}
    args = arguments(tmp_path, 6, prompts={"query": "query: "})
    HybridTrainer(ours, counting, strategy=Hybrid(), objective=InfoNCE(0.1), args=args).train()
    sampler = BatchSampler(counting, Hybrid(), 8, seed=42)
    stock_trainer(stock, sampler, InfoNCE(0.1), tmp_path).train()
    assert torch.allclose(ours[0].embedding.weight, stock[0].embedding.weight, atol=1e-6)


@pytest.mark.parametrize("term", [KLAlignment(), InfoNCE(0.1) + 0.3 * SemanticContrast()])
def test_terms_that_compare_versions_say_that_the_stock_trainer_brings_none(counting, tmp_path, term):
    model = static_encoder(counting, dimensions=16, vocabulary=200)
    sampler = BatchSampler(counting, Hybrid(), 8)
    with pytest.raises(InputError, match=r"for (KLA|SemanticC)\w+ to compare: give StepCollator versions=True"):
        stock_trainer(model, sampler, term, tmp_path).train()
    trainer = stock_trainer(model, sampler, term, tmp_path, versions=True)
    trainer.train()
    multiway = BatchSampler(counting, Multiway(), 8)  # has them anyway
    stock_trainer(model, multiway, term, tmp_path).train()


def test_terms_that_compare_versions_are_refused_for_texts_in_one_language_each(counting, tmp_path):
    alone = sample_collection(counting, {}, hold_out=[tag for tag in counting.languages if tag != "en"])
    model = static_encoder(counting, dimensions=16, vocabulary=200)
    with pytest.raises(InputError, match=r"in two languages.* KLAlignment to compare: leave"):
        HybridTrainer(model, alone, strategy=Monolingual(), objective=KLAlignment(), args=arguments(tmp_path, 2))


def test_the_collator_makes_one_step_at_a_time(counting):
    model = static_encoder(counting, dimensions=16, vocabulary=200)
    collate = StepCollator(BatchSampler(counting, Hybrid(), 8), model)
    with pytest.raises(InputError, match="not 2: give the trainer per_device_train_batch_size=1"):
        collate([{"step": 0}, {"step": 1}])


def test_the_best_checkpoint_by_multilingual_ap_is_kept(counting, tmp_path):
    model = static_encoder(counting, dimensions=16, vocabulary=200)
    args = arguments(
        tmp_path,
        20,
        save_strategy="steps",
        save_steps=10,
        eval_strategy="steps",
        eval_steps=10,
        load_best_model_at_end=True,
        metric_for_best_model="eval_multilingual_AP",
        greater_is_better=True,
    )
    trainer = HybridTrainer(model, counting, args=args, evaluator=MultilingualEvaluator(counting))
    trainer.train()
    assert trainer.state.best_model_checkpoint is not None
    logged = [
        entry["eval_multilingual_AP"] for entry in trainer.state.log_history if "eval_multilingual_AP" in entry
    ]
    assert trainer.state.best_metric == pytest.approx(max(logged))


def settings(folder, **more):
    flags = {"data": str(folder / "data"), "out": str(folder / "out"), "dimensions": 16, "vocabulary": 200}
    return read_config(None, flags | {"steps": 30, "batch_size": 8, "save_steps": 10} | more)


def test_a_run_leaves_a_model_that_says_how_it_was_made(counting, tmp_path):
    write_collection(counting, tmp_path / "data")
    train(settings(tmp_path, temperature=0.2))
    out = tmp_path / "out"
    assert SentenceTransformer(str(out), device="cpu").encode(["one"]).shape == (1, 16)
    effective = yaml.safe_load((out / "isoglot-training.yaml").read_text())
    assert effective["strategy"] == "hybrid"
    assert (effective["temperature"], effective["learning_rate"]) == (0.2, 0.01)
    record = json.loads((out / "isoglot-training.json").read_text())
    assert record["steps"] == 30
    assert record["collection"] == "counting"
    assert {"isoglot", "torch", "sentence-transformers"} <= set(record["versions"])
    # twelve pages with two questions each: no language pair can fill more than twelve rows, and eight is enough
    assert record["small_pairs"] == {}
    assert not (out / "checkpoints").exists()


def test_pairs_that_cannot_fill_batches_are_told_in_one_line_and_listed(counting, tmp_path, caplog):
    write_collection(counting, tmp_path / "data")
    with caplog.at_level(logging.INFO, logger="isoglot"):
        train(
            settings(tmp_path, batch_size=64, strategy="cross_lingual", pairing="batch", pairs=["en:th", "de:en"])
        )
    (line,) = [record.getMessage() for record in caplog.records if "documents to fill" in record.getMessage()]
    listed = json.loads((tmp_path / "out" / "isoglot-training.json").read_text())["small_pairs"]
    assert line.startswith("2 language pairs")
    # two questions on each of twelve pages: two batches of twelve
    assert listed == {pair: {"training_pairs": 24, "batches": 2} for pair in ("de→en", "en→th")}


class Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 15:
            raise KeyboardInterrupt


def test_a_run_cut_short_is_resumed_and_ends_as_if_it_had_not_been(counting, tmp_path, monkeypatch):
    write_collection(counting, tmp_path / "data")
    whole = train(settings(tmp_path, out=str(tmp_path / "whole")))
    from isoglot.training import run

    class Interrupted(HybridTrainer):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, callbacks=[Stop()], **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(run, "HybridTrainer", Interrupted)
        with pytest.raises(KeyboardInterrupt):
            train(settings(tmp_path))
    with pytest.raises(InputError, match="continue with --resume"):
        train(settings(tmp_path))
    resumed = train(settings(tmp_path), resume=True)
    assert torch.equal(whole[0].embedding.weight, resumed[0].embedding.weight)
    (tmp_path / "out" / "isoglot-training.json").unlink()  # a model of another making
    with pytest.raises(InputError, match="nothing to resume"):
        train(settings(tmp_path), resume=True)


def test_a_yaml_configuration_is_overruled_by_flags(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "data: d\nout: o\nalpha: {shape: linear, start: 0.9, end: 0.1, steps: 50}\ntau: 0.5\npairs: [en:de]\n"
    )
    config = read_config(path, {"tau": 0.3, "steps": None})
    assert (config.tau, config.steps) == (0.3, 1000)
    rule = config.make_strategy()
    assert rule == Hybrid(alpha=Schedule("linear", 0.9, 0.1, 50), tau=0.3, pairs=(("en", "de"),))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "data: d\nout: o\nstratgy: hybrid\n",
            "unknown key 'stratgy' (did you mean strategy?); the keys are data,",
        ),
        ("data: d\nout: o\nsteps: many\n", "'steps' is 'many'"),
        ("data: d\nout: o\ntemperature: 0\n", "'temperature' is 0"),
        ("data: d\nout: o\nalpha: {shape: wavy, start: 1}\n", "'alpha' is"),
        ("out: o\n", "'data' is missing"),
        ("- a\n- b\n", "must hold keys and values"),
        ("a: [", "cannot be read as YAML"),
    ],
)
def test_a_bad_configuration_is_explained(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(InputError) as caught:
        read_config(path, {})
    assert message in str(caught.value)


def test_bad_pairs_and_missing_files_are_explained(tmp_path):
    with pytest.raises(InputError, match=r"nowhere\.yaml does not exist"):
        read_config(tmp_path / "nowhere.yaml", {})
    with pytest.raises(InputError, match="'en-de' is not of the form query:document"):
        read_config(None, {"data": "d", "out": "o", "pairs": ["en-de"]}).make_strategy()
