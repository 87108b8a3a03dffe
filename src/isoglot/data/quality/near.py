"""Near texts, by the trigrams that they share: MinHash brings pairs up, an exact comparison decides.

Signatures: Broder, On the resemblance and containment of documents (1997). Their bands: Leskovec, Rajaraman and
Ullman, Mining of Massive Datasets, chapter 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.data.quality.texts import Texts
from isoglot.errors import InputError

__all__ = [
    "Sketches",
    "find_near",
    "gram_numbers",
    "gram_set",
    "jaccard",
    "refuse_threshold",
]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]

GRAM = 3
"""Characters of a gram, in any script, segmented or not. A text that is shorter is its own gram."""
CODE_POINT_BITS = 21
MOST_GRAMS = 1_000_000

HASHES = 128
RECALL = 0.995
"""The least chance that a pair at the threshold shares a band."""
SEED = 20250807
MIX = np.uint64(0x9E3779B97F4A7C15)
HALF = np.uint64(32)
MOST_TEXTS = 8_192
MOST_CHARACTERS = 16_384
"""Characters whose hashes are computed at a time: few enough for the processor's cache."""

BLOCK = 131_072
MOST_PAIRS = 65_536
FIRST_CANDIDATES = 8
DEVIATIONS = 4.0


def refuse_threshold(threshold: float) -> None:
    """Raise unless a Jaccard similarity can be at least this much, and unrelated texts are below it.

    Raises:
        InputError: it is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold of near texts is {threshold}; it must be above 0 and at most 1")


def gram_set(text: str) -> frozenset[str]:
    """Return the distinct trigrams of a text."""
    return frozenset(text[at : at + GRAM] for at in range(max(1, len(text) - GRAM + 1)))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Return the share of the grams of either text that are in both (Jaccard 1912)."""
    shared = len(a & b)
    return shared / (len(a) + len(b) - shared)


def gram_numbers(texts: list[str]) -> tuple[NDArray[np.uint64], IntArray]:
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
    return every[inside], np.concatenate([[0], np.cumsum(padded - (GRAM - 1))])


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


