"""SemanticContrast and LanguageContrast: parallel texts together, language information out."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from isoglot.objectives.batch import Texts
from isoglot.objectives.contrast import contrastive_loss, cosine_similarity
from isoglot.objectives.parallel import ParallelTerm, Side, parallel, same_text
from isoglot.objectives.temperature import TEMPERATURE_LEARNING_RATE, Temperature

__all__ = ["LanguageContrast", "SemanticContrast"]


class SemanticContrast(ParallelTerm):
    r"""InfoNCE between the language versions of a text: every version finds the others among all texts of its side,
    after the semantic contrastive loss of Hu et al., arXiv 2210.06633.

    .. math:: \frac1N \sum_i \frac1{|V_i|} \sum_{v \in V_i}
        -\log \frac{e^{s(x_i, x_v)/T}}{e^{s(x_i, x_v)/T} + \sum_{n \in O_i} e^{s(x_i, x_n)/T}}

    over the N queries (and likewise the documents) that have a version in another language; V_i are these versions,
    O_i all versions of other texts, in whatever languages; cosine similarity s, temperature T.

    Relations: `InfoNCE` compares queries with documents, this compares queries with queries and documents with
    documents. It asks a version to be near; `DistributionAlignment` and `KLAlignment` only ask that it ranks alike.

    Args:
        temperature: T above 0.
        side: which texts are compared: `queries`, `documents` or `both`.
        learn_temperature: learn T, starting from `temperature`, at a learning rate of its own (0.001).
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.

    Raises:
        InputError: a temperature or the side makes no sense.
    """

    def __init__(
        self,
        temperature: float = 0.05,
        side: Side = "both",
        learn_temperature: bool = False,
        min_temperature: float = 0.01,
        max_temperature: float = 1.0,
    ) -> None:
        super().__init__(side)
        self.temperature = Temperature(temperature, learn_temperature, min_temperature, max_temperature)
        if learn_temperature:
            self.learning_rate = TEMPERATURE_LEARNING_RATE

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side and the number of its parallel pairs."""
        scores = cosine_similarity(texts.embeddings, texts.embeddings) / self.temperature()
        versions = parallel(texts)
        return contrastive_loss(scores, versions, same_text(texts) & ~versions), int(versions.sum()) // 2

    def metrics(self) -> dict[str, float]:
        """Return the number of parallel pairs per batch, and the temperature if it is learned."""
        return super().metrics() | self.temperature.metrics()


class LanguageContrast(ParallelTerm):
    r"""A third text must not be able to tell the two versions of a text apart, after the language contrastive loss
    of Hu et al., arXiv 2210.06633.

    .. math:: -\log 2 - \frac1{|C|} \sum_{(x, y, z) \in C}
        \frac12 \Big[\log \frac{e^{s(z,x)/T}}{e^{s(z,x)/T} + e^{s(z,y)/T}}
        + \log \frac{e^{s(z,y)/T}}{e^{s(z,x)/T} + e^{s(z,y)/T}}\Big]

    over all x, y that are versions of one query (and likewise of one document) and all queries z that are not;
    cosine similarity s, temperature T. It is the divergence of a fair coin from z's choice between x and y: 0 where
    z is equally near to both, so that nothing but their languages could have decided.

    Relations: pulls nothing together, so it goes with a term that does, `SemanticContrast` in the paper. As
    `LanguageAdversary` it takes language out, without a classifier. Equal embeddings of everything would be a
    perfect answer to it; never use it alone.

    Args:
        temperature: T above 0: the smaller, the sharper z's choice.
        side: which texts are compared: `queries`, `documents` or `both`.

    Raises:
        InputError: the temperature or the side makes no sense.
    """

    def __init__(self, temperature: float = 0.05, side: Side = "both") -> None:
        super().__init__(side)
        self.temperature = Temperature(temperature)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side and the number of its parallel pairs."""
        scores = cosine_similarity(texts.embeddings, texts.embeddings) / self.temperature()
        first, second = parallel(texts).triu().nonzero(as_tuple=True)
        preference = scores[first] - scores[second]  # of each text, for the first version of a pair
        losses = -(functional.logsigmoid(preference) + functional.logsigmoid(-preference)) / 2 - math.log(2)
        others = ~same_text(texts)[first]
        return torch.where(others, losses, 0).sum() / others.sum().clamp(min=1), len(first)
