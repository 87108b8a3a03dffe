"""MinHash signatures and their bands: which texts could be near-duplicates, without comparing all with all.

Broder, On the resemblance and containment of documents (1997), as computed by rensa; bands as in Leskovec,
Rajaraman and Ullman, Mining of Massive Datasets, chapter 3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.data.quality.grams import gram_numbers

__all__ = ["HASHES", "RECALL", "Sketches", "bands_for", "likely", "sketch"]

IntArray = NDArray[np.integer[Any]]

HASHES = 128
RECALL = 0.995
"""The least chance that a pair at the threshold shares a band."""

SEED = 20250807
MOST_CHARACTERS = 2_000_000
MOST_TEXTS = 8_192
MIX = np.uint64(0x9E3779B97F4A7C15)
DEVIATIONS = 4.0


def bands_for(threshold: float) -> tuple[int, int]:
    """Return how many bands of how many hashes find a pair at the threshold with a chance of at least `RECALL`.

    A pair of Jaccard similarity s shares one of b bands of r hashes with probability 1 - (1 - s^r)^b. The widest
    bands that do are taken: they bring up the fewest pairs in vain.
    """
    for width in range(HASHES, 0, -1):
        bands = HASHES // width
        if 1 - (1 - threshold**width) ** bands >= RECALL:
            return bands, width
    return HASHES, 1


@dataclass(frozen=True)
class Sketches:
    """MinHash signatures of n texts and the keys of their bands.

    Attributes:
        signatures: (n, HASHES) uint32.
        keys: (bands, n) uint64; texts that share a key in a band may be near-duplicates.
    """

    signatures: NDArray[np.uint32]
    keys: NDArray[np.uint64]


def _pieces(rows: IntArray, read: Callable[[IntArray], list[str]]) -> Iterator[list[str]]:
    """Yield the texts of rows, few enough at a time."""
    for start in range(0, len(rows), MOST_TEXTS):
        texts = read(rows[start : start + MOST_TEXTS])
        ends = np.cumsum([len(text) for text in texts])
        cuts = np.flatnonzero(np.diff(ends // MOST_CHARACTERS)) + 1
        bounds = [0, *cuts.tolist(), len(texts)]
        for first, last in pairwise(bounds):
            yield texts[first:last]


def sketch(rows: IntArray, read: Callable[[IntArray], list[str]], threshold: float) -> Sketches:
    """Compute the signatures and band keys of texts, reading a few thousand of them at a time.

    Args:
        rows: (n,) which texts.
        read: returns the normalised texts of rows.
        threshold: the Jaccard similarity from which on pairs are looked for.
    """
    from rensa import RMinHash

    bands, width = bands_for(threshold)
    signatures = np.empty((len(rows), HASHES), np.uint32)
    at = 0
    for texts in _pieces(rows, read):
        numbers, offsets = gram_numbers(texts)
        digest = RMinHash.digest_matrix_from_flat_token_hashes(numbers * MIX, offsets, HASHES, SEED)
        signatures[at : at + len(texts)] = digest.to_rows()
        at += len(texts)
    keys = np.zeros((bands, len(rows)), np.uint64)
    for band in range(bands):
        for column in range(band * width, (band + 1) * width):
            mixed = (keys[band] ^ signatures[:, column]) * MIX
            keys[band] = mixed ^ (mixed >> np.uint64(32))
    return Sketches(signatures, keys)


def likely(a: Sketches, b: Sketches, rows: tuple[IntArray, IntArray], band: int, threshold: float) -> IntArray:
    """Return which of the pairs that share a band are worth comparing gram by gram.

    Left out are pairs that an earlier band has brought up already, and those whose signatures agree in so few
    hashes that a similarity of `threshold` would be four standard deviations away.

    Args:
        a: sketches of the one side.
        b: sketches of the other.
        rows: (n,) and (n,) the pairs, as positions in `a` and `b`.
        band: the band that they share.
        threshold: the Jaccard similarity from which on pairs are looked for.

    Returns:
        Positions of pairs, ascending.
    """
    left, right = rows
    new = np.ones(len(left), bool)
    for earlier in range(band):
        new &= a.keys[earlier, left] != b.keys[earlier, right]
    kept = np.flatnonzero(new)
    agreement = (a.signatures[left[kept]] == b.signatures[right[kept]]).mean(axis=1)
    least = threshold - DEVIATIONS * np.sqrt(threshold * (1 - threshold) / HASHES)
    return kept[agreement >= least]
