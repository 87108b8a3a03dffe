"""`StepSampler`: training batches, any of them at any time; `BatchSampler`: those of a collection."""

from __future__ import annotations

import logging
import math
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import mul

import numpy as np

from isoglot.batching.domain import DomainDraws
from isoglot.batching.draws import Series, WeightedDraw, divide
from isoglot.batching.multiway import MultiwayDraws
from isoglot.batching.packing import Passes
from isoglot.batching.relations import Conflicts
from isoglot.batching.rows import RowDraws
from isoglot.batching.strategies import KIND_WORDS, Kind, Multiway, Strategy, training_pairs
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["Batch", "BatchSampler", "StepSampler"]

logger = logging.getLogger(__name__)

KEPT_ROWS = 8_000_000  # training pairs of drawn language pairs kept in memory, 8 bytes each
TOLD = 0.05  # share of rows with other language pairs than asked for that is told of


@dataclass(frozen=True, eq=False)
class Batch:
    """One training batch.

    Attributes:
        step: which step it belongs to.
        kind: `mono`, `cross`, `multiway` or `domain`.
        query_language: canonical tag, None if rows differ.
        document_language: canonical tag, None if rows differ.
        queries: (B,) int32 query rows of the collection; empty in a domain batch.
        documents: (B,) int32 document rows; `documents[i]` is relevant to `queries[i]`, and to no other query
            of the batch, nor is any other language version of it, or another document of the same text. In a
            multiway batch (M,), and which query each belongs to says `document_ids`; in a domain batch rows of the
            target collection.
        document_ids: (M,) query id index that each document was drawn for; multiway batches only.
    """

    step: int
    kind: Kind
    query_language: str | None
    document_language: str | None
    queries: np.ndarray
    documents: np.ndarray
    document_ids: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.queries) or len(self.documents)


class StepSampler(ABC):
    """Batches by step: `sampler[step]`, and one after the other without end.

    With a target collection, steps are divided between domain batches and those with queries and relevant documents
    (labelled ones), which a subclass composes.

    Attributes:
        collection: what batches' query and document rows are rows of.
        strategy: the rule.
        batch_size: rows of a batch.
        seed: not negative; another one gives other batches.
        domain: draws the texts of domain batches; None where there are none.
        missed: share of rows, of each kind that draws language pairs by row, that have others than tau asks for
            (`RowDraws.missed`).
        small_pairs: language pairs drawn so far that cannot fill a batch: (query language, document language) ->
            (training pairs, batches of a pass).

    Raises:
        InputError: the batch size or the seed is too small, or there is no target collection for a strategy with
            domain batches, or one for a strategy without.
    """

    small_pairs: dict[tuple[str, str], tuple[int, int]]
    missed: dict[str, float]

    def __init__(
        self, collection: Collection, strategy: Strategy, batch_size: int, seed: int, target: Collection | None
    ) -> None:
        if batch_size < 1:
            raise InputError(f"the batch size must be at least 1, not {batch_size}")
        if seed < 0:
            raise InputError(f"the seed must not be negative, not {seed}")
        self.collection = collection
        self.strategy = strategy
        self.batch_size = batch_size
        self.seed = seed
        if (strategy.gamma > 0) != (target is not None):
            raise InputError(
                "domain batches need both a gamma above 0 and a target collection with the texts to crop; "
                f"gamma is {strategy.gamma} and there is {'a' if target else 'no'} target"
            )
        self.domain = None if target is None else DomainDraws(target, collection.languages, batch_size, seed)
        self.missed = {}

    @abstractmethod
    def _labelled(self, step: int, number: int) -> Batch:
        """Return the batch of a step, which is number `number` of those with queries and relevant documents."""

    @property
    @abstractmethod
    def steps_per_pass(self) -> int:
        """Steps after which about as many rows were drawn as there are rows to draw."""

    def __iter__(self) -> Iterator[Batch]:
        step = 0
        while True:
            yield self[step]
            step += 1

    def __getitem__(self, step: int) -> Batch:
        if step < 0:
            raise IndexError(f"steps count from 0, not {step}")
        if self.domain is None:
            return self._labelled(step, step)
        is_domain, before = self._domain_steps(step)
        if not is_domain:
            return self._labelled(step, step - before)
        rows = self.domain[before]
        return Batch(step, "domain", None, None, np.empty(0, np.int32), rows.astype(np.int32))

    def _domain_steps(self, step: int) -> tuple[bool, int]:
        """Return whether a step is a domain batch, and how many of the steps before it are."""
        goes_left, before = divide(partial(mul, self.strategy.gamma), step, 1, self.seed, Series.DOMAIN)
        return bool(goes_left[0]), before

    @property
    def languages(self) -> int:
        """Number of languages that labels may name: the collection's, and the target's that it lacks."""
        own = len(self.collection.languages)
        return own if self.domain is None else max(own, int(self.domain.language.max()) + 1)


