"""The demo: small, but the whole way from building to the page; and intervals over seeds and queries."""

from __future__ import annotations

import numpy as np
import pytest

from isoglot.cli import main
from isoglot.errors import InputError
from isoglot.evaluation import Result, evaluate_embeddings
from isoglot.studies import Arm, run_demo, summarise
from isoglot.studies.demo import DEMO_STRATEGIES


def random_result(collection, seed: int) -> Result:
    rng = np.random.default_rng(seed)
    shapes = (collection.queries.num_rows, 8), (collection.documents.num_rows, 8)
    return evaluate_embeddings(*(rng.standard_normal(shape) for shape in shapes), collection, bootstrap=50)


def test_the_demo_trains_four_strategies_and_writes_what_it_found(tmp_path, capsys):
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--seeds", "2", "--steps", "40", "--languages", "en,de,th"]) == 0
    shown = capsys.readouterr().out
    for arm in ("monolingual", "cross-lingual", "hybrid", "multiway"):
        assert arm in shown
    page = (out / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!doctype html>") or page.startswith("<!DOCTYPE html>")
    results = {path.name for path in (out / "results").glob("*.json")}
    assert results == {f"{name}-{seed}.json" for name in DEMO_STRATEGIES for seed in range(2)}
    assert (out / "model" / "modules.json").is_file()
    assert main(["evaluate", str(out / "model"), "worldfacts", "--bootstrap", "0"]) == 0


def test_hybrid_batches_cross_languages_where_monolingual_ones_do_not(tmp_path):
    demo = run_demo(tmp_path / "demo", seeds=1, steps=150, languages=("de", "en", "ru"))
    mean = {(e.arm, e.setting, e.measure): e.mean for e in demo.estimates}
    assert mean["hybrid", "cross_lingual", "AP"] > 1.5 * mean["monolingual", "cross_lingual", "AP"]
    assert mean["hybrid", "bias", "rank_distance"] < 0.7 * mean["monolingual", "bias", "rank_distance"]
    assert mean["multiway", "cross_lingual", "AP"] > 1.5 * mean["monolingual", "cross_lingual", "AP"]
    # no kind of batch is better for having read more
    assert demo.texts["multiway"] == pytest.approx(demo.texts["hybrid"], rel=0.1)
    said = demo.report.read_text(encoding="utf-8")
    assert all(f"{round(demo.texts[name]):,} texts with" in said for name in DEMO_STRATEGIES)


def test_estimates_are_the_means_of_the_results(toy):
    arm = Arm("random", [random_result(toy, seed) for seed in range(4)])
    figures = [
        ("monolingual", "AP"),
        ("cross_lingual", "nDCG@10"),
        ("multilingual", "AP"),
        ("bias", "rank_distance"),
    ]
    for estimate in summarise(arm, figures):
        values = [getattr(result, estimate.setting)[estimate.measure] for result in arm.results]
        assert estimate.mean == pytest.approx(np.mean(values), abs=1e-9)
        assert estimate.low <= estimate.mean <= estimate.high
        assert estimate.seeds == 4


def test_an_interval_adds_the_errors_of_queries_and_of_seeds(toy):
    results = [random_result(toy, seed) for seed in range(3)]
    for result, value in zip(results, (0.4, 0.5, 0.6), strict=True):
        result.multilingual["AP"] = value
        result.intervals["multilingual"]["AP"] = [value - 0.03, value + 0.03]
    (same,) = summarise(Arm("same", [results[1]] * 3), [("multilingual", "AP")])
    assert (same.low, same.high) == pytest.approx((0.47, 0.53))  # equal seeds: the bootstrap over queries alone
    (three,) = summarise(Arm("three", results), [("multilingual", "AP")])
    spread = 1.96 * ((0.03 / 1.96) ** 2 + 0.1**2 / 3) ** 0.5
    assert (three.low, three.high) == pytest.approx((0.5 - spread, 0.5 + spread), abs=1e-5)


def test_what_cannot_be_summarised_is_named(toy):
    with pytest.raises(InputError, match="the arm none has no results"):
        summarise(Arm("none"), [("multilingual", "AP")])
    with pytest.raises(InputError, match="has no multilingual WER with an interval"):
        summarise(Arm("one", [random_result(toy, 0)]), [("multilingual", "WER")])
    with pytest.raises(InputError, match="at least one seed"):
        run_demo("nowhere", seeds=0)
