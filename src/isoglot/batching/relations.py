"""What belongs to the query ids of a collection: their texts in several languages, and which may not meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isoglot.collections import Collection, Relevance

__all__ = ["Conflicts", "Versions", "lowest", "spread"]


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


@dataclass(frozen=True)
class Conflicts:
    """Which query ids may not meet in a batch, as *claims*: two ids conflict if they have a claim in common.

    A claim stands for one document, or for all documents that are relevant to exactly the same query ids (the
    language versions of a page, mostly), so that there are few. Documents relevant to one id only need none.

    Attributes:
        offsets: (G + 1,) int64; the claims of query id `g` are `claims[offsets[g]:offsets[g + 1]]`.
        claims: int64, claim numbers; every number from 0 to G - 1 is the id itself (two documents for one query,
            or two language versions of it, conflict as well) and is not listed.
    """

    offsets: np.ndarray
    claims: np.ndarray

    @classmethod
    def of(cls, relevance: Relevance) -> Conflicts:
        """Find the conflicts between all query ids of a collection, in O(judgments)."""
        ids = len(relevance.offsets) - 1
        if not len(relevance.documents):
            return cls(np.zeros(ids + 1, np.int64), np.empty(0, np.int64))
        documents, where = np.unique(relevance.documents, return_inverse=True)
        # A random sum names a set of query ids: documents with equal sums are taken to be relevant to the same
        # ids, and one of them stands for all. Two different sets have equal sums with probability 2^-64 a pair.
        names = np.random.default_rng(0).integers(0, 2**64, ids, dtype=np.uint64)
        sums = np.zeros(len(documents), np.uint64)
        np.add.at(sums, where, names[relevance.queries])
        claimed = np.zeros(len(documents), bool)
        claimed[np.unique(sums, return_index=True)[1]] = True
        claimed &= np.bincount(where) > 1
        kept = claimed[where]
        number = np.cumsum(claimed) - 1 + ids
        offsets = np.concatenate([[0], np.cumsum(np.bincount(relevance.queries[kept], minlength=ids))])
        return cls(offsets, number[where[kept]])

    def of_rows(self, query_index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all claims of rows, their own ids included, as compressed rows.

        Args:
            query_index: (n,) query id index of each row.

        Returns:
            offsets (n + 1,) and claims.
        """
        listed = self.offsets[query_index + 1] - self.offsets[query_index]
        offsets = np.concatenate([[0], np.cumsum(listed + 1)])
        claims = np.empty(offsets[-1], np.int64)
        claims[offsets[:-1]] = query_index
        others = np.ones(len(claims), bool)
        others[offsets[:-1]] = False
        claims[others] = spread(self.claims, self.offsets, query_index)[0]
        return offsets, claims

    def heaviest(self, query_index: np.ndarray) -> int:
        """Return the most rows that share one claim: at least that many batches are needed for these rows."""
        _, claims = self.of_rows(query_index)
        return int(np.bincount(claims).max(initial=0))


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
