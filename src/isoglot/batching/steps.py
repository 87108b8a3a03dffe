"""`StepSampler`: what every sampler of training batches is, whatever it draws from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from operator import mul
from typing import Literal

import numpy as np

from isoglot.batching.domain import DomainDraws
from isoglot.batching.draws import Series, divide
from isoglot.batching.strategy import Strategy
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["Batch", "Kind", "StepSampler"]

Kind = Literal["mono", "cross", "multiway", "domain"]


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
            of the batch, nor is any other language version of it. In a multiway batch (M,), and which query each
            belongs to says `document_ids`; in a domain batch rows of the target collection.
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
        self.domain = self._domain_draws(target)
        self.missed = {}

    @abstractmethod
    def _labelled(self, step: int, number: int) -> Batch:
        """Return the batch of a step, which is number `number` of those with queries and relevant documents."""

    @property
    @abstractmethod
    def steps_per_pass(self) -> int:
        """Steps after which about as many rows were drawn as there are rows to draw."""

    def _domain_draws(self, target: Collection | None) -> DomainDraws | None:
        if (self.strategy.gamma > 0) != (target is not None):
            raise InputError(
                "domain batches need both a gamma above 0 and a target collection with the texts to crop; "
                f"gamma is {self.strategy.gamma} and there is {'a' if target else 'no'} target"
            )
        if target is None:
            return None
        return DomainDraws(target, self.collection.languages, self.batch_size, self.seed)

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
