"""Draws that any step can be asked for: which kind and which language pair, and for the how-manieth time.

Independent random draws would need a count over all earlier steps to know how often a language pair has come up.
Stratified draws do not: in every block of `BLOCK` consecutive draws a branch gets its share, rounded, at random
places. The frequencies are those asked for (closer than independent draws would come), and the number of earlier
draws of a branch has a closed form, so step 10⁹ costs what step 0 costs.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from functools import lru_cache, partial
from operator import mul

import numpy as np

__all__ = ["Series", "WeightedDraw", "divide", "generator"]

BLOCK = 64

Slots = np.ndarray


class Series(IntEnum):
    """The series of random numbers that batches are drawn by. A new one takes a new number."""

    KIND = 0  # of batches
    PAIR = 1  # of languages
    PROBE = 2  # the arrangement by which it is seen into how many batches a pass fits
    PASS = 3
    ORDER = 4  # of the rows and batches of a pass
    MULTIWAY = 5  # language versions
    TEXTS = 6  # the order of target-domain texts
    CROPS = 7
    DOMAIN = 8  # which batches are of the target domain
    NEGATIVES = 9
    OTHERS = 10  # versions in other languages
    ROW_STARTS = 11
    ROW_TURNS = 12
    ROW_PLACES = 13
    DATA_SET = 14
    DATA_SET_SEED = 15
    SWITCH = 16  # words by their translations
    NEGATIVE_QUERIES = 17


def generator(seed: int, series: Series, *key: int) -> np.random.Generator:
    """Return a random generator of its own for every seed, series and key.

    Args:
        seed: not negative, below 2^128.
        series: what is drawn.
        key: which of the series' draws, numbers from 0 to 2^64 - 1; a longer key is another one, whatever is added.
    """
    # Two words for each number: of as few as it takes, a large one would read like two small ones.
    words = np.array(key, "<u8").view("<u4").tolist()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(series, *words))))


@lru_cache(maxsize=8192)
def _block_order(block: int, seed: int, series: Series, *key: int) -> np.ndarray:
    order = generator(seed, series, *key, block).permutation(BLOCK)
    order.setflags(write=False)
    return order


@lru_cache(maxsize=8192)
def _offset(seed: int, series: Series, *key: int) -> float:
    return float(generator(seed, series, *key).random())


def divide(
    total: Callable[[int], float], start: int, count: int, seed: int, series: Series, *key: int
) -> tuple[Slots, int]:
    """Divide the draws `start … start + count - 1` between a left and a right branch.

    Args:
        total: integral of the left branch's rate over draws [0, n).
        start: first draw.
        count: number of draws.
        seed: with series and key it names this division; others give other places for the same shares.
        series: see `generator`.
        key: see `generator`.

    Returns:
        (count,) bool, True where the draw goes left; and how many of the draws before `start` went left.
    """
    offset = _offset(seed, series, *key)
    first, last = start // BLOCK, (start + count - 1) // BLOCK
    before = left_before = math.floor(total(first * BLOCK) + offset)
    goes_left = np.empty((last - first + 1) * BLOCK, bool)
    for number, block in enumerate(range(first, last + 1)):
        left_after = math.floor(total((block + 1) * BLOCK) + offset)
        order = _block_order(block, seed, series, *key)
        goes_left[number * BLOCK : (number + 1) * BLOCK] = order < left_after - left_before
        left_before = left_after
    skipped = start - first * BLOCK
    return goes_left[skipped : skipped + count], before + int(goes_left[:skipped].sum())


class WeightedDraw:
    """Draws one of P options with probability proportional to its weight, at any position of an endless series.

    The options are the leaves of a binary tree halved by weight, every inner node a division of the draws that
    reach it. Stores P + 1 numbers.

    Args:
        weights: (P,), not negative, with a sum above 0.
        seed: with series and key it names these draws.
        series: see `generator`.
        key: see `generator`.
    """

    def __init__(self, weights: np.ndarray, seed: int, series: Series, *key: int) -> None:
        weights = np.asarray(weights, float)
        self.cumulative = np.concatenate([[0.0], np.cumsum(weights / weights.sum())])
        self.seed, self.series, self.key = seed, series, key

    def __call__(self, index: int) -> tuple[int, int]:
        """Return the option of draw `index`, and how often that option was drawn before."""
        options, occurrences = self.many(index, 1)
        return int(options[0]), int(occurrences[0])

    def many(self, start: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Return options and earlier occurrences, each (count,), of draws `start … start + count - 1`."""
        options = np.empty(count, np.int64)
        occurrences = np.empty(count, np.int64)
        stack = [(0, len(self.cumulative) - 1, start, np.arange(count))]
        while stack:
            low, high, before, slots = stack.pop()
            if high - low == 1:
                options[slots] = low
                occurrences[slots] = before + np.arange(len(slots))
                continue
            weight = self.cumulative[high] - self.cumulative[low]
            half = self.cumulative[low] + weight / 2
            middle = int(np.clip(np.searchsorted(self.cumulative, half), low + 1, high - 1))
            rate = (self.cumulative[middle] - self.cumulative[low]) / weight if weight > 0 else 0.0
            key = (*self.key, low, high)
            left, left_before = divide(partial(mul, rate), before, len(slots), self.seed, self.series, *key)
            if left.any():
                stack.append((low, middle, left_before, slots[left]))
            if not left.all():
                stack.append((middle, high, before - left_before, slots[~left]))
        return options, occurrences
