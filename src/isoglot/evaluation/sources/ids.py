"""How files of others name the texts of a collection.

A document is named by its id. A query id is shared by all language versions of a query, so a version is named
`id@lang`, such as `q7@de`; where the collection has one version of a query, `id` alone will do. If a name can be
read both ways, it is `id@lang`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.languages.tags import canonical_tag

__all__ = ["document_rows", "few", "query_names", "query_rows", "why_unknown"]

IntArray = NDArray[np.integer[Any]]


def few(names: Sequence[str], most: int = 3) -> str:
    """Return the first names in quotes, for messages."""
    shown = ", ".join(repr(name) for name in names[:most])
    return shown + (", …" if len(names) > most else "")


def _plain(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Return a column as one array of strings."""
    whole = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return whole.cast(pa.large_string())


def _found(names: pa.Array, known: pa.Array) -> IntArray:
    """Return the position of each name (n,) among those known; -1 for none."""
    positions: IntArray = pc.fill_null(pc.index_in(names, value_set=known), -1).to_numpy(zero_copy_only=False)
    return positions.astype(np.int64)


def document_rows(names: pa.Array, collection: Collection) -> IntArray:
    """Return the document row of each id (n,); -1 for ids that the collection does not have."""
    return _found(_plain(names), _plain(collection.documents["_id"]))


def query_names(collection: Collection, rows: IntArray) -> pa.Array:
    """Return the name `id@lang` of query rows (q,)."""
    table = collection.queries.select(["_id", "lang"]).take(pa.array(rows))
    return pc.binary_join_element_wise(
        _plain(table["_id"]), _plain(table["lang"]), pa.scalar("@", pa.large_string())
    )


def query_rows(names: pa.Array, collection: Collection) -> IntArray:
    """Return the query row of each name (n,), `id@lang` or `id`; -1 for what names no query or several versions.

    Languages are read leniently (`q7@zh_cn`).
    """
    names = _plain(names)
    versions = query_names(collection, np.arange(len(collection.query_index)))
    rows = _found(names, versions)
    missing = np.flatnonzero(rows < 0)
    if len(missing):
        counts = np.bincount(collection.query_index, minlength=len(collection.query_ids))
        single = np.flatnonzero(counts[collection.query_index] == 1)
        ids = _plain(collection.queries["_id"].take(pa.array(single)))
        found = _found(names.take(pa.array(missing)), ids)
        rows[missing] = np.where(found >= 0, single[found] if len(single) else -1, -1)
        missing = missing[found < 0]
    if len(missing):
        rows[missing] = _found(
            pa.array([_canonical(name) for name in names.take(pa.array(missing)).to_pylist()], pa.large_string()),
            versions,
        )
    return rows


def _canonical(name: str) -> str:
    """Write the language of a name `id@lang` canonically, if it is one."""
    query, at, tag = name.rpartition("@")
    try:
        return f"{query}@{canonical_tag(tag)}" if at else name
    except ValueError:
        return name


def why_unknown(name: str, collection: Collection) -> str:
    """Say what to do about a name for which `query_rows` finds nothing."""
    at = pc.index(collection.query_ids, pa.scalar(name, collection.query_ids.type)).as_py()
    if at < 0:
        example = query_names(collection, np.array([0]))[0]
        return f"queries of {collection.name} are named as id@lang, such as {example}"
    languages = [collection.languages[code] for code in collection.query_language[collection.query_index == at]]
    return f"{name!r} has versions in {', '.join(languages)}: name each version, such as {name}@{languages[0]}"
