"""Checksums of an index on disk: LanceDB, whose files never change once they are written, keeps none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from isoglot.checksums import LISTED, damaged, read_list, write_list
from isoglot.errors import InputError

__all__ = ["check_index", "list_files", "writing_alone"]

WRITING = ".writing"
HINT = "latest_version_hint.json"
"""The one file of LanceDB's that is written over."""


def is_local(path: str | Path) -> bool:
    """Tell whether an index is in a folder; object stores have checksums of their own."""
    return "://" not in str(path)


@contextmanager
def writing_alone(path: str | Path) -> Iterator[None]:
    """Have one process at a time write to an index, the others waiting, and list the checksums of what it wrote.

    Raises:
        InputError: it cannot be written to.
    """
    if not is_local(path):
        yield
        return
    lock = FileLock(Path(path) / WRITING)
    try:
        lock.acquire()
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from None
    try:
        yield
        list_files(path)
    finally:
        lock.release()


def list_files(path: str | Path) -> None:
    """List the checksums of files that are new in an index, and no longer of those that are gone.

    Nobody else may be writing to it. After a kill the files of its last moment are listed with the next ones.
    """
    if not is_local(path):
        return
    folder = Path(path)
    listed = folder / LISTED
    files = {one.relative_to(folder).as_posix(): one for one in folder.rglob("*") if one.is_file()}
    mine = {name: one for name, one in files.items() if "/" in name and one.name != HINT}
    known = read_list(listed) or {}
    if mine.keys() != known.keys():
        kept = [(name, value) for name, value in known.items() if name in mine]
        write_list(listed, [one for name, one in mine.items() if name not in known], kept)


def check_index(path: str | Path) -> None:
    """See that the files of an index are as they were written: reads all of it once.

    Raises:
        InputError: they are not.
    """
    listed = Path(path) / LISTED
    if not is_local(path) or not listed.exists():
        return
    bad = damaged(listed, missing=False)  # a file that is gone was put together with others meanwhile
    if bad:
        more = f" and {len(bad) - 1:,} more" if len(bad) > 1 else ""
        raise InputError(f"the index {path} is damaged on the disk ({bad[0]}{more}): build it anew")
