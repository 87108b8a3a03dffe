"""The benchmark profiles as they are packaged, with small encoders and small data in the publishers' forms.

Of a recipe only sizes are cut, and names of encoders replaced by folders. Data keeps its names: what is downloaded
elsewhere is here copied from files, or read by mteb's own loading from folders in the form of the hub.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from study_helpers import outline_of

from isoglot.cli import main
from isoglot.data.catalogue import find_entry
from isoglot.data.catalogue.loading import copy_of, load_splits
from isoglot.errors import InputError
from isoglot.files import read_yaml
from isoglot.studies.arms import expand_arms
from isoglot.studies.library import Library
from isoglot.studies.plan import make_plan
from isoglot.studies.recipe import DataSource
from isoglot.studies.recipe_files import RECIPES, read_recipe, recipe_names
from isoglot.training.config import ScheduleConfig

STEPS = {20000: 4, 2000: 4, 1000: 2}
ALONG = [0, 2, 4]
RESEARCH = [name for name in recipe_names() if name != "demo"]
"""Recipes that have a benchmark profile."""
SEEDS = {"alignment": [0, 1], "adversarial": [0, 1]}
"""Two, where a geometry is compared, whose test is over seeds."""
TAUGHT = {"methods": "xlm-roberta-base"}
"""Recipes with arms that learn from a teacher, and who teaches them here."""
WHOLE = {"paper": ["miracl-whole"]}
"""Evaluations that are made only of collections too large to be downloaded unasked."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Data that can be loaded by its names; names of encoders -> folders."""
    mteb = pytest.importorskip("mteb", reason="the extra mteb is not installed")
    import datasets
    import sentence_transformers
    from benchmark_files import MIRACL, TASKS, hub_rows, write_encoders, write_large, write_published
    from mteb_helpers import write_hub_folder

    root = tmp_path_factory.mktemp("world")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ISOGLOT_DATA", str(root / "data"))
        patch.setattr(datasets.config, "HF_DATASETS_CACHE", root / "hub-cache")
        # cards of models that nobody keeps would take a sixth of the time
        patch.setattr(sentence_transformers.SentenceTransformer, "_create_model_card", lambda *_, **__: None)
        for name in ("mlqa", "xquad-r", "mlqa-r", "dream", "mkqa", "afriqa", "squadshifts"):
            folder = write_published(root / "published" / name, name)
            assert main(["data", "get", name, "--from", str(folder), "--quiet"]) == 0
            assert not any(one.metadata.get("left_out") for one in load_splits(name).values())
        write_large(copy_of(find_entry("mmarco")))
        for name, split in TASKS.items():
            folder = root / "hub" / name
            folder.mkdir(parents=True)
            task = type(mteb.get_task(name))
            changes: dict[str, Any] = {"dataset": {"path": str(folder), "revision": "main"}}
            if task.metadata.is_multilingual:
                parts = {tag: hub_rows(tag, f"{name} {tag}") for tag in MIRACL}
                changes["eval_langs"] = MIRACL
            else:
                parts = {None: hub_rows("zh" if name == "DuRetrieval" else "en", name)}
            write_hub_folder(folder, parts, split)
            patch.setattr(task, "metadata", task.metadata.model_copy(update=changes))
        yield write_encoders(root / "models")


def cut(value: Any, encoders: dict[str, str], key: str = "") -> Any:
    """Return a part of a recipe with fewer steps and smaller batches, and folders for names of encoders."""
    if isinstance(value, dict):
        return {one: cut(each, encoders, one) for one, each in value.items()}
    if key == "along":
        return ALONG
    if key == "trials":
        value = value[:2]
    if isinstance(value, list):
        return [cut(each, encoders) for each in value]
    small = {"batch_size": 4, "save_steps": 4, "eval_steps": 2}
    if key == "steps":
        return STEPS[value]  # any other number would be one of another profile
    return encoders[value] if key == "encoder" else small.get(key, value)


def write_small(name: str, encoders: dict[str, str], folder: Path) -> Path:
    recipe = read_yaml(RECIPES / f"{name}.yaml", "question: …")
    profile = cut(recipe["profiles"]["benchmark"], encoders)
    profile["seeds"] = SEEDS.get(name, [0])
    if name in TAUGHT:  # of its multiway batches, with one query in them there would be nothing to tell apart
        profile["train"]["batch_size"] = 24
    for grid in profile.get("grids", []):
        if "alpha" in grid["over"]:
            grid["over"]["alpha"] = [0.0, 0.4, 0.5, 0.6, 1.0]
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**recipe, "profiles": {"benchmark": profile}}, sort_keys=False), "utf-8")
    return path


def found_values(estimates: dict[str, Any], measure: str) -> list[float]:
    settings = ("monolingual", "cross_lingual", "multilingual")
    found = ((estimates.get(setting) or {}).get(measure) for setting in settings)
    return [one["mean"] for one in found if one is not None and one["mean"] is not None]


