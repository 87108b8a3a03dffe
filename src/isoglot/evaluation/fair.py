"""Fair rankings: candidates of several languages merged anew, by their scores and languages alone.

Scores of documents in different languages do not compare, which is how the language of a query comes to fill its
ranking. Every method here keeps the order within each language, and decides how languages are merged:

- `calibrate`: by scores standardised within each language (the Z-score of Savoy 2004, doi:10.1007/11519645_3). A
  language of which nothing stands out gets no place on top.
- `fuse`: by reciprocal-rank fusion of the rankings of all languages (Cormack, Clarke and Büttcher 2009,
  doi:10.1145/1571941.1572114). Since they share no document, this takes the best of every language, then the second
  of every language, and so on: every language gets the same share, however few documents it has, and though nothing
  in it be relevant.
- `quota`: every language gets the share of the ranking that it has of the pool, by the rule of Sainte-Laguë as in
  PM-2 (Dang and Croft 2012, doi:10.1145/2348283.2348296); where the pool is not known, all get the same.

`merge_best` is no method but an upper bound on all of them: it knows the answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.errors import InputError
from isoglot.names import did_you_mean

__all__ = ["FAIR", "Calibration", "check_fair", "fair_ranking", "fit_calibration", "merge_best"]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float64]

FAIR = ("calibrate", "fuse", "quota")
"""The methods."""

RANK_CONSTANT = 60
"""Of reciprocal-rank fusion, as in its paper."""

PRIOR = 10
"""How many usual candidates are added to those of a language before its scores are standardised: of a few, mean and
deviation say little, and without more the only candidate of its language would always be an average one."""


@dataclass(frozen=True)
class Calibration:
    """How queries of one language score documents of each language.

    Attributes:
        means: (L,) mean score by language code; NaN where it is not known.
        deviations: (L,) standard deviation of the scores, in their unit; NaN or 0 where it is not known.
    """

    means: FloatArray
    deviations: FloatArray


def check_fair(method: str, known: tuple[str, ...] = FAIR) -> None:
    """Check the name of a method.

    Raises:
        InputError: there is no such method.
    """
    if method not in known:
        raise InputError(
            f"there is no fair ranking {method!r}{did_you_mean(method, known)}; known are {', '.join(known)}"
        )


def fit_calibration(scores: NDArray[Any], languages: IntArray, count: int) -> Calibration:
    """Take mean and deviation of the scores of each language.

    Each language is given `PRIOR` more scores, which have the mean of all scores and deviate as scores do within
    their languages: so a language with few scores is moved little.

    Args:
        scores: (n,) finite, of one query, or of many queries of one language.
        languages: (n,) language code of each document scored, below `count`.
        count: L, number of languages.

    Returns:
        The calibration; NaN for languages without a score.
    """
    values = np.asarray(scores, dtype=np.float64)
    sizes = np.bincount(languages, minlength=count)
    if not len(values):
        return Calibration(np.full(count, np.nan), np.full(count, np.nan))
    some = np.maximum(sizes, 1)
    with np.errstate(over="ignore", invalid="ignore"):  # numbers near 1e308, whose deviations are then unknown
        sums = np.bincount(languages, values, minlength=count)
        # from the deviations themselves: a mean of squares less the square of a mean would lose the digits of
        # scores that lie close together
        squares = np.bincount(languages, (values - (sums / some)[languages]) ** 2, minlength=count)
        means = (sums + PRIOR * values.mean()) / (sizes + PRIOR)
        deviations = np.sqrt((squares + PRIOR * squares.sum() / len(values)) / (sizes + PRIOR))
    return Calibration(np.where(sizes > 0, means, np.nan), np.where(sizes > 0, deviations, np.nan))


def _calibrated(scores: FloatArray, languages: IntArray, known: Calibration | None) -> FloatArray:
    """Standardise scores (n,) within their languages; by those of the candidates where nothing is known."""
    count = int(languages.max()) + 1
    own = fit_calibration(scores, languages, count)
    means, deviations = own.means, own.deviations
    if known is not None:
        shared = min(count, len(known.means))
        usable = np.isfinite(known.means[:shared]) & (known.deviations[:shared] > 0)
        means[:shared] = np.where(usable, known.means[:shared], means[:shared])
        deviations[:shared] = np.where(usable, known.deviations[:shared], deviations[:shared])
    usable = np.isfinite(means) & np.isfinite(deviations) & (deviations > 0)  # else all scores are equal
    shift, scale = np.where(usable, means, 0), np.where(usable, deviations, 1)
    most = np.finfo(np.float64).max
    with np.errstate(over="ignore"):  # by a deviation near 0
        standard = np.clip((scores - shift[languages]) / scale[languages], -most, most)
    return np.where(usable[languages], standard, 0.0)


def _language_ranks(order: IntArray, languages: IntArray) -> IntArray:
    """Return the rank (n,), from 1, of each candidate among those of its language, given all from best to worst."""
    grouped = order[np.argsort(languages[order], kind="stable")]
    starts = np.flatnonzero(np.diff(languages[grouped].astype(np.int64), prepend=-1))
    ranks = np.empty(len(order), np.int64)
    ranks[grouped] = np.arange(1, len(order) + 1) - np.repeat(starts, np.diff(starts, append=len(order)))
    return ranks


def _due(ranks: IntArray, languages: IntArray, sizes: IntArray | None) -> IntArray:
    """Return at which rank (n,) each candidate is due by the share of its language.

    With a share p of the ranking a language has p k, rounded, of the first k places; so its i-th document is due at
    k = ⌊(i - 1/2) / p⌋ + 1. In whole numbers, since 1 / p is not exact.
    """
    present = np.unique(languages)
    counts = np.ones(int(present[-1]) + 1, np.int64)
    if sizes is not None:
        shared = min(len(counts), len(sizes))
        counts[:shared] = np.maximum(sizes[:shared], 1)
    return (2 * ranks - 1) * int(counts[present].sum()) // (2 * counts[languages]) + 1


def _checked(scores: NDArray[Any], languages: NDArray[Any]) -> tuple[FloatArray, IntArray]:
    values, codes = np.asarray(scores, dtype=np.float64), np.asarray(languages)
    if values.ndim != 1 or values.shape != codes.shape:
        raise InputError(f"scores have shape {values.shape} and languages {codes.shape}: both should be (n,)")
    if not np.isfinite(values).all():
        raise InputError("a score is NaN or infinite: candidates cannot be ranked")
    if len(codes) and codes.min() < 0:
        raise InputError(f"a language code is {codes.min()}: codes are 0 or more")
    return values, codes.astype(np.int64)


def fair_ranking(
    scores: NDArray[Any],
    languages: NDArray[Any],
    method: str,
    *,
    known: Calibration | None = None,
    sizes: IntArray | None = None,
) -> tuple[IntArray, FloatArray]:
    """Rank the candidates of one query fairly. With candidates of one language their ranking stays.

    Args:
        scores: (n,) finite; higher is better.
        languages: (n,) language code of each candidate.
        method: one of `FAIR`.
        known: of `calibrate`: how queries of this query's language score documents of each language, from more
            than these candidates; languages that it does not know, and all without it, are standardised by the
            candidates themselves.
        sizes: of `quota`: (L,) documents of the pool by language code; without it, every language among the
            candidates gets the same share, which makes the order of `fuse`. Those due at one rank stand by score.

    Returns:
        Candidates from best to worst (n,), and their new scores (n,), which nowhere rise along that order:
        standardised scores, 1 / (60 + rank within the language), or 1 / rank. Equal new scores rank by the old
        ones, equal old ones by place among the candidates.

    Raises:
        InputError: there is no such method, shapes differ, a score is NaN or infinite, or a code is negative.

    Example:
        >>> import numpy as np
        >>> order, scores = fair_ranking(np.array([0.9, 0.8, 0.7, 0.4]), np.array([0, 0, 0, 1]), "fuse")
        >>> order.tolist()
        [0, 3, 1, 2]
    """
    check_fair(method)
    values, codes = _checked(scores, languages)
    if not len(values):
        return np.empty(0, np.int64), values
    order = np.argsort(-values, kind="stable")
    if method == "calibrate":
        found = _calibrated(values, codes, known)
        return order[np.argsort(-found[order], kind="stable")], found
    ranks = _language_ranks(order, codes)
    if method == "fuse":
        return order[np.argsort(ranks[order], kind="stable")], 1 / (RANK_CONSTANT + ranks)
    order = order[np.argsort(_due(ranks, codes, sizes)[order], kind="stable")]
    return order, _reciprocal_ranks(order)


def _reciprocal_ranks(order: IntArray) -> FloatArray:
    """Return 1 / rank (n,) of candidates given from best to worst (n,)."""
    found = np.empty(len(order))
    found[order] = 1 / np.arange(1, len(order) + 1)
    return found


def merge_best(
    scores: NDArray[Any], languages: NDArray[Any], relevant: NDArray[np.bool_]
) -> tuple[IntArray, FloatArray]:
    """Merge the rankings of all languages as well as one can who knows the answers: an upper bound, no method.

    Of all rankings that keep the order within each language, the one in which the relevant documents have the least
    mean rank: the head of a language that has the most relevant documents for its length comes first, then that of
    what is left, and so on (Sidney 1975 for jobs in chains, doi:10.1287/opre.23.2.283). Where a query has at most
    one relevant document in each language, no such ranking is better by any rank measure that takes judgments as
    relevant or not; where it has more, one may be, by a little.

    Args:
        scores: (n,) finite; higher is better.
        languages: (n,) language code of each candidate.
        relevant: (n,) whether a candidate is relevant.

    Returns:
        Candidates from best to worst (n,), and 1 / rank of each (n,).

    Raises:
        InputError: as for `fair_ranking`.
    """
    values, codes = _checked(scores, languages)
    order = np.argsort(-values, kind="stable")
    ranks = _language_ranks(order, codes) if len(order) else order
    answers = np.flatnonzero(relevant)
    heads = [
        (length / found, length, language, start, end)
        for language in np.unique(codes[answers]).tolist()
        for length, found, start, end in _heads(np.sort(ranks[answers[codes[answers] == language]]).tolist())
    ]
    block = np.full(len(order), len(heads))
    for place, (_, _, language, start, end) in enumerate(sorted(heads)):
        block[(codes == language) & (ranks > start) & (ranks <= end)] = place
    order = order[np.argsort(block[order], kind="stable")]
    return order, _reciprocal_ranks(order)


def _heads(ranks: list[int]) -> list[tuple[int, int, int, int]]:
    """Cut a language's ranking, given the ranks of its relevant documents, into heads of the most for their length.

    Returns:
        (length, relevant documents, rank before its first, rank of its last) of each, up to the last relevant
        document; each has at least as many for its length as the next.
    """
    heads: list[tuple[int, int, int, int]] = []
    before = 0
    for rank in ranks:
        heads.append((rank - before, 1, before, rank))
        before = rank
        # together, where the later one has more for its length
        while len(heads) > 1 and heads[-1][1] * heads[-2][0] > heads[-2][1] * heads[-1][0]:
            length, found, _, end = heads.pop()
            earlier, more, start, _ = heads.pop()
            heads.append((earlier + length, more + found, start, end))
    return heads
