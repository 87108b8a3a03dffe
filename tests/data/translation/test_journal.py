"""The journal keeps every translation once, whatever became of the process that wrote it."""

from __future__ import annotations

import json

import pytest

from isoglot.data.translation.journal import Journal, text_key

ENTRIES = {text_key("m", text): f"«{text}» — 译文\nzwei" for text in ("one", "two", "three")}


@pytest.fixture
def kept(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.add(ENTRIES.items())
    return tmp_path / "j" / "0.jsonl"


def test_what_is_kept_is_read_again(kept):
    with Journal(kept.parent) as journal:
        assert journal.translations == ENTRIES
        journal.add(ENTRIES.items())
    assert len(kept.read_text().splitlines()) == 3


def test_a_text_of_another_context_is_another():
    keys = {text_key(*pair) for pair in (("m", "ab"), ("ma", "b"), ("m", "a"), ("", "mab"))}
    assert len(keys) == 4


def test_after_any_cut_the_whole_lines_are_there_and_the_rest_is_written_again(kept):
    whole = kept.read_bytes()
    ends = [at + 1 for at, byte in enumerate(whole) if byte == 10]
    for cut in range(len(whole)):
        kept.write_bytes(whole[:cut])
        with Journal(kept.parent) as journal:
            assert len(journal.translations) == sum(end <= cut for end in ends)
            journal.add(ENTRIES.items())
        assert kept.read_bytes() == whole


def test_a_damaged_line_is_passed_over_and_said(kept, caplog):
    lines = kept.read_text().splitlines(keepends=True)
    for damaged in (lines[1].replace("two", "tow"), "{]\n", "\n", "[1]\n", json.dumps({"key": 1}) + "\n"):
        kept.write_text(lines[0] + damaged + lines[2])
        with Journal(kept.parent) as journal:
            assert journal.translations == dict([list(ENTRIES.items())[at] for at in (0, 2)])
            journal.add(ENTRIES.items())
        with Journal(kept.parent) as journal:
            assert journal.translations == ENTRIES
    assert "damaged" in caplog.text


def test_two_at_once_write_to_files_of_their_own(kept):
    with Journal(kept.parent) as one, Journal(kept.parent) as other:
        one.add([(text_key("m", "four"), "vier")])
        other.add([(text_key("m", "five"), "fünf")])
        assert sorted(path.name for path in kept.parent.glob("*.jsonl")) == ["0.jsonl", "1.jsonl"]
    with Journal(kept.parent) as both:
        assert len(both.translations) == 5
        both.add([(text_key("m", "six"), "sechs")])
    assert len(kept.read_text().splitlines()) == 5


def test_an_empty_translation_is_kept_too(tmp_path):
    for _ in range(2):
        with Journal(tmp_path) as journal:
            journal.add([("00", "")])
            assert journal.translations["00"] == ""
    assert len((tmp_path / "0.jsonl").read_text().splitlines()) == 1