class Sketches:
    """Texts as they are compared: in bands of their MinHash signatures, then by their trigrams.

    Args:
        texts: the queries or documents of a collection.
        rows: (n,) which of them; they are read a few thousand at a time.
        threshold: Jaccard similarity of trigrams from which on texts are near.

    Attributes:
        signatures: (n, HASHES) uint32.
        keys: (bands, n) uint64; texts that share a key in a band may be near.
    """

    def __init__(self, texts: Texts, rows: IntArray, threshold: float) -> None:
        self._texts, self._rows, self._threshold = texts, rows, threshold
        self._grams: dict[int, frozenset[str]] = {}  # kept while few: a text is compared with many others in a row
        self._size = 0
        factors, terms = np.random.default_rng(SEED).integers(2**64, size=(2, HASHES), dtype=np.uint64)
        self.signatures = np.empty((len(rows), HASHES), np.uint32)
        at = 0
        for part in self._parts():
            numbers, offsets = gram_numbers(part)
            mixed = _mixed(numbers)
            for column, (factor, term) in enumerate(zip(factors | np.uint64(1), terms, strict=True)):
                least = np.minimum.reduceat(mixed * factor + term, offsets[:-1])
                self.signatures[at : at + len(part), column] = least >> HALF
            at += len(part)
        bands, width = bands_for(threshold)
        self.keys = np.zeros((bands, len(rows)), np.uint64)
        for band in range(bands):
            for column in range(band * width, (band + 1) * width):
                self.keys[band] = _mixed(self.keys[band] ^ self.signatures[:, column])

    def _parts(self) -> Iterator[list[str]]:
        """Yield the texts, few enough at a time."""
        for start in range(0, len(self._rows), MOST_TEXTS):
            texts = self._texts.normalised(self._rows[start : start + MOST_TEXTS])
            ends = np.cumsum([len(text) for text in texts])
            cuts = np.flatnonzero(np.diff(ends // MOST_CHARACTERS)) + 1
            for first, last in pairwise([0, *cuts.tolist(), len(texts)]):
                yield texts[first:last]

    def grams(self, positions: IntArray) -> list[frozenset[str]]:
        """Return the distinct trigrams of the texts at positions (p,) in `rows`."""
        wanted = positions.tolist()
        if self._size > MOST_GRAMS:
            self._grams, self._size = {}, 0
        missing = list(dict.fromkeys(at for at in wanted if at not in self._grams))
        if missing:
            for at, text in zip(missing, self._texts.normalised(self._rows[missing]), strict=True):
                self._grams[at] = gram_set(text)
                self._size += len(self._grams[at])
        return [self._grams[at] for at in wanted]

    def near(self, left: IntArray, other: Sketches, right: IntArray, band: int) -> Iterator[tuple[int, int, float]]:
        """Yield those of the pairs that share a band that are near, in their order, and their exact similarity.

        Left out are pairs that an earlier band has brought up already, and those whose signatures agree in so few
        hashes that a similarity of `threshold` would be four standard deviations away.

        Args:
            left: (p,) positions of the one text of each pair.
            other: where the other text is.
            right: (p,) its position there.
            band: the band that they share.
        """
        new = np.ones(len(left), bool)
        for earlier in range(band):
            new &= self.keys[earlier, left] != other.keys[earlier, right]
        left, right = left[new], right[new]
        agreement = (self.signatures[left] == other.signatures[right]).mean(axis=1)
        variance = self._threshold * (1 - self._threshold) / HASHES
        likely = agreement >= self._threshold - DEVIATIONS * np.sqrt(variance)
        left, right = left[likely], right[likely]
        ours, theirs = self.grams(left), other.grams(right)
        for one, two, mine, yours in zip(left.tolist(), right.tolist(), ours, theirs, strict=True):
            if (similarity := jaccard(mine, yours)) >= self._threshold:
                yield one, two, similarity


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    values = values * MIX
    return values ^ (values >> HALF)


def find_near(
    asked: Texts, asked_rows: IntArray, known: Texts, known_rows: IntArray, threshold: float
) -> tuple[IntArray, FloatArray]:
    """Find for each asked text a known one that is near.

    Args:
        asked: where the asked texts are.
        asked_rows: (n,) their rows.
        known: where the known texts are.
        known_rows: (m,) their rows.
        threshold: Jaccard similarity of trigrams from which on texts are near.

    Returns:
        (n,) int64 row of a near text in `known`, the first that was found, or -1; and (n,) its similarity, or 0.
    """
    match = np.full(len(asked_rows), -1, np.int64)
    similarity = np.zeros(len(asked_rows))
    for start in range(0, len(asked_rows), BLOCK):
        here = slice(start, start + BLOCK)
        asking = Sketches(asked, asked_rows[here], threshold)
        for first in range(0, len(known_rows), BLOCK):
            rows = known_rows[first : first + BLOCK]
            still = np.flatnonzero(match[here] < 0)
            if not len(still):
                break
            found, alike = _search(asking, still, Sketches(known, rows, threshold))
            hit = np.flatnonzero(found >= 0)
            match[start + hit], similarity[start + hit] = rows[found[hit]], alike[hit]
    return match, similarity


def _search(asking: Sketches, still: IntArray, knowing: Sketches) -> tuple[IntArray, FloatArray]:
    """Find near texts in one block: (n,) position of one or -1, and (n,) its similarity, for the rows `still`."""
    found = np.full(asking.keys.shape[1], -1, np.int64)
    alike = np.zeros(len(found))
    for band in range(len(knowing.keys)):
        order = np.argsort(knowing.keys[band], kind="stable")
        keys = knowing.keys[band][order]
        still = still[found[still] < 0]
        at = np.searchsorted(keys, asking.keys[band, still], "left")
        end = np.searchsorted(keys, asking.keys[band, still], "right")
        rows, step = still, FIRST_CANDIDATES
        while True:
            # A few candidates of every text first: most that have a near one have found it then.
            more = np.flatnonzero((at < end) & (found[rows] < 0))
            if not len(more):
                break
            rows, at, end = rows[more], at[more], end[more]
            upto = np.minimum(at + step, end)
            for part in _parts(upto - at):
                counts = (upto - at)[part]
                left = np.repeat(rows[part], counts)
                within = np.arange(len(left)) - np.repeat(np.cumsum(counts) - counts, counts)
                right = order[np.repeat(at[part], counts) + within]
                for one, other, similarity in asking.near(left, knowing, right, band):
                    if found[one] < 0:
                        found[one], alike[one] = other, similarity
            at, step = upto, step * 2
    return found, alike


def _parts(counts: IntArray) -> list[slice]:
    """Cut rows into runs that have few enough candidates in all (one row has as many as it has)."""
    runs = np.cumsum(counts) // MOST_PAIRS
    cuts = (np.flatnonzero(np.diff(runs)) + 1).tolist()
    return [slice(first, last) for first, last in zip([0, *cuts], [*cuts, len(counts)], strict=True)]
