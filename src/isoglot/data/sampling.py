"""Samples of a collection with so many queries of each language: to train as if a language had little data.

A sample is a function of the seed and of each query's id and language. So the sample of 100 lies within the sample
of 1,000 of the same seed, and neither the order of the rows nor the budgets of other languages change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.collections.select import take_part
from isoglot.errors import InputError

__all__ = ["sample_collection"]

IntArray = NDArray[np.integer[Any]]
BoolArray = NDArray[np.bool_]

KEY_BYTES = 16


def sample_collection(
    collection: Collection,
    budgets: Mapping[str, int | None],
    default: int | None = None,
    seed: int = 0,
    hold_out: Iterable[str] = (),
) -> Collection:
    """Draw a training sample with a budget of queries for each language.

    A language with the budget n has n query versions, drawn among those with a relevant document in some language,
    or all of these where there are fewer. Its documents are limited with them: a document of the language stays
    paired only with the queries whose version in the language was drawn, and goes where none of these is judged on
    it. So English questions do not bring more Swahili in than its budget. (In a language in which no query has a
    relevant document of the same language, such as that of passages that are asked about in other languages only,
    documents stay paired with all queries that are left.)

    The budget None leaves a language's queries and documents as they are. The budget 0, or holding a language out,
    removes it: no query, no document, no judgment of it is left.

    Args:
        collection: what to draw from.
        budgets: canonical tag -> number of query versions; None for all.
        default: budget of the languages that `budgets` does not name; None for all.
        seed: another one draws other queries.
        hold_out: languages to remove, whatever `default` says.

    Returns:
        The sample, rows in their former order, hard negatives among the documents left. Queries that other
        languages' budgets leave without a relevant document stay; `metadata["sample"]` says how it was drawn.

    Raises:
        InputError: a language is not in the collection, a budget is negative, a language is held out and has a
            budget, or no query is left.
    """
    limits = _limits(collection, budgets, default, tuple(hold_out))
    drawn = _drawn_queries(collection, limits, seed)
    if not drawn.any():
        raise InputError(f"no query of {collection.name} is left in the sample; give a language a larger budget")
    judged = _kept_judgments(collection, limits, drawn)
    documents = _kept_documents(collection, limits, judged)
    said = {"seed": seed, "budgets": {tag: "all" if limit is None else limit for tag, limit in limits.items()}}
    # What the metadata says of languages and splits is no longer so.
    kept = {key: value for key, value in collection.metadata.items() if key not in ("languages", "splits")}
    return take_part(collection, documents, drawn, judged, kept | {"sample": said})


def _limits(
    collection: Collection, budgets: Mapping[str, int | None], default: int | None, held_out: tuple[str, ...]
) -> dict[str, int | None]:
    """Return the budget of every language of the collection."""
    budgets = {collection.asked_language(tag): limit for tag, limit in budgets.items()}
    held_out = tuple(collection.asked_language(tag) for tag in held_out)
    for place, limit in (*((f"budget of {tag}", limit) for tag, limit in budgets.items()), ("default", default)):
        if limit is not None and limit < 0:
            raise InputError(f"the {place} is {limit}; it must not be negative")
    both = sorted(tag for tag in held_out if budgets.get(tag, 0) != 0)
    if both:
        raise InputError(f"{both[0]} is held out and has a budget; give one of the two")
    return {tag: 0 if tag in held_out else budgets.get(tag, default) for tag in collection.languages}


def _drawn_queries(collection: Collection, limits: Mapping[str, int | None], seed: int) -> BoolArray:
    """Return (Q,) which query versions are drawn: of each language those with the smallest keys."""
    answered = collection.relevant_counts > 0
    drawn = np.zeros(len(answered), bool)
    for index, (tag, limit) in enumerate(limits.items()):
        of_language = collection.query_language == index
        if limit is None:
            drawn |= of_language
        elif limit:
            rows = np.flatnonzero(of_language & answered)
            ids = collection.query_ids.take(pa.array(collection.query_index[rows])).to_pylist()
            drawn[rows[np.argsort(_keys(ids, tag, seed), kind="stable")[:limit]]] = True
    return drawn


def _keys(ids: list[str], tag: str, seed: int) -> NDArray[np.bytes_]:
    """Return a key for each query id in a language: random, but always the same."""
    start = blake2b(f"{seed}\0{tag}\0".encode(), digest_size=KEY_BYTES // 2)
    keys = []
    for identifier in ids:
        key = start.copy()
        key.update(identifier.encode())
        keys.append(key.hexdigest())
    return np.array(keys, f"S{KEY_BYTES}")


def _kept_judgments(collection: Collection, limits: Mapping[str, int | None], drawn: BoolArray) -> BoolArray:
    """Return (J,) which judgments stay: of a query that does, and in the budget of the document's language."""
    query, document = (collection.judgments[name].to_numpy() for name in ("query", "document"))
    language = collection.document_language[document].astype(np.int64)
    alive = np.zeros(len(collection.query_ids), bool)
    alive[collection.query_index[drawn]] = True
    size = len(collection.languages)
    versions = collection.query_index[drawn].astype(np.int64) * size + collection.query_language[drawn]
    own_version_drawn = np.isin(query.astype(np.int64) * size + language, versions)
    limited = np.array([limit is not None for limit in limits.values()])
    removed = np.array([limit == 0 for limit in limits.values()])
    asked = collection.query_index.astype(np.int64) * size + collection.query_language
    own = np.isin(query.astype(np.int64) * size + language, asked) & (collection.judgments["score"].to_numpy() > 0)
    bound = limited & (np.bincount(language[own], minlength=size) > 0)
    return np.asarray(alive[query] & ~removed[language] & (own_version_drawn | ~bound[language]))


def _kept_documents(collection: Collection, limits: Mapping[str, int | None], judged: BoolArray) -> BoolArray:
    """Return (D,) which documents stay: of a language with a budget those that a judgment that stays names."""
    named = np.zeros(collection.documents.num_rows, bool)
    named[collection.judgments["document"].to_numpy()[judged]] = True
    whole = np.array([limit is None for limit in limits.values()])
    return np.asarray(named | whole[collection.document_language])
