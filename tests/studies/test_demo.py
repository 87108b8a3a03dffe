"""The demo: small, but the whole way from building to the page."""

from __future__ import annotations

import pytest

from isoglot.cli import main
from isoglot.studies import StudyRequest, run_study, runner
from isoglot.studies.recipe_files import demo_recipe, read_recipe

STRATEGIES = ("monolingual", "cross_lingual", "hybrid", "multiway")


def test_the_demo_trains_four_strategies_and_writes_what_it_found(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(runner, "count_cores", lambda: 1)  # workers would take longer to start than all else
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--seeds", "2", "--steps", "40", "--languages", "en,de,th"]) == 0
    shown = capsys.readouterr().out
    for arm in ("monolingual", "cross-lingual", "hybrid", "multiway"):
        assert arm in shown
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    results = {path.name for path in (out / "results").glob("*.json")}
    assert results == {f"{name}-{seed}.json" for name in STRATEGIES for seed in range(2)}
    assert (out / "model" / "modules.json").is_file()
    assert main(["evaluate", str(out / "model"), "worldfacts", "--bootstrap", "0"]) == 0


def test_hybrid_batches_cross_languages_where_monolingual_ones_do_not(tmp_path):
    recipe = demo_recipe(150, ("de", "en", "ru"))
    result = run_study(StudyRequest(recipe, tmp_path / "demo", seeds=[0]), jobs=1).result

    def mean(arm, setting, measure):
        return result.arm(arm).figure("test", setting, measure).mean

    assert mean("hybrid", "cross_lingual", "AP") > 1.5 * mean("monolingual", "cross_lingual", "AP")
    assert mean("hybrid", "bias", "rank_distance") < 0.7 * mean("monolingual", "bias", "rank_distance")
    assert mean("multiway", "cross_lingual", "AP") > 1.5 * mean("monolingual", "cross_lingual", "AP")
    # no kind of batch is better for having read more
    tokens = {arm.name: arm.tokens["0"] for arm in result.arms}
    assert tokens["multiway"] == pytest.approx(tokens["hybrid"], rel=0.1)
    assert result.comparable.values == pytest.approx(tokens)


def test_the_demo_runs_the_recipe_that_is_shown_but_for_its_steps_and_languages():
    shown, run = read_recipe("demo"), demo_recipe(7, ["de", "en"])
    profiles = [one.profiles["embedded"].model_dump() for one in (shown, run)]
    assert profiles[1]["train"].pop("steps") == 7
    assert profiles[0]["train"].pop("steps") == 450
    for source in profiles[1].pop("data").values():
        assert source["languages"] == ["de", "en"]
    del profiles[0]["data"]
    assert profiles[0] == profiles[1]
    assert demo_recipe(450) == shown
