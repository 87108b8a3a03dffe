"""Averages over query languages, as 2408.10536 takes them, beside those over queries."""

from __future__ import annotations

import json

import numpy as np
import pytest
from evaluation_helpers import make_collection, parallel_collection
from rich.console import Console

from isoglot.cli.tables import result_table
from isoglot.collections.building import collection_from_rows
from isoglot.evaluation import Result, compare_results, evaluate_embeddings
from isoglot.evaluation.statistics import draw_counts
from isoglot.studies.analysis.estimates import Frame

RANKINGS = {
    ("q0", "de"): (0, 1, 2, 3),  # d0 first, d1 second, …
    ("q0", "en"): (2, 1, 3, 0),
    ("q1", "de"): (2, 3, 0, 1),
    ("q2", "fr"): (0, 1, 3, 2),
    ("q3", "sw"): (0, 1, 2, 3),
}


def uneven(**options) -> Result:
    """Two queries in German; one in English; one in French, with an answer in one language only; one in Swahili,
    with none."""
    collection = collection_from_rows(
        [(f"d{at}", tag, "", f"document {at}") for at, tag in enumerate(("de", "en", "de", "en"))],
        [(name, tag, f"query {name} {tag}") for name, tag in RANKINGS],
        [("q0", "d0", 1), ("q0", "d1", 1), ("q1", "d2", 1), ("q1", "d3", 1), ("q2", "d2", 1)],
        name="uneven",
    )
    queries = np.zeros((5, 4))
    for row, (name, tag) in enumerate(
        zip(collection.query_ids.take(collection.query_index).to_pylist(), collection.query_language, strict=True)
    ):
        ranking = RANKINGS[name, collection.languages[tag]]
        queries[row, list(ranking)] = (4, 3, 2, 1)
    return evaluate_embeddings(queries, np.eye(4), collection, geometry=False, **options)


def random_result(collection, seed=0, **options) -> Result:
    rng = np.random.default_rng(seed)
    queries = rng.standard_normal((len(collection.query_index), 8))
    documents = rng.standard_normal((collection.documents.num_rows, 8))
    return evaluate_embeddings(queries, documents, collection, geometry=False, **options)


def test_uneven_languages_by_hand():
    result = uneven(bootstrap=0)
    # AP: de (1 + 1) / 2, en (1/2 + 2/4) / 2, fr 1/4
    assert result.multilingual["AP"] == pytest.approx((1 + 1 + 1 / 2 + 1 / 4) / 4)
    assert result.macro["multilingual"]["AP"] == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert result.macro["languages"] == 3  # none of the query without judgments
    # rank distance: de 1 and 1, en 2; the French query has no second language
    assert result.bias["rank_distance"] == pytest.approx(4 / 3)
    assert result.macro["bias"]["rank_distance"] == pytest.approx(3 / 2)
    assert result.macro["intervals"] is None


def test_as_many_queries_in_each_language_make_no_difference():
    result = random_result(parallel_collection(), bootstrap=100)
    macro = result.macro
    assert macro["languages"] == 3
    assert set(macro["multilingual"]) == set(result.multilingual) - {"queries", "documents"}
    assert {"rank_distance", "max_rank", "complete@10", "peer@10", "rank_correlation"} < set(macro["bias"])
    assert not any(name.startswith("recall_gap") for name in macro["bias"])  # no mean over queries
    for setting in ("multilingual", "bias"):
        for name, value in macro[setting].items():
            assert value == pytest.approx(getattr(result, setting)[name]), name
            assert macro["intervals"][setting][name] == pytest.approx(result.intervals[setting][name]), name


