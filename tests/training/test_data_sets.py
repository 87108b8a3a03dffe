"""Runs on several data sets: by YAML, flags or Python, resumed, with everything else that training does."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import yaml
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments
from transformers import TrainerCallback

from isoglot.batching import BatchSampler, Hybrid, JointSampler
from isoglot.cli import main
from isoglot.collections import collection_from_rows, join_collections, write_collection
from isoglot.collections.negatives import with_hard_negatives
from isoglot.data import load_collection
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.training import HybridTrainer, read_config, run, train
from isoglot.training.callbacks import TrainingStopped
from isoglot.training.checks import check_settings


@pytest.fixture(scope="module")
def abstracts(tmp_path_factory):
    """Ten English pages, with ids that the pages in two languages have too, and hard negatives; their folder."""
    folder = tmp_path_factory.mktemp("abstracts") / "data"
    collection = collection_from_rows(
        [(f"en{n}", "en", "", f"abstract {n} of a paper") for n in range(10)],
        [(f"q{n}", "en", f"which abstract is {n} ?") for n in range(10)],
        [(f"q{n}", f"en{n}", 1) for n in range(10)],
    )
    collection = with_hard_negatives(collection, np.arange(11), (np.arange(10) + 1) % 10)
    write_collection({"train": collection, "dev": collection}, folder)
    return folder


def settings(data, out, **more):
    flags = {"data": data, "out": str(out), "dimensions": 16, "vocabulary": 150, "batch_size": 8}
    return read_config(None, flags | {"steps": 20, "save_steps": 6} | more)


def weights(folder) -> bytes:
    (file,) = Path(folder).rglob("*.safetensors")
    return file.read_bytes()


def record(folder) -> dict:
    return json.loads((Path(folder) / "isoglot-training.json").read_text())


# -- the configuration --


def test_data_sets_are_read_and_written_as_they_are_given(tmp_path):
    path = tmp_path / "run.yaml"
    for written in (
        "a",
        ["a", "b"],
        [{"name": "a", "weight": 1.0}, {"name": "b", "weight": 2.0, "split": "dev", "lang": "sw"}],
        ["a", {"name": "b", "split": "dev"}],
        {"name": "a", "split": "dev"},
    ):
        path.write_text(yaml.safe_dump({"data": written, "out": "o"}))
        config = read_config(path, {})
        assert config.model_dump()["data"] == written
        assert [one.name for one in config.data] == ["a", "b"][: len(config.data)]
    assert read_config(path, {"data": ["c", "d"]}).model_dump()["data"] == ["c", "d"]  # flags win, whole
    assert read_config(None, {"data": ["a"], "out": "o"}).model_dump()["data"] == "a"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([{"name": "a", "size": 3}], "unknown key 'data[0].size'"),
        (["a", {"weight": 3}], "'data[1].name' is missing"),
        (
            [{"name": "a", "weight": 1}, {"name": "b", "weight": 0}],
            "'data[1].weight' is 0: input should be greater",
        ),
        (
            [{"name": "a", "weight": 1}, {"name": "b", "weight": -2}],
            "'data[1].weight' is -2: input should be greater",
        ),
        ([{"name": "a", "weight": 1}, "b"], "all data sets have a weight, or none"),
        ([{"name": "a", "weight": 1}], "this is the only one"),
        ([], "'data' is []"),
        (["a", 3], "should be a folder or a name, {name: …, weight: …}, or a list of these"),
        (3, "should be a folder or a name"),
    ],
)
def test_mistakes_in_data_sets(data, message):
    with pytest.raises(InputError) as caught:
        read_config(None, {"data": data, "out": "o"})
    assert message in str(caught.value)


def test_a_power_that_would_do_nothing_is_refused():
    for data, reason in (("a", "one data set"), ([{"name": n, "weight": 1} for n in "ab"], "weights")):
        with pytest.raises(InputError, match=f"leave it out with {reason}"):
            check_settings(read_config(None, {"data": data, "out": "o", "data_power": 0.5}))
    check_settings(read_config(None, {"data": ["a", "b"], "out": "o", "data_power": 0.5}))


def test_a_missing_set_is_told_of_before_any_is_read(tmp_path, capsys):
    broken = tmp_path / "broken"
    broken.mkdir()
    command = f"train --data {broken} --data {tmp_path}/nowhere --out {tmp_path}/out --steps 2"
    assert main(command.split()) == 2
    assert f"the collection {tmp_path}/nowhere is missing" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


# -- runs --


def test_flags_yaml_and_python_train_alike(pages, abstracts, tmp_path, capsys):
    common = "--dimensions 16 --batch-size 8 --steps 20 --data-power 0.5"
    assert main(f"train --data {pages} --data {abstracts} --out {tmp_path}/flags {common}".split()) == 0
    said = capsys.readouterr().err
    assert said.count("collection (2) has no cross-lingual training pair in the languages chosen") == 1
    # 24 and 10 monolingual training pairs
    shares = [24**0.5 / (24**0.5 + 10**0.5), 10**0.5 / (24**0.5 + 10**0.5)]
    assert f"batches come from 2 data sets: collection (1) {shares[0]:.1%}, collection (2) {shares[1]:.1%}" in said
    path = tmp_path / "run.yaml"
    path.write_text(f"data:\n- {pages}\n- {{name: {abstracts}, split: train, lang: en}}\ndata_power: 0.5\n")
    assert main(f"train {path} --out {tmp_path}/yaml --dimensions 16 --batch-size 8 --steps 20".split()) == 0
    assert weights(tmp_path / "flags") == weights(tmp_path / "yaml")
    both = record(tmp_path / "flags")
    assert [(one["training_pairs"], one["missing"]) for one in both["sets"]] == [(24, []), (10, ["cross-lingual"])]
    assert [one["share"] for one in both["sets"]] == pytest.approx(shares)
    assert sum(one["batches"] for one in both["sets"]) == 20
    assert [one["languages"] for one in both["sets"]] == [["de", "en"], ["en"]]
    assert both["documents"] == 34
    assert both["sets"][1]["documents"] == 10

    several = [load_collection(pages), load_collection(abstracts, split="train")]
    model = static_encoder(join_collections(several), dimensions=16)
    args = Arguments(str(tmp_path / "x"), max_steps=5, per_device_train_batch_size=8, seed=0, report_to="none")
    trainer = HybridTrainer(model, several, strategy=Hybrid(), args=args, data_power=0.5)
    sampler = JointSampler(several, Hybrid(), 8, 0, power=0.5)
    for step in range(20):
        assert np.array_equal(trainer.sampler[step].queries, sampler[step].queries)
    trainer.train()
    alone = HybridTrainer(model, several[:1], strategy=Hybrid(), args=args)
    assert type(alone.sampler) is BatchSampler


def everything(tmp_path) -> dict:
    """All that a run can do with its data."""
    (tmp_path / "lexicons").mkdir(exist_ok=True)
    (tmp_path / "lexicons" / "en-de.tsv").write_text("page\tSeite\nabstract\tZusammenfassung\n")
    target = collection_from_rows([(f"{n}", "fr", "", f"un texte numéro {n} assez long") for n in range(9)], [], [])
    if not (tmp_path / "target").exists():
        write_collection(target, tmp_path / "target")
    return {
        "alpha": {"shape": "linear", "start": 0.9, "end": 0.2, "steps": 20},
        "gamma": 0.2,
        "target": str(tmp_path / "target"),
        "negatives": 1,
        "code_switch": {"lexicons": [str(tmp_path / "lexicons")], "rate": 0.5, "side": "query"},
        "sample": {"en": 16},
        "objective": ["InfoNCE", "DomainContrast"],
    }


class Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 9:
            os.kill(os.getpid(), signal.SIGTERM)


class Stopped(HybridTrainer):
    """Is asked to stop at its ninth step."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, callbacks=[Stop()], **kwargs)


