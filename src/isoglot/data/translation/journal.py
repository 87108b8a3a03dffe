"""Translations on disk, one JSON line each, appended as they are made: nothing is translated twice, or lost."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, BinaryIO

from filelock import FileLock, Timeout

from isoglot.data.translation.translator import Translates
from isoglot.files import content_hash

__all__ = ["Journal", "Store", "text_key", "translate_texts", "translation_store"]

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

    Attributes:
        translations: those that are kept, by key.

    Raises:
        OSError: the folder cannot be read or written.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.translations: dict[str, str] = {}
        self._file: BinaryIO | None = None
        self._lock: FileLock | None = None
        for path in sorted(self.folder.glob("*.jsonl")):
            self._read(path)

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file that is written to; another process may then write to it."""
        if self._file is not None:
            self._file.close()
        if self._lock is not None:
            self._lock.release()
        self._file = self._lock = None

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
        for number in count():
            self._lock = FileLock(self.folder / f"{number}.lock", timeout=0)
            with suppress(Timeout):
                self._lock.acquire()
                break
        path = self.folder / f"{number}.jsonl"
        file = path.open("ab", buffering=0)
        file.truncate(self._read(path))
        return file


class Store:
    """Journals of translations, one for each model, setting and pair of languages.

    Args:
        folder: where they lie; made when something is kept.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def journal(self, source: str, target: str, context: str) -> Journal:
        """Open the journal of one context (`Translates.context`)."""
        return Journal(self.folder / f"{source}-{target}-{content_hash(context, 8)}")


@contextmanager
def translation_store(cache: str | Path | None, out: str | Path) -> Iterator[Store]:
    """Yield where translations are kept as they are made.

    Args:
        cache: a folder for all runs; None keeps them beside the output until that is complete, so that a run that
            was killed can still be resumed.
        out: the output folder.
    """
    if cache is not None:
        yield Store(Path(cache).expanduser() / "translations")
        return
    target = Path(out).resolve()
    folder = target.parent / f".{target.name}-translations"
    yield Store(folder)
    shutil.rmtree(folder, ignore_errors=True)


def translate_texts(
    translator: Translates,
    texts: Sequence[str],
    source: str,
    target: str,
    store: Store,
    notify: Callable[[int, int], None],
) -> tuple[list[str], int]:
    """Translate texts, each different one once; what the journal holds is not translated again.

    A text without a letter, such as a number, is its own translation.

    Args:
        translator: translates.
        texts: the texts (n,).
        source: canonical tag of their language.
        target: canonical tag of the language wanted.
        store: where translations are kept, those that are new at once.
        notify: told how many of the texts to be translated now are done, and of how many.

    Returns:
        The translations (n,), and how many texts the translator was given.
    """
    context = translator.context(source, target)
    keys = {text: text_key(context, text) for text in texts if any(map(str.isalpha, text))}
    if not keys:
        return list(texts), 0
    with store.journal(source, target, context) as journal:
        new = [text for text, key in keys.items() if key not in journal.translations]
        done = 0
        notify(done, len(new))
        for batch in translator.translate(new, source, target) if new else ():
            journal.add((keys[new[row]], translation) for row, translation in batch)
            done += len(batch)
            notify(done, len(new))
        known = {text: journal.translations[key] for text, key in keys.items()}
    return [known.get(text, text) for text in texts], len(new)
