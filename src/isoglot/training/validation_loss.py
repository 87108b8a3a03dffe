"""The loss of a run on its validation collection: the same batches whenever, and however often, it is measured."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.batching import Batch, BatchSampler, CrossLingual, Hybrid, Monolingual, Strategy
from isoglot.collections import Collection
from isoglot.errors import InputError
from isoglot.objectives import EmbeddedBatch, InfoNCE

__all__ = ["MOST_ROWS", "ValidationLoss"]

MOST_ROWS = 10_000
"""Rows after which a pass over a large collection is cut."""
SEED = 0  # of the batches, whatever that of the run is: runs of several seeds are measured by the same ones


def _strategy(collection: Collection) -> Strategy:
    """Return how batches are composed: half of them monolingual, where there are training pairs of both kinds."""
    counts = collection.pair_counts
    mono = int(counts.trace())
    if mono == counts.sum():
        return Monolingual(tau=1.0)
    return Hybrid(alpha=0.5, tau=1.0, pairing="row") if mono else CrossLingual(tau=1.0, pairing="row")


class ValidationLoss:
    """InfoNCE with in-batch negatives, mean over the rows of fixed batches.

    Batches are those of `BatchSampler` with a seed of their own: half monolingual and half cross-lingual, or all of
    one kind where the collection has no training pair of the other, as one in English alone. They are taken until
    they hold as many rows as there are monolingual training pairs (cross-lingual, if there are no others), or
    `MOST_ROWS`. The loss is a function of the embeddings alone: dropout, hard negatives, code-switching, domain
    batches and what a learned temperature has become are not in it.

    Args:
        collection: what to measure on.
        batch_size: rows of a batch, as of the run; what cannot fill one makes smaller batches.
        term: gives temperature and directions: an `InfoNCE` or `MultiwayInfoNCE`, as it is before training.

    Raises:
        InputError: no batch has two rows, so there is nothing to tell a document from.
    """

    def __init__(self, collection: Collection, batch_size: int, term: Any) -> None:
        self.collection = collection
        self._rows = collection.judged_query_rows()
        self._infonce = InfoNCE(float(term.temperature()), term.symmetric)
        sampler = BatchSampler(collection, _strategy(collection), batch_size, SEED)
        counts = collection.pair_counts
        wanted = min(int(counts.trace()) or int(counts.sum()), MOST_ROWS)
        self.batches: list[Batch] = []
        while sum(map(len, self.batches)) < wanted:
            self.batches.append(sampler[len(self.batches)])
        if max(map(len, self.batches)) < 2:
            raise InputError(
                f"{collection.name} makes no batch of two queries with documents of their own (batch size "
                f"{batch_size}), so there is no loss to measure: choose by another measure, such as multilingual_AP"
            )

    def __call__(self, queries: NDArray[Any], documents: NDArray[Any]) -> float:
        """Return the loss of embeddings.

        Args:
            queries: (q, d) of the queries with a relevant document, in order (`Collection.judged_query_rows`).
            documents: (D, d) of all documents, in order.
        """
        total = 0.0
        with torch.no_grad():
            for batch in self.batches:
                total += len(batch) * float(self._infonce(self._embedded(batch, queries, documents)))
        return total / sum(map(len, self.batches))

    def _embedded(self, batch: Batch, queries: NDArray[Any], documents: NDArray[Any]) -> EmbeddedBatch:
        own = self.collection
        places = np.searchsorted(self._rows, batch.queries)
        return EmbeddedBatch(
            *(_tensor(queries[places]).float(), _tensor(documents[batch.documents]).float()),
            *(_tensor(own.query_language[batch.queries]), _tensor(own.document_language[batch.documents])),
            *(_tensor(own.query_index[batch.queries]), _tensor(batch.documents)),
        )


def _tensor(values: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
