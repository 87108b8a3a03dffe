"""Packing rows into batches: no two of a batch may conflict, whatever documents they share."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.batching.packing import pack
from isoglot.batching.relations import Conflicts, Grouped


@st.composite
def problems(draw):
    """Rows of some query ids, which claim documents of their own and shared ones, and batches with room for all."""
    ids = draw(st.integers(1, 20))
    claims = draw(st.lists(st.sets(st.integers(ids, ids + 8), max_size=3), min_size=ids, max_size=ids))
    query_index = np.array(draw(st.lists(st.integers(0, ids - 1), min_size=1, max_size=30)))
    batches = draw(st.integers(1, 12))
    capacity = np.full(batches, -(-len(query_index) // batches))
    capacity[0] += draw(st.integers(0, 3))
    offsets = np.cumsum([0, *(len(one) for one in claims)])
    listed = np.array([claim for one in claims for claim in sorted(one)], np.int64)
    return query_index, Conflicts(Grouped(listed, offsets)), capacity, draw(st.integers(0, 10**6))


def claims_of(query_index, conflicts):
    ends, claims = conflicts.claims.offsets, conflicts.claims.values
    return [{int(one), *claims[ends[one] : ends[one + 1]].tolist()} for one in query_index]


def check_packed(placed, unplaced, claims, capacity):
    """No batch holds more than it takes, or rows that conflict; rows without a batch are those that are named."""
    for batch, room in enumerate(capacity):
        rows = np.flatnonzero(placed == batch)
        assert len(rows) <= room
        assert not any(claims[one] & claims[other] for one, other in combinations(rows, 2))
    assert sorted(np.flatnonzero(placed < 0)) == sorted(unplaced)


@settings(max_examples=300, deadline=None)
@given(problems())
def test_no_rows_of_a_batch_conflict_and_none_is_left_out_that_has_a_place(problem):
    query_index, conflicts, capacity, seed = problem
    placed, unplaced = pack(query_index, conflicts, capacity, np.random.default_rng(seed))
    claims = claims_of(query_index, conflicts)
    check_packed(placed, unplaced, claims, capacity)
    for row in unplaced:
        for batch in np.flatnonzero(np.bincount(placed[placed >= 0], minlength=len(capacity)) < capacity):
            assert any(claims[row] & claims[other] for other in np.flatnonzero(placed == batch))


@settings(max_examples=300, deadline=None)
@given(problems())
def test_packing_with_bounded_work_never_lets_rows_conflict_and_leaves_out_no_row_without_conflicts(problem):
    query_index, conflicts, capacity, seed = problem
    placed, unplaced = pack(query_index, conflicts, capacity, np.random.default_rng(seed), thorough=False)
    claims = claims_of(query_index, conflicts)
    check_packed(placed, unplaced, claims, capacity)
    full = not (np.bincount(placed[placed >= 0], minlength=len(capacity)) < capacity).any()
    for row in unplaced:
        assert full or any(claims[row] & claims[other] for other in range(len(claims)) if other != row)
