"""Packing rows into batches: no two of a batch may conflict, whatever documents they share."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isoglot.batching.packing import Passes, _fill_empty, _place_one_by_one, pack
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


@settings(max_examples=300, deadline=None)
@example([{1}, {2}, {2}], [0, 1] + [0] * 6, [0, 1, 0, 0], 0, 1)  # the first row can leave its place to the last
@example([{1}, {2}, {2}, {2}], [0, 1] + [0] * 6, [0, 1, 0, 0], 0, 2)
@example([{1}, {1}, {1}], [0] * 8, [0, 1, 1, 0], 3, 2)
@given(
    st.lists(st.sets(st.integers(0, 4), min_size=1, max_size=3), min_size=2, max_size=8),
    st.lists(st.integers(0, 3), min_size=8, max_size=8),
    st.lists(st.integers(0, 1), min_size=4, max_size=4),
    st.integers(0, 3),
    st.integers(1, 3),
)
def test_rows_left_over_find_a_place_or_one_that_another_row_can_leave(claims, wanted, room, start, waiting):
    placed = np.full(len(claims), -1)
    held: list[set[int]] = [set() for _ in room]
    last = max(len(claims) - waiting, 1)  # from there on rows wait; others are where they wished, unless they clash
    for row in range(last):
        if not claims[row] & held[wanted[row]]:
            placed[row] = wanted[row]
            held[wanted[row]] |= claims[row]

    def fits(row: int, batch: int) -> bool:
        return not any(claims[row] & claims[other] for other in np.flatnonzero(placed == batch) if other != row)

    can_leave = {
        placed[row]
        for row in range(last)
        for batch in range(4)
        if placed[row] >= 0 and room[batch] and fits(row, batch)
    }
    direct = any(room[batch] and fits(last, batch) for batch in range(4))
    possible = direct or any(fits(last, batch) for batch in can_leave)
    offsets = np.cumsum([0, *map(len, claims)])
    listed = Grouped(np.array([claim for one in claims for claim in sorted(one)]), offsets)
    before, left = placed.copy(), np.array(room)
    _place_one_by_one(np.arange(len(claims)), np.arange(last, len(claims)), listed, left, placed, start)
    assert (placed[last:] >= 0).any() >= possible
    assert np.all(
        left
        == room - (np.bincount(placed[placed >= 0], minlength=4) - np.bincount(before[before >= 0], minlength=4))
    )
    assert np.all(left >= 0)
    assert all(fits(row, placed[row]) for row in range(len(claims)) if placed[row] >= 0)
    if last == len(claims) - 1:
        assert np.sum(placed != before) == (0 if not possible else 1 if direct else 2)


def test_after_rows_have_changed_places_the_next_one_goes_where_there_is_room():
    # the first row leaves its place to the third, which clashes with the second; the fourth goes to what is left
    placed, left = np.array([0, 1, -1, -1]), np.array([0, 2, 0])
    listed = Grouped(np.array([1, 2, 2, 3]), np.arange(5))
    _place_one_by_one(np.arange(4), np.array([2, 3]), listed, left, placed, 0)
    assert placed.tolist() == [1, 1, 0, 1]
    assert left.tolist() == [0, 0, 0]


def no_conflicts(ids: int) -> Conflicts:
    return Conflicts(Grouped(np.empty(0, np.int64), np.zeros(ids + 1, np.int64)))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.integers(0, 10**6))
def test_every_pass_takes_each_row_once_in_full_batches_but_for_the_last_two(rows, batch_size, seed):
    passes = Passes(np.arange(rows), no_conflicts(rows), batch_size, seed, (0,))
    assert len(passes) == passes.full == -(-rows // batch_size)
    full = max(len(passes) - 2, 0)
    for number in range(3):
        batches = [passes[number * len(passes) + batch].tolist() for batch in range(len(passes))]
        assert sorted(row for batch in batches for row in batch) == list(range(rows))
        sizes = sorted((len(batch) for batch in batches), reverse=True)
        assert sizes[:full] == [batch_size] * full
        assert max(sizes[full:]) - min(sizes[full:]) <= 1  # what is left over is shared


def test_rows_meet_others_in_every_pass():
    passes = Passes(np.arange(120), no_conflicts(120), 12, 0, (0,))
    met = []
    for number in range(6):
        batches = [sorted(passes[number * 10 + batch].tolist()) for batch in range(10)]
        met.append({pair for batch in batches for pair in combinations(batch, 2)})
    for one, other in combinations(met, 2):
        # of 660 pairs 61 meet again by chance
        assert len(one & other) < 130


def test_rows_and_batches_of_a_pass_come_in_an_order_of_its_own():
    passes = Passes(np.arange(21), no_conflicts(21), 8, 0, (0,))
    sizes = {tuple(len(passes[number * 3 + batch]) for batch in range(3)) for number in range(30)}
    assert {one[0] for one in sizes} == {8, 7, 6}  # small batches are not always the last ones
    first = [passes[number * 3].tolist() for number in range(10)]
    assert not any(batch == sorted(batch) for batch in first)


@given(st.lists(st.integers(0, 7), min_size=8, max_size=30))
def test_a_batch_without_rows_gets_one_of_the_fullest(given_batches):
    before = np.array(given_batches)
    after = before.copy()
    _fill_empty(after, 8)
    sizes, found = np.bincount(before, minlength=8), np.bincount(after, minlength=8)
    assert found.min() >= 1
    moved = np.flatnonzero(before != after)
    assert len(moved) == (sizes == 0).sum()
    assert np.all(found[after[moved]] == 1)
    given_away = sizes - np.where(sizes > 0, found, 0)
    for batch in np.flatnonzero(given_away):
        # none that kept more rows than this one kept could have given one instead
        assert np.all(found <= found[batch] + 1)
