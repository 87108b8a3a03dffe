"""What belongs to the query ids of a collection: their texts in several languages, and which may not meet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from isoglot.batching.strategies import is_english
from isoglot.collections import Collection
from isoglot.collections.texts import known_texts, number_texts

__all__ = ["Conflicts", "Grouped", "Versions", "english_versions", "lowest"]


@dataclass(frozen=True)
class Grouped:
    """Values in groups numbered from 0, those of a group one after the other (compressed rows).

    Attributes:
        values: (n,).
        offsets: (G + 1,) int64; those of group g are `values[offsets[g]:offsets[g + 1]]`.
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def by(cls, groups: np.ndarray, values: np.ndarray, size: int) -> Grouped:
        """Group values (n,), given in the order of their groups (n,), into so many groups."""
        return cls(values, np.concatenate([[0], np.cumsum(np.bincount(groups, minlength=size))]))

    def of(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all values (n,) of groups (g,), and the position in `groups` that each belongs to (n,)."""
        places, owner = self.places(groups)
        return self.values[places], owner

    def places(self, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where the values of groups (g,) are (n,), and the position in `groups` of each (n,)."""
        starts = self.offsets[groups]
        counts = self.offsets[groups + 1] - starts
        owner = np.repeat(np.arange(len(groups)), counts)
        return np.arange(len(owner)) + np.repeat(starts - (np.cumsum(counts) - counts), counts), owner


class Versions:
    """The texts of every query id of a collection.

    Args:
        collection: the collection.
        query_languages: (L,) bool, the languages that queries may have; all if None.
        document_languages: (L,) bool, likewise of documents.

    Attributes:
        queries: query rows of each query id.
        documents: rows of its relevant documents.
    """

    def __init__(
        self,
        collection: Collection,
        query_languages: np.ndarray | None = None,
        document_languages: np.ndarray | None = None,
    ) -> None:
        self.collection = collection
        size = len(collection.query_ids)
        rows = np.argsort(collection.query_index, kind="stable").astype(np.int32)
        if query_languages is not None:
            rows = rows[query_languages[collection.query_language[rows]]]
        self.queries = Grouped.by(collection.query_index[rows], rows, size)
        owners, documents = collection.relevance.queries, collection.relevance.documents
        if document_languages is not None:
            kept = document_languages[collection.document_language[documents]]
            owners, documents = owners[kept], documents[kept]
        self.documents = Grouped.by(owners, documents, size)

    def any(self) -> bool:
        """Tell whether any query, or the relevant documents of any, are in two languages."""
        collection, size = self.collection, len(self.collection.languages)
        for texts, language in (
            (self.queries, collection.query_language),
            (self.documents, collection.document_language),
        ):
            owner = np.repeat(np.arange(len(texts.offsets) - 1), np.diff(texts.offsets))
            owners = np.unique(owner * np.int64(size) + language[texts.values]) // size
            if np.any(owners[1:] == owners[:-1]):
                return True
        return False


def english_versions(collection: Collection) -> np.ndarray:
    """Return (Q + D,) int64: the English version of every query row, then of every document row, as such a row;
    their own row where there is none, and of what is English already.

    A query's is the query of the same id (of several kinds of English the first by tag). A document's is the one
    English document of a query that it answers, being the only one in its own language that does; if several of its
    queries name several, or none names one, it has none.
    """
    english = is_english(collection.languages)
    first = collection.queries.num_rows
    found = np.arange(first + collection.documents.num_rows, dtype=np.int64)
    spoken, ids = collection.query_language, collection.query_index
    rows = np.flatnonzero(english[spoken])
    leads = np.full(len(collection.query_ids), -1, np.int64)
    order = rows[np.lexsort((rows, spoken[rows]))][::-1]
    leads[ids[order]] = order
    mine = np.flatnonzero(~english[spoken] & (leads[ids] >= 0))
    found[mine] = leads[ids[mine]]

    owners, documents = collection.relevance.queries.astype(np.int64), collection.relevance.documents
    language = collection.document_language[documents]
    _, cell, counts = np.unique(owners * len(english) + language, return_inverse=True, return_counts=True)
    alone = counts[cell.reshape(-1)] == 1
    rows = np.flatnonzero(english[language])
    order = rows[np.lexsort((language[rows], owners[rows]))][::-1]
    leads = np.full(len(collection.query_ids), -1, np.int64)
    leads[owners[order]] = np.where(alone[order], documents[order], -1)
    rows = np.flatnonzero(alone & ~english[language] & (leads[owners] >= 0))
    lowest, highest = np.full(len(found) - first, len(found), np.int64), np.full(len(found) - first, -1, np.int64)
    np.minimum.at(lowest, documents[rows], leads[owners[rows]])
    np.maximum.at(highest, documents[rows], leads[owners[rows]])
    agreed = np.flatnonzero(lowest == highest)
    found[first + agreed] = first + lowest[agreed]
    return found


@dataclass(frozen=True)
class Conflicts:
    """Which query ids may not meet in a batch, as *claims*: two ids conflict if they have a claim in common.

    A claim stands for one text, that of a relevant document or of the query itself, or for all texts that belong to
    exactly the same query ids (the language versions of a page, mostly), so that there are few. Texts of one id
    only need none. It is the text that counts: a document may stand there again under another id.

    Attributes:
        claims: claim numbers, int64, of each of G query ids; every number from 0 to G - 1 is the id itself (two
            documents for one query, or two language versions of it, conflict as well) and is not listed.
    """

    claims: Grouped

    @classmethod
    def of(cls, collection: Collection) -> Conflicts:
        """Find the conflicts between all query ids of a collection, in O(queries + judgments)."""
        ids = len(collection.query_ids)
        numbers = number_texts(collection, np.unique(collection.relevance.documents))
        owners, texts = known_texts(collection, numbers)
        # A random sum names a set of query ids: texts with equal sums are taken to belong to the same ids, and one
        # of them stands for all. Two different sets have equal sums with probability 2^-64 a pair.
        names = np.random.default_rng(0).integers(0, 2**64, ids, dtype=np.uint64)
        sums = np.zeros(numbers.size, np.uint64)
        np.add.at(sums, texts, names[owners])
        claimed = np.zeros(numbers.size, bool)
        claimed[np.unique(sums, return_index=True)[1]] = True
        claimed &= np.bincount(texts, minlength=numbers.size) > 1
        kept = claimed[texts]
        number = np.cumsum(claimed) - 1 + ids
        return cls(Grouped.by(owners[kept], number[texts[kept]], ids))

    def of_rows(self, query_index: np.ndarray) -> Grouped:
        """Return all claims of each row, its own id included, of the query id index of rows (n,)."""
        listed, owner = self.claims.of(query_index)
        offsets = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=len(query_index)) + 1)])
        return Grouped(np.insert(listed, offsets[:-1] - np.arange(len(query_index)), query_index), offsets)

    def heaviest(self, query_index: np.ndarray) -> int:
        """Return the most rows that share one claim: at least that many batches are needed for these rows."""
        return int(np.bincount(self.of_rows(query_index).values).max(initial=0))


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
