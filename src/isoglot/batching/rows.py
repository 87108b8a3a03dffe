"""Batches whose rows draw their own language pairs: which query, and in which two languages."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from isoglot.batching.draws import Series, generator
from isoglot.batching.packing import pack
from isoglot.batching.relations import Conflicts, Grouped, Versions
from isoglot.collections import Collection

__all__ = ["RowDraws"]

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 divided by the golden ratio
CHUNK = 1 << 16  # query ids whose weights are made at a time
ROUNDS = 30  # of bringing rates under their caps
BALANCING = 20  # rounds of bringing language pairs to their share
EXACTLY = 0.01  # share of rows with other language pairs than asked for that is as good as none
SELDOM = 0.5  # share of the batches that nothing comes up in more often, where language pairs do not lose by it
NEARLY = 0.98  # share of a batch that may be given up to have every query come up equally often


class RowDraws:
    """Draws training pairs one by one: a query id, and of it a query in one language and a document in another.

    A training pair of the language pair (a, b) has the weight n(a, b)^(tau - 1), so that language pairs come up
    with probability ∝ n(a, b)^tau, and a query id in proportion to the weight of all its training pairs. No two
    rows of a batch share a relevant document in any language, so nothing can come up more often than once a batch.
    Ids that would (those with many translations, in uneven collections) come up in every batch, or in every second
    one where that is enough for their languages: other batches are then not always the same ones' negatives. The
    weights of the language pairs that lose by it are raised for other ids, as far as there are any.

    Query ids come up in *passes* of about as many rows as there are ids. In each, an id has its share of rows,
    rounded so that after any number of passes it was dealt within one of its due number. Where all weigh the same
    (collections whose texts exist in all languages) every id comes up once in a pass, so once before any comes up
    twice; or, where that does not fill a pass's few batches, as many times as does. The training pairs of an id
    take turns by the golden ratio: as often as they weigh, and far from those that came just before. A row that
    finds no place in its pass (a few in a thousand, in collections where many queries share documents) is left out.

    Set up in O(ids x languages²) steps and O(ids + texts + judgments) memory; a pass costs a few sorts of its rows.

    Args:
        collection: what to draw from.
        allowed: (L, L) bool, language pairs that may be drawn.
        conflicts: which ids may not meet.
        tau: see above.
        batch_size: rows of a batch.
        seed: decides everything that is left open.
        key: number of these draws; others with the same seed give other draws.

    Attributes:
        ids: (n,) query id indices that have a training pair.
        rates: (n,) how often each comes up in a pass, on average.
        rows: rows of a batch, on average and at most.
        missed: share of the rows, 0 to 1, that have another language pair than tau asks for, since no more of those
            it asks for can stand side by side (the total variation distance of the two distributions).
    """

    def __init__(
        self,
        collection: Collection,
        allowed: np.ndarray,
        conflicts: Conflicts,
        tau: float,
        batch_size: int,
        seed: int,
        key: int,
    ) -> None:
        self.collection = collection
        self._batch_size = batch_size
        self._seed = seed
        self._key = key
        self._conflicts = conflicts
        self._versions = Versions(collection)
        counts = np.where(allowed, collection.pair_counts, 0)
        weights = np.where(counts > 0, np.maximum(counts, 1) / counts.max(), 1.0) ** (tau - 1) * (counts > 0)
        target = weights * counts / (weights * counts).sum()
        texts = _Texts(self._versions)
        self.missed = np.inf
        for often in (SELDOM, 1.0):
            self._balance(texts, weights, target, often)
            if self.missed < EXACTLY:
                break
        self._query_weights = texts.query_weights(self._weights)
        self.rows = min(batch_size, max(1, round(float(self.rates.sum()) / self.batches)))
        self._starts = self._offsets()
        self._turns = generator(seed, Series.ROW_TURNS, key).integers(2**64, size=len(self.ids), dtype=np.uint64)
        self._pass: tuple[int, list[tuple[np.ndarray, np.ndarray]]] = (-1, [])

    def __getitem__(self, occurrence: int) -> tuple[np.ndarray, np.ndarray]:
        """Return query rows (B,) and document rows (B,) of batch number `occurrence` of these draws."""
        number, batch = divmod(occurrence, self.batches)
        if self._pass[0] != number:
            self._pass = (number, self._arrange(number))
        return self._training_pairs(*self._pass[1][batch])

    def _balance(self, texts: _Texts, weights: np.ndarray, target: np.ndarray, often: float) -> None:
        """Choose how often each id comes up, and the weights of language pairs, so that these have their share.

        What may come up in so many batches at most comes up less often than it weighs, and its language pairs with
        it. Their weight is raised until they have their share from other ids, or none is left to give it.

        Args:
            texts: of all ids.
            weights: (L, L) of a training pair of each language pair, to begin with.
            target: (L, L) share of the rows.
            often: in which share of the batches an id, or a document, may come up at most.
        """
        of_ids = texts.weigh(weights)
        ids = np.flatnonzero(of_ids > 0).astype(np.int32)
        claims = self._conflicts.of_rows(ids)
        claims = Grouped(np.unique(claims.values, return_inverse=True)[1], claims.offsets)
        for _ in range(BALANCING):
            rates, batches = _rates(of_ids[ids], claims, self._batch_size, often)
            if often < 1 and rates.sum() < NEARLY * min(batches * self._batch_size, len(ids)):
                return  # batches would be smaller for it
            drawn = texts.expect(weights, ids, rates / of_ids[ids])
            missed = float(np.abs(drawn - target).sum() / 2)
            if missed < self.missed * (1 - 1e-2):
                self.missed, self._weights = missed, weights
                self.ids, self.rates, self.batches = ids, rates, batches
            if missed < EXACTLY / 10:
                return
            ratio = np.divide(target, drawn, out=np.ones_like(target), where=drawn > 0)
            weights = weights * np.clip(ratio, 0.5, 2.0)
            of_ids = texts.weigh(weights)

    def _offsets(self) -> np.ndarray:
        """Return where in a row of its own each id starts (n,), in [0, 1): ids that share documents one after the
        other, so that of those that may not meet about as many come up in every pass."""
        of_ids = self._conflicts.of_rows(self.ids)
        claims = of_ids.values
        heaviest = np.bincount(claims)[claims] * (claims.max() + 1) + claims  # of the claims of an id, one of those
        group = np.maximum.reduceat(heaviest, of_ids.offsets[:-1])
        rng = generator(self._seed, Series.ROW_STARTS, self._key)
        order = np.lexsort((rng.random(len(self.ids)), group))
        starts = np.empty(len(self.ids))
        starts[order] = np.cumsum(self.rates[order]) - self.rates[order] + rng.random()
        return starts % 1

    def _arrange(self, number: int) -> list[tuple[np.ndarray, np.ndarray]]:
        """Distribute the rows of a pass: positions in `ids`, and how often each came up before, batch by batch."""
        before = np.floor(number * self.rates + self._starts).astype(np.int64)
        times = np.floor((number + 1) * self.rates + self._starts).astype(np.int64) - before
        rows = np.repeat(np.arange(len(self.ids)), times)
        again = np.arange(len(rows)) - np.repeat(np.cumsum(times) - times, times)
        rng = generator(self._seed, Series.ROW_PLACES, self._key, number)
        room = min(self._batch_size, math.ceil(len(rows) / self.batches))
        capacity = np.full(self.batches, room)
        placed, _ = pack(self.ids[rows], self._conflicts, capacity, rng, thorough=False)
        shuffled = rng.permutation(np.flatnonzero(placed >= 0))
        shuffled = shuffled[np.argsort(placed[shuffled], kind="stable")]
        ends = np.searchsorted(placed[shuffled], np.arange(1, self.batches))
        batches = [(rows[chosen], (before[rows] + again)[chosen]) for chosen in np.split(shuffled, ends)]
        for empty in (batch for batch, (found, _) in enumerate(batches) if not len(found)):
            one = rng.choice(len(self.ids), 1, p=self.rates / self.rates.sum())  # tiny collections: any single row
            batches[empty] = (one, before[one])
        return batches

    def _training_pairs(self, chosen: np.ndarray, occurrence: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Choose one training pair of each id.

        Args:
            chosen: (B,) positions in `ids`.
            occurrence: (B,) how often each came up before.
        """
        turns = self._turns[chosen] + occurrence.astype(np.uint64) * GOLDEN
        place = (turns >> np.uint64(32)).astype(float) / 2**32
        ids = self.ids[chosen]
        at, owner = self._versions.queries.places(ids)
        picked, place = _pick(self._query_weights[at], owner, place)
        queries = self._versions.queries.values[at[picked]]
        documents, owner = self._versions.documents.of(ids)
        language = self.collection.query_language[queries][owner]
        picked, _ = _pick(self._weights[language, self.collection.document_language[documents]], owner, place)
        return queries, documents[picked]


