"""The card of a model: read back by the Hub's own client, kept by sentence-transformers, never doubled."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer

from isoglot.cli import main
from isoglot.collections import collection_from_rows, write_collection
from isoglot.encoders import static_encoder
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.evaluation.evaluator import flat_metrics
from isoglot.publishing import add_results, run_card
from isoglot.publishing.card import card_languages
from isoglot.publishing.markdown import plain, without_place
from isoglot.training import read_config, run_training

LICENCE, CITATION = "CC-BY-4.0", "A. Writer: Pages of a toy. 2024"


def run(folder, out, **more):
    given = {"data": str(folder), "out": str(out), "steps": 4, "batch_size": 4, "dimensions": 8, "vocabulary": 150}
    return run_training(read_config(None, given | {"validation": str(folder), "eval_steps": 2} | more))


@pytest.fixture(scope="module")
def toy_folder(toy, tmp_path_factory):
    folder = tmp_path_factory.mktemp("card") / "toy"
    toy.metadata.update(title="A toy", licence=LICENCE, citation=CITATION, source="https://example.org/toy")
    write_collection(toy, folder)
    toy.metadata.clear()
    return folder


@pytest.fixture(scope="module")
def trained(toy_folder, tmp_path_factory):
    out = tmp_path_factory.mktemp("trained") / "model"
    return out, run(toy_folder, out, query_prompt="query: ")


@pytest.fixture(scope="module")
def result(trained, toy):
    return evaluate(trained[1].model, toy, bootstrap=20)


@pytest.fixture
def folder(tmp_path, toy):
    static_encoder(toy, dimensions=8, vocabulary=150).save(str(tmp_path / "model"))
    return tmp_path / "model"


def card_at(folder) -> ModelCard:
    return ModelCard.load(folder / "README.md")


def grid(text: str, head: str) -> dict[tuple[str, str], str]:
    """Return the cells of the table whose first head begins so: (row, column) -> text."""
    lines = text[text.index(f"| {head}") :].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    size = next((at for at, line in enumerate(lines) if not line.startswith("|")), len(lines))
    return {(row[0], name): row[at] for row in rows[2:size] for at, name in enumerate(rows[0]) if at}


def test_the_hub_reads_what_validation_measured_of_these_weights(trained, toy):
    out, finished = trained
    card = card_at(out)
    assert card.data.language == ["de", "en", "th"]
    assert card.data.library_name == "sentence-transformers"
    assert {"sentence-transformers", "isoglot", "multilingual"} <= set(card.data.tags)
    told = {one.metric_type: one.metric_value for one in card.data.eval_results}
    assert {(one.task_type, one.dataset_name) for one in card.data.eval_results} == {
        ("information-retrieval", "toy")
    }
    expected = flat_metrics(evaluate(finished.model, toy, bootstrap=0, measures=("AP", "nDCG@10", "R@10")))
    assert told == pytest.approx({name: expected[name] for name in told}, abs=1e-6)
    assert {"multilingual_AP", "monolingual_R@10", "cross_lingual_nDCG@10", "rank_distance"} <= set(told)


def test_a_card_names_licence_citation_strategy_and_the_way_to_make_it_again(trained, tmp_path):
    text = (trained[0] / "README.md").read_text(encoding="utf-8")
    assert f"[A toy](https://example.org/toy): 6 queries, 6 documents, 3 languages. Licence: {LICENCE}." in text
    assert CITATION in text
    assert "Batches: `hybrid`. Hybrid batch training (arXiv 2408.10536)" in text
    assert "isoglot train isoglot-training.yaml --out my-model" in text
    assert str(tmp_path.parent) not in text  # no folder of this machine
    (block,) = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "shown.yaml").write_text(block, encoding="utf-8")
    assert read_config(tmp_path / "shown.yaml", {"out": "x"}).query_prompt == "query: "


def test_the_code_of_a_card_runs(trained):
    text = (trained[0] / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    exec(code.replace("path/to/this/folder", str(trained[0])), names)
    assert names["model"].similarity(names["queries"], names["documents"]).shape == (1, 2)
    assert '`"query: "` before a query' in text


def test_saving_the_model_again_keeps_the_card(trained, tmp_path):
    text = (trained[0] / "README.md").read_text(encoding="utf-8")
    trained[1].model.save(str(tmp_path / "as trained"))
    SentenceTransformer(str(trained[0])).save(str(tmp_path / "loaded"))
    for name in ("as trained", "loaded"):
        assert (tmp_path / name / "README.md").read_text(encoding="utf-8") == text


def test_figures_are_those_of_the_weights_that_are_saved(toy_folder, toy, tmp_path):
    run(toy_folder, tmp_path / "m", validation=None, eval_steps=None)
    card = card_at(tmp_path / "m")
    assert card.data.eval_results is None
    assert "isoglot evaluate path/to/this/folder DATA --json result.json" in card.text
    more = {"best_measure": "multilingual_AP", "steps": 10, "eval_steps": 1, "save_steps": 1}
    found = run(toy_folder, tmp_path / "best", **more, learning_rate=0.1)
    assert found.best["step"] < 10  # the toy is learned before
    best = card_at(tmp_path / "best")
    assert "the best by `multilingual_AP`" in best.text.replace("\\", "")
    told = {one.metric_type: one.metric_value for one in best.data.eval_results}
    assert told["multilingual_AP"] == pytest.approx(evaluate(found.model, toy, bootstrap=0).multilingual["AP"])


def test_results_are_written_once_however_often(folder, result):
    (folder / "README.md").write_text("---\nlicense: mit\ntags: [mine]\n---\n\n# Mine\n\nWords of mine.\n")
    add_results(folder, [result], split="test")
    once = (folder / "README.md").read_bytes()
    add_results(folder, [result], split="test")
    assert (folder / "README.md").read_bytes() == once
    card = card_at(folder)
    assert (card.data.license, card.data.tags, card.data.model_name) == ("mit", ["mine"], "Mine")
    assert {one.dataset_split for one in card.data.eval_results} == {"test"}
    assert "Words of mine." in card.text
    add_results(folder, [result])  # of which nobody says a split: another one
    assert (folder / "README.md").read_text(encoding="utf-8").count("### toy") == 2


def test_newer_figures_take_the_place_of_older_ones(folder, result, toy):
    add_results(folder, [result])
    better = evaluate(static_encoder(toy, dimensions=16, vocabulary=150, seed=5), toy, bootstrap=0)
    add_results(folder, [better])
    told = {one.metric_type: one.metric_value for one in card_at(folder).data.eval_results}
    assert told["multilingual_AP"] == pytest.approx(better.multilingual["AP"])
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert text.count("| language bias |") == 1


def test_tables_hold_the_figures_of_the_result(folder, result):
    add_results(folder, [result])
    text = (folder / "README.md").read_text(encoding="utf-8")
    cells = grid(text, "AP: questions in ↓, documents in →")
    assert cells == {(row["query_lang"], row["doc_lang"]): f"{row['AP']:.3f}" for row in result.pairs}
    low, high = result.intervals["multilingual"]["AP"]
    settings = grid(text, " | monolingual")
    assert settings["AP", "multilingual (one pool of all languages)"] == (
        f"{result.multilingual['AP']:.3f} [{low:.3f}, {high:.3f}]"
    )
    assert grid(text, "questions in")["th", "rank distance"] == (
        f"{result.bias['by_query_language']['th']['rank_distance']:.1f}"
    )


def test_a_folder_without_a_card_gets_one_and_what_is_no_model_folder_is_refused(folder, result, tmp_path):
    (folder / "README.md").unlink()
    add_results(folder, [result])
    assert card_at(folder).data.model_name == "model"
    with pytest.raises(InputError, match="is not a model folder"):
        add_results(tmp_path, [result])
    with pytest.raises(InputError, match="not of the model alone"):
        add_results(folder, [replace(result, fair={"method": "fuse"})])
    (folder / "README.md").write_text("---\n- a list\n---\n")
    with pytest.raises(InputError, match=r"README\.md is not that of a model card"):
        add_results(folder, [result])


def test_names_are_text_and_never_markup(folder, toy):
    hostile = collection_from_rows(
        [("d", "en", "", "one text"), ("e", "de", "", "ein Text")],
        [("q", "en", "text"), ("q", "de", "Text")],
        [("q", "d", 1), ("q", "e", 1)],
        name="a | b\n# c <!-- isoglot /results --> [x](javascript:y)",
    )
    measured = evaluate(static_encoder(toy, dimensions=8, vocabulary=150), hostile, bootstrap=0)
    for _ in range(2):
        add_results(folder, [measured])
    text = card_at(folder).text
    assert text.count("<!-- isoglot /results -->") == 1
    assert "\n# c" not in text
    assert "[x](" not in text
    assert plain("a|b\n<i>") == r"a\|b &lt;i&gt;"


def test_languages_are_codes_the_hub_takes():
    assert card_languages(["no", "zh-Hant", "zh", "pt-BR", "yue"]) == ["no", "zh", "pt", "yue"]
    settings = {"strategy": "mixed", "encoder": "static", "batch_size": 2, "seed": 0}
    data = {"name": "d", "queries": 1, "documents": 1, "languages": ["no"]}
    record = {"languages": ["no"], "steps": 1, "versions": {}, "data": [data]}
    assert ModelCard(run_card(settings, record, prompts={})).data.language == ["no"]  # which YAML takes for false


@pytest.mark.parametrize(
    ("value", "shown"),
    [("/home/me/data", "data"), ("~/data/", "data"), (r"C:\data\mine", "mine"), ("data/mine", "data/mine")],
)
def test_folders_of_the_machine_are_left_out(value, shown):
    assert without_place(value) == shown


def test_the_command_line_writes_a_result_into_a_card(trained, toy_folder, tmp_path, capsys):
    out = trained[0]
    assert (
        main(["evaluate", str(out), str(toy_folder), "--json", str(tmp_path / "r.json"), "--bootstrap", "0"]) == 0
    )
    assert f"isoglot card {out} {tmp_path / 'r.json'}" in capsys.readouterr().out
    assert main(["card", str(out), str(tmp_path / "r.json"), "--split", "test"]) == 0
    said = capsys.readouterr()
    assert "has what was measured on toy" in said.out
    assert said.err == ""
    assert "test" in {one.dataset_split for one in card_at(out).data.eval_results}
    other = tmp_path / "other"
    SentenceTransformer(str(out)).save(str(other))
    assert main(["card", str(other), str(tmp_path / "r.json")]) == 0
    assert "see that this is the same model" in capsys.readouterr().err
    assert main(["card", str(tmp_path / "none"), str(tmp_path / "r.json")]) == 2
