"""Translations on disk, one JSON line each, appended as they are made: nothing is translated twice, or lost."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from isoglot.files import content_hash

__all__ = ["Journal", "text_key"]

logger = logging.getLogger(__name__)


def text_key(context: str, text: str) -> str:
    """Return the key of a text's translation, in hexadecimal.

    Args:
        context: what besides the text decides the translation: model, settings, languages.
        text: the text to translate.
    """
    digest = hashlib.blake2b(digest_size=16)
    for part in (context.encode(), text.encode()):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def _check(key: str, text: str) -> str:
    return content_hash(f"{key}\n{text}", 6)


def _line(key: str, text: str) -> bytes:
    record = {"key": key, "text": text, "check": _check(key, text)}
    return json.dumps(record, ensure_ascii=False).encode() + b"\n"


def _parse(line: bytes) -> tuple[str, str] | None:
    """Return key and text of a line; None if it is not whole."""
    try:
        record: Any = json.loads(line)
        key, text = record["key"], record["text"]
        return (key, text) if record["check"] == _check(key, text) else None
    except (ValueError, KeyError, TypeError):
        return None


class Journal:
    """A folder of translations that are added to one after the other, by one process to each file.

    A line is written in one go and counts when it ends with a line break and its checksum is right. What a killed
    process leaves of a last line is cut off when the file is next written to; a line that went bad otherwise is
    passed over and said in the log. A second process that translates the same writes to a file of its own.

    Args:
        folder: made if it is not there.

    Raises:
        OSError: the folder cannot be read or written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.translations: dict[str, str] = {}
        self._file: BinaryIO | None = None
        for path in sorted(self.folder.glob("*.jsonl")):
            self._read(path)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file that is written to; another process may then write to it."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def get(self, key: str) -> str | None:
        """Return the translation of a key; None if there is none."""
        return self.translations.get(key)

    def add(self, entries: Iterable[tuple[str, str]]) -> None:
        """Keep translations, by key; those of keys that are known already are passed over."""
        new = {key: text for key, text in entries if key not in self.translations}
        if not new:
            return
        if self._file is None:
            self._file = self._open()
        left = memoryview(b"".join(_line(key, text) for key, text in new.items()))
        while left:
            left = left[self._file.write(left) :]
        self.translations.update(new)

    def _read(self, path: Path) -> int:
        """Take over the translations of a file; return where its last whole line ends."""
        end = bad = 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                end += len(line)
                entry = _parse(line)
                if entry is None:
                    bad += 1
                else:
                    self.translations.setdefault(*entry)
        if bad:
            logger.warning("%s: %d lines are damaged and passed over; their texts are translated again", path, bad)
        return end

    def _open(self) -> BinaryIO:
        """Open the first file that no other process writes to, for appending, without a torn last line."""
        number = 0
        while True:
            path = self.folder / f"{number}.jsonl"
            file = path.open("ab", buffering=0)
            if _lock(file):
                file.truncate(self._read(path))
                return file
            file.close()
            number += 1


def _lock(file: BinaryIO) -> bool:
    """Lock a file for this process until it is closed; False if another one has."""
    try:
        import fcntl
    except ImportError:  # Windows: two processes that translate the same at the same time are not kept apart
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
