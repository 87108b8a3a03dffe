"""Quality gates: reasons to reject a translation, each a rule that can be switched off."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from isoglot.data.translation.identify import identifies, identify, related
from isoglot.errors import InputError
from isoglot.languages.matching import script_of
from isoglot.languages.scripts import letters_of, script_share

__all__ = ["GATES", "Pair", "check_gates", "length_ratio", "reject"]

SHORT_COPY = 4
"""From how many words on a copy of the source is no translation; names, commands and titles are shorter."""
SHORT_COPY_JOINED = 8
"""The same in characters, for scripts without spaces."""

SCRIPT_LETTERS = 20
SCRIPT_SHARE = 0.2
"""Least share of the letters that is of the target's script, in texts of that many letters or more."""
IDENTIFIED_LETTERS = {True: 12, False: 30}
"""Letters from which on the language is identified: of scripts without spaces, and of others."""
SURE = 0.8
SURE_OF_SOURCE = 0.5
"""Probability from which on another language counts, and the source language, which is the usual mistake."""

SMOOTHING = 15
"""Characters added to both lengths, so that short texts may differ more."""
LEARNT_FROM = 50
LEARNT_FACTOR = 2.5
PRIOR_FACTOR = 3.5
DENSITY = {"Hans": 0.45, "Hant": 0.45, "Hani": 0.45, "Jpan": 0.6, "Kore": 0.6, "Hang": 0.6}
"""Characters for one of English, where it is far from one (medians of XQuAD-R and tldr-pages)."""

GRAM = {True: 10, False: 4}
"""Tokens of an n-gram: characters in scripts without spaces, words in others."""
LOOP_TOKENS = 16
LOOP_SHARE = 0.5
LOOP_EXCESS = 0.25
LOOP_RUN = 4
COMPRESSED_BYTES = 200
COMPRESSED_RATIO = 0.2

_JOINED = {"Hans", "Hant", "Hani", "Jpan", "Thai", "Laoo", "Khmr", "Mymr", "Tibt"}
_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Pair:
    """A source and a target language, and what is usual between them.

    Attributes:
        source: canonical tag.
        target: canonical tag.
        ratio: usual length of a translation over that of its source, in characters.
        factor: how many times longer or shorter than usual one may be.
    """

    source: str
    target: str
    ratio: float = 1.0
    factor: float = PRIOR_FACTOR

    @property
    def joined(self) -> bool:
        """Whether the target language is written without spaces between words."""
        return script_of(self.target) in _JOINED


