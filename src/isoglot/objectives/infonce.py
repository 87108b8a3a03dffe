"""InfoNCE: tell each query's document from the other documents of the batch."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch

__all__ = ["InfoNCE"]


class InfoNCE(nn.Module):
    r"""Contrastive loss with in-batch negatives (van den Oord et al., arXiv 1807.03748; as used for retrieval by
    Karpukhin et al., arXiv 2004.04906).

    .. math:: -\frac1B \sum_i \log \frac{e^{s(q_i, d_i)/T}}{\sum_j e^{s(q_i, d_j)/T}}

    with cosine similarity s and temperature T. Documents known to be relevant to a query besides its own are left
    out of its sum. Equal to sentence-transformers' `MultipleNegativesRankingLoss(scale=1 / T)` on batches
    without such documents.

    Args:
        temperature: T above 0.
        symmetric: also tell each document's query from the other queries, and take the mean of both directions.

    Example::

        objective = InfoNCE(temperature=0.05)
        loss = objective(EmbeddedBatch(...))
    """

    def __init__(self, temperature: float = 0.05, symmetric: bool = False) -> None:
        super().__init__()
        if not temperature > 0:
            raise InputError(f"the temperature must be above 0, not {temperature}")
        self.temperature = temperature
        self.symmetric = symmetric

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"temperature={self.temperature}, symmetric={self.symmetric}"

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries = functional.normalize(batch.queries, dim=-1)
        documents = functional.normalize(batch.documents, dim=-1)
        scores = queries @ documents.T / self.temperature
        scores = scores.masked_fill(batch.known_positives(), -torch.inf)
        own = torch.arange(len(queries), device=queries.device)
        loss = functional.cross_entropy(scores, own)
        if self.symmetric:
            loss = (loss + functional.cross_entropy(scores.T, own)) / 2
        return loss
