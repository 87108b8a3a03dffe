"""`EmbeddedBatch`: what a term of a training objective sees of a batch."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

__all__ = ["EmbeddedBatch"]


@dataclass(frozen=True)
class EmbeddedBatch:
    """Embeddings of one batch, and who is who. A term never sees the encoder or the texts.

    Attributes:
        queries: (B, d) query embeddings, as the encoder gives them.
        documents: (B, d) embeddings of one relevant document each.
        query_languages: (B,) integer language of each query.
        document_languages: (B,) integer language of each document.
        query_ids: (B,) integers; language versions of one query share theirs.
        document_ids: (B,) integers, one for each document.
    """

    queries: Tensor
    documents: Tensor
    query_languages: Tensor
    document_languages: Tensor
    query_ids: Tensor
    document_ids: Tensor

    def known_positives(self) -> Tensor:
        """(B, B) bool: True where document j ≠ i is known to be relevant to query i, being i's own document or
        another version's of the same query, so that it must not serve as a negative."""
        same = (self.query_ids[:, None] == self.query_ids) | (self.document_ids[:, None] == self.document_ids)
        return same.fill_diagonal_(False)
