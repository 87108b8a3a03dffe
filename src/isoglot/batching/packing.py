"""Packing rows into batches so that no two rows of a batch share a relevant document in any language."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isoglot.batching.versions import spread
from isoglot.collections import Relevance

__all__ = ["Conflicts", "pack"]

ROUNDS = 12  # of dealing rows at once to batches that do not hold one of their claims yet


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
        thorough: look for a place for each single row that is left after dealing, which may take a loop over all
            rows for each; else they are left out, and the work is that of a few sorts whatever the rows.

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
    if len(hard):
        # Rows that share a claim come one after the other, so that dealing spreads them over the batches.
        shared = load[claims] == hardness[rows_of_claims]
        main_claim = np.zeros(n, np.int64)
        main_claim[rows_of_claims[shared]] = claims[shared]
        shuffled = rng.permutation(len(load))[main_claim[hard]]
        order = hard[np.lexsort((rng.random(len(hard)), shuffled, -hardness[hard]))]
        clashing = load[claims] > 1  # only claims that several of these rows hold can clash
        listed, ends = claims[clashing], np.concatenate([[0], np.cumsum(clashing)])[offsets]
        waiting = _deal(order, listed, ends, left, placed, rng)
        if thorough and len(waiting):
            _place_one_by_one(order, waiting, listed, ends, left, placed, int(rng.integers(batches)))
    seats = rng.permutation(np.repeat(np.arange(batches), left))
    easy = rng.permutation(np.flatnonzero(hardness <= 1))[: len(seats)]
    placed[easy] = seats[: len(easy)]
    return placed, np.flatnonzero(placed < 0)


def _deal(
    order: np.ndarray,
    listed: np.ndarray,
    ends: np.ndarray,
    left: np.ndarray,
    placed: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """Deal rows to one batch after the other, and those that clash there again, in at most `ROUNDS` rounds.

    Args:
        order: (H,) rows, those that share a claim one after the other.
        listed: claims that can clash, `listed[ends[row]:ends[row + 1]]` those of a row.
        ends: where they are.
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
        claims, position = spread(listed, ends, dealt)
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
    order: np.ndarray,
    waiting: np.ndarray,
    listed: np.ndarray,
    ends: np.ndarray,
    left: np.ndarray,
    placed: np.ndarray,
    start: int,
) -> None:
    """Place the rows of `waiting` that have a place, or can have that of another row of `order`.

    `left` and `placed` are changed.
    """
    batches = len(left)
    flat, bounds = listed.tolist(), ends.tolist()
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
    for row in waiting.tolist():
        used = 0
        for claim in claims_of[row]:
            used |= taken.get(claim, 0)
        free = open_batches & ~used
        if not free:
            if _exchange(row, claims_of, taken, room, placed, open_batches, everywhere & ~used):
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
