"""`isoglot study`: what it says, and with which status it ends."""

from __future__ import annotations

import html
import json
import shutil

import huggingface_hub.constants
import pytest
import yaml

from isoglot.cli import main
from isoglot.collections.pseudo import pseudo_sentence
from isoglot.studies import runner


def test_studies_are_listed_and_shown_as_files_that_can_be_used(capsys, tmp_path):
    assert main(["study", "list"]) == 0
    shown = capsys.readouterr().out
    assert "ratio" in shown
    assert "alignment" in shown
    assert main(["study", "show", "ratio"]) == 0
    copy = tmp_path / "mine.yaml"
    copy.write_text(capsys.readouterr().out, encoding="utf-8")
    assert yaml.safe_load(copy.read_text(encoding="utf-8"))["name"] == "ratio"
    assert main(["study", "show", str(copy)]) == 0


def test_a_study_ends_with_its_answer_and_its_file(write_recipe, tmp_path, capsys):
    recipe, out = write_recipe(), tmp_path / "out"
    assert main(["study", "run", recipe, "--out", str(out), "--jobs", "1", "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert not out.exists()
    assert main(["study", "run", recipe, "--out", str(out), "--jobs", "1"]) == 0
    shown = capsys.readouterr().out
    assert "decisive comparisons" in shown
    assert "by cross-lingual AP on test" in shown
    for path in (out / "runs").iterdir():
        assert path.name in dry
    assert json.loads((out / "study.json").read_text())["answer"][0] in shown


def test_a_study_on_queries_that_nobody_asked_says_so(write_recipe, tiny_data, tmp_path, monkeypatch, capsys):
    for part in ("train", "test"):
        shutil.copytree(tiny_data / part, tmp_path / "data" / part)
    with (tmp_path / "data" / "test" / "collection.yaml").open("a") as file:
        file.write("pseudo_queries: crop\n")
    recipe, out = write_recipe(), tmp_path / "out"
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path / "data"))
    assert main(["study", "run", recipe, "--out", str(out), "--jobs", "1"]) == 0
    sentence = pseudo_sentence("crop")
    assert f"note: test: {sentence}" in capsys.readouterr().out
    text = html.unescape((out / "study.html").read_text(encoding="utf-8"))
    assert f"</strong> test: {sentence}." in text


def test_a_failed_arm_is_told_and_ends_with_status_1(write_recipe, tmp_path, capsys):
    recipe = write_recipe(lambda profile: profile["arms"].update(bad={"train": {"languages": ["sw"]}}))
    assert main(["study", "run", recipe, "--out", str(tmp_path / "out"), "--jobs", "1"]) == 1
    assert "failed: bad, seed 0: " in capsys.readouterr().err
    assert (tmp_path / "out" / "study.json").is_file()


def test_bad_input_ends_with_status_2_and_one_sentence(write_recipe, tmp_path, capsys):
    out = str(tmp_path / "out")
    for arguments in (
        ["study", "show", "nope"],
        ["study", "run", "nope", "--out", out],
        ["study", "run", write_recipe(), "--out", out, "--profile", "nope"],
        ["study", "run", write_recipe(), "--out", out, "--seeds", "one"],
        ["study", "run", write_recipe(), "--out", out, "--seeds", "1,1"],
        ["study", "run", write_recipe(), "--out", out, "--arms", "nope"],
        ["study", "run", write_recipe(), "--out", out, "--jobs", "0"],
        ["study", "run", write_recipe(), "--out", out, "--encoder", str(tmp_path / "no-model")],
        ["study", "run", write_recipe(lambda profile: profile.pop("train")), "--out", out],
    ):
        assert main(arguments) == 2, arguments
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("encoder", ["models/none", "MISSING_FOLDER", "/no/such/folder"])
def test_an_encoder_that_is_missing_is_told_of_before_data_is_read(monkeypatch, tmp_path, capsys, encoder):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)  # else it is asked several times
    monkeypatch.setattr(runner, "resolve_data", lambda *_, **__: pytest.fail("data is read"))
    command = ["study", "run", "paper", "--profile", "pretrained", "--out", str(tmp_path / "out")]
    assert main([*command, "--encoder", encoder]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert encoder in line


def test_a_minute_is_one(write_recipe, tmp_path, capsys):
    for minutes, said in ((1, "about 1 minute on"), (2, "about 2 minutes on")):
        recipe = write_recipe(lambda profile, minutes=minutes: profile.update(minutes=minutes))
        assert main(["study", "run", recipe, "--out", str(tmp_path / "out"), "--dry-run"]) == 0
        assert said in capsys.readouterr().out
