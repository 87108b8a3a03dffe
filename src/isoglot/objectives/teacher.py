"""`TeacherEmbeddings`, `TeacherScores`: what teachers make of the texts of a collection, looked up by row."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isoglot.errors import InputError

__all__ = ["OF", "Of", "TeacherEmbeddings", "TeacherScores", "check_of"]

Of = Literal["english", "own"]
OF: tuple[Of, ...] = ("english", "own")
"""Whose embeddings a teacher's are: those of a text's English version, or of the text itself."""

IntArray = NDArray[np.integer[Any]]


def check_of(of: str) -> None:
    """Raise `InputError` unless a teacher's embeddings can be had of this."""
    if of not in OF:
        raise InputError(f"a teacher has no embeddings of {of!r}: choose {' or '.join(OF)}")


class TeacherEmbeddings:
    """A teacher's embeddings of the T texts of a collection: all query rows, then all document rows.

    Args:
        embeddings: (T, t) float32, of unit length, perhaps memory-mapped; anything where there is none.
        english: (T,) the row of each text's English version; its own where it has none. None for all their own.
        known: (T,) bool, which texts the teacher has an embedding of; None for all.
        name: what the teacher is called.
        fingerprint: hash of what decides its embeddings.

    Example:
        >>> import numpy as np, torch
        >>> teacher = TeacherEmbeddings(np.eye(3, dtype=np.float32), np.array([0, 0, 2]))
        >>> vectors, known = teacher.look_up(torch.tensor([1, -1]), "english")
        >>> vectors.tolist(), known.tolist()
        ([[1.0, 0.0, 0.0], [0.0, 0.0, 0.0]], [True, False])
    """

    def __init__(
        self,
        embeddings: NDArray[np.float32],
        english: IntArray | None = None,
        known: NDArray[np.bool_] | None = None,
        *,
        name: str = "teacher",
        fingerprint: str = "",
    ) -> None:
        self.embeddings = embeddings
        self.name = name
        self.fingerprint = fingerprint
        own = np.arange(len(embeddings), dtype=np.int64)
        if known is not None:
            own[~known] = -1
        leads = own if english is None else own[english]
        self._rows = {"own": own, "english": np.where(leads >= 0, leads, own)}

    def __len__(self) -> int:
        return len(self.embeddings)

    @property
    def dimensions(self) -> int:
        """Size t of its embeddings."""
        return int(self.embeddings.shape[1])

    def look_up(self, rows: Tensor, of: Of) -> tuple[Tensor, Tensor]:
        """Return the teacher's embeddings of texts.

        Args:
            rows: (n,) which texts; -1 for none of the collection.
            of: `english`: those of their English versions, their own where there is none; `own`: their own.

        Returns:
            Embeddings (n, t), zeros where the teacher has none, and whether it has one (n,) bool; on the device of
            the rows.
        """
        asked = rows.cpu().numpy()
        found = np.where(asked >= 0, self._rows[of][asked], -1)
        known = found >= 0
        vectors = np.asarray(np.take(self.embeddings, found, axis=0, mode="clip"))
        if not known.all():
            vectors[~known] = 0
        return torch.from_numpy(vectors).to(rows.device), torch.from_numpy(known).to(rows.device)


class TeacherScores:
    """A cross-encoder's scores of documents for queries, as they lie with a collection.

    Args:
        offsets: (Q + 1,) query row i has scores of the documents `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) rows, after all query rows.
        scores: (n,) float32.
        query_ids: (Q,) integers, the same for the versions of a query.

    Example:
        >>> import numpy as np, torch
        >>> scores = TeacherScores(np.array([0, 2, 3]), np.array([2, 3, 3]), np.array([5, 1, 2]), np.array([7, 7]))
        >>> scores.look_up(torch.tensor([0, 1]), torch.tensor([2, 3])).tolist()
        [[5.0, 1.0], [5.0, 2.0]]
    """

    def __init__(
        self, offsets: IntArray, documents: IntArray, scores: NDArray[np.floating[Any]], query_ids: IntArray
    ) -> None:
        self._own = np.asarray(offsets), np.asarray(documents), np.asarray(scores, np.float32)
        self._ids = np.asarray(query_ids)
        # those of all versions of a query together: of a document with several scores their mean
        width = int(self._own[1].max(initial=0)) + 1
        owner = np.repeat(self._ids, np.diff(self._own[0])).astype(np.int64)
        keys, place, counts = np.unique(owner * width + self._own[1], return_inverse=True, return_counts=True)
        means = np.bincount(place.reshape(-1), self._own[2], minlength=len(keys)) / counts
        starts = np.searchsorted(keys // width, np.arange(int(self._ids.max(initial=-1)) + 2))
        self._shared = starts, keys % width, means.astype(np.float32)

    def look_up(self, queries: Tensor, documents: Tensor) -> Tensor:
        """Return the scores of queries and documents.

        Args:
            queries: (q,) query rows.
            documents: (m,) document rows, after all query rows; each once.

        Returns:
            (q, m) the score that the version of a query has with a document; where it has none, the mean of those
            of its other versions; NaN where nobody has one.
        """
        asked, shown = queries.cpu().numpy(), documents.cpu().numpy()
        found = np.full((len(asked), len(shown)), np.nan, np.float32)
        order = np.argsort(shown, kind="stable")
        for (starts, rows, scores), groups in ((self._shared, self._ids[asked]), (self._own, asked)):
            counts = starts[groups + 1] - starts[groups]
            at = np.arange(counts.sum()) + np.repeat(starts[groups] - (np.cumsum(counts) - counts), counts)
            owner = np.repeat(np.arange(len(groups)), counts)
            place = np.searchsorted(shown, rows[at], sorter=order)
            column = order[np.minimum(place, len(order) - 1)] if len(order) else place
            here = shown[column] == rows[at] if len(order) else np.zeros(len(at), bool)
            found[owner[here], column[here]] = scores[at[here]]
        return torch.from_numpy(found).to(queries.device)
