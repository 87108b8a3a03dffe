"""Judging translations: quality gates, each a rule that can be switched off, and how alike the way back is."""

from __future__ import annotations

import logging
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any

import langcodes
import numpy as np

from isoglot.errors import InputError
from isoglot.files import require
from isoglot.languages.identify import NO_LANGUAGE, language_identifier
from isoglot.languages.matching import macrolanguage, match_tag, script_of
from isoglot.languages.scripts import is_spaceless, letters_of, script_share
from isoglot.languages.tags import canonical_tag
from isoglot.names import did_you_mean

__all__ = ["GATES", "Pair", "Verdict", "check_gates", "judge", "length_ratio", "load_chrf", "reject"]

logger = logging.getLogger(__name__)

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
RELATED = 10
"""Largest CLDR distance of languages that short texts do not tell apart: hr and bs have 4, ar and arz 10."""

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

ROUND_TRIP = "round-trip"
"""The reason to reject what does not come back, beside the gates'."""


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


def _joined(tag: str) -> bool:
    return is_spaceless(script_of(tag))


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
    words = [word for word in source.split() if any(map(str.isalpha, word))]
    if _joined(pair.source):
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
    if letters < IDENTIFIED_LETTERS[_joined(pair.target)] or not (known := _identifier()):
        return False
    classifier, languages = known
    if match_tag(pair.target, languages) is None:
        return False
    label, probability = classifier.classify(translation)
    if label == NO_LANGUAGE or _related(found := canonical_tag(label), pair.target):
        return False
    return bool(probability >= (SURE_OF_SOURCE if _related(found, pair.source) else SURE))


@lru_cache(maxsize=1)
def _identifier() -> tuple[Any, set[str]] | None:
    """Return py3langid's classifier and the canonical tags of the languages that it knows; None without it."""
    found = language_identifier()
    if found is None:
        logger.warning(
            "py3langid is not installed: the language of translations is judged by their script only "
            "(pip install 'isoglot[translation]')"
        )
        return None
    return found, {canonical_tag(label) for label in found.labels if label != NO_LANGUAGE}


@lru_cache(maxsize=4096)
def _related(tag: str, other: str) -> bool:
    """Tell whether two languages are the same, or so close that an identifier mixes them up, as hr and sr."""
    return macrolanguage(tag) == macrolanguage(other) or langcodes.tag_distance(tag, other) <= RELATED


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
    tokens, own = _tokens(translation, pair.target), _tokens(source, pair.source)
    run = _run_share(tokens)
    if run and run > _run_share(own) + LOOP_EXCESS:
        return True
    if len(tokens) >= LOOP_TOKENS:
        share = _repeated_share(tokens, GRAM[_joined(pair.target)])
        before = _repeated_share(own, GRAM[_joined(pair.source)])
        if share > max(LOOP_SHARE, before + LOOP_EXCESS):
            return True
    ratio = _compressed(translation)
    return ratio is not None and ratio < COMPRESSED_RATIO and ratio * 2 < (_compressed(source) or 1)


def _tokens(text: str, tag: str) -> list[str]:
    return list("".join(text.split())) if _joined(tag) else text.casefold().split()


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
            raise InputError(
                f"there is no gate {name!r}{did_you_mean(name, GATES)}; the gates are {', '.join(GATES)}"
            )


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


@lru_cache(maxsize=1)
def load_chrf() -> Any:
    """Return sacrebleu's chrF: character n-grams of 1 to 6, β = 2 (Popović 2015, https://doi.org/10.18653/v1/W15-3049).

    Raises:
        InputError: sacrebleu is not installed.
    """
    return require("sacrebleu.metrics", "translation", "translating back").CHRF()


@dataclass(frozen=True)
class Verdict:
    """What was found of a translation.

    Attributes:
        reason: why it is rejected; None if it is not.
        chrf: how alike source and back translation are, 0 to 100, to one decimal; None without a round trip.
    """

    reason: str | None
    chrf: float | None = None


def judge(
    texts: Sequence[str],
    translations: Sequence[str],
    source: str,
    target: str,
    *,
    without: Collection[str] = (),
    back: Sequence[str] | None = None,
    min_chrf: float | None = None,
) -> list[Verdict]:
    """Judge translations; what is usual for their lengths is learnt from them.

    Args:
        texts: the sources (n,).
        translations: their translations (n,). Texts that have no letter are right as they are.
        source: canonical tag.
        target: canonical tag.
        without: gates that are switched off.
        back: the translations, translated back (n,).
        min_chrf: reject what comes back less alike than this.
    """
    pairs = list(zip(texts, translations, strict=True))
    judged = {text: there for text, there in pairs if any(map(str.isalpha, text))}
    lengths = [(len(text), len(there)) for text, there in judged.items() if there.strip()]
    pair = Pair(source, target, *length_ratio(source, target, lengths))
    verdicts = []
    for row, (text, translation) in enumerate(pairs):
        if text not in judged:
            verdicts.append(Verdict(None))
            continue
        score = None if back is None else round(load_chrf().sentence_score(back[row], [text]).score, 1)
        reason = reject(text, translation, pair, without)
        if reason is None and score is not None and min_chrf is not None and score < min_chrf:
            reason = ROUND_TRIP
        verdicts.append(Verdict(reason, score))
    return verdicts
