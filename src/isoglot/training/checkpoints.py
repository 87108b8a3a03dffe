"""The files of checkpoints: there whole or not at all, whenever the process dies, and as they were written."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from isoglot.checksums import LISTED, damaged, write_list
from isoglot.errors import InputError, IsoglotError

__all__ = [
    "SAVING",
    "damage_of",
    "last_checkpoint",
    "put_in_place",
    "remove",
    "remove_leftovers",
    "seal",
    "sound_checkpoint",
    "writing",
]

logger = logging.getLogger(__name__)

SAVING, REMOVING = ".saving-", ".removing-"  # hidden folders: being written, being deleted


NO_ROOM = ("No space left", "file write failed", "unexpected pos", "File too large", "quota exceeded")
"""Signs of a full disk in what torch and safetensors say, who say it in words of their own."""


def _checkpoints(folder: str | Path) -> list[Path]:
    """Return the checkpoints in a folder, the highest step first."""
    steps = {}
    for path in Path(folder).glob("checkpoint-*"):
        number = path.name.removeprefix("checkpoint-")
        if number.isdecimal() and path.is_dir():
            steps[int(number)] = path
    return [steps[step] for step in sorted(steps, reverse=True)]


def last_checkpoint(folder: str | Path) -> Path | None:
    """Return the checkpoint of the highest step in a folder, None if there is none."""
    return next(iter(_checkpoints(folder)), None)


def sound_checkpoint(folder: str | Path, *, tell: bool = True) -> Path | None:
    """Return the checkpoint of the highest step that is as it was written; None if there is none at all.

    Args:
        folder: where checkpoints are.
        tell: say in the log which ones are passed over.

    Raises:
        InputError: there are some, and all are damaged.
    """
    found = _checkpoints(folder)
    for path in found:
        damage = damage_of(path)
        if damage is None:
            return path
        if tell:
            logger.warning("%s is damaged on the disk (%s): the one before is taken", path, damage)
    if found:
        raise InputError(f"all checkpoints in {folder} are damaged on the disk: remove the folder, and start anew")
    return None


def seal(folder: Path) -> None:
    """Write the checksums of a checkpoint's files beside them."""
    write_list(folder / LISTED)


def damage_of(folder: Path) -> str | None:
    """Return which files of a checkpoint are not as they were written; None for none, or where none is listed."""
    listed = folder / LISTED
    return ", ".join(damaged(listed)) or None if listed.exists() else None


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Say in a sentence that a full disk is why something cannot be written, and free what was written of it.

    Raises:
        IsoglotError: the disk is full, or a file may not be as large.
    """
    try:
        yield
    except Exception as error:  # RuntimeError of torch, SafetensorError, OSError
        said = " ".join(str(error).split())
        if not any(sign in said for sign in NO_ROOM):
            raise
        remove_leftovers(path.parent)
        raise IsoglotError(
            f"cannot write {path}: there is no room on the disk; free some, and the same command with --resume "
            "goes on"
        ) from error


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
