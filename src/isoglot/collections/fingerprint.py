"""Content hashes: of a collection's texts, of files, and of whatever decides a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from isoglot.collections.arrow import release_pages
from isoglot.collections.collection import Collection
from isoglot.files import content_hash

__all__ = ["collection_fingerprint", "files_fingerprint", "hash_of", "table_fingerprint"]

READ = 1 << 24
ROWS = 1 << 16
"""Rows that are hashed at a time: bounds memory."""


def hash_of(content: Any) -> str:
    """Return a hash of what JSON can hold; the order of keys does not count."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return content_hash(text)


def _column(column: pa.ChunkedArray) -> str:
    """Hash a column of texts or numbers; how it is cut into chunks does not count."""
    values, lengths = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    for start in range(0, len(column), ROWS):
        part = column.slice(start, ROWS)
        if pa.types.is_string(part.type) or pa.types.is_large_string(part.type):
            size = pc.fill_null(pc.binary_length(part), -1)
            lengths.update(np.asarray(size.to_numpy()).astype(np.int64).tobytes())
            for chunk in part.chunks:
                values.update(_texts(chunk))
        elif pa.types.is_integer(part.type) and not part.null_count:  # as below, without Python's numbers
            digits = pc.cast(part, pa.string()).combine_chunks()
            listed = pa.ListArray.from_arrays(pa.array([0, len(digits)], pa.int32()), digits)
            values.update(pc.binary_join(listed, ", ")[0].as_buffer())
            values.update(b",")
        else:
            values.update(json.dumps(part.to_pylist(), sort_keys=True, default=str).encode()[1:-1] + b",")
        if start + ROWS < len(column):
            release_pages()
    return values.hexdigest() + lengths.hexdigest()


def _texts(chunk: pa.Array) -> memoryview:
    """Return the bytes of texts, one after the other: what Arrow holds, not a copy."""
    chunk = pc.fill_null(chunk, "")  # what lies behind a text that is not there can be anything
    _, offsets, data = chunk.buffers()
    if not len(chunk) or data is None:
        return memoryview(b"")
    kind = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    at = np.frombuffer(offsets, kind)[chunk.offset : chunk.offset + len(chunk) + 1]
    return memoryview(data)[at[0] : at[-1]]


def collection_fingerprint(collection: Collection) -> str:
    """Return a hash of a collection's documents, queries and judgments, in their order; not of its name.

    A column `extra` with nothing in it is none: a set has it when one that it is joined with has.
    """
    return hash_of([_columns(one) for one in (collection.documents, collection.queries, collection.judgments)])


def table_fingerprint(table: pa.Table) -> str:
    """Return a hash of a table of texts or numbers, in its order; how it is cut into chunks does not count."""
    return hash_of(_columns(table))


def _columns(table: pa.Table) -> dict[str, str]:
    return {
        name: _column(table[name])
        for name in sorted(table.column_names)
        if name != "extra" or table[name].null_count < len(table)
    }


def _file_hash(path: Path) -> str:
    """Return the `content_hash` of a file, a part of which is read at a time."""
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while part := file.read(READ):
            digest.update(part)
    return digest.hexdigest()


def files_fingerprint(paths: Iterable[str | Path]) -> str:
    """Return a hash of the contents and names of files, and of the files in folders; not of where they lie."""
    found = []
    for path in map(Path, paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found.append((file.name, _file_hash(file)))
    return hash_of(found)