@pytest.mark.slow
@pytest.mark.parametrize("name", RESEARCH)
def test_a_benchmark_profile_runs_and_leaves_nothing_out(name, world, tmp_path, capsys):
    path, out = write_small(name, world, tmp_path), tmp_path / "out"
    command = ["study", "run", str(path), "--profile", "benchmark", "--out", str(out), "--jobs", "1"]
    command += ["--teacher", world[TAUGHT[name]]] if name in TAUGHT else []
    assert main([*command, "--dry-run"]) == 0
    dry = capsys.readouterr().out
    assert not out.exists()
    status = main(command)
    said = capsys.readouterr()
    assert status == 0, said.err
    assert "Estimate for all runs:" in dry
    assert "Estimate for all runs:" in said.out
    runs = [json.loads(file.read_text()) for file in out.glob("runs/*/run.json")]
    count = next(line for line in dry.splitlines() if line.startswith(f"{name}, benchmark:"))
    assert f" {len(runs)} runs, " in count
    assert count.partition(", measured on")[0] in said.out  # what large collections there are shows when it runs

    result = json.loads((out / "study.json").read_text())
    profile = read_recipe(str(path)).profiles["benchmark"]
    assert [one["name"] for one in result["left_out"]] == WHOLE.get(name, [])
    assert result["notes"] == []
    assert [arm["name"] for arm in result["arms"]] == list(expand_arms(profile))
    for arm in result["arms"]:
        assert not arm["failures"]
        for evaluation in profile.evaluate:
            if evaluation.name in WHOLE.get(name, []):
                continue
            estimates = arm["estimates"][evaluation.name]
            for measure in evaluation.measures:
                assert found_values(estimates, measure), (arm["name"], evaluation.name, measure)
            assert ("geometry" in estimates) == evaluation.geometry
            assert ("by_language" in estimates) == evaluation.by_language
            if evaluation.along and arm["trained"]:
                assert [point["step"] for point in arm["along"][evaluation.name]] == ALONG
    compared = len(result["arms"]) - 1 if profile.winner is not None else 0
    assert len(result["decisive"]) == len(profile.decisive) + compared
    for one in result["decisive"]:
        assert one["verdict"] != "not measured", (one["first"], one["second"], one["reason"])
        assert one["p_holm"] is not None
    assert all(claim["holds"] for claim in result["zero_shot"]), result["zero_shot"]
    assert result["comparable"]["holds"] is not None
    published = result["published"]
    assert (published is None) == (profile.published is None)
    if published is not None:  # every figure of the source, but for those of what was left out
        wanted = {
            (one.on, one.setting, one.measure, arm)
            for one in read_recipe(name).published.figures
            for arm in one.arms
        }
        found = {(one["evaluation"], one["setting"], one["measure"], one["arm"]) for one in published["figures"]}
        assert found == {one for one in wanted if one[0] not in WHOLE[name]}
    page = (out / "study.html").read_text(encoding="utf-8")
    for arm in result["arms"]:
        assert arm["name"] in page


@pytest.mark.parametrize("name", RESEARCH)
def test_what_a_packaged_benchmark_profile_needs_is_known_by_name(name, tmp_path, monkeypatch):
    """Also where the folder of data has some of the publishers' files, which no form says how to read."""
    from benchmark_files import write_published

    for known in ("dream", "mkqa", "afriqa"):
        write_published(tmp_path / known, known)
    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path))
    outline = outline_of(name, tmp_path / "out", profile="benchmark", teacher=TAUGHT.get(name))
    assert outline.plan.left_out == []
    assert outline.cost.gpu_hours > 0
    assert outline.cost.assumed == ()
    assert outline.runs
    assert all(run.name is None for run in outline.runs)
    assert len(outline.notes) == len({source.collection for source in outline.plan.profile.data.values()})


@pytest.mark.parametrize("name", recipe_names())
def test_schedules_end_with_the_training(name):
    recipe = read_recipe(name)
    for profile in recipe.profiles:
        encoder = "a-model" if profile == "pretrained" else None
        for planned in make_plan(recipe, profile, name, encoder=encoder).arms.values():
            for stage in planned.stages:
                if isinstance(stage.alpha, ScheduleConfig):
                    assert stage.alpha.steps == stage.steps, (profile, planned.name)


def test_a_wrong_split_of_data_that_is_here_is_no_absence(tmp_path, monkeypatch):
    from benchmark_files import write_published

    monkeypatch.setenv("ISOGLOT_DATA", str(tmp_path))
    write_published(tmp_path / "dream", "dream")
    assert Library({"dream": DataSource(collection="dream", split="test")}, []).load("dream").queries.num_rows == 8
    with pytest.raises(InputError, match="dream has no split 'validation'; its splits are"):
        Library({"dream": DataSource(collection="dream", split="validation", optional=True)}, []).load("dream")
