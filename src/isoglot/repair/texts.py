"""The texts that a repair is fitted on: some of each language, embedded as queries and as documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.evaluation.batches import Texts
from isoglot.evaluation.embed import Encoding, Spoken, text_encoder, unit_rows
from isoglot.repair.fitting import Sample

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = ["MOST", "Samples", "embed_samples"]

IntArray = NDArray[np.integer[Any]]

MOST = 2000
"""Texts of a language that are enough, as queries and as documents."""
SEED = 0


@dataclass(frozen=True)
class Samples:
    """Embedded texts of a collection.

    Attributes:
        languages: canonical tags of the L languages.
        query: texts encoded as queries.
        document: texts encoded as documents.
        borrowed: tag -> `queries` or `documents`, of which the language has none: the others stand for them.
    """

    languages: tuple[str, ...]
    query: Sample
    document: Sample
    borrowed: dict[str, str]


@dataclass(frozen=True)
class _Kind:
    """The queries or the documents of a collection: where their texts are, language (n,) and group (n,)."""

    texts: Texts
    language: IntArray
    group: IntArray


def _document_groups(collection: Collection) -> IntArray:
    """Return (D,) the first query id that each document is relevant to, -1 for none: documents that answer the same
    question in several languages count as translations of one another."""
    relevance = collection.relevance
    group = np.full(collection.documents.num_rows, -1, np.int64)
    group[relevance.documents[::-1]] = relevance.queries[::-1]
    return group


def _choose(kind: _Kind, language: int, most: int) -> IntArray:
    """Return at most so many rows of a language, in each language those of the same groups first."""
    rows = np.flatnonzero(kind.language == language)
    if len(rows) <= most:
        return rows
    random = np.random.default_rng(SEED)
    ids = int(kind.group.max(initial=-1)) + 1
    order = np.append(random.permutation(ids), 0)[kind.group[rows]].astype(np.int64)
    alone = kind.group[rows] < 0
    order[alone] = ids + random.permutation(int(alone.sum()))
    chosen: IntArray = np.sort(rows[np.argsort(order, kind="stable")[:most]])
    return chosen


def _gather(own: _Kind, other: _Kind, languages: int, most: int) -> tuple[list[str], Sample, list[int]]:
    """Return the texts of a kind, their languages and groups (embeddings are still to come), and the languages that
    have none and were lent some of the other kind."""
    texts: list[str] = []
    spoken: list[IntArray] = []
    groups: list[IntArray] = []
    lent = []
    for code in range(languages):
        rows, source = _choose(own, code, most), own
        if not len(rows):
            rows, source = _choose(other, code, most), other
            lent.append(code)
        texts += source.texts.take(rows)
        spoken.append(np.full(len(rows), code))
        groups.append(source.group[rows] if source is own else np.full(len(rows), -1))
    return texts, Sample(np.empty((0, 0)), np.concatenate(spoken), np.concatenate(groups)), lent


def embed_samples(
    model: SentenceTransformer, collection: Collection, *, most: int = MOST, **encoding: Unpack[Encoding]
) -> Samples:
    """Embed some texts of every language of a collection, as queries and as documents.

    Judgments are not needed. A language without queries has its documents encoded as queries, and the other way
    round.

    Args:
        model: any sentence-transformers model.
        collection: the texts.
        most: of a language and kind; of a larger collection the same query ids are drawn in every language.
        **encoding: as for `embed_collection`.

    Raises:
        InputError: an embedding is NaN or infinite, or there is no such device or precision.
    """
    queries = _Kind(
        Texts(collection.queries.num_rows, lambda at: collection.query_texts(at)),
        collection.query_language,
        collection.query_index.astype(np.int64),
    )
    documents = _Kind(
        Texts(collection.documents.num_rows, lambda at: collection.document_texts(at)),
        collection.document_language,
        _document_groups(collection),
    )
    tags = collection.languages
    found: list[Sample] = []
    borrowed: dict[str, str] = {}
    with text_encoder(model, **encoding) as encode:
        for method, name, own, other in (
            ("encode_query", "queries", queries, documents),
            ("encode_document", "documents", documents, queries),
        ):
            texts, sample, lent = _gather(own, other, len(tags), most)
            borrowed |= {tags[code]: name for code in lent}
            rows = encode(method, Texts.of(texts), Spoken(sample.language, tags))
            unit = unit_rows(rows, f"the {name} of {collection.name}", len(texts)).astype(np.float64)
            found.append(Sample(unit, sample.language, sample.group))
    return Samples(tags, found[0], found[1], borrowed)
