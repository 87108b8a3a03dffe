"""Checksums of downloads: stated, computed from the publisher's files, or recorded when first downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path

from isoglot.errors import InputError
from isoglot.files import new_file

__all__ = ["checksum_of", "read_record", "record", "record_path"]

BLOCK = 1 << 20


def checksum_of(path: Path, algorithm: str = "sha256") -> str:
    """Return the checksum of a file as `algorithm:digits`.

    Args:
        path: the file.
        algorithm: `sha256` or `md5`.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def record_path(path: Path) -> Path:
    """Return where the checksum of a download is recorded: beside it, as `sha256sum` writes and checks it."""
    return path.with_name(f"{path.name}.sha256")


def record(path: Path) -> str:
    """Record the checksum of a download.

    Returns:
        The checksum, as `sha256:digits`.
    """
    checksum = checksum_of(path)
    with new_file(record_path(path)) as file:
        file.write(f"{checksum.removeprefix('sha256:')}  {path.name}\n")
    return checksum


def read_record(path: Path) -> str | None:
    """Return the recorded checksum of a download as `sha256:digits`; None if there is no record.

    Raises:
        InputError: the record is not one.
    """
    found = record_path(path)
    if not found.is_file():
        return None
    digits = found.read_text(encoding="utf-8", errors="replace").split(" ")[0].strip()
    if len(digits) != 64 or not set(digits) <= set("0123456789abcdef"):
        raise InputError(f"{found} does not hold a sha256 checksum: remove it, and the checksum is recorded anew")
    return f"sha256:{digits}"