@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_intervals_by_the_slow_way(seed):
    collection = make_collection(seed, ids=15)
    result = random_result(collection, seed, bootstrap=60)
    places = {name: at for at, name in enumerate(collection.query_ids.to_pylist())}
    labels, all_ids = np.unique([places[name] for name in result.per_query["query_id"]], return_inverse=True)
    for setting, name in (("multilingual", "AP"), ("bias", "rank_distance")):
        values = result.per_query[name if setting == "bias" else f"multilingual_{name}"]
        kept = ~np.isnan(values)
        values, tags = values[kept], result.per_query["lang"][kept]
        ids = all_ids[kept]

        def mean(rows, values=values, tags=tags):
            means = []
            for tag in np.unique(tags):
                own = rows[tags[rows] == tag]
                means.append(values[own if len(own) else tags == tag].mean())
            return np.mean(means)

        assert result.macro[setting][name] == pytest.approx(mean(np.arange(len(values))))
        drawn = [
            mean(np.repeat(np.arange(len(values)), counts.astype(int)[ids]))
            for counts in next(draw_counts(len(labels), 60, seed=0))
        ]
        # draws fall short where languages have few queries: by how much, leaving out one query id at a time says
        center, present = mean(np.arange(len(values))), np.unique(ids)
        left_out = np.array([mean(np.flatnonzero(ids != one)) for one in present])
        residual = np.array([values[at] - values[tags == tags[at]].mean() for at in range(len(values))])
        weight = np.array([1 / ((tags == tag).sum() * len(np.unique(tags))) for tag in tags])
        of_draws = np.sqrt(sum((weight * residual)[ids == one].sum() ** 2 for one in present))
        shares = np.array([weight[ids == one].sum() for one in present])
        error = np.sqrt((shares**2).sum() * ((center - left_out) ** 2 / shares).sum()) * (1 - 1 / len(present))
        expected = center + (np.quantile(drawn, [0.025, 0.975]) - center) * max(1, error / of_draws)
        assert result.macro["intervals"][setting][name] == pytest.approx(expected)


def test_documents_of_one_language_have_no_bias_to_average():
    single = collection_from_rows(
        [(f"d{at}", "en", "", f"document {at}") for at in range(12)],
        [(f"q{at}", "en", f"query {at}") for at in range(12)],
        [(f"q{at}", f"d{at}", 1) for at in range(12)],
    )
    macro = random_result(single, bootstrap=20).macro
    assert set(macro["bias"].values()) == {None}
    assert macro["intervals"]["bias"] is None
    assert macro["languages"] == 1


def test_a_file_from_before_there_was_such_a_key(tmp_path):
    path = tmp_path / "r.json"
    result = uneven(bootstrap=0)
    result.save(path)
    content = json.loads(path.read_text())
    assert content.pop("macro") == result.macro
    path.write_text(json.dumps(content))
    old = Result.from_json(path)
    assert old.macro is None
    assert old.multilingual == result.multilingual
    assert "macro" not in shown(old)
    old.report(tmp_path / "old.html")


def test_comparisons_and_studies_weigh_queries_alike():
    collection = make_collection(3, ids=20)
    first, second = (random_result(collection, seed, bootstrap=0) for seed in (0, 1))
    plain, macro = (
        {one.measure: one for one in compare_results(first, second, macro=way, draws=50)} for way in (False, True)
    )
    for setting, column, name in (
        ("multilingual", "multilingual_AP", "AP"),
        ("bias", "rank_distance", "rank_distance"),
    ):
        assert macro[column].first == pytest.approx(first.macro[setting][name])
        assert macro[column].second == pytest.approx(second.macro[setting][name])
        assert macro[column].first != pytest.approx(plain[column].first)
        (figure,) = Frame(first).estimate([(column, None)], [first.per_query, second.per_query], macro=True)
        assert figure.seeds == pytest.approx([first.macro[setting][name], second.macro[setting][name]])
    assert macro["cross_lingual_AP"] == plain["cross_lingual_AP"]


def shown(result: Result) -> str:
    console = Console(width=120)
    with console.capture() as capture:
        console.print(result_table(result))
    return capture.get()


def test_shown_only_where_it_differs(tmp_path):
    for result, differs in ((uneven(bootstrap=20), True), (random_result(parallel_collection()), False)):
        assert ("AP, macro" in shown(result)) is differs
        page = tmp_path / f"{differs}.html"
        result.report(page)
        text = page.read_text(encoding="utf-8")
        assert ("multilingual, macro" in text) is differs
        assert ("mean of each query language" in text) is differs
        if differs:
            assert "0.583" in text
            assert "0.688" in text
