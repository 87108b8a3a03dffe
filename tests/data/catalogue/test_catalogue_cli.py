"""`isoglot data list`, `info` and `get`."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from isoglot.cli import main
from isoglot.collections.folder import read_collection


def run(capsys, *arguments):
    status = main(["data", *map(str, arguments)])
    return status, capsys.readouterr()


def test_list_shows_every_data_set(capsys, data_home):
    status, said = run(capsys, "list")
    assert status == 0
    line = next(line for line in said.out.splitlines() if "xquad-r" in line)
    assert "13,014 / 13,090" in line
    assert "CC-BY-SA-4.0" in line
    assert "yes" not in line


def test_list_as_json_tells_what_is_here(capsys, data_home):
    (data_home / "scifact").mkdir(parents=True)
    status, said = run(capsys, "list", "--json")
    assert status == 0
    found = {one["name"]: one for one in json.loads(said.out)}
    assert len(found) == 39
    assert [name for name, one in found.items() if one["here"]] == ["scifact", "worldfacts"]
    assert found["scifact"]["sizes"][1] == {"split": "test", "documents": 5183, "queries": 300}


def test_list_does_not_wait_for_torch():
    said = "import sys; from isoglot.cli import main; main(['data', 'list']); print('torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.splitlines()[-1] == "False"


def test_info_says_where_each_checksum_is_from(capsys, serve, data_home, tmp_path):
    _, said = run(capsys, "info", "nfcorpus")
    assert "md5:a89dba18a62ef92f7d323ec890a0d38d (stated by the publisher)" in said.out
    assert "not here yet" in said.out
    _, said = run(capsys, "info", "xquad-r")
    assert "(computed from the publisher's file)" in said.out
    assert "arXiv 2004.05484" in said.out
    serve("xquad")
    _, before = run(capsys, "info", "xquad")
    assert "recorded when first downloaded" in before.out
    assert "sha256:" not in before.out
    run(capsys, "get", "xquad", "--to", tmp_path / "out")
    _, after = run(capsys, "info", "xquad", "--json")
    checksums = [file["checksum"] for file in json.loads(after.out)["files"]]
    assert all(
        text.startswith("sha256:") and text.endswith("(recorded when first downloaded)") for text in checksums
    )


def test_get_writes_a_collection_and_says_its_licence(capsys, serve, data_home, tmp_path):
    serve("xquad")
    status, said = run(capsys, "get", "xquad", "--to", tmp_path / "out", "--languages", "de,en")
    assert status == 0
    assert "2 documents, 2 queries (1 ids), 2 judgments, 2 languages" in said.out
    assert "Licence: CC-BY-SA-4.0. Cite: Mikel Artetxe" in said.out
    assert (tmp_path / "out/corpus.jsonl").exists()
    assert read_collection(tmp_path / "out").languages == ("de", "en")


def test_get_without_a_folder_puts_it_where_its_name_is_looked_for(capsys, serve, data_home):
    serve("xquad")
    status, _ = run(capsys, "get", "xquad")
    assert status == 0
    assert (data_home / "xquad/corpus.parquet").exists()
    _, said = run(capsys, "list", "--json")
    assert next(one["here"] for one in json.loads(said.out) if one["name"] == "xquad")
    status, said = run(capsys, "get", "xquad")
    assert status == 2
    assert "already exists" in said.err


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["get", "xquadr", "--to", "x"], 2, "no data set 'xquadr' (did you mean"),
        (["info", "nothing"], 2, "`isoglot data list` shows all"),
        (["get", "tldr/train", "--to", "x"], 2, "tldr/train is a part of tldr, and comes with it"),
        (["get", "xquad", "--languages", "sw", "--to", "x"], 2, "has no language 'sw'"),
        (["get", "xquad", "--form", "csv", "--to", "x"], 2, "no form 'csv'"),
        (["get", "xquad", "--from", "nowhere", "--to", "x"], 2, "--from nowhere is missing"),
    ],
)
def test_mistakes_are_one_sentence(capsys, tmp_path, monkeypatch, data_home, arguments, status, message):
    monkeypatch.chdir(tmp_path)
    found, said = run(capsys, *arguments)
    assert found == status
    assert message in said.err
    assert len(said.err.splitlines()) == 1


def test_without_a_network_the_status_is_1(capsys, serve, site, data_home, tmp_path):
    serve("xquad", address="http://127.0.0.1:9/")
    status, said = run(capsys, "get", "xquad", "--to", tmp_path / "out")
    assert status == 1
    assert "http://127.0.0.1:9/xquad.de.json could not be reached" in said.err
    assert "https://github.com/google-deepmind/xquad" in said.err
    assert not (tmp_path / "out").exists()


def test_case_does_not_matter(capsys):
    status, said = run(capsys, "info", "XQuAD-R")
    assert (status, said.out.startswith("xquad-r: XQuAD-R")) == (0, True)


def test_stats_take_a_name(capsys, serve, data_home, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    serve("xquad")
    status, said = run(capsys, "check", "xquad")
    assert (status, said.out.startswith("ok: Collection('xquad'")) == (0, True)
