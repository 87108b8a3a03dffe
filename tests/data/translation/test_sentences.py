"""Long texts: cut so that every piece fits, nothing is lost, and put together as the target language writes."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.data.translation import sentences
from isoglot.data.translation.sentences import Piece, join_pieces, split_text

PARTS = [
    "Mr. Smith left.",
    "He said: “no!”",
    "ok",
    "3.14",
    "一只狐狸。",
    "「跑！」",
    "สวัสดี",
    "क्या? हाँ।",
    "a,b",
    "\n",
    "\n\n ",
    "  ",
    "x" * 30,
]
texts = st.lists(st.sampled_from(PARTS) | st.text(max_size=8), max_size=12).map(" ".join)


def short(limit: int):
    return lambda text: len(text) <= limit


@settings(max_examples=150, deadline=None)
@given(texts, st.integers(1, 40), st.sampled_from(["en", "zh", "th", "sw", "hi"]))
def test_nothing_is_lost_and_every_piece_fits(text, limit, language):
    pieces = split_text(text, language, short(limit))
    assert "".join(piece.text + piece.after for piece in pieces) == text.strip()
    assert all(len(piece.text) <= limit for piece in pieces)
    assert all(not piece.after.strip() for piece in pieces)


def test_a_text_that_fits_stays_whole():
    assert split_text("One. Two.\nThree.", "en", short(100)) == [Piece("One. Two.\nThree.", "")]


@pytest.mark.parametrize(
    ("language", "text", "limit", "expected"),
    [
        (
            "en",
            "Dr. Smith came. He left at 3.30 p.m. with a dog. It barked.",
            36,
            ["Dr. Smith came.", "He left at 3.30 p.m. with a dog.", "It barked."],
        ),
        ("zh", "今天下雨。我们在家。明天呢？", 6, ["今天下雨。", "我们在家。", "明天呢？"]),
        ("hi", "वह आया। वह गया।", 8, ["वह आया।", "वह गया।"]),
        ("sw", "Alikuja jana. Aliondoka leo!", 15, ["Alikuja jana.", "Aliondoka leo!"]),
        ("en", "First, with a comma, then more words", 16, ["First,", "with a comma,", "then more words"]),
        ("en", "no stops at all here", 8, ["no stops", "at all", "here"]),
        ("en", "One. Two.\nThree. Four.", 12, ["One. Two.", "Three. Four."]),
        ("de", "abcdefghij", 4, ["ab", "cde", "fg", "hij"]),
    ],
)
def test_where_texts_are_cut(language, text, limit, expected):
    assert [piece.text for piece in split_text(text, language, short(limit))] == expected


def test_without_pysbd_stops_and_spaces_do(monkeypatch):
    monkeypatch.setattr(sentences, "_segmenter", lambda language: None)
    pieces = split_text("It rains. We stay in. And you?", "en", short(12))
    assert [piece.text for piece in pieces] == ["It rains.", "We stay in.", "And you?"]


@pytest.mark.parametrize("target", ["zh", "zh-TW", "ja", "th"])
def test_no_space_between_sentences_that_have_none(target):
    assert join_pieces(["一。", "二。"], [Piece("One.", " "), Piece("Two.", "")], target) == "一。二。"


def test_spaces_and_line_breaks_come_back():
    pieces = [Piece("一。", ""), Piece("二。", "\n\n"), Piece("三。", "")]
    assert join_pieces(["One.", " Two.", "Three. "], pieces, "en") == "One. Two.\n\nThree."
    assert re.fullmatch(r"eins zwei\n\ndrei", join_pieces(["eins", "zwei", "drei"], pieces, "de"))
