"""`isoglot evaluate` on models, embeddings, runs and BM25; `isoglot compare`; and what both refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from isoglot.cli import main
from isoglot.collections import Collection, collection_from_rows, write_collection
from isoglot.errors import InputError
from isoglot.evaluation import Result

TAGS = ("de", "en", "fr")


def make(ids: int = 15, extra: int = 0) -> Collection:
    documents = [(f"{tag}/{at}", tag, "", f"answer {at} {tag}") for tag in TAGS for at in range(ids + extra)]
    queries = [(f"q{at}", tag, f"question {at} {tag}") for at in range(ids) for tag in TAGS]
    qrels = [(f"q{at}", f"{tag}/{at}", 1) for at in range(ids) for tag in TAGS]
    return collection_from_rows(documents, queries, qrels, name="small")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "small"
    write_collection(make(), folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    from isoglot.encoders import static_encoder

    folder = tmp_path_factory.mktemp("model") / "static"
    static_encoder(make(), dimensions=16, vocabulary=100).save(str(folder))
    return folder


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch) -> Path:
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def embeddings(tmp_path) -> tuple[Path, Path]:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "api-q.npy", rng.standard_normal((45, 8)))
    np.save(tmp_path / "api-d.npy", rng.standard_normal((45, 8)))
    return tmp_path / "api-q.npy", tmp_path / "api-d.npy"


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def evaluate(to: Path, *arguments: object) -> dict:
    assert run("evaluate", *arguments, "--json", to, "--bootstrap", 20) == 0
    return json.loads(to.read_text())


def complaint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run(*arguments) == 2
    said = capsys.readouterr()
    assert "Traceback" not in said.out + said.err
    (line,) = [line for line in said.err.splitlines() if line.strip()]
    assert line.startswith("isoglot: ")
    return line


def test_every_source_gives_a_result_and_its_own_run_gives_the_same(data, model, embeddings, tmp_path):
    pair = f"embeddings:{embeddings[0]},{embeddings[1]}"
    for at, (source, name) in enumerate([(model, str(model)), (pair, "api-q"), ("bm25", "bm25")]):
        result = evaluate(tmp_path / f"{at}.json", source, data, "--trec-run", tmp_path / str(at))
        assert result["model"] == name
        again = evaluate(tmp_path / "run.json", f"run:{tmp_path / str(at) / 'multilingual.run'}", data)
        assert again["multilingual"] == result["multilingual"]
        assert again["bias"]["rank_distance"] == result["bias"]["rank_distance"]
        assert again["geometry"] is None
        if source != "bm25":  # which ranks a language by its own statistics
            assert again["pairs"] == result["pairs"]


def test_a_fair_ranking_is_shown_beside_the_system_s_own(data, embeddings, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    source, page = f"embeddings:{embeddings[0]},{embeddings[1]}", tmp_path / "page.html"
    result = evaluate(tmp_path / "fair.json", source, data, "--name", "api", "--fair", "fuse", "--html", page)
    assert (result["fair"], result["model"]) == ("fuse", "api, fuse")
    told = capsys.readouterr().out
    assert "api, fuse on" in told
    assert "against api; p by paired randomisation" in told
    assert "own_language_share@10" in told
    text = page.read_text()
    assert "What the paired tests show" in text
    assert "api, fuse" in text
    own = evaluate(tmp_path / "own.json", source, data, "--name", "api")
    assert own["fair"] is None
    assert own["monolingual"] == result["monolingual"]
    assert run("compare", tmp_path / "own.json", tmp_path / "fair.json") == 0
    bound = evaluate(tmp_path / "bound.json", "bm25", data, "--fair", "oracle")
    assert bound["model"] == "bm25, oracle (upper bound)"
    line = complaint(capsys, "evaluate", "bm25", data, "--fair", "fuze")
    assert "did you mean fuse" in line
    line = complaint(capsys, "evaluate", "bm25", "mteb:NFCorpus", "--fair", "fuse")
    assert "--fair does not apply" in line


def biased(tmp_path: Path) -> tuple[Path, Path]:
    """Embeddings that find every answer within a language, and none of another one's."""
    tags, entries = np.eye(3), np.eye(15)
    rows = np.array([np.concatenate([3 * tags[tag], entries[at]]) for tag in range(3) for at in range(15)])
    asked = np.array([np.concatenate([3 * tags[tag], entries[at]]) for at in range(15) for tag in range(3)])
    np.save(tmp_path / "q.npy", asked)
    np.save(tmp_path / "d.npy", rows)
    return tmp_path / "q.npy", tmp_path / "d.npy"


