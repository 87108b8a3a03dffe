"""What a repair takes from embeddings, against values computed by hand or by brute force."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.repair.fitting import (
    Sample,
    fit_detector,
    language_covariances,
    language_means,
    least_squares_eraser,
    matrix_power,
    shrunk_covariance,
    subspace_eraser,
    translation_shifts,
)


def made(seed: int, languages: int = 3, each: int = 200, size: int = 8, apart: float = 2.0) -> Sample:
    """Embeddings of languages whose means are apart, with translations in the same order."""
    random = np.random.default_rng(seed)
    content = random.normal(size=(each, size)) * np.linspace(0.5, 2, size)
    means = apart * random.normal(size=(languages, size))
    rows = np.concatenate([content + mean + 0.1 * random.normal(size=(each, size)) for mean in means])
    return Sample(rows, np.repeat(np.arange(languages), each), np.tile(np.arange(each), languages))


def means_of(sample: Sample, rows: np.ndarray) -> np.ndarray:
    return np.stack([rows[sample.language == code].mean(axis=0) for code in range(sample.languages)])


def test_means_of_many_texts_are_means():
    sample = made(0)
    found = language_means(sample)
    np.testing.assert_allclose(found[:-1], means_of(sample, sample.embeddings), atol=0.05)
    np.testing.assert_allclose(found[-1], sample.embeddings.mean(axis=0))


def test_a_mean_of_one_text_keeps_its_content_out():
    many = made(1, languages=2, apart=0.5)
    one = np.full((1, 8), 9.0)
    sample = Sample(np.concatenate([many.embeddings, one]), np.append(many.language, 2), np.append(many.group, -1))
    found = language_means(sample)
    assert np.linalg.norm(found[2] - one) > np.linalg.norm(found[2] - found[-1])


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_where_languages_do_not_differ_means_hardly_do(seed):
    random = np.random.default_rng(seed)
    sample = Sample(random.normal(size=(300, 8)), np.repeat(np.arange(3), 100), np.full(300, -1))
    plain = means_of(sample, sample.embeddings)
    overall = sample.embeddings.mean(axis=0)
    drawn = language_means(sample)[:-1]
    assert np.linalg.norm(drawn - overall) <= np.linalg.norm(plain - overall)


def test_shifts_are_mean_differences_of_translations():
    rows = np.array([[1.0, 0], [3, 0], [2, 2], [4, 4], [9, 9], [7, 7]])
    # English of groups 0 and 1; German of both; a German text without a group; Thai of no English
    sample = Sample(rows, np.array([0, 0, 1, 1, 1, 2]), np.array([0, 1, 0, 1, -1, 5]))
    shifts, counts = translation_shifts(sample, source=0)
    np.testing.assert_allclose(shifts, [[0, 0], [1, 3], [0, 0]])
    np.testing.assert_array_equal(counts, [2, 2, 0])


def test_texts_of_one_group_count_as_their_mean():
    sample = Sample(np.array([[0.0], [2.0], [5.0]]), np.array([0, 0, 1]), np.zeros(3, int))
    np.testing.assert_allclose(translation_shifts(sample, 0)[0], [[0], [4]])


@given(st.integers(2, 40), st.integers(1, 12), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_shrunk_covariance_has_the_trace_and_full_rank(rows, size, seed):
    centred = np.random.default_rng(seed).normal(size=(rows, size))
    found = shrunk_covariance(centred)
    assert np.trace(found) == pytest.approx((centred**2).sum() / rows)
    assert np.linalg.eigvalsh(found)[0] > 0


def test_powers_undo_one_another():
    matrix = shrunk_covariance(made(2).embeddings)
    np.testing.assert_allclose(matrix_power(matrix, 0.5) @ matrix_power(matrix, 0.5), matrix, atol=1e-10)
    np.testing.assert_allclose(matrix_power(matrix, -1) @ matrix, np.eye(len(matrix)), atol=1e-8)
    np.testing.assert_allclose(matrix_power(matrix, 0), np.eye(len(matrix)), atol=1e-10)


def test_a_language_of_one_text_has_the_covariance_of_all():
    many = made(3, languages=2)
    sample = Sample(
        np.concatenate([many.embeddings, many.embeddings[:1]]),
        np.append(many.language, 2),
        np.append(many.group, 0),
    )
    *_, alone, pooled = language_covariances(sample, language_means(sample))
    assert np.abs(alone - pooled).max() < 0.5 * np.abs(pooled).max()
    assert np.linalg.eigvalsh(alone)[0] > 0


@pytest.mark.parametrize("eraser", [subspace_eraser, least_squares_eraser])
@pytest.mark.parametrize("seed", range(3))
def test_after_erasing_language_means_are_one(eraser, seed):
    sample = made(seed)
    erased = eraser(sample)
    left = sample.embeddings - sample.embeddings @ erased.T
    before, after = (means_of(sample, rows) for rows in (sample.embeddings, left))
    assert np.ptp(after, axis=0).max() < 1e-8 < np.ptp(before, axis=0).max()
    np.testing.assert_allclose(erased @ erased, erased, atol=1e-8)  # a projection


def test_least_squares_erasing_moves_less_than_the_subspace():
    sample = made(4)
    centred = sample.embeddings - sample.embeddings.mean(axis=0)
    moved = [((centred @ eraser(sample).T) ** 2).sum() for eraser in (least_squares_eraser, subspace_eraser)]
    assert moved[0] < moved[1]


def test_erasing_agrees_with_its_authors_library():
    torch = pytest.importorskip("torch")
    erasure = pytest.importorskip("concept_erasure", reason="the package concept-erasure is not installed")
    sample = made(5, each=4000)
    rows = torch.from_numpy(sample.embeddings)
    fitter = erasure.LeaceFitter.fit(rows, torch.eye(3, dtype=rows.dtype)[sample.language])
    np.testing.assert_allclose(least_squares_eraser(sample), (torch.eye(8) - fitter.eraser.P).numpy(), atol=1e-2)


def test_nothing_is_erased_where_languages_differ_by_chance():
    random = np.random.default_rng(6)
    sample = Sample(random.normal(size=(4000, 16)), np.repeat(np.arange(4), 1000), np.full(4000, -1))
    assert not subspace_eraser(sample).any()
    assert not least_squares_eraser(sample).any()


def test_the_detector_tells_languages_that_are_apart():
    sample = made(7)
    weight, bias = fit_detector(sample)
    told = (sample.embeddings @ weight.T + bias).argmax(axis=1)
    assert (told == sample.language).mean() > 0.95