class _Texts:
    """How many queries and relevant documents each id has in each language, a chunk of ids at a time."""

    def __init__(self, versions: Versions) -> None:
        self._versions = versions
        collection = versions.collection
        self._size = len(collection.languages)
        self._ids = len(collection.query_ids)

    def _chunks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """Yield ids, and their queries and documents by language, (n, L) each."""
        collection, versions = self._versions.collection, self._versions
        for first in range(0, self._ids, CHUNK):
            ids = np.arange(first, min(first + CHUNK, self._ids))
            rows, whose = versions.queries.of(ids)
            asked = self._count(whose, collection.query_language[rows], len(ids))
            rows, whose = versions.documents.of(ids)
            yield (
                slice(first, first + len(ids)),
                asked,
                self._count(whose, collection.document_language[rows], len(ids)),
            )

    def _count(self, owner: np.ndarray, language: np.ndarray, owners: int) -> np.ndarray:
        cells = np.bincount(owner * self._size + language, minlength=owners * self._size)
        return cells.reshape(owners, self._size).astype(float)

    def weigh(self, weights: np.ndarray) -> np.ndarray:
        """Return the weight of all training pairs of every id (G,), of the weights of language pairs (L, L)."""
        found = np.empty(self._ids)
        for ids, asked, answered in self._chunks():
            found[ids] = ((asked @ weights) * answered).sum(axis=1)
        return found

    def expect(self, weights: np.ndarray, ids: np.ndarray, rates: np.ndarray) -> np.ndarray:
        """Return the share (L, L) of the rows drawn that language pairs have.

        Args:
            weights: (L, L) of a training pair of each language pair.
            ids: (n,) that are drawn.
            rates: (n,) how often, for each unit of their weight.
        """
        of_all = np.zeros(self._ids)
        of_all[ids] = rates
        drawn = np.zeros_like(weights)
        for chunk, asked, answered in self._chunks():
            drawn += asked.T @ (answered * of_all[chunk, None])
        drawn *= weights
        return drawn / drawn.sum()

    def query_weights(self, weights: np.ndarray) -> np.ndarray:
        """Return the weight of all training pairs of query rows, (Q,) in the order of `Versions.queries`."""
        versions = self._versions
        rows, offsets = versions.queries.values, versions.queries.offsets
        language, owner = versions.collection.query_language[rows], versions.collection.query_index[rows]
        found = np.empty(len(owner))
        for ids, _, answered in self._chunks():
            mine = slice(offsets[ids.start], offsets[ids.stop])
            found[mine] = (answered @ weights.T)[owner[mine] - ids.start, language[mine]]
        return found


