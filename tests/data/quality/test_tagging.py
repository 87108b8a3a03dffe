"""Language tags that the texts contradict."""

from __future__ import annotations

import sys
import unicodedata

import numpy as np
import pyarrow as pa
import pytest

from isoglot.collections import Collection, collection_from_rows
from isoglot.data.quality import tagging
from isoglot.data.quality.tagging import (
    find_other_languages,
    find_other_scripts,
    find_other_short_languages,
    same_language_tags,
)
from isoglot.data.quality.texts import Texts
from isoglot.errors import InputError
from isoglot.languages.identify import language_identifier
from isoglot.languages.scripts import SCRIPTS, count_letters, likely_scripts, main_script, script_share

GERMAN = (
    "Dieses Kommando zeigt alle Dateien eines Verzeichnisses an und sortiert sie nach ihrer Größe; mit einer "
    "weiteren Option werden auch die versteckten Dateien angezeigt, die sonst nicht erscheinen."
)
ENGLISH = (
    "This command shows all files of a folder and sorts them by their size; with another option it also shows the "
    "hidden files, which otherwise do not appear."
)


def asked(*queries: tuple[str, str]) -> Collection:
    rows = [(f"q{at}", tag, text) for at, (tag, text) in enumerate(queries)]
    return collection_from_rows([("d", "en", "", "a document")], rows, [("q0", "d", 1)])


@pytest.mark.parametrize(
    ("tag", "scripts"),
    [
        ("de", "Latn"),
        ("zh", "Bopo Hani"),
        ("ja", "Hani Hira Kana"),
        ("ko", "Hang Hani"),
        ("sr", "Cyrl Latn"),
        ("sr-Latn", "Latn"),
        ("pa", "Arab Guru"),
        ("am", "Ethi"),
        ("km", "Khmr"),
        ("el", "Grek"),
        ("pt-BR", "Latn"),
        ("mul", ""),
    ],
)
def test_scripts_of_a_language(tag: str, scripts: str):
    assert likely_scripts(tag) == tuple(scripts.split())


def test_texts_in_another_script_are_found():
    collection = asked(
        ("el", "What does the Kuznets curve say?"),
        ("el", "Τι λέει η καμπύλη Kuznets;"),
        ("ru", "Как распаковать архив?"),
        ("en", "Как распаковать архив?"),
        ("th", "ฉันจะแตกไฟล์ด้วย tar ได้อย่างไร"),
        ("ja", "カタカナ"),  # four letters only
        ("ja", "ファイルを一覧表示する"),
        ("ko", "tar"),  # too short to tell
        ("ko", "한국어 파일 목록 보기"),
        ("sr", "Prikaži sve datoteke"),
        ("hi", "फ़ाइलें दिखाएँ"),
        ("mul", "anything at all"),
        ("en", "12345 67890 !!!"),
    )
    found = find_other_scripts(Texts(collection, "queries"))
    assert found.by_language == {"el": {"Latin": 1}, "en": {"Cyrillic": 1}}
    assert found.texts == 2
    assert found.checked == 9
    assert [(one["id"], one["looks"]) for one in found.examples] == [("q0", "Latin"), ("q3", "Cyrillic")]


def test_the_script_of_a_text():
    texts = {"abc гд": "Latin", "где ab": "Cyrillic", "ไฟล์ tar": "Thai", "123": "unknown"}
    texts["ᐃᓄᒃᑎᑐᑦ"] = "Canadian Aboriginal"
    assert {text: main_script(text) for text in texts} == texts


def test_texts_in_another_language_are_identified():
    collection = asked(
        ("en", GERMAN), ("en", ENGLISH), ("de", GERMAN), ("de", "Too short to tell"), ("tlh", ENGLISH)
    )
    found = find_other_languages(Texts(collection, "queries"))
    assert (found.checked, found.by_language) == (3, {"en": {"de": 1}})
    assert found.examples[0]["id"] == "q0"


