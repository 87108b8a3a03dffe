"""Linear maps that bring texts of a language to where their translations in another lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.repair.fitting import Sample, pair_translations

__all__ = ["PENALTIES", "align_languages", "ridge_to_identity"]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float64]

PENALTIES = tuple(np.logspace(-2, 2, 9).tolist())
"""Ridge penalties λ that are tried, in squared lengths of embeddings."""
FOLDS = 5


def align_languages(samples: Sequence[Sample], source: int) -> tuple[FloatArray, IntArray]:
    """Fit to each language the linear map that takes its texts to their translations in a source language.

    As Mikolov and others (arXiv 1309.4168) map words, by least squares, but drawn towards the identity by a ridge
    whose strength is found by cross-validation: little parallel text moves little.

    Args:
        samples: embeddings with translations, whose languages have the same numbers; all count alike.
        source: the language that the others are taken to.

    Returns:
        (L, d, d) M, an embedding z becoming z M; the identity for the source and where nothing is translated; and
        (L,) how many translations each rests on.
    """
    pairs = [pair_translations(sample, source) for sample in samples]
    texts = np.concatenate([one.texts for one in pairs])
    origins = np.concatenate([one.origins for one in pairs])
    language = np.concatenate([one.language for one in pairs])
    group = np.concatenate([one.group for one in pairs])
    size = max(sample.languages for sample in samples)
    maps = np.repeat(np.eye(texts.shape[1])[None], size, axis=0)
    for code in set(np.unique(language).tolist()) - {source}:
        rows = language == code
        maps[code] = ridge_to_identity(texts[rows], origins[rows], group[rows])
    return maps, np.bincount(language, minlength=size)


def ridge_to_identity(texts: FloatArray, origins: FloatArray, group: IntArray) -> FloatArray:
    """Return the map M (d, d) that minimises |texts M - origins|² + λ |M - I|².

    λ is the one of `PENALTIES` with the least error in five-fold cross-validation, and the largest if there are
    fewer than five groups.

    Args:
        texts: (n, d).
        origins: (n, d), where each of them is to come.
        group: (n,) rows of one number stay in one fold; so do most neighbours, which may be of one page.
    """
    differences = origins - texts
    numbers, place = np.unique(group, return_inverse=True)
    penalty = PENALTIES[-1]
    if len(numbers) >= FOLDS:
        penalty = _best_penalty(texts, differences, place * FOLDS // len(numbers))
    identity = np.eye(texts.shape[1])
    found: FloatArray = identity + np.linalg.solve(texts.T @ texts + penalty * identity, texts.T @ differences)
    return found


def _best_penalty(texts: FloatArray, differences: FloatArray, fold: IntArray) -> float:
    """Return the penalty by which ridge regression best predicts the differences of folds that are left out."""
    parts = [(texts[fold == one], differences[fold == one]) for one in range(FOLDS)]
    grams = [(one.T @ one, one.T @ moved) for one, moved in parts]
    gram, cross = (np.sum([each[at] for each in grams], axis=0) for at in (0, 1))
    errors = np.zeros(len(PENALTIES))
    for left_gram, left_cross in grams:
        values, basis = np.linalg.eigh(gram - left_gram)
        fitted, square, product = (
            basis.T @ (cross - left_cross),
            basis.T @ left_gram @ basis,
            basis.T @ left_cross,
        )
        for at, penalty in enumerate(PENALTIES):
            change = fitted / (np.maximum(values, 0) + penalty)[:, None]
            # |differences - texts change|², but for what does not depend on the penalty
            errors[at] += (change * (square @ change - 2 * product)).sum()
    return PENALTIES[int(errors.argmin())]
