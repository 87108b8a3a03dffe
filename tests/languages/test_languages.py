from __future__ import annotations

import pytest
import regex

from isoglot.errors import InputError
from isoglot.languages.scripts import (
    SCRIPTS,
    SPACELESS,
    is_right_to_left,
    is_spaceless,
    script_share,
)
from isoglot.languages.tags import read_tag
from isoglot.languages.words import words_of

SENTENCES = {
    "Hani": "我喜欢吃苹果",
    "Hira": "りんごがたべたい",
    "Kana": "アイスクリーム",
    "Thai": "ฉันชอบกินแอปเปิ้ล",
    "Laoo": "ຂ້ອຍມັກກິນຫມາກໂປມ",
    "Khmr": "ខ្ញុំចូលចិត្តញ៉ាំផ្លែប៉ោម",
    "Mymr": "ကျွန်တော်ပန်းသီးစားရတာကြိုက်တယ်",
}


def test_a_wrong_tag_is_told_with_its_place() -> None:
    assert read_tag("zh_cn", "--lang") == "zh-CN"
    with pytest.raises(InputError, match=r"^--lang: 'xx' is not a registered language tag$"):
        read_tag("xx", "--lang")


@pytest.mark.parametrize(
    ("script", "spaceless"),
    [
        ("Hans", True),
        ("Jpan", True),
        ("Thai", True),
        ("Kore", False),
        ("Hang", False),
        ("Latn", False),
        (None, False),
    ],
)
def test_which_scripts_put_spaces_between_words(script: str | None, spaceless: bool) -> None:
    assert is_spaceless(script) is spaceless


def test_words_of_every_script_without_spaces_are_pairs_of_characters() -> None:
    assert SENTENCES.keys() == set(SPACELESS) - {"Tibt"}  # whose syllables are set apart
    for script, text in SENTENCES.items():
        assert regex.fullmatch(f"[\\p{{scx={SCRIPTS[script]}}}\\p{{M}}]+", text), script
        words = words_of(text)
        assert len(words) > 1, script
        assert all(len(word) == 2 for word in words), script
    assert words_of("བོད་སྐད") == ["བོད", "སྐད"]


def test_letters_that_scripts_share_count_for_each() -> None:
    assert script_share("アイスクリーム", "Kana") == 1.0
    assert script_share("東京タワー", "Jpan") == 1.0
    assert script_share("Москва abc", "Cyrl") == pytest.approx(6 / 9)
    assert script_share("123 …", "Latn") is None


def test_directions_of_writing_are_those_of_cldr():
    from babel import Locale, localedata

    locales = localedata.locale_identifiers()
    assert len(locales) > 500
    for name in locales:
        try:
            rightwards = Locale.parse(name).text_direction == "rtl"
        except KeyError:  # of a locale Babel has no layout
            continue
        assert is_right_to_left(name.replace("_", "-")) == rightwards, name
    assert is_right_to_left("az-Arab")
    assert not is_right_to_left("ar-Latn")
