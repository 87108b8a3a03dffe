"""What the documentation shows works: Python blocks run, command lines are understood.

A block after a comment `<!-- not run: why -->` is compiled, and the names it imports are looked for.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pyarrow as pa
import pytest
from typer.main import get_command

import isoglot as ig
from isoglot.cli import program
from isoglot.studies.recipe_files import recipe_names

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"(<!-- not run: .+ -->\n)?^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^    isoglot ((?:.*\\\n)*.*)$", re.MULTILINE)
WITH_PYTHON = [page for page in PAGES if BLOCK.search(page.read_text(encoding="utf-8"))]


def _named(page: Path) -> str:
    return page.name


@pytest.fixture
def names(tmp_path, monkeypatch, toy):
    """The folders and variables that the pages speak of, small."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    monkeypatch.chdir(tmp_path)
    ig.write_collection({"train": toy, "test": toy}, "my-data")
    model = ig.static_encoder(toy, dimensions=8)
    Path("lexicons").mkdir()
    Path("lexicons/en-de.tsv").write_text("archive\tArchiv\n", encoding="utf-8")
    arguments = SentenceTransformerTrainingArguments(
        "out", max_steps=1, per_device_train_batch_size=2, report_to=[], use_cpu=True
    )
    return {
        "model": model,
        "args": arguments,
        **dict.fromkeys(("data", "collection", "train", "test"), toy),
    }


def _imports(code: str) -> str:
    kept = [node for node in ast.parse(code).body if isinstance(node, (ast.Import, ast.ImportFrom))]
    return "\n".join(ast.unparse(node) for node in kept)


def _write_nllb(toy):
    """Write what the page on translation has: a translation model, and a collection in one language."""
    pytest.importorskip("sentencepiece")
    from translation_models import make_nllb

    folder = Path("facebook/nllb-200-distilled-600M")
    folder.mkdir(parents=True)
    make_nllb(folder)
    english = [tag == "en" for tag in toy.documents["lang"].to_pylist()]
    documents = toy.documents.filter(pa.array(english)).select(["_id", "lang", "title", "text"]).to_pylist()
    rows = [tuple(one.values()) for one in documents]
    ig.write_collection(
        ig.collection_from_rows(rows, [("unpack", "en", "Unpack?")], [("unpack", rows[0][0], 1)]), "my-data"
    )


@pytest.mark.parametrize("page", WITH_PYTHON, ids=_named)
def test_python_blocks_run(page, names, toy, request):
    if page.name == "encoders.md":
        shutil.copytree(request.getfixturevalue("pretrained_folders")["xlmr"], "xlm-roberta-base")
    if page.name == "translation.md":
        shutil.rmtree("my-data")
        _write_nllb(toy)
    if page.name == "studies.md":
        from study_example import of_tldr

        Path("ratio").mkdir()
        Path("ratio/study.json").write_text(json.dumps(of_tldr()), encoding="utf-8")
    if page.name == "serve.md":
        pytest.importorskip("lancedb")
        ig.build_index(names["model"], names["data"], "index")
    for unrun, code in BLOCK.findall(page.read_text(encoding="utf-8")):
        try:
            exec(compile(_imports(code) if unrun else code, page.name, "exec"), names)
        except ImportError as error:
            if (error.name or "").startswith("isoglot"):
                raise
            pytest.skip(f"{page.name} needs {error.name}")
        assert not [name for name in re.findall(r"\big\.(\w+)", code) if not hasattr(ig, name)]


def _served(words: list[str]) -> dict[str, Any]:
    """Return what a server answers that is started as the page says, at a port that is free."""
    command = [sys.executable, "-m", "isoglot", *words, "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            address = re.search(r"http://\S+/", process.stdout.readline())[0]
            with urlopen(f"{address}search?q=Hauptstadt&k=5") as answer:
                return json.load(answer)
        finally:
            process.terminate()


@pytest.mark.slow
def test_own_data_goes_from_a_table_to_figures_as_the_page_says(names):
    """Every block and command of the page, one after the other; a model of the hub is one that is here."""
    pytest.importorskip("babel")
    pytest.importorskip("bm25s")
    pytest.importorskip("altair")
    pytest.importorskip("lancedb")
    pytest.importorskip("fastapi")
    names["model"].save("small-model")
    Path("wide.csv").write_text(
        "question_en,answer_en,question_de,answer_de\nWho?,Me.,Wer?,Ich.\n", encoding="utf-8"
    )
    text = (ROOT / "docs" / "own-data.md").read_text(encoding="utf-8")
    steps = re.findall(r"^```python\n((?:.*\n)*?)```$|^ {4,6}isoglot (.*)$", text, re.MULTILINE)
    for code, command in steps:
        if code:
            exec(compile(code, "own-data.md", "exec"), names)
        else:
            words = shlex.split(command.replace("intfloat/multilingual-e5-small", "small-model"))
            if words[0] == "serve":
                found = _served(words)
            else:
                assert program.main(words) == 0, command
    faq = ig.load_collection("faq")
    assert (len(faq.query_ids), faq.languages) == (150, ("de", "en", "hi", "sw"))
    assert faq.linked_ids() == (150, 150)
    test = ig.load_collection("faq-parts", split="test")
    assert f"{len(test.query_ids)} questions in four languages are few" in text
    for split in ("train", "dev", "test"):
        ids = (
            ig.load_collection(one, split=split).query_ids.to_pylist() for one in ("faq-parts", "faq-from-python")
        )
        assert set(next(ids)) == set(next(ids))
    assert len(found["hits"]) == 5
    assert {hit["language"] for hit in found["hits"]} <= {"de", "en", "hi", "sw"}
    assert Path("repaired.html").stat().st_size > 10_000
    assert Path("first-audit.html").stat().st_size > 10_000
    assert ig.load_collection("faq-pseudo").linked_ids()[0] > 100
    assert ig.load_collection("faq-wide").languages == ("de", "en")


@pytest.mark.parametrize("page", PAGES, ids=_named)
def test_python_is_fenced(page):
    assert not re.findall(
        r"^    (?:from|import) \w.*", BLOCK.sub("", page.read_text(encoding="utf-8")), re.MULTILINE
    )


def _commands(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`isoglot ([^`]*)`", text)
    return [*COMMAND.findall(text), *(line for line in inline if " --" in line)]


@pytest.mark.parametrize("page", [page for page in PAGES if _commands(page)], ids=_named)
def test_command_lines_are_understood(page):
    for line in _commands(page):
        words = shlex.split(re.sub(r"[\[\]]|\\\n", " ", line), comments=True)
        words = words[: words.index(">")] if ">" in words else words
        command = get_command(program.app())
        while hasattr(command, "commands") and words:
            assert words[0] in command.commands, line
            command = command.commands[words.pop(0)]
        options = {one for parameter in command.params for one in (*parameter.opts, *parameter.secondary_opts)}
        unknown = [word for word in words if word.startswith("--") and word.partition("=")[0] not in options]
        assert not unknown, line


def test_the_readme_names_every_study_and_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"^    isoglot study list +# (.*)$", text, re.MULTILINE)
    assert set(named.split(", ")) == set(recipe_names())
    assert {page.name for page in PAGES} - {"README.md", "index.md"} <= set(
        re.findall(r"\(docs/([\w-]+\.md)", text)
    )
