"""What holds of every form: what is read can be written and read back; options that do not apply are refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from form_samples import COLUMNS, LANGUAGES, SAMPLES, answered, documents, extras, lay_out, queries

from isoglot.cli import main
from isoglot.collections import read_collection, splits_of
from isoglot.data.convert import FORMS, Columns, Reading, convert, read_form
from isoglot.errors import InputError


def test_there_is_a_sample_of_every_form():
    assert set(SAMPLES) == set(FORMS)


@pytest.mark.parametrize("form", SAMPLES)
def test_what_is_converted_reads_back_as_it_was(form: str, tmp_path: Path):
    source = lay_out(tmp_path / "source", SAMPLES[form])
    written = convert(source, form, tmp_path / "out", language=LANGUAGES.get(form), columns=COLUMNS.get(form))
    named = [split for split in written if split is not None]
    assert splits_of(tmp_path / "out") == tuple(sorted(named))
    for split, collection in written.items():
        read = read_collection(tmp_path / "out", split=split)
        assert documents(read) == documents(collection)
        assert queries(read).items() <= queries(collection).items()  # beir and jsonl share queries over splits
        assert extras(read).items() <= extras(collection).items()
        assert answered(read) == answered(collection)
        assert read.metadata.get("left_out", {}) == collection.metadata.get("left_out", {})


@pytest.mark.parametrize("form", sorted(set(SAMPLES) - {"lareqa", "beir", "jsonl", "parquet"}))
def test_one_split_can_be_asked_for_and_no_other(form: str, tmp_path: Path):
    source = lay_out(tmp_path, SAMPLES[form])
    language = LANGUAGES.get(form)
    columns = COLUMNS.get(form, Columns())
    splits = read_form(source, form, Reading(language=language, columns=columns))
    for split in splits:
        if split is not None:
            one = read_form(source, form, Reading(language=language, split=split, columns=columns))
            assert list(one) == [split]
            assert queries(one[split]) == queries(splits[split])
    with pytest.raises(InputError, match="no split 'valid'"):
        read_form(source, form, Reading(language=language, split="valid", columns=columns))


@pytest.mark.parametrize("form", sorted(set(SAMPLES) - {"beir", "jsonl", "parquet", "lareqa"}))
def test_a_source_that_is_missing_or_empty_is_said(form: str, tmp_path: Path):
    for source in (tmp_path / "nowhere", tmp_path):
        with pytest.raises(InputError, match=str(source)):
            convert(
                source,
                form,
                tmp_path / "out",
                language="en" if form in ("squad", "dpr") else None,
                columns=COLUMNS.get(form),
            )
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "form", sorted(set(SAMPLES) - {"beir", "jsonl", "parquet", "lareqa", "squad", "dpr", "table"})
)
def test_a_language_is_not_taken_and_ignored(form: str, tmp_path: Path):
    """Texts of these forms say their language: another one given with --lang would have changed nothing."""
    with pytest.raises(InputError, match=f"those of the form {form} do: leave it out"):
        convert(tmp_path, form, tmp_path / "out", language="de")


def test_options_of_another_form_are_refused(tmp_path: Path):
    for form in set(FORMS) - {"lareqa", "squad", "table"}:
        with pytest.raises(InputError, match=f"--candidates is for the form lareqa and squad, not for {form}"):
            read_form(tmp_path, form, Reading(candidates="paragraph"))
    for form in set(FORMS) - {"mkqa", "table"}:
        with pytest.raises(InputError, match=f"--corpus is for the form mkqa, not for {form}"):
            read_form(tmp_path, form, Reading(corpus=tmp_path))
    for form in set(FORMS) - {"table"}:
        with pytest.raises(InputError, match=f"columns are named of the form table, not of {form}"):
            read_form(tmp_path, form, Reading(columns=COLUMNS["table"]))
    with pytest.raises(InputError, match="the form table needs to know its columns"):
        read_form(tmp_path, "table", Reading())


def test_the_command_converts_and_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    source = lay_out(tmp_path / "mkqa", SAMPLES["mkqa"])
    table = tmp_path / "p.tsv"
    table.write_text("1\tby Ridley Scott\tGladiator\n")
    command = [
        "data",
        "convert",
        str(source),
        "--form",
        "mkqa",
        "--corpus",
        str(table),
        "--to",
        str(tmp_path / "out"),
    ]
    assert main(command) == 2
    assert "p.tsv does not say its language: give it with --lang" in capsys.readouterr().err
    assert main([*command, "--lang", "en"]) == 0
    assert "1 documents, 6 queries (2 ids), 1 judgments" in capsys.readouterr().out
    assert answered(read_collection(tmp_path / "out")) == {"-7": {"by Ridley Scott"}}


def test_what_is_left_out_by_rule_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", logger="isoglot")
    read_form(lay_out(tmp_path, SAMPLES["afriqa"]), "afriqa")
    assert "left out 1 × question without a passage" in caplog.text


@pytest.mark.parametrize("form", sorted(set(SAMPLES) - {"parquet", "tldr"}))
@pytest.mark.parametrize("named", [True, False])
def test_every_file_may_be_gzipped_and_have_a_byte_order_mark(form: str, named: bool, tmp_path: Path):
    packed = {}
    for name, content in SAMPLES[form].items():
        plain = gzip.decompress(content) if content.startswith(b"\x1f\x8b") else content
        ending = ".gz" if named and not name.endswith((".gz", ".yaml")) else ""
        packed[name + ending] = gzip.compress(b"\xef\xbb\xbf" + plain.removeprefix(b"\xef\xbb\xbf"))
    reading = Reading(language=LANGUAGES.get(form), columns=COLUMNS.get(form, Columns()))
    expected = read_form(lay_out(tmp_path / "plain", SAMPLES[form]), form, reading)
    found = read_form(lay_out(tmp_path / "packed", packed), form, reading)
    for split, collection in expected.items():
        assert documents(found[split]) == documents(collection)
        assert answered(found[split]) == answered(collection)
