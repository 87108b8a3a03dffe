"""The files of checkpoints: there whole or not at all, whenever the process dies."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from transformers.trainer_utils import get_last_checkpoint

__all__ = ["SAVING", "last_checkpoint", "put_in_place", "remove", "remove_leftovers"]

SAVING, REMOVING = ".saving-", ".removing-"  # hidden folders: being written, being deleted


def last_checkpoint(folder: str | Path) -> Path | None:
    """Return the checkpoint of the highest step in a folder, None if there is none."""
    found = get_last_checkpoint(str(folder)) if Path(folder).is_dir() else None
    return None if found is None else Path(found)


def put_in_place(written: Path, final: Path) -> None:
    """Give a file or folder that is completely written its name, in the place of what has that name.

    All of it is on the disk before it gets the name, so `final` is whole even after a power cut.

    Args:
        written: what was written, in the folder of `final` or in one beside it.
        final: its name from now on.
    """
    for path in (written, *written.rglob("*")):
        _flush(path)
    if final.is_dir():
        remove(final)
    written.replace(final)
    _flush(final.parent)


def remove(folder: Path) -> None:
    """Delete a folder; it loses its name first, so that nobody finds half of it."""
    hidden = folder.with_name(REMOVING + folder.name)
    shutil.rmtree(hidden, ignore_errors=True)
    folder.replace(hidden)
    shutil.rmtree(hidden, ignore_errors=True)


def remove_leftovers(folder: str | Path) -> None:
    """Delete what processes that were killed while saving or deleting left in a folder."""
    for prefix in (SAVING, REMOVING):
        for path in Path(folder).glob(f"{prefix}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _flush(path: Path) -> None:
    """Wait until a file or folder is on the disk."""
    posix = os.name == "posix"
    if path.is_dir() and not posix:  # elsewhere folders cannot be opened, and files only be flushed to write
        return
    handle = os.open(path, os.O_RDONLY if posix else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
