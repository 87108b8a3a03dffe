"""Texts whose language tag is suspicious: written in another script, or identified as another language."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import langcodes
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.data.quality.texts import Texts
from isoglot.errors import InputError
from isoglot.languages.identify import language_identifier
from isoglot.languages.scripts import count_letters, likely_scripts, main_script

__all__ = ["Suspicions", "find_other_languages", "find_other_scripts"]

IntArray = NDArray[np.integer[Any]]

BLOCK = 8_192
SHOWN = 5
FEWEST_LETTERS = 5
LEAST_OWN_SHARE = 0.1
FEWEST_LETTERS_TO_IDENTIFY = 80
LEAST_CONFIDENCE = 0.9
CLOSE = 30
"""`langcodes.tag_distance` up to which two languages are so close that identifying them is guessing."""


@dataclass(frozen=True)
class Suspicions:
    """Texts that do not look as their language tag says.

    Attributes:
        checked: texts long enough, in languages about which something is known.
        texts: how many of them are suspicious.
        by_language: tag -> what the texts look like (a script, or the tag of a language) -> number of texts.
        examples: the first few of each language: `id`, `language`, the beginning of the `text`, and what it `looks`
            like.
    """

    checked: int
    texts: int
    by_language: dict[str, dict[str, int]]
    examples: list[dict[str, str]]


def _suspicions(texts: Texts, checked: int, found: dict[int, str]) -> Suspicions:
    tags = texts.collection.languages
    by_language: dict[str, Counter[str]] = {}
    examples: list[dict[str, str]] = []
    for row in sorted(found):
        counter = by_language.setdefault(tags[texts.language[row]], Counter())
        if len(examples) < SHOWN or not counter:
            examples.append(texts.shown(row) | {"looks": found[row]})
        counter[found[row]] += 1
    ordered = sorted(by_language.items(), key=lambda item: (-item[1].total(), item[0]))
    return Suspicions(checked, len(found), {tag: dict(count.most_common()) for tag, count in ordered}, examples)


def _blocks(texts: Texts, index: int) -> list[IntArray]:
    rows = np.flatnonzero(texts.language == index)
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def find_other_scripts(texts: Texts) -> Suspicions:
    """Find texts of at least five letters of which less than a tenth are in a script of their language."""
    checked, found = 0, {}
    for index, tag in enumerate(texts.collection.languages):
        scripts = likely_scripts(tag)
        if not scripts:
            continue
        for rows in _blocks(texts, index):
            read = texts.read(rows)
            own, other = count_letters(pa.array(read, pa.large_string()), scripts)
            enough = own + other >= FEWEST_LETTERS
            checked += int(enough.sum())
            for at in np.flatnonzero(enough & (own < LEAST_OWN_SHARE * (own + other))):
                found[int(rows[at])] = main_script(read[at])
    return _suspicions(texts, checked, found)


@lru_cache(maxsize=4096)
def _are_close(tag: str, language: str) -> bool:
    script = langcodes.Language.get(tag).maximize().script or "Zzzz"
    same_script = f"{language}-{script}"  # CLDR sets Serbian and Croatian far apart for their scripts alone
    return min(langcodes.tag_distance(tag, same_script), langcodes.tag_distance(same_script, tag)) <= CLOSE


def find_other_languages(texts: Texts) -> Suspicions:
    """Find texts of 80 letters or more that py3langid takes for another language, its confidence being 0.9 or more.

    Languages that the identifier does not know are passed over, and so are languages close to each other, such as
    Danish and Norwegian.

    Raises:
        InputError: py3langid is not installed.
    """
    identifier = language_identifier()
    if identifier is None:
        raise InputError("identifying languages needs py3langid: pip install 'isoglot[identify]'")
    known = set(identifier.labels)
    checked, found = 0, {}
    for index, tag in enumerate(texts.collection.languages):
        if langcodes.Language.get(tag).language not in known:
            continue
        for rows in _blocks(texts, index):
            for row, text in zip(rows.tolist(), texts.read(rows), strict=True):
                if sum(map(str.isalpha, text)) < FEWEST_LETTERS_TO_IDENTIFY:
                    continue
                checked += 1
                language, confidence = identifier.classify(text)
                if confidence >= LEAST_CONFIDENCE and not _are_close(tag, language):
                    found[row] = language
    return _suspicions(texts, checked, found)
