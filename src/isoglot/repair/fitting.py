"""What a repair takes from embeddings: means of languages, translations' differences, covariances, subspaces."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Sample",
    "fit_detector",
    "language_covariances",
    "language_means",
    "least_squares_eraser",
    "matrix_power",
    "shrunk_covariance",
    "subspace_eraser",
    "translation_shifts",
]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float64]

SMALL = 1e-6
"""Singular values below this share of the largest are rounding."""
FLOOR = 1e-7
"""Variances below this share of the largest are taken to be this share."""
DETECTOR_SHRINKAGE = 0.05
"""Share of the identity in the covariance by which languages are told apart."""


@dataclass(frozen=True)
class Sample:
    """Embeddings of texts in several languages, all encoded as queries or all as documents.

    Attributes:
        embeddings: (n, d), unit length.
        language: (n,) from 0 to L - 1; every language has texts.
        group: (n,) texts of one number are translations of one another; below 0 are those without any.
    """

    embeddings: FloatArray
    language: IntArray
    group: IntArray

    @property
    def languages(self) -> int:
        """L, the number of languages."""
        return int(self.language.max(initial=-1)) + 1


def _sums(rows: FloatArray, index: IntArray, size: int) -> FloatArray:
    found = np.zeros((size, rows.shape[1]))
    np.add.at(found, index, rows)
    return found


def language_means(sample: Sample) -> FloatArray:
    """Return the mean embedding of each language and, last, that of all texts: (L + 1, d).

    A mean of few texts is as much their content as their language: it is drawn towards the mean of all as far as
    the spread within languages and between them makes likely (empirical Bayes). Hundreds of texts leave it alone.
    """
    counts = np.bincount(sample.language, minlength=sample.languages)
    total = len(sample.language)
    means = _sums(sample.embeddings, sample.language, sample.languages) / counts[:, None]
    overall = sample.embeddings.mean(axis=0)
    within = ((sample.embeddings - means[sample.language]) ** 2).sum() / max(total - sample.languages, 1)
    between = (counts * ((means - overall) ** 2).sum(axis=1)).sum() - (sample.languages - 1) * within
    weight = counts * max(between / total, 0.0)
    share = weight / np.maximum(weight + within, np.finfo(float).tiny)
    drawn = overall + share[:, None] * (means - overall)
    found: FloatArray = np.concatenate([drawn, overall[None]])
    return found


def translation_shifts(sample: Sample, source: int) -> tuple[FloatArray, IntArray]:
    """Return the mean difference between texts and their translations in a source language, after SHIFT
    (arXiv 2606.18801).

    Args:
        sample: texts with translations; several of one language and group count as their mean.
        source: the language that the others are compared with.

    Returns:
        (L, d), 0 for the source and where nothing is translated, and (L,) how many translations each rests on.
    """
    linked = np.flatnonzero(sample.group >= 0)
    size = sample.languages
    cells, place = np.unique(
        sample.group[linked].astype(np.int64) * size + sample.language[linked], return_inverse=True
    )
    means = _sums(sample.embeddings[linked], place, len(cells)) / np.bincount(place)[:, None]
    group, language = cells // size, cells % size
    origin = np.flatnonzero(language == source)
    at = np.searchsorted(group[origin], group)
    at[at == len(origin)] = 0
    paired = group[origin[at]] == group if len(origin) else np.zeros(len(cells), bool)
    counts = np.bincount(language[paired], minlength=size)
    differences = means[paired] - means[origin[at[paired]]]
    return _sums(differences, language[paired], size) / np.maximum(counts, 1)[:, None], counts


def shrunk_covariance(centred: FloatArray) -> FloatArray:
    """Return the covariance (d, d) of centred rows (n, d), shrunk towards a multiple of the identity as far as
    Ledoit and Wolf (2004) find best, so that it has full rank however few rows there are."""
    count, size = centred.shape
    plain = centred.T @ centred / count
    mean = np.trace(plain) / size
    spread = ((plain - mean * np.eye(size)) ** 2).sum()
    noise = (((centred**2).sum(axis=1) ** 2).mean() - (plain**2).sum()) / count
    share = min(1.0, noise / spread) if spread > 0 else 1.0
    shrunk: FloatArray = (1 - share) * plain + share * mean * np.eye(size)
    return shrunk


def matrix_power(symmetric: FloatArray, exponent: float) -> FloatArray:
    """Return a power (d, d) of a positive semi-definite matrix; variances are kept away from 0."""
    values, vectors = np.linalg.eigh(symmetric)
    values = np.maximum(values, max(FLOOR * values[-1], np.finfo(float).tiny))
    powered: FloatArray = (vectors * values**exponent) @ vectors.T
    return powered


def language_covariances(sample: Sample, means: FloatArray) -> FloatArray:
    """Return the covariance of each language and, last, that of all within their languages: (L + 1, d, d).

    That of all counts in each language like d texts more, so that few texts are enough.

    Args:
        sample: the embeddings.
        means: (L + 1, d), which `language_means` returned.
    """
    centred = sample.embeddings - means[sample.language]
    pooled = shrunk_covariance(centred)
    found = []
    for code in range(sample.languages):
        rows = centred[sample.language == code]
        found.append((rows.T @ rows + len(pooled) * pooled) / (len(rows) + len(pooled)))
    return np.stack([*found, pooled])


def _language_directions(sample: Sample) -> FloatArray:
    """Return an orthonormal basis (r, d) of the directions in which language means differ by more than chance.

    Singular vectors of the differences between means and the mean of all, each times the square root of its texts:
    in directions without language these have the variance of texts within a language, and so hardly a singular
    value above the deviation times √L + √d (Marchenko and Pastur).
    """
    counts = np.bincount(sample.language, minlength=sample.languages)
    means = _sums(sample.embeddings, sample.language, sample.languages) / counts[:, None]
    within = ((sample.embeddings - means[sample.language]) ** 2).sum() / max(
        len(sample.language) - sample.languages, 1
    )
    size = sample.embeddings.shape[1]
    chance = np.sqrt(within / size) * (np.sqrt(sample.languages) + np.sqrt(size))
    differences = np.sqrt(counts)[:, None] * (means - sample.embeddings.mean(axis=0))
    _, values, basis = np.linalg.svd(differences, full_matrices=False)
    kept: FloatArray = basis[values > max(chance, SMALL * values[0])]
    return kept


def subspace_eraser(sample: Sample) -> FloatArray:
    """Return the projection (d, d), to be subtracted from the identity, on the directions in which language means
    differ: the subspace that LSAR (arXiv 2401.05792) finds by singular values, without what may be chance."""
    basis = _language_directions(sample)
    found: FloatArray = basis.T @ basis
    return found


def least_squares_eraser(sample: Sample) -> FloatArray:
    """Return the map (d, d), to be subtracted from the identity, without which no linear classifier tells languages
    apart and embeddings move least (LEACE, arXiv 2306.03819), but for differences that may be chance."""
    covariance = shrunk_covariance(sample.embeddings - sample.embeddings.mean(axis=0))
    whiten, colour = matrix_power(covariance, -0.5), matrix_power(covariance, 0.5)
    basis = _language_directions(Sample(sample.embeddings @ whiten, sample.language, sample.group))
    found: FloatArray = colour @ basis.T @ basis @ whiten
    return found


def fit_detector(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Fit a linear discriminant (Fisher's, with equal priors) that tells the language of an embedding.

    Returns:
        Weights (L, d) and biases (L,): the language is the largest of `embedding @ weights.T + biases`.
    """
    means = language_means(sample)[:-1]
    within = sample.embeddings - means[sample.language]
    covariance = within.T @ within / len(within)
    level = np.trace(covariance) / len(covariance) or 1.0
    covariance = (1 - DETECTOR_SHRINKAGE) * covariance + DETECTOR_SHRINKAGE * level * np.eye(len(covariance))
    weights: FloatArray = np.linalg.solve(covariance, means.T).T.astype(np.float64)
    biases: FloatArray = -0.5 * (weights * means).sum(axis=1)
    return weights, biases
