"""Cutting a text that is too long for a model into pieces, at sentences where possible, and joining them again."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

import langcodes

from isoglot.languages.matching import script_of
from isoglot.languages.scripts import is_spaceless

__all__ = ["Piece", "find_sentences", "join_pieces", "sentence_splitter", "split_text"]

logger = logging.getLogger(__name__)

Fits = Callable[[str], bool]

JOINED_SCRIPTS = {"Hans", "Hant", "Hani", "Jpan", "Hira", "Kana", "Thai"}
"""Scripts in which a sentence follows another without a space, or may; more put none between words."""

STOPS = ".!?…。！？｡।॥؟۔።፧։។៕၊။།"
FULL_WIDTH = "。！？｡"
CLOSING = "\"'”’»›」』）)\\]】"
_PARAGRAPH = re.compile(r"\s*\n\s*")
_SENTENCE = re.compile(f"(?<=[{STOPS}])[{CLOSING}]*\\s+|(?<=[{FULL_WIDTH}])[{CLOSING}]*")
_UNSPACED = re.compile(f"(?<=[{STOPS}])[{CLOSING}]*\\s*")
_CLAUSE = re.compile(r"(?<=[,;:—–،؛、，；：፣፤])\s*")
_SPACE = re.compile(r"\s+")


class Piece(NamedTuple):
    """A part of a text and what followed it there: white space, or nothing."""

    text: str
    after: str


def split_text(text: str, language: str, fits: Fits) -> list[Piece]:
    """Cut a text into pieces that a model takes; a text that fits stays whole.

    It is cut at line breaks and into sentences, then, where a sentence alone does not fit, at commas, at spaces and
    between characters. Neighbours are put together again as long as they fit, but not over a line break.

    Args:
        text: the text.
        language: its canonical tag.
        fits: tells whether the model takes a text.

    Returns:
        The pieces; put together with what followed each, they are the text without white space at its ends.
    """
    text = text.strip()
    if not text or fits(text):
        return [Piece(text, "")]
    found: list[Piece] = []
    for paragraph in _cut(text, _PARAGRAPH):
        parts = [paragraph]
        if not fits(paragraph.text):
            parts = [small for part in _sentences(paragraph, language) for small in _shorten(part, fits)]
        found += _pack(parts, fits)
    return found


def find_sentences(text: str, language: str) -> list[Piece]:
    """Cut a text into its sentences, at line breaks too.

    In scripts without spaces between words a sentence may also follow a stop without a space; where there is no
    stop at all, as in Thai, a space is the end of one.

    Args:
        text: the text.
        language: its canonical tag.

    Returns:
        The sentences; put together with what followed each, they are the text without white space at its ends.
    """
    unspaced = is_spaceless(script_of(language))
    found: list[Piece] = []
    for paragraph in _cut(text.strip(), _PARAGRAPH):
        sentences = _sentences(paragraph, language)
        for pattern in (_UNSPACED, _SPACE):
            if unspaced and len(sentences) == 1:
                sentences = _cut(paragraph.text, pattern, paragraph.after)
        found += sentences
    return found


def join_pieces(translations: list[str], pieces: list[Piece], target: str) -> str:
    """Put translated pieces together: line breaks as in the source, else what the target language writes.

    Args:
        translations: the translation of each piece.
        pieces: the pieces, which say what followed them.
        target: canonical tag of the target language; Chinese, Japanese and Thai put nothing between sentences.
    """
    space = "" if script_of(target) in JOINED_SCRIPTS else " "
    text = ""
    for translation, piece in zip(translations, pieces, strict=True):
        text += translation.strip() + (piece.after if "\n" in piece.after else space)
    return text.strip()


def sentence_splitter() -> str:
    """Name what finds the sentences: `pysbd` if it is installed, else `unicode` (stops and spaces)."""
    return "pysbd" if _pysbd() is not None else "unicode"


@lru_cache(maxsize=1)
def _pysbd() -> Any:
    try:
        import pysbd
    except ImportError:
        logger.info("pysbd is not installed: long texts are cut at full stops (pip install 'isoglot[translation]')")
        return None
    return pysbd


@lru_cache(maxsize=64)
def _segmenter(language: str) -> Any | None:
    """Return pysbd's segmenter of a language; None if it does not know it."""
    pysbd = _pysbd()
    code = langcodes.Language.get(language).language
    known = pysbd is not None and code in pysbd.languages.LANGUAGE_CODES
    return pysbd.Segmenter(language=code, clean=False) if known else None


def _sentences(paragraph: Piece, language: str) -> list[Piece]:
    segmenter = _segmenter(language)
    if segmenter is not None:
        try:
            sentences = segmenter.segment(paragraph.text)
        except Exception as error:  # its patterns fail on rare texts
            logger.debug("pysbd fails on a text (%s)", error)
            sentences = []
        if "".join(sentences) == paragraph.text and all(map(str.strip, sentences)):  # it loses parts of some texts
            return _with_last([_piece(sentence) for sentence in sentences], paragraph.after)
    return _cut(paragraph.text, _SENTENCE, paragraph.after)


def _piece(text: str) -> Piece:
    return Piece(text.rstrip(), text[len(text.rstrip()) :])


def _with_last(pieces: list[Piece], after: str) -> list[Piece]:
    return [*pieces[:-1], Piece(pieces[-1].text, after)] if pieces else []


def _cut(text: str, pattern: re.Pattern[str], after: str = "") -> list[Piece]:
    """Cut a text behind every match of a pattern; the white space that it ends with follows the piece."""
    pieces, start = [], 0
    for match in pattern.finditer(text):
        if text[start : match.end()].strip():
            pieces.append(_piece(text[start : match.end()]))
            start = match.end()
    if text[start:].strip():
        pieces.append(_piece(text[start:]))
    return _with_last(pieces, after)


def _shorten(piece: Piece, fits: Fits) -> Iterator[Piece]:
    """Yield a piece, or the parts of one that does not fit: at commas, then at spaces, then anywhere."""
    if fits(piece.text):
        yield piece
        return
    for pattern in (_CLAUSE, _SPACE):
        parts = _cut(piece.text, pattern, piece.after)
        if len(parts) > 1:
            for part in _pack(parts, fits):
                yield from _shorten(part, fits)
            return
    half = len(piece.text) // 2
    if not half:  # one character that the model does not take: nothing can be done
        yield piece
        return
    yield from _shorten(Piece(piece.text[:half], ""), fits)
    yield from _shorten(Piece(piece.text[half:], piece.after), fits)


def _pack(pieces: list[Piece], fits: Fits) -> list[Piece]:
    """Put neighbours together as long as they fit."""
    packed: list[Piece] = []
    for piece in pieces:
        if packed:
            last = packed[-1]
            joined = last.text + last.after + piece.text
            if fits(joined):
                packed[-1] = Piece(joined, piece.after)
                continue
        packed.append(piece)
    return packed
