"""`join_collections`: several collections as one, in which each can be found again."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.collection import Collection
from isoglot.collections.negatives import prefix_hard_negatives
from isoglot.errors import InputError

__all__ = ["JoinedCollection", "Part", "join_collections"]

SEPARATOR = "/"
OF_SETS = "sets"
"""Key of a joined collection's metadata: those of its sets, such as that queries look for their translations."""


@dataclass(frozen=True, eq=False)
class Part:
    """One of the sets of a joined collection, and where its rows begin there.

    Attributes:
        collection: the set, ids as in the joined collection; its texts are those of the joined one, not copies.
        first_query: query row i of the set is row `first_query + i` of the joined collection.
        first_document: likewise of documents.
        first_query_id: likewise of query ids.
    """

    collection: Collection
    first_query: int
    first_document: int
    first_query_id: int

    def unjoined(self) -> Collection:
        """Return the set with the ids that it had before it was joined."""
        one = self.collection
        tables = {name: _strip_ids(getattr(one, name)) for name in ("documents", "queries")}
        return replace(one, **tables, query_ids=_stripped(one.query_ids))


@dataclass(frozen=True, eq=False, repr=False)
class JoinedCollection(Collection):
    """Several collections as one: their rows one after the other, each set's ids behind its number.

    Where the sets lie is read off the ids, so that a sample of a joined collection, or what else keeps ids and the
    order of rows, is one as well.

    Attributes:
        sets: names of the sets, in order.
    """

    sets: tuple[str, ...] = ()

    @cached_property
    def parts(self) -> tuple[Part, ...]:
        """The sets, in order; one of which nothing is left is empty."""
        queries, documents = (_starts(table["_id"], len(self.sets)) for table in (self.queries, self.documents))
        ids = _starts(self.query_ids, len(self.sets))
        of_set = np.searchsorted(ids[1:], self.judgments["query"].to_numpy(), side="right")
        judged = np.concatenate([[0], np.cumsum(np.bincount(of_set, minlength=len(self.sets)))]).tolist()
        parts = []
        for at, name in enumerate(self.sets):
            q, d, g, j = (slice(starts[at], starts[at + 1]) for starts in (queries, documents, ids, judged))
            collection = Collection(
                documents=self.documents[d],
                queries=self.queries[q],
                judgments=_shift(self.judgments[j], -g.start, -d.start),
                query_ids=self.query_ids[g],
                query_index=self.query_index[q] - np.int32(g.start),
                name=name,
                metadata=self.metadata[OF_SETS][at],
            )
            parts.append(Part(collection, q.start, d.start, g.start))
        return tuple(parts)


def join_collections(collections: Sequence[Collection], names: Sequence[str] | None = None) -> JoinedCollection:
    """Join collections: texts are shared, ids made anew.

    The id `x` of the third set becomes `3/x`. It is the number and not the name that tells sets apart: two may have
    one name, a name may contain anything, and where a folder lies must not decide which queries a sample draws.
    Languages are those of all sets together; hard negatives stay each set's own.

    Args:
        collections: at least one.
        names: what the sets are called; their own names if None. Where some are equal their number is added.

    Raises:
        InputError: there is no collection, or not as many names.
    """
    names = [one.name for one in collections] if names is None else names
    if not collections:
        raise InputError("there is no collection to join: give at least one")
    if len(names) != len(collections):
        raise InputError(f"{len(collections)} collections have {len(names)} names: give one name for each")
    known = Counter(names)
    names = [f"{name} ({number})" if known[name] > 1 else name for number, name in enumerate(names, 1)]
    tables: dict[str, list[pa.Table]] = {"documents": [], "queries": [], "judgments": []}
    ids: list[pa.Array] = []
    query_index: list[np.ndarray] = []
    first_id = first_document = 0
    for number, one in enumerate(collections, 1):
        prefix = f"{number}{SEPARATOR}"
        tables["documents"].append(_prefix_ids(one.documents, prefix))
        tables["queries"].append(prefix_hard_negatives(_prefix_ids(one.queries, prefix), prefix))
        tables["judgments"].append(_shift(one.judgments, first_id, first_document))
        ids.append(pc.binary_join_element_wise(prefix, one.query_ids, ""))
        query_index.append((one.query_index + first_id).astype(np.int32))
        first_id += len(one.query_ids)
        first_document += one.documents.num_rows
    joined = {name: pa.concat_tables(several, promote_options="default") for name, several in tables.items()}
    return JoinedCollection(
        **joined,
        query_ids=pa.concat_arrays(ids),
        query_index=np.concatenate(query_index),
        name=" + ".join(names),
        metadata={OF_SETS: [one.metadata for one in collections]},
        dropped=dict(sum((Counter(one.dropped) for one in collections), Counter())),
        sets=tuple(names),
    )


def _prefix_ids(table: pa.Table, prefix: str) -> pa.Table:
    place = table.column_names.index("_id")
    return table.set_column(place, "_id", pc.binary_join_element_wise(prefix, table["_id"], ""))


def _stripped(ids: Any) -> Any:
    return pc.replace_substring_regex(ids, f"^[0-9]+{SEPARATOR}", "")


def _strip_ids(table: pa.Table) -> pa.Table:
    return table.set_column(table.column_names.index("_id"), "_id", _stripped(table["_id"]))


def _shift(judgments: pa.Table, query: int, document: int) -> pa.Table:
    """Return judgments whose query id indexes and document rows are moved by so many."""
    moved = {
        "query": pc.add(judgments["query"], pa.scalar(query, pa.int32())),
        "document": pc.add(judgments["document"], pa.scalar(document, pa.int32())),
        "score": judgments["score"],
    }
    return pa.table(moved)


def _starts(ids: pa.Array | pa.ChunkedArray, sets: int) -> list[int]:
    """Return where each set begins (S + 1), in ids that are in order of sets."""

    def number(row: int) -> int:
        return int(ids[row].as_py().partition(SEPARATOR)[0])

    rows = range(len(ids))
    return [bisect_left(rows, one, key=number) for one in range(1, sets + 2)]
