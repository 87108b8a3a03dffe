"""`EmbeddedBatch`: what a term of a training objective sees of a batch; `BatchLabels`: who is who in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from isoglot.objectives.contrast import cosine_similarity
from isoglot.objectives.teacher import TeacherEmbeddings

__all__ = ["BatchLabels", "EmbeddedBatch", "Role", "Texts", "example_batch"]


class Role(IntEnum):
    """What a text is in its batch."""

    QUERY = 0
    OTHER_QUERY = 1  # a version of a query in another language, for terms that compare versions
    DOCUMENT = 2  # in paired batches the own documents, in the order of their queries
    NEGATIVE = 3  # a hard negative
    OTHER_DOCUMENT = 4
    UNPAIRED_DOCUMENT = 5  # documents of batches that are not paired


class BatchLabels(NamedTuple):
    """Who the texts of a batch are. Data loaders and losses know labels as one tensor, so this has a form of one:
    an integer matrix, a row for each text, a column for each attribute here, in this order.

    Attributes:
        roles: (N,) integers, each a `Role`.
        languages: (N,) integers.
        ids: (N,) integers, of a query its id, of a document one of its own.
        query_ids: (N,) the query id that each belongs to; -1 for none.
        domain: (N,) 1 for target-domain text, else 0.
        versions: (N,) 1 where the batch has versions in other languages wherever there are any, else 0.
        rows: (N,) which text of the collection each is: of a query its row, of a document its row after all query
            rows; -1 for what is none of its texts, such as crops.
    """

    roles: Tensor
    languages: Tensor
    ids: Tensor
    query_ids: Tensor
    domain: Tensor
    versions: Tensor
    rows: Tensor

    @classmethod
    def of(
        cls,
        role: Role,
        languages: Any,
        ids: Any,
        query_ids: Any,
        *,
        rows: Any = None,
        domain: bool = False,
        versions: bool = False,
    ) -> BatchLabels:
        """Return the labels of texts of one role, of arrays (N,) of integers; without rows they are -1."""
        language, own, query_id = (torch.as_tensor(one, dtype=torch.int64) for one in (languages, ids, query_ids))
        is_domain, has_versions = (torch.full_like(own, int(one)) for one in (domain, versions))
        row = torch.full_like(own, -1) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
        return cls(torch.full_like(own, role), language, own, query_id, is_domain, has_versions, row)

    def pack(self) -> Tensor:
        """Return the matrix (N, 7)."""
        return torch.stack(self, dim=1)

    @classmethod
    def unpack(cls, matrix: Tensor) -> BatchLabels:
        """Return the labels that a matrix (N, 7) holds."""
        return cls(*matrix.unbind(dim=1))


@dataclass(frozen=True)
class Texts:
    """Embeddings of texts, and whose they are.

    Attributes:
        embeddings: (N, d), as the encoder gives them.
        languages: (N,) integers.
        query_ids: (N,) integers: of a query its id, of a document the query id that it answers. Texts of the same
            side with the same id are versions of each other in several languages; -1 is no query.
        rows: (N,) integers, what a teacher's embeddings of them are looked up by; None where nobody asks.
    """

    embeddings: Tensor
    languages: Tensor
    query_ids: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.embeddings)

    def joined(self, other: Texts | None) -> Texts:
        """Return these texts and the other ones, in one."""
        if other is None or not len(other):
            return self
        both = self.rows is not None and other.rows is not None
        return Texts(
            torch.cat([self.embeddings, other.embeddings]),
            torch.cat([self.languages, other.languages]),
            torch.cat([self.query_ids, other.query_ids]),
            torch.cat([self.rows, other.rows]) if both else None,  # type: ignore[list-item]
        )


@dataclass(frozen=True)
class EmbeddedBatch:
    """Embeddings of one batch, and who is who. A term never sees the encoder or the texts.

    In a *paired* batch, document i is query i's own, for all Q queries; documents after the first Q are hard
    negatives. In other batches (`multiway`) a query may have several documents, in several languages, and
    `document_query_ids` says which.

    Documents given as (Q, k, d), k for each query, the relevant one first and hard negatives after it, are stored
    flat: first the Q relevant ones, then the hard negatives, query by query. Their ids and languages likewise.

    Attributes:
        queries: (Q, d) query embeddings, as the encoder gives them.
        documents: (M, d) document embeddings.
        query_languages: (Q,) integer language of each query.
        document_languages: (M,) integer language of each document.
        query_ids: (Q,) integers; language versions of one query share theirs.
        document_ids: (M,) integers, one for each document.
        document_query_ids: (M,) the query id of the batch that each document is known to be relevant to, -1 for
            none. Not given: query i's for document i, none for hard negatives.
        paired: whether document i is query i's own.
        other_queries: versions of the batch's queries in other languages, for terms that compare them.
        other_documents: versions of the batch's documents in other languages.
        domain: whether the pairs are crops of unlabelled target-domain text instead of queries and documents.
        progress: share of the training that is done, in [0, 1].
        query_rows: (Q,) integers, what the teacher's embeddings of the queries are looked up by.
        document_rows: (M,) the same of the documents.
        teacher: its embeddings of all texts of the collection; None without a teacher.
        teacher_scores: (Q, M) what a cross-encoder scores each document for each query, NaN where it has not; None
            where nobody asks.

    Example:
        >>> batch = example_batch()
        >>> batch.query_ids.tolist(), batch.positives().int().tolist()
        ([7, 7, 8], [[1, 0, 0], [0, 1, 0], [0, 0, 1]])
    """

    queries: Tensor
    documents: Tensor
    query_languages: Tensor
    document_languages: Tensor
    query_ids: Tensor
    document_ids: Tensor
    document_query_ids: Tensor | None = None
    paired: bool = True
    other_queries: Texts | None = None
    other_documents: Texts | None = None
    domain: bool = False
    progress: float = 0.0
    query_rows: Tensor | None = None
    document_rows: Tensor | None = None
    teacher: TeacherEmbeddings | None = None
    teacher_scores: Tensor | None = None
    _similarities: dict[tuple[float, bool], Tensor] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        for name in ("documents", "document_languages", "document_ids", "document_query_ids", "document_rows"):
            value = getattr(self, name)
            if value is not None and value.ndim == (3 if name == "documents" else 2):
                object.__setattr__(self, name, torch.cat([value[:, 0], value[:, 1:].flatten(0, 1)]))
        if self.document_query_ids is None:
            negatives = self.query_ids.new_full((len(self.documents) - len(self.queries),), -1)
            object.__setattr__(self, "document_query_ids", torch.cat([self.query_ids, negatives]))

    def similarities(self, temperature: Tensor | float) -> Tensor:
        """(Q, M) cosines of queries and documents over a temperature, computed once for all terms that ask for the
        same one."""
        if isinstance(temperature, Tensor):  # is learned, and a term's own
            return cosine_similarity(self.queries, self.documents, temperature)
        asked = temperature, torch.is_grad_enabled()
        if asked not in self._similarities:
            self._similarities[asked] = cosine_similarity(self.queries, self.documents, temperature)
        return self._similarities[asked]

    def relevant(self) -> Tensor:
        """(Q, M) bool: True where document j is known to be relevant to query i, being its own, another version's
        of the same query, or the same document again."""
        assert self.document_query_ids is not None
        same = self.query_ids[:, None] == self.document_query_ids
        if self.paired:
            same = same | (self.document_ids[: len(self.queries), None] == self.document_ids)
        return same

    def positives(self) -> Tensor:
        """(Q, M) bool: the documents that query i is to find: its own in a paired batch, else all relevant ones."""
        if not self.paired:
            return self.relevant()
        return torch.eye(len(self.queries), len(self.documents), dtype=torch.bool, device=self.queries.device)

    def known_positives(self) -> Tensor:
        """(Q, M) bool: True where document j is relevant to query i without being one that it is to find, so that
        it must not serve as a negative."""
        if not self.paired:
            return torch.zeros(len(self.queries), len(self.documents), dtype=torch.bool, device=self.queries.device)
        return self.relevant().fill_diagonal_(fill_value=False)

    def cut(self, size: int) -> EmbeddedBatch:
        """Return the batch with embeddings of their first dimensions alone."""

        def first(texts: Texts | None) -> Texts | None:
            return None if texts is None else replace(texts, embeddings=texts.embeddings[:, :size])

        return replace(
            self,
            queries=self.queries[:, :size],
            documents=self.documents[:, :size],
            other_queries=first(self.other_queries),
            other_documents=first(self.other_documents),
        )

    def is_distinct(self) -> bool:
        """Tell whether a batch on a CPU is paired, without hard negatives, and no two pairs share an id: then there
        are no known positives, which takes a tenth of the time to find out."""
        assert self.document_query_ids is not None
        ids = self.query_ids
        if ids.device.type != "cpu" or not self.paired or not torch.equal(ids, self.document_query_ids):
            return False
        return all(len(np.unique(one.numpy())) == len(one) for one in (ids, self.document_ids))

    def query_versions(self) -> Texts:
        """Return the queries with their versions in other languages."""
        own = Texts(self.queries, self.query_languages, self.query_ids, self.query_rows)
        return own.joined(self.other_queries)

    def document_versions(self) -> Texts:
        """Return the relevant documents with their versions in other languages."""
        assert self.document_query_ids is not None
        known = self.document_query_ids >= 0
        own = Texts(self.documents[known], self.document_languages[known], self.document_query_ids[known])
        return own.joined(self.other_documents)

    def all_documents(self) -> Texts:
        """Return the documents, hard negatives among them, with their versions in other languages."""
        assert self.document_query_ids is not None
        own = Texts(self.documents, self.document_languages, self.document_query_ids, self.document_rows)
        return own.joined(self.other_documents)


def example_batch() -> EmbeddedBatch:
    """Return a batch to try terms on: query 7 in languages 0 and 1, query 8 in language 1, a document for each in
    the languages 0, 1 and 0; unlike texts are orthogonal."""
    languages = torch.tensor([0, 1, 1]), torch.tensor([0, 1, 0])
    return EmbeddedBatch(torch.eye(3), torch.eye(3), *languages, torch.tensor([7, 7, 8]), torch.tensor([0, 1, 2]))
