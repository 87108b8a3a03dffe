"""Terms over the language versions of a text: what they share, and each of them."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn import functional

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.contrast import Temperature, contrastive_loss, cosine_similarity
from isoglot.objectives.terms import Term

__all__ = [
    "DistributionAlignment",
    "LanguageContrast",
    "ParallelTerm",
    "SemanticContrast",
    "Side",
    "bridges",
    "check_side",
    "document_pool",
    "draw_versions",
    "parallel",
]

Side = Literal["both", "queries", "documents"]
SIDES = ("both", "queries", "documents")
LOWER = (1 << 31) - 1
MIXERS = (-0x00AE502812AA7333, -0x3B314601E57A13AD)  # MurmurHash3, as signed integers


def same_text(texts: Texts) -> Tensor:
    """Return (N, N) bool: whether two texts are one, in whatever languages."""
    ids = texts.query_ids
    return (ids[:, None] == ids) & (ids >= 0)


def parallel(texts: Texts) -> Tensor:
    """Return (N, N) bool: whether two texts are versions of one in two languages."""
    return same_text(texts) & (texts.languages[:, None] != texts.languages)


def bridges(texts: Texts, english: int | None) -> Tensor:
    """Return (N,) bool: whether a text is the version of it that the others lean on: the English one, or where
    there is none, the one in the language that most of the texts are in (of equally frequent languages, the first).

    Args:
        texts: N texts with their versions.
        english: the index of English; None if no text is English.
    """
    languages = texts.languages
    counts = torch.bincount(languages, minlength=0 if english is None else english + 1)
    if english is not None:
        counts[english] = len(texts) + 1
    # How preferred a language is, without ties: of equal counts, the lower index comes last and so counts most.
    order = torch.argsort(counts.flip(0), stable=True)
    preference = torch.empty_like(counts)
    preference[len(counts) - 1 - order] = torch.arange(len(counts), device=counts.device)
    own = preference[languages]
    best = torch.where(same_text(texts), own, -1).amax(dim=1) if len(texts) else own
    return own >= best


def _mixed(words: Tensor) -> Tensor:
    """Return integers whose bits depend on all bits of the given ones (after the finalizer of MurmurHash3); what
    overflows is dropped, on every device alike."""
    for factor in MIXERS:
        words = (words ^ ((words >> 33) & LOWER)) * factor
    return words ^ ((words >> 33) & LOWER)


def draw_versions(rows: Texts, columns: Texts, allowed: Tensor, progress: float = 0.0) -> tuple[Tensor, Tensor]:
    """Draw for every row one of the columns that it may have, all of them alike likely.

    The draw is a function of who is in the batch (not of the order) and of the progress of the training, so that
    all processes draw alike, and a run that goes on, or computes a batch again, draws what it drew.

    Args:
        rows: N texts to draw for.
        columns: M texts to draw from.
        allowed: (N, M) bool: which may be drawn for which; of texts with equal ids and languages either.
        progress: share of the training that is done, in [0, 1].

    Returns:
        The rows (n,) that may have any, in order, and the column (n,) drawn for each.
    """
    own, others = (_mixed(_mixed(one.query_ids) + one.languages) for one in (rows, columns))
    batch = others.sum() + round(progress * 2**32)
    drawn = torch.nonzero(allowed.any(dim=1)).squeeze(1)
    if not len(drawn):
        return drawn, drawn
    keys = _mixed(_mixed(own[drawn, None] + batch) ^ others)
    lots = keys.masked_fill(~allowed[drawn], torch.iinfo(torch.int64).min)
    return drawn, lots.argmax(dim=1)


def document_pool(batch: EmbeddedBatch) -> Tensor:
    """Return the embeddings (M, d) of a batch's documents in all languages that it has them in."""
    if batch.other_documents is None:
        return batch.documents
    return torch.cat([batch.documents, batch.other_documents.embeddings])


def check_side(side: str) -> None:
    """Raise `InputError` unless the side of a retriever exists."""
    if side not in SIDES:
        raise InputError(f"no side {side!r}: choose {', '.join(SIDES[:-1])} or {SIDES[-1]}")


