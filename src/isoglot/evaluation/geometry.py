"""Geometry of the space: are parallel texts close, is the rest spread out, and can the language be read off?

All of it is measured on query embeddings, parallel texts being the language versions of one query. To stay
fast it takes at most `MOST_IDS` query ids, drawn with a fixed seed.
"""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.evaluation.statistics import IntArray

__all__ = [
    "alignment",
    "isotropy",
    "language_identification",
    "linear_cka",
    "measure_geometry",
    "parallel_accuracy",
    "uniformity",
]

FloatArray = NDArray[np.floating[Any]]

MOST_IDS = 1000
MOST_ROWS = 4000
"""Rows for `uniformity`, which takes every pair of them."""
LEAST_SHARED = 10
"""Parallel texts that a language pair must have to count; with fewer, CKA and accuracy say little."""
FOLDS = 5
RIDGE = 0.01


def alignment(embeddings: FloatArray, query_ids: IntArray) -> float | None:
    """Mean squared distance over all pairs of versions of a query; 0 is best (2005.10242, α = 2).

    Args:
        embeddings: (n, d), unit length.
        query_ids: (n,) equal for parallel texts.

    Returns:
        A value in [0, 4]; None where nothing is parallel.
    """
    _, group, sizes = np.unique(query_ids, return_inverse=True, return_counts=True)
    pairs = (sizes * (sizes - 1) / 2).sum()
    if not pairs:
        return None
    sums = np.zeros((len(sizes), embeddings.shape[1]))
    np.add.at(sums, group, embeddings)
    # over the pairs of a group: sum |x - y|² = n sum |x|² - |sum x|²
    squares = (embeddings.astype(np.float64) ** 2).sum(axis=1)
    total = (sizes[group] * squares).sum() - (sums**2).sum()
    return float(max(total, 0.0) / pairs)


def uniformity(embeddings: FloatArray) -> float | None:
    """Log of the mean of exp(-2 |x - y|²) over all pairs of texts (2005.10242, t = 2); lower: more spread.

    Args:
        embeddings: (n, d), unit length.

    Returns:
        A value in [-8, 0]; None for fewer than two texts.
    """
    count = len(embeddings)
    if count < 2:
        return None
    vectors = embeddings.astype(np.float64)
    squares = (vectors**2).sum(axis=1)
    total = 0.0
    for start in range(0, count, 1000):
        part = slice(start, start + 1000)
        distances = squares[part, None] + squares - 2 * vectors[part] @ vectors.T
        total += float(np.exp(-2 * np.maximum(distances, 0)).sum())
    return float(np.log((total - count) / (count * (count - 1))))


def _parallel_rows(query_ids: IntArray, languages: IntArray) -> dict[tuple[int, int], tuple[IntArray, IntArray]]:
    """Return for each language pair a < b with enough parallel texts their rows (m,) in a and (m,) in b."""
    tables = {int(tag): np.flatnonzero(languages == tag) for tag in np.unique(languages)}
    found: dict[tuple[int, int], tuple[IntArray, IntArray]] = {}
    for a, b in combinations(tables, 2):
        ids, at, bt = np.intersect1d(query_ids[tables[a]], query_ids[tables[b]], return_indices=True)
        if len(ids) >= LEAST_SHARED:
            found[a, b] = tables[a][at], tables[b][bt]
    return found


def parallel_accuracy(x: FloatArray, y: FloatArray) -> float:
    """Share of texts whose nearest neighbour among the other language's is their translation, both ways.

    Args:
        x: (m, d) embeddings in one language, unit length.
        y: (m, d) of the same texts in another language.
    """
    similarity = x @ y.T
    right = np.arange(len(x))
    return float(((similarity.argmax(axis=1) == right).mean() + (similarity.argmax(axis=0) == right).mean()) / 2)


