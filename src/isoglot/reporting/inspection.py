"""`Inspection`: a result with what a result file does not hold, its embedding space and rankings to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.arrow import take_from, take_rows
from isoglot.collections.collection import Collection
from isoglot.collections.identical import identical_documents
from isoglot.errors import InputError
from isoglot.reporting.result_like import ResultLike

__all__ = ["Inspection", "RankedDocument", "RankedQuery", "Space", "inspect_result", "named_arms", "project"]

FloatArray = NDArray[np.floating[Any]]

WORST = 10
TOP = 10
MOST_POINTS = 1500


@dataclass(frozen=True)
class RankedDocument:
    """One document of a ranking: its id, language, text, and whether it is relevant."""

    id: str
    lang: str
    text: str
    relevant: bool


@dataclass(frozen=True)
class RankedQuery:
    """One query and the first documents of its ranking in the pool of all languages.

    Attributes:
        id: query id.
        lang: tag of its language.
        text: the query.
        value: what it was chosen by, AP in the pool of all documents.
        documents: from first place on.
    """

    id: str
    lang: str
    text: str
    value: float
    documents: Sequence[RankedDocument]


@dataclass(frozen=True)
class Space:
    """Query embeddings in two dimensions.

    Attributes:
        points: (n, 2).
        languages: (n,) tags.
        texts: (n,) the queries; None to leave them out.
        kept: share of the variance that two dimensions keep; None if unknown.
    """

    points: FloatArray
    languages: Sequence[str]
    texts: Sequence[str] | None = None
    kept: float | None = None


@dataclass(frozen=True)
class Inspection:
    """One model of a report.

    Attributes:
        result: what was measured.
        label: what the report calls it; None for `result.model`.
        space: its query embeddings, to be drawn; None to leave the figure out.
        worst: its worst queries; none to leave them out.
    """

    result: ResultLike
    label: str | None = None
    space: Space | None = None
    worst: Sequence[RankedQuery] = field(default=())

    @property
    def name(self) -> str:
        """What the report calls it."""
        return self.label or self.result.model


def named_arms(results: Sequence[ResultLike | Inspection]) -> dict[str, Inspection]:
    """Give every model a name of its own: the second `LaBSE` is `LaBSE (2)`."""
    named: dict[str, Inspection] = {}
    for item in results:
        arm = item if isinstance(item, Inspection) else Inspection(item)
        name, number = arm.name, 2
        while name in named:
            name, number = f"{arm.name} ({number})", number + 1
        named[name] = arm
    return named


def project(embeddings: Any) -> tuple[FloatArray, float]:
    """Project embeddings to the two directions in which they vary most (principal components).

    Args:
        embeddings: (n, d), n ≥ 1.

    Returns:
        Points (n, 2) and the share of the variance that they keep (1 where there is none).

    Raises:
        InputError: the shape is not (n, d), or a value is NaN or infinite.
    """
    vectors = np.asarray(embeddings, dtype=np.float64)
    if vectors.ndim != 2 or not vectors.size or not np.isfinite(vectors).all():
        raise InputError(f"cannot project embeddings of shape {vectors.shape}: expected finite numbers (n, d)")
    vectors = vectors - vectors.mean(axis=0)
    variances, directions = np.linalg.eigh(vectors.T @ vectors)
    directions = directions[:, ::-1][:, :2]
    # The sign of a direction is arbitrary: the largest weight is made positive, so that figures do not flip.
    signs = np.sign(directions[np.abs(directions).argmax(axis=0), np.arange(directions.shape[1])])
    points = np.zeros((len(vectors), 2))
    points[:, : directions.shape[1]] = vectors @ (directions * signs)
    total = float(variances.sum())
    return points, float(variances[::-1][:2].sum() / total) if total > 1e-12 else 1.0


def inspect_result(
    result: ResultLike,
    collection: Collection,
    query_embeddings: Any,
    document_embeddings: Any,
    *,
    label: str | None = None,
    worst: int = WORST,
) -> Inspection:
    """Add to a result the projection of its query embeddings and its worst queries with their rankings.

    Args:
        result: with values per query.
        collection: what it was measured on.
        query_embeddings: (q, d) unit length, of the query rows with a relevant document, in order; as
            `embed_collection` returns them.
        document_embeddings: (D, d) unit length.
        label: what the report calls the model.
        worst: number of worst queries by AP in the pool of all documents, at most one language version of
            a query id each; ties by query row.

    Raises:
        InputError: the result has no values per query, or embeddings do not fit it.
    """
    if "row" not in result.per_query or "multilingual_AP" not in result.per_query:
        raise InputError(
            f"the result of {result.model} holds no values per query with AP: save it with `result.save`, which "
            "writes them beside it, and evaluate with AP"
        )
    rows = np.asarray(result.per_query["row"])
    queries, documents = np.asarray(query_embeddings), np.asarray(document_embeddings)
    if len(queries) != len(rows) or len(documents) != collection.documents.num_rows:
        raise InputError(
            f"embeddings of {len(queries)} queries and {len(documents)} documents do not fit the result, "
            f"expected {len(rows)} and {collection.documents.num_rows}"
        )
    shown = np.arange(len(rows))
    if len(shown) > MOST_POINTS:
        shown = np.sort(np.random.default_rng(0).choice(shown, MOST_POINTS, replace=False))
    points, kept = project(queries)
    texts = take_from(collection.queries["text"], rows[shown]).to_pylist()
    languages = [str(tag) for tag in np.asarray(result.per_query["lang"])[shown]]
    space = Space(points[shown], languages, texts, kept)

    values = np.asarray(result.per_query["multilingual_AP"])
    chosen: dict[int, int] = {}
    for at in np.argsort(values, kind="stable"):
        if len(chosen) == worst:
            break
        chosen.setdefault(int(collection.query_index[rows[at]]), int(at))
    ranked = [
        _ranked(collection, int(rows[at]), float(values[at]), documents @ queries[at]) for at in chosen.values()
    ]
    return Inspection(result, label, space, ranked)


def _ranked(collection: Collection, row: int, value: float, scores: FloatArray) -> RankedQuery:
    relevant = collection.relevance.of(int(collection.query_index[row]))
    in_pool = np.ones(len(scores), bool)
    if collection.finds_translations:  # those in the query's own language are neither in its pool nor answers
        own = collection.document_language[relevant] == collection.query_language[row]
        in_pool[relevant[own]], relevant = False, relevant[~own]
    _, itself = identical_documents(collection, np.array([row]))
    in_pool[np.setdiff1d(itself, relevant)] = False
    candidates = np.flatnonzero(in_pool)
    order = candidates[np.argsort(-scores[candidates], kind="stable")[:TOP]]
    found = take_rows(collection.documents, order).to_pylist()
    query = collection.queries.slice(row, 1).to_pylist()[0]
    documents = [
        RankedDocument(
            document["_id"],
            document["lang"],
            " – ".join(part for part in (document.get("title"), document["text"]) if part),
            bool(at in relevant),
        )
        for at, document in zip(order, found, strict=True)
    ]
    return RankedQuery(query["_id"], query["lang"], query["text"], value, documents)
