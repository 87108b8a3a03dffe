"""Rows that occur more than once in a table of embeddings, found without sorting or copying the table."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["find_repeats"]

IntArray = NDArray[np.integer[Any]]

BLOCK = 1 << 20
"""Numbers looked at together: a few copies of 8 MB."""

MIXER = np.uint64(0x9E3779B97F4A7C15)


def _hashes(words: NDArray[np.uint32], step: int) -> NDArray[np.uint64]:
    """Return a hash of each row (n, d), (n,): a sum of its words with random weights, modulo 2^64."""
    weights = np.random.default_rng(0).integers(0, 1 << 63, words.shape[1], dtype=np.uint64) * 2 + 1
    found = np.empty(len(words), np.uint64)
    for start in range(0, len(words), step):
        mixed = words[start : start + step] * MIXER
        mixed ^= mixed >> np.uint64(32)  # else rows that differ in signs only would share most bits
        found[start : start + step] = mixed @ weights
    return found


def find_repeats(embeddings: NDArray[np.float32]) -> tuple[IntArray, IntArray]:
    """Find rows that equal an earlier one, bit by bit.

    What is returned does equal, since rows of the same hash are compared; two different rows of the same hash,
    which would hide a third that equals the later one, are as good as impossible (64 bits).

    Args:
        embeddings: (n, d) float32, C-contiguous.

    Returns:
        Positions of the repeats (m,), ascending, and of the first row of their kind (m,).
    """
    words = embeddings.view(np.uint32)
    step = max(1, BLOCK // max(words.shape[1], 1))
    _, first, inverse = np.unique(_hashes(words, step), return_index=True, return_inverse=True)
    origin = first[inverse]
    again = np.flatnonzero(origin != np.arange(len(words)))
    equal = np.ones(len(again), bool)
    for start in range(0, len(again), step):
        part = again[start : start + step]
        equal[start : start + step] = (words[part] == words[origin[part]]).all(axis=1)
    again = again[equal]
    return again, origin[again]