@pytest.mark.parametrize("kind", ["plain", "weights", "everything"])
def test_a_run_that_is_stopped_and_resumed_ends_with_the_weights_of_one_that_was_not(
    kind, pages, abstracts, tmp_path, monkeypatch
):
    data = [str(pages), str(abstracts)]
    if kind == "weights":
        data = [{"name": one, "weight": weight} for one, weight in zip(data, (1, 3), strict=True)]
    more = everything(tmp_path) if kind == "everything" else {}
    train(settings(data, tmp_path / "whole", **more))
    with monkeypatch.context() as patched:
        patched.setattr(run, "HybridTrainer", Stopped)
        with pytest.raises(TrainingStopped):
            train(settings(data, tmp_path / "out", **more))
    train(settings(data, tmp_path / "out", **more), resume=True)
    assert record(tmp_path / "out")["resumed_from_step"] in (9, 10)
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")
    sets = record(tmp_path / "out")["sets"]
    assert sets == record(tmp_path / "whole")["sets"]
    if kind == "weights":
        assert [one["share"] for one in sets] == [0.25, 0.75]
    if kind == "everything":  # sixteen English queries of all sets together, and all twelve German ones
        assert sum(one["queries"] for one in sets) == 16 + 12
        assert 10 <= sum(one["batches"] for one in sets) <= 18


