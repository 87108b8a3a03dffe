"""The texts of one side of a collection, queries or documents, as they are compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.data.quality.normalising import digests, normalised

__all__ = ["Kind", "Texts", "shorten"]

IntArray = NDArray[np.integer[Any]]
Kind = Literal["queries", "documents"]

BLOCK = 8_192
LONGEST_SHOWN = 160


@dataclass(frozen=True)
class Texts:
    """The queries or the documents of a collection.

    Attributes:
        collection: whose.
        kind: which of the two.
    """

    collection: Collection
    kind: Kind

    def __len__(self) -> int:
        return int(self._table.num_rows)

    @property
    def _table(self) -> pa.Table:
        return self.collection.queries if self.kind == "queries" else self.collection.documents

    @property
    def language(self) -> IntArray:
        """(n,) index into the collection's `languages`."""
        return self.collection.query_language if self.kind == "queries" else self.collection.document_language

    @property
    def read(self) -> Callable[[IntArray], list[str]]:
        """The function that returns the texts of rows (n,), as an encoder reads them: documents with titles."""
        return self.collection.query_texts if self.kind == "queries" else self.collection.document_texts

    def normalised(self, rows: IntArray) -> list[str]:
        """Return the normalised texts of rows (n,)."""
        return normalised(self.read(rows))

    @cached_property
    def digests(self) -> NDArray[np.void]:
        """(n,) digests of the normalised texts, made a few thousand texts at a time."""
        starts = range(0, len(self), BLOCK)
        rows = (np.arange(start, min(start + BLOCK, len(self))) for start in starts)
        parts = [digests(self.normalised(block)) for block in rows]
        return np.concatenate(parts) if parts else digests([])

    def shown(self, row: int) -> dict[str, str]:
        """Return id, language and the beginning of the text of a row, for an example."""
        record = self._table.slice(row, 1).to_pylist()[0]
        text = shorten(self.read(np.array([row]))[0])
        return {"id": record["_id"], "language": record["lang"], "text": text}


def shorten(text: str) -> str:
    """Return a text in one line, cut where it is longer than an example may be."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 1] + "…"
