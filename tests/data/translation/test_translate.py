"""A translated collection: what is added, what stays, what is rejected, and what is not done twice."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import yaml

from isoglot.cli import main
from isoglot.collections import collection_from_rows, read_collection, write_collection
from isoglot.collections.folder import read_splits
from isoglot.data.translation import Store, load_translator, translate_collection, write_translation
from isoglot.data.translation.gates import load_chrf
from isoglot.errors import InputError

OFF = ["language", "length"]  # what the pretended translator writes is no German


@pytest.fixture
def store(tmp_path) -> Store:
    return Store(tmp_path / "kept")


def rows_of(table) -> dict[tuple[str, str], str]:
    return {(row["_id"], row["lang"]): row["text"] for row in table.to_pylist()}


def judged(collection) -> set[tuple[str, str, int]]:
    judgments = collection.judgments.to_pylist()
    ids = collection.documents["_id"].to_pylist()
    return {(collection.query_ids[row["query"]].as_py(), ids[row["document"]], row["score"]) for row in judgments}


def test_queries_share_ids_and_documents_get_their_own(english, pretend, store):
    found = translate_collection({None: english}, ["de", "sw"], [pretend()], store, without=OFF)
    (after,) = found.splits.values()
    before = rows_of(english.documents) | rows_of(english.queries)
    assert before.items() <= (rows_of(after.documents) | rows_of(after.queries)).items()
    assert after.languages == ("de", "en", "sw")
    queries = rows_of(after.queries)
    assert len(queries) == 9
    assert queries["unpack", "de"] == "Howä doä Iä unpackä anä archive?ä"
    documents = {row["_id"]: row for row in after.documents.to_pylist()}
    assert " ".join(documents) == "tar ls pi de/tar de/ls de/pi sw/tar sw/ls sw/pi"
    assert documents["sw/ls"]["text"].startswith("Itu listsu theu filesu")
    assert documents["de/tar"]["title"] == "tarä commandä"
    assert documents["de/pi"]["title"] == "3.14159"  # no letter: given to no model
    assert json.loads(documents["de/tar"]["extra"]) == {"translated_from": "tar"}
    given = {("unpack", "tar", 2), ("pack", "tar", 1), ("list", "ls", 1), ("list", "tar", 0)}
    assert judged(after) == {
        (query, f"{prefix}{document}", score) for query, document, score in given for prefix in ("", "de/", "sw/")
    }
    for a in after.languages:
        for b in after.languages:
            assert len(after.pairs(a, b)[0]) == 3


def test_what_is_rejected_is_absent_counted_and_kept(english, pretend, store, tmp_path):
    texts = english.query_texts()
    bodies = english.documents["text"].to_pylist()
    changes = {texts[0]: texts[0], texts[1]: "", bodies[1]: "ja " * 30, "tar command": ""}
    found = translate_collection({None: english}, ["de"], [pretend(changes)], store, without=OFF)
    write_translation(found, tmp_path / "out")
    after = read_collection(tmp_path / "out")
    assert set(rows_of(after.queries)) == {*((name, "en") for name in ("unpack", "pack", "list")), ("list", "de")}
    documents = {row["_id"]: row for row in after.documents.to_pylist()}
    assert sorted(documents) == ["de/pi", "de/tar", "ls", "pi", "tar"]
    assert documents["de/tar"]["title"] == ""
    assert documents["de/tar"]["text"].startswith("Itä unpacksä")
    lines = [json.loads(line) for line in (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["_id"], line["lang"], line["reason"]) for line in lines] == [
        ("title", "tar", "de", "empty"),
        ("document", "ls", "de", "repetition"),
        ("query", "unpack", "de", "copied"),
        ("query", "pack", "de", "empty"),
    ]
    assert lines[1] == lines[1] | {"from": "en", "source": bodies[1], "translation": "ja " * 30}
    (report,) = found.reports
    assert dict(report.rejected) == {"empty": 2, "repetition": 1, "copied": 1}
    assert (report.documents, report.queries) == (2, 1)


def test_nothing_is_translated_twice(english, pretend, store):
    first, second, other = pretend(), pretend(), pretend()
    texts = {*english.query_texts(), *english.documents["text"].to_pylist(), "tar command"}
    found = translate_collection({None: english}, ["de"], [first], store, without=OFF)
    assert sorted(first.given) == sorted(texts)
    assert found.reports[0].translated == 7
    again = translate_collection({None: english}, ["de"], [second], store, without=OFF)
    assert second.given == []
    assert again.splits[None].documents.equals(found.splits[None].documents)
    more = collection_from_rows(
        [("new", "en", "", english.documents["text"][0].as_py())],
        [("q", "en", "A new question")],
        [("q", "new", 1)],
    )
    translate_collection({None: more}, ["de"], [other], store, without=OFF)
    assert other.given == ["A new question"]


def test_only_what_a_language_lacks_is_translated(pretend, store):
    """German has one document and one query version; the rest comes from English, else from Swahili."""
    documents = [(f"{tag}/{name}", tag, "", f"{tag} text of {name}") for tag in ("en", "sw") for name in "ab"]
    documents += [("de/a", "de", "", "der Text von a"), ("sw/c", "sw", "", "sw text of c")]
    queries = [(name, tag, f"{tag} query {name}") for tag in ("en", "sw") for name in "ab"]
    queries += [("a", "de", "die Frage a"), ("c", "sw", "sw query c")]
    qrels = [(document[0][-1], document[0], 1) for document in documents]
    collection = collection_from_rows(documents, queries, qrels, name="uneven")
    found = translate_collection({None: collection}, ["de"], [pretend()], store, sources=["en", "sw"], without=OFF)
    new = {row["_id"] for row in found.splits[None].documents.to_pylist()} - {row[0] for row in documents}
    assert new == {"de/en/b", "de/sw/c"}
    added = set(rows_of(found.splits[None].queries)) - {row[:2] for row in queries}
    assert added == {("b", "de"), ("c", "de")}
    assert [(report.source, report.documents, report.queries, report.present) for report in found.reports] == [
        ("en", 1, 1, 2),
        ("sw", 1, 1, 4),
    ]
    again = translate_collection(found.splits, ["de"], [pretend()], store, sources=["en", "sw"], without=OFF)
    assert again.splits[None].documents.num_rows == found.splits[None].documents.num_rows
    assert again.splits[None].name == "uneven (translated)"


def test_documents_or_queries_alone(english, pretend, store):
    for options, sizes in (({"documents": False}, (3, 6)), ({"queries": False}, (6, 3))):
        found = translate_collection({None: english}, ["de"], [pretend()], store, without=OFF, **options)
        only = found.splits[None]
        assert (only.documents.num_rows, only.queries.num_rows) == sizes


def test_splits_stay(english, pretend, store, tmp_path):
    write_collection({"train": english, "test": english}, tmp_path / "data")
    (tmp_path / "data" / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nlist\tls\t1\n")
    splits = read_splits(tmp_path / "data")
    write_translation(
        translate_collection(splits, ["de"], [pretend()], store, without=OFF), tmp_path / "out", "parquet"
    )
    after = read_splits(tmp_path / "out")
    assert judged(after["test"]) == {("list", "ls", 1), ("list", "de/ls", 1)}
    assert len(judged(after["train"])) == 8
    assert rows_of(read_collection(tmp_path / "out", split="test").queries).keys() == {
        ("list", "en"),
        ("list", "de"),
    }


def test_the_round_trip_is_kept_and_judged(english, pretend, store):
    texts = english.query_texts()
    changes = {"Whichä programä packsä archives?ä": "Something else entirely"}
    found = translate_collection(
        {None: english}, ["de"], [pretend(changes)], store, documents=False, without=OFF, min_chrf=50
    )
    rows = [row for row in found.splits[None].queries.to_pylist() if row["lang"] == "de"]
    assert [json.loads(row["extra"]) for row in rows] == [{"round_trip_chrf": 100.0, "translated_from": "en"}] * 2
    (rejected,) = found.rejected
    assert (rejected.text, rejected.reason) == (texts[1], "round-trip")
    assert rejected.to_record()["round_trip_chrf"] == rejected.chrf < 50


def test_the_metadata_say_where_it_comes_from(english, pretend, store, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    metadata = translate_collection({None: english}, ["de"], [pretend()], store, without=OFF).splits[None].metadata
    assert (metadata["licence"], metadata["source"], metadata["languages"]) == ("CC0", "made up", ["de", "en"])
    (entry,) = metadata["translation"]
    assert entry["date"] == "2023-11-14"
    assert entry["models"] == [{"name": "pretend"}]
    assert entry["pairs"] == [
        {"from": "en", "to": "de", "model": "pretend", "documents": 3, "queries": 3, "rejected": {}}
    ]
    assert entry["gates_off"] == OFF


@pytest.mark.parametrize(
    ("targets", "options", "said"),
    [
        (["xx"], {}, "--to: 'xx' is not"),
        ([], {}, "names no language"),
        (["en"], {}, "the language to translate from"),
        (["fr"], {}, "pretend does not know fr"),
        (["de"], {"sources": ["sw"]}, "the collection has no sw; it has en"),
        (["de"], {"without": ["size"]}, "no gate 'size'"),
        (["de"], {"documents": False, "queries": False}, "nothing to translate"),
        (["de"], {"min_chrf": 200}, "from 0 to 100"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is(english, pretend, store, targets, options, said):
    translator = pretend()
    with pytest.raises(InputError, match=said):
        translate_collection({None: english}, targets, [translator], store, **options)
    assert translator.given == []


def test_without_sacrebleu_the_way_back_is_refused_at_once(english, pretend, store, monkeypatch):
    load_chrf.cache_clear()
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics", None)
    with pytest.raises(InputError, match=r"translating back needs sacrebleu: pip install 'isoglot\[translation\]'"):
        translate_collection({None: english}, ["de"], [translator := pretend()], store, min_chrf=30)
    assert translator.given == []


def test_several_languages_need_a_choice(toy, pretend, store):
    with pytest.raises(InputError, match=r"3 languages .* --from"):
        translate_collection({None: toy}, ["sw"], [pretend()], store)


def test_a_pair_goes_to_the_first_model_that_knows_it(english, pretend, store):
    german, swahili = pretend(languages=["en", "de"]), pretend(languages=["en", "sw"])
    translate_collection({None: english}, ["de", "sw"], [german, swahili], store, without=OFF)
    assert sorted(german.given) == sorted(swahili.given)
    german.check = lambda source, target: None if source == "en" else swahili.check(source, target)
    with pytest.raises(InputError, match="no way back from de to en"):
        translate_collection({None: english}, ["de"], [german], store, round_trip=True)


@pytest.fixture
def data(english, tmp_path) -> Path:
    write_collection(english, tmp_path / "data")
    return tmp_path / "data"


def test_the_command(data, models, tmp_path, capsys, monkeypatch):
    """With a model of random weights the gates reject nearly all; without them all of it is there."""
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    base = ["data", "translate", str(data), "--to", "de,sw", "--model", str(models["nllb"]), "--quiet"]
    capsys.readouterr()
    assert main([*base, "--out", str(tmp_path / "gated")]) == 0
    said, shown = capsys.readouterr()
    assert "Loading" not in shown
    assert "en → de" in said
    assert "rejected.jsonl" in said
    gated = (tmp_path / "gated" / "rejected.jsonl").read_text().splitlines()
    off = [word for name in ("empty", "copied", "repetition", "language", "length") for word in ("--no-gate", name)]
    monkeypatch.setattr("transformers.AutoModelForSeq2SeqLM.from_pretrained", lambda *a, **k: pytest.fail("loaded"))
    assert main([*base, *off, "--form", "parquet", "--out", str(tmp_path / "out")]) == 0  # from the cache alone
    capsys.readouterr()
    after = read_collection(tmp_path / "out")
    assert (after.documents.num_rows, after.queries.num_rows) == (9, 9)
    ours = read_collection(tmp_path / "gated")
    missing = 18 - ours.documents.num_rows - ours.queries.num_rows
    assert 0 < missing == sum(json.loads(line)["kind"] != "title" for line in gated)
    models_of = yaml.safe_load((tmp_path / "out" / "collection.yaml").read_text())["translation"][0]["models"]
    assert models_of[0]["family"] == "NLLB"
    assert (models_of[0]["beams"], models_of[0]["max_length"]) == (1, 38)
    monkeypatch.undo()
    ((_, expected),) = next(load_translator(models["nllb"]).translate(["How do I unpack an archive?"], "en", "sw"))
    assert rows_of(after.queries)["unpack", "sw"] == expected


def test_progress_tells_rate_and_remaining_time(capsys):
    from isoglot.cli.progress import text_progress

    with text_progress(True) as notify:
        for done in range(0, 101, 10):
            notify("en → de", done, 100)
            time.sleep(0.002)
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "100/100" in line]
    assert "en → de" in line
    assert "texts/s" in line
    assert "0:00:00" in line


def test_without_a_cache_nothing_is_left_behind(data, models, tmp_path, monkeypatch):
    monkeypatch.setenv("ISOGLOT_CACHE", str(tmp_path / "cache"))
    command = [
        "data",
        "translate",
        str(data),
        "--to",
        "de",
        "--model",
        str(models["opus-mt-en-de"]),
        "--no-documents",
    ]
    assert main([*command, "--no-cache", "--quiet", "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "out"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "fr"], "does not translate into fr; its only language is de (de)"),
        (["--to", "de", "--round-trip"], "no way back from de to en"),
        (["--to", "de", "--form", "csv"], "no form 'csv'"),
        (["--to", "de", "--device", "warp"], "no device 'warp'"),
        (["--to", "de", "--max-length", "900"], "at most 38 tokens"),
    ],
)
def test_the_command_says_what_it_cannot_do(data, models, tmp_path, capsys, options, said):
    command = [
        "data",
        "translate",
        str(data),
        "--model",
        str(models["opus-mt-en-de"]),
        "--out",
        str(tmp_path / "out"),
    ]
    assert main([*command, *options]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--to", "de", "--no-gate", "gramar"], "there is no gate 'gramar'; the gates are empty, copied"),
        (["--to", "de,klingonish"], "--to: 'klingonish' is not a"),
        (["--to", ","], "--to names no language"),
        (["--to", "de", "--from", "xx"], "--from: 'xx' is not a registered language tag"),
        (["--to", "de", "--min-chrf", "101"], "min_chrf is a chrF from 0 to 100, not 101"),
        (["--to", "de", "--no-documents", "--no-queries"], "neither documents nor queries are asked for"),
        (["--to", "de", "--dtype", "int4"], "no precision 'int4'"),
        (["--to", "de", "--model", "no/such/folder"], "the model folder no/such/folder does not exist"),
    ],
)
def test_options_are_checked_before_anything_is_read(data, tmp_path, capsys, monkeypatch, options, said):
    monkeypatch.setattr("isoglot.data.catalogue.loading.load_splits", lambda *a, **k: pytest.fail("read"))
    monkeypatch.setattr("isoglot.data.translation.load_translator", lambda *a, **k: pytest.fail("x"))
    command = ["data", "translate", str(data), "--model", "none", "--out", str(tmp_path / "out")]
    assert main([*command, *options]) == 2
    assert said in capsys.readouterr().err


def test_a_collection_that_is_missing_is_said_without_torch(tmp_path):
    """What is wrong with a command is said at once, not after seconds of imports."""
    command = ["data", "translate", "nowhere", "--to", "de", "--model", "m", "--out", str(tmp_path / "out")]
    said = f"import sys; from isoglot.cli import main; print(main({command}), 'torch' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", said], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.split() == ["2", "False"]
    assert result.stderr == "isoglot: the collection nowhere is missing\n"


def test_splits_with_documents_of_their_own_are_translated_one_at_a_time(english, pretend, store):
    documents = english.documents.to_pylist()
    other = replace(english, documents=pa.Table.from_pylist([row | {"text": "other"} for row in documents]))
    with pytest.raises(InputError, match=r"train, test have documents of their own: .* with --split"):
        translate_collection({"train": english, "test": other}, ["de"], [pretend()], store)


def test_a_folder_that_is_not_free_is_said_before_any_work(data, tmp_path, capsys):
    command = ["data", "translate", str(data), "--to", "de", "--model", "none", "--out", str(data)]
    assert main(command) == 2
    assert "already exists" in capsys.readouterr().err
