"""Geometry: hand-computed cases, closed forms and invariances."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ortho_group

from isoglot.evaluation.geometry import (
    alignment,
    isotropy,
    language_identification,
    linear_cka,
    measure_geometry,
    parallel_accuracy,
    uniformity,
)


def unit(array: np.ndarray) -> np.ndarray:
    return array / np.linalg.norm(array, axis=1, keepdims=True)


def test_alignment_by_hand():
    x = np.array([[1.0, 0], [0, 1], [1, 0], [-1, 0], [0, 1]])
    # pairs: (0, 1) at 2, and of the three last 4, 2, 2; mean 2.5
    assert alignment(x, np.array([0, 0, 1, 1, 1])) == pytest.approx(2.5)
    assert alignment(x, np.arange(5)) is None


def test_uniformity_by_hand():
    x = np.array([[1.0, 0], [0, 1], [-1, 0]])
    pairs = [2, 4, 2]
    assert uniformity(x) == pytest.approx(np.log(np.mean(np.exp(-2 * np.array(pairs)))))
    assert uniformity(np.ones((4, 1))) == pytest.approx(0)
    assert uniformity(np.ones((1, 1))) is None
    many = unit(np.random.default_rng(0).standard_normal((1500, 3)))
    distances = ((many[:, None] - many) ** 2).sum(axis=2)[~np.eye(1500, dtype=bool)]
    assert uniformity(many) == pytest.approx(np.log(np.exp(-2 * distances).mean()))


def test_parallel_accuracy_by_hand():
    x, y = np.eye(4), np.eye(4)[[0, 1, 3, 2]]
    assert parallel_accuracy(x, x) == 1
    assert parallel_accuracy(x, y) == 0.5


def test_cka_is_one_up_to_rotation_and_scale_and_equals_its_definition():
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((50, 6)), rng.standard_normal((50, 6))
    rotation = ortho_group.rvs(6, random_state=0)
    assert linear_cka(x, 3 * x @ rotation + 1) == pytest.approx(1)
    centre = np.eye(50) - 1 / 50  # the paper's HSIC form
    k, m = centre @ x @ x.T @ centre, centre @ y @ y.T @ centre
    assert linear_cka(x, y) == pytest.approx((k * m).sum() / np.sqrt((k * k).sum() * (m * m).sum()))
    assert linear_cka(x, np.ones((50, 6))) is None


def test_isotropy_equals_the_algorithm_of_its_paper():
    x = np.random.default_rng(0).standard_normal((200, 5)) * [1, 2, 3, 1, 0.1]
    variances = np.linalg.eigvalsh(np.cov(x.T))
    normal = np.sqrt(5) * variances / np.linalg.norm(variances)
    defect = np.linalg.norm(normal - 1) / np.sqrt(2 * (5 - np.sqrt(5)))
    used = (5 - defect**2 * (5 - np.sqrt(5))) ** 2 / 25
    assert isotropy(x) == pytest.approx((5 * used - 1) / 4)
    line = np.outer(np.arange(10), np.arange(5))
    assert isotropy(line) == pytest.approx(0, abs=1e-9)
    assert isotropy(np.concatenate([np.eye(4), -np.eye(4)])) == pytest.approx(1)
    assert isotropy(np.ones((5, 3))) is None


def test_language_identification_finds_a_direction_and_nothing_in_noise():
    rng = np.random.default_rng(0)
    ids, languages = np.repeat(np.arange(300), 3), np.tile(np.arange(3), 300)
    noise = rng.standard_normal((900, 16))
    accuracy, chance = language_identification(noise, languages, ids)
    assert chance == pytest.approx(1 / 3)
    assert accuracy == pytest.approx(1 / 3, abs=0.06)
    marked = noise.copy()
    marked[:, :3] += 10 * np.eye(3)[languages]
    assert language_identification(marked, languages, ids)[0] > 0.99
    assert language_identification(noise, np.zeros(900, int), ids) is None


def test_parallel_texts_do_not_straddle_folds():
    # Every version of a query is the same point and languages are tied to queries: a probe that has seen a
    # version of the query knows its language, one that has not can only guess.
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(40), 10)
    languages = rng.integers(2, size=40)[ids]
    accuracy, _ = language_identification(np.eye(40)[ids], languages, ids)
    assert accuracy < 0.7


def test_nulls_without_parallel_texts():
    x = unit(np.random.default_rng(0).standard_normal((60, 4)))
    found = measure_geometry(x, np.arange(60), np.arange(60) % 3)
    assert found["alignment"] is found["parallel_accuracy"] is found["cka"] is None
    assert found["uniformity"] < 0
    single = measure_geometry(x, np.arange(60), np.zeros(60, int))
    assert single["language_identification"] is single["language_identification_chance"] is None


def test_large_collections_are_sampled_the_same_way_each_time():
    rng = np.random.default_rng(0)
    ids = np.repeat(np.arange(1500), 2)
    x = unit(rng.standard_normal((1500, 8))[ids] + 0.1 * rng.standard_normal((3000, 8)))
    found = measure_geometry(x, ids, np.tile([0, 1], 1500))
    assert found == measure_geometry(x, ids, np.tile([0, 1], 1500))
    assert found["parallel_accuracy"] > 0.9
