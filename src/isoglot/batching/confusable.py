"""Hard-negative queries: those that the hard negatives of a query answer, in the query's language."""

from __future__ import annotations

import numpy as np

from isoglot.batching.relations import Grouped, Versions, lowest
from isoglot.batching.strategies import is_english
from isoglot.collections import Collection

__all__ = ["ConfusableQueries"]


class ConfusableQueries:
    """Draws queries that are easily confused with others: their answers are among the hard negatives of these.

    Args:
        collection: the collection.
        hard: document rows of the hard negatives of every query row.
        versions: its texts by query id.
        most: how many are drawn for each query.
    """

    def __init__(self, collection: Collection, hard: Grouped, versions: Versions, most: int) -> None:
        self._collection, self._hard, self._versions, self._most = collection, hard, versions, most
        owners, documents = collection.relevance.queries, collection.relevance.documents
        order = np.argsort(documents, kind="stable")
        self._answered = Grouped.by(documents[order], owners[order], collection.documents.num_rows)
        self._english = is_english(collection.languages)

    def draw(self, queries: np.ndarray, versions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return query rows (n,), each once: for every query up to `most` of other ids than the batch's, none of
        which a relevant document of the batch's ids answers too.

        They are in the query's language, those of an English query in the language of its version: English
        documents are to find them.

        Args:
            queries: (B,) query rows of the batch.
            versions: (m,) query rows, versions of these in other languages, if there are any.
            rng: draws.
        """
        collection, texts = self._collection, self._versions
        language = collection.query_language
        ids = collection.query_index[queries]
        other = np.full(len(collection.query_ids), -1)
        other[collection.query_index[versions]] = language[versions]
        wanted = np.where(self._english[language[queries]], other[ids], language[queries])
        rows, owner = self._hard.of(queries)
        found, at = self._answered.of(rows)
        owner = owner[at]
        answers, whose = texts.documents.of(found)
        shared = np.isin(answers, texts.documents.of(np.unique(ids))[0])
        apart = ~np.isin(found, ids) & (np.bincount(whose, shared, minlength=len(found)) == 0)
        rows, at = texts.queries.of(found[apart])
        owner = owner[apart][at]
        fits = (language[rows] == wanted[owner]) & ~self._english[language[rows]]
        rows, owner = rows[fits], owner[fits]
        once = np.unique(owner * np.int64(len(language)) + rows, return_index=True)[1]
        rows, owner = rows[once], owner[once]
        return np.unique(rows[lowest(rng.random(len(rows)), owner, self._most)]).astype(np.int32)
