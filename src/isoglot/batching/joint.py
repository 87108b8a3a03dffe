"""`JointSampler`: the training batches of several data sets, each batch from one of them."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from isoglot.batching.draws import Series, WeightedDraw, generator
from isoglot.batching.given import Batches, GivenSampler
from isoglot.batching.sampler import Batch, BatchSampler, StepSampler
from isoglot.batching.strategies import (
    KIND_WORDS,
    STRATEGIES,
    CrossLingual,
    Kind,
    Monolingual,
    Strategy,
    training_pairs,
)
from isoglot.collections import Collection, JoinedCollection, join_collections
from isoglot.collections.joining import Part
from isoglot.errors import InputError

__all__ = ["JointSampler", "SetDraws", "given_sampler", "make_sampler"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class SetDraws:
    """What is drawn from one of several data sets.

    Attributes:
        part: the set.
        training_pairs: how many it has: see `isoglot.batching.strategies.training_pairs`.
        share: of the batches with queries and relevant documents, those from this set; 0 if it is left out.
        missing: kinds of batches that the strategy draws and this set has no training pair for, `monolingual` or
            `cross-lingual`.
        sampler: composes its batches; None if it is left out.
    """

    part: Part
    training_pairs: int
    share: float
    missing: tuple[str, ...]
    sampler: BatchSampler | None

    @property
    def name(self) -> str:
        """What the set is called."""
        return self.part.collection.name


class JointSampler(StepSampler):
    """Composes batches of several data sets, as `BatchSampler` does of one: a pure function of (seed, step).

    A step draws a set, then what the strategy draws within this set: kind, language pair, rows. Sets are drawn in
    proportion to their training pairs (arXiv 2408.10536), or to the weights given, in strata like all else; a set
    passes over its own training pairs, whatever the others do. Sets differ by their seeds, so equal sets give
    different batches.

    A set without a kind of batches that the strategy draws, such as an English one beside parallel ones, gives
    those that it can. So the share of monolingual batches is alpha within the sets that have both kinds, not
    always in the run. A set that has none of them is left out. Both is said once, in the log.

    Args:
        collections: the data sets, or these joined already.
        strategy: the rule; a domain batch (gamma) is drawn before a set is.
        batch_size: rows of a batch, at least 1.
        seed: not negative; another one gives other batches.
        target: as for `BatchSampler`.
        weights: (S,) sets are drawn in proportion to these; all above 0.
        power: without weights, sets are drawn in proportion to (number of training pairs)^power: 1 by size, less
            lifts small sets, 0 is uniform.

    Attributes:
        sets: (S,) what is drawn from each set.

    Raises:
        InputError: no set has a training pair of a kind that the strategy draws, a language that the strategy names
            is in none, weights or power make no sense, or as for `BatchSampler`.

    Example:
        >>> import isoglot as ig
        >>> def numbered(count, *tags):
        ...     pages = [(f"{tag}/{n}", tag, "", f"page {n}") for tag in tags for n in range(count)]
        ...     queries = [(f"q{n}", tag, f"question {n}") for tag in tags for n in range(count)]
        ...     return ig.collection_from_rows(pages, queries, [(f"q{page[0][3:]}", page[0], 1) for page in pages])
        >>> sampler = ig.JointSampler([numbered(90, "en", "de"), numbered(20, "en")], ig.Hybrid(), batch_size=4)
        >>> [(one.training_pairs, one.missing) for one in sampler.sets], sampler.batches_drawn(100)
        ([(180, ()), (20, ('cross-lingual',))], [88, 12])
    """

    def __init__(
        self,
        collections: Sequence[Collection] | JoinedCollection,
        strategy: Strategy,
        batch_size: int,
        seed: int = 0,
        target: Collection | None = None,
        *,
        weights: Sequence[float] | None = None,
        power: float = 1.0,
    ) -> None:
        joined = collections if isinstance(collections, JoinedCollection) else join_collections(collections)
        super().__init__(joined, strategy, batch_size, seed, target)
        parts = joined.parts
        _check_mixture(len(parts), weights, power)
        counts = _allowed_counts(strategy, joined)
        kinds = [_kinds(strategy, one) for one in counts]
        if not any(drawn for drawn, _ in kinds):
            raise InputError(
                f"the strategy {strategy.name} finds no training pair of the kind it draws in any of the "
                f"{len(parts)} data sets ({joined.name}) in the languages chosen"
            )
        sizes = [training_pairs(one) for one in counts]
        wanted = np.array(sizes if weights is None else weights, float)
        wanted[[not drawn for drawn, _ in kinds]] = 0
        wanted = (wanted / wanted.max()) ** power * (wanted > 0)
        shares = wanted / wanted.sum()
        self.sets = tuple(
            SetDraws(
                part,
                size,
                float(share),
                tuple(KIND_WORDS[kind] for kind in missing if kind in KIND_WORDS),
                self._sampler_of(number, part.collection, drawn, bool(missing), float(share)) if drawn else None,
            )
            for number, (part, size, share, (drawn, missing)) in enumerate(
                zip(parts, sizes, shares, kinds, strict=True)
            )
        )
        self._draw = WeightedDraw(shares, seed, Series.DATA_SET)
        self._tell()

    def _sampler_of(
        self, number: int, collection: Collection, drawn: tuple[Kind, ...], incomplete: bool, share: float
    ) -> BatchSampler:
        """Return the sampler of a set's own batches."""
        rule = _within(self.strategy, collection.languages)
        if incomplete:
            allowed = rule.allowed(collection)
            rule = _as(Monolingual if drawn == ("mono",) else CrossLingual, rule)
            if type(self.strategy) not in STRATEGIES.values():  # which pairs are allowed it alone can say
                tags = collection.languages
                rule = replace(rule, pairs=tuple((tags[a], tags[b]) for a, b in np.argwhere(allowed)))
        seed = int(generator(self.seed, Series.DATA_SET_SEED, number).integers(2**62))
        share *= 1 - self.strategy.gamma
        return BatchSampler(collection, rule, self.batch_size, seed, share=share)

    def _labelled(self, step: int, number: int) -> Batch:
        which, occurrence = self._draw(number)
        one = self.sets[which]
        assert one.sampler is not None
        batch, part = one.sampler[occurrence], one.part
        ids = batch.document_ids
        return replace(
            batch,
            step=step,
            queries=batch.queries + np.int32(part.first_query),
            documents=batch.documents + np.int32(part.first_document),
            document_ids=None if ids is None else ids + np.int32(part.first_query_id),
        )

    @property
    def steps_per_pass(self) -> int:
        """Steps after which about as many rows were drawn as all sets together have to draw; see `BatchSampler`.
        Domain batches come on top."""
        steps = sum(one.sampler.steps_per_pass for one in self.sets if one.sampler is not None)
        return math.ceil(steps / (1 - self.strategy.gamma))

    @property
    def small_pairs(self) -> dict[tuple[str, str], tuple[int, int]]:  # type: ignore[override]
        """Language pairs drawn so far that cannot fill a batch in some set: (query language, document language) ->
        (training pairs, batches of a pass) of these sets together."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for one in self.sets:
            for pair, (rows, batches) in (one.sampler.small_pairs if one.sampler else {}).items():
                before = found.get(pair, (0, 0))
                found[pair] = (before[0] + rows, before[1] + batches)
        return found

    def batches_drawn(self, steps: int) -> list[int]:
        """Return how many of the batches of steps 0 … `steps` - 1 come from each set (S,); O(steps)."""
        number = steps if self.domain is None else steps - self._domain_steps(steps)[1]
        options = self._draw.many(0, number)[0] if number else np.empty(0, np.int64)
        return [int(count) for count in np.bincount(options, minlength=len(self.sets))]

    def _tell(self) -> None:
        """Say what sets do not give; of several processes the first one does."""
        if os.environ.get("RANK", "0") != "0":
            return
        for one in self.sets:
            if one.sampler is None:
                logger.info(
                    "%s is left out: it has no training pair of the kind that the strategy %s draws, in the "
                    "languages chosen",
                    *(one.name, self.strategy.name),
                )
            elif one.missing:
                logger.info(
                    "%s has no %s training pair in the languages chosen, and gives batches of the other kind only",
                    *(one.name, one.missing[0]),
                )


def make_sampler(
    collection: Collection | Sequence[Collection],
    strategy: Strategy,
    batch_size: int,
    seed: int = 0,
    target: Collection | None = None,
    **mixture: Any,
) -> BatchSampler | JointSampler:
    """Return the sampler of one collection or of several.

    The arguments are those of `JointSampler`, `weights` and `power` among them.

    Raises:
        InputError: as for the samplers, or there is one collection with weights or a power.
    """
    if not isinstance(collection, Collection) and len(collection) == 1:
        (collection,) = collection
    if isinstance(collection, JoinedCollection) or not isinstance(collection, Collection):
        return JointSampler(collection, strategy, batch_size, seed, target, **mixture)
    if mixture.get("weights") is not None or mixture.get("power", 1) != 1:
        raise InputError(
            f"weights and a power decide between several data sets, and {collection.name} is the only one"
        )
    return BatchSampler(collection, strategy, batch_size, seed, target)


def given_sampler(
    given: Batches, collection: Collection | Sequence[Collection], batch_size: int, seed: int = 0
) -> StepSampler:
    """Return a sampler that somebody made, or one that takes its batches from what they made.

    Raises:
        InputError: its batches are those of another collection.
    """
    if not isinstance(collection, Collection):
        collection = collection[0] if len(collection) == 1 else join_collections(collection)
    if not isinstance(given, StepSampler):
        return GivenSampler(given, collection, batch_size, seed)
    if given.collection is not collection and not isinstance(given, JointSampler):
        raise InputError(
            f"the sampler draws from {given.collection.name}, and {collection.name} is what is to be trained on: "
            "give it the same collection"
        )
    return given


def _check_mixture(sets: int, weights: Sequence[float] | None, power: float) -> None:
    if not 0 <= power < math.inf:
        raise InputError(f"the power of data-set sizes must be a number from 0 on, not {power}")
    if weights is None:
        return
    if power != 1:
        raise InputError("data sets are drawn by given weights or by a power of their sizes: give one of the two")
    if len(weights) != sets:
        raise InputError(f"{sets} data sets have {len(weights)} weights: give one for each")
    bad = [weight for weight in weights if not 0 < weight < math.inf]
    if bad:
        raise InputError(f"the weight of a data set must be a number above 0, not {bad[0]}: leave the set out")


def _allowed_counts(strategy: Strategy, joined: JoinedCollection) -> list[np.ndarray]:
    """Return for each set the training pairs (L, L), in its own languages, of the language pairs allowed."""
    allowed = strategy.allowed(joined)
    counts = []
    for part in joined.parts:
        own = [joined.language_index(tag) for tag in part.collection.languages]
        counts.append(np.where(allowed[np.ix_(own, own)], part.collection.pair_counts, 0))
    return counts


def _kinds(strategy: Strategy, counts: np.ndarray) -> tuple[tuple[Kind, ...], tuple[Kind, ...]]:
    """Return the kinds of batches that a strategy draws from a set with so many training pairs (L, L), and those
    that it draws and that the set lacks."""
    mono, every = int(counts.trace()), int(counts.sum())
    found = {"mono": mono > 0, "cross": every > mono, "multiway": every > 0}  # multiway of one language alone, too
    drawn = tuple(kind for kind in strategy.kinds if found[kind])
    return drawn, tuple(kind for kind in strategy.kinds if not found[kind])


def _within(strategy: Strategy, languages: tuple[str, ...]) -> Strategy:
    """Return what a strategy is for a set in these languages, without domain batches."""
    rule = replace(strategy, gamma=0.0)
    if rule.languages is not None:
        rule = replace(rule, languages=tuple(tag for tag in rule.languages if tag in languages))
    if isinstance(rule.pairs, tuple):
        rule = replace(rule, pairs=tuple(pair for pair in rule.pairs if set(pair) <= set(languages)))
    return rule


def _as(kind: type[Strategy], strategy: Strategy) -> Strategy:
    """Return a strategy of another kind with the settings that both have."""
    return kind(**{one.name: getattr(strategy, one.name) for one in fields(kind) if hasattr(strategy, one.name)})
