"""Arrow files mapped into memory: tables larger than memory, there at once."""

from __future__ import annotations

import mmap
import os
import weakref
from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

__all__ = ["map_table", "release_pages", "write_arrow"]

_MAPS: weakref.WeakSet[mmap.mmap] = weakref.WeakSet()


def write_arrow(path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> None:
    """Write batches as an Arrow file, and wait until the disk has it.

    Raises:
        OSError: there is no room, or no right to write.
    """
    with path.open("wb") as file:
        with pa.ipc.new_file(file, schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        file.flush()
        os.fsync(file.fileno())


def map_table(path: Path) -> pa.Table:
    """Return the table of an Arrow file without reading it: its pages come from disk when they are looked at.

    Raises:
        OSError: the file cannot be opened.
        ValueError: it is no Arrow file (`pyarrow.ArrowInvalid`), or empty.
    """
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    _MAPS.add(mapped)
    return pa.ipc.open_file(pa.py_buffer(mapped)).read_all()


def release_pages() -> None:
    """Tell the system that what was looked at of mapped tables can leave memory; it comes back when needed.

    For a pass over a whole table, which otherwise leaves all of it in the memory that the process occupies.
    """
    if hasattr(mmap, "MADV_DONTNEED"):
        for mapped in list(_MAPS):
            mapped.madvise(mmap.MADV_DONTNEED)
