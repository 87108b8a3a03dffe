"""Sortable keys: a score and a document row in one integer, so that ties have one answer everywhere.

A key holds the bits of the fp32 score, turned so that a higher score gives a smaller integer, and below
them the document row. Keys of one query are therefore all different, and ascending order of keys *is* the
ranking: by score, then by document row. Sorting, counting and top-k on keys need no care for ties.

Equal embeddings must get equal scores for this, so `find_repeats` finds them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from isoglot.evaluation.products import Table

__all__ = [
    "SORT_FROM",
    "bucket_sort",
    "choose_sort",
    "count_before",
    "documents_of",
    "find_repeats",
    "first_keys",
    "order_keys",
]

KeyArray = NDArray[np.int64]
Sort = Callable[[KeyArray, NDArray[np.float32]], KeyArray]
"""Returns keys (n,) in ascending order, given the scores (n,) that they were made of."""

ROW_BITS = 32

SORT_FROM = 32
"""From how many wanted keys on sorting and searching beats counting (measured: 8 for 1,000, 77 for 13,000)."""

BUCKETS = 1 << 16
"""As many as 16-bit numbers, which numpy sorts by radix."""

BUCKETS_FROM = 2048
"""From how many keys on sorting by buckets may be faster (measured)."""

BLOCK = 1 << 20
"""Numbers of a table of embeddings looked at together: a few copies of 8 MB."""

MIXER = np.uint64(0x9E3779B97F4A7C15)


def order_keys(scores: NDArray[np.float32], documents: KeyArray) -> KeyArray:
    """Return the keys (n,) of the scores (n,) float32, no NaN, of `documents` (n,) int64."""
    bits = (scores + np.float32(0)).view(np.int32)  # + 0 makes a zero of -0.0, which is equal but has other bits
    bits ^= (bits >> 31) & np.int32(0x7FFFFFFF)
    np.invert(bits, out=bits)
    keys = bits.astype(np.int64)
    keys <<= ROW_BITS
    keys |= documents
    return keys


def documents_of(keys: KeyArray) -> KeyArray:
    """Return the document rows, int64, that keys stand for."""
    return keys & ((1 << ROW_BITS) - 1)


def count_before(keys: KeyArray, wanted: KeyArray) -> NDArray[np.int64]:
    """Count, for each wanted key (m,), the keys (n,), in any order, that come before it."""
    if len(wanted) < SORT_FROM:
        return np.array([np.count_nonzero(keys < key) for key in wanted], np.int64)
    return np.searchsorted(np.sort(keys), wanted).astype(np.int64)


def first_keys(keys: KeyArray, k: int) -> KeyArray:
    """Return the k smallest of the keys (n,), k ≤ n, sorted."""
    parts = 8 * k
    if len(keys) < 8 * parts:
        return np.sort(keys)[:k]
    # At least k keys are no larger than the k-th smallest minimum of the parts; few others are. Five times
    # faster than a partition.
    size = len(keys) // parts
    bound = np.sort(keys[: parts * size].reshape(parts, size).min(axis=1))[k - 1]
    return np.sort(keys[keys <= bound])[:k]


def plain_sort(keys: KeyArray, scores: NDArray[np.float32]) -> KeyArray:
    """Return the keys (n,) in ascending order; their scores (n,) are not needed."""
    return np.sort(keys)


def bucket_sort(keys: KeyArray, scores: NDArray[np.float32]) -> KeyArray:
    """Return the keys (n,) in ascending order, by way of equally wide buckets of their scores (n,).

    The buckets bring the keys nearly into order, and a merge sort, which is fast on what is nearly sorted, does the
    rest; so the order is exact, however scores are rounded to buckets.
    """
    best = scores.max()
    with np.errstate(over="ignore", divide="ignore", invalid="ignore"):
        scale = np.float32(BUCKETS - 1) / (best - scores.min())
    if not 0 < scale < np.inf:  # all scores equal, or a range that fp32 does not hold
        return np.sort(keys, kind="stable")
    buckets = best - scores
    buckets *= scale
    return np.sort(keys[np.argsort(buckets.astype(np.uint16), kind="stable")], kind="stable")


@cache
def _buckets_are_faster() -> bool:
    """Try both sorts: which is faster, by up to three times, depends on how the processor stores vectors."""
    scores = np.random.default_rng(0).standard_normal(1 << 13).astype(np.float32)
    keys = order_keys(scores, np.arange(len(scores)))
    best = {plain_sort: np.inf, bucket_sort: np.inf}
    for _ in range(5):
        for sort in best:
            start = time.perf_counter()
            sort(keys, scores)
            best[sort] = min(best[sort], time.perf_counter() - start)
    return best[bucket_sort] < best[plain_sort]


def choose_sort(size: int) -> Sort:
    """Return the sort that is faster here for so many keys; both give the same order."""
    return bucket_sort if size >= BUCKETS_FROM and _buckets_are_faster() else plain_sort


def _hashes(table: Table, step: int) -> NDArray[np.uint64]:
    """Return a hash of each row (n, d), (n,): a sum of its words with random weights, modulo 2^64."""
    weights = np.random.default_rng(0).integers(0, 1 << 63, table.shape[1], dtype=np.uint64) * 2 + 1
    found = np.empty(len(table), np.uint64)
    for start in range(0, len(table), step):
        mixed = _words(table[start : start + step]) * MIXER
        mixed ^= mixed >> np.uint64(32)  # else rows that differ in signs only would share most bits
        found[start : start + step] = mixed @ weights
    return found


def _words(rows: NDArray[np.float32]) -> NDArray[np.uint32]:
    return np.ascontiguousarray(rows).view(np.uint32)


def find_repeats(embeddings: Table) -> tuple[KeyArray, KeyArray]:
    """Find rows of a table that equal an earlier one, bit by bit, without sorting or copying the table.

    What is returned does equal, since rows of the same hash are compared; two different rows of the same hash,
    which would hide a third that equals the later one, are as good as impossible (64 bits).

    Args:
        embeddings: (n, d) float32.

    Returns:
        Positions of the repeats (m,), ascending, and of the first row of their kind (m,).
    """
    step = max(1, BLOCK // max(embeddings.shape[1], 1))
    _, first, inverse = np.unique(_hashes(embeddings, step), return_index=True, return_inverse=True)
    origin = first[inverse]
    again = np.flatnonzero(origin != np.arange(len(origin)))
    equal = np.ones(len(again), bool)
    for start in range(0, len(again), step):
        part = again[start : start + step]
        equal[start : start + step] = (_words(embeddings[part]) == _words(embeddings[origin[part]])).all(axis=1)
    again = again[equal]
    return again, origin[again]
