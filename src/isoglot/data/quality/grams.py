"""Character trigrams of a text: what near-duplicates are compared by, in any script, segmented or not."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["GRAM", "gram_numbers", "gram_set", "jaccard"]

GRAM = 3
"""Characters of a gram. A text that is shorter is its own gram."""

CODE_POINT_BITS = 21


def gram_set(text: str) -> frozenset[str]:
    """Return the distinct trigrams of a text."""
    return frozenset(text[at : at + GRAM] for at in range(max(1, len(text) - GRAM + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the share of the grams of either text that are in both (Jaccard 1912)."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def gram_numbers(texts: list[str]) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Number the trigrams of texts: three code points of 21 bits each, so that no two trigrams share a number.

    Args:
        texts: (n,) none of them empty.

    Returns:
        The numbers (m,) and offsets (n + 1,): those of text i, repeated ones included, lie at
        `numbers[offsets[i]:offsets[i + 1]]`.
    """
    lengths = np.fromiter(map(len, texts), np.int64, len(texts))
    padded = np.maximum(lengths, GRAM)
    # Short texts are filled up with the code point 0, so that each has one gram, as in `gram_set`.
    points = np.frombuffer("".join(text.ljust(GRAM, "\0") for text in texts).encode("utf-32-le"), np.uint32)
    wide = points.astype(np.uint64)
    shift = np.uint64(CODE_POINT_BITS)
    every = (((wide[:-2] << shift) | wide[1:-1]) << shift) | wide[2:] if len(wide) else wide
    ends = np.cumsum(padded)
    inside = np.ones(len(every), bool)
    for last in (1, 2):  # grams that begin so near the end of a text that they reach into the next
        crossing = ends[:-1] - last
        inside[crossing[crossing < len(inside)]] = False
    return every[inside], np.concatenate([[0], np.cumsum(padded - (GRAM - 1))]).astype(np.uint64)
