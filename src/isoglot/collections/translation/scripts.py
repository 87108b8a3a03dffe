"""Which script the letters of a text are of, by the names that Unicode gives to characters."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

__all__ = ["NAMES", "letters_of", "script_share"]

_KANA = frozenset({"HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"})

NAMES: dict[str, frozenset[str]] = {
    "Arab": frozenset({"ARABIC"}),
    "Armn": frozenset({"ARMENIAN"}),
    "Beng": frozenset({"BENGALI"}),
    "Cyrl": frozenset({"CYRILLIC"}),
    "Deva": frozenset({"DEVANAGARI"}),
    "Ethi": frozenset({"ETHIOPIC"}),
    "Geor": frozenset({"GEORGIAN"}),
    "Grek": frozenset({"GREEK"}),
    "Gujr": frozenset({"GUJARATI"}),
    "Guru": frozenset({"GURMUKHI"}),
    "Hans": frozenset({"CJK", "IDEOGRAPHIC"}),
    "Hant": frozenset({"CJK", "IDEOGRAPHIC", "BOPOMOFO"}),
    "Hebr": frozenset({"HEBREW"}),
    "Jpan": frozenset({"CJK", "IDEOGRAPHIC"}) | _KANA,
    "Khmr": frozenset({"KHMER"}),
    "Knda": frozenset({"KANNADA"}),
    "Kore": frozenset({"HANGUL", "CJK"}),
    "Laoo": frozenset({"LAO"}),
    "Latn": frozenset({"LATIN"}),
    "Mlym": frozenset({"MALAYALAM"}),
    "Mymr": frozenset({"MYANMAR"}),
    "Olck": frozenset({"OL"}),
    "Orya": frozenset({"ORIYA"}),
    "Sinh": frozenset({"SINHALA"}),
    "Taml": frozenset({"TAMIL"}),
    "Telu": frozenset({"TELUGU"}),
    "Tfng": frozenset({"TIFINAGH"}),
    "Thai": frozenset({"THAI"}),
    "Tibt": frozenset({"TIBETAN"}),
}
"""ISO 15924 code -> first words of the names of the script's letters."""

NAMES["Hang"] = NAMES["Kore"]


@lru_cache(maxsize=1 << 16)
def _first_word(character: str) -> str:
    return unicodedata.name(character, "").split(" ", 1)[0]


def letters_of(text: str) -> list[str]:
    """Return the letters of a text: no marks, digits, punctuation or spaces."""
    return [character for character in unicodedata.normalize("NFKC", text) if character.isalpha()]


def script_share(text: str, script: str) -> float | None:
    """Return the share of a text's letters that a script has; None if it has no letter or the script is not known.

    Args:
        text: the text.
        script: ISO 15924 code; that of a language, such as `Jpan`, stands for all scripts that it is written in.
    """
    names, letters = NAMES.get(script), letters_of(text)
    if names is None or not letters:
        return None
    return sum(_first_word(letter) in names for letter in letters) / len(letters)
