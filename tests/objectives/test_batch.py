"""Labels of a batch as a matrix."""

from __future__ import annotations

import numpy as np
import torch

from isoglot.objectives import BatchLabels, Role


def test_the_matrix_of_labels_has_a_column_for_each_and_is_taken_apart_again():
    labels = BatchLabels.of(Role.NEGATIVE, np.array([0, 2], np.int32), np.array([40, 41], np.int32), [7, -1])
    matrix = labels.pack()
    assert matrix.dtype == torch.int64
    assert matrix.tolist() == [[Role.NEGATIVE, 0, 40, 7, 0, 0, -1], [Role.NEGATIVE, 2, 41, -1, 0, 0, -1]]
    again = BatchLabels.unpack(matrix)
    assert all(torch.equal(one, other) for one, other in zip(labels, again, strict=True))
    assert BatchLabels.of(Role.QUERY, [1], [5], [5], rows=[9]).rows.tolist() == [9]
    assert BatchLabels.of(Role.QUERY, [1], [5], [5], domain=True).domain.tolist() == [1]
    assert BatchLabels.of(Role.QUERY, [1], [5], [5], versions=True).versions.tolist() == [1]
