"""`Collection`: documents, queries and relevance judgments, each text tagged with a language."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.arrow import take_from
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag
from isoglot.names import did_you_mean

__all__ = ["KEEP_TAGS", "PSEUDO_QUERIES", "TRANSLATIONS", "Collection", "Relevance"]

IntArray = NDArray[np.integer[Any]]

TRANSLATIONS = "translations"
"""Key of `collection.yaml`: true where queries look for their translations."""
PSEUDO_QUERIES = "pseudo_queries"
"""Key of `collection.yaml`: what queries were made of, where they are parts of documents and nobody's questions."""
KEEP_TAGS = "keep_tags"
"""Key of `collection.yaml`: true where language tags stay as they are written."""


@dataclass(frozen=True)
class Relevance:
    """Relevant documents of every query id, in compressed rows.

    Those of query id `g` lie at `documents[offsets[g]:offsets[g + 1]]`, in document order.

    Attributes:
        offsets: (G + 1,) int64.
        documents: (J,) int32, document rows with a judgment above 0.
        scores: (J,) int32, their judgments.
    """

    offsets: IntArray
    documents: IntArray
    scores: IntArray

    def of(self, query_index: int) -> IntArray:
        """Return the relevant document rows, in all languages, of one query id."""
        return self.documents[self.offsets[query_index] : self.offsets[query_index + 1]]

    @cached_property
    def queries(self) -> IntArray:
        """(J,) int32: the query id index that each relevant document belongs to."""
        return np.repeat(np.arange(len(self.offsets) - 1, dtype=np.int32), np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class Collection:
    """A test collection: used for training and for evaluation alike.

    Texts stay in Arrow; everything that is computed with is an integer array. A *query id* is shared by all
    language versions of a query, each version being one *query row*; `query_index` maps rows to ids.
    Judgments name every relevant document in every language, so the n² language pairs are never written out:
    `pairs` finds those of one language pair when they are asked for.

    Attributes:
        documents: Arrow table with columns `_id`, `lang`, `title`, `text` (and `extra`: other keys, as JSON).
        queries: Arrow table with columns `_id`, `lang`, `text` (and `extra`).
        judgments: Arrow table with int32 columns `query` (query id index), `document` (its row), `score`.
        query_ids: Arrow string array of the G distinct query ids, in order of first appearance.
        query_index: (Q,) int32, the query id index of each query row.
        name: what the collection is called in reports.
        metadata: licence, source, citation, …, as in `collection.yaml`. `translations: true` says that queries look
            for their translations (`finds_translations`).
        dropped: what lenient reading left out: reason -> count.
    """

    documents: pa.Table
    queries: pa.Table
    judgments: pa.Table
    query_ids: pa.Array
    query_index: IntArray
    name: str = "collection"
    metadata: dict[str, Any] = field(default_factory=dict)
    dropped: dict[str, int] = field(default_factory=dict)

    def __repr__(self) -> str:
        return (
            f"Collection({self.name!r}: {self.documents.num_rows:,} documents, "
            f"{self.queries.num_rows:,} queries ({len(self.query_ids):,} ids), "
            f"{self.judgments.num_rows:,} judgments, {len(self.languages)} languages)"
        )

    @cached_property
    def languages(self) -> tuple[str, ...]:
        """Canonical tags of all languages that a document or a query has, sorted."""
        tables = (self.documents, self.queries)
        return tuple(sorted({tag for table in tables for tag in pc.unique(table["lang"]).to_pylist()}))

    @property
    def finds_translations(self) -> bool:
        """Whether queries look for their translations, as aligned sentences do.

        A query's relevant documents in its own language are then the query itself and its paraphrases: no training
        pairs, no monolingual retrieval, and not in the pool that it is sought in.
        """
        return bool(self.metadata.get(TRANSLATIONS, False))

    def language_index(self, tag: str) -> int:
        """Return the position of a language in `languages`.

        Raises:
            InputError: the collection has no text in this language.
        """
        try:
            return self.languages.index(tag)
        except ValueError:
            meant = did_you_mean(tag, self.languages)
            raise InputError(
                f"{self.name} has no language {tag!r}{meant}; it has {', '.join(self.languages)}"
            ) from None

    def asked_language(self, tag: str) -> str:
        """Return the tag here of a language that a user asks for by any name of it: `arb` may be `arb-Arab`.

        Raises:
            InputError: the collection has no text in this language; or has it under several tags, as where tags are
                kept as they are written (`keep_tags`).
        """
        try:
            same = [own for own in self.languages if canonical_tag(own) == canonical_tag(tag)]
        except ValueError:
            same = []
        if len(same) > 1:
            raise InputError(
                f"{self.name} has {canonical_tag(tag)} under the tags {' and '.join(same)}, kept as they are "
                "written, of which none can be asked for alone: convert it without --keep-tags, and without "
                "keep_tags in its collection.yaml"
            )
        return same[0] if same else self.languages[self.language_index(tag)]

    def _language_column(self, table: pa.Table) -> IntArray:
        codes = pc.index_in(table["lang"], value_set=pa.array(self.languages, pa.string()))
        return codes.to_numpy().astype(np.int16)

    @cached_property
    def document_language(self) -> IntArray:
        """(D,) int16: index into `languages` of each document."""
        return self._language_column(self.documents)

    @cached_property
    def query_language(self) -> IntArray:
        """(Q,) int16: index into `languages` of each query row."""
        return self._language_column(self.queries)

    @cached_property
    def relevance(self) -> Relevance:
        """Relevant documents (judgment above 0) of every query id."""
        query = self.judgments["query"].to_numpy()
        document = self.judgments["document"].to_numpy()
        score = self.judgments["score"].to_numpy()
        rows = np.flatnonzero(score > 0)
        rows = rows[np.lexsort((document[rows], query[rows]))]
        counts = np.bincount(query[rows], minlength=len(self.query_ids))
        offsets = np.concatenate([[0], np.cumsum(counts)])
        return Relevance(offsets, document[rows].astype(np.int32), score[rows].astype(np.int32))

    @cached_property
    def _queries_by_language(self) -> tuple[IntArray, IntArray]:
        """Query rows sorted by (language, query id), and where each language starts."""
        order = np.lexsort((self.query_index, self.query_language)).astype(np.int32)
        starts = np.searchsorted(self.query_language[order], np.arange(len(self.languages) + 1))
        return order, starts

    @cached_property
    def _relevance_by_language(self) -> tuple[IntArray, IntArray]:
        """Positions in `relevance.documents` sorted by document language, and where each language starts."""
        language = self.document_language[self.relevance.documents]
        order = np.argsort(language, kind="stable").astype(np.int32)
        starts = np.searchsorted(language[order], np.arange(len(self.languages) + 1))
        return order, starts

    def pairs(self, query_language: str, document_language: str) -> tuple[IntArray, IntArray]:
        """Find the training pairs of one language pair: every (query, relevant document) of these languages.

        Nothing is stored: the two arrays are made on each call, in O(judgments of the document language).

        Args:
            query_language: canonical tag of the query language.
            document_language: canonical tag of the document language.

        Returns:
            Query rows (n,) and document rows (n,), int32, in order of query id, then document row. None within a
            language if the collection `finds_translations`.

        Raises:
            InputError: the collection has no text in one of the languages.
        """
        a, b = self.language_index(query_language), self.language_index(document_language)
        if a == b and self.finds_translations:
            return np.empty(0, np.int32), np.empty(0, np.int32)
        query_order, query_starts = self._queries_by_language
        versions = query_order[query_starts[a] : query_starts[a + 1]]
        relevance_order, relevance_starts = self._relevance_by_language
        judged = relevance_order[relevance_starts[b] : relevance_starts[b + 1]]
        wanted = self.relevance.queries[judged]
        ids = self.query_index[versions]
        if not len(ids) or not len(wanted):
            return np.empty(0, np.int32), np.empty(0, np.int32)
        found = np.minimum(np.searchsorted(ids, wanted), len(ids) - 1)
        hit = ids[found] == wanted
        return versions[found[hit]], self.relevance.documents[judged[hit]]

    @cached_property
    def pair_counts(self) -> IntArray:
        """(L, L) int64: number of training pairs n(a, b), query language by document language."""
        from scipy.sparse import csr_array

        size = (len(self.query_ids), len(self.languages))
        asked = csr_array(
            (np.ones(len(self.query_index), np.int64), (self.query_index, self.query_language)), shape=size
        )
        documents = self.relevance.documents
        answered = csr_array(
            (np.ones(len(documents), np.int64), (self.relevance.queries, self.document_language[documents])),
            shape=size,
        )
        counts = (asked.T @ answered).toarray()
        if self.finds_translations:
            np.fill_diagonal(counts, 0)
        return counts

    @property
    def relevant_counts(self) -> IntArray:
        """(Q,) number of relevant documents of each query version, in whatever language."""
        counts: IntArray = np.diff(self.relevance.offsets)[self.query_index]
        return counts

    def judged_query_rows(self) -> IntArray:
        """Find the query rows (q,), ascending, that have at least one relevant document; in another language, where
        the collection `finds_translations`.

        Raises:
            InputError: there is none, so nothing can be measured.
        """
        relevant = self.relevant_counts
        if self.finds_translations:
            size = len(self.languages)
            answered = self.relevance.queries.astype(np.int64) * size
            answered += self.document_language[self.relevance.documents]
            asked = self.query_index.astype(np.int64) * size + self.query_language
            in_own_language = np.bincount(answered, minlength=len(self.query_ids) * size)[asked]
            relevant = relevant - in_own_language
        rows = np.flatnonzero(relevant > 0)
        if not len(rows):
            raise InputError(
                f"{self.name} has no query with a relevant document (a judgment above 0): nothing can be measured; "
                "check its qrels"
            )
        return rows

    def linked_ids(self) -> tuple[int, int]:
        """Count the query ids that link languages: those with queries or relevant documents in more than one.

        Without any, nothing is to be found across languages.

        Returns:
            How many there are, and of how many ids with a relevant document.
        """
        size = len(self.languages)
        asked = self.query_index.astype(np.int64) * size + self.query_language
        relevance = self.relevance
        answered = relevance.queries.astype(np.int64) * size + self.document_language[relevance.documents]
        spoken = np.bincount(np.unique(np.concatenate([asked, answered])) // max(size, 1), minlength=1)
        judged = np.unique(relevance.queries)
        return int((spoken[judged] > 1).sum()), len(judged)

    def query_column(self, rows: IntArray | None = None) -> pa.ChunkedArray:
        """Return the texts of query rows (n,), in their order, as Arrow strings; of all if None."""
        column = self.queries["text"]
        return column if rows is None else take_from(column, rows)

    def document_column(self, rows: IntArray | None = None) -> pa.ChunkedArray:
        """Return what an encoder reads of documents, as Arrow strings: title, space and text, as in BEIR.

        The texts are made anew, in memory: a collection larger than that is gone through some rows at a time.

        Args:
            rows: document rows (n,), in the order wanted; all documents if None.
        """
        title, text = (self.documents[name] for name in ("title", "text"))
        if rows is not None:
            title, text = take_from(title, rows), take_from(text, rows)
        return pc.utf8_trim_whitespace(pc.binary_join_element_wise(title, text, " "))

    def query_texts(self, rows: IntArray | None = None) -> list[str]:
        """Return `query_column` as Python strings."""
        texts: list[str] = self.query_column(rows).to_pylist()
        return texts

    def document_texts(self, rows: IntArray | None = None) -> list[str]:
        """Return `document_column` as Python strings."""
        texts: list[str] = self.document_column(rows).to_pylist()
        return texts
