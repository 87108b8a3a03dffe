"""Pools of chosen languages, on which the multilingual setting and language bias are measured.

A pool may differ with the language of a query: `own` is that language. Without the own answer, a query's relevant
documents in its own language are not in its pool, as in the ablation of LAReQA (2004.05484).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.judgments import IntArray, Judgments, Ranks
from isoglot.evaluation.ranks import LAST, Score
from isoglot.languages.tags import read_tag
from isoglot.names import did_you_mean

__all__ = [
    "ALL",
    "OWN",
    "PoolRule",
    "Pooled",
    "check_run_pool",
    "pool_rule",
    "restrict_pools",
    "within_pools",
    "without_others",
]

OWN = "own"
"""Stands for the language of the query."""

ALL = "all"
"""Stands for every language of the collection."""

WHERE = "--pool-languages"


class Pooled(TypedDict, total=False):
    """The keywords that say which pool is measured; see `evaluate`."""

    pool_languages: str | Sequence[str] | None
    without_own_answer: bool


@dataclass(frozen=True)
class PoolRule:
    """Which documents are in the pool of a query.

    Attributes:
        languages: tags, and `own` for the language of the query; `all` alone for all.
        without_own_answer: whether its relevant documents in its own language are left out.
    """

    languages: tuple[str, ...]
    without_own_answer: bool

    def to_dict(self) -> dict[str, Any]:
        """Return what `made` of a result holds of it."""
        return {"languages": list(self.languages), "without_own_answer": self.without_own_answer}


def pool_rule(
    collection: Collection, pool_languages: str | Sequence[str] | None = None, without_own_answer: bool = False
) -> PoolRule | None:
    """Read which pool is asked for; None for that of all documents.

    Args:
        collection: whose languages there are.
        pool_languages: tags, `own` and `all`, in a list or separated by commas; None for all.
        without_own_answer: as in `PoolRule`.

    Raises:
        InputError: a language has no document in the collection, or `all` stands beside others.
    """
    if isinstance(pool_languages, str):
        pool_languages = pool_languages.split(",")
    given = [] if pool_languages is None else [one.strip() for one in pool_languages]
    if pool_languages is not None and not all(given or [""]):
        raise InputError(f"{WHERE} names no language: give tags, own or all, such as own,en")
    found = list(dict.fromkeys(one if one in (OWN, ALL) else read_tag(one, WHERE) for one in given)) or [ALL]
    if ALL in found and len(found) > 1:
        raise InputError(f"{WHERE} {','.join(given)}: all are all languages, so nothing goes beside it")
    there = [collection.languages[code] for code in np.unique(collection.document_language)]
    for tag in found:
        if tag not in (OWN, ALL, *there):
            meant = did_you_mean(tag, there)
            raise InputError(
                f"{WHERE}: {collection.name} has no document in {tag}{meant}; it has {', '.join(there)}"
            )
    return PoolRule(tuple(found), without_own_answer) if found != [ALL] or without_own_answer else None


def check_run_pool(trec_run: Any, rule: PoolRule | None) -> None:
    """Refuse to write run files of a chosen pool: they rank all documents.

    Raises:
        InputError: both are asked for.
    """
    if trec_run is not None and rule is not None:
        raise InputError(
            "--trec-run writes rankings of all documents: leave out either it or --pool-languages and "
            "--without-own-answer"
        )


def restrict_pools(judged: Judgments, rule: PoolRule, collection: Collection) -> Judgments:
    """Return the queries that have a relevant document in their pools, with these documents, and the pools.

    Args:
        judged: the queries on the pool of all documents.
        rule: what is in a pool.
        collection: the collection.

    Raises:
        InputError: no query has a relevant document in its pool.
    """
    languages = len(collection.languages)
    pools = np.zeros((languages, languages), bool)
    pools[
        :, [at for at, tag in enumerate(collection.languages) if ALL in rule.languages or tag in rule.languages]
    ] = 1
    if OWN in rule.languages:
        np.fill_diagonal(pools, True)
    asked = collection.query_language[judged.query_rows].astype(np.int64)
    answer = judged.document_language[judged.documents]
    own = answer == asked[judged.queries]
    inside = pools[asked[judged.queries], answer]
    kept = inside & ~own if rule.without_own_answer else inside
    counts = np.bincount(judged.queries, kept, minlength=len(asked)).astype(np.int64)
    some = counts > 0
    if not some.any():
        what = ", ".join(rule.languages) + (", without the own answer" if rule.without_own_answer else "")
        raise InputError(
            f"no query of {collection.name} has a relevant document in its pool ({what}): choose another"
        )
    gone = inside & own if rule.without_own_answer else np.zeros_like(own)
    places = np.concatenate([judged.excluded_queries, judged.queries[gone]])
    documents = np.concatenate([judged.excluded_documents, judged.documents[gone]])
    order = np.lexsort((documents, places))
    order = order[some[places[order]]]
    return replace(
        judged,
        query_rows=judged.query_rows[some],
        query_ids=judged.query_ids[some],
        offsets=np.concatenate([[0], np.cumsum(counts[some])]),
        documents=judged.documents[kept],
        gains=judged.gains[kept],
        excluded_queries=(np.cumsum(some) - 1)[places[order]],
        excluded_documents=documents[order],
        pools=pools,
        pool_of=asked[some],
    )


def within_pools(score: Score, judged: Judgments) -> Score:
    """Return what scores documents that are not in a query's pool as the last ones.

    Args:
        score: gives the scores of blocks of queries.
        judged: the queries with their pools.
    """

    def within(positions: IntArray, columns: IntArray) -> NDArray[np.float32]:
        scores = score(positions, columns)
        if judged.pools is None or judged.pool_of is None:
            return scores
        starts = np.searchsorted(judged.document_language[columns], np.arange(judged.pools.shape[1] + 1))
        for row, pool in zip(scores, judged.pools[judged.pool_of[positions]], strict=True):
            for code in np.flatnonzero(~pool).tolist():
                row[starts[code] : starts[code + 1]] = LAST
        return scores

    return within


def without_others(ranks: Ranks) -> Ranks:
    """Take out of the documents on top those that are not in a query's pool: a pool may hold fewer."""
    judged = ranks.judgments
    if judged.pools is None or judged.pool_of is None:
        return ranks
    inside = judged.pools[judged.pool_of[:, None], judged.document_language[ranks.top]] & (ranks.top >= 0)
    top = np.where(inside, ranks.top, -1)
    rows = top[judged.excluded_queries]
    for at, query in enumerate(judged.excluded_queries.tolist()):
        top[query][rows[at] == judged.excluded_documents[at]] = -1
    return replace(ranks, top=top)
