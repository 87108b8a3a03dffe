"""Words of any language, by simple rules of Unicode: no stemming, no stop words, nothing to train."""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import lru_cache

__all__ = ["words_of"]

# Scripts written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3007\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uaa60-\uaa7f\uf900-\ufaff\U00020000-\U0003ffff"
)


@lru_cache(maxsize=1)
def _pattern() -> re.Pattern[str]:
    """Match a run of an unspaced script, or else a word with its marks, such as the vowel signs of Hindi."""
    marks = "".join(chr(code) for code in range(sys.maxunicode + 1) if unicodedata.category(chr(code))[0] == "M")
    return re.compile(f"([{_UNSPACED}]+)|(?:(?![{_UNSPACED}])[\\w{marks}])+")


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
    for match in _pattern().finditer(unicodedata.normalize("NFKC", text).casefold()):
        run = match[0]
        if match[1] and len(run) > 1:
            words += [run[at : at + 2] for at in range(len(run) - 1)]
        else:
            words.append(run)
    return words
