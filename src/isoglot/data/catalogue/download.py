"""Downloading a file: whole or not at all, going on where an earlier attempt stopped, its checksum verified.

pooch checks and keeps the files; this is its downloader, which pooch's own does not do: it goes on with a partial
file by an HTTP range request (RFC 9110, sections 13.1.5 and 14), where the server allows. A checksum that nobody
states is recorded beside the first download, as `sha256sum` writes and checks it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from textwrap import shorten
from typing import Any

from isoglot.errors import InputError, IsoglotError
from isoglot.files import new_file, require

__all__ = ["DownloadError", "Notify", "checksum_of", "download", "read_record", "record_path", "why_unreachable"]

Notify = Callable[[str, int, int | None], None]
"""Told (file name, bytes that are there, bytes in all or None) while a download goes on."""

TIMEOUT = 30
BLOCK = 1 << 13  # what is lost when a connection is cut
ATTEMPTS = 3


def checksum_of(path: Path, algorithm: str = "sha256") -> str:
    """Return the checksum of a file as `algorithm:digits`.

    Args:
        path: the file.
        algorithm: `sha256` or `md5`.
    """
    digest = hashlib.new(algorithm, usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return f"{algorithm}:{digest.hexdigest()}"


def record_path(path: Path) -> Path:
    """Return where the checksum of a download is recorded: beside it, as `sha256sum` writes and checks it."""
    return path.with_name(f"{path.name}.sha256")


def _record(path: Path) -> None:
    """Record the checksum of a download."""
    with new_file(record_path(path)) as file:
        file.write(f"{checksum_of(path).removeprefix('sha256:')}  {path.name}\n")


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


class DownloadError(IsoglotError):
    """A file could not be downloaded.

    Attributes:
        missing: whether the server says that there is no such file.
    """

    def __init__(self, sentence: str, missing: bool = False) -> None:
        super().__init__(sentence)
        self.missing = missing


class _Partial:
    """The part of a file that is there, and what is known of the whole.

    Args:
        path: the file that is being downloaded; its part lies beside it as `NAME.part`.
        url: its address. The part of another address is no part of it.
    """

    def __init__(self, path: Path, url: str) -> None:
        self.path = path.with_name(f"{path.name}.part")
        self.notes = path.with_name(f"{path.name}.part.json")
        self.url = url
        self.validator: str | None = None
        self.total: int | None = None
        try:
            known = json.loads(self.notes.read_text(encoding="utf-8"))
            if known["url"] == url:
                self.validator, self.total = known["validator"], known["total"]
                return
        except (OSError, ValueError, KeyError, TypeError):
            pass
        self.discard()

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    def discard(self) -> None:
        for path in (self.path, self.notes):
            path.unlink(missing_ok=True)
        self.validator = self.total = None

    def start(self, response: Any) -> None:
        """Begin anew with a response that holds the whole file."""
        self.discard()
        strong = response.headers.get("ETag", "")
        self.validator = strong if strong and not strong.startswith("W/") else response.headers.get("Last-Modified")
        length = response.headers.get("Content-Length", "")
        self.total = int(length) if length.isdigit() else None
        notes = {"url": self.url, "validator": self.validator, "total": self.total}
        self.notes.write_text(json.dumps(notes), encoding="utf-8")

    def continued_by(self, response: Any) -> bool:
        """Tell whether a partial response begins where the part ends, and is of the same file."""
        unit, _, rest = response.headers.get("Content-Range", "").partition(" ")
        span, _, total = rest.partition("/")
        same_total = self.total is None or total == "*" or total == str(self.total)
        return unit == "bytes" and span.split("-")[0] == str(self.size) and same_total


class _Resuming:
    """A downloader as pooch wants it.

    Args:
        path: where the file will lie.
        expected: its checksum, if it is known.
        notify: told of progress.

    Attributes:
        got: the checksum of what came, to tell it beside the one expected.
    """

    def __init__(self, path: Path, expected: str | None, notify: Notify | None) -> None:
        self.path = path
        self.expected = expected
        self.notify = notify
        self.got: str | None = None

    def __call__(self, url: str, output_file: str, _pooch: Any) -> None:
        import requests

        part = _Partial(self.path, url)
        left = ATTEMPTS
        while True:
            before = part.size
            try:
                self._attempt(requests, part)
                break
            except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError):
                left -= 1
                if left <= 0 or part.size <= before:
                    raise
        if self.expected:
            self.got = checksum_of(part.path, self.expected.partition(":")[0])
        part.path.replace(output_file)
        part.discard()

    def _attempt(self, requests: Any, part: _Partial) -> None:
        """Fetch what is missing of the file, or all of it if the server does not do parts."""
        # the bytes of the file itself: a range of a compressed transfer could not be joined to the part
        headers = {"Accept-Encoding": "identity", "User-Agent": "isoglot"}
        size = part.size
        if size and size == part.total:
            return
        if size:
            headers["Range"] = f"bytes={size}-"
            if part.validator:
                headers["If-Range"] = part.validator
        with requests.get(part.url, headers=headers, stream=True, timeout=TIMEOUT) as response:
            if size and (
                response.status_code == 416 or (response.status_code == 206 and not part.continued_by(response))
            ):
                part.discard()
                return self._attempt(requests, part)
            response.raise_for_status()
            if response.status_code != 206:
                part.start(response)
            with part.path.open("ab") as file:
                for block in response.iter_content(BLOCK):
                    file.write(block)
                    if self.notify:
                        self.notify(self.path.name, file.tell(), part.total)
        if part.total is not None and part.size < part.total:
            raise requests.ConnectionError("the connection ended early")
        return None


def why_unreachable(error: Exception) -> str:
    """Return in a few words why a server cannot be reached; what else went wrong as it is said, but short."""
    text = str(error)
    for sign, reason in (
        ("NameResolution", "the name of the server cannot be resolved"),
        ("Connection refused", "connection refused"),
        ("unreachable", "the network is unreachable"),
        ("timed out", f"no answer in {TIMEOUT} seconds"),
        ("Tunnel", "the proxy does not let it through"),
        ("CERTIFICATE", "the certificate of the server is not trusted"),
    ):
        if sign in text:
            return reason
    return shorten(text, 200, placeholder=" …") or type(error).__name__


def _explained(url: str, path: Path, error: Exception) -> DownloadError:
    import requests

    if isinstance(error, requests.HTTPError) and error.response is not None:
        status = error.response.status_code
        if status in (404, 410):
            return DownloadError(f"{url} is not there any more (HTTP {status})", missing=True)
        refused = "was refused" if status in (401, 403) else "failed"
        return DownloadError(f"the download of {url} {refused} (HTTP {status})")
    partial = path.with_name(f"{path.name}.part")
    if partial.exists() and partial.stat().st_size:
        got = f"{partial.stat().st_size:,} bytes"
        return DownloadError(f"the download of {url} stopped after {got}; the same command goes on from there")
    return DownloadError(f"{url} could not be reached: {why_unreachable(error)}")


def download(url: str, path: Path, checksum: str | None, notify: Notify | None = None) -> Path:
    """Download a file, if it is not there as it should be.

    It appears at `path` when it is complete and its checksum is right; what there is before lies in `NAME.part`,
    and a later call goes on with it. Without a checksum the one of the first download is recorded beside the file
    (`NAME.sha256`) and holds from then on.

    Args:
        url: its address.
        path: where to.
        checksum: `sha256:…` or `md5:…`, if it is known.
        notify: told of progress.

    Raises:
        DownloadError: the server cannot be reached, has no such file, or the file is not what it should be.
        InputError: the recorded checksum cannot be read.
    """
    pooch = require("pooch", "data", "downloading")
    requests = require("requests", "data", "downloading")

    recorded = read_record(path) if checksum is None else None
    expected = checksum or recorded
    downloader = _Resuming(path, expected, notify)
    pooch.get_logger().setLevel("ERROR")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pooch.retrieve(url, expected, fname=path.name, path=path.parent, downloader=downloader)
    except requests.RequestException as error:
        raise _explained(url, path, error) from error
    except OSError as error:
        raise DownloadError(f"cannot write {path}: {error.strerror or error}") from error
    except ValueError as error:
        got = downloader.got
        if got is None:  # raised by something else than the comparison
            raise DownloadError(f"the download of {url} failed: {error}") from error
        if recorded:
            raise DownloadError(
                f"{url} has changed since it was first downloaded: its checksum is {got}, recorded is {expected}. "
                f"To take the new file, remove {record_path(path)}"
            ) from None
        raise DownloadError(
            f"{url} is not the file that was expected: its checksum is {got}, expected is {expected}. It was "
            "damaged on the way, or its publisher has changed it"
        ) from None
    if expected is None:
        _record(path)
    return path
