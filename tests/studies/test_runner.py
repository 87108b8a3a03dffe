"""Running studies: what is run, what is skipped, and what is left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from study_helpers import outline_of, run

from isoglot.errors import InputError
from isoglot.reporting.study import StudyResult
from isoglot.studies import perform


def folders(out) -> set[str]:
    return {path.name for path in (Path(out) / "runs").iterdir()}


def count_runs(monkeypatch) -> list[str]:
    """Note which runs are made from here on."""
    made: list[str] = []
    whole = perform.perform

    def counted(job, bench):
        made.append(job.name)
        whole(job, bench)

    monkeypatch.setattr(perform, "perform", counted)
    return made


@pytest.fixture
def finished(write_recipe, tmp_path):
    """A finished study of two seeds: its recipe, its folder and what it came to."""
    recipe = write_recipe(lambda profile: profile.update(seeds=[0, 1]))
    return recipe, tmp_path / "out", run(recipe, tmp_path / "out")


def test_a_study_runs_every_arm_with_every_seed_and_says_what_came_of_it(finished):
    _, out, study = finished
    written = json.loads((out / "study.json").read_text())
    assert written == study.result == StudyResult.read(written).to_dict()
    assert not study.failures
    arms = {arm["name"]: arm for arm in study.result["arms"]}
    assert set(arms) == {"mono", "alpha-0.5"}
    for arm in arms.values():
        assert arm["seeds"] == [0, 1]
        assert arm["steps"] == {"0": 4, "1": 4}
        assert all(tokens > 0 for tokens in arm["tokens"].values())
        assert set(arm["runs"].values()) <= folders(out)
        assert len(arm["estimates"]["test"]["cross_lingual"]["AP"]["seeds"]) == 2
    assert folders(out) == {name for arm in arms.values() for name in arm["runs"].values()}
    assert [one["evaluation"] for one in study.result["decisive"]] == ["test", "test"]
    assert len(study.result["answer"]) >= 2

    for arm in study.result["arms"]:
        for setting, measure in (("cross_lingual", "AP"), ("multilingual", "AP"), ("bias", "rank_distance")):
            told = arm["estimates"]["test"][setting][measure]["seeds"]
            files = [json.loads((out / "runs" / name / "test.json").read_text()) for name in arm["runs"].values()]
            assert told == pytest.approx([one[setting][measure] for one in files])


def test_a_dry_run_lists_exactly_what_will_run(write_recipe, tmp_path):
    recipe, out = write_recipe(), tmp_path / "out"
    outline = outline_of(recipe, out)
    assert not out.exists()
    assert not any(one.finished for one in outline.runs)
    run(recipe, out)
    assert folders(out) == {one.name for one in outline.runs}
    assert all(one.finished for one in outline_of(recipe, out).runs)


def test_finished_runs_are_not_made_again(finished, monkeypatch):
    recipe, out, study = finished
    text = (out / "study.json").read_bytes()
    missing = study.result["arms"][0]["runs"]["1"]
    shutil.rmtree(out / "runs" / missing)
    made = count_runs(monkeypatch)
    run(recipe, out)
    assert made == [missing]
    assert (out / "study.json").read_bytes() == text


def test_measuring_along_the_way_does_not_change_the_training(write_recipe, tmp_path):
    def one_arm(profile):
        profile["arms"], profile["grids"], profile["decisive"] = {"hybrid": {}}, [], []

    def along(profile):
        one_arm(profile)
        profile["evaluate"][0]["along"] = [0, 2, 4]

    plain = run(write_recipe(one_arm), tmp_path / "plain").result["arms"][0]
    watched = run(write_recipe(along), tmp_path / "watched").result["arms"][0]
    assert plain["estimates"] == watched["estimates"]
    steps = watched["along"]["test"]
    assert [one["step"] for one in steps] == [0, 2, 4]
    first, last = (steps[at]["multilingual"]["AP"]["mean"] for at in (0, -1))
    assert last == pytest.approx(watched["estimates"]["test"]["multilingual"]["AP"]["mean"])
    assert first != pytest.approx(last)


def test_a_sequential_arm_goes_on_from_the_model_of_its_first_stage(write_recipe, tmp_path):
    """Its first half is that of an arm that does nothing else, at a constant learning rate."""

    def change(profile):
        profile["train"]["schedule"] = "constant"
        profile["arms"] = {
            "both": {
                "stages": [
                    {"steps": 2, "train": {"strategy": "monolingual"}},
                    {"steps": 2, "train": {"strategy": "cross_lingual"}},
                ]
            },
            "mono": {"train": {"strategy": "monolingual"}},
        }
        profile["grids"], profile["decisive"] = [], []
        profile["evaluate"][0]["along"] = [0, 2, 4]

    arms = {arm["name"]: arm for arm in run(write_recipe(change), tmp_path / "out").result["arms"]}
    assert arms["both"]["steps"] == {"0": 4}
    assert [one["strategy"] for one in arms["both"]["config"]] == ["monolingual", "cross_lingual"]
    both, mono = (arms[name]["along"]["test"] for name in ("both", "mono"))
    assert both[:2] == mono[:2]
    assert both[2] != mono[2]


def test_an_arm_without_training_is_the_encoder_as_it_is(write_recipe, tmp_path):
    def change(profile):
        profile["arms"]["untrained"] = {"train": "none"}
        profile["evaluate"][0]["along"] = [0]

    arms = {arm["name"]: arm for arm in run(write_recipe(change), tmp_path / "out").result["arms"]}
    assert not arms["untrained"]["trained"]
    assert arms["untrained"]["steps"] == {"0": 0}
    before = arms["mono"]["along"]["test"][0]["multilingual"]["AP"]["seeds"]
    assert arms["untrained"]["estimates"]["test"]["multilingual"]["AP"]["seeds"] == pytest.approx(before)


def test_arms_may_start_from_a_pretrained_encoder(write_recipe, tmp_path, pretrained_folders, monkeypatch):
    pytest.importorskip(
        "model2vec.distill", reason="needs model2vec and skeletoken: pip install 'isoglot[distill]'"
    )
    from isoglot.training import run as training

    made = []
    original = training.distil_static
    monkeypatch.setattr(training, "distil_static", lambda *a, **k: made.append(a) or original(*a, **k))
    start = {"encoder": "static", "from": str(pretrained_folders["mbert"])}

    def change(profile):
        profile["arms"]["begun"] = {"train": start}
        profile["arms"]["as-it-is"] = {"train": "none"}
        profile["train"]["from"] = start["from"]
        profile["arms"]["mono"]["train"]["from"] = None
        profile["seeds"] = [0, 1]

    study = run(write_recipe(change), tmp_path / "out")
    assert not study.failures
    arms = {arm["name"]: arm for arm in study.result["arms"]}
    assert arms["begun"]["config"][0]["from"] == arms["as-it-is"]["config"][0]["from"] == start["from"]
    assert "from" not in arms["mono"]["config"][0]
    assert len(set(arms["as-it-is"]["runs"].values())) == 1  # it does not depend on the seed
    assert len(set(arms["begun"]["runs"].values())) == 2
    assert len(made) == 1  # once for all arms and seeds of a process


def test_trained_models_stay_if_asked_for(write_recipe, tmp_path):
    from sentence_transformers import SentenceTransformer

    recipe, out = write_recipe(), tmp_path / "out"
    run(recipe, out, arms=["mono"], seeds=[0])
    assert not list(out.glob("runs/*/model"))
    run(recipe, out, arms=["mono"], seeds=[0], keep_models=True)
    (model,) = out.glob("runs/*/model")
    assert SentenceTransformer(str(model)).get_embedding_dimension() == 8


def test_tuning_gives_every_arm_as_many_trials_and_takes_the_best(write_recipe, tmp_path):
    def change(profile):
        profile["data"]["dev"] = {"collection": "train"}
        profile["tuning"] = {"data": "dev", "trials": [{"learning_rate": 1e-6}, {"learning_rate": 0.1}]}
        profile["arms"]["mono"]["trials"] = [{"temperature": 0.05}, {"temperature": 1.0}]
        profile["train"]["steps"] = 20

    recipe, out = write_recipe(change), tmp_path / "out"
    outline = outline_of(recipe, out)
    assert sum(one.trial is not None for one in outline.runs) == 4
    assert sum(one.name is None for one in outline.runs) == 2
    arms = {arm["name"]: arm for arm in run(recipe, out).result["arms"]}
    for arm in arms.values():
        values = [one["value"] for one in arm["tuning"]["trials"]]
        best = arm["tuning"]["trials"][values.index(max(values))]["settings"]
        assert arm["tuning"]["chosen"] == best
        assert arm["config"][0] | best == arm["config"][0]
    assert arms["alpha-0.5"]["tuning"]["chosen"] == {"learning_rate": 0.1}


def test_what_is_absent_and_optional_is_left_out_and_said(write_recipe, tmp_path):
    def change(profile):
        profile["data"]["gone"] = {"collection": "nowhere/to/be/found", "optional": True}
        profile["evaluate"].append({"name": "gone", "data": "gone"})
        profile["arms"]["lost"] = {"train": {"data": "gone"}}
        profile["decisive"].append({"first": "alpha-0.5", "second": "mono", "on": "gone"})

    result = run(write_recipe(change), tmp_path / "out").result
    assert {(one["what"], one["name"]) for one in result["left_out"]} == {("evaluation", "gone"), ("arm", "lost")}
    assert "nowhere/to/be/found" in result["left_out"][0]["reason"]
    assert "left out" in result["decisive"][-1]["reason"]
    assert [one["name"] for one in result["evaluations"]] == ["test"]


def test_a_fallback_stands_in_for_absent_data(write_recipe, tmp_path):
    def change(profile):
        profile["data"]["train"] = {"collection": "nowhere/to/be/found", "fallback": "spare"}
        profile["data"]["spare"] = {"collection": "train"}

    study = run(write_recipe(change), tmp_path / "out")
    assert any("spare" in note for note in study.result["notes"])
    assert {one["name"]: one["used"] for one in study.result["data"]} == {"train": "spare", "test": "test"}


def test_absent_data_that_is_needed_ends_the_study_before_it_begins(write_recipe, tmp_path):
    recipe = write_recipe(lambda profile: profile["data"].update(test={"collection": "nowhere/to/be/found"}))
    with pytest.raises(InputError, match="nowhere/to/be/found"):
        run(recipe, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zero_shot_claim_is_struck_where_test_texts_were_trained_on(write_recipe, tmp_path):
    def change(profile):
        profile["data"]["seen"] = {"collection": "train"}
        profile["data"]["alien"] = {"collection": "alien"}
        profile["evaluate"] = [
            {"name": "test", "data": "alien", "measures": ["AP"], "zero_shot": True},
            {"name": "seen", "data": "seen", "measures": ["AP"], "zero_shot": True},
        ]

    from isoglot.collections import collection_from_rows, write_collection

    words = ("Zwölf Boxkämpfer", "Le vieux juge", "Pijamalı hasta")
    alien = collection_from_rows(
        [(f"d{n}", "de", "", f"{word} jagt ihn quer über den Deich") for n, word in enumerate(words)],
        [(f"q{n}", "de", word) for n, word in enumerate(words)],
        [(f"q{n}", f"d{n}", 1) for n in range(3)],
    )
    write_collection(alien, tmp_path / "alien")  # beside the recipe
    result = run(write_recipe(change), tmp_path / "out").result
    claims = {one["evaluation"]: one for one in result["zero_shot"]}
    assert claims["test"]["holds"]
    assert not claims["seen"]["holds"]
    assert "not zero-shot" in claims["seen"]["sentence"]
    assert claims["seen"]["against"]["train"]["queries"]["examples"]


def test_a_sample_of_the_training_data_is_what_an_arm_trains_on(write_recipe, tmp_path, monkeypatch):
    trained = {}
    train = perform.run_training

    def noted(config, collection, **more):
        tags = collection.queries["lang"].to_pylist()
        trained[Path(config.out).parent.name.rsplit("-", 2)[0].removeprefix(".work-")] = {
            tag: tags.count(tag) for tag in tags
        }
        return train(config, collection=collection, **more)

    monkeypatch.setattr(perform, "run_training", noted)

    def change(profile):
        profile["grids"] = [{"name": "de-{de}", "over": {"sample.budgets.de": [0, 3, None]}}]
        profile["decisive"] = []

    result = run(write_recipe(change), tmp_path / "out").result
    arms = {arm["name"]: arm for arm in result["arms"]}
    assert [arms[f"de-{n}"]["sample"] and arms[f"de-{n}"]["sample"]["budgets"] for n in (0, 3, "none")] == [
        {"de": 0},
        {"de": 3},
        None,
    ]
    everything = {"de": 12, "en": 12, "fr": 12}
    assert trained == {
        "mono": everything,
        "de-0": {"en": 12, "fr": 12},
        "de-3": {**everything, "de": 3},
        "de-none": everything,
    }


def test_folders_of_other_things_are_refused(write_recipe, finished, tmp_path):
    recipe, out, _ = finished
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("x")
    with pytest.raises(InputError, match="holds no study"):
        run(recipe, tmp_path / "mine")
    other = Path(recipe).read_text().replace("name: tiny", "name: other", 1)
    Path(recipe).write_text(other)
    with pytest.raises(InputError, match="holds the study tiny"):
        run(recipe, out)


def test_a_dry_run_downloads_nothing(write_recipe, tmp_path, monkeypatch):
    from isoglot.studies import library

    def refuse(*_, **__):
        raise AssertionError("it was loaded")

    monkeypatch.setattr(library, "load_collection", refuse)
    monkeypatch.setattr(library, "_mteb", refuse)
    for name in ("some-catalogue-name", "mteb:SciFact"):
        source = {"collection": name}
        recipe = write_recipe(lambda profile, source=source: profile["data"].update(test=source, train=source))
        outline = outline_of(recipe, tmp_path / "out")
        assert [(one.arm, one.name) for one in outline.runs] == [("mono", None), ("alpha-0.5", None)]
        assert any(name in note for note in outline.notes)


def test_a_pretrained_encoder_goes_through_all_stages(write_recipe, tmp_path, pretrained_folders):
    def change(profile):
        profile["train"] = {
            **{key: profile["train"][key] for key in ("data", "batch_size", "steps", "cache")},
            **{"encoder": str(pretrained_folders["xlmr"]), "pooling": "mean", "max_length": 16, "lora_rank": 2},
        }
        profile["arms"] = {
            "as-it-is": {"train": "none"},
            "both": {"stages": [{"steps": 2, "train": {"strategy": "monolingual"}}, {"steps": 2}]},
        }
        profile["grids"], profile["decisive"] = [], []
        profile["seeds"] = [0, 1]

    study = run(write_recipe(change), tmp_path / "out")
    assert not study.failures
    arms = {arm["name"]: arm for arm in study.result["arms"]}
    assert arms["both"]["steps"] == {"0": 4, "1": 4}
    assert len(set(arms["as-it-is"]["runs"].values())) == 1  # it does not depend on the seed
    assert arms["as-it-is"]["seeds"] == [0, 1]
