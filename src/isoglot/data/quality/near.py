"""Near texts across two collections: MinHash brings pairs up, an exact comparison decides."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.data.quality.grams import gram_set, jaccard
from isoglot.data.quality.minhash import Sketches, likely, sketch
from isoglot.data.quality.texts import Texts
from isoglot.errors import InputError

__all__ = ["GramSets", "compare_pairs", "find_near", "refuse_threshold"]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.floating[Any]]

BLOCK = 131_072
MOST_PAIRS = 65_536
MOST_GRAMS = 1_000_000
FIRST_CANDIDATES = 8


def refuse_threshold(threshold: float) -> None:
    """Raise unless a Jaccard similarity can be at least this much, and unrelated texts are below it.

    Raises:
        InputError: it is not above 0 and at most 1.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold of near texts is {threshold}; it must be above 0 and at most 1")


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
        asking = sketch(asked_rows[here], asked.normalised, threshold)
        for first in range(0, len(known_rows), BLOCK):
            rows = known_rows[first : first + BLOCK]
            still = np.flatnonzero(match[here] < 0)
            if not len(still):
                break
            knowing = sketch(rows, known.normalised, threshold)
            grams = GramSets(asked, asked_rows[here]), GramSets(known, rows)
            found, alike = _search(asking, still, knowing, grams, threshold)
            hit = np.flatnonzero(found >= 0)
            match[start + hit], similarity[start + hit] = rows[found[hit]], alike[hit]
    return match, similarity


def _search(
    asking: Sketches,
    still: IntArray,
    knowing: Sketches,
    grams: tuple[GramSets, GramSets],
    threshold: float,
) -> tuple[IntArray, FloatArray]:
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
                kept = likely(asking, knowing, (left, right), band, threshold)
                left, right = left[kept], right[kept]
                similarity = compare_pairs(grams[0], left, grams[1], right)
                for pair in np.flatnonzero(similarity >= threshold)[::-1]:  # so that the first one stays
                    found[left[pair]], alike[left[pair]] = right[pair], similarity[pair]
            at, step = upto, step * 2
    return found, alike


def _parts(counts: IntArray) -> list[slice]:
    """Cut rows into runs that have few enough candidates in all (one row has as many as it has)."""
    runs = np.cumsum(counts) // MOST_PAIRS
    cuts = (np.flatnonzero(np.diff(runs)) + 1).tolist()
    return [slice(first, last) for first, last in zip([0, *cuts], [*cuts, len(counts)], strict=True)]


class GramSets:
    """The trigrams of texts, kept while they are few: a text is compared with many others in a row.

    Args:
        texts: the queries or documents of a collection.
        rows: (n,) which of them.
    """

    def __init__(self, texts: Texts, rows: IntArray) -> None:
        self._texts, self._rows = texts, rows
        self._sets: dict[int, frozenset[str]] = {}
        self._size = 0

    def of(self, positions: IntArray) -> list[frozenset[str]]:
        """Return the distinct trigrams of the texts at positions (p,) in `rows`."""
        wanted = positions.tolist()
        if self._size > MOST_GRAMS:
            self._sets, self._size = {}, 0
        missing = list(dict.fromkeys(at for at in wanted if at not in self._sets))
        if missing:
            for at, text in zip(missing, self._texts.normalised(self._rows[missing]), strict=True):
                self._sets[at] = gram_set(text)
                self._size += len(self._sets[at])
        return [self._sets[at] for at in wanted]


def compare_pairs(a: GramSets, left: IntArray, b: GramSets, right: IntArray) -> FloatArray:
    """Return the exact Jaccard similarity of the trigrams of pairs of texts.

    Args:
        a: of the texts on the one side.
        left: (p,) positions of texts there.
        b: of the texts on the other side.
        right: (p,) positions of texts there.

    Returns:
        (p,) similarities.
    """
    return np.array([jaccard(one, other) for one, other in zip(a.of(left), b.of(right), strict=True)])
