"""`isoglot repair`: what it writes, what it says next, and what it refuses."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

import isoglot as ig
from isoglot.cli.program import main


@pytest.fixture(scope="module")
def folders(tmp_path_factory, toy) -> Path:
    """A model and the collection that it was made of."""
    folder = tmp_path_factory.mktemp("repair")
    ig.static_encoder(toy, dimensions=8).save(str(folder / "model"))
    ig.write_collection(toy, folder / "data")
    return folder


def run(*arguments: str | Path) -> int:
    return main(["repair", *map(str, arguments)])


def test_a_model_is_repaired_and_the_next_commands_are_told(folders, tmp_path, capsys):
    out = tmp_path / "centred"
    assert run(folders / "model", folders / "data", "--out", out, "--strength", "0.5", "--no-cache") == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith(f"Wrote {out}: {folders / 'model'} repaired by center, strength 0.5, fitted on")
    assert [shlex.split(line)[:3] for line in said[1:3]] == [
        ["isoglot", "evaluate", str(folders / "model")],
        ["isoglot", "evaluate", str(out)],
    ]
    assert said[3] == "isoglot compare before.json after.json --html report.html"
    assert ig.repair_of(ig.load_encoder(out))["of"] == str(folders / "model")


def test_what_it_tells_to_do_next_works(folders, tmp_path, monkeypatch, capsys):
    pytest.importorskip("altair")
    monkeypatch.chdir(tmp_path)
    assert run(folders / "model", folders / "data", "--out", "erased", "--method", "erase", "--by", "leace") == 0
    for line in capsys.readouterr().out.splitlines()[1:]:
        words = shlex.split(line.replace("TEST_DATA", str(folders / "data")))
        assert main(words[1:]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "repaired. It bought:" in page


def test_the_strength_is_chosen_on_development_data(folders, tmp_path):
    out = tmp_path / "out"
    assert run(folders / "model", folders / "data", "--out", out, "--dev", folders / "data", "--no-cache") == 0
    assert "The strength was chosen on" in (out / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--method", "centre"], "did you mean center?"),
        (["--by", "svd"], "goes with --method erase"),
        (["--strength", "7"], "the strength is from 0, no change, to 2"),
        (["--strength", "1", "--dev", "DATA"], "leave one of the two out"),
        (["--device", "cuda:9"], "not available here"),
    ],
    ids=["method", "variant", "strength", "both", "device"],
)
def test_bad_requests_end_with_2_and_write_nothing(folders, tmp_path, capsys, options, said):
    out = tmp_path / "out"
    assert run(folders / "model", folders / "data", "--out", out, *options) == 2
    assert said in capsys.readouterr().err
    assert not out.exists()


def test_a_folder_that_is_taken_is_left_alone(folders, capsys):
    assert run(folders / "model", folders / "data", "--out", folders / "data") == 2
    assert "already exists" in capsys.readouterr().err
