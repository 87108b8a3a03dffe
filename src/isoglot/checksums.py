"""Checksums of files of ours, so that a bit that flips on a disk is noticed when the file is read again.

A list is a file of lines `checksum  name`, which `xxhsum --check` reads as well. XXH3 of 128 bits tells damage, not
forgery, at the speed of memory: checking costs as much as reading the files once.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import xxhash

from isoglot.files import new_file

__all__ = ["LISTED", "checksum", "damaged", "list_beside", "read_list", "write_list"]

LISTED = "checksums.xxh128"
"""What the list of a folder's files is called."""
STEP = 4 * 2**20


def checksum(path: Path) -> str:
    """Return the checksum of a file's bytes, 32 hexadecimal digits; a part of it is in memory at a time.

    Raises:
        OSError: it cannot be read.
    """
    digest = xxhash.xxh3_128()
    part = memoryview(bytearray(STEP))
    with path.open("rb", buffering=0) as file:
        while size := file.readinto(part):
            digest.update(part[:size])
    return digest.hexdigest()


def list_beside(path: Path) -> Path:
    """Return where the list of a single file lies."""
    return path.with_name(f"{path.name}.xxh128")


def write_list(listed: Path, files: Iterable[Path] | None = None, known: Iterable[tuple[str, str]] = ()) -> None:
    """Write the checksums of files, whole or not at all.

    Args:
        listed: the list, in the folder of the files or above it.
        files: what is listed; by default all files in the folder and below it.
        known: names and checksums that are listed as they are.

    Raises:
        OSError: a file cannot be read, or the list not be written.
    """
    folder = listed.parent
    if files is None:
        files = (path for path in folder.rglob("*") if path.is_file() and path != listed)
    lines = dict(known)
    lines |= {path.relative_to(folder).as_posix(): checksum(path) for path in files}
    with new_file(listed) as file:
        file.writelines(f"{value}  {name}\n" for name, value in sorted(lines.items()))


def read_list(listed: Path) -> dict[str, str] | None:
    """Return what a list says, name -> checksum; None where there is none or it is no list."""
    try:
        lines = listed.read_text(encoding="utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError):
        return None
    found = {}
    for line in lines:
        value, between, name = line.partition("  ")
        if len(value) != 32 or not between or not name:
            return None
        found[name] = value
    return found


def damaged(listed: Path, *, missing: bool = True) -> list[str]:
    """Return the names of a list's files that are not as they were written; the list's own, if it is none.

    Args:
        listed: the list.
        missing: whether a file that is not there is damaged.
    """
    found = read_list(listed)
    if found is None:
        return [listed.name]
    bad = []
    for name, value in found.items():
        try:
            if checksum(listed.parent / name) != value:
                bad.append(name)
        except FileNotFoundError:
            bad += [name] if missing else []
        except (OSError, ValueError):  # ValueError: a name with a zero in it
            bad.append(name)
    return bad