def test_what_to_try_next_is_what_the_source_allows(data, tmp_path, capsys):
    queries, documents = biased(tmp_path)
    source = f"embeddings:{queries},{documents}"
    assert run("evaluate", source, data, "--bootstrap", 0) == 0
    said = capsys.readouterr().out
    assert f"For fewer of the question's own language: isoglot evaluate {source} {data} --fair fuse" in said
    assert "train on hybrid batches" not in said  # every answer is found across languages
    assert "isoglot repair" not in said
    assert run("evaluate", source, data, "--bootstrap", 0, "--fair", "fuse") == 0
    assert "--fair fuse" not in capsys.readouterr().out.partition("Figures and the worst questions")[0]


def test_options_of_models(data, model, cache, tmp_path):
    first = evaluate(tmp_path / "a.json", model, data, "--measures", "AP, P@3", "--name", "mine")
    assert set(first["multilingual"]) == {"AP", "P@3", "queries", "documents"}
    assert first["model"] == "mine"
    assert len(list(cache.rglob("*.npy"))) == 2
    small = evaluate(
        tmp_path / "b.json", model, data, "--truncate-dim", 2, "--batch-size", 7, "--batch-tokens", 99, "--no-cache"
    )
    assert small["multilingual"]["AP"] != first["multilingual"]["AP"]
    assert len(list(cache.rglob("*.npy"))) == 2
    evaluate(
        tmp_path / "b.json", model, data, "--dtype", "bfloat16", "--device", "cpu", "--cache", tmp_path / "own"
    )
    assert len(list((tmp_path / "own").rglob("*.npy"))) == 2
    again = evaluate(tmp_path / "c.json", model, data, "--measures", "AP,P@3", "--memory", "1KiB")
    assert again["multilingual"] == first["multilingual"]
    for name in ("rank_correlation", "mrc@10"):
        assert again["bias"][name] == pytest.approx(first["bias"][name])
    fewer = evaluate(tmp_path / "d.json", model, data, "--no-rank-correlation")
    assert (fewer["bias"]["rank_correlation"], fewer["bias"]["mrc@10"]) == (None, None)
    assert fewer["bias"]["rank_distance"] == first["bias"]["rank_distance"]


def test_several_dimensions_have_a_result_file_each_and_one_table_and_page(data, model, tmp_path, capsys):
    page, file = tmp_path / "r.html", tmp_path / "r.json"
    given = ("--truncate-dim", "4,16", "--quantize", "binary", "--bootstrap", 10, "--json", file, "--html", page)
    assert run("evaluate", model, data, *given) == 0
    said = capsys.readouterr().out
    names = " ".join(line.split("│")[1].strip() for line in said.splitlines() if "│" in line)  # broken over lines
    assert "4 dimensions, binary" in names
    assert not file.exists()
    found = [Result.from_json(tmp_path / f"r-{size}.json") for size in (4, 16)]
    assert [result.made["truncate_dim"] for result in found] == [4, 16]
    assert {result.made["quantize"] for result in found} == {"binary"}
    assert all(len(result.per_query["row"]) for result in found)
    assert "16 dimensions, binary" in page.read_text()
    assert run("evaluate", model, data, "--quantize", "int8", "--bootstrap", 0, "--json", file) == 0
    assert Result.from_json(file).made["quantize"] == "int8"


