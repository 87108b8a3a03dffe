"""KLAlignment: the versions of a query must rank as its English version does."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isoglot.objectives.batch import Texts
from isoglot.objectives.contrast import cosine_similarity
from isoglot.objectives.parallel import ParallelTerm, bridges, parallel
from isoglot.objectives.temperature import Temperature

__all__ = ["KLAlignment"]


class KLAlignment(ParallelTerm):
    r"""Kullback-Leibler divergence of the rankings that the versions of a query give from the one that its English
    version gives, after LaKDA (Yang et al., arXiv 2509.06195).

    .. math:: \frac1{|P|} \sum_{(e, v) \in P} \sum_j p_e(j) \log \frac{p_e(j)}{p_v(j)},
        \quad p_v = softmax_j\, s(v, d_j)/T

    over the pairs P of a query's English version e and each other version v, with the batch's documents d in all
    languages it has them in, hard negatives included; cosine similarity s, temperature T. p_e is a constant: the
    English ranking teaches and does not learn from this. Where a query has no English version, the version in the
    batch's most frequent language takes its place.

    Relations: `DistributionAlignment` compares all versions with each other and moves both. A teacher that ranks
    badly teaches badly, so it goes with `InfoNCE`.

    Args:
        temperature: T above 0. Not learned: the divergence could be made 0 by a high temperature.

    Raises:
        InputError: the temperature is not above 0.
    """

    wants_english: ClassVar[bool] = True

    def __init__(self, temperature: float = 0.05) -> None:
        super().__init__("queries")
        self.temperature = Temperature(temperature)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss and the number of pairs of a teacher and a student."""
        logs = torch.log_softmax(cosine_similarity(texts.embeddings, opposite) / self.temperature(), dim=1)
        leads = bridges(texts, self.english)
        teachers, students = (parallel(texts) & leads[:, None] & ~leads).nonzero(as_tuple=True)
        teacher, student = logs[teachers].detach(), logs[students]
        return (teacher.exp() * (teacher - student)).sum() / max(len(teachers), 1), len(teachers)
