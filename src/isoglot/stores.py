"""Files in object stores, by address: `s3://bucket/folder`; listed, copied in pieces, written whole.

pyarrow's file systems do the work (https://arrow.apache.org/docs/python/filesystems.html), with the options that it
reads from an address, such as `?endpoint_override=localhost:9000&scheme=http`. An address with credentials in it is
refused: lists of processes, logs, configurations and pages would show them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from isoglot.errors import InputError

__all__ = ["Found", "Store", "folder_of", "is_address", "refuse_address", "refuse_secrets", "without_secrets"]

SCHEMES = ("s3", "gs", "abfs", "hdfs", "file")
ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://|(?:s3|gs|gcs|abfss?|hdfs|viewfs|file):/", re.IGNORECASE)
"""How an address begins; pathlib makes one slash of two."""
SECRET = re.compile(
    r"(?P<before>\b(?:"
    r"(?:s3|gs|gcs|abfss?):/+(?=[^\s/?#@:]*:[^\s?#]*@)"  # where nothing has a port
    r"|s3:/+(?=[^\s/?#@]*@)"
    r"|[a-z][a-z0-9+.-]+:/+(?=[^\s/?#@:]*:(?!\d+(?:[/?#\s]|$))[^\s?#]*@)"
    r"))[^\s?#]*@"
    r"|(?P<key>[?&](?:[\w-]*(?:secret|token|password|credential|signature)[\w-]*|[\w-]*(?:access|account)_?key"
    r"(?:_?id)?|sig)=)[^\s&#]+",
    re.IGNORECASE,
)
"""A credential in an address: a key with its secret (in which there may be a slash) before @, or of a parameter."""
STEP = 16 * 2**20
"""Bytes of a file that are in memory while it is copied."""
TOLD = 300
"""Characters of what a store says about an error."""
CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or a profile or role of AWS",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS, or gcloud auth application-default login",
    "abfs": "AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET, or az login",
}
"""Where the libraries of a store look for credentials, which is on each machine that reads or writes it."""
RENAMING = ("hdfs", "local")
"""Kinds of file system, as pyarrow calls them, in which a file that is being written can be seen by others."""


def is_address(place: object) -> bool:
    """Tell whether a place is given by an address, such as `s3://bucket/folder`, and not by a path."""
    return ADDRESS.match(str(place)) is not None


def without_secrets(text: str) -> str:
    """Return a text with … for every credential of an address in it."""
    return SECRET.sub(lambda found: f"{found['key']}…" if found["key"] else f"{found['before']}…@", text)


def refuse_secrets(place: object) -> None:
    """Refuse an address with credentials in it; what is no address is let pass.

    Raises:
        InputError: it has some.
    """
    text = str(place)
    if is_address(text) and SECRET.search(text):
        raise InputError(
            f"{without_secrets(text)} has credentials in it, which lists of processes, logs and result files would "
            f"show: leave them out, and give them by {_credentials(text)}"
        )


def refuse_address(place: object, what: str) -> None:
    """Refuse an address where only this machine's files will do.

    Args:
        place: a path or an address.
        what: stands there, as the subject of a sentence: "the output".

    Raises:
        InputError: it is an address.
    """
    if is_address(place) and not (isinstance(place, Path) and place.exists()):
        told = without_secrets(str(place))
        raise InputError(f"{told} is an address, and {what} must be on this machine: give a path")


def _credentials(address: str) -> str:
    scheme = address.partition(":")[0].lower()
    return CREDENTIALS.get({"gcs": "gs", "abfss": "abfs"}.get(scheme, scheme), "the store's own settings")


@dataclass(frozen=True)
class Found:
    """A file or folder in a store.

    Attributes:
        name: in its folder.
        is_file: whether it is a file.
        size: in bytes; 0 of a folder.
        changed: when, in nanoseconds since 1970, as finely as the store says.
    """

    name: str
    is_file: bool
    size: int
    changed: int


class Writable(Protocol):
    """What bytes are written to."""

    def write(self, part: bytes, /) -> object:
        """Write some."""


@lru_cache(maxsize=32)
def _file_system(address: str) -> tuple[Any, str]:
    """Return pyarrow's file system of an address, and the path in it."""
    from pyarrow.fs import FileSystem

    system, path = FileSystem.from_uri(address)
    return system, path.rstrip("/")


def folder_of(address: str) -> Path | None:
    """Return the folder that an address `file://…` names; None of other addresses.

    Raises:
        InputError: it is no address.
    """
    if not address.lower().startswith("file:"):
        return None
    store = Store(address)
    with store.telling("read"):
        return Path(_file_system(address)[1])