def test_of_a_chosen_pool_no_worst_questions_are_shown_whatever_the_dimensions(data, model, tmp_path):
    def shown(*more):
        page = tmp_path / "page.html"
        command = ["evaluate", str(model), str(data), "--bootstrap", "0", "--html", str(page), "--quiet"]
        assert main([*command, "--truncate-dim", *more]) == 0
        return 'id="worst"' in page.read_text(encoding="utf-8")

    languages = ["--pool-languages", "own,en"]
    assert [shown("4"), shown("4,16")] == [True, True]
    assert [shown("4", *languages), shown("4,16", *languages)] == [False, False]


def test_a_result_without_geometry_has_a_report(data, tmp_path):
    assert run("evaluate", "bm25", data, "--bootstrap", 0, "--html", tmp_path / "r.html") == 0
    assert "bm25" in (tmp_path / "r.html").read_text()


def test_figures_as_files(data, embeddings, results, tmp_path):
    pair = f"embeddings:{embeddings[0]},{embeddings[1]}"
    assert run("evaluate", pair, data, "--bootstrap", 0, "--figures", tmp_path / "one") == 0
    assert {path.name for path in (tmp_path / "one").iterdir()} >= {"pairs.svg", "pairs.png", "space.svg"}
    assert run("compare", *results[:2], "--draws", 20, "--figures", tmp_path / "two") == 0
    assert {"all-average_precision.svg", "bm25-pairs.png"} <= {path.name for path in (tmp_path / "two").iterdir()}


def test_a_report_counts_what_a_run_does_not_hold(data, tmp_path):
    (tmp_path / "short.run").write_text("".join(f"q{at}@de Q0 de/{at} 1 1 x\n" for at in range(15)))
    page = tmp_path / "r.html"
    assert run("evaluate", f"run:{tmp_path / 'short.run'}", data, "--bootstrap", 0, "--html", page) == 0
    assert "The run does not hold 120 of the 135 relevant documents" in page.read_text()


def test_what_evaluate_refuses(data, model, embeddings, tmp_path, capsys):
    (tmp_path / "empty.run").touch()
    queries, documents = embeddings
    cases = {
        (model, data, "--measures", "AP,MAP"): "no measure 'MAP' (did you mean AP?); known are AP,",
        (model, data, "--measures", ","): "names no measure",
        (model, data, "--memory", "much"): "--memory 'much' is not a size",
        (model, data, "--memory", "0"): "--memory '0' is not a size",
        (model, data, "--device", "gpu"): "no device 'gpu'",
        (model, data, "--dtype", "int4"): "no precision 'int4': choose one of float32,",
        (model, data, "--truncate-dim", "17"): "the model has 16 dimensions",
        (model, data, "--truncate-dim", "0"): "different numbers of dimensions, at least 1 each, not [0]",
        (model, data, "--truncate-dim", "4,4"): "different numbers of dimensions, at least 1 each, not [4, 4]",
        (model, data, "--truncate-dim", "4,17"): "the model has 16 dimensions",
        (model, data, "--truncate-dim", "4,half"): "--truncate-dim '4,half' is no number of dimensions",
        (model, data, "--quantize", "int4"): "no precision 'int4' to quantize to: choose int8 or binary",
        ("bm25", data, "--quantize", "int8"): "are of models, and 'bm25' is none",
        (model, data, "--truncate-dim", "2,4", "--trec-run", tmp_path / "t"): "give one --truncate-dim",
        (model, "mteb:NFCorpus", "--quantize", "int8"): "do not apply to mteb's own measures",
        (model, data, "--batch-tokens", "0"): "greater than or equal to 1",
        ("bm25", data, "--batch-tokens", "8"): "--batch-tokens does not apply to bm25",
        (model, data, "--cache", tmp_path, "--no-cache"): "exclude each other",
        (model, data, "--trec-run", data / "corpus.jsonl"): "is a file: run files need a folder",
        ("bm25", data, "--dtype", "float16"): "--dtype does not apply to bm25",
        ("run:x", data, "--trec-run", tmp_path / "t"): "--trec-run does not apply to run:…",
        ("embeddings:a,b", data, "--pooling", "cls"): "--pooling does not apply to embeddings:…",
        ("run:", data): "cannot read",
        (f"run:{tmp_path / 'gone'}", data): "gone: No such file",
        (f"run:{tmp_path / 'empty.run'}", data): "is empty",
        (f"embeddings:{queries}", data): "name two files without commas",
        (f"embeddings:{queries},{tmp_path / 'gone.npy'}", data): "does not exist",
        (f"embeddings:{queries},{documents}", data, "--device", "tpu"): "no device 'tpu'",
    }
    for arguments, message in cases.items():
        assert message in complaint(capsys, "evaluate", *arguments), arguments