def linear_cka(x: FloatArray, y: FloatArray) -> float | None:
    """Linear centred kernel alignment of parallel texts; 1: equal up to rotation and scale (1905.00414).

    It is biased upwards for fewer texts than dimensions.

    Args:
        x: (m, d) embeddings in one language.
        y: (m, d) of the same texts in another language.

    Returns:
        A value in [0, 1]; None where all embeddings of a language are the same.
    """
    x, y = x - x.mean(axis=0), y - y.mean(axis=0)
    scale = float(np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    return float(np.linalg.norm(x.T @ y) ** 2 / scale) if scale > 1e-12 else None


def language_identification(
    embeddings: FloatArray, languages: IntArray, query_ids: IntArray
) -> tuple[float, float] | None:
    """Accuracy of a linear probe that reads the language off an embedding, and that of chance.

    The probe is a ridge classifier (one target in {-1, 1} per language), cross-validated over folds of
    query ids, so that versions of a query never are on both sides. An accuracy near chance means that
    language is not linearly encoded.

    Args:
        embeddings: (n, d).
        languages: (n,) language index.
        query_ids: (n,) query ids.

    Returns:
        Accuracy, and the share of the most frequent language, which guessing would reach; None for one
        language or fewer query ids than folds.
    """
    tags, target = np.unique(languages, return_inverse=True)
    ids, group = np.unique(query_ids, return_inverse=True)
    if len(tags) < 2 or len(ids) < FOLDS:
        return None
    # ids in random order: neighbouring ids often are of one document
    fold = (np.random.default_rng(0).permutation(len(ids)) % FOLDS)[group]
    x = np.concatenate([embeddings.astype(np.float64), np.ones((len(embeddings), 1))], axis=1)
    y = np.where(target[:, None] == np.arange(len(tags)), 1.0, -1.0)
    gram, moment = x.T @ x, x.T @ y
    penalty = np.eye(x.shape[1]) * RIDGE * np.trace(gram[:-1, :-1]) / (x.shape[1] - 1)
    penalty[-1, -1] = 0  # the intercept is free
    correct = 0
    for number in range(FOLDS):
        held = fold == number
        weights = np.linalg.lstsq(gram - x[held].T @ x[held] + penalty, moment - x[held].T @ y[held], rcond=None)[0]
        correct += int(((x[held] @ weights).argmax(axis=1) == target[held]).sum())
    return correct / len(x), float(np.bincount(target).max() / len(target))


def isotropy(embeddings: FloatArray) -> float | None:
    """IsoScore: 1 where variance is the same in all directions, 0 where all of it is in one (2108.07344).

    With λ the eigenvalues of the covariance matrix, ((Σλ)² / Σλ² - 1) / (d - 1), which is what the paper's
    Algorithm 1 comes to.

    Args:
        embeddings: (n, d).

    Returns:
        A value in [0, 1]; None for one dimension, or where all embeddings are the same.
    """
    vectors = embeddings.astype(np.float64)
    dimensions = vectors.shape[1]
    vectors = vectors - vectors.mean(axis=0)
    covariance = vectors.T @ vectors / max(len(vectors), 1)
    square = float((covariance**2).sum())
    if dimensions < 2 or square < 1e-18:
        return None
    return float((np.trace(covariance) ** 2 / square - 1) / (dimensions - 1))


def measure_geometry(embeddings: FloatArray, query_ids: IntArray, languages: IntArray) -> dict[str, float | None]:
    """Compute every measure of geometry; None for what the collection has no parallel texts for.

    `parallel_accuracy` and `cka` are means over language pairs with at least `LEAST_SHARED` parallel texts.

    Args:
        embeddings: (q, d) query embeddings, unit length.
        query_ids: (q,) query id index.
        languages: (q,) language index.
    """
    ids = np.unique(query_ids)
    generator = np.random.default_rng(0)
    if len(ids) > MOST_IDS:
        kept = np.isin(query_ids, generator.choice(ids, MOST_IDS, replace=False))
        embeddings, query_ids, languages = embeddings[kept], query_ids[kept], languages[kept]
    some = embeddings
    if len(some) > MOST_ROWS:
        some = some[np.sort(generator.choice(len(some), MOST_ROWS, replace=False))]
    probe = language_identification(embeddings, languages, query_ids)
    accuracies, alignments = [], []
    for a, b in _parallel_rows(query_ids, languages).values():
        accuracies.append(parallel_accuracy(embeddings[a], embeddings[b]))
        if (value := linear_cka(embeddings[a], embeddings[b])) is not None:
            alignments.append(value)
    return {
        "alignment": alignment(embeddings, query_ids),
        "uniformity": uniformity(some),
        "parallel_accuracy": float(np.mean(accuracies)) if accuracies else None,
        "language_identification": probe[0] if probe else None,
        "language_identification_chance": probe[1] if probe else None,
        "cka": float(np.mean(alignments)) if alignments else None,
        "isotropy": isotropy(some),
    }