@dataclass(frozen=True)
class Store:
    """A folder in an object store; it is pickled as its address, never with credentials.

    Attributes:
        address: as pyarrow reads it.

    Raises:
        InputError: the address has credentials in it, a #, or one slash of its two, as pathlib makes it.
    """

    address: str

    def __post_init__(self) -> None:
        refuse_secrets(self.address)
        if "://" not in self.address:
            raise InputError(
                f"{self.address} is an address with one slash, as pathlib makes it: give a text with two"
            )
        if "#" in self.address:  # pyarrow would leave out what follows, and read or write another folder
            raise InputError(f"{self.address} has a # in it, where addresses end: write %23 for one in a name")

    def __str__(self) -> str:
        return self.address.partition("?")[0].rstrip("/")

    def within(self, name: str) -> Store:
        """Return a folder in this one."""
        place, mark, options = self.address.partition("?")
        return Store(f"{place.rstrip('/')}/{name}{mark}{options}")

    def names(self) -> tuple[str, ...]:
        """Return the names on the way to the folder, that of the bucket first."""
        with self.telling("read"):
            path: str = _file_system(self.address)[1]
        return tuple(name for name in path.split("/") if name not in ("", ".", ".."))

    @contextmanager
    def telling(self, doing: str, name: str = "") -> Iterator[None]:
        """Make a sentence of what goes wrong in the block.

        Args:
            doing: what is done in it: "read".
            name: of the file that it is done to; the folder's own if none.

        Raises:
            InputError: something does.
        """
        import pyarrow as pa

        place = f"{self}/{name}" if name else str(self)
        try:
            yield
        except FileNotFoundError:
            raise InputError(f"cannot {doing} {place}: it does not exist") from None
        except (OSError, pa.ArrowException) as error:
            why = without_secrets(" ".join(str(error).split()))
            why = why if len(why) <= TOLD else f"{why[: TOLD - 1]}…"
            remedy = f"the network, and the credentials, which are those of {_credentials(self.address)}"
            if isinstance(error, pa.ArrowInvalid):  # of an address
                remedy = f"its options, and that it begins with {', '.join(f'{name}://' for name in SCHEMES)}"
            raise InputError(f"cannot {doing} {place} ({why}): check the address, {remedy}") from None

    def list(self) -> list[Found]:
        """Return the files and folders in the folder, by name; none if it is not there.

        Raises:
            InputError: it cannot be read, or there is no such bucket.
        """
        from pyarrow.fs import FileSelector

        with self.telling("read"):
            system, path = _file_system(self.address)
            found = system.get_file_info(FileSelector(path, allow_not_found=True))
            return sorted(
                (Found(one.base_name, one.is_file, one.size or 0, one.mtime_ns or 0) for one in found),
                key=lambda one: one.name,
            )

    def size(self, name: str) -> int | None:
        """Return how many bytes a file has; None if there is none.

        Raises:
            InputError: the store cannot be read.
        """
        with self.telling("read", name):
            system, path = _file_system(self.address)
            found = system.get_file_info(f"{path}/{name}")
            size: int | None = found.size if found.is_file else None
            return size

    def copy(self, name: str, to: Writable) -> None:
        """Copy a file's bytes, a part of them in memory at a time.

        Raises:
            InputError: it cannot be read.
            OSError: it cannot be written here.
        """
        with self.telling("read", name):
            system, path = _file_system(self.address)
            stream = system.open_input_stream(f"{path}/{name}", compression=None)
        with stream:
            while True:
                with self.telling("read", name):
                    part = stream.read(STEP)
                if not part:
                    return
                to.write(part)

    def write(self, name: str, content: Any) -> None:
        """Write a file, whole or not at all, in place of one that is there.

        Args:
            name: in the folder, which need not be there.
            content: its bytes.

        Raises:
            InputError: it cannot be written.
        """
        with self.telling("write", name):
            system, path = _file_system(self.address)
            target = begun = f"{path}/{name}"
            if system.type_name in RENAMING:
                system.create_dir(path, recursive=True)
                begun = f"{path}/.{name}.partial"
            stream = system.open_output_stream(begun, compression=None)
            try:
                stream.write(content)
            finally:
                stream.close()
            if begun != target:
                system.move(begun, target)

    def remove(self, name: str) -> None:
        """Remove a file, if it is there.

        Raises:
            InputError: it cannot be removed.
        """
        with self.telling("remove", name):
            system, path = _file_system(self.address)
            if system.get_file_info(f"{path}/{name}").is_file:
                system.delete_file(f"{path}/{name}")
