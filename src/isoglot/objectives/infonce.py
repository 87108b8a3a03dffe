"""InfoNCE: tell each query's documents from the other documents of the batch; DomainContrast: from crops."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.contrast import Temperature, contrastive_loss, paired_loss
from isoglot.objectives.terms import Term

__all__ = ["DomainContrast", "InfoNCE"]


class InfoNCE(Term):
    r"""Contrastive loss with in-batch negatives (van den Oord et al., arXiv 1807.03748; as used for retrieval by
    Karpukhin et al., arXiv 2004.04906).

    .. math:: \frac1Q \sum_i \frac1{|P_i|} \sum_{p \in P_i}
        -\log \frac{e^{s(q_i, d_p)/T}}{e^{s(q_i, d_p)/T} + \sum_{n \in N_i} e^{s(q_i, d_n)/T}}

    with cosine similarity s and temperature T. N are the documents of the batch, hard negatives among them, that
    are not known to be relevant to the query. P is the query's own document in a paired batch, which makes this the
    usual

    .. math:: -\frac1Q \sum_i \log \frac{e^{s(q_i, d_i)/T}}{\sum_{j \in \{i\} \cup N_i} e^{s(q_i, d_j)/T}}

    and all its relevant documents in other batches (`multiway`): each of them competes with the negatives, never
    with another one, and counts alike within its query, as queries do within the batch. Queries without a relevant
    document are left out.

    Relations: equal to sentence-transformers' `MultipleNegativesRankingLoss(scale=1 / T)` on paired batches in
    which no document is known to be relevant to a second query. On `multiway` batches, `MultiwayInfoNCE` is this
    with weights for monolingual and cross-lingual positives. `DomainContrast` is this on unlabelled text.

    Args:
        temperature: T above 0.
        symmetric: also tell each document's queries from the other queries, and take the mean of both directions.
            Documents without a query, as hard negatives are, have no part in the second direction.
        learn_temperature: learn T from there, at a learning rate of its own (0.001).
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.

    Raises:
        InputError: the temperature is not above 0, or a learned one starts outside its bounds.

    Example:
        >>> from isoglot.objectives import InfoNCE, example_batch
        >>> round(InfoNCE(temperature=1.0)(example_batch()).item(), 4)
        0.3927
    """

    def __init__(
        self,
        temperature: float = 0.05,
        symmetric: bool = False,
        learn_temperature: bool = False,
        min_temperature: float = 0.01,
        max_temperature: float = 1.0,
    ) -> None:
        super().__init__()
        self.temperature = Temperature(temperature, learn_temperature, min_temperature, max_temperature)
        self.symmetric = symmetric
        self.learning_rate = self.temperature.learning_rate

    def extra_repr(self) -> str:
        """Show the settings."""
        return f"symmetric={self.symmetric}"

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        scores = batch.similarities(self.temperature())
        if batch.paired and len(scores):
            excluded = None if batch.is_distinct() else batch.known_positives()
            loss, own = paired_loss(scores, excluded), len(scores)
            if self.symmetric:
                loss = (
                    loss + paired_loss(scores[:, :own].T, None if excluded is None else excluded[:, :own].T)
                ) / 2
            return loss
        positives, excluded = batch.positives(), batch.known_positives()
        loss = contrastive_loss(scores, positives, excluded)
        if self.symmetric:
            loss = (loss + contrastive_loss(scores.T, positives.T, excluded.T)) / 2
        return loss

    def metrics(self) -> dict[str, float]:
        """Return the temperature if it is learned."""
        return self.temperature.metrics()


class DomainContrast(InfoNCE):
    r"""InfoNCE between two random crops of a text, for unlabelled text of the domain a retriever is meant for
    (independent cropping, Contriever; Izacard et al., arXiv 2112.09118).

    .. math:: -\frac1Q \sum_i \log \frac{e^{s(c_i, c'_i)/T}}{\sum_j e^{s(c_i, c'_j)/T}}

    with c and c' two crops of one text, cosine similarity s and temperature T. Negatives are the crops of the
    batch's other texts; Contriever's come from a queue.

    Relations: applies to `domain` batches alone, where `InfoNCE` on queries and documents does not. Pair it with
    `LanguageAdversary(target="domain")` to make the two domains look alike.

    Args:
        temperature: T above 0; 0.05 as Contriever's.
        symmetric: the mean of both directions. Crops have no roles, so the other direction is as good.
        learn_temperature: learn T from there.
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.

    Raises:
        InputError: as for `InfoNCE`.

    Example:
        >>> from isoglot.objectives import DomainContrast, example_batch
        >>> DomainContrast().applies(example_batch())  # of queries and documents
        False
    """

    on_labelled: ClassVar[bool] = False
    on_domain: ClassVar[bool] = True
