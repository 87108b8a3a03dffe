"""`GivenSampler`: a sampler of one's own, anything whose `sampler[step]` is a `Batch`."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

from isoglot.batching.sampler import Batch, StepSampler
from isoglot.batching.strategies import Strategy, training_pairs
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["Batches", "GivenSampler"]


class Batches(Protocol):
    """What composes batches."""

    def __getitem__(self, step: int) -> Batch:
        """Return the batch of a step, the same one whenever it is asked for."""


class GivenSampler(StepSampler):
    """Takes a sampler of one's own for what `StepCollator` and `HybridTrainer` ask of theirs.

    Args:
        given: composes the batches. What it knows is its own: its rows may share relevant documents.
        collection: what query and document rows are rows of.
        batch_size: rows of a batch, for messages and for the length of a pass.
        seed: of the hard negatives and language versions that are added to batches.

    Raises:
        InputError: it gives something that is no batch of this collection (by `sampler[step]`).
    """

    def __init__(self, given: Batches, collection: Collection, batch_size: int, seed: int = 0) -> None:
        rule = type(type(given).__name__, (Strategy,), {})()  # none that draws; messages name it
        super().__init__(collection, rule, batch_size, seed, None)
        self.given = given
        self.small_pairs = {}

    @property
    def steps_per_pass(self) -> int:
        """That of the sampler, if it says; else as if its batches were full."""
        steps = getattr(self.given, "steps_per_pass", None)
        return int(steps or max(1, math.ceil(training_pairs(self.collection.pair_counts) / self.batch_size)))

    def _labelled(self, step: int, number: int) -> Batch:
        batch = self.given[step]
        name = type(self.given).__name__
        if not isinstance(batch, Batch):
            raise InputError(f"{name} gives {type(batch).__name__} for step {step}, not a Batch")
        if batch.document_ids is None and len(batch.queries) != len(batch.documents):
            raise InputError(
                f"{name} gives {len(batch.queries)} queries and {len(batch.documents)} documents for step {step}: "
                "each query has one document, unless document_ids says whose each is"
            )
        for word, rows, table in (
            ("query", batch.queries, self.collection.queries),
            ("document", batch.documents, self.collection.documents),
        ):
            if not len(rows) or rows.min() < 0 or rows.max() >= table.num_rows:
                raise InputError(
                    f"{name} gives {word} rows for step {step} that are none of the {table.num_rows} of "
                    f"{self.collection.name}"
                )
        return replace(batch, step=step)
