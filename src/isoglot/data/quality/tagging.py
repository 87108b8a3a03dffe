"""Texts whose language tag is suspicious: written in another script, or identified as another language."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

import langcodes
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.data.quality.texts import Texts
from isoglot.errors import InputError
from isoglot.languages.identify import language_identifier
from isoglot.languages.scripts import count_letters, likely_scripts, main_script

__all__ = [
    "Suspicions",
    "blocks_of",
    "find_other_languages",
    "find_other_scripts",
    "find_other_short_languages",
    "same_language_tags",
    "suspicions_of",
]

IntArray = NDArray[np.integer[Any]]

BLOCK = 8_192
SHOWN = 5
FEWEST_LETTERS = 5
LEAST_OWN_SHARE = 0.1
FEWEST_LETTERS_TO_IDENTIFY = 80
LEAST_CONFIDENCE = 0.9
CLOSE = 30
"""`langcodes.tag_distance` up to which two languages are so close that identifying them is guessing."""
LETTERS_TOGETHER = 240
LEAST_SHARE = 0.2
VARIETY = 5
"""`langcodes.tag_distance` up to which two tags are varieties of a language, such as `en` and `en-GB`; two names of
one language are at most 1 apart."""


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


def suspicions_of(texts: Texts, checked: int, found: dict[int, str]) -> Suspicions:
    """Count suspicious texts, by row, with what each looks like, of so many that were checked."""
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


def blocks_of(texts: Texts, index: int) -> list[IntArray]:
    """Return the rows of a language, some thousand at a time."""
    rows = np.flatnonzero(texts.language == index)
    return [rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK)]


def find_other_scripts(texts: Texts) -> Suspicions:
    """Find texts of at least five letters of which less than a tenth are in a script of their language."""
    checked, found = 0, {}
    for index, tag in enumerate(texts.collection.languages):
        scripts = likely_scripts(tag)
        if not scripts:
            continue
        for rows in blocks_of(texts, index):
            read = texts.read(rows)
            own, other = count_letters(pa.array(read, pa.large_string()), scripts)
            enough = own + other >= FEWEST_LETTERS
            checked += int(enough.sum())
            for at in np.flatnonzero(enough & (own < LEAST_OWN_SHARE * (own + other))):
                found[int(rows[at])] = main_script(read[at])
    return suspicions_of(texts, checked, found)


@lru_cache(maxsize=4096)
def _are_close(tag: str, language: str) -> bool:
    script = langcodes.Language.get(tag).maximize().script or "Zzzz"
    same_script = f"{language}-{script}"  # CLDR sets Serbian and Croatian far apart for their scripts alone
    return min(langcodes.tag_distance(tag, same_script), langcodes.tag_distance(same_script, tag)) <= CLOSE


def _identifier() -> Any:
    identifier = language_identifier()
    if identifier is None:
        raise InputError("identifying languages needs py3langid: pip install 'isoglot[identify]'")
    return identifier


def find_other_languages(texts: Texts) -> Suspicions:
    """Find texts of 80 letters or more that py3langid takes for another language with a confidence of 0.9 or more.

    Languages that the identifier does not know are passed over, and so are languages close to each other, such as
    Danish and Norwegian.

    Raises:
        InputError: py3langid is not installed.
    """
    identifier = _identifier()
    known = set(identifier.labels)
    checked, found = 0, {}
    for index, tag in enumerate(texts.collection.languages):
        if langcodes.Language.get(tag).language not in known:
            continue
        for rows in blocks_of(texts, index):
            for row, text in zip(rows.tolist(), texts.read(rows), strict=True):
                if sum(map(str.isalpha, text)) < FEWEST_LETTERS_TO_IDENTIFY:
                    continue
                checked += 1
                language, confidence = identifier.classify(text)
                if confidence >= LEAST_CONFIDENCE and not _are_close(tag, language):
                    found[row] = language
    return suspicions_of(texts, checked, found)


def find_other_short_languages(texts: Texts) -> Suspicions:
    """Find languages whose shorter texts, of which one alone says little, are in another language together.

    Texts of less than 80 letters are joined, in their order, to pieces of 240 letters or more, and these identified
    by py3langid. The texts of pieces taken for another language (confidence 0.9 or more, and not a close one) count
    if they are a fifth or more of the short texts of their language: fewer may be names, or chance.

    Raises:
        InputError: py3langid is not installed.
    """
    identifier = _identifier()
    known = set(identifier.labels)
    checked = 0
    found: dict[int, str] = {}
    for index, tag in enumerate(texts.collection.languages):
        if langcodes.Language.get(tag).language not in known:
            continue
        short, odd = 0, {}
        for piece, rows in _pieces(texts, index):
            short += len(rows)
            language, confidence = identifier.classify(piece)
            if confidence >= LEAST_CONFIDENCE and not _are_close(tag, language):
                odd.update(dict.fromkeys(rows, language))
        checked += short
        if len(odd) >= LEAST_SHARE * short:
            found |= odd
    return suspicions_of(texts, checked, found)


def _pieces(texts: Texts, index: int) -> Iterator[tuple[str, list[int]]]:
    """Yield the short texts of a language, joined, and their rows; what is too little for a piece is left out."""
    joined: list[str] = []
    rows: list[int] = []
    letters = 0
    for block in blocks_of(texts, index):
        for row, text in zip(block.tolist(), texts.read(block), strict=True):
            count = sum(map(str.isalpha, text))
            if not 0 < count < FEWEST_LETTERS_TO_IDENTIFY:
                continue
            joined.append(text)
            rows.append(row)
            letters += count
            if letters >= LETTERS_TOGETHER:
                yield "\n".join(joined), rows
                joined, rows, letters = [], [], 0


def same_language_tags(tags: Iterable[str]) -> list[list[str]]:
    """Find tags that name one language twice: `de` and `de-DE`, `zh` and `zh-CN`, `no` and `nb`, `en` and `en-GB`.

    Two varieties that are both named, such as `pt-BR` and `pt-PT`, are two languages here, and so are scripts.

    Args:
        tags: canonical tags.

    Returns:
        Pairs of them, each sorted.
    """
    return [list(pair) for pair in combinations(sorted(tags), 2) if _name_one(*pair)]


def _name_one(one: str, other: str) -> bool:
    distance = min(langcodes.tag_distance(one, other), langcodes.tag_distance(other, one))
    languages = [langcodes.Language.get(tag) for tag in (one, other)]
    if distance > VARIETY or len({language.maximize().script for language in languages}) > 1:
        return False
    return distance <= 1 or (sum(language.territory is None for language in languages) == 1)