def length_ratio(source: str, target: str, lengths: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the usual ratio of lengths of a language pair, and the factor by which texts may differ from it.

    Args:
        source: canonical tag.
        target: canonical tag.
        lengths: characters of sources and of their translations. Of 50 and more the median ratio is taken, which
            half of all translations being bad would not move far; else what the scripts let expect, with a
            wider bound.
    """
    if len(lengths) >= LEARNT_FROM:
        return median((there + SMOOTHING) / (here + SMOOTHING) for here, there in lengths), LEARNT_FACTOR
    here, there = (DENSITY.get(script_of(tag) or "", 1.0) for tag in (source, target))
    return there / here, PRIOR_FACTOR


def _empty(source: str, translation: str, pair: Pair) -> bool:
    """Nothing to read: no letter and no digit."""
    return not any(character.isalnum() for character in translation)


def _copied(source: str, translation: str, pair: Pair) -> bool:
    """The source again, but for case, spaces and punctuation; unless it is short, or like a name.

    Fewer than four words (eight characters of a script without spaces) may be a name, a title or a command. So may
    words of which two thirds or more begin with a capital or hold a digit or a sign, as in `tar -xf a.tar.gz b/`.
    """
    if _plain(source) != _plain(translation):
        return False
    words = [word for word in _WORD.findall(source) if any(map(str.isalpha, word))]
    if script_of(pair.source) in _JOINED:
        return len(_plain(source)) >= SHORT_COPY_JOINED
    return len(words) >= SHORT_COPY and sum(not _like_name(word) for word in words) * 3 > len(words)


def _plain(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKC", text).casefold()))


def _like_name(word: str) -> bool:
    inner = word.strip("\"'“”‘’«»()[].,;:!?")
    return not inner or not inner.isalpha() or inner[0].isupper()


def _language(source: str, translation: str, pair: Pair) -> bool:
    """Another language: too few letters of the target's script, or surely identified as another language.

    Texts that are too short to tell are not judged, nor is a language by an identifier that does not know it;
    languages that are hardly told apart (Croatian and Serbian, Indonesian and Malay) count as one.
    """
    letters = len(letters_of(translation))
    script = script_of(pair.target)
    share = script_share(translation, script) if script and letters >= SCRIPT_LETTERS else None
    if share is not None and share < SCRIPT_SHARE:
        return True
    if letters < IDENTIFIED_LETTERS[pair.joined] or not identifies(pair.target):
        return False
    found = identify(translation)
    if found is None or related(found[0], pair.target):
        return False
    return found[1] >= (SURE_OF_SOURCE if related(found[0], pair.source) else SURE)


def _length(source: str, translation: str, pair: Pair) -> bool:
    """Much longer or shorter than is usual between these languages."""
    ratio = (len(translation) + SMOOTHING) / (len(source) + SMOOTHING) / pair.ratio
    return not 1 / pair.factor <= ratio <= pair.factor


def _repetition(source: str, translation: str, pair: Pair) -> bool:
    """A loop: the same words over and over, unlike in the source.

    Either one to eight words (characters, in scripts without spaces) four times in a row or more,
    over a third of the text; or more than half of its n-grams (4 words, 10 characters) repeat earlier ones; or the
    text compresses (zlib) to less than a fifth. Each counts only if it is clearly less so in the source, which may
    be a list or a table.
    """
    tokens = _tokens(translation, pair.joined)
    own = _tokens(source, script_of(pair.source) in _JOINED)
    run = _run_share(tokens)
    if run and run > _run_share(own) + LOOP_EXCESS:
        return True
    if len(tokens) >= LOOP_TOKENS:
        share = _repeated_share(tokens, GRAM[pair.joined])
        before = _repeated_share(own, GRAM[script_of(pair.source) in _JOINED])
        if share > max(LOOP_SHARE, before + LOOP_EXCESS):
            return True
    ratio = _compressed(translation)
    return ratio is not None and ratio < COMPRESSED_RATIO and ratio * 2 < (_compressed(source) or 1)


def _tokens(text: str, joined: bool) -> list[str]:
    return [character for character in text if not character.isspace()] if joined else text.casefold().split()


def _repeated_share(tokens: list[str], size: int) -> float:
    """Return which share of the n-grams of a size occurred earlier in the text."""
    grams = [tuple(tokens[at : at + size]) for at in range(len(tokens) - size + 1)]
    return 1 - len(Counter(grams)) / len(grams) if grams else 0.0


def _run_share(tokens: list[str]) -> float:
    """Return which share of a text is one to eight tokens, four times in a row or more; 0 below a third."""
    # three quarters of such a run repeat tokens, so at least a quarter of the text does
    if len(tokens) < LOOP_RUN or 4 * len(set(tokens)) > 3 * len(tokens):
        return 0.0
    codes = np.unique(tokens, return_inverse=True)[1]
    longest = 0
    for period in range(1, 9):
        same = codes[period:] == codes[:-period]
        breaks = np.flatnonzero(np.concatenate([[True], ~same, [True]]))
        run = int(np.diff(breaks).max(initial=1)) - 1 + period  # tokens that the repetition spans
        if run >= LOOP_RUN * period:
            longest = max(longest, run)
    return longest / len(tokens) if 3 * longest > len(tokens) else 0.0


def _compressed(text: str) -> float | None:
    raw = text.encode("utf-8", "replace")
    return len(zlib.compress(raw, 9)) / len(raw) if len(raw) >= COMPRESSED_BYTES else None


GATES: dict[str, Callable[[str, str, Pair], bool]] = {
    "empty": _empty,
    "copied": _copied,
    "repetition": _repetition,
    "language": _language,
    "length": _length,
}
"""Name of a gate -> tells of (source, translation, pair) whether it rejects; the first that does is the reason."""


def check_gates(names: Collection[str]) -> None:
    """Check names of gates.

    Raises:
        InputError: there is no gate of a name.
    """
    for name in names:
        if name not in GATES:
            raise InputError(f"there is no gate {name!r}; the gates are {', '.join(GATES)}")


def reject(source: str, translation: str, pair: Pair, without: Collection[str] = ()) -> str | None:
    """Return the name of the first gate that rejects a translation; None if it passes them all.

    Args:
        source: the text.
        translation: its translation.
        pair: the languages, and what is usual between them.
        without: gates that are switched off.
    """
    for name, rejects in GATES.items():
        if name not in without and rejects(source, translation, pair):
            return name
    return None
