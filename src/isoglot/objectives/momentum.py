"""`EmbeddingQueue`: embeddings of past batches and their classes, for a classifier to train on."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["EmbeddingQueue"]


class EmbeddingQueue(nn.Module):
    """The newest embeddings of a run, without gradients, newest first; part of the `state_dict`.

    Args:
        size: how many it holds.
        dimensions: d.

    Attributes:
        embeddings: (size, d).
        labels: (size,) class of each; -1 where there is none yet.
    """

    embeddings: Tensor
    labels: Tensor

    def __init__(self, size: int, dimensions: int) -> None:
        super().__init__()
        self.register_buffer("embeddings", torch.zeros(size, dimensions))
        self.register_buffer("labels", torch.full((size,), -1))

    def push(self, embeddings: Tensor, labels: Tensor) -> None:
        """Take in embeddings (n, d) and their labels (n,); the oldest leave."""
        # New tensors, not changed ones: a backward pass to come may still need the old.
        size = len(self.labels)
        newest = embeddings.detach().to(self.embeddings)
        self.embeddings = torch.cat([newest, self.embeddings])[:size]
        self.labels = torch.cat([labels.to(self.labels), self.labels])[:size]
