"""Data sets that are tasks of mteb."""

from __future__ import annotations

from isoglot.data.catalogue.entry import MtebReader
from isoglot.data.convert import Splits

__all__ = ["read_mteb"]


def read_mteb(reader: MtebReader, languages: tuple[str, ...] | None) -> Splits:
    """Read a task of mteb as a collection.

    Args:
        reader: the task.
        languages: only these; all if None.

    Raises:
        InputError: mteb is not installed, or the task has nothing in these languages.
        IsoglotError: its data cannot be downloaded.
    """
    # imported here as `benchmarks` stands above `collections`, and needs the extra
    from isoglot.data.mteb import collection_from_mteb

    return {None: collection_from_mteb(reader.task, reader.split, languages=languages)}
