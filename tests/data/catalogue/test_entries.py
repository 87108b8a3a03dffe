"""What the catalogue says: every entry is complete and consistent, and a wrong one is refused."""

from __future__ import annotations

from dataclasses import fields

import pytest
import yaml
from pydantic import ValidationError

from isoglot.data.catalogue import Entry, all_entries, entry_names, find_entry
from isoglot.data.catalogue import entry as entries
from isoglot.data.catalogue.entry import FormReader
from isoglot.data.convert import FORMS, Reading
from isoglot.errors import InputError

WANTED = {
    *(
        "xquad-r",
        "mlqa-r",
        "xquad",
        "mlqa",
        "mkqa",
        "miracl",
        "mr-tydi",
        "mmarco",
        "neuclir",
        "belebele",
        "cranfield",
    ),
    *("dureader", "dureader-retrieval", "dream", "afriqa", "tatoeba", "tldr", "worldfacts", "omw"),
    *("msmarco", "trec-covid", "nfcorpus", "nq", "hotpotqa", "fiqa", "arguana", "webis-touche2020", "cqadupstack"),
    *("ntrex", "cmrc2018", "drcd", "squad-it", "squadshifts"),
    *("quora", "dbpedia-entity", "scidocs", "fever", "climate-fever", "scifact"),
}
RIGHT = {
    "name": "small",
    "title": "Small",
    "about": "Two files.",
    "languages": ["de", "en"],
    "licence": "CC0-1.0",
    "citation": "Nobody",
    "homepage": "https://example.org",
    "address": "https://example.org/",
    "files": [{"path": "a.json", "languages": ["de"]}],
    "reader": {"kind": "form", "form": "lareqa"},
}


def test_all_data_sets_are_there():
    assert sorted(WANTED) == list(entry_names())


@pytest.mark.parametrize("name", entry_names())
def test_an_entry_says_what_a_user_needs(name):
    entry = find_entry(name)
    assert entry.name == name
    assert entry.homepage.startswith(("https://", "http://"))
    assert len(entry.citation) > 10
    assert list(entry.languages) == sorted(set(entry.languages))
    for file in entry.files:
        assert entry.address_of(file).startswith("https://")
    assert len({file.path for file in entry.files}) == len(entry.files)
    if isinstance(entry.reader, FormReader):
        assert entry.files
        assert entry.reader.form in FORMS
        assert set(entry.reader.options) <= {field.name for field in fields(Reading)}
    for size in entry.sizes:
        for key in ("documents", "queries"):
            parts = [getattr(count, key) for count in size.by_language.values()]
            whole = getattr(size, key)
            if parts and None not in parts and whole is not None and name != "neuclir":  # its topics are shared
                assert sum(parts) == whole, (name, size.split, key)


def test_every_beir_file_has_the_checksum_that_its_publisher_states():
    entries = [entry for entry in all_entries() if getattr(entry.reader, "form", "") == "beir"]
    assert len(entries) == 15
    for entry in entries:
        assert entry.checksums == "stated"
        assert entry.files[0].checksum is not None
        assert entry.languages == ("en",)


def test_a_name_that_is_not_there_is_answered_with_close_ones():
    with pytest.raises(InputError, match=r"no data set 'xquadr' \(did you mean .*xquad-r"):
        find_entry("xquadr")
    with pytest.raises(InputError, match=r"no data set 'nothing'; `isoglot data list` shows all"):
        find_entry("nothing")


def test_a_right_entry_is_read():
    assert (
        Entry.model_validate(RIGHT).address_of(Entry.model_validate(RIGHT).files[0]) == "https://example.org/a.json"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"licence": None}, "licence"),
        ({"languages": ["deu", "en"]}, "'deu' is written 'de'"),
        ({"languages": ["en"]}, "languages lacks de"),
        ({"files": [{"path": "../a.json"}]}, "does not lie within"),
        ({"files": [{"path": "/etc/a.json"}]}, "does not lie within"),
        ({"files": [{"path": "a.json", "checksum": "sha256:12"}], "checksums": "stated"}, "is not sha256"),
        ({"files": [{"path": "a.json", "checksum": "md5:" + "0" * 32}]}, "say whether they are stated"),
        ({"address": None}, "needs that of the entry"),
        ({"reader": {"kind": "magic"}}, "magic"),
        ({"licences": "CC0-1.0"}, "licences"),
        ({"name": "Small Set"}, "name"),
    ],
)
def test_a_wrong_entry_is_refused(change, message):
    with pytest.raises(ValidationError, match=message):
        Entry.model_validate(RIGHT | change)


def test_an_entry_is_a_file_of_its_name(tmp_path, monkeypatch):
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(RIGHT))
    monkeypatch.setattr(entries, "FOLDER", tmp_path)
    for cached in (entries.entry_names, entries.find_entry):
        cached.cache_clear()
    try:
        assert entry_names() == ("small",)
        assert find_entry("small").languages == ("de", "en")
    finally:
        monkeypatch.undo()
        for cached in (entries.entry_names, entries.find_entry):
            cached.cache_clear()


def test_files_are_those_of_the_wanted_languages():
    entry = find_entry("xquad-r")
    assert [file.path for file in entry.files_for(("th", "de"))] == ["de.json", "th.json"]
    assert len(entry.files_for(None)) == 11
    assert len(find_entry("mlqa").files_for(("de",))) == 1  # one archive holds all
