"""Texts that occur more than once: the same in one language, nearly the same, and the same in two languages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.data.quality.near import MOST_PAIRS, Sketches
from isoglot.data.quality.texts import Texts

__all__ = ["Repeats", "find_duplicates", "find_near_duplicates", "find_same_in_languages"]

IntArray = NDArray[np.integer[Any]]

SHOWN = 5
SHOWN_OF_GROUP = 3


@dataclass(frozen=True)
class Repeats:
    """Texts that have others like them.

    Attributes:
        texts: how many there are.
        groups: into how many groups of texts that are alike they fall.
        by_language: tag -> texts, languages without any left out.
        examples: the first few groups: `texts` with `id`, `language` and the beginning of the `text`; of near ones
            the `similarity` of the two shown.
    """

    texts: int
    groups: int
    by_language: dict[str, int]
    examples: list[dict[str, Any]]


def _numbered(texts: Texts) -> IntArray:
    """Return (n,) the number of each text, the same where the normalised texts are."""
    return np.unique(texts.digests, return_inverse=True)[1].reshape(-1)


def _grouped(texts: Texts, key: IntArray, rows: IntArray) -> Repeats:
    """Describe rows, those of one group having one key."""
    order = rows[np.argsort(key[rows], kind="stable")]
    starts = np.flatnonzero(np.r_[True, np.diff(key[order]) != 0]) if len(order) else np.empty(0, np.int64)
    groups = sorted(np.split(order, starts[1:]), key=lambda group: int(group[0])) if len(order) else []
    examples = [
        {"texts": [texts.shown(int(row)) for row in _one_of_each_language(texts, group)]}
        for group in groups[:SHOWN]
    ]
    return Repeats(len(rows), len(groups), texts.by_language(rows), examples)


def _one_of_each_language(texts: Texts, group: IntArray) -> IntArray:
    """Return a few rows of a group, of as many languages as it has."""
    first = np.unique(texts.language[group], return_index=True)[1]
    chosen = group[np.sort(first)] if len(first) > 1 else group
    return chosen[:SHOWN_OF_GROUP]


def find_duplicates(texts: Texts) -> Repeats:
    """Find the texts that occur more than once in one language, but for case, spacing and punctuation."""
    key = _numbered(texts) * len(texts.collection.languages) + texts.language
    _, number, counts = np.unique(key, return_inverse=True, return_counts=True)
    return _grouped(texts, key, np.flatnonzero(counts[number.reshape(-1)] > 1))


def find_same_in_languages(texts: Texts) -> tuple[Repeats, dict[str, int]]:
    """Find the texts that stand under more than one language: names, or texts with a wrong tag.

    Returns:
        The texts; and for each pair of languages, such as `de en`, the number of texts that are in both, the most
        frequent first.
    """
    tags, number = texts.collection.languages, _numbered(texts)
    both = np.unique(np.stack([number, texts.language.astype(np.int64)], 1), axis=0)
    counts = np.bincount(both[:, 0], minlength=int(number.max(initial=-1)) + 1)
    pairs: Counter[tuple[int, int]] = Counter()
    shared = both[counts[both[:, 0]] > 1]
    for group in np.split(shared[:, 1], np.flatnonzero(np.diff(shared[:, 0])) + 1):
        pairs.update(combinations(group.tolist(), 2))
    named = {f"{tags[a]} {tags[b]}": count for (a, b), count in pairs.most_common()}
    return _grouped(texts, number, np.flatnonzero(counts[number] > 1)), named


def find_near_duplicates(texts: Texts, threshold: float) -> Repeats:
    """Find texts that are nearly the same as another one of their language.

    Pairs are brought up by MinHash and compared exactly; texts joined by pairs are one group. Texts that are the
    same (`find_duplicates`) count once for each of them, if there is a near one besides.

    Args:
        texts: the queries or documents of a collection.
        threshold: Jaccard similarity of trigrams from which on texts are near.
    """
    number, near, groups, examples = _numbered(texts), [], 0, []
    for index in range(len(texts.collection.languages)):
        of_language = np.flatnonzero(texts.language == index)
        rows = of_language[np.sort(np.unique(number[of_language], return_index=True)[1])]
        if len(rows) < 2:
            continue
        root, pairs = _link(texts, rows, threshold)
        sizes = np.bincount(root, minlength=len(rows))
        groups += int((sizes > 1).sum())
        near.append(of_language[np.isin(number[of_language], number[rows[sizes[root] > 1]])])
        examples += [
            {"similarity": round(similarity, 4), "texts": [texts.shown(int(row)) for row in rows[[left, right]]]}
            for left, right, similarity in pairs
        ]
    found = np.concatenate(near) if near else np.empty(0, np.int64)
    return Repeats(len(found), groups, texts.by_language(found), examples[:SHOWN])


def _link(texts: Texts, rows: IntArray, threshold: float) -> tuple[IntArray, list[tuple[int, int, float]]]:
    """Join rows that are near: (n,) the root of each row's group, and the first few pairs with their similarity."""
    sketches = Sketches(texts, rows, threshold)
    root: IntArray = np.arange(len(rows))
    shown: list[tuple[int, int, float]] = []
    for band in range(len(sketches.keys)):
        order = np.argsort(sketches.keys[band], kind="stable")
        keys = sketches.keys[band][order]
        at: IntArray = np.flatnonzero(keys[1:] == keys[:-1])
        distance = 1
        while len(at):  # pairs of texts that share a key, those that lie next to each other in its bucket first
            left, right = order[at], order[at + distance]
            apart = np.flatnonzero(_roots(root, left) != _roots(root, right))
            for start in range(0, len(apart), MOST_PAIRS):
                part = apart[start : start + MOST_PAIRS]
                for one, other, similarity in sketches.near(left[part], sketches, right[part], band):
                    if _join(root, one, other) and len(shown) < SHOWN:
                        shown.append((min(one, other), max(one, other), similarity))
            distance += 1
            at = at[at + distance < len(keys)]
            at = at[keys[at + distance] == keys[at]]
            if distance & (distance - 1) == 0:
                at = _divided(root, order, keys, at)
    return _roots(root, np.arange(len(rows))), shown


def _join(root: IntArray, one: int, other: int) -> bool:
    """Join the groups of two rows; return whether they were two."""
    one, other = _find(root, one), _find(root, other)
    root[max(one, other)] = min(one, other)
    return one != other


def _find(root: IntArray, row: int) -> int:
    while root[row] != row:
        row = int(root[row])
    return row


def _roots(root: IntArray, rows: IntArray) -> IntArray:
    """Return the roots of rows, and remember them."""
    above = root[rows]
    while (root[above] != above).any():
        above = root[above]
    root[rows] = above
    return above


def _divided(root: IntArray, order: IntArray, keys: NDArray[np.uint64], at: IntArray) -> IntArray:
    """Leave out the buckets all of whose texts have been joined: nothing in them is left to find."""
    if not len(at):
        return at
    buckets = np.unique(keys[at])
    inside = np.flatnonzero(np.isin(keys, buckets))
    roots, starts = _roots(root, order[inside]), np.flatnonzero(np.r_[True, np.diff(keys[inside]) != 0])
    same = np.minimum.reduceat(roots, starts) == np.maximum.reduceat(roots, starts)
    return at[~np.isin(keys[at], keys[inside][starts][same])]
