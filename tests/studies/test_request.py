"""A study that is asked for again: what its folder keeps, and the command that makes its result again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from study_helpers import run

from isoglot.errors import InputError
from isoglot.reporting.study import write_study_page


@pytest.fixture
def finished(write_recipe, tmp_path):
    """A finished study of two seeds: its recipe and its folder."""
    recipe, out = write_recipe(lambda profile: profile.update(seeds=[0, 1])), tmp_path / "out"
    run(recipe, out)
    return recipe, out


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"seeds": [0]}, "of seeds 0, 1, and 1 not asked for"),
        ({"seeds": [5, 0]}, "of seeds 0, 1, and 1 not asked for"),
        ({"arms": ["mono"]}, "of the arms mono, alpha-0.5, and alpha-0.5 not asked for"),
        ({"encoder": "scratch"}, "with another encoder, static"),
    ],
)
def test_a_result_is_not_replaced_by_less(finished, asked, said):
    recipe, out = finished
    text = (out / "study.json").read_bytes()
    with pytest.raises(InputError, match=said):
        run(recipe, out, **asked)
    assert (out / "study.json").read_bytes() == text


def test_a_result_gains_seeds_and_arms(write_recipe, tmp_path):
    recipe, out = write_recipe(), tmp_path / "out"
    run(recipe, out, arms=["mono"])
    grown = run(recipe, out, seeds=[0, 1]).result
    assert {arm["name"]: arm["seeds"] for arm in grown["arms"]} == {"mono": [0, 1], "alpha-0.5": [0, 1]}


def test_the_command_is_told_as_it_was_given(write_recipe, tmp_path, monkeypatch):
    recipe = write_recipe()
    monkeypatch.chdir(tmp_path)
    result = run("tiny.yaml", tmp_path / "out", seeds=[3], arms=["mono"]).result
    assert recipe.endswith("tiny.yaml")
    assert result["command"] == "isoglot study run tiny.yaml --profile embedded --seeds 3 --arms mono --out DIR"
    page = write_study_page(json.loads((tmp_path / "out" / "study.json").read_text()), tmp_path / "page.html")
    assert result["command"] in page.read_text(encoding="utf-8")


def test_the_whole_study_is_called_by_its_path(write_recipe, tmp_path):
    path = write_recipe()
    content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    content["profiles"]["benchmark"] = content["profiles"]["embedded"]
    Path(path).write_text(yaml.safe_dump(content), encoding="utf-8")
    assert run(path, tmp_path / "out").result["full_command"] == (
        f"isoglot study run {path} --profile benchmark --out DIR"
    )
