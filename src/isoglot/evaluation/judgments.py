"""What is to be ranked, `Judgments`, and what ranking finds, `Ranks`."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.collections.identical import identical_documents

__all__ = ["IntArray", "Judgments", "Ranks", "judgments_of", "tell_identical"]

IntArray = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)


def _none() -> IntArray:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class Judgments:
    """What is to be ranked: query rows with their relevant documents, in compressed rows.

    Attributes:
        query_rows: (q,) query rows, each with at least one relevant document.
        query_ids: (q,) query id index of each query row.
        offsets: (q + 1,) int64; the relevant documents of query i are `documents[offsets[i]:offsets[i + 1]]`.
        documents: (n,) document rows.
        gains: (n,) judgments, above 0.
        document_language: (D,) language index of every document of the pool.
        excluded_queries: (m,) positions of queries, ascending, that a document is not in the pool of.
        excluded_documents: (m,) the rows of these documents.
        identical: how many of these are their queries themselves.
        keeps_identical: whether none was looked for.
        pools: (P, L) whether documents of a language are in a pool; None for the pool of all documents.
        pool_of: (q,) the pool of each query.
    """

    query_rows: IntArray
    query_ids: IntArray
    offsets: IntArray
    documents: IntArray
    gains: IntArray
    document_language: IntArray
    excluded_queries: IntArray = field(default_factory=_none)
    excluded_documents: IntArray = field(default_factory=_none)
    identical: int = 0
    keeps_identical: bool = False
    pools: NDArray[np.bool_] | None = None
    pool_of: IntArray | None = None

    def pool_counts(self, languages: int) -> NDArray[np.int64]:
        """Return (q, L), how many documents of each of so many languages are in the pool of each query."""
        counts = np.bincount(self.document_language, minlength=languages)
        if self.pools is None or self.pool_of is None:
            return np.broadcast_to(counts, (len(self.query_rows), len(counts)))
        return np.where(self.pools, counts, 0)[self.pool_of]

    @cached_property
    def queries(self) -> IntArray:
        """(n,) position of the query that each relevant document belongs to."""
        return np.repeat(np.arange(len(self.query_rows)), np.diff(self.offsets))

    @cached_property
    def columns(self) -> NDArray[np.int64]:
        """(D,) the document rows, those of one language side by side: how ranking goes through them."""
        return np.argsort(self.document_language, kind="stable").astype(np.int64)

    @cached_property
    def column_of(self) -> NDArray[np.int64]:
        """(D,) the place of every document row in `columns`."""
        place = np.empty(len(self.columns), np.int64)
        place[self.columns] = np.arange(len(place))
        return place

    @property
    def has_versions(self) -> bool:
        """Whether some query has several language versions, whose rankings can be correlated."""
        return len(np.unique(self.query_ids)) < len(self.query_ids)

    def excluded_from(self, queries: IntArray) -> tuple[IntArray, IntArray]:
        """Return what is not in the pools of query positions (b,): places in `queries` (e,), document rows (e,)."""
        starts, ends = (np.searchsorted(self.excluded_queries, queries, side) for side in ("left", "right"))
        places = np.repeat(np.arange(len(queries)), ends - starts)
        rows = [np.arange(start, end) for start, end in zip(starts, ends, strict=True)]
        return places, self.excluded_documents[np.concatenate(rows) if rows else _none()]


@dataclass(frozen=True)
class Ranks:
    """Exact ranks. Documents with equal scores rank by document row, the lower row first.

    A run file may not rank every document: those that it leaves out have rank inf, and `top` is filled up with -1.

    Attributes:
        judgments: what was ranked; arrays of shape (n,) below run along its relevant documents.
        pool_rank: (n,) int64 (float64 where truncated), rank from 1 among all documents.
        language_rank: (n,) int64 (or float64), rank from 1 among the documents of the relevant document's own
            language.
        top: (q, k) int64, the document rows at ranks 1..k of the pool.
        correlation: (q,) mean Spearman correlation of a query's ranking of the pool with those of the other
            language versions of its query id, NaN where there is none; None if not asked for.
        top_correlation: (q,) the same of the documents that are among the first ten of either of two versions.
        truncated: whether documents may be unranked, as in run files.
    """

    judgments: Judgments
    pool_rank: NDArray[Any]
    language_rank: NDArray[Any]
    top: IntArray
    correlation: NDArray[np.float64] | None = None
    top_correlation: NDArray[np.float64] | None = None
    truncated: bool = False


def judgments_of(collection: Collection, query_rows: IntArray, *, ignore_identical_ids: bool = True) -> Judgments:
    """Gather the relevant documents of query rows (q,), each of which has at least one.

    Where the collection `finds_translations`, those in a query's own language are not in its pool, and no answers.

    Args:
        collection: the collection.
        query_rows: (q,) query rows.
        ignore_identical_ids: whether a document that is the query itself, by id and text, is not in its pool, as in
            BEIR, mteb (which go by the id alone) and pyserini; one that is judged relevant stays.
    """
    judged = _judged(collection, np.asarray(query_rows))
    if not ignore_identical_ids:
        return replace(judged, keeps_identical=True)
    positions, documents = identical_documents(collection, judged.query_rows)
    pool = len(judged.document_language)
    answers = judged.queries.astype(np.int64) * pool + judged.documents
    excluded = judged.excluded_queries.astype(np.int64) * pool + judged.excluded_documents
    own = np.setdiff1d(positions.astype(np.int64) * pool + documents, answers)
    if not len(own):
        return judged
    queries, rows = np.divmod(np.union1d(excluded, own), pool)
    return replace(judged, excluded_queries=queries, excluded_documents=rows, identical=len(own))


def tell_identical(judged: Judgments, name: str) -> None:
    """Say that documents are left out of the pools of queries that they are themselves."""
    if judged.identical:
        logger.warning(
            "%s: %s of %s queries are documents themselves (same id and text) and not ranked against themselves, "
            "as in BEIR and mteb; ignore_identical_ids=False, --keep-identical-ids, ranks them",
            name,
            f"{judged.identical:,}",
            f"{len(judged.query_rows):,}",
        )


def _judged(collection: Collection, query_rows: IntArray) -> Judgments:
    relevance = collection.relevance
    ids = collection.query_index[query_rows]
    counts = np.diff(relevance.offsets)[ids]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    taken = np.repeat(relevance.offsets[ids], counts) + within
    documents, gains = relevance.documents[taken], relevance.scores[taken]
    rows, language = np.asarray(query_rows), collection.document_language
    if not collection.finds_translations:
        return Judgments(rows, ids, offsets, documents, gains, language)
    query = np.repeat(np.arange(len(ids)), counts)
    own = language[documents] == collection.query_language[query_rows][query]
    offsets = np.concatenate([[0], np.cumsum(np.bincount(query[~own], minlength=len(ids)))]).astype(np.int64)
    return Judgments(rows, ids, offsets, documents[~own], gains[~own], language, query[own], documents[own])
