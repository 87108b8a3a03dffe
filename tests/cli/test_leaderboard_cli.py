"""`isoglot leaderboard`: read back from the terminal, the file and the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from reporting_helpers import Page, make_result

from isoglot.cli import main

HASH = {"collection_hash": "aa", "dtype": "bfloat16", "date": "2026-01-02T03:04:05"}


@pytest.fixture
def files(tmp_path, monkeypatch) -> list[str]:
    monkeypatch.chdir(tmp_path)
    pools = {"a": 0.45, "b": 0.9, "c": 0.2}
    for name, value in pools.items():
        pool = {"AP": value, "queries": 40, "documents": 1000}
        make_result(name, multilingual=pool, made=HASH).to_json(f"{name}.json")
    make_result("a", collection="other", made={"collection_hash": "bb"}).to_json("d.json")
    return [f"{name}.json" for name in "abcd"]


def test_tables_best_first_and_how_to_add_a_model(files, capsys):
    assert main(["leaderboard", *files]) == 0
    said = capsys.readouterr().out
    told = " ".join(said.split())
    assert "Of 3 models b has the highest multilingual AP, 0.900." in told
    assert "One model: a, with multilingual AP 0.450." in told
    rows = [line.split("│")[1].strip() for line in said.splitlines() if line.startswith("│")]
    assert rows == ["b", "a", "c", "a"]
    assert "note: c: Across languages it keeps" in told
    for collection in ("toy", "other"):
        assert f"To add a model: isoglot evaluate MODEL {collection} --json MODEL.json" in told
    assert "These are 2 tables, which differ in collection:" in told
    assert "isoglot leaderboard b.json a.json c.json d.json MODEL.json" in told


def test_file_and_page_say_the_same(files, capsys):
    assert main(["leaderboard", *files, "--json", "all.json", "--html", "all.html"]) == 0
    held = json.loads(Path("all.json").read_text())
    page = Page(Path("all.html").read_text())
    assert held["differs"] in page.text
    assert [board["collection"] for board in held["boards"]] == ["toy", "other"]
    for board in held["boards"]:
        assert board["command"] in page.text
        for row in board["rows"]:
            for sentence in row["reservations"]:
                assert " ".join(sentence.split()) in page.text


def test_a_result_added_by_the_command_shown_joins_its_table(tmp_path, monkeypatch, toy, capsys):
    from isoglot.collections import write_collection

    monkeypatch.chdir(tmp_path)
    write_collection(toy, "toy")
    assert main(["evaluate", "bm25", "toy", "--json", "bm25.json", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "bm25.json"]) == 0
    (command,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("To add a model: ")]
    words = command.removeprefix("To add a model: isoglot ").split()
    words = [word.replace("MODEL.json", "again.json").replace("MODEL", "bm25") for word in words]
    assert main([*words, "--name", "again", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["leaderboard", "bm25.json", "again.json"]) == 0
    assert "All 2 models have the same multilingual AP" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["a.json", "./a.json"], "a result is named twice"),
        (["gone.json"], "cannot read"),
        (["note.json"], "is not a result file"),
        ([], "Missing argument"),
    ],
)
def test_what_is_refused(files, capsys, arguments, said):
    Path("note.json").write_text("{}")
    assert main(["leaderboard", *arguments]) == 2
    assert said in capsys.readouterr().err


def test_compare_refuses_other_texts_of_equal_size(files, tmp_path, capsys, toy):
    from dataclasses import replace

    import pyarrow.compute as pc

    from isoglot.collections import write_collection

    documents = toy.documents
    at = documents.schema.get_field_index("text")
    louder = documents.set_column(at, documents.schema.field("text"), pc.utf8_upper(documents["text"]))
    write_collection(toy, "one")
    write_collection(replace(toy, documents=louder), "two")
    for name in ("one", "two"):
        assert main(["evaluate", "bm25", name, "--json", f"{name}.json", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["compare", "one.json", "two.json"]) == 2
    assert "were evaluated on different texts or judgments: two versions of toy" in capsys.readouterr().err