@dataclass(eq=False)
class _Pair:
    """The training pairs of one language pair, and the passes over them."""

    queries: np.ndarray
    documents: np.ndarray
    passes: Passes


class BatchSampler(StepSampler):
    """Composes batches as a pure function of (seed, step).

    `sampler[step]` costs the same at step 0 and at step 10⁹, so a run resumes anywhere at once and every process
    of a distributed run composes the same global batch. Iterating is asking for 0, 1, 2, … without end.

    A step draws a kind (monolingual with probability alpha). In batches of one language pair, that is drawn with
    probability ∝ n(a, b)^tau, and then its next batch. Each language pair is passed over again and again in new
    random orders; a pass takes every training pair once, so each is seen once before any is seen twice. Batches
    have `batch_size` rows; the last two of a pass share what is left over, and where a language pair has too few
    training pairs without common relevant documents its batches are smaller (said once, in the log). Where every
    row draws its own language pair (`mixed`, and cross-lingual batches with the pairing `row`), `RowDraws` says
    what comes up when. No two rows of a batch share a relevant document in any language, nor its text under another
    id, nor has one the other's query as its document (`Conflicts`), and rows are never repeated to fill up.

    Args:
        collection: what to draw from.
        strategy: the rule.
        batch_size: rows of a batch, at least 1.
        seed: not negative; another one gives other batches.
        target: unlabelled target-domain text, whose documents are cropped in domain batches; strategies with gamma
            above 0 need it.
        share: of the steps of the run, those that draw from this collection where there are others: schedules
            count the steps of the run.

    Raises:
        InputError: the collection has no training pair of a kind that the strategy draws, or there is no target
            collection for a strategy with domain batches, or one for a strategy without.

    Example:
        >>> import isoglot as ig
        >>> pages = [(f"{tag}/{n}", tag, "", f"page {n}") for tag in ("en", "de") for n in range(8)]
        >>> queries = [(f"q{n}", tag, f"question {n}") for tag in ("en", "de") for n in range(8)]
        >>> data = ig.collection_from_rows(pages, queries, [(f"q{page[0][3:]}", page[0], 1) for page in pages])
        >>> sampler = ig.BatchSampler(data, ig.Hybrid(alpha=0.5), batch_size=4)
        >>> batch = sampler[10**9]
        >>> len(batch), batch.kind in ("mono", "cross"), len(set(data.query_index[batch.queries]))
        (4, True, 4)
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
        self._conflicts = Conflicts.of(collection)
        self._multiway: MultiwayDraws | None = None
        if isinstance(strategy, Multiway):
            allowed = strategy.allowed(collection)
            self._multiway = MultiwayDraws(
                collection, allowed, self._conflicts, strategy.ways, strategy.tau, batch_size, seed
            )
        else:
            self._alpha = strategy.monolingual_share
            self._pairs = self._pair_draws()
        self._kept: OrderedDict[tuple[int, int], _Pair] = OrderedDict()
        self._kept_rows = 0

    def _pair_draws(self) -> dict[Kind, tuple[np.ndarray, WeightedDraw] | RowDraws]:
        """Return the language pairs (P, 2) of each kind that is drawn, and their draws; or draws by row."""
        mono = np.eye(len(self.counts), dtype=bool)
        draws: dict[Kind, tuple[np.ndarray, WeightedDraw] | RowDraws] = {}
        for kind in self.strategy.kinds:
            number = int(kind == "cross")
            allowed = (~mono if number else mono) & (self.counts > 0)
            options = np.argwhere(allowed)
            if not len(options):
                word = KIND_WORDS[kind]
                why = f"has no {word} training pair (a query with a relevant document) in the languages chosen"
                if kind == "mono" and self.collection.finds_translations:
                    why = "is a set of translations (translations: true), which finds nothing within a language: "
                    why += "the strategy for it is cross_lingual"
                raise InputError(
                    f"the strategy {self.strategy.name} draws {word} batches, but {self.collection.name} {why}"
                )
            if self.strategy.by_row(kind):
                draws[kind] = by_row = self._row_draws(allowed, number)
                self.missed[kind] = round(by_row.missed, 4)
                continue
            counts = self.counts[options[:, 0], options[:, 1]]
            weights = (counts / counts.max()) ** self.strategy.tau
            draws[kind] = (options, WeightedDraw(weights, self.seed, Series.PAIR, number))
        return draws

    def _row_draws(self, allowed: np.ndarray, number: int) -> RowDraws:
        strategy, size = self.strategy, self.batch_size
        draws = RowDraws(self.collection, allowed, self._conflicts, strategy.tau, size, self.seed, number)
        if draws.rows < size:
            logger.info(
                "%s cannot fill batches of %d with the strategy %s without common relevant documents or texts; "
                "they have about %d rows",
                *(self.collection.name, size, strategy.name, draws.rows),
            )
        if draws.missed > TOLD:
            logger.info(
                "%s with the strategy %s and tau %g: %.0f %% of the rows have other languages than tau asks for, "
                "whose few texts cannot come up more than once a batch; smaller batches hold more of them",
                *(self.collection.name, strategy.name, strategy.tau, 100 * draws.missed),
            )
        return draws

    def _labelled(self, step: int, number: int) -> Batch:
        """Return the batch of a step, which is number `number` of those with queries and relevant documents."""
        if self._multiway is not None:
            queries, documents, ids = self._multiway[number]
            return Batch(step, "multiway", None, None, queries, documents, ids)
        kind, occurrence = self._kind(number)
        drawn = self._pairs[kind]
        if isinstance(drawn, RowDraws):
            return Batch(step, kind, None, None, *drawn[occurrence])
        options, draw = drawn
        option, occurrence = draw(occurrence)
        a, b = (int(index) for index in options[option])
        pair = self._pair(a, b)
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

        goes_left, before = divide(total, number, 1, self.seed, Series.KIND)
        return ("mono", before) if goes_left[0] else ("cross", number - before)

    def _pair(self, a: int, b: int) -> _Pair:
        """Return the passes of a language pair, made when it is first drawn, forgotten when memory is short."""
        if (a, b) in self._kept:
            self._kept.move_to_end((a, b))
            return self._kept[a, b]
        tags = self.collection.languages
        queries, documents = self.collection.pairs(tags[a], tags[b])
        query_index = self.collection.query_index[queries]
        passes = Passes(query_index, self._conflicts, self.batch_size, self.seed, (a, b))
        pair = _Pair(queries, documents, passes)
        self._note_small(tags[a], tags[b], len(queries), passes)
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
                "common relevant documents or texts",
                *(a, b, self.batch_size, rows, len(passes), round(rows / len(passes))),
            )