def test_a_language_that_no_text_is_given_is_refused(data, tmp_path, capsys):
    said = "--lang {} does nothing: every text of small has a language of its own (de, en, fr); leave it out"
    for lang in ("de", "sw"):
        assert said.format(lang) in complaint(capsys, "evaluate", "bm25", data, "--lang", lang)
    assert "--lang: 'xx'" in complaint(capsys, "evaluate", "bm25", data, "--lang", "xx")
    named = complaint(capsys, "evaluate", "bm25", "worldfacts", "--lang", "de")
    assert "--lang de does nothing: every text of worldfacts/test" in named

    for name in ("corpus.jsonl", "queries.jsonl"):  # German texts lose their tag, as in a BEIR folder
        (tmp_path / name).write_text((data / name).read_text().replace('"lang": "de", ', ""))
    (tmp_path / "qrels.tsv").write_text((data / "qrels.tsv").read_text())
    for lenient in ([], ["--lenient"]):
        result = evaluate(tmp_path / "r.json", "bm25", tmp_path, "--lang", "de", *lenient)
        assert result["languages"] == list(TAGS)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000", 1000), ("8GiB", 8 * 2**30), ("512 MB", 512 * 10**6), ("1.5g", 3 * 2**29), ("7kib", 7168)],
)
def test_sizes(text, size):
    from isoglot.cli.evaluate import parse_memory

    assert parse_memory(text) == size


@pytest.mark.parametrize("text", ["", "GiB", "-1GB", "8 Gi B", "8iB", "1e9", "0.1"])
def test_sizes_that_are_none(text):
    from isoglot.cli.evaluate import parse_memory

    with pytest.raises(InputError, match="is not a size"):
        parse_memory(text)


@pytest.fixture
def results(data, model, embeddings, tmp_path) -> list[Path]:
    paths = [tmp_path / name for name in ("bm25.json", "static.json", "api.json")]
    sources = ("bm25", model, f"embeddings:{embeddings[0]},{embeddings[1]}")
    for path, source in zip(paths, sources, strict=True):
        evaluate(path, source, data)
    return paths


