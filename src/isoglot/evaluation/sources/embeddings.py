"""Embeddings from files: for models that run elsewhere, behind a closed API, say."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from isoglot.collections.collection import Collection
from isoglot.collections.parquet import read_parquet
from isoglot.errors import InputError
from isoglot.evaluation.embed import refuse_bytes
from isoglot.evaluation.sources.ids import document_rows, few, query_names, query_rows, why_unknown
from isoglot.files import read_text, why_no_file
from isoglot.names import in_a_line

__all__ = ["count_rows", "read_embeddings"]

Kind = Literal["queries", "documents"]
Table = NDArray[Any]
IntArray = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)

ID_NAMES = ("id", "_id", "query-id", "query_id", "qid", "corpus-id", "docid", "docno", "doc_id", "document_id")
"""What a first line of an ids file may be, one more than there are rows."""
PACKED = 128
"""Numbers of a row up to which int8 may well be packed bits: of 1,024 dimensions at most."""
NPY = b"\x93NUMPY"
"""What a .npy file begins with."""
CHECKED = 65_536
"""Rows looked at together."""


def read_embeddings(
    queries_path: str | Path, documents_path: str | Path, collection: Collection, *, sample: bool = False
) -> tuple[Table, Table]:
    """Read embeddings of a collection's texts.

    Two forms, told apart by the file's ending:

    - `.npy`: an array (rows, dimensions). Rows are in the order of the collection (queries: all of them, or those
      with a relevant document), or, if a file of the same name with the ending `.ids` (`.ids.gz`) lies beside, in
      its order: one id per line; for queries `id<TAB>lang`, or `id` where the query has one language version.
      bfloat16, which numpy writes as `V2`, is read as such.
    - `.parquet`: columns `_id`, `lang` (queries; may be left out where each has one version) and `embedding`, lists
      of numbers.

    Every document and every query with a relevant document must have exactly one embedding; other queries may have.

    Args:
        queries_path: embeddings of the queries.
        documents_path: embeddings of the documents.
        collection: the collection.
        sample: whether the collection may be a sample of what was embedded: ids that it does not have are passed
            over.

    Returns:
        Query embeddings (Q, d) of all query rows or (q, d) of those with a relevant document, and document
        embeddings (D, d), in the collection's order: what `evaluate_embeddings` takes. Not brought to unit length.

    Raises:
        InputError: a file is missing or has another form or is uint8, ids are missing, unknown or given twice, the
            number of rows is wrong, dimensions differ, or a value is NaN or infinite.
    """
    queries, documents = Path(queries_path), Path(documents_path)
    query_table, named_queries = _read(queries, "queries")
    document_table, named_documents = _read(documents, "documents")
    if query_table.shape[1] != document_table.shape[1]:
        raise InputError(
            f"{queries} has embeddings of {query_table.shape[1]} dimensions and {documents} of "
            f"{document_table.shape[1]}: embed queries and documents with the same model"
        )
    judged = collection.judged_query_rows()
    order = partial(_order, collection=collection, judged=judged, sample=sample)
    query_order = order(queries, "queries", named_queries, len(query_table))
    document_order = order(documents, "documents", named_documents, len(document_table))
    query_table = query_table if query_order is None else query_table[query_order]
    document_table = document_table if document_order is None else document_table[document_order]
    rows = judged if len(query_table) == len(judged) else np.arange(len(query_table))
    _check_finite(queries, query_table, lambda at: _names(collection, "queries", rows[at]))
    _check_finite(documents, document_table, lambda at: _names(collection, "documents", at))
    return query_table, document_table


def count_rows(path: str | Path) -> int:
    """Return how many embeddings a file holds; 0 where it cannot be read, which `read_embeddings` then says."""
    path = Path(path)
    try:
        return len(_read_npy(path)) if path.suffix == ".npy" else int(pq.read_metadata(path).num_rows)
    except (InputError, TypeError, pa.ArrowException, OSError):
        return 0


def _read(path: Path, kind: Kind) -> tuple[Table, pa.Array | None]:
    """Read the embeddings of a file (n, d), and the names of its rows, None where it does not say."""
    if not path.is_file():
        raise InputError(f"{path}, the embeddings of the {kind}, {why_no_file(path)}: give a .npy or .parquet file")
    if path.suffix == ".npy":
        table = _read_npy(path)
        names = _read_ids(path, kind, len(table) if table.ndim else 0)
    elif path.suffix == ".parquet":
        table, names = _read_parquet(path, kind)
    else:
        raise InputError(f"{path} is neither a .npy nor a .parquet file of embeddings")
    refuse_bytes(table.dtype, f"the {kind} in {path}")
    if table.dtype == np.int8 and table.ndim == 2 and table.shape[1] <= PACKED:
        logger.warning(
            "%s has rows of %d int8 numbers, which are measured as numbers; if they are packed bits "
            "(precision='binary'), unpack them first: "
            "numpy.unpackbits((e.astype(int) + 128).astype('uint8'), axis=1) * 2.0 - 1",
            path,
            table.shape[1],
        )
    if table.ndim != 2 or not table.shape[1] or table.dtype.kind not in "fiu":
        raise InputError(
            f"{path} has shape {table.shape} of {table.dtype}: embeddings are numbers (rows, dimensions)"
        )
    if names is not None and len(names) != len(table):
        raise InputError(f"{path} has {len(table):,} rows, but its ids file {len(names):,} lines")
    return table, names


def _read_npy(path: Path) -> Table:
    try:
        with path.open("rb") as file:
            if (start := file.read(len(NPY))) != NPY:
                raise ValueError("it is gzipped" if start.startswith(b"\x1f\x8b") else "it does not begin as one")
        table: Table = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(table, np.memmap) and table.offset + table.nbytes != path.stat().st_size:
            raise ValueError("it is longer than its array, as after a copy that changed line ends")
    except (OSError, ValueError, EOFError) as error:
        raise InputError(f"{path} is not a readable .npy file: {error}; write it with numpy.save") from None
    if table.dtype == np.dtype(
        "V2"
    ):  # what numpy calls bfloat16, which it does not know: the upper half of a float32
        return (table.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
    return table


def _read_ids(path: Path, kind: Kind, rows: int) -> pa.Array | None:
    """Read the names of rows from the file of ids beside an array, if there is one."""
    plain = path.with_suffix(".ids")
    ids = plain if plain.exists() else plain.with_suffix(".ids.gz")
    if not ids.exists():
        return None
    lines = read_text(ids).split("\n")
    lines = [line.removesuffix("\r") for line in (lines[:-1] if lines[-1] == "" else lines)]
    head = len(lines) == rows + 1 and lines[0].partition("\t")[0].lower() in ID_NAMES
    for number, line in enumerate(lines[head:], 1 + head):
        if not line or line.count("\t") > (kind == "queries"):
            form = "an id, a tab and a language" if kind == "queries" else "an id"
            raise InputError(f"{ids} line {number}: expected {form}, found {line!r}")
    return pa.array([line.replace("\t", "@") for line in lines[head:]], pa.large_string())


def _read_parquet(path: Path, kind: Kind) -> tuple[Table, pa.Array]:
    try:
        content = read_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file: {str(error).splitlines()[0]}") from None
    for column in ("_id", "embedding"):
        if column not in content.column_names:
            have = ", ".join(map(in_a_line, content.column_names))
            raise InputError(f"{path} has no column {column!r}: it has {have}")
    lists = content["embedding"].combine_chunks()
    if (
        not pa.types.is_list(lists.type)
        | pa.types.is_large_list(lists.type)
        | pa.types.is_fixed_size_list(lists.type)
    ):
        raise InputError(f"{path}: the column 'embedding' holds {lists.type}, not lists of numbers")
    try:
        ids = content["_id"].cast(pa.large_string())
    except pa.ArrowException:
        raise InputError(f"{path}: the column '_id' holds {content['_id'].type}, not ids") from None
    for name in {"_id", "lang"} & {*content.column_names}:
        try:
            content[name].validate(full=True)  # what is called a text may hold other bytes
        except pa.ArrowException:
            raise InputError(f"{path}: the column {name!r} holds text that is not UTF-8") from None
    if lists.null_count or ids.null_count:
        raise InputError(f"{path} has rows without _id or embedding")
    lengths = pa.compute.list_value_length(lists).to_numpy(zero_copy_only=False)
    if len(lengths) and lengths.min() != lengths.max():
        raise InputError(
            f"{path} has embeddings of different dimensions: {lengths.min()} to {lengths.max()} (row "
            f"{int(np.argmax(lengths != lengths[0]))})"
        )
    values = lists.flatten()
    if values.null_count or not (pa.types.is_floating(values.type) or pa.types.is_integer(values.type)):
        raise InputError(f"{path}: the column 'embedding' holds nulls or {values.type}, not numbers")
    table = values.to_numpy(zero_copy_only=False).reshape(len(lists), int(lengths[0]) if len(lengths) else 0)
    names = ids.to_pylist()
    if kind == "queries" and "lang" in content.column_names:
        tags = content["lang"].to_pylist()
        names = [name if tag is None else f"{name}@{tag}" for name, tag in zip(names, tags, strict=True)]
    return table, pa.array(names, pa.large_string())


def _positions(path: Path, rows: IntArray, names: pa.Array, size: int) -> IntArray:
    """Return for each row of the collection (size,) its position in the file, -1 for none; check for repeats."""
    order = np.full(size, -1)
    order[rows[::-1]] = np.arange(len(rows))[::-1]
    again = np.flatnonzero(order[rows] != np.arange(len(rows)))
    if len(again):
        shown = few(names.take(pa.array(again[:4])).to_pylist())
        raise InputError(f"{path} has {len(again):,} ids twice: {shown}; keep one row of each")
    return order


def _names(collection: Collection, kind: Kind, rows: IntArray) -> list[str]:
    """Return the names that rows have in files, for messages."""
    if kind == "queries":
        return [str(name) for name in query_names(collection, rows)]
    return [str(collection.documents["_id"][row]) for row in rows.tolist()]


def _order(
    path: Path,
    kind: Kind,
    names: pa.Array | None,
    count: int,
    collection: Collection,
    judged: IntArray,
    sample: bool,
) -> IntArray | None:
    """Return where in the file every judged query, or document, is; None if it is in the collection's order."""
    of_queries = kind == "queries"
    total = len(collection.query_index) if of_queries else collection.documents.num_rows
    wanted = judged if of_queries else np.arange(total)
    if names is None:
        if count not in (len(wanted), total):
            some = "" if total == len(wanted) else f" (or {len(wanted):,}, of those with a relevant document)"
            raise InputError(
                f"{path} has {count:,} rows, {collection.name} has {total:,} {kind}{some}: embed them all, in the "
                f"order of the collection, or say which they are in {path.with_suffix('.ids')}"
            )
        return None
    rows = (query_rows if of_queries else document_rows)(names, collection)
    mine = np.flatnonzero(rows >= 0)
    unknown = [] if sample else names.filter(pa.array(rows < 0)).to_pylist()
    if unknown:
        remedy = "leave them out, or check that they are of the same collection"
        raise InputError(
            f"{path} has {len(unknown):,} embeddings of no {'query' if of_queries else 'document'} of "
            f"{collection.name}: {few(unknown)}; {why_unknown(unknown[0], collection) if of_queries else remedy}"
        )
    order = _positions(path, rows[mine], names.take(pa.array(mine)), total)
    missing = wanted[order[wanted] < 0]
    if len(missing):
        shown = few(_names(collection, kind, missing[:4]))
        raise InputError(f"{path} lacks the embeddings of {len(missing):,} of {len(wanted):,} {kind}: {shown}")
    return mine[order[wanted]]


def _check_finite(path: Path, table: Table, names: Callable[[IntArray], list[str]]) -> None:
    """Refuse NaN and infinities, some rows at a time, so that no copy of a large table is made."""
    parts = [
        start + np.flatnonzero(~np.isfinite(table[start : start + CHECKED]).all(axis=1))
        for start in range(0, len(table), CHECKED)
    ]
    bad = np.concatenate(parts) if parts else np.empty(0, np.int64)
    if len(bad):
        shown = few(names(bad[:4]))
        raise InputError(
            f"{path} has {len(bad):,} embeddings with NaN or infinite values: {shown}; embed them again"
        )
