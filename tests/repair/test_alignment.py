"""Alignment by linear maps, against maps that are known and least squares by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.repair.alignment import FOLDS, PENALTIES, align_languages, ridge_to_identity
from isoglot.repair.fitting import Sample, pair_translations

SIZE = 8


def translated(matrices: list[np.ndarray], each: int = 400, noise: float = 0.0, seed: int = 0) -> Sample:
    """English, language 0, and languages that are its texts times a matrix, and some noise."""
    random = np.random.default_rng(seed)
    english = random.normal(size=(each, SIZE))
    rows = [english] + [english @ one + noise * random.normal(size=(each, SIZE)) for one in matrices]
    return Sample(np.concatenate(rows), np.repeat(np.arange(len(rows)), each), np.tile(np.arange(each), len(rows)))


def rotation(seed: int) -> np.ndarray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(SIZE, SIZE)))[0]


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_known_linear_maps_are_found(seed):
    matrices = [rotation(seed), 0.5 * np.eye(SIZE) + rotation(seed + 1)]
    matrices = [one for one in matrices if np.linalg.cond(one) < 100] or [rotation(seed)]
    sample = translated(matrices, seed=seed)
    found, counts = align_languages([sample], source=0)
    assert counts.tolist() == [400] * (len(matrices) + 1)
    np.testing.assert_array_equal(found[0], np.eye(SIZE))
    texts = sample.embeddings[sample.language > 0]
    aligned = np.einsum("nd,nde->ne", texts, found[sample.language[sample.language > 0]])
    english = np.tile(sample.embeddings[:400], (len(matrices), 1))
    # λ of 0.01 beside 400 texts
    assert np.abs(aligned - english).max() < 0.01 * np.abs(english).max()


def test_a_rotation_is_undone():
    turned = rotation(7)
    found, _ = align_languages([translated([turned])], source=0)
    np.testing.assert_allclose(found[1], turned.T, atol=1e-3)


def test_the_map_is_the_least_squares_solution_of_its_penalty():
    """Whichever penalty was taken, no other matrix has a smaller sum of squares: against stacked least squares."""
    random = np.random.default_rng(1)
    texts, origins = random.normal(size=(60, SIZE)), random.normal(size=(60, SIZE))
    found = ridge_to_identity(texts, origins, np.arange(60))
    solutions = []
    for penalty in PENALTIES:
        rows = np.concatenate([texts, np.sqrt(penalty) * np.eye(SIZE)])
        wanted = np.concatenate([origins, np.sqrt(penalty) * np.eye(SIZE)])
        solutions.append(np.linalg.lstsq(rows, wanted, rcond=None)[0])
    assert min(np.abs(found - one).max() for one in solutions) < 1e-8


@pytest.mark.parametrize("noise", [0.05, 1.0, 8.0])
def test_the_penalty_is_the_one_that_cross_validation_finds_by_brute_force(noise):
    random = np.random.default_rng(2)
    texts = random.normal(size=(40, SIZE))
    origins = texts @ (np.eye(SIZE) + 0.3 * rotation(3)) + noise * random.normal(size=(40, SIZE))
    fold = np.arange(40) * FOLDS // 40

    def solve(at: np.ndarray, penalty: float) -> np.ndarray:
        rows = np.concatenate([texts[at], np.sqrt(penalty) * np.eye(SIZE)])
        wanted = np.concatenate([origins[at], np.sqrt(penalty) * np.eye(SIZE)])
        return np.linalg.lstsq(rows, wanted, rcond=None)[0]

    errors = [
        sum(
            ((texts[fold == one] @ solve(fold != one, penalty) - origins[fold == one]) ** 2).sum()
            for one in range(FOLDS)
        )
        for penalty in PENALTIES
    ]
    expected = solve(np.ones(40, bool), PENALTIES[int(np.argmin(errors))])
    np.testing.assert_allclose(ridge_to_identity(texts, origins, np.arange(40)), expected, atol=1e-8)


def test_little_parallel_text_moves_little():
    few = translated([rotation(5)], each=FOLDS - 1)
    found, _ = align_languages([few], source=0)
    assert np.linalg.norm(found[1] - np.eye(SIZE)) < 0.1 * np.linalg.norm(rotation(5) - np.eye(SIZE)) * FOLDS


def test_a_language_without_translations_is_left_alone():
    sample = translated([rotation(6)])
    rows = np.concatenate([sample.embeddings, np.ones((3, SIZE))])
    more = Sample(rows, np.append(sample.language, [2] * 3), np.append(sample.group, [-1, -1, 9999]))
    found, counts = align_languages([more], source=0)
    np.testing.assert_array_equal(found[2], np.eye(SIZE))
    assert counts.tolist() == [400, 400, 0]


def test_queries_and_documents_count_together():
    first, second = translated([rotation(8)], each=30, seed=1), translated([rotation(8)], each=50, seed=2)
    found, counts = align_languages([first, second], source=0)
    assert counts.tolist() == [80, 80]
    np.testing.assert_allclose(found[1], rotation(8).T, atol=0.01)


def test_texts_of_one_group_count_as_their_mean_beside_its_translation():
    sample = Sample(np.array([[0.0], [2.0], [5.0], [6.0]]), np.array([0, 0, 1, 1]), np.array([0, 0, 0, 3]))
    pairs = pair_translations(sample, 0)
    np.testing.assert_array_equal(pairs.texts, [[1.0], [5.0]])
    np.testing.assert_array_equal(pairs.origins, [[1.0], [1.0]])
    np.testing.assert_array_equal(pairs.language, [0, 1])
