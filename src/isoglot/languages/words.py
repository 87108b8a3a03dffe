"""Words of any language, by simple rules of Unicode: no stemming, no stop words, nothing to train."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import chain

__all__ = ["fold_word", "without_vowel_signs", "word_pattern", "words_of"]

# Scripts written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U0003ffff"
)
_ARABIC_MARKS = re.compile("[\u0640\u064b-\u0652\u0670]")  # vowel signs and the stretching tatweel


@lru_cache(maxsize=1)
def word_pattern() -> re.Pattern[str]:
    """Return a pattern that matches a run of an unspaced script (its group 1), or else a word with its marks, such
    as the vowel signs of Hindi."""
    blocks = chain(range(0x20000), range(0xE0000, 0xE0200))  # where Unicode has its marks: planes 0, 1 and 14
    marks = _ranges(code for code in blocks if unicodedata.category(chr(code))[0] == "M")
    letters = f"[^\\W{_UNSPACED}]"
    marks = f"(?![{_UNSPACED}])[{marks}]"
    # the most frequent case first, and no alternatives within it: ten times as fast
    return re.compile(f"{letters}+(?:(?:{marks})+{letters}*)*|([{_UNSPACED}]+)|(?:{marks}|{letters})+")


def _ranges(codes: Iterable[int]) -> str:
    """Write characters, given in order, as ranges of a regular expression: many single ones are slow to match."""
    found: list[list[int]] = []
    for code in codes:
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)


def words_of(text: str) -> list[str]:
    """Cut a text into what BM25 counts.

    After NFKC and case folding: runs of letters, marks and digits. Runs of scripts that are written without spaces
    (Chinese, Japanese, Thai, Lao, Khmer, Burmese) become overlapping pairs of characters, as in Lucene's
    CJKAnalyzer, one alone being kept; so no word segmenter is needed.

    Example:
        >>> words_of("Straße 5, 東京都")
        ['strasse', '5', '東京', '京都']
    """
    words: list[str] = []
    for match in word_pattern().finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match[0]
        if match[1] and len(run) > 1:
            words += [run[at : at + 2] for at in range(len(run) - 1)]
        else:
            words.append(run)
    return words


def without_vowel_signs(word: str) -> str:
    """Return a word without Arabic vowel signs and stretching, which dictionaries write and texts leave out."""
    return _ARABIC_MARKS.sub("", word)


@lru_cache(maxsize=1 << 17)
def fold_word(word: str) -> str:
    """Return the form under which a dictionary lists a word: NFC, case folded, without Arabic vowel signs.

    Example:
        >>> fold_word("Straße"), fold_word("أوّل")
        ('strasse', 'أول')
    """
    return without_vowel_signs(unicodedata.normalize("NFC", word).casefold())
