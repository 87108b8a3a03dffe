"""`isoglot index` and `isoglot search`: what is typed, what is shown, and how bad input is answered."""

from __future__ import annotations

import json
import shutil
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
        (
            ["search", "INDEX", "x", "--in", "de,Turkish"],
            "--in: 'Turkish' is not a language tag (did you mean tr?)",
        ),
        (["search", "INDEX", "x", "--in", "zzzz"], "--in: 'zzzz' is not a registered language tag"),
        (["search", "INDEX", "x", "--lang", "German"], "--lang: 'German' is not a language tag (did you mean de?)"),
        (["search", "INDEX", "x", "--lang", "de,en"], "--lang: 'de,en' is not a language tag"),
        (["search", "INDEX", "x", "--k", "ten"], "Invalid value for '--k'"),
        (["search", "INDEX", "x", "--k", "1001"], "k must be from 1 to 1000, not 1001"),
        (["search", "INDEX", "x", "--fair", ""], "there is no fair ranking ''; known are calibrate, fuse, quota"),
        (["search", "INDEX", "x", "-k", "0"], "k must be from 1 to 1000, not 0"),
        (["search", "INDEX", "x", "--fair", "quotas"], "did you mean quota?"),
        (["search", "DATA", "x"], "is not an index"),
        (["search", "INDEXX", "x"], "there is no index"),
        (["search", "INDEX", "x", "--model", "DATA"], "is not a model"),
        (["index", "MODEL", "DATA", "--to", "INDEX"], "is an index already, of toy"),
        (["index", "MODEL", "DATA", "--to", "DATA"], "already exists and is not an empty folder"),
        (["index", "MODEL", "DATA", "--to", "INDEXX", "--update"], "there is no index"),
        (["index", "--to", "INDEX"], "name MODEL and DATA to index documents, or --delete ID"),
        (["index", "MODEL", "--to", "INDEXX"], "name MODEL and DATA to index documents, or --delete ID"),
        (["index", "MODEL", "DATA", "--to", "INDEX", "--delete", "en/tar"], "go with --to and --lenient alone"),
        (["index", "--to", "INDEX", "--delete", "en/tar", "--batch-size", "8"], "go with --to and --lenient alone"),
        (["index", "--to", "INDEXX", "--delete", "en/tar"], "there is no index"),
        (["index", "--to", "INDEX", "--delete", "en/tar", "--delete", "x"], "has no document for 1 of 2 ids, such"),
        (["index", "--to", "INDEX", "--delete-from", "INDEXX"], "cannot read"),
        (
            ["index", "MODEL", "DATA", "--to", "INDEXX", "--document", "text"],
            "is a collection, which has no columns",
        ),
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


def test_documents_are_deleted_by_id(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index, ids = str(tmp_path / "index"), tmp_path / "ids.txt"
    assert main(["index", places["model"], places["toy"], "--to", index]) == 0
    had = ig.open_index(index).languages
    capsys.readouterr()
    ids.write_bytes(b"\xef\xbb\xbfen/tar\r\n\r\nth/ls\nit's, not an id\n")
    command = ["index", "--to", index, "--delete", "de/tar", "--delete", "en/tar", "--delete-from", str(ids)]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert 'has no document for 1 of 4 ids, such as "it\'s, not an id": nothing was deleted' in told
    assert ig.open_index(index).languages == had
    assert main([*command, "--lenient"]) == 0
    assert f"Deleted 3 documents from {index}, which has 3; 1 id named no document" in capsys.readouterr().out
    assert ig.open_index(index).languages == {tag: count - 1 for tag, count in had.items()}
    found = ig.open_index(index).search("tar", k=6)
    assert sorted(hit.id for hit in found) == ["de/ls", "en/ls", "th/tar"]
    ids.write_text("\n \n")
    assert main(["index", "--to", index, "--delete-from", str(ids)]) == 2
    assert "names no id: one a line is expected" in capsys.readouterr().err


def test_documents_alone_are_indexed(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for form in ("jsonl", "parquet"):
        ig.write_collection(ig.load_collection(places["toy"]), tmp_path / form, form)  # type: ignore[arg-type]
        shutil.copytree(tmp_path / form, alone := tmp_path / f"{form}-alone", ignore=shutil.ignore_patterns("q*"))
        assert sorted(one.name for one in alone.iterdir()) == ["collection.yaml", f"corpus.{form}"]
        built = [str(tmp_path / f"{name}-index") for name in (form, alone.name)]
        assert main(["index", places["model"], str(tmp_path / form), "--to", built[0]]) == 0
        assert main(["index", places["model"], str(alone), "--to", built[1]]) == 0
        both = [ig.open_index(one) for one in built]
        assert [one.name for one in both] == ["toy", "toy"]
        found = [one.search("tar entpackt Archive", k=6) for one in both]
        assert len(found[0]) == 6
        assert found[0] == found[1]
    capsys.readouterr()
    assert main(["index", places["model"], str(alone), "--to", str(tmp_path / "x"), "--split", "train"]) == 2
    assert "has documents alone, without splits: leave --split out" in capsys.readouterr().err


def test_documents_of_a_table_are_indexed(places: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("language,answer\nen,tar unpacks archives\nde,zip packt Dateien\n")
    index = str(tmp_path / "index")
    columns = ["--document", "answer", "--lang", "language"]
    assert main(["index", places["model"], str(tmp_path / "t.csv"), *columns, "--to", index]) == 0
    hits = ig.open_index(index).search("zip packt Dateien", k=2)
    assert [(hit.language, hit.text) for hit in hits] == [
        ("de", "zip packt Dateien"),
        ("en", "tar unpacks archives"),
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            '{"_id": "a", "lang": "en", "text": "x"}\n{"_id": "a", "lang": "en", "text": "y"}',
            "duplicate document id",
        ),
        ('{"_id": "a", "lang": "en", "text": " "}', "corpus.jsonl line 1"),
        ('{"_id": "a", "text": "x"}', "corpus.jsonl line 1"),
        ("", "has no documents"),
    ],
)
def test_documents_alone_are_read_strictly(
    places: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str], lines: str, said: str
) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "corpus.jsonl").write_text(lines)
    assert main(["index", places["model"], str(tmp_path / "docs"), "--to", str(tmp_path / "index")]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.strip().splitlines()) == 1
    assert not (tmp_path / "index").exists()


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "lancedb", None)
    with pytest.raises(ig.InputError, match=r"an index needs lancedb: pip install 'isoglot\[search\]'"):
        require("lancedb", "search", "an index")
