"""Which texts of a collection are the same, whatever ids they stand under."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from xxhash import xxh3_64_intdigest

from isoglot.collections.arrow import take_from
from isoglot.collections.collection import Collection

__all__ = ["TextNumbers", "known_texts", "number_texts"]

IntArray = NDArray[np.integer[Any]]

BLOCK = 65_536
"""Texts held as Python strings at a time."""


@dataclass(frozen=True)
class TextNumbers:
    """A number for each text, the same where an encoder reads the same characters, but for space around them.

    Documents are read with their titles. One whose text without its title is that of a query has the query's
    number, as such a document is no answer to it.

    Attributes:
        queries: (Q,) int64, from 0 on.
        documents: (D,) int64; -1 of those that were not asked for.
        size: how many different texts there are.
    """

    queries: IntArray
    documents: IntArray
    size: int


def number_texts(collection: Collection, documents: IntArray | None = None) -> TextNumbers:
    """Number the texts of a collection in order of documents, then of queries, by a hash of 64 bits of each.

    Args:
        collection: the collection.
        documents: (n,) ascending rows of the documents to number; all if None.
    """
    rows = np.arange(collection.documents.num_rows) if documents is None else documents
    asked = _hashes(collection.query_column, np.arange(collection.queries.num_rows))
    read = _hashes(collection.document_column, rows)
    titled = np.flatnonzero(pc.not_equal(take_from(collection.documents["title"], rows), "").to_numpy())
    bare = _hashes(lambda block: take_from(collection.documents["text"], block), rows[titled])
    same = np.isin(bare, asked)
    read[titled[same]] = bare[same]
    _, first, number = np.unique(np.concatenate([read, asked]), return_index=True, return_inverse=True)
    order = np.empty(len(first), np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    numbers = order[number.reshape(-1)]
    of_documents = np.full(collection.documents.num_rows, -1, np.int64)
    of_documents[rows] = numbers[: len(rows)]
    return TextNumbers(numbers[len(rows) :], of_documents, len(first))


def _hashes(read: Callable[[IntArray], pa.ChunkedArray], rows: IntArray) -> IntArray:
    """Return (n,) int64 hashes of the texts of rows (n,)."""
    parts = [np.empty(0, np.int64)]
    for start in range(0, len(rows), BLOCK):
        texts = pc.utf8_trim_whitespace(read(rows[start : start + BLOCK])).cast(pa.large_binary()).to_pylist()
        parts.append(np.fromiter(map(xxh3_64_intdigest, texts), np.uint64, len(texts)).view(np.int64))
    return np.concatenate(parts)


def known_texts(collection: Collection, numbers: TextNumbers) -> tuple[IntArray, IntArray]:
    """Return what is no negative of a query id: the texts of its relevant documents and of its own versions.

    Args:
        collection: the collection.
        numbers: of its texts, all relevant documents among them.

    Returns:
        Query id indices (n,), ascending, and text numbers (n,), each pair once.
    """
    relevance = collection.relevance
    ids = np.concatenate([relevance.queries, collection.query_index]).astype(np.int64)
    texts = np.concatenate([numbers.documents[relevance.documents], numbers.queries])
    owners, held = np.divmod(np.unique(ids * numbers.size + texts), max(numbers.size, 1))
    return owners, held
