"""Products depend on queries and tile alone: not on the rest of the pool, nor on the number of threads."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from isoglot.evaluation.products import TILE, multiplier


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("queries", [1, 7, 64])
@pytest.mark.parametrize("dimensions", [5, 384])
def test_a_tile_s_products_are_the_same_in_any_pool(threads, queries, dimensions):
    rng = np.random.default_rng(0)
    documents = rng.standard_normal((3 * TILE + 77, dimensions), dtype=np.float32)
    asked = torch.from_numpy(rng.standard_normal((queries, dimensions), dtype=np.float32))
    with multiplier(documents) as multiply:
        whole = multiply(asked).clone()
    np.testing.assert_allclose(whole, asked.numpy() @ documents.T, rtol=1e-4, atol=1e-4)
    assert torch.get_num_threads() == threads
    torch.set_num_threads(1)
    for start, stop in ((0, TILE), (TILE, 3 * TILE), (2 * TILE, 3 * TILE + 77)):
        with multiplier(documents[start:stop]) as multiply:
            assert torch.equal(multiply(asked), whole[:, start:stop])


def test_memory_is_used_again_and_grows():
    documents = np.eye(3, 4, dtype=np.float32)
    with multiplier(documents) as multiply:
        assert multiply(torch.ones(1, 4)).tolist() == [[1, 1, 1]]
        assert multiply(torch.full((3, 4), 2.0)).tolist() == [[2, 2, 2]] * 3
        assert multiply(torch.arange(4.0)[None]).tolist() == [[0, 1, 2]]
