"""`BatchSampler`: the training batches of a collection, any of them at any time."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from isoglot.batching.draws import WeightedDraw, divide, generator
from isoglot.batching.packing import Conflicts, pack
from isoglot.batching.strategy import Strategy
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["Batch", "BatchSampler"]

logger = logging.getLogger(__name__)

Kind = Literal["mono", "cross"]

KEPT_ROWS = 8_000_000  # training pairs of drawn language pairs kept in memory, 8 bytes each
ROW_BLOCK = 16  # batches that row-level strategies compose together
# Names of the random series, so that none repeats another.
KIND, PAIR, PROBE, PASS, ORDER, BLOCKS = range(6)


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch.

    Attributes:
        step: which step it belongs to.
        kind: `mono` or `cross`.
        query_language: canonical tag, None if rows differ.
        document_language: canonical tag, None if rows differ.
        queries: (B,) int32 query rows of the collection.
        documents: (B,) int32 document rows; `documents[i]` is relevant to `queries[i]`, and to no other query
            of the batch, nor is any other language version of it.
    """

    step: int
    kind: Kind
    query_language: str | None
    document_language: str | None
    queries: np.ndarray
    documents: np.ndarray

    def __len__(self) -> int:
        return len(self.queries)


@dataclass(eq=False)
class _PairPasses:
    """The training pairs of one language pair and how many batches one pass over them takes."""

    queries: np.ndarray
    documents: np.ndarray
    capacity: np.ndarray
    number: int = -1  # of the pass kept in `rows`
    rows: tuple[np.ndarray, ...] = ()


