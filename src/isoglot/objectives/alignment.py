"""DistributionAlignment: parallel texts must spread their similarity alike."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from isoglot.objectives.batch import Texts
from isoglot.objectives.contrast import cosine_similarity
from isoglot.objectives.parallel import ParallelTerm, Side, parallel
from isoglot.objectives.temperature import Temperature

__all__ = ["DistributionAlignment"]


class DistributionAlignment(ParallelTerm):
    r"""Jensen-Shannon divergence between the similarity distributions of parallel texts, after Hong et al., arXiv
    2604.05684.

    .. math:: \frac1{|P|} \sum_{(a, b) \in P} \tfrac12 KL(p_a \| m_{ab}) + \tfrac12 KL(p_b \| m_{ab}),
        \quad m_{ab} = \tfrac12 (p_a + p_b), \quad p_a = softmax_j\, s(a, d_j)/T

    over the pairs P of language versions of a query, with the batch's documents d in all languages it has them in,
    hard negatives included; and likewise over the versions of a document with the batch's queries, because a
    document found by other queries than its translation is the same bias seen from the other side. Cosine
    similarity s, temperature T. In nats: from 0 (equal rankings with equal scores) to log 2.

    Relations: neither version leads; `KLAlignment` has the English one lead. It does not say which document is
    right, so it goes with `InfoNCE`.

    Args:
        temperature: T above 0. Not learned: the divergence could be made 0 by a high temperature.
        side: which texts are compared: `queries`, `documents` or `both`.

    Raises:
        InputError: the temperature or the side makes no sense.
    """

    def __init__(self, temperature: float = 0.05, side: Side = "both") -> None:
        super().__init__(side)
        self.temperature = Temperature(temperature)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side and the number of its parallel pairs."""
        logs = torch.log_softmax(cosine_similarity(texts.embeddings, opposite) / self.temperature(), dim=1)
        first, second = parallel(texts).triu().nonzero(as_tuple=True)
        p, q = logs[first], logs[second]
        middle = torch.logaddexp(p, q) - math.log(2)
        divergences = (p.exp() * (p - middle) + q.exp() * (q - middle)) / 2
        return divergences.sum() / max(len(first), 1), len(first)