def test_compare(results, tmp_path, capsys):
    from isoglot.evaluation import Result, compare_results
    from isoglot.evaluation.statistics import holm

    to, page = tmp_path / "sub" / "c.json", tmp_path / "c.html"
    assert run("compare", *results, "--json", to, "--html", page, "--by-language", "--draws", 500) == 0
    shown = capsys.readouterr().out
    assert "cross-lingual AP" in shown
    assert "rank_distance" in shown
    said = page.read_text()
    assert "What the paired tests show" in said
    assert "may be chance" not in said
    assert "minus that of bm25, by language pair" in said
    found = json.loads(to.read_text())
    assert found["first"] == "bm25"
    tests = found["comparisons"]
    for one in tests:  # the page says what the command says
        assert (one["verdict"] == "not shown") or one["p_holm"] < 0.05
        assert f"{one['p_holm']:.4f}" in said
    assert found["tests"] == len(tests)
    assert {(one["model"], one["language"]) for one in tests} == {
        (model, tag) for model in {one["model"] for one in tests} for tag in (None, *TAGS)
    }
    assert len({one["model"] for one in tests}) == 2
    np.testing.assert_allclose([one["p_holm"] for one in tests], holm(np.array([one["p"] for one in tests])))

    first, second = (Result.from_json(path) for path in results[:2])
    for one in tests:
        values = second.per_query["multilingual_AP"]
        if (one["model"], one["setting"], one["measure"]) == (second.model, "multilingual", "AP"):
            mask = np.isin(second.per_query["lang"], [one["language"]] if one["language"] else TAGS)
            assert one["second"] == pytest.approx(values[mask].mean())
            assert one["query_ids"] == 15
    whole = next(one for one in tests if one["setting"] == "cross_lingual" and one["measure"] == "AP")
    assert whole["second"] == pytest.approx(second.cross_lingual["AP"])
    (expected,) = compare_results(first, second, ["cross_lingual_AP"], draws=500)
    assert whole["p"] == expected.p


def _models_shown(out: str) -> list[list[str]]:
    """The figures of each row of the first table of a comparison; names may be cut, and intervals are left out."""
    first = out.partition("against ")[0]
    rows = [[cell.split(" [")[0].strip() for cell in line.split("│")] for line in first.splitlines()]
    return [row[2:-1] for row in rows if len(row) == 8 and row[2]]


@pytest.mark.parametrize("macro", [False, True])
def test_compare_begins_with_all_models_best_first(results, capsys, macro):
    from isoglot.evaluation import Result

    worst_first = sorted((Result.from_json(path) for path in results), key=lambda one: one.multilingual["AP"])
    by_model = {one.model: path for one, path in zip(map(Result.from_json, results), results, strict=True)}
    given = [by_model[one.model] for one in worst_first]
    assert run("compare", *given, "--draws", 20, *(["--macro"] if macro else [])) == 0
    shown = _models_shown(capsys.readouterr().out)
    ordered = sorted(worst_first, key=lambda one: -(one.macro if macro else vars(one))["multilingual"]["AP"])
    expected = []
    for one in ordered:
        held = one.macro if macro else vars(one)
        values = [one.monolingual["AP"], one.cross_lingual["AP"], held["multilingual"]["AP"]]
        values = [f"{value:.3f}" for value in values] + [f"{held['bias']['rank_distance']:.1f}"]
        expected.append([*values, f"{held['bias']['own_language_share@10']:.3f}"])
    assert shown[-len(expected) :] == expected


def test_models_without_a_pool_are_ordered_by_what_there_is():
    from io import StringIO

    from rich.console import Console

    from isoglot.cli.tables import models_table
    from isoglot.evaluation import Result

    def one(name: str, value: float | None) -> Result:
        settings = {"monolingual": {"AP": value, "pairs": 1}, "cross_lingual": None, "multilingual": None}
        return Result(
            collection="c",
            model=name,
            languages=("en",),
            bias=None,
            geometry=None,
            intervals={},
            pairs=[],
            seconds={},
            versions={},
            **settings,
        )

    shell = Console(file=StringIO(), width=140)
    held = {name: one(name, value) for name, value in (("low", 0.1), ("none", None), ("high", 0.9))}
    shell.print(models_table(held, best_first=True))
    told = shell.file.getvalue()
    assert "by monolingual AP" in told
    assert told.index("high") < told.index("low ") < told.index("none")


