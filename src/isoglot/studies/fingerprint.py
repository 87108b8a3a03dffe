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

from isoglot.collections import Collection

__all__ = ["collection_fingerprint", "files_fingerprint", "hash_of"]

ROWS = 1 << 16
"""Rows that are hashed at a time: bounds memory."""


def hash_of(content: Any) -> str:
    """Return a hash of what JSON can hold; the order of keys does not count."""
    text = json.dumps(content, sort_keys=True, ensure_ascii=False, allow_nan=False)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _column(column: pa.ChunkedArray) -> str:
    """Hash a column of texts or numbers; how it is cut into chunks does not count."""
    values, lengths = hashlib.blake2b(digest_size=16), hashlib.blake2b(digest_size=16)
    for start in range(0, len(column), ROWS):
        part = column.slice(start, ROWS)
        if pa.types.is_string(part.type) or pa.types.is_large_string(part.type):
            size = pc.fill_null(pc.binary_length(part), -1)
            lengths.update(np.asarray(size.to_numpy()).astype(np.int64).tobytes())
            values.update("".join(text for text in part.to_pylist() if text is not None).encode())
        else:
            values.update(json.dumps(part.to_pylist(), sort_keys=True, default=str).encode()[1:-1] + b",")
    return values.hexdigest() + lengths.hexdigest()


def collection_fingerprint(collection: Collection) -> str:
    """Return a hash of a collection's documents, queries and judgments, in their order; not of its name."""
    return hash_of(
        [
            {name: _column(table[name]) for name in sorted(table.column_names)}
            for table in (collection.documents, collection.queries, collection.judgments)
        ]
    )


def files_fingerprint(paths: Iterable[str | Path]) -> str:
    """Return a hash of the contents and names of files, and of the files in folders; not of where they lie."""
    found = []
    for path in map(Path, paths):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                found.append((file.name, hashlib.blake2b(file.read_bytes(), digest_size=16).hexdigest()))
    return hash_of(found)
