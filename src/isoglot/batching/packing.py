"""Passes over rows, packed into batches in which no two rows have a claim in common (`Conflicts`)."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import islice

import numpy as np

from isoglot.batching.draws import Series, generator
from isoglot.batching.relations import Conflicts, Grouped

__all__ = ["Passes", "pack"]

ROUNDS = 12  # of dealing rows at once to batches that do not hold one of their claims yet
LOOKS = 32  # at rows to change places with, for each row of a pass: without an end, work would grow by their square


class Passes:
    """Endless passes over rows, each in a new random order, cut into batches.

    A pass takes every row once. Batches have `batch_size` rows; the last two of a pass share what is left over, and
    where too few rows can stand side by side all are smaller.

    Args:
        query_index: (n,) query id index of each row.
        conflicts: which ids may not meet.
        batch_size: rows of a batch.
        seed: decides the orders.
        key: integers that name these passes; others with the same seed give other orders.
    """

    def __init__(
        self, query_index: np.ndarray, conflicts: Conflicts, batch_size: int, seed: int, key: tuple[int, ...]
    ) -> None:
        self._query_index = query_index
        self._conflicts = conflicts
        self._seed = seed
        self._key = key
        self._number = -1
        self._batches: tuple[np.ndarray, ...] = ()
        n = len(query_index)
        self.full = math.ceil(n / batch_size)
        batches = max(self.full, conflicts.heaviest(query_index))
        while True:
            self._capacity = _sizes(n, batches, batch_size)
            placed, unplaced = pack(query_index, conflicts, self._capacity, self._random(Series.PROBE))
            if not len(unplaced):
                break
            batches = min(batches + max(1, batches // 16), n)  # each row in a batch of its own always fits
        self._first: np.ndarray | None = placed.astype(np.int32)  # kept for the first pass, which mostly comes next

    def __len__(self) -> int:
        """Number of batches in a pass."""
        return len(self._capacity)

    def __getitem__(self, occurrence: int) -> np.ndarray:
        """Return the positions, in `query_index`, of the rows of a batch, counted over all passes from 0."""
        number, batch = divmod(occurrence, len(self))
        if self._number != number:
            self._batches, self._number = self._arrange(number), number
        return self._batches[batch]

    def _random(self, series: Series, *more: int) -> np.random.Generator:
        return generator(self._seed, series, *self._key, *more)

    def _arrange(self, number: int) -> tuple[np.ndarray, ...]:
        """Distribute all rows over the batches of one pass."""
        batch_of_row = self._first if number == 0 else None
        self._first = None
        rng = self._random(Series.PASS, number)
        for _ in range(3 if number else 0):
            found, unplaced = pack(self._query_index, self._conflicts, self._capacity, rng)
            if not len(unplaced):
                batch_of_row = found
                break
        if batch_of_row is None:  # the probe is known to fit
            batch_of_row, _ = pack(self._query_index, self._conflicts, self._capacity, self._random(Series.PROBE))
        _fill_empty(batch_of_row, len(self))
        order = self._random(Series.ORDER, number)
        shuffled = order.permutation(len(self._query_index)).astype(np.int32)
        shuffled = shuffled[np.argsort(batch_of_row[shuffled], kind="stable")]
        ends = np.cumsum(np.bincount(batch_of_row, minlength=len(self)))
        batches = np.split(shuffled, ends[:-1])
        # An order of batches of its own, lest a pass always end with the small ones.
        return tuple(batches[position] for position in order.permutation(len(batches)))


def _sizes(rows: int, batches: int, batch_size: int) -> np.ndarray:
    """Return the sizes (K,) of a pass's batches: full ones, the last two sharing what is left over; or, where
    conflicts ask for more batches than that, room for `batch_size` in each."""
    if batches > math.ceil(rows / batch_size):
        return np.full(batches, min(batch_size, rows))
    sizes = np.full(batches, batch_size)
    sizes[-1] = rows - batch_size * (batches - 1)
    if batches > 1:
        both = int(sizes[-2:].sum())
        sizes[-2:] = both - both // 2, both // 2
    return sizes


def _fill_empty(batch_of_row: np.ndarray, batches: int) -> None:
    """Give each batch without rows one of the fullest, where it clashes with nobody: passes stay equally long.

    `batch_of_row` (n >= batches,) is changed.
    """
    sizes = np.bincount(batch_of_row, minlength=batches)
    empty = np.flatnonzero(sizes == 0)
    if len(empty):
        by_batch = np.argsort(batch_of_row, kind="stable")
        within = np.arange(len(by_batch)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        batch_of_row[by_batch[np.argsort(-within, kind="stable")[: len(empty)]]] = empty


def pack(
    query_index: np.ndarray,
    conflicts: Conflicts,
    capacity: np.ndarray,
    rng: np.random.Generator,
    *,
    thorough: bool = True,
) -> tuple[np.ndarray, np.ndarray]:
    """Distribute rows at random over batches of given capacity without conflicts.

    Rows that conflict with others are dealt out first, those with most conflicts first of all, one to each batch
    in turn; those that cannot stay where they fell are dealt again, a few times. What is left then goes, one by
    one, to the next batch that can take it, or changes places with another row. Rows without conflicts fill what is
    left then.

    Args:
        query_index: (n,) query id index of each row.
        conflicts: which ids may not meet.
        capacity: (K,) number of rows each batch takes.
        rng: decides everything that is left open.
        thorough: look for a place for each single row that is left after dealing, by looking at other rows
            `LOOKS` times for each row; else they are left out, and the work is that of a few sorts.

    Returns:
        (n,) batch number of each row, -1 for rows that could not be placed; and those rows.
    """
    n, batches = len(query_index), len(capacity)
    placed = np.full(n, -1, np.int64)
    left = capacity.astype(np.int64).copy()
    claims_of = conflicts.of_rows(query_index)
    claims, offsets = claims_of.values, claims_of.offsets
    load = np.bincount(claims, minlength=1)
    rows_of_claims = np.repeat(np.arange(n), np.diff(offsets))
    hardness = np.zeros(n, np.int64)
    np.maximum.at(hardness, rows_of_claims, load[claims])
    hard = np.flatnonzero(hardness > 1)
    if len(hard):
        # Rows that share a claim come one after the other, so that dealing spreads them over the batches.
        shared = load[claims] == hardness[rows_of_claims]
        main_claim = np.zeros(n, np.int64)
        main_claim[rows_of_claims[shared]] = claims[shared]
        shuffled = rng.permutation(len(load))[main_claim[hard]]
        order = hard[np.lexsort((rng.random(len(hard)), shuffled, -hardness[hard]))]
        clashing = load[claims] > 1  # only claims that several of these rows hold can clash
        listed = Grouped(claims[clashing], np.concatenate([[0], np.cumsum(clashing)])[offsets])
        waiting = _deal(order, listed, left, placed, rng)
        if thorough and len(waiting):
            _place_one_by_one(order, waiting, listed, left, placed, int(rng.integers(batches)))
    seats = rng.permutation(np.repeat(np.arange(batches), left))
    easy = rng.permutation(np.flatnonzero(hardness <= 1))[: len(seats)]
    placed[easy] = seats[: len(easy)]
    return placed, np.flatnonzero(placed < 0)


def _deal(
    order: np.ndarray, listed: Grouped, left: np.ndarray, placed: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Deal rows to one batch after the other, and those that clash there again, in at most `ROUNDS` rounds.

    Args:
        order: (H,) rows, those that share a claim one after the other.
        listed: claims of each row that can clash.
        left: (K,) how many rows each batch still takes; changed.
        placed: (n,) batch of each row; changed.
        rng: decides which batch comes first in each round.

    Returns:
        The rows that found no place.
    """
    batches = len(left)
    held = np.empty(0, np.int64)  # claim and batch in one number, sorted
    for _ in range(ROUNDS):
        open_batches = np.flatnonzero(left)
        if not len(order) or not len(open_batches):
            break
        turn = np.roll(open_batches, -int(rng.integers(len(open_batches))))
        room = np.minimum(left[turn], len(order))
        seats = np.repeat(turn, room)
        rounds = np.arange(len(seats)) - np.repeat(np.cumsum(room) - room, room)
        seats = seats[np.argsort(rounds, kind="stable")][: len(order)]
        dealt, later = order[: len(seats)], order[len(seats) :]
        claims, position = listed.of(dealt)
        found = claims * batches + seats[position]
        by_claim = np.argsort(found, kind="stable")
        clash = np.zeros(len(dealt), bool)
        repeated = np.flatnonzero(found[by_claim][1:] == found[by_claim][:-1]) + 1
        clash[position[by_claim[repeated]]] = True
        if len(held):
            places = np.minimum(np.searchsorted(held, found), len(held) - 1)
            clash[position[held[places] == found]] = True
        placed[dealt[~clash]] = seats[~clash]
        left -= np.bincount(seats[~clash], minlength=batches)
        held = np.sort(np.concatenate([held, found[~clash[position]]]))
        order = np.concatenate([dealt[clash], later])
    return order


