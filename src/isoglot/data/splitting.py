"""Train, dev and test judgments of a collection, drawn by query id: nothing that is tested on is trained on.

A query id goes whole, with all its language versions. Ids that ask the same, or that the same document answers,
stay together, directly or through others. The draw is a function of the seed and of the ids, not of their order.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from isoglot.collections.collection import Collection
from isoglot.collections.select import take_part
from isoglot.data.catalogue.loading import load_splits
from isoglot.data.quality.texts import Texts, digests
from isoglot.errors import InputError
from isoglot.files import content_hash

__all__ = ["load_unsplit", "split_collection"]

logger = logging.getLogger(__name__)

IntArray = NDArray[np.integer[Any]]
BLOCK = 8_192


def load_unsplit(source: str | Path, *, language: str | None = None, lenient: bool = False) -> Collection:
    """Load a collection that has no splits yet, by folder or name.

    Raises:
        InputError: it has some; or as for `load_collection`.
    """
    splits = load_splits(source, language=language, lenient=lenient)
    if None not in splits:
        raise InputError(
            f"{source} has splits already ({', '.join(map(str, splits))}), and queries of one drawn into another "
            "would be no test any more: take them as they are"
        )
    return splits[None]


def split_collection(
    collection: Collection,
    *,
    dev: float = 0.1,
    test: float = 0.2,
    seed: int = 0,
    share_documents: bool = False,
) -> dict[str, Collection]:
    """Draw train, dev and test judgments by query id.

    No query id is in two splits, and no query text: ids that ask the same in some language, but for case, spacing
    and punctuation, stay together. So do ids with a common relevant document, or ones of the same text, unless
    `share_documents`; then a document that answers a test query may answer a training query too. Texts that
    are nearly the same may come apart: `find_leakage` finds them.

    Groups of ids that are larger than dev or test is to be all go to train. Of the others as many are drawn that
    every split has its size, give or take one group.

    Args:
        collection: without splits; its queries without any judgment are in no split.
        dev: share of the query ids; 0 for no such split.
        test: share of the query ids; 0 for no such split.
        seed: another one draws others.
        share_documents: let relevant documents be shared by splits.

    Returns:
        `train`, `dev` and `test`, which share all documents, as the pool that is searched; `metadata["split"]` says
        how they were drawn.

    Raises:
        InputError: the shares are none, or there are too few groups of ids for them.
    """
    for name, share in (("dev", dev), ("test", test)):
        if not 0 <= share < 1:
            raise InputError(f"the share of {name} is {share}; it must be 0 or more, and below 1")
    if not 0 < dev + test < 1:
        raise InputError(f"dev and test are {dev + test:g} of the queries together; they must leave some for train")
    ids = np.unique(collection.judgments["query"].to_numpy())
    if left_out := len(collection.query_ids) - len(ids):
        logger.info("%s: %s query ids have no judgment and are in no split", collection.name, f"{left_out:,}")
    group = _groups(collection, share_documents)[ids]
    names = collection.query_ids.take(ids).to_pylist()
    number = _drawn(collection.name, names, group, {"test": test, "dev": dev}, seed, share_documents)
    metadata = {key: value for key, value in collection.metadata.items() if key not in ("languages", "splits")}
    metadata["split"] = {"seed": seed, "dev": dev, "test": test, "share_documents": share_documents}
    splits = {}
    whole = np.ones(collection.documents.num_rows, bool)
    for name in ("train", "dev", "test"):
        chosen = np.zeros(len(collection.query_ids), bool)
        chosen[ids[number == name]] = True
        if chosen.any():
            splits[name] = take_part(collection, whole, chosen[collection.query_index], metadata=metadata)
    return splits


def _groups(collection: Collection, share_documents: bool) -> IntArray:
    """Return (G,) the group of each query id: those that share a text, or a relevant document's text."""
    size = len(collection.query_ids)
    judged = np.flatnonzero(np.isin(collection.query_index, collection.judgments["query"].to_numpy()))
    ends = [(collection.query_index[judged], _same(Texts(collection, "queries"), judged))]
    if not share_documents:
        relevance = collection.relevance
        rows, at = np.unique(relevance.documents, return_inverse=True)
        ends.append((relevance.queries, _same(Texts(collection, "documents"), rows)[at]))
    one, other, start = [], [], size
    for queries, texts in ends:  # a graph of query ids and texts
        one.append(np.asarray(queries, np.int64))
        other.append(texts + start)
        start += int(texts.max(initial=-1)) + 1
    edges = (np.concatenate(one), np.concatenate(other))
    graph = coo_array((np.ones(len(edges[0]), np.int8), edges), shape=(start, start))
    found: IntArray = connected_components(graph, directed=False)[1][:size]
    return found


def _same(texts: Texts, rows: IntArray) -> IntArray:
    """Return (n,) a number for each text of rows (n,), the same where they are in the same letters and digits."""
    starts = range(0, len(rows), BLOCK)
    parts = [digests(texts.normalised(rows[start : start + BLOCK])) for start in starts]
    if not parts:
        return np.empty(0, np.int64)
    return np.unique(np.concatenate(parts), return_inverse=True)[1].astype(np.int64)


def _drawn(
    name: str, ids: Sequence[str], group: IntArray, shares: dict[str, float], seed: int, share_documents: bool
) -> NDArray[np.str_]:
    """Return (n,) the split of each query id (n,), whose groups are given.

    Raises:
        InputError: there are too few groups that are small enough.
    """
    group = np.unique(group, return_inverse=True)[1]
    sizes = np.bincount(group)
    keys = np.array([content_hash(f"{seed}\0{one}", 8) for one in ids])
    by_key = np.argsort(keys, kind="stable")
    order = np.unique(group[by_key], return_index=True)[1].argsort()  # groups by the smallest key of their ids
    wanted = {split: share * len(ids) for split, share in shares.items() if share}
    small = sizes <= max(1.0, min(wanted.values()))
    order = order[small[order]]
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    of_group = np.full(len(sizes), "train")
    edge = 0.0
    for split, size in wanted.items():
        drawn = order[(middle >= edge) & (middle < edge + size)]
        edge += size
        of_group[drawn] = split
    if sizes[small].sum() < edge or {*wanted, "train"} - {*of_group.tolist()}:
        raise _too_few(name, len(ids), sizes, share_documents)
    if not small.all():
        logger.info(
            "%s: %s query ids hang together in groups that are larger than a split is to be, and are all in train",
            name,
            f"{int(sizes[~small].sum()):,}",
        )
    return of_group[group]


def _too_few(name: str, ids: int, sizes: IntArray, share_documents: bool) -> InputError:
    remedy = "give larger shares, or 0 for a split that is not needed"
    if not share_documents:
        remedy += ", or let splits share relevant documents with --share-documents"
    return InputError(
        f"{name} has {ids:,} judged query ids in {len(sizes):,} groups that hang together by a text or a relevant "
        f"document, the largest of {int(sizes.max(initial=0)):,}: too few for such splits; {remedy}"
    )
