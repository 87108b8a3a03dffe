"""From the batch of a step to encoder inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch.utils.data import Dataset

from isoglot.batching.sampler import Batch, BatchSampler
from isoglot.batching.tokens import StaticTokens

__all__ = ["StepCollator", "StepDataset"]


class StepDataset(Dataset[int]):
    """The steps of a run, so that a `DataLoader` asks for them one by one."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> int:
        if not 0 <= step < self.steps:
            raise IndexError(step)
        return step


class StepCollator:
    """Turns a step into the inputs of its whole batch.

    Args:
        sampler: composes the batches.
        collate: sentence-transformers' data collator of the model: it tokenises, with prompts and routes.
        tokens: caches of all query texts and of all document texts, which then take the place of `collate`.
    """

    def __init__(
        self,
        sampler: BatchSampler,
        collate: Callable[[list[dict[str, Any]]], dict[str, Any]],
        tokens: tuple[StaticTokens, StaticTokens] | None = None,
    ) -> None:
        self.sampler = sampler
        self.collate = collate
        self.tokens = tokens

    def __call__(self, steps: Sequence[int]) -> dict[str, Any]:
        """Return the inputs of one step: `query_…` and `document_…` features and `label`.

        Args:
            steps: the one step to make.

        Returns:
            Features of B queries and B documents as the model's tokenizer gives them, and `label` (B, 4): query
            language, document language, query id, document id, as integers.
        """
        (step,) = steps
        batch = self.sampler[step]
        if self.tokens is not None:
            rows = {"query": batch.queries, "document": batch.documents}
            inputs = {
                f"{column}_{key}": value
                for (column, wanted), cache in zip(rows.items(), self.tokens, strict=True)
                for key, value in cache.features(wanted).items()
            }
        else:
            collection = self.sampler.collection
            queries = collection.query_texts(batch.queries)
            documents = collection.document_texts(batch.documents)
            inputs = self.collate([{"query": q, "document": d} for q, d in zip(queries, documents, strict=True)])
        inputs["label"] = self.labels(batch)
        return inputs

    def labels(self, batch: Batch) -> torch.Tensor:
        """Return (B, 4): query language, document language, query id, document id."""
        collection = self.sampler.collection
        columns = (
            collection.query_language[batch.queries],
            collection.document_language[batch.documents],
            collection.query_index[batch.queries],
            batch.documents,
        )
        return torch.stack([torch.as_tensor(column.astype("int64")) for column in columns], dim=1)