def _rates(weights: np.ndarray, claims: Grouped, batch_size: int, often: float) -> tuple[np.ndarray, int]:
    """Return how often ids come up in a pass (n,), and the batches of one.

    Args:
        weights: (n,), above 0.
        claims: of each id, numbers from 0 on without a gap.
        batch_size: rows asked for.
        often: in which share of the batches one may come up at most, where ids weigh differently.
    """
    n = len(weights)
    batches = math.ceil(n / batch_size)
    if np.allclose(weights, weights[0], rtol=1e-9):
        heaviest = int(np.bincount(claims.values).max())
        if heaviest <= batches:
            return _equal_rates(n, batch_size, heaviest)
        most = _capped(np.ones(n), batches * batch_size, claims, batches).sum() / batches
        if n / heaviest >= NEARLY * most:
            return np.ones(n), heaviest
    return _capped(weights, batches * batch_size, claims, often * batches), batches


def _equal_rates(n: int, batch_size: int, heaviest: int) -> tuple[np.ndarray, int]:
    """Return rates (n,) of 1, or of the fewest times that fill a pass's batches, and how many batches those are."""
    for times in range(1, math.ceil(1 / (1 - NEARLY)) + 1):
        batches = max(math.ceil(times * n / batch_size), times * heaviest)
        if times * n >= NEARLY * batches * min(n, batch_size):
            return np.full(n, float(times)), batches
    return np.ones(n), max(math.ceil(n / batch_size), heaviest)


