"""ReverseTraining: English documents find the queries they answer; ReverseAlignment: as queries find documents."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.contrast import Temperature, contrastive_loss, cosine_similarity
from isoglot.objectives.versions import ParallelTerm, bridges, draw_versions

__all__ = ["ReverseAlignment", "ReverseTraining"]


class ReverseTraining(ParallelTerm):
    r"""InfoNCE with reversed roles and an English document as the bridge: it is the query, and must find the
    queries that it answers among the queries in other languages (CLEAR; Lee et al., arXiv 2604.05821).

    .. math:: \frac1N \sum_i \frac1{|V_i|} \sum_{v \in V_i}
        -\log \frac{e^{s(e_i, q_v)/T}}{e^{s(e_i, q_v)/T} + \sum_{n \in O_i} e^{s(e_i, q_n)/T}}

    over the N English versions e of the batch's documents whose query has a version in another language: V_i are
    these versions, O_i the other queries of the batch in languages other than English; cosine similarity s,
    temperature T. Where a document has no English version, the version in the batch's most frequent language takes
    its place (and then V and O are the queries in languages other than that).

    With `hard_negatives=k` up to k hard-negative queries are added to the batch for each query, and so to O: those
    in its language (of an English query, in that of its version) whose answers are among its hard negatives.

    Relations: `InfoNCE(symmetric=True)` reverses the roles in the languages that the batch happens to have. CLEAR:
    0.4 `InfoNCE` + 0.4 `ReverseTraining(hard_negatives=5)` + 0.2 `ReverseAlignment`.

    Args:
        temperature: T above 0; 0.05 as CLEAR's.
        learn_temperature: learn T from there, at a learning rate of its own (0.001).
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.
        hard_negatives: hard-negative queries added for each query by the trainer, if the collection's queries list
            hard negatives (`isoglot mine`). Other terms see them as versions of queries of other ids.

    Raises:
        InputError: a temperature makes no sense, or the number of hard negatives is below 0.

    Example:
        >>> from isoglot.objectives import ReverseTraining, example_batch
        >>> round(ReverseTraining(temperature=1.0)(example_batch()).item(), 4)
        0.5032
    """

    wants_english: ClassVar[bool] = True

    def __init__(
        self,
        temperature: float = 0.05,
        learn_temperature: bool = False,
        min_temperature: float = 0.01,
        max_temperature: float = 1.0,
        hard_negatives: int = 0,
    ) -> None:
        super().__init__(Temperature(temperature, learn_temperature, min_temperature, max_temperature))
        if hard_negatives < 0:
            raise InputError(f"hard_negatives must be at least 0, not {hard_negatives}")
        self.negative_queries = hard_negatives

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries, documents = batch.query_versions(), batch.document_versions()
        leads = bridges(documents, self.english)
        scores = cosine_similarity(documents.embeddings, queries.embeddings) / self.temperature()
        allowed = leads[:, None] & (documents.languages[:, None] != queries.languages)
        positives = allowed & _answers(documents, queries)
        self.saw(int(positives.sum()))
        return contrastive_loss(scores, positives, ~allowed)


class ReverseAlignment(ParallelTerm):
    r"""Kullback-Leibler divergence between the two directions of a search: English documents among queries in other
    languages, and English queries among English documents; the third part of CLEAR (Lee et al., arXiv 2604.05821).

    .. math:: \frac1N \sum_i \sum_j r_i(j) \log \frac{r_i(j)}{f_i(j)}, \quad
        r_i = softmax_j\, s(e_i, v_j)/T, \quad f_i = softmax_j\, s(q_i, e_j)/T

    over the N query ids of the batch that have all three: a document e in English, a query q in its language, and a
    query v in another one (of several, one drawn as `KLAlignment` draws its teachers); cosine similarity s,
    temperature T. Where an id has no English document, the one in the batch's most frequent language takes its
    place. Both distributions get their part of the gradient. In nats, at least 0.

    Relations: the reverse direction, which `ReverseTraining` trains, leads; the forward one is `InfoNCE`'s. CLEAR:
    0.4 `InfoNCE` + 0.4 `ReverseTraining(hard_negatives=5)` + 0.2 of this. (CLEAR's own sums also run over hard
    negatives, the k-th document against the k-th query, which have nothing to do with each other; here they have no
    part.)

    Args:
        temperature: T above 0; 0.05 as CLEAR's. Not learned: a high one could make the divergence 0.

    Raises:
        InputError: the temperature is not above 0.

    Example:
        >>> import torch
        >>> from isoglot.objectives import EmbeddedBatch, ReverseAlignment
        >>> texts, ids, languages = torch.eye(2), torch.tensor([7, 7]), torch.tensor([0, 1])
        >>> batch = EmbeddedBatch(texts, texts, languages, languages, ids, torch.arange(2))
        >>> ReverseAlignment()(batch).item()  # of one id there is nothing to rank
        0.0
    """

    wants_english: ClassVar[bool] = True

    def __init__(self, temperature: float = 0.05) -> None:
        super().__init__(Temperature(temperature))

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries, documents = batch.query_versions(), batch.document_versions()
        of_id = _answers(documents, queries)
        same = of_id & (documents.languages[:, None] == queries.languages)
        other = of_id & (documents.languages[:, None] != queries.languages)
        fits = bridges(documents, self.english) & same.any(dim=1) & other.any(dim=1)
        rows = _first_of_each(documents.query_ids, fits)
        kept = Texts(documents.embeddings[rows], documents.languages[rows], documents.query_ids[rows])
        drawn = draw_versions(kept, queries, other[rows], batch.progress)[1]
        own = same[rows].byte().argmax(dim=1)
        self.saw(len(rows))
        forward, backward = (
            torch.log_softmax(cosine_similarity(left, right) / self.temperature(), dim=1)
            for left, right in (
                (queries.embeddings[own], kept.embeddings),
                (kept.embeddings, queries.embeddings[drawn]),
            )
        )
        return (backward.exp() * (backward - forward)).sum() / max(len(rows), 1)


def _answers(documents: Texts, queries: Texts) -> Tensor:
    """Return (M, N) bool: whether a document answers a query."""
    return (documents.query_ids[:, None] == queries.query_ids) & (queries.query_ids >= 0)


def _first_of_each(ids: Tensor, kept: Tensor) -> Tensor:
    """Return the positions (n,) of the first kept (M,) element of every id (M,), by id."""
    positions = kept.nonzero().squeeze(1)
    found, group = ids[positions].unique(return_inverse=True)
    first = torch.full_like(found, len(ids))
    return first.scatter_reduce(0, group, positions, "amin")
