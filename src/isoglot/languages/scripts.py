"""The scripts that a language is written in, and those of a text (Unicode Script property, UAX 24)."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

import langcodes
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import regex
from numpy.typing import NDArray

from isoglot.files import require

__all__ = [
    "SPACELESS",
    "count_letters",
    "is_right_to_left",
    "is_spaceless",
    "letters_of",
    "likely_scripts",
    "main_script",
    "script_share",
]

SCRIPTS = {
    **{"Adlm": "Adlam", "Arab": "Arabic", "Armn": "Armenian", "Beng": "Bengali", "Bopo": "Bopomofo"},
    **{"Cans": "Canadian_Aboriginal", "Cher": "Cherokee", "Cyrl": "Cyrillic", "Deva": "Devanagari"},
    **{"Ethi": "Ethiopic", "Geor": "Georgian", "Grek": "Greek", "Gujr": "Gujarati", "Guru": "Gurmukhi"},
    **{"Hang": "Hangul", "Hani": "Han", "Hebr": "Hebrew", "Hira": "Hiragana", "Java": "Javanese"},
    **{"Kana": "Katakana", "Khmr": "Khmer", "Knda": "Kannada", "Laoo": "Lao", "Latn": "Latin"},
    **{"Mlym": "Malayalam", "Mong": "Mongolian", "Mtei": "Meetei_Mayek", "Mymr": "Myanmar", "Nkoo": "Nko"},
    **{"Olck": "Ol_Chiki", "Orya": "Oriya", "Sinh": "Sinhala", "Syrc": "Syriac", "Taml": "Tamil"},
    **{"Telu": "Telugu", "Tfng": "Tifinagh", "Thaa": "Thaana", "Thai": "Thai", "Tibt": "Tibetan"},
    **{"Vaii": "Vai", "Yiii": "Yi"},
}
"""ISO 15924 code -> name of the script in regular expressions."""

COMPOSITE = {
    "Hanb": ("Hani", "Bopo"),
    "Hans": ("Hani",),
    "Hant": ("Hani", "Bopo"),
    "Hrkt": ("Hira", "Kana"),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang", "Hani"),
}
SPACELESS = ("Hani", "Hira", "Kana", "Thai", "Laoo", "Khmr", "Mymr", "Tibt")
"""Scripts that put no space between words. The syllables of Tibetan are set apart by a dot."""

RIGHT_TO_LEFT = (
    *("Adlm", "Arab", "Aran", "Hebr", "Mand", "Mend", "Nkoo", "Rohg", "Samr", "Syrc", "Syre", "Syrj", "Syrn"),
    *("Thaa", "Yezi"),
)
"""Scripts in use that are written from right to left."""

SHARING = ("Arab", "Hira", "Kana")
"""Scripts with letters that they share with others: the tatweel, the sign of a long vowel ー."""

NO_LANGUAGE = ("mis", "mul", "und", "zxx")


@lru_cache(maxsize=1)
def _scripts_by_language() -> dict[str, set[str]]:
    """Return language -> the scripts it is written in somewhere, by CLDR's likely subtags."""
    core = require("babel.core", "data", "knowing the usual script of a language")
    found: dict[str, set[str]] = {}
    for key, value in core.get_global("likely_subtags").items():
        parts = key.split("_")
        if len(parts) == 1 or len(parts[1]) != 4:  # a key that names the script would prove nothing
            found.setdefault(parts[0], set()).add(value.split("_")[1])
    return found


@lru_cache(maxsize=4096)
def likely_scripts(tag: str) -> tuple[str, ...]:
    """Return the scripts that texts of a language may be written in.

    Args:
        tag: a canonical language tag.

    Returns:
        ISO 15924 codes: the script of the tag if it names one, else those that CLDR knows for the language in some
        territory (Latn and Cyrl for Serbian); Japanese, Korean and Chinese by their parts. Empty where unknown.
    """
    language = langcodes.Language.get(tag)
    if language.language is None or language.language in NO_LANGUAGE:
        return ()
    scripts = {language.script} if language.script else set(_scripts_by_language().get(language.language, ()))
    if not scripts and (likely := language.maximize().script):
        scripts = {likely}
    parts = {part for script in scripts for part in COMPOSITE.get(script, (script,))}
    return tuple(sorted(parts)) if parts <= SCRIPTS.keys() else ()


def _within(scripts: tuple[str, ...]) -> str:
    return "".join(rf"\p{{{SCRIPTS[script]}}}" for script in scripts)


def count_letters(texts: pa.Array, scripts: tuple[str, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Count the letters of texts in some scripts, and those in all others.

    Args:
        texts: (n,) strings.
        scripts: ISO 15924 codes of `SCRIPTS`.

    Returns:
        (n,) letters and marks of the scripts, (n,) letters of other scripts; what scripts share counts as neither.
    """
    inside = rf"[{_within(scripts)}]"
    outside = rf"[^\P{{L}}\p{{Common}}\p{{Inherited}}{_within(scripts)}]"
    own, other = (pc.count_substring_regex(texts, pattern=pattern).to_numpy(False) for pattern in (inside, outside))
    return own.astype(np.int64), other.astype(np.int64)


def main_script(text: str) -> str:
    """Return the Unicode name of the script with most letters in a text, such as `Latin`, or `unknown`."""
    array = pa.array([text])
    counts = {code: int(count_letters(array, (code,))[0][0]) for code in SCRIPTS}
    best = max(counts, key=lambda code: counts[code])
    return SCRIPTS[best].replace("_", " ") if counts[best] else "unknown"


def is_spaceless(script: str | None) -> bool:
    """Tell whether texts in a script put no space between words; of a mixture (`Jpan`), whether its first does."""
    return script is not None and COMPOSITE.get(script, (script,))[0] in SPACELESS


@lru_cache(maxsize=4096)
def is_right_to_left(tag: str) -> bool:
    """Tell whether a language is written from right to left, in the script of its tag or else its likely one.

    Args:
        tag: a canonical language tag.
    """
    return langcodes.Language.get(tag).maximize().script in RIGHT_TO_LEFT


def letters_of(text: str) -> list[str]:
    """Return the letters of a text: no marks, digits, punctuation or spaces."""
    return [character for character in unicodedata.normalize("NFKC", text) if character.isalpha()]


@lru_cache(maxsize=256)
def _letter_of(scripts: tuple[str, ...]) -> regex.Pattern[str]:
    shared = "".join(rf"\p{{scx={SCRIPTS[script]}}}" for script in scripts if script in SHARING)
    names = _within(scripts) + shared
    return regex.compile(f"[{names}]")


def script_share(text: str, script: str) -> float | None:
    """Return the share of a text's letters that a script has; None if it has no letter or the script is not known.

    For one text at a time, where `count_letters` would take fifty times as long to set up.

    Args:
        text: the text.
        script: ISO 15924 code; that of a language, such as `Jpan`, stands for all scripts that it is written in.
    """
    parts, letters = COMPOSITE.get(script, (script,)), letters_of(text)
    if not SCRIPTS.keys() >= set(parts) or not letters:
        return None
    return len(_letter_of(parts).findall("".join(letters))) / len(letters)