def test_closely_related_languages_are_not_told_apart():
    danish = (
        "Denne kommando viser alle filer i en mappe og sorterer dem efter deres størrelse; med en anden "
        "indstilling vises også de skjulte filer, som ellers ikke kommer frem."
    )
    assert find_other_languages(Texts(asked(("nb", danish)), "queries")).texts == 0
    assert find_other_languages(Texts(asked(("fr", danish)), "queries")).by_language == {"fr": {"da": 1}}


def test_identifying_says_what_it_needs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    monkeypatch.setattr(tagging, "language_identifier", language_identifier.__wrapped__)
    with pytest.raises(InputError, match=r"needs py3langid: pip install 'isoglot\[identify\]'"):
        find_other_languages(Texts(asked(("en", ENGLISH)), "queries"))


def test_both_ways_to_count_a_script_agree_on_its_letters():
    """By the Script property, as regular expressions know it, and by the names of characters."""
    points = [*range(0x3400), *range(0x3400, 0x20000, 31)]
    letters = [chr(point) for point in points if unicodedata.category(chr(point))[0] == "L"]
    letters = [letter for letter in letters if unicodedata.normalize("NFKC", letter) == letter]
    for code in SCRIPTS:
        own = count_letters(pa.array(letters), (code,))[0] == 1
        named = np.array([script_share(letter, code) == 1 for letter in letters])
        assert own.any(), code
        assert (own & named).sum() >= 0.85 * (own | named).sum(), code  # marks that Japanese scripts share differ


def test_a_script_of_a_language_is_all_that_it_is_written_in():
    assert script_share("かな漢字カナ abcd", "Jpan") == pytest.approx(6 / 10)
    assert script_share("한글 漢字", "Kore") == 1
    assert script_share("12 + 30", "Latn") is None
    assert script_share("abc", "Zzzz") is None


SHORT = {
    "de": (
        "Wie spät ist es in Berlin?",
        "Wo liegt der Bahnhof?",
        "Welche Farbe hat der Himmel?",
        "Wer wohnt hier?",
    ),
    "en": (
        "What time is it in London?",
        "Where is the station?",
        "Which colour has the sky?",
        "Who is living here?",
    ),
    "fr": ("Quelle heure est-il à Paris ?", "Où se trouve la gare ?", "De quelle couleur est le ciel ?"),
}


@pytest.mark.parametrize("wrong", [0, 8, 40])
def test_short_texts_of_another_language_are_found_together(wrong):
    """Of 60 German questions the last so many are English: each is too short to tell, together they are not."""
    pytest.importorskip("py3langid")
    german = [("de", SHORT["de"][at % 4]) for at in range(60 - wrong)]
    rows = [*german, *(("de", SHORT["en"][at % 4]) for at in range(wrong)), *[("fr", SHORT["fr"][0])] * 20]
    texts = Texts(asked(*rows), "queries")
    assert find_other_languages(texts).checked == 0
    found = find_other_short_languages(texts)
    assert found.checked >= 60
    if wrong < 12:  # a fifth or more counts
        assert found.texts == 0
    else:
        assert 32 <= found.by_language.pop("de")["en"] <= 48  # pieces at both ends hold texts of either
        assert not found.by_language
        assert all(example["looks"] == "en" for example in found.examples)


@pytest.mark.parametrize(
    ("tags", "pairs"),
    [
        (("de", "de-DE", "en"), [["de", "de-DE"]]),
        (("en-GB", "en", "fr"), [["en", "en-GB"]]),
        (("no", "nb", "nn"), [["nb", "no"]]),
        (("zh", "zh-CN", "zh-TW"), [["zh", "zh-CN"]]),
        (("pt-BR", "pt-PT", "sr", "sr-Latn", "ar", "arz", "zh", "yue", "ms", "id", "hr", "da"), []),
    ],
)
def test_a_language_under_two_tags_is_found(tags, pairs):
    assert same_language_tags(tags) == pairs