class ParallelTerm(Term):
    """A term that compares language versions of a text with each other.

    The value is the mean over the sides, queries and documents, that have parallel pairs in the batch; 0 if neither
    has. Logs `parallel_pairs`, the mean number of compared pairs per training batch: a value near 0 says that the
    batches bring too few versions for the term to teach anything.

    Args:
        temperature: of its similarities.
        side: which texts are compared: `queries`, `documents` or `both`.

    Raises:
        InputError: there is no such side.
    """

    needs_versions: ClassVar[bool] = True

    def __init__(self, temperature: Temperature, side: Side = "both") -> None:
        super().__init__()
        check_side(side)
        self.side = side
        self.temperature = temperature
        self.learning_rate = temperature.learning_rate
        self._pairs = 0
        self._batches = 0

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries = batch.query_versions()
        losses, counts = [], []
        if self.side != "documents":
            loss, count = self.compare(queries, document_pool(batch))
            losses.append(loss)
            counts.append(count)
        if self.side != "queries":
            loss, count = self.compare(batch.document_versions(), queries.embeddings)
            losses.append(loss)
            counts.append(count)
        self.saw(sum(counts))
        # A side without pairs gives a 0 that is connected to the graph, and has no part in the mean.
        return torch.stack(losses).sum() / max(sum(count > 0 for count in counts), 1)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side, a scalar, and the number of pairs that it compares.

        Args:
            texts: the N texts of the side with their versions.
            opposite: (M, d) embeddings of all texts of the other side.
        """
        raise NotImplementedError

    def saw(self, pairs: int) -> None:
        """Count the parallel pairs of a training batch."""
        if self.training:
            self._pairs += pairs
            self._batches += 1

    def metrics(self) -> dict[str, float]:
        """Return the mean number of parallel pairs per batch since the last call, and a learned temperature."""
        gathered = {"parallel_pairs": self._pairs / self._batches} if self._batches else {}
        self._pairs = self._batches = 0
        return gathered | self.temperature.metrics()


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

    Example:
        >>> from isoglot.objectives import DistributionAlignment, example_batch
        >>> round(DistributionAlignment(temperature=1.0)(example_batch()).item(), 4)
        0.0874
    """

    def __init__(self, temperature: float = 0.05, side: Side = "both") -> None:
        super().__init__(Temperature(temperature), side)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side and the number of its parallel pairs."""
        logs = torch.log_softmax(cosine_similarity(texts.embeddings, opposite) / self.temperature(), dim=1)
        first, second = parallel(texts).triu().nonzero(as_tuple=True)
        p, q = logs[first], logs[second]
        middle = torch.logaddexp(p, q) - math.log(2)
        divergences = (p.exp() * (p - middle) + q.exp() * (q - middle)) / 2
        return divergences.sum() / max(len(first), 1), len(first)


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
        learn_temperature: learn T from there, at a learning rate of its own (0.001).
        min_temperature: lower bound of a learned T.
        max_temperature: upper bound of a learned T.

    Raises:
        InputError: a temperature or the side makes no sense.

    Example:
        >>> from isoglot.objectives import SemanticContrast, example_batch
        >>> round(SemanticContrast(temperature=1.0, side="queries")(example_batch()).item(), 4)
        0.6931
    """

    def __init__(
        self,
        temperature: float = 0.05,
        side: Side = "both",
        learn_temperature: bool = False,
        min_temperature: float = 0.01,
        max_temperature: float = 1.0,
    ) -> None:
        super().__init__(Temperature(temperature, learn_temperature, min_temperature, max_temperature), side)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side and the number of its parallel pairs."""
        scores = cosine_similarity(texts.embeddings, texts.embeddings) / self.temperature()
        versions = parallel(texts)
        return contrastive_loss(scores, versions, same_text(texts) & ~versions), int(versions.sum()) // 2


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

    Example:
        >>> from isoglot.objectives import LanguageContrast, example_batch
        >>> LanguageContrast()(example_batch()).item()  # query 8 is as near to one version of 7 as to the other
        0.0
    """

    def __init__(self, temperature: float = 0.05, side: Side = "both") -> None:
        super().__init__(Temperature(temperature), side)

    def compare(self, texts: Texts, opposite: Tensor) -> tuple[Tensor, int]:
        """Return the loss of one side and the number of its parallel pairs."""
        scores = cosine_similarity(texts.embeddings, texts.embeddings) / self.temperature()
        first, second = parallel(texts).triu().nonzero(as_tuple=True)
        preference = scores[first] - scores[second]  # of each text, for the first version of a pair
        losses = -(functional.logsigmoid(preference) + functional.logsigmoid(-preference)) / 2 - math.log(2)
        others = ~same_text(texts)[first]
        return torch.where(others, losses, 0).sum() / others.sum().clamp(min=1), len(first)
