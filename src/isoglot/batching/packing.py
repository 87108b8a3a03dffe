"""Packing rows into batches so that no two rows of a batch share a relevant document in any language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isoglot.batching.versions import spread
from isoglot.collections import Relevance

__all__ = ["Conflicts", "pack"]


@dataclass(frozen=True)
class Conflicts:
    """Which query ids may not meet in a batch, as *claims*: two ids conflict if they have a claim in common.

    A claim stands for one document, or for all documents that are relevant to exactly the same query ids (the
    language versions of a page, mostly), so that there are few. Documents relevant to one id only need none.

    Attributes:
        offsets: (G + 1,) int64; the claims of query id `g` are `claims[offsets[g]:offsets[g + 1]]`.
        claims: int64, claim numbers; every number from 0 to G - 1 is the id itself (two documents for one query,
            or two language versions of it, conflict as well) and is not listed.
    """

    offsets: np.ndarray
    claims: np.ndarray

    @classmethod
    def of(cls, relevance: Relevance) -> Conflicts:
        """Find the conflicts between all query ids of a collection, in O(judgments)."""
        ids = len(relevance.offsets) - 1
        if not len(relevance.documents):
            return cls(np.zeros(ids + 1, np.int64), np.empty(0, np.int64))
        documents, where = np.unique(relevance.documents, return_inverse=True)
        # A random sum names a set of query ids: documents with equal sums are taken to be relevant to the same
        # ids, and one of them stands for all. Two different sets have equal sums with probability 2^-64 a pair.
        names = np.random.default_rng(0).integers(0, 2**64, ids, dtype=np.uint64)
        sums = np.zeros(len(documents), np.uint64)
        np.add.at(sums, where, names[relevance.queries])
        claimed = np.zeros(len(documents), bool)
        claimed[np.unique(sums, return_index=True)[1]] = True
        claimed &= np.bincount(where) > 1
        kept = claimed[where]
        number = np.cumsum(claimed) - 1 + ids
        offsets = np.concatenate([[0], np.cumsum(np.bincount(relevance.queries[kept], minlength=ids))])
        return cls(offsets, number[where[kept]])

    def of_rows(self, query_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all claims of rows, their own ids included, as compressed rows.

        Args:
            query_index: (n,) query id index of each row.

        Returns:
            offsets (n + 1,) and claims.
        """
        listed = self.offsets[query_index + 1] - self.offsets[query_index]
        offsets = np.concatenate([[0], np.cumsum(listed + 1)])
        claims = np.empty(offsets[-1], np.int64)
        claims[offsets[:-1]] = query_index
        others = np.ones(len(claims), bool)
        others[offsets[:-1]] = False
        claims[others] = spread(self.claims, self.offsets, query_index)[0]
        return offsets, claims

    def heaviest(self, query_index: np.ndarray) -> int:
        """Return the most rows that share one claim: at least that many batches are needed for these rows."""
        _, claims = self.of_rows(query_index)
        return int(np.bincount(claims).max(initial=0))