class BatchSampler:
    """Composes batches as a pure function of (seed, step).

    `sampler[step]` costs the same at step 0 and at step 10⁹, so a run resumes anywhere at once and every process
    of a distributed run composes the same global batch. Iterating is asking for 0, 1, 2, … without end.

    A step draws a kind (monolingual with probability alpha), then a language pair of that kind with probability
    ∝ n(a, b)^tau, then the next batch of this language pair. Each language pair is passed over again and again in
    new random orders; a pass takes every training pair once, so each is seen once before any is seen twice. No
    two rows of a batch share a relevant document in any language. Batches have `batch_size` rows; the last two of
    a pass share what is left over, and where a language pair has too few training pairs without common relevant
    documents its batches are smaller (said once, in the log). Rows are never repeated to fill up.

    Strategies that draw languages by row compose 16 batches at a time, which alters the order in which training
    pairs come up within these batches only. Of a query that such draws bring up more often than 16 times in 16
    batches (one with many language versions), the surplus is left out.

    Args:
        collection: what to draw from.
        strategy: the rule.
        batch_size: rows of a batch, at least 1.
        seed: not negative; another one gives other batches.

    Attributes:
        small_pairs: language pairs drawn so far that cannot fill a batch: (query language, document language) ->
            (training pairs, batches of a pass).

    Raises:
        InputError: the collection has no training pair of a kind that the strategy draws.
    """

    def __init__(self, collection: Collection, strategy: Strategy, batch_size: int, seed: int = 0) -> None:
        if batch_size < 1:
            raise InputError(f"the batch size must be at least 1, not {batch_size}")
        if seed < 0:
            raise InputError(f"the seed must not be negative, not {seed}")
        self.collection = collection
        self.strategy = strategy
        self.batch_size = batch_size
        self.seed = seed
        self.counts: np.ndarray = np.where(strategy.allowed(collection), collection.pair_counts, 0)
        self._alpha = strategy.monolingual_share
        mono = np.eye(len(self.counts), dtype=bool)
        low, high = self._alpha.range
        needed = {"mono": high > 0, "cross": low < 1}
        self._pairs: dict[Kind, tuple[np.ndarray, WeightedDraw]] = {}
        for number, (kind, mask) in enumerate((("mono", mono), ("cross", ~mono))):
            options = np.argwhere(mask & (self.counts > 0))
            if not needed[kind]:
                continue
            if not len(options):
                word = "monolingual" if kind == "mono" else "cross-lingual"
                raise InputError(
                    f"the strategy {strategy.name} draws {word} batches, but {collection.name} has no {word} "
                    "training pair (a query with a relevant document) in the languages chosen"
                )
            weights = self.counts[options[:, 0], options[:, 1]].astype(float) ** strategy.tau
            self._pairs[kind] = (options, WeightedDraw(weights, (seed, PAIR, number)))  # type: ignore[index]
        self.small_pairs: dict[tuple[str, str], tuple[int, int]] = {}
        self._conflicts = Conflicts.of(collection.relevance)
        self._passes: OrderedDict[tuple[int, int], _PairPasses] = OrderedDict()
        self._kept_rows = 0
        self._row_batch_size: int | None = None
        self._block: tuple[int, list[tuple[np.ndarray, np.ndarray]]] = (-1, [])

    def __iter__(self) -> Iterator[Batch]:
        step = 0
        while True:
            yield self[step]
            step += 1

    def __getitem__(self, step: int) -> Batch:
        if step < 0:
            raise IndexError(f"steps count from 0, not {step}")
        if self.strategy.by_row:
            return self._mixed_batch(step)
        kind, occurrence = self._kind(step)
        options, draw = self._pairs[kind]
        option, occurrence = draw(occurrence)
        a, b = (int(index) for index in options[option])
        queries, documents = self._pair_batch(a, b, occurrence)
        tags = self.collection.languages
        return Batch(step, kind, tags[a], tags[b], queries, documents)

    @property
    def steps_per_pass(self) -> int:
        """Steps after which about as many rows were drawn as there are (query version, document) rows to draw:
        the training pairs of the monolingual kind, or of the cross-lingual one if there are no others."""
        mono = int(self.counts.trace())
        return max(1, math.ceil((mono or int(self.counts.sum())) / self.batch_size))

    def _kind(self, step: int) -> tuple[Kind, int]:
        """Return the kind of a step and how many steps of that kind came before."""
        goes_left, before = divide(self._alpha.total, (self.seed, KIND), step, 1)
        return ("mono", before) if goes_left[0] else ("cross", step - before)

    def _pass_key(self, series: int, a: int, b: int, *more: int) -> tuple[int, ...]:
        return (self.seed, series, a, b, *more)

    def _pair(self, a: int, b: int) -> _PairPasses:
        """Return the passes of a language pair, made when it is first drawn, forgotten when memory is short."""
        if (a, b) in self._passes:
            self._passes.move_to_end((a, b))
            return self._passes[a, b]
        tags = self.collection.languages
        queries, documents = self.collection.pairs(tags[a], tags[b])
        passes = _PairPasses(queries, documents, np.empty(0, np.int64))
        if not self.strategy.by_row:
            passes.capacity = self._capacity(a, b, self.collection.query_index[queries])
        self._passes[a, b] = passes
        self._kept_rows += len(queries)
        while self._kept_rows > KEPT_ROWS and len(self._passes) > 1:
            _, dropped = self._passes.popitem(last=False)
            self._kept_rows -= len(dropped.queries)
        return passes

    def _capacity(self, a: int, b: int, query_index: np.ndarray) -> np.ndarray:
        """Find the fewest batches that hold a language pair's rows without conflict; return their sizes (K,)."""
        n = len(query_index)
        full = math.ceil(n / self.batch_size)
        batches = max(full, self._conflicts.heaviest(query_index))
        while True:
            capacity = _sizes(n, batches, self.batch_size)
            if not len(pack(query_index, self._conflicts, capacity, generator(*self._pass_key(PROBE, a, b)))[1]):
                break
            batches += max(1, batches // 16)
        tags = self.collection.languages
        if (batches > full or n < self.batch_size) and (tags[a], tags[b]) not in self.small_pairs:
            self.small_pairs[tags[a], tags[b]] = (n, batches)
            logger.info(
                "%s→%s cannot fill batches of %d: its %d training pairs make %d batches of about %d without "
                "common relevant documents",
                *(tags[a], tags[b], self.batch_size, n, batches, round(n / batches)),
            )
        return capacity

    def _pair_batch(self, a: int, b: int, occurrence: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the query and document rows of a language pair's batch number `occurrence`."""
        passes = self._pair(a, b)
        number, batch = divmod(occurrence, len(passes.capacity))
        if passes.number != number:
            passes.rows, passes.number = self._arrange(a, b, passes, number), number
        rows = passes.rows[batch]
        return passes.queries[rows], passes.documents[rows]

    def _arrange(self, a: int, b: int, passes: _PairPasses, number: int) -> tuple[np.ndarray, ...]:
        """Distribute all rows of a language pair over the batches of one pass."""
        query_index = self.collection.query_index[passes.queries]
        rng = generator(*self._pass_key(PASS, a, b, number))
        for _ in range(3):
            batch_of_row, unplaced = pack(query_index, self._conflicts, passes.capacity, rng)
            if not len(unplaced):
                break
        else:  # the probe is known to fit
            probe = generator(*self._pass_key(PROBE, a, b))
            batch_of_row, _ = pack(query_index, self._conflicts, passes.capacity, probe)
        order = generator(*self._pass_key(ORDER, a, b, number))
        shuffled = order.permutation(len(query_index)).astype(np.int32)
        shuffled = shuffled[np.argsort(batch_of_row[shuffled], kind="stable")]
        ends = np.cumsum(np.bincount(batch_of_row, minlength=len(passes.capacity)))
        batches = [rows for rows in np.split(shuffled, ends[:-1]) if len(rows)]
        # An order of batches of its own, lest a pass always end with the small ones. Every pass has as many.
        assert len(batches) == len(passes.capacity)
        return tuple(batches[position] for position in order.permutation(len(batches)))

    # -- strategies that draw languages by row --

    def _mixed_batch(self, step: int) -> Batch:
        kind: Kind = "mono" if "mono" in self._pairs else "cross"
        if self._row_batch_size is None:
            self._row_batch_size = self._largest_row_batch(kind)
        number, position = divmod(step, ROW_BLOCK)
        if self._block[0] != number:
            self._block = (number, self._compose(kind, number, self._row_batch_size)[0])
        queries, documents = self._block[1][position]
        return Batch(step, kind, None, None, queries, documents)

    def _largest_row_batch(self, kind: Kind) -> int:
        """Find the batch size at which a block can be composed leaving out a fifth of the rows drawn at most."""
        size = self.batch_size
        while (left_out := self._compose(kind, 0, size)[1]) > ROW_BLOCK * size / 5 and size > 1:
            size = max(1, int(size * 0.9))
        if size < self.batch_size or left_out:
            logger.info(
                "%s cannot fill batches of %d with the strategy %s without common relevant documents; they have "
                "about %d rows",
                *(self.collection.name, self.batch_size, self.strategy.name, size - left_out / ROW_BLOCK),
            )
        return size

    def _compose(self, kind: Kind, number: int, size: int) -> tuple[list[tuple[np.ndarray, np.ndarray]], int]:
        """Compose block `number` of `ROW_BLOCK` batches; return them and how many rows found no place."""
        options, draw = self._pairs[kind]
        slots = ROW_BLOCK * size
        option, occurrence = draw.many(number * slots, slots)
        queries = np.empty(slots, np.int32)
        documents = np.empty(slots, np.int32)
        for drawn in np.unique(option):
            a, b = (int(index) for index in options[drawn])
            passes = self._pair(a, b)
            mine = np.flatnonzero(option == drawn)
            pass_number, position = np.divmod(occurrence[mine], len(passes.queries))
            for one in np.unique(pass_number):
                order = generator(*self._pass_key(PASS, a, b, int(one))).permutation(len(passes.queries))
                rows = order[position[pass_number == one]]
                queries[mine[pass_number == one]] = passes.queries[rows]
                documents[mine[pass_number == one]] = passes.documents[rows]
        capacity = np.full(ROW_BLOCK, size)
        rng = generator(self.seed, BLOCKS, number, size)
        batch, unplaced = pack(self.collection.query_index[queries], self._conflicts, capacity, rng)
        rows_of = [rng.permutation(np.flatnonzero(batch == position)) for position in range(ROW_BLOCK)]
        return [(queries[rows], documents[rows]) for rows in rows_of], len(unplaced)


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
