"""`BatchSampler`: the training batches of a collection, any of them at any time."""

from __future__ import annotations

import logging
import math
from collections import OrderedDict
from dataclasses import dataclass

import numpy as np

from isoglot.batching.draws import WeightedDraw, divide, generator
from isoglot.batching.multiway import MultiwayDraws
from isoglot.batching.packing import Conflicts, pack
from isoglot.batching.passes import Passes
from isoglot.batching.steps import Batch, Kind, StepSampler
from isoglot.batching.strategy import Multiway, Strategy, training_pairs
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["Batch", "BatchSampler"]

logger = logging.getLogger(__name__)

KEPT_ROWS = 8_000_000  # training pairs of drawn language pairs kept in memory, 8 bytes each
ROW_BLOCK = 16  # batches that row-level strategies compose together
# Names of the random series, so that none repeats another. Passes have 2 to 4, multiway and domain batches 6 to 9.
KIND, PAIR, PASS, BLOCKS = 0, 1, 3, 5


@dataclass(eq=False)
class _Pair:
    """The training pairs of one language pair, and the passes over them; no passes for row-level strategies."""

    queries: np.ndarray
    documents: np.ndarray
    passes: Passes | None


class BatchSampler(StepSampler):
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
        target: unlabelled target-domain text, whose documents are cropped in domain batches; strategies with gamma
            above 0 need it.
        share: of the steps of the run, those that draw from this collection where there are others: schedules
            count the steps of the run.

    Attributes:
        small_pairs: language pairs drawn so far that cannot fill a batch: (query language, document language) ->
            (training pairs, batches of a pass).

    Raises:
        InputError: the collection has no training pair of a kind that the strategy draws, or there is no target
            collection for a strategy with domain batches, or one for a strategy without.
    """

    def __init__(
        self,
        collection: Collection,
        strategy: Strategy,
        batch_size: int,
        seed: int = 0,
        target: Collection | None = None,
        *,
        share: float = 1.0,
    ) -> None:
        super().__init__(collection, strategy, batch_size, seed, target)
        self.counts: np.ndarray = np.where(strategy.allowed(collection), collection.pair_counts, 0)
        self.small_pairs = {}
        self._share = share
        self._conflicts = Conflicts.of(collection.relevance)
        self._multiway: MultiwayDraws | None = None
        if isinstance(strategy, Multiway):
            allowed = strategy.allowed(collection)
            self._multiway = MultiwayDraws(
                collection, allowed, strategy.ways, strategy.tau, batch_size, seed, self._conflicts
            )
        else:
            self._alpha = strategy.monolingual_share
            self._pairs = self._pair_draws()
        self._kept: OrderedDict[tuple[int, int], _Pair] = OrderedDict()
        self._kept_rows = 0
        self._row_batch_size: int | None = None
        self._block: tuple[int, list[tuple[np.ndarray, np.ndarray]]] = (-1, [])

    def _pair_draws(self) -> dict[Kind, tuple[np.ndarray, WeightedDraw]]:
        """Return the language pairs (P, 2) of each kind that is drawn, and their draws."""
        mono = np.eye(len(self.counts), dtype=bool)
        low, high = self._alpha.range
        needed = {"mono": high > 0, "cross": low < 1}
        draws: dict[Kind, tuple[np.ndarray, WeightedDraw]] = {}
        kinds: tuple[tuple[Kind, np.ndarray], ...] = (("mono", mono), ("cross", ~mono))
        for number, (kind, mask) in enumerate(kinds):
            options = np.argwhere(mask & (self.counts > 0))
            if not needed[kind]:
                continue
            if not len(options):
                word = "monolingual" if kind == "mono" else "cross-lingual"
                raise InputError(
                    f"the strategy {self.strategy.name} draws {word} batches, but {self.collection.name} has no "
                    f"{word} training pair (a query with a relevant document) in the languages chosen"
                )
            weights = self.counts[options[:, 0], options[:, 1]].astype(float) ** self.strategy.tau
            draws[kind] = (options, WeightedDraw(weights, (self.seed, PAIR, number)))
        return draws

    def _labelled(self, step: int, number: int) -> Batch:
        """Return the batch of a step, which is number `number` of those with queries and relevant documents."""
        if self._multiway is not None:
            queries, documents, ids = self._multiway[number]
            return Batch(step, "multiway", None, None, queries, documents, ids)
        if self.strategy.by_row:
            return self._mixed_batch(step, number)
        kind, occurrence = self._kind(number)
        options, draw = self._pairs[kind]
        option, occurrence = draw(occurrence)
        a, b = (int(index) for index in options[option])
        pair = self._pair(a, b)
        assert pair.passes is not None
        rows = pair.passes[occurrence]
        tags = self.collection.languages
        return Batch(step, kind, tags[a], tags[b], pair.queries[rows], pair.documents[rows])

    @property
    def steps_per_pass(self) -> int:
        """Steps after which about as many rows were drawn as there are (query version, document) rows to draw:
        the training pairs of the monolingual kind, or of the cross-lingual one if there are no others; of multiway
        batches, the steps after which every query id came up once. Domain batches come on top."""
        if self._multiway is not None:
            steps = len(self._multiway.passes)
        else:
            steps = max(1, math.ceil(training_pairs(self.counts) / self.batch_size))
        return math.ceil(steps / (1 - self.strategy.gamma))

    def _kind(self, number: int) -> tuple[Kind, int]:
        """Return the kind of labelled batch `number`, and how many of that kind came before."""
        # A schedule counts all steps: labelled batch n is at about step n / (share · (1 - gamma)).
        pace = self._share * (1 - self.strategy.gamma)

        def total(batches: int) -> float:
            if pace == 1 or self._alpha.shape == "constant":
                return self._alpha.total(batches)
            return self._alpha.total(round(batches / pace)) * pace

        goes_left, before = divide(total, (self.seed, KIND), number, 1)
        return ("mono", before) if goes_left[0] else ("cross", number - before)

    def _pair(self, a: int, b: int) -> _Pair:
        """Return the passes of a language pair, made when it is first drawn, forgotten when memory is short."""
        if (a, b) in self._kept:
            self._kept.move_to_end((a, b))
            return self._kept[a, b]
        tags = self.collection.languages
        queries, documents = self.collection.pairs(tags[a], tags[b])
        pair = _Pair(queries, documents, None)
        if not self.strategy.by_row:
            query_index = self.collection.query_index[queries]
            pair.passes = Passes(query_index, self._conflicts, self.batch_size, self.seed, (a, b))
            self._note_small(tags[a], tags[b], len(queries), pair.passes)
        self._kept[a, b] = pair
        self._kept_rows += len(queries)
        while self._kept_rows > KEPT_ROWS and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._kept_rows -= len(dropped.queries)
        return pair

    def _note_small(self, a: str, b: str, rows: int, passes: Passes) -> None:
        """Say once that a language pair cannot fill a batch."""
        if (len(passes) > passes.full or rows < self.batch_size) and (a, b) not in self.small_pairs:
            self.small_pairs[a, b] = (rows, len(passes))
            logger.info(
                "%s→%s cannot fill batches of %d: its %d training pairs make %d batches of about %d without "
                "common relevant documents",
                *(a, b, self.batch_size, rows, len(passes), round(rows / len(passes))),
            )

    # -- strategies that draw languages by row --

    def _mixed_batch(self, step: int, batch: int) -> Batch:
        kind: Kind = "mono" if "mono" in self._pairs else "cross"
        if self._row_batch_size is None:
            self._row_batch_size = self._largest_row_batch(kind)
        number, position = divmod(batch, ROW_BLOCK)
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
            pair = self._pair(a, b)
            mine = np.flatnonzero(option == drawn)
            pass_number, position = np.divmod(occurrence[mine], len(pair.queries))
            for one in np.unique(pass_number):
                order = generator(self.seed, PASS, a, b, int(one)).permutation(len(pair.queries))
                rows = order[position[pass_number == one]]
                queries[mine[pass_number == one]] = pair.queries[rows]
                documents[mine[pass_number == one]] = pair.documents[rows]
        capacity = np.full(ROW_BLOCK, size)
        rng = generator(self.seed, BLOCKS, number, size)
        batch, unplaced = pack(self.collection.query_index[queries], self._conflicts, capacity, rng)
        rows_of = [rng.permutation(np.flatnonzero(batch == position)) for position in range(ROW_BLOCK)]
        return [(queries[rows], documents[rows]) for rows in rows_of], len(unplaced)