def _place_one_by_one(
    order: np.ndarray, waiting: np.ndarray, listed: Grouped, left: np.ndarray, placed: np.ndarray, start: int
) -> None:
    """Place the rows of `waiting` that have a place, or can have that of another row of `order`.

    `left` and `placed` are changed.
    """
    batches = len(left)
    flat, bounds = listed.values.tolist(), listed.offsets.tolist()
    claims_of = {row: flat[bounds[row] : bounds[row + 1]] for row in order.tolist()}
    taken: dict[int, int] = {}  # claim -> bit set of the batches that hold it
    for row, batch in zip(order.tolist(), placed[order].tolist(), strict=True):
        if batch >= 0:
            for claim in claims_of[row]:
                taken[claim] = taken.get(claim, 0) | 1 << batch
    everywhere = (1 << batches) - 1
    room = left.tolist()
    open_batches = sum(1 << batch for batch in range(batches) if room[batch])
    pointer = start
    looks = LOOKS * len(order)
    for row in waiting.tolist():
        used = 0
        for claim in claims_of[row]:
            used |= taken.get(claim, 0)
        free = open_batches & ~used
        if not free:
            others = islice(claims_of.items(), looks)
            found, looked = _exchange(
                row, claims_of[row], others, taken, room, placed, open_batches, everywhere & ~used
            )
            looks -= looked
            if found:
                open_batches = sum(1 << batch for batch in range(batches) if room[batch])
            continue
        ahead = free >> pointer
        batch = pointer + (ahead & -ahead).bit_length() - 1 if ahead else (free & -free).bit_length() - 1
        for claim in claims_of[row]:
            taken[claim] = taken.get(claim, 0) | 1 << batch
        placed[row] = batch
        room[batch] -= 1
        if not room[batch]:
            open_batches &= ~(1 << batch)
        pointer = (batch + 1) % batches
    left[:] = room


def _exchange(
    row: int,
    row_claims: list[int],
    others: Iterable[tuple[int, list[int]]],
    taken: dict[int, int],
    room: list[int],
    placed: np.ndarray,
    open_batches: int,
    suitable: int,
) -> tuple[bool, int]:
    """Put `row` in the place of another one that can move to a batch with room.

    Returns:
        Whether there is one; and how many of the others were looked at.
    """
    looked = 0
    for looked, (other, other_claims) in enumerate(others, 1):
        there = int(placed[other])
        if there < 0 or not suitable >> there & 1:
            continue
        used = 0
        for claim in other_claims:
            used |= taken.get(claim, 0)
        free = open_batches & ~used
        if not free:
            continue
        batch = (free & -free).bit_length() - 1
        for claim in other_claims:
            taken[claim] = taken[claim] & ~(1 << there) | 1 << batch
        for claim in row_claims:
            taken[claim] = taken.get(claim, 0) | 1 << there
        placed[other], placed[row] = batch, there
        room[batch] -= 1
        return True, looked
    return False, looked
