"""Where shards lie: in a folder that all workers see, or in an object store, of which each machine keeps copies.

A shard is named `00007-HASH.arrow` by the hash of its bytes, by which a damaged one is known wherever it is read.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import xxhash

from isoglot.checksums import checksum
from isoglot.collections.cache import tidy
from isoglot.errors import InputError
from isoglot.files import default_cache, new_file
from isoglot.stores import Store, folder_of, is_address

__all__ = ["Folder", "Place", "StoredFolder", "place_of", "shard_name"]

SHARD = ".arrow"


class Place(Protocol):
    """A folder of shards, wherever it is; it is sent to workers."""

    def names(self) -> list[str]:
        """Return the names of the shards that are there, whole or not, in order."""

    def local(self, name: str) -> Path | None:
        """Return a file here with what one of its files holds; None of a shard that is damaged, or of no file."""

    def is_whole(self, name: str) -> bool:
        """Tell whether a shard's bytes are those that its name says."""

    def write(self, name: str, content: Any) -> None:
        """Write a file, whole or not at all."""

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""


def place_of(folder: str | Path, key: str) -> Place:
    """Return the place that is meant by a folder, or by an address in an object store.

    Args:
        folder: a path, or an address such as `s3://bucket/shards`.
        key: names the copies that machines keep of what is in an object store.

    Raises:
        InputError: the address has credentials in it.
    """
    if is_address(folder):
        path = folder_of(str(folder))
        return StoredFolder(Store(str(folder)), key) if path is None else Folder(path)
    return Folder(Path(folder).expanduser().resolve())


def shard_name(block: int, content: Any) -> str:
    """Return what a shard is called, by the number of its block and its bytes."""
    return f"{block:05d}-{xxhash.xxh3_128_hexdigest(content)}{SHARD}"


def _hash_in(name: str) -> str:
    """Return the hash that the name of a shard says, as of `isoglot.checksums`."""
    return name.removesuffix(SHARD).partition("-")[2]


def _has_its_bytes(path: Path, name: str) -> bool:
    """Tell whether a file holds the bytes that a shard's name says.

    Raises:
        OSError: it cannot be read.
    """
    return checksum(path) == _hash_in(name)


@dataclass(frozen=True)
class Folder:
    """A folder that all workers see under this path."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    def names(self) -> list[str]:
        """Return the names of the shards that are there, whole or not, in order."""
        return sorted(path.name for path in self.path.glob(f"*{SHARD}"))

    def local(self, name: str) -> Path | None:
        """Return the path of a file, which may be damaged; None of a file that is not there."""
        return path if (path := self.path / name).exists() else None

    def is_whole(self, name: str) -> bool:
        """Tell whether a shard's bytes are those that its name says.

        Raises:
            InputError: it cannot be read here, though it was listed elsewhere; it may well be whole.
        """
        try:
            return _has_its_bytes(self.path / name, name)
        except OSError as error:
            told = f"{self.path / name} cannot be read by a worker ({error.strerror})"
            raise InputError(f"{told}: all machines need this folder; if they have it, remove the file") from None

    def write(self, name: str, content: Any) -> None:
        """Write a file, whole or not at all.

        Raises:
            InputError: it cannot be written.
        """
        _write(self.path / name, content)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there."""
        (self.path / name).unlink(missing_ok=True)


@dataclass(frozen=True)
class StoredFolder:
    """A folder in an object store; what a machine reads or writes of it stays in its cache, by the same name."""

    store: Store
    key: str

    def __str__(self) -> str:
        return str(self.store)

    @property
    def _copies(self) -> Path:
        """The folder of this machine's copies."""
        return default_cache() / "fetched" / f"shards-{self.key}"

    def names(self) -> list[str]:
        """Return the names of the shards that are there, whole or not, in order."""
        return [one.name for one in self.store.list() if one.is_file and one.name.endswith(SHARD)]

    def local(self, name: str) -> Path | None:
        """Return a copy here of a file; None of a shard that is damaged, or of a file that is not there.

        A copy that is there is taken if it is whole; files that are no shards are copied each time.

        Raises:
            InputError: the store cannot be read, or the copy not be written.
        """
        if not name.endswith(SHARD):
            return self._fetched(name) if self.store.size(name) is not None else None
        return self._kept(name) or self._fetched(name)

    def _kept(self, name: str) -> Path | None:
        """Return the whole copy of a shard that is here, if there is one."""
        copy = self._copies / name
        try:
            whole = _has_its_bytes(copy, name)
        except OSError:  # most often there is none
            whole = False
        if not whole:
            return None
        with suppress(OSError):
            os.utime(copy.parent)  # which is in use
        return copy

    def _fetched(self, name: str) -> Path | None:
        copy = self._copies / name
        try:
            if not copy.parent.is_dir():
                copy.parent.mkdir(parents=True)
                tidy(copy.parent.parent)
            with new_file(copy, "wb") as file:
                hashed = _Hashed(file)
                self.store.copy(name, hashed)
                if name.endswith(SHARD) and hashed.digest.hexdigest() != _hash_in(name):
                    raise _DamagedError
        except _DamagedError:
            return None
        except OSError as error:
            raise _no_room(copy, error) from None
        return copy

    def is_whole(self, name: str) -> bool:
        """Tell whether a shard's bytes are those that its name says; it is read, unless there is a whole copy here.

        A shard of which this machine has a whole copy is compared with it by size alone.
        """
        copy = self._kept(name)
        if copy is not None and self.store.size(name) == copy.stat().st_size:
            return True
        return self._fetched(name) is not None

    def write(self, name: str, content: Any) -> None:
        """Write a file, whole or not at all, and keep a copy of it here, which saves reading it again.

        Raises:
            InputError: it cannot be written.
        """
        self.store.write(name, content)
        _write(self._copies / name, content)

    def remove(self, name: str) -> None:
        """Remove a file and the copy here, if they are there."""
        self.store.remove(name)
        (self._copies / name).unlink(missing_ok=True)


class _Hashed:
    """A file that is written, and the hash of what was."""

    def __init__(self, file: IO[bytes]) -> None:
        self.file, self.digest = file, xxhash.xxh3_128()

    def write(self, part: bytes) -> None:
        self.digest.update(part)
        self.file.write(part)


class _DamagedError(Exception):
    """What was read has not the bytes that its name says."""


def _write(path: Path, content: Any) -> None:
    try:
        with new_file(path, "wb") as file:
            file.write(content)
    except OSError as error:
        raise _no_room(path, error) from None


def _no_room(path: Path, error: OSError) -> InputError:
    return InputError(f"cannot write {path}: {error.strerror or error}")
