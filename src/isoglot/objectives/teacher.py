"""`TeacherEmbeddings`: what a teacher makes of the texts of a collection, looked up by row."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from isoglot.errors import InputError

__all__ = ["OF", "Of", "TeacherEmbeddings", "check_of"]

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
