"""Lexicons induced from a collection's own parallel texts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.data.lexicons.lexicon import Lexicon, lexicon_from_pairs
from isoglot.errors import InputError
from isoglot.languages.words import fold_word, word_pattern

__all__ = ["induce_lexicons"]

IntArray = NDArray[np.integer[Any]]

ITERATIONS = 6
MOST_TRIPLES = 3_000_000
"""Word pairs within parallel texts that are looked at, shortest texts first: bounds seconds and memory."""
FIRST_OF_PAIRS = "\u3005"
"""Where kana and Han begin: scripts in which two characters are often a word, as they are not in Thai or Khmer."""
FEWEST_TEXTS = 2
"""Parallel texts that a word and its translation must share: one shows nothing."""


@dataclass(frozen=True)
class _Words:
    """The distinct words of the texts of one language.

    Attributes:
        offsets: (T + 1,) text t has the words `numbers[offsets[t]:offsets[t + 1]]`.
        numbers: word numbers, each once a text.
        written: how each word is written most often.
    """

    offsets: IntArray
    numbers: IntArray
    written: list[str]


def _pieces(text: str) -> Iterator[str]:
    """Yield the words of a text, in Chinese and Japanese pairs of characters."""
    for match in word_pattern().finditer(text):
        if not match[1]:
            yield match[0]
        elif match[0][0] >= FIRST_OF_PAIRS:
            yield from map("".join, pairwise(match[0]))


def _words(texts: Sequence[str]) -> _Words:
    number: dict[str, int] = {}
    forms: defaultdict[int, Counter[str]] = defaultdict(Counter)
    offsets, numbers = [0], []
    for text in texts:
        found = set()
        for piece in _pieces(text):
            word = fold_word(piece)
            if not word.isdecimal():
                at = number.setdefault(word, len(number))
                forms[at][piece] += 1
                found.add(at)
        numbers.extend(sorted(found))
        offsets.append(len(numbers))
    # of forms that are equally frequent the first by alphabet, so that the order of texts decides nothing
    written = [min(counts, key=lambda form: (-counts[form], form)) for counts in forms.values()]
    return _Words(np.array(offsets), np.array(numbers, np.int64), written)


def _parallel_texts(collection: Collection, first: str, second: str) -> tuple[list[str], list[str]]:
    """Return texts of two languages that say the same: versions of a query, and documents that are the only
    relevant one of a query in their language."""
    a, b = collection.language_index(first), collection.language_index(second)

    def versions(language: int) -> tuple[IntArray, IntArray]:
        rows = np.flatnonzero(collection.query_language == language)
        return collection.query_index[rows], rows

    def answers(language: int) -> tuple[IntArray, IntArray]:
        relevance = collection.relevance
        found = np.flatnonzero(collection.document_language[relevance.documents] == language)
        ids, positions, counts = np.unique(relevance.queries[found], return_index=True, return_counts=True)
        return ids[counts == 1], relevance.documents[found][positions[counts == 1]]

    sides: tuple[list[str], list[str]] = ([], [])
    for rows_of, texts_of in ((versions, collection.query_texts), (answers, collection.document_texts)):
        (ids, rows), (other_ids, other_rows) = rows_of(a), rows_of(b)
        _, at, there = np.intersect1d(ids, other_ids, assume_unique=True, return_indices=True)
        pairs = np.unique(np.stack([rows[at], other_rows[there]], axis=1), axis=0)  # many queries, one document
        for side, column in zip(sides, pairs.T, strict=True):
            side.extend(texts_of(column))
    return sides


def _triples(source: _Words, target: _Words) -> tuple[IntArray, IntArray, IntArray]:
    """Return source words, target words and texts, (n,) each, of every pair of words in the same parallel text."""
    sizes = np.diff(source.offsets), np.diff(target.offsets)
    products = sizes[0] * sizes[1]
    order = np.argsort(products, kind="stable")
    texts = np.sort(order[: int(np.searchsorted(np.cumsum(products[order]), MOST_TRIPLES, side="right"))])
    products = products[texts]
    text = np.repeat(texts, products)
    within = np.arange(products.sum()) - np.repeat(np.cumsum(products) - products, products)
    width = sizes[1][text]
    return (
        source.numbers[source.offsets[text] + within // np.maximum(width, 1)],
        target.numbers[target.offsets[text] + within % np.maximum(width, 1)],
        text,
    )


def _model_1(pair: IntArray, given: IntArray, produced: IntArray, givens: IntArray) -> NDArray[np.float64]:
    """Estimate translation probabilities by IBM Model 1 (Brown et al. 1993), with a null word, on sets of words.

    Args:
        pair: (n,) number of the pair of words, of each triple.
        given: (P,) the given word of each pair.
        produced: (n,) number of the (text, produced word) that a triple belongs to.
        givens: (n,) the produced word of each triple.

    Returns:
        (P,) probability of the produced word, given the other one.
    """
    probability = np.full(len(given), 1.0 / (int(givens.max()) + 1))
    null = np.full(int(givens.max()) + 1, 1.0 / (int(givens.max()) + 1))
    first = np.unique(produced, return_index=True)[1]  # one triple of each produced word of a text
    for _ in range(ITERATIONS):
        weight = probability[pair]
        from_null = null[givens[first]]
        total = from_null + np.bincount(produced, weight)
        counts = np.bincount(pair, weight / total[produced], minlength=len(given))
        probability = counts / np.maximum(np.bincount(given, counts)[given], 1e-300)
        null = np.bincount(givens[first], from_null / total, minlength=len(null))
        null = null / null.sum()
    return probability


def _align(source: _Words, target: _Words, threshold: float) -> Iterator[tuple[str, str]]:
    """Yield (word, translation), the most likely first."""
    a, b, text = _triples(source, target)
    if not len(a):
        return
    width = len(target.written)
    keys, pair, texts = np.unique(a * width + b, return_inverse=True, return_counts=True)
    there = np.unique(text * width + b, return_inverse=True)[1]
    here = np.unique(text * len(source.written) + a, return_inverse=True)[1]
    forth = _model_1(pair, keys // width, there, b)
    back = _model_1(pair, keys % width, here, a)
    score = np.sqrt(forth * back)
    kept = np.flatnonzero((score >= threshold) & (texts >= FEWEST_TEXTS))
    for at in kept[np.lexsort((keys[kept], -score[kept]))]:
        yield source.written[int(keys[at]) // width], target.written[int(keys[at]) % width]


def induce_lexicons(
    collection: Collection, languages: Sequence[str] | None = None, *, threshold: float = 0.3
) -> list[Lexicon]:
    """Induce lexicons from the parallel texts of a collection, without any other resource.

    Parallel are versions of a query, and documents that are the only relevant one of a query in their language. IBM
    Model 1 is trained in both directions; a pair of words is kept where the geometric mean of both translation
    probabilities reaches the threshold, so that each is the other's translation. Of very many parallel texts the
    shortest are used. The same collection gives the same lexicons.

    Words are runs of letters; in Chinese and Japanese, pairs of characters. Thai, Lao, Khmer and Burmese, whose
    words cannot be told that way, get no lexicon.

    Args:
        collection: a training collection; a test collection's texts would leak.
        languages: only these (canonical tags); all of the collection if None.
        threshold: in (0, 1]; higher keeps fewer and surer translations.

    Returns:
        Lexicons of both directions of every pair of languages in which words were found.

    Raises:
        InputError: the collection lacks one of the languages, the threshold is out of range, or no two languages
            have parallel texts with words that recur.
    """
    if not 0 < threshold <= 1:
        raise InputError(f"the threshold must lie in (0, 1], not {threshold}")
    languages = [collection.asked_language(tag) for tag in languages or ()] or None
    lexicons = []
    for first, second in combinations(sorted(languages or collection.languages), 2):
        one, other = (_words(texts) for texts in _parallel_texts(collection, first, second))
        pairs = list(_align(one, other, threshold))
        forth = lexicon_from_pairs(first, second, pairs)
        back = lexicon_from_pairs(second, first, [(there, here) for here, there in pairs])
        lexicons += [lexicon for lexicon in (forth, back) if len(lexicon)]
    if not lexicons:
        raise InputError(
            f"{collection.name} has no parallel texts to learn translations from: no two languages share query ids "
            "or answers in which the same words recur; give lexicons of your own"
        )
    return lexicons