def test_compare_some_measures(results, tmp_path, capsys):
    from isoglot.evaluation import Result

    to = tmp_path / "c.json"
    assert (
        run("compare", *results[:2], "--json", to, "--measures", "R@5,multilingual_AP,peer@10", "--draws", 50) == 0
    )
    found = [(one["setting"], one["measure"]) for one in json.loads(to.read_text())["comparisons"]]
    assert found == [
        *((setting, "R@5") for setting in ("multilingual", "monolingual", "cross_lingual")),
        ("multilingual", "AP"),
        ("bias", "peer@10"),
    ]
    capsys.readouterr()
    assert (
        run("compare", *results[:2], "--macro", "--json", to, "--measures", "multilingual_AP", "--draws", 50) == 0
    )
    assert "means over query languages" in " ".join(capsys.readouterr().out.split())
    (one,) = json.loads(to.read_text())["comparisons"]
    assert one["second"] == pytest.approx(Result.from_json(results[1]).macro["multilingual"]["AP"])


def test_what_compare_refuses(results, tmp_path, capsys, model):
    write_collection(make(extra=3), tmp_path / "larger")
    write_collection(make(ids=14), tmp_path / "other")
    for name in ("larger", "other"):
        evaluate(tmp_path / f"{name}.json", "bm25", tmp_path / name)
    lone = tmp_path / "lone.json"
    lone.write_text(results[0].read_text())
    (tmp_path / "note.json").write_text("{}")
    cases = {
        (results[0],): "needs two results",
        (results[0], results[0]): "is named twice",
        (results[0], lone): "lone.json has no values per query beside it: keep lone.queries.parquet there",
        (results[0], tmp_path / "gone.json"): "cannot read",
        (results[0], tmp_path / "note.json"): "is not a result file",
        (results[0], tmp_path / "larger.json"): "were evaluated on different collections",
        (results[0], tmp_path / "other.json"): "were evaluated on different collections",
        (results[0], results[1], "--measures", "MAP"): "do not all have the measure 'MAP'; they share AP,",
        (results[0], results[1], "--draws", "0"): "greater than or equal to 1",
        (): "Missing argument",
    }
    for arguments, message in cases.items():
        assert message in complaint(capsys, "compare", *arguments), arguments


def test_embeddings_of_all_queries_of_a_folder_of_which_a_split_judges_some(tmp_path):
    texts = [f'{{"_id": "{kind}{at}", "lang": "en", "text": "{kind} {at}"}}' for kind in "dq" for at in range(6)]
    (tmp_path / "c" / "qrels").mkdir(parents=True)
    for name, part in (("corpus", texts[:6]), ("queries", texts[6:])):
        (tmp_path / "c" / f"{name}.jsonl").write_text("\n".join(part) + "\n")
    for split, rows in (("train", range(4)), ("test", range(4, 6))):
        lines = ["query-id\tcorpus-id\tscore", *(f"q{at}\td{at}\t1" for at in rows)]
        (tmp_path / "c" / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n")
    np.save(tmp_path / "d.npy", np.eye(6))
    for rows in (np.eye(6), np.eye(6)[4:]):
        np.save(tmp_path / "q.npy", rows)
        found = evaluate(tmp_path / "r.json", f"embeddings:{tmp_path}/q.npy,{tmp_path}/d.npy", tmp_path / "c")
        assert found["multilingual"]["queries"] == 2
        assert found["multilingual"]["AP"] == 1


def test_a_pool_of_chosen_languages(data, tmp_path, capsys):
    whole = evaluate(tmp_path / "a.json", "bm25", data)
    part = evaluate(tmp_path / "b.json", "bm25", data, "--pool-languages", "own,en", "--without-own-answer")
    assert part["made"]["pool"] == {"languages": ["own", "en"], "without_own_answer": True}
    assert part["multilingual"] != whole["multilingual"]
    assert part["pairs"] == whole["pairs"]
    capsys.readouterr()
    assert run("evaluate", "bm25", data, "--bootstrap", 0, "--pool-languages", "own,en") == 0
    assert "documents in its own language" in " ".join(capsys.readouterr().out.split())
    assert run("compare", tmp_path / "a.json", tmp_path / "b.json") == 2
    assert "different pools" in capsys.readouterr().err
