"""`ParallelTerm`: what terms over language versions share: who is parallel, and which version is the bridge."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor

from isoglot.errors import InputError
from isoglot.objectives.batch import EmbeddedBatch, Texts
from isoglot.objectives.term import Term

__all__ = ["SIDES", "ParallelTerm", "Side", "bridges", "check_side", "parallel", "same_text"]

Side = Literal["both", "queries", "documents"]
SIDES = ("both", "queries", "documents")


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
        side: which texts are compared: `queries`, `documents` or `both`.

    Raises:
        InputError: there is no such side.
    """

    needs_versions: ClassVar[bool] = True

    def __init__(self, side: Side = "both") -> None:
        super().__init__()
        check_side(side)
        self.side = side
        self._pairs = 0
        self._batches = 0

    def forward(self, batch: EmbeddedBatch) -> Tensor:
        """Return the loss of a batch, a scalar."""
        queries = batch.query_versions()
        losses, counts = [], []
        if self.side != "documents":
            pool = batch.documents
            if batch.other_documents is not None:
                pool = torch.cat([pool, batch.other_documents.embeddings])
            loss, count = self.compare(queries, pool)
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
        """Return the mean number of parallel pairs per batch since the last call."""
        gathered = {"parallel_pairs": self._pairs / self._batches} if self._batches else {}
        self._pairs = self._batches = 0
        return gathered
