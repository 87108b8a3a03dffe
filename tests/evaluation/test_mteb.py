import json

import numpy as np
import pytest

from isoglot.cli import main
from isoglot.data.mteb import collection_from_mteb, local_task
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.evaluation.mteb import BenchmarkResult, evaluate_mteb
from isoglot.studies.library import translations_view

pytest.importorskip("mteb", reason="the extra mteb is not installed")


@pytest.fixture(scope="module")
def toy_encoder(toy):
    return static_encoder(toy, vocabulary=300, dimensions=32)


def test_a_folder_gives_the_figures_of_our_own_evaluation(shared_data):
    task = local_task(shared_data / "cranfield", name="Cranfield", language="en", lenient=True)
    collection = task.read()
    model = static_encoder(collection, vocabulary=8000)
    seen = {}
    task.task_specific_scores = lambda scores, *_, **__: seen.update(scores) or {}
    result = evaluate_mteb(model, task, batch_size=512)
    ours = evaluate(
        model,
        collection,
        measures=("nDCG@10", "AP@1000", "R@100", "RR@10", "Success@10"),
        bootstrap=0,
        geometry=False,
    ).multilingual
    exact = np.mean([scores["ndcg_cut_10"] for scores in seen.values()])  # mteb rounds its means to five decimals
    assert len(seen) == ours["queries"] == 225
    assert exact == pytest.approx(ours["nDCG@10"], abs=1e-6)
    theirs = result.scores["test"]["default"]
    assert result.main_score == theirs["ndcg_at_10"] == pytest.approx(ours["nDCG@10"], abs=6e-6)
    assert theirs["map_at_1000"] == pytest.approx(ours["AP@1000"], abs=6e-6)
    assert theirs["recall_at_100"] == pytest.approx(ours["R@100"], abs=6e-6)
    assert theirs["mrr_at_10"] == pytest.approx(ours["RR@10"], abs=1e-6)
    assert theirs["hit_rate_at_10"] == pytest.approx(ours["Success@10"], abs=6e-6)


def test_language_pairs_and_pool_agree_with_our_own_evaluation(toy, toy_encoder):
    result = evaluate_mteb(toy_encoder, local_task(toy))
    ours = evaluate(toy_encoder, toy, measures=("nDCG@10",), bootstrap=0, geometry=False)
    theirs = {subset: scores["ndcg_at_10"] for subset, scores in result.scores["test"].items()}
    expected = {f"{row['query_lang']}-{row['doc_lang']}": row["nDCG@10"] for row in ours.pairs}
    assert theirs == pytest.approx({**expected, "multilingual": ours.multilingual["nDCG@10"]}, abs=6e-6)
    assert len(theirs) == 10
    assert result.languages == ["de", "en", "th"]


def test_queries_that_look_for_translations_are_not_sought_in_their_own_language(toy, toy_encoder):
    view = translations_view(toy)
    result = evaluate_mteb(toy_encoder, local_task(view))
    ours = evaluate(toy_encoder, view, measures=("nDCG@10",), bootstrap=0, geometry=False)
    theirs = {subset: scores["ndcg_at_10"] for subset, scores in result.scores["test"].items()}
    expected = {f"{row['query_lang']}-{row['doc_lang']}": row["nDCG@10"] for row in ours.pairs}
    assert len(expected) == 6
    assert theirs == pytest.approx(expected, abs=6e-6)  # and no pool, in which mteb would let a query find itself


def test_only_the_languages_wanted_are_in_the_pool(toy, toy_encoder):
    task = local_task(toy)
    result = evaluate_mteb(toy_encoder, task, languages=["de", "th"])
    assert set(result.scores["test"]) == {"de-de", "de-th", "th-de", "th-th", "multilingual"}
    assert result.languages == ["de", "th"]
    assert set(task.dataset["multilingual"]["test"]["corpus"]["id"]) == {"de/tar", "de/ls", "th/tar", "th/ls"}
    part = collection_from_mteb(local_task(toy), languages=["de"])
    assert part.languages == ("de",)
    with pytest.raises(InputError, match="no language 'fr'"):
        evaluate_mteb(toy_encoder, local_task(toy), languages=["fr"])