def _capped(weights: np.ndarray, total: float, claims: Grouped, cap: float) -> np.ndarray:
    """Return rates (n,) ∝ weights that sum to `total` as nearly as is possible with at most `cap` rows a claim.

    Args:
        weights: (n,), above 0.
        total: sum of the rates.
        claims: of each id, at least one.
        cap: most rows of a pass that hold a claim.
    """
    rates = weights * (total / weights.sum())
    held, firsts = claims.values, claims.offsets[:-1]
    width = np.diff(claims.offsets)
    for _ in range(ROUNDS):
        load = np.bincount(held, np.repeat(rates, width))
        factor = np.minimum.reduceat(np.minimum(1.0, cap / np.maximum(load, 1e-300))[held], firsts)
        rates = rates * factor
        missing = total - rates.sum()
        free = factor == 1
        if missing <= total * 1e-3 or not free.any():
            break
        load = np.bincount(held, np.repeat(rates, width))
        free &= np.maximum.reduceat(load[held], firsts) < cap * (1 - 1e-6)
        if not free.any():
            break
        rates[free] *= 1 + missing / rates[free].sum()
    else:
        load = np.bincount(held, np.repeat(rates, width))
        rates = rates * np.minimum.reduceat(np.minimum(1.0, cap / load)[held], firsts)
    return rates


def _pick(weights: np.ndarray, owner: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pick one option of every owner, by its place along their weights.

    Args:
        weights: (m,) of the options, not negative; those of an owner one after the other, one at least above 0.
        owner: (m,) whose each is: 0, 0, …, 1, ….
        place: (B,) in [0, 1).

    Returns:
        Positions of the options picked (B,), and where between their ends the places lie (B,), in [0, 1).
    """
    total = np.bincount(owner, weights, minlength=len(place))
    shares = np.cumsum(weights / total[owner])  # each owner's options fill one unit
    picked = np.searchsorted(shares, np.arange(len(place)) + place, side="right")
    ends = np.searchsorted(owner, np.arange(len(place)), side="right")
    picked = np.clip(picked, ends - np.diff(ends, prepend=0), ends - 1)
    picked = _drawable(picked, weights, owner)
    share = weights[picked] / total
    rest = (np.arange(len(place)) + place - (shares[picked] - share)) / share
    return picked, np.clip(rest, 0, 1 - 2**-32)


def _drawable(picked: np.ndarray, weights: np.ndarray, owner: np.ndarray) -> np.ndarray:
    """Replace options of weight 0, hit by rounding alone, by the first of their owner above 0."""
    for position in np.flatnonzero(weights[picked] <= 0):
        options = np.flatnonzero((owner == position) & (weights > 0))
        picked[position] = options[0]
    return picked
