"""Versions: the texts of one query id in several languages, and draws of some of them."""

from __future__ import annotations

import numpy as np

from isoglot.collections import Collection

__all__ = ["Versions", "lowest", "spread"]


class Versions:
    """Query rows and relevant document rows of every query id of a collection.

    Args:
        collection: the collection.
        query_languages: (L,) bool, the languages that queries may have; all if None.
        document_languages: (L,) bool, likewise of documents.
    """

    def __init__(
        self,
        collection: Collection,
        query_languages: np.ndarray | None = None,
        document_languages: np.ndarray | None = None,
    ) -> None:
        ids = len(collection.query_ids)
        self.collection = collection
        rows = np.argsort(collection.query_index, kind="stable").astype(np.int32)
        if query_languages is not None:
            rows = rows[query_languages[collection.query_language[rows]]]
        self.query_rows = rows
        self.query_offsets = _offsets(collection.query_index[rows], ids)
        relevance = collection.relevance
        kept = np.ones(len(relevance.documents), bool)
        if document_languages is not None:
            kept = document_languages[collection.document_language[relevance.documents]]
        self.document_rows = relevance.documents[kept]
        self.document_offsets = _offsets(relevance.queries[kept], ids)

    def queries(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all query rows (n,) of query ids (g,), and the position in `ids` that each belongs to (n,)."""
        return spread(self.query_rows, self.query_offsets, ids)

    def query_places(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where in `query_rows` those of query ids (g,) are (n,), and the position in `ids` of each (n,)."""
        return _places(self.query_offsets, ids)

    def documents(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all relevant document rows (n,) of query ids (g,), and the position in `ids` of each (n,)."""
        return spread(self.document_rows, self.document_offsets, ids)


def _offsets(ids: np.ndarray, size: int) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(np.bincount(ids, minlength=size))])


def spread(rows: np.ndarray, offsets: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return what compressed rows hold for `ids` (g,), one after the other, and the position in `ids` of each.

    Args:
        rows: those of id `i` lie at `rows[offsets[i]:offsets[i + 1]]`.
        offsets: (G + 1,).
        ids: (g,).
    """
    places, owner = _places(offsets, ids)
    return rows[places], owner


def _places(offsets: np.ndarray, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    starts = offsets[ids]
    counts = offsets[ids + 1] - starts
    owner = np.repeat(np.arange(len(ids)), counts)
    return np.arange(len(owner)) + np.repeat(starts - (np.cumsum(counts) - counts), counts), owner


def lowest(keys: np.ndarray, owner: np.ndarray, most: int) -> np.ndarray:
    """Return the positions of the `most` lowest keys of every owner, ordered by owner and key.

    Args:
        keys: (n,).
        owner: (n,) whose key each is.
        most: how many an owner keeps.
    """
    order = np.lexsort((keys, owner))
    owners = owner[order]
    first = np.searchsorted(owners, owners)  # where each one's owner starts
    return order[np.arange(len(order)) - first < most]