def test_prompts_of_the_model_are_used(toy):
    model = static_encoder(toy, vocabulary=300, dimensions=32)
    plain = evaluate_mteb(model, local_task(toy)).scores
    model.prompts = {"query": "tar unpacks archives ", "document": ""}
    prompted = evaluate_mteb(model, local_task(toy))
    ours = evaluate(model, toy, measures=("nDCG@10", "RR@10"), bootstrap=0, geometry=False).multilingual
    theirs = prompted.scores["test"]["multilingual"]
    assert prompted.scores != plain
    assert theirs["ndcg_at_10"] == pytest.approx(ours["nDCG@10"], abs=6e-6)
    assert theirs["mrr_at_10"] == pytest.approx(ours["RR@10"], abs=1e-6)


def test_the_result_file_round_trips_and_is_plain_json(toy, toy_encoder, tmp_path):
    result = evaluate_mteb(toy_encoder, local_task(toy, name="Toy"))
    result.to_json(tmp_path / "deep" / "result.json")
    content = json.loads(
        (tmp_path / "deep" / "result.json").read_text(encoding="utf-8"), parse_constant=pytest.fail
    )
    assert content["benchmark"] == "mteb"
    assert content["task"] == "Toy"
    assert content["split"] == "test"
    assert content["measure"] == "ndcg_at_10"
    assert set(content["seconds"]) == {"load", "evaluate"}
    assert content["versions"]["mteb"].startswith("2.")
    assert BenchmarkResult.from_json(tmp_path / "deep" / "result.json") == result
    (tmp_path / "bad.json").write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match="lacks 'benchmark'"):
        BenchmarkResult.from_json(tmp_path / "bad.json")
    with pytest.raises(InputError, match="cannot read"):
        BenchmarkResult.from_json(tmp_path / "none.json")


def test_nothing_is_written_to_the_screen(toy, toy_encoder, capfd):
    evaluate_mteb(toy_encoder, local_task(toy))
    out, err = capfd.readouterr()
    assert out == err == ""


def test_two_models_without_a_name_do_not_share_results(toy):
    results = [
        evaluate_mteb(static_encoder(toy, vocabulary=300, dimensions=8, seed=seed), local_task(toy)).scores
        for seed in (0, 1)
    ]
    assert results[0] != results[1]


def test_mteb_itself_reads_the_results_that_are_written_in_its_form(toy, toy_encoder, tmp_path):
    from mteb import ResultCache

    result = evaluate_mteb(toy_encoder, local_task(toy), mteb_results=tmp_path, name=str(tmp_path / "my-model"))
    other = static_encoder(toy, vocabulary=300, dimensions=8)
    evaluate_mteb(other, local_task(toy), mteb_results=tmp_path, name="else/where")
    read = {one.model_name: one for one in ResultCache(tmp_path).load_results(include_remote=False).model_results}
    assert set(read) == {"isoglot/my-model", "else/where"}
    (task,) = read["isoglot/my-model"].task_results
    assert (task.task_name, read["isoglot/my-model"].model_meta.name) == (result.task, "isoglot/my-model")
    assert task.get_score() == pytest.approx(result.main_score, abs=1e-6)
    read_scores = {one["hf_subset"]: one["ndcg_at_10"] for one in task.scores["test"]}
    expected = {subset: scores["ndcg_at_10"] for subset, scores in result.scores["test"].items()}
    assert read_scores == pytest.approx(expected, abs=1e-6)
    german = task.get_score(languages=["deu"])  # by mteb's own codes
    of_german = [value for name, value in expected.items() if "de" in name or name == "multilingual"]
    assert german == pytest.approx(np.mean(of_german), abs=1e-6)


def test_models_of_one_name_and_other_weights_do_not_overwrite_each_other(toy, toy_encoder, tmp_path):
    for model in (toy_encoder, static_encoder(toy, vocabulary=300, dimensions=8), toy_encoder):
        evaluate_mteb(model, local_task(toy), mteb_results=tmp_path, name="me/model")
    assert len([*tmp_path.glob("results/me__model/*/*.json")]) == 4  # a result and what the model is, of two models


def test_mteb_results_are_of_tasks_of_mteb(tmp_path, capsys):
    assert main(["evaluate", "bm25", "worldfacts", "--mteb-results", str(tmp_path)]) == 2
    assert "--mteb-results goes with mteb:TASK, without --pool" in capsys.readouterr().err
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        evaluate_mteb(None, "NFCorpus", mteb_results=tmp_path / "file")
