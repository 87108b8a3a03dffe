"""Multiway batches: queries in several languages each, with their documents in several languages."""

from __future__ import annotations

import numpy as np

from isoglot.batching.draws import Series, generator
from isoglot.batching.packing import Passes
from isoglot.batching.relations import Conflicts, Versions, lowest
from isoglot.collections import Collection
from isoglot.errors import InputError

__all__ = ["MultiwayDraws"]


class MultiwayDraws:
    """Draws query ids, and of each up to K language versions and documents in up to K languages.

    A pass takes every query id once. A batch holds about `batch_size` query texts and as many document texts, as
    batches of other strategies do, so that a step costs the same; how many query ids that is depends on how many
    languages they have. No two ids of a batch share a relevant document in any language. Where queries look for
    their translations (`Collection.finds_translations`) an id's queries and documents are in different languages.

    Args:
        collection: what to draw from.
        allowed: (L, L) bool, the language pairs allowed; queries come from languages with a row, documents from
            languages with a column.
        conflicts: which ids may not meet.
        ways: K, the most languages of a query and of its documents.
        tau: a version is drawn with probability ∝ n^(tau - 1) among those of its query id, n being the number of
            texts in its language: 1 draws evenly, less favours low-resource languages.
        batch_size: texts a side.
        seed: decides everything that is left open.

    Raises:
        InputError: no query id has a version and a relevant document in the languages allowed.
    """

    def __init__(
        self,
        collection: Collection,
        allowed: np.ndarray,
        conflicts: Conflicts,
        ways: int,
        tau: float,
        batch_size: int,
        seed: int,
    ) -> None:
        self.collection = collection
        self.ways = ways
        self.seed = seed
        self._versions = Versions(collection, np.any(allowed, axis=1), np.any(allowed, axis=0))
        asked = np.diff(self._versions.queries.offsets)
        answered = _languages_of(self._versions)
        self.ids = np.flatnonzero((asked > 0) & (answered > 0)).astype(np.int32)
        if collection.finds_translations:
            self._answered = answered
            self.ids = self.ids[self._have_translations(self.ids)]
        if not len(self.ids):
            raise InputError(
                f"the strategy multiway finds no query with a relevant document in {collection.name} in the "
                "languages chosen"
            )
        size = len(collection.languages)
        self._query_weight = _weights(collection.query_language, size, tau)
        self._document_weight = _weights(collection.document_language, size, tau)
        asked, answered = np.minimum(asked[self.ids], ways), answered[self.ids]
        if collection.finds_translations:
            asked = np.maximum(asked // 2, 1)
            answered = np.maximum(answered - asked, 1)
        texts = asked.mean() + np.minimum(answered, ways).mean()
        self.rows = max(1, int(2 * batch_size / texts))
        self.passes = Passes(self.ids, conflicts, self.rows, seed, (size, size))

    def _have_translations(self, ids: np.ndarray) -> np.ndarray:
        """Tell of query ids (n,) whether a document of theirs is in another language than a query of theirs."""
        collection = self.collection
        (queries, whose), (documents, owner) = self._versions.queries.of(ids), self._versions.documents.of(ids)
        texts = np.concatenate([collection.query_language[queries], collection.document_language[documents]])
        whose = np.concatenate([whose, owner])
        first = np.full(len(ids), -1)
        first[whose[::-1]] = texts[::-1]
        found = np.zeros(len(ids), bool)
        found[whose[texts != first[whose]]] = True
        return found

    def __getitem__(self, step: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return query rows (Q,), document rows (M,) and the query id index of each document (M,) of a step."""
        rng = generator(self.seed, Series.MULTIWAY, step)
        ids = self.ids[self.passes[step]]
        rows, owner = self._versions.queries.of(ids)
        languages = self.collection.query_language[rows]
        asked = owner * len(self.collection.languages) + languages
        # The lowest of exponential draws with rates w are a draw without replacement with probabilities ∝ w.
        keys = rng.standard_exponential(len(rows)) / self._query_weight[languages]
        documents, whose = self._versions.documents.of(ids)
        spoken = self.collection.document_language[documents].astype(np.int64)
        of_language = whose * len(self.collection.languages) + spoken
        if self.collection.finds_translations:
            # The document in a query's language is the query itself. Queries without one come first.
            keys = np.where(np.isin(asked, of_language), keys, -1)
            kept = _first_half(lowest(keys, owner, self.ways), owner, np.maximum(self._answered[ids] - 1, 1))
            others = ~np.isin(of_language, asked[kept])
            documents, whose, of_language = documents[others], whose[others], of_language[others]
        else:
            kept = lowest(keys, owner, self.ways)
        queries = rows[kept]
        # one document of each language first
        rows, owner, languages = documents, whose, of_language % len(self.collection.languages)
        one = lowest(rng.random(len(rows)), of_language, 1)
        rows, owner, languages = rows[one], owner[one], languages[one]
        keys = rng.standard_exponential(len(rows)) / self._document_weight[languages]
        chosen = lowest(keys, owner, self.ways)
        return queries, rows[chosen], ids[owner[chosen]]


def _first_half(kept: np.ndarray, owner: np.ndarray, most: np.ndarray) -> np.ndarray:
    """Return the first half of what every owner kept, rounded down, one at least.

    Args:
        kept: (n,) positions, those of an owner one after the other.
        owner: whose each position is.
        most: (owners,) how many each keeps at most, 1 or more.
    """
    whose = owner[kept]
    counts = np.bincount(whose)
    place = np.arange(len(kept)) - np.searchsorted(whose, whose)
    return kept[place < np.minimum(np.maximum(counts[whose] // 2, 1), most[whose])]


def _weights(languages: np.ndarray, size: int, tau: float) -> np.ndarray:
    """Return the rate (L,) at which texts of each language are drawn."""
    return np.maximum(np.bincount(languages, minlength=size), 1).astype(float) ** (tau - 1)


def _languages_of(versions: Versions) -> np.ndarray:
    """Return in how many languages each query id (G,) has a relevant document."""
    ids = len(versions.collection.query_ids)
    owner = np.repeat(np.arange(ids, dtype=np.int64), np.diff(versions.documents.offsets))
    size = len(versions.collection.languages)
    language = versions.collection.document_language[versions.documents.values]
    return np.bincount(np.unique(owner * size + language) // size, minlength=ids)
