"""Code-switching: words are replaced at the rate asked for, everything else stays, and draws are reproducible."""

from __future__ import annotations

import pickle
import re
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.batching.code_switching import CodeSwitcher
from isoglot.data.lexicons.lexicon import lexicon_from_pairs
from isoglot.errors import InputError

EN_DE = lexicon_from_pairs("en", "de", [("the", "der"), ("dog", "Hund"), ("house", "Haus"), ("house", "Heim")])
EN_PT = lexicon_from_pairs("en", "pt", [("the", "o"), ("dog", "cachorro"), ("house", "casa")])
PT_EN = lexicon_from_pairs("pt", "en", [("casa", "house")])
ZH_EN = lexicon_from_pairs("zh", "en", [("小狗", "puppy"), ("狗", "dog"), ("房子", "house")])
EN_ZH = lexicon_from_pairs("en", "zh", [("dog", "狗"), ("house", "房子")])
ALL = [EN_DE, EN_PT, PT_EN, ZH_EN, EN_ZH]


def switch(switcher, texts, languages, step=0, side="query", **options):
    return switcher.switch(texts, languages, step, side, **options)


def test_words_are_replaced_and_everything_else_stays():
    switcher = CodeSwitcher([EN_PT], rate=1.0)
    assert switch(switcher, ["  The DOG's (dog-)house,\tx1!\n", "", "doghouse"], ["en"] * 3) == [
        "  o cachorro's (cachorro-)casa,\tx1!\n",
        "",
        "doghouse",
    ]


@given(st.lists(st.text(max_size=30), max_size=5), st.integers(0, 10**9))
@settings(max_examples=80, deadline=None)
def test_texts_without_known_words_come_back_unchanged(texts, step):
    for rate in (0.0, 1.0):
        switcher = CodeSwitcher([lexicon_from_pairs("en", "de", [("xyzzy", "Plugh")])], rate=rate)
        assert switch(switcher, texts, ["en"] * len(texts), step) == texts
    assert switch(CodeSwitcher(ALL, rate=1.0), texts, ["fr"] * len(texts), step) == texts


def test_words_are_replaced_at_the_rate_asked_for_and_translations_alike():
    switcher = CodeSwitcher([EN_DE], rate=0.3)
    words = " ".join(switch(switcher, ["house " * 20] * 500, ["en"] * 500)).split()
    share = np.mean([word != "house" for word in words])
    assert share == pytest.approx(0.3, abs=4 * np.sqrt(0.3 * 0.7 / len(words)))
    assert words.count("Haus") / words.count("Heim") == pytest.approx(1, abs=0.15)


def test_a_text_is_switched_into_one_language_and_all_are_drawn():
    switcher = CodeSwitcher(ALL, rate=1.0)
    assert switcher.targets("en") == ["de", "pt", "zh"]
    seen = switch(switcher, ["dog the dog"] * 300, ["en"] * 300)
    counts = [seen.count(text) for text in ("Hund der Hund", "cachorro o cachorro", "狗 the 狗")]
    assert sum(counts) == 300
    assert min(counts) > 60


def test_the_language_wanted_is_taken_and_others_are_drawn():
    switcher = CodeSwitcher(ALL, rate=1.0)
    texts, languages = ["dog"] * 4, ["en", "en", "en", "pt-BR"]
    german, none, own, _ = switch(switcher, texts, languages, to=["de", "sw", "en", "en"])
    assert german == "Hund"
    assert none == "dog"  # no lexicon leads to Swahili
    assert own in ("Hund", "cachorro", "狗")
    assert switch(switcher, ["a casa", "casa"], ["pt-BR", "pt"], to=["en", "de"]) == ["a house", "casa"]
    assert switch(switcher, ["dog"], ["en"], to=["pt-PT"]) == ["cachorro"]  # the lexicon of pt serves its variants


def test_scripts_without_spaces_take_the_longest_words():
    switcher = CodeSwitcher([ZH_EN], rate=1.0)
    texts = ["小狗在房子里。", "狗房子", "我看Linux狗", "没有"]
    assert switch(switcher, texts, ["zh"] * 4) == ["puppy 在 house 里。", "dog house", "我看Linux dog", "没有"]


def test_draws_depend_on_seed_step_side_and_row_alone():
    switcher = CodeSwitcher(ALL, rate=0.5, side="both", seed=3)
    texts = ["the dog and the house and the dog"] * 40
    whole = switch(switcher, texts, ["en"] * 40, 7)
    assert whole == switch(pickle.loads(pickle.dumps(switcher)), texts, ["en"] * 40, 7)
    assert whole[:10] == switch(switcher, texts[:10], ["en"] * 10, 7)
    assert whole[1:] == switch(switcher, ["dog", *texts[1:]], ["en"] * 40, 7)[1:]
    others = [
        switch(switcher, texts, ["en"] * 40, 8),
        switch(switcher, texts, ["en"] * 40, 7, "document"),
        switch(CodeSwitcher(ALL, rate=0.5, side="both", seed=4), texts, ["en"] * 40, 7),
    ]
    assert all(other != whole for other in others)


@pytest.mark.parametrize(
    ("side", "switched"), [("query", {"query"}), ("document", {"document"}), ("both", {"query", "document"})]
)
def test_only_the_side_asked_for_is_switched(side, switched):
    switcher = CodeSwitcher([EN_PT], rate=1.0, side=side)
    for one in ("query", "document"):
        expected = "cachorro" if one in switched else "dog"
        assert switch(switcher, ["dog"], ["en"], side=one) == [expected]


def test_the_first_of_two_lexicons_wins():
    other = lexicon_from_pairs("en", "pt", [("dog", "cão"), ("cat", "gato")])
    assert switch(CodeSwitcher([EN_PT, other], rate=1.0), ["dog cat"], ["en"]) == ["cachorro gato"]


@pytest.mark.parametrize("times", [1, 2])
def test_neither_the_words_of_lexicons_nor_what_was_switched_is_kept_again(times):
    lexicon = lexicon_from_pairs("en", "de", [(f"word{n}", f"Wort{n}") for n in range(20_000)])
    tracemalloc.start()
    try:
        switcher = CodeSwitcher([lexicon] * times, rate=1.0)
        before = len(pickle.dumps(switcher))
        assert switch(switcher, ["word7 word19999"], ["en"]) == ["Wort7 Wort19999"]
        assert tracemalloc.get_traced_memory()[0] < 100_000  # a table of 20,000 words takes ten times as much
    finally:
        tracemalloc.stop()
    texts = [f"word{n} and others{n}" for n in range(500)]
    for step in range(4):
        switch(switcher, texts, ["en"] * len(texts), step)
    assert len(pickle.dumps(switcher)) == before


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 1.5}, "must lie in [0, 1], not 1.5"),
        ({"side": "queries"}, "no side 'queries'"),
        ({"seed": -1}, "seed must not be negative"),
        ({"lexicons": []}, "needs a lexicon"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(InputError, match=re.escape(message)):
        CodeSwitcher(**{"lexicons": ALL, **settings})