def test_a_run_is_resumed_with_the_data_sets_it_had_wherever_they_lie_now(pages, abstracts, tmp_path):
    out = tmp_path / "out"
    run.begin(settings([str(pages), str(abstracts)], out), {})
    moved = tmp_path / "moved"
    shutil.copytree(abstracts, moved)
    for data in (
        [str(abstracts), str(pages)],
        [str(pages)],
        [str(pages), str(abstracts), str(abstracts)],
        [{"name": str(pages), "weight": 1}, {"name": str(abstracts), "weight": 2}],
        [str(pages), {"name": str(abstracts), "split": "dev"}],
        [str(moved), str(pages)],
    ):
        with pytest.raises(InputError, match="was started with data "):
            run.check_out(settings(data, out), resume=True)
    with pytest.raises(InputError, match=r"data_power 1\.0 \(now 0\.5\)"):
        run.check_out(settings([str(pages), str(abstracts)], out, data_power=0.5), resume=True)
    run.check_out(settings([str(pages), str(moved)], out), resume=True)


def test_a_run_is_not_resumed_with_other_contents(pages, abstracts, tmp_path, monkeypatch):
    rows = [(f"en{n}", "en", "", f"abstract {n} of a paper") for n in range(10)]
    asked = [(f"q{n}", "en", f"which abstract is {n} ?") for n in range(10)]
    other = {
        "judged": collection_from_rows(rows, asked, [(f"q{n}", f"en{(n + 1) % 10}", 1) for n in range(10)]),
        "texts": collection_from_rows(
            [(name, tag, "", text + " on zebras") for name, tag, _, text in rows],
            asked,
            [(f"q{n}", f"en{n}", 1) for n in range(10)],
        ),
    }
    for name, collection in other.items():
        write_collection(collection, tmp_path / name)
    moved = tmp_path / "moved"
    shutil.copytree(abstracts, moved)
    for sets in ([str(abstracts)], [str(pages), str(abstracts)]):
        out = tmp_path / f"out-{len(sets)}"
        with monkeypatch.context() as patched:
            patched.setattr(run, "HybridTrainer", Stopped)
            with pytest.raises(TrainingStopped):
                train(settings(sets, out, strategy="monolingual"))
        for name in other:
            with pytest.raises(InputError) as caught:
                train(settings([*sets[:-1], str(tmp_path / name)], out, strategy="monolingual"), resume=True)
            assert f"now in data set {len(sets)}, {tmp_path / name}: resume it with the data" in str(caught.value)
        train(settings([*sets[:-1], str(moved)], out, strategy="monolingual"), resume=True)
        assert record(out)["resumed_from_step"] in (9, 10)


def test_nothing_left_is_an_error_and_negatives_of_one_set_are_enough(pages, abstracts, tmp_path):
    with pytest.raises(InputError, match="finds no training pair of the kind it draws in any of the 2 data sets"):
        train(settings([str(abstracts)] * 2, tmp_path / "cross", strategy="cross_lingual"))
    with pytest.raises(InputError, match=r"collection .* has no hard negatives"):
        train(settings([str(pages)] * 2, tmp_path / "none", negatives=1))
    train(settings([str(pages), str(abstracts)], tmp_path / "some", negatives=1, steps=3))
    train(settings([str(abstracts), str(pages)], tmp_path / "left-out", strategy="cross_lingual", steps=3))
    assert [one["share"] for one in record(tmp_path / "left-out")["sets"]] == [0.0, 1.0]


@pytest.mark.slow
def test_real_data_sets_of_many_languages_and_of_one(shared_data, tmp_path):
    data = [
        {"name": str(shared_data / "tldr" / "train"), "weight": 2},
        {"name": str(shared_data / "cranfield"), "weight": 1, "lang": "en"},
    ]
    more = {"steps": 90, "batch_size": 32, "vocabulary": 3000, "lenient": True, "save_steps": 0}
    train(settings(data, tmp_path / "out", languages=["en", "de", "ja"], **more))
    found = record(tmp_path / "out")
    tldr, cranfield = found["sets"]
    assert tldr["share"] == pytest.approx(2 / 3)
    assert abs(tldr["batches"] - 60) <= 5
    assert cranfield["missing"] == ["cross-lingual"]
    assert cranfield["languages"] == ["en"]
    assert found["loss"][-1]["loss"] < found["loss"][0]["loss"]
