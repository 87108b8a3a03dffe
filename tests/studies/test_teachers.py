"""Arms that learn from a teacher that the study is given."""

from __future__ import annotations

import pytest
from study_helpers import outline_of, run

from isoglot.encoders import static_encoder
from isoglot.errors import InputError

from .conftest import pages


def _taught(profile):
    profile["arms"]["taught"] = {"train": {"teacher": "given", "objective": ["InfoNCE", "EmbeddingDistillation"]}}


@pytest.fixture
def teacher(tmp_path) -> str:
    folder = tmp_path / "teacher"
    static_encoder(pages("train"), dimensions=12, vocabulary=150, seed=3).save(str(folder))
    return str(folder)


def test_without_a_teacher_its_arms_are_left_out_and_said(write_recipe, tmp_path):
    outline = outline_of(write_recipe(_taught), tmp_path / "out")
    assert [one["name"] for one in outline.plan.left_out] == ["taught"]
    assert "--teacher" in outline.plan.left_out[0]["reason"]
    assert {one.arm for one in outline.runs} == {"mono", "alpha-0.5"}


def test_with_a_teacher_they_learn_from_it(write_recipe, tmp_path, teacher):
    recipe, out = write_recipe(_taught), tmp_path / "out"
    found = run(recipe, out, teacher=teacher).result
    arms = {arm["name"]: arm for arm in found["arms"]}
    assert arms["taught"]["config"][0]["teacher"] == teacher
    assert "teacher" not in arms["mono"]["config"][0]
    assert f"--teacher {teacher}" in found["command"]

    kept = (out / "study.json").read_bytes()
    with pytest.raises(InputError, match="taught would be left out"):
        run(recipe, out)
    assert (out / "study.json").read_bytes() == kept


def test_another_teacher_makes_another_run(write_recipe, tmp_path, teacher):
    recipe = write_recipe(_taught)
    other = tmp_path / "other"
    static_encoder(pages("train"), dimensions=12, vocabulary=150, seed=4).save(str(other))
    first, second = (
        {one.arm: one.name for one in outline_of(recipe, tmp_path / "out", teacher=one).runs}
        for one in (teacher, str(other))
    )
    assert first["taught"] != second["taught"]
    assert first["mono"] == second["mono"]


def test_a_teacher_nobody_learns_from_is_refused(write_recipe, tmp_path, teacher):
    with pytest.raises(InputError, match="no arm that is run learns from a teacher"):
        outline_of(write_recipe(), tmp_path / "out", teacher=teacher)
    with pytest.raises(InputError, match="nowhere"):
        outline_of(write_recipe(_taught), tmp_path / "out", teacher=str(tmp_path / "nowhere"))
