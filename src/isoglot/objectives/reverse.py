"""ReverseTraining: the English document looks for the queries that it answers in other languages."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.contrast import contrastive_loss, cosine_similarity
from isoglot.objectives.parallel import ParallelTerm, bridges
from isoglot.objectives.temperature import TEMPERATURE_LEARNING_RATE, Temperature

__all__ = ["ReverseTraining"]


class ReverseTraining(ParallelTerm):
    r"""InfoNCE with reversed roles and an English document as the bridge: it is the query, and must find the
    queries that it answers among the queries in other languages (CLEAR; Lee et al., arXiv 2604.05821).

    .. math:: \frac1N \sum_i \frac1{|V_i|} \sum_{v \in V_i}
        -\log \frac{e^{s(e_i, q_v)/T}}{e^{s(e_i, q_v)/T} + \sum_{n \in O_i} e^{s(e_i, q_n)/T}}

    over the N English versions e of the batch's documents whose query has a version in another language: V_i are
    these versions, O_i the other queries of the batch in languages other than English; cosine similarity s,
    temperature T. Where a document has no English version, the version in the batch's most frequent language takes
    its place (and then V and O are the queries in languages other than that).

    Relations: `InfoNCE(symmetric=True)` reverses the roles in the languages that the batch happens to have. CLEAR's
    whole loss is the weighted sum 0.4 `InfoNCE` + 0.4 `ReverseTraining` + 0.2 of a divergence between the softmaxes
    of the two, which is not part of this term.

    Args:
        temperature: T above 0; 0.05 as CLEAR's.
        learn_temperature: learn T, starting from `temperature`, at a learning rate of its own (0.001).
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.

    Raises:
        InputError: the temperature is not above 0, or a learned one starts outside its bounds.
    """

    wants_english: ClassVar[bool] = True

    def __init__(
        self,
        temperature: float = 0.05,
        learn_temperature: bool = False,
        min_temperature: float = 0.01,
        max_temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = Temperature(temperature, learn_temperature, min_temperature, max_temperature)
        if learn_temperature:
            self.learning_rate = TEMPERATURE_LEARNING_RATE

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries, documents = batch.query_versions(), batch.document_versions()
        leads = bridges(documents, self.english)
        scores = cosine_similarity(documents.embeddings, queries.embeddings) / self.temperature()
        allowed = leads[:, None] & (documents.languages[:, None] != queries.languages)
        answers = (documents.query_ids[:, None] == queries.query_ids) & (queries.query_ids >= 0)
        positives = allowed & answers
        self.saw(int(positives.sum()))
        return contrastive_loss(scores, positives, ~allowed)

    def metrics(self) -> dict[str, float]:
        """Return the number of pairs of a document and a query per batch, and the temperature if it is learned."""
        return super().metrics() | self.temperature.metrics()
