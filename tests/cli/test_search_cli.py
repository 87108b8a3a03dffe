"""`isoglot index` and `isoglot search`: what is typed, what is shown, and how bad input is answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import isoglot as ig
from isoglot.cli import main
from isoglot.collections import Collection
from isoglot.files import require

pytest.importorskip("lancedb", reason="an index needs lancedb: pip install 'isoglot[search]'")


@pytest.fixture(scope="module")
def places(toy: Collection, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("search")
    ig.write_collection(toy, root / "toy", "jsonl")
    ig.static_encoder(toy, dimensions=32).save_pretrained(str(root / "model"))
    found = {name: str(root / name) for name in ("toy", "model", "index")}
    assert main(["index", found["model"], found["toy"], "--to", found["index"]]) == 0
    return found


def test_a_question_is_answered(places: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["search", places["index"], "tar unpacks archives", "-k", "3"]) == 0
    shown = capsys.readouterr().out
    assert "tar  tar unpacks archives  en/tar" in shown
    assert (
        main(["search", places["index"], "Dateien", "--in", "de,deu", "--json", "--fair", "fuse", "--hybrid"]) == 0
    )
    told = json.loads(capsys.readouterr().out)
    assert (told["index"], told["model"], told["question"]) == ("toy", places["model"], "Dateien")
    assert [hit["language"] for hit in told["hits"]] == ["de", "de"]
    assert [hit["rank"] for hit in told["hits"]] == [1, 2]


def test_a_terminal_shows_no_control_characters(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hostile = ig.collection_from_rows(
        [("x\x1b]0;id\x07", "en", "t\u202egnp", "a\x1b[31m [red]b[/red]\r\n" + "long " * 500)],
        [],
        [],
        name="hostile",
    )
    ig.build_index(places["model"], hostile, tmp_path / "index")
    capsys.readouterr()
    assert main(["search", str(tmp_path / "index"), "a"]) == 0
    shown = capsys.readouterr().out
    assert not {"\x1b", "\u202e", "\r", "\x07"} & set(shown)
    assert "[red]b[/red]" in shown
    assert len(shown) < 2500


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["search", "INDEX", " "], "the question is empty"),
        (["search", "INDEX", "x", "--in", "fr"], "has no document in 'fr'; it has de, en, th"),
        (["search", "INDEX", "x", "--in", "en-GB"], "did you mean en?"),
        (["search", "INDEX", "x", "--in", ","], "--in names no language"),
        (["search", "INDEX", "x", "-k", "0"], "k must be from 1 to 1000, not 0"),
        (["search", "INDEX", "x", "--fair", "quotas"], "did you mean quota?"),
        (["search", "DATA", "x"], "is not an index"),
        (["search", "INDEXX", "x"], "there is no index"),
        (["search", "INDEX", "x", "--model", "DATA"], "is not a model"),
        (["index", "MODEL", "DATA", "--to", "INDEX"], "is an index already, of toy"),
        (["index", "MODEL", "DATA", "--to", "DATA"], "already exists and is not an empty folder"),
        (["index", "MODEL", "DATA", "--to", "INDEXX", "--update"], "there is no index"),
    ],
)
def test_bad_input_is_one_sentence(
    places: dict[str, str], capsys: pytest.CaptureFixture[str], given: list[str], said: str
) -> None:
    names = {
        "INDEX": places["index"],
        "DATA": places["toy"],
        "MODEL": places["model"],
        "INDEXX": places["index"] + "x",
    }
    assert main([names.get(one, one) for one in given]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1


def test_an_index_is_updated(places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [("en/tar", "en", "", "new"), ("sw/x", "sw", "", "habari")]
    more = ig.collection_from_rows(rows, [("q", "en", "new?")], [("q", "en/tar", 1)], name="more")
    ig.write_collection(more, tmp_path / "more", "jsonl")
    index = str(tmp_path / "index")
    assert main(["index", places["model"], places["toy"], "--to", index]) == 0
    capsys.readouterr()
    assert main(["index", places["model"], str(tmp_path / "more"), "--to", index, "--update"]) == 0
    assert "which has 7" in capsys.readouterr().out
    assert ig.open_index(index).languages == {"de": 2, "en": 2, "sw": 1, "th": 2}


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lancedb", None)
    with pytest.raises(ig.InputError, match=r"an index needs lancedb: pip install 'isoglot\[search\]'"):
        require("lancedb", "search", "an index")
