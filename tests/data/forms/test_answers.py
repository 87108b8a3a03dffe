"""Relevance by answer match: as DPR matches where words are spaced, by characters where they are not."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

import pyarrow as pa
import pytest
import regex
from form_samples import judged
from hypothesis import given
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows
from isoglot.data.forms import answers as module
from isoglot.data.forms.answers import answer_tokens, judge_by_answers
from isoglot.errors import InputError


def asked(*versions: tuple[str, str, list[str]]) -> Collection:
    """Queries: (id, language, answers)."""
    rows = [(identifier, tag, "?") for identifier, tag, _ in versions]
    collection = collection_from_rows([("d", "en", "", "x")], rows, [(versions[0][0], "d", 1)], name="asked")
    extra = [json.dumps({"answers": found}) for _, _, found in versions]
    return replace(collection, queries=collection.queries.append_column("extra", pa.array(extra)))


def passages(*rows: tuple[str, str]) -> pa.Table:
    """Passages: (language, text), their ids their numbers."""
    tags, texts = zip(*rows, strict=True)
    ids = [str(number) for number in range(len(rows))]
    return pa.table({"_id": ids, "lang": list(tags), "title": [""] * len(rows), "text": list(texts)})


@pytest.mark.parametrize(
    ("tag", "answer", "text", "holds"),
    [
        ("en", "Ridley Scott", "by RIDLEY  SCOTT.", True),
        ("en", "Ridley Scott", "Scott, Ridley", False),
        ("en", "Ridley Scott", "Ridley-Scott", False),  # the hyphen is a token, as in DPR
        ("en", "art", "a party", False),  # whole words only
        ("en", "U.S.", "the u.s. army", True),
        ("en", "café", "a cafe\u0301 there", True),  # composed or not
        ("de", "Straße", "eine strasse", False),
        ("zh", "北京", "中国的首都是北京市。", True),
        ("zh", "京北", "中国的首都是北京市。", False),
        ("ja", "東京タワー", "これは東京タワーです", True),
        ("th", "กรุงเทพ", "เมืองหลวงคือกรุงเทพมหานคร", True),
        ("th", "กา", "ที่กำแพง", False),  # a consonant with other marks is another character
        ("ko", "서울", "서울 에서", True),
        ("ko", "서울", "서울에서", False),  # Korean is written with spaces
    ],
)
def test_whether_a_passage_holds_an_answer(tag: str, answer: str, text: str, holds: bool):
    collection = judge_by_answers(
        asked(("q", tag, [answer]), ("sure", tag, ["zzz"])), passages((tag, text), (tag, "zzz"))
    )
    assert judged(collection) == {"q": {text} if holds else set(), "sure": {"zzz"}}


def test_passages_are_searched_for_answers_in_their_own_language():
    queries = asked(("q", "en", ["Munich"]), ("q", "de", ["München"]), ("q", "zh-TW", ["慕尼黑"]))
    corpus = passages(("en", "Munich"), ("de", "Munich"), ("de", "München"), ("zh", "在慕尼黑"), ("fr", "Munich"))
    collection = judge_by_answers(queries, corpus)
    assert judged(collection) == {"q": {"Munich", "München", "在慕尼黑"}}
    assert collection.relevance.of(0).tolist() == [0, 2, 3]
    assert len(collection.pairs("zh-TW", "en")[0]) == 1


def test_the_title_is_searched_too_and_unanswered_queries_stay():
    corpus = passages(("en", "It is a film.")).set_column(2, "title", pa.array(["Alien"]))
    collection = judge_by_answers(asked(("q", "en", ["alien"]), ("r", "en", ["zzz"])), corpus)
    assert judged(collection) == {"q": {"It is a film."}, "r": set()}
    assert collection.metadata["queries_without_relevant"] == 1


def test_answers_that_are_no_texts_are_said():
    queries = asked(("q", "en", ["a"]))
    broken = replace(
        queries, queries=queries.queries.set_column(3, "extra", pa.array(['{"answers": "a"}'], pa.string()))
    )
    with pytest.raises(InputError, match=r"'answers' of the query 'q' \(en\) is not a list of texts"):
        judge_by_answers(broken, passages(("en", "a")))
    with pytest.raises(InputError, match="whose answers are in no language: its queries have none"):
        judge_by_answers(replace(queries, queries=queries.queries.drop_columns("extra")), passages(("en", "a")))


def dpr_tokens(text: str) -> list[str]:
    """DPR's SimpleTokenizer: runs of letters, digits and marks, or single characters that are no space."""
    normal = unicodedata.normalize("NFD", text)
    return [token.lower() for token in regex.findall(r"[\p{L}\p{N}\p{M}]+|[^\p{Z}\p{C}]", normal)]


LATIN = st.text(st.characters(codec="ascii") | st.sampled_from("éüßøčłñİ“”—…€½\u0301 "), max_size=40)
MIXED = st.text(st.sampled_from("abAB1 .,éé-京東タワーかがกำแพง서울ខ្មែរ\u3000\u0301\u00a0\n"), max_size=30)


@given(LATIN)
def test_of_spaced_scripts_the_tokens_are_dpr_s(text: str):
    lowered = unicodedata.normalize("NFD", text).lower()  # İ becomes two characters, before or after
    assert answer_tokens(text) == dpr_tokens(lowered)


@given(MIXED)
def test_the_faster_ways_find_the_same_tokens(text: str):
    assert answer_tokens(text) == module.TOKEN.findall(unicodedata.normalize("NFD", text).lower())


@given(st.lists(st.lists(MIXED, max_size=3), min_size=1, max_size=4), st.lists(MIXED, min_size=1, max_size=4))
def test_matches_are_those_of_a_search_by_hand(answers: list[list[str]], texts: list[str]):
    def holds(text: str, answer: str) -> bool:
        words, wanted = answer_tokens(text), answer_tokens(answer)
        starts = range(len(words) - len(wanted) + 1)
        return bool(wanted) and any(words[start : start + len(wanted)] == wanted for start in starts)

    queries = asked(*((f"q{number}", "ja", found) for number, found in enumerate(answers)), ("sure", "ja", ["zzz"]))
    collection = judge_by_answers(queries, passages(*(("ja", text) for text in (*texts, "zzz"))))
    for number, found in enumerate(answers):
        expected = [row for row, text in enumerate((*texts, "zzz")) if any(holds(text, one) for one in found)]
        assert collection.relevance.of(number).tolist() == expected