def pack(
    query_index: np.ndarray, conflicts: Conflicts, capacity: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Distribute rows at random over batches of given capacity without conflicts.

    Rows that conflict with others are dealt out first, those with most conflicts first of all, each to the next
    batch that can take it; a row that fits nowhere changes places with another one. Rows without conflicts fill
    what is left. Costs array work and sorting, and a Python loop over what is left of the rows that have a conflict
    once one of them does not fit where it is its turn.

    Args:
        query_index: (n,) query id index of each row.
        conflicts: which ids may not meet.
        capacity: (K,) number of rows each batch takes; their sum is at least n.
        rng: decides everything that is left open.

    Returns:
        (n,) batch number of each row, -1 for rows that could not be placed; and those rows.
    """
    n, batches = len(query_index), len(capacity)
    placed = np.full(n, -1, np.int64)
    left = capacity.astype(np.int64).copy()
    offsets, claims = conflicts.of_rows(query_index)
    load = np.bincount(claims, minlength=1)
    width = np.diff(offsets)
    rows_of_claims = np.repeat(np.arange(n), width)
    hardness = np.zeros(n, np.int64)
    np.maximum.at(hardness, rows_of_claims, load[claims])
    hard = np.flatnonzero(hardness > 1)
    unplaced: list[int] = []
    if len(hard):
        # Rows that share a claim come one after the other, so that dealing spreads them over the batches.
        shared = load[claims] == hardness[rows_of_claims]
        main_claim = np.zeros(n, np.int64)
        main_claim[rows_of_claims[shared]] = claims[shared]
        shuffled = rng.permutation(len(load))[main_claim[hard]]
        order = hard[np.lexsort((rng.random(len(hard)), shuffled, -hardness[hard]))]
        unplaced = _deal(order, offsets, claims, load, left, placed, int(rng.integers(batches)))
    easy = rng.permutation(np.flatnonzero(hardness <= 1))
    seats = rng.permutation(np.repeat(np.arange(batches), left))[: len(easy)]
    placed[easy] = seats
    return placed, np.array(unplaced, np.int64)


def _deal(
    order: np.ndarray,
    offsets: np.ndarray,
    claims: np.ndarray,
    load: np.ndarray,
    left: np.ndarray,
    placed: np.ndarray,
    start: int,
) -> list[int]:
    """Place the rows of `order`, changing `left` and `placed`; return those that fit nowhere."""
    batches = len(left)
    # Only claims that several of these rows hold can clash.
    clashing = load[claims] > 1
    listed = claims[clashing]
    ends = np.concatenate([[0], np.cumsum(clashing)])[offsets]
    dealt = _deal_in_turn(order, listed, ends, left, placed, start)
    if dealt == len(order):
        return []
    flat, bounds = listed.tolist(), ends.tolist()
    claims_of = {row: flat[bounds[row] : bounds[row + 1]] for row in order.tolist()}
    taken: dict[int, int] = {}  # claim -> bit set of the batches that hold it
    for row in order[:dealt].tolist():
        for claim in claims_of[row]:
            taken[claim] = taken.get(claim, 0) | 1 << int(placed[row])
    everywhere = (1 << batches) - 1
    room = left.tolist()
    open_batches = sum(1 << batch for batch in range(batches) if room[batch])
    unplaced: list[int] = []
    pointer = (int(placed[order[dealt - 1]]) + 1) % batches if dealt else start
    for row in order[dealt:].tolist():
        used = 0
        for claim in claims_of[row]:
            used |= taken.get(claim, 0)
        free = open_batches & ~used
        if not free:
            if not _exchange(row, claims_of, taken, room, placed, open_batches, everywhere & ~used):
                unplaced.append(row)
                continue
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
    return unplaced


def _deal_in_turn(
    order: np.ndarray, listed: np.ndarray, ends: np.ndarray, left: np.ndarray, placed: np.ndarray, start: int
) -> int:
    """Deal rows to one batch after the other, from `start`, until one does not fit where it is its turn.

    Rows that share a claim follow each other, so mostly all of them fit, and no loop over rows is needed.

    Args:
        order: (H,) rows.
        listed: claims that can clash, `listed[ends[row]:ends[row + 1]]` those of a row.
        ends: where they are.
        left: (K,) how many rows each batch still takes; changed.
        placed: (n,) batch of each row; changed.
        start: the batch that comes first.

    Returns:
        How many rows were dealt.
    """
    batches = len(left)
    turn = np.roll(np.arange(batches), -start)
    seats = np.repeat(turn, left[turn])
    rounds = np.concatenate([np.arange(room) for room in left[turn]])
    seats = seats[np.argsort(rounds, kind="stable")][: len(order)]
    held, position = spread(listed, ends, order[: len(seats)])
    found = held * batches + seats[position]
    by_claim = np.argsort(found, kind="stable")
    again = np.flatnonzero(found[by_claim][1:] == found[by_claim][:-1]) + 1
    dealt = int(position[by_claim[again]].min(initial=len(seats)))
    placed[order[:dealt]] = seats[:dealt]
    left -= np.bincount(seats[:dealt], minlength=batches)
    return dealt


def _exchange(
    row: int,
    row_claims: dict[int, list[int]],
    taken: dict[int, int],
    room: list[int],
    placed: np.ndarray,
    open_batches: int,
    suitable: int,
) -> bool:
    """Put `row` in the place of another one that can move to a batch with room; False if there is none."""
    for other, other_claims in row_claims.items():
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
        for claim in row_claims[row]:
            taken[claim] = taken.get(claim, 0) | 1 << there
        placed[other], placed[row] = batch, there
        room[batch] -= 1
        return True
    return False
