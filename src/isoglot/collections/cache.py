"""Large collections, checked once and kept: Arrow files in the cache, named by the contents they were made from.

What is kept under a name was read from files with exactly these bytes and passed every strict check, so it is
opened without another, but for one of its own bytes: what is not as it was written is read from the files again.
Nothing is kept of files with bad rows.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path
from types import TracebackType

import pyarrow as pa
import xxhash

from isoglot.checksums import LISTED, checksum, damaged, list_beside, write_list
from isoglot.collections.arrow import keep_in_memory, map_table, one_chunk, without_empty, write_arrow
from isoglot.collections.building import Texts
from isoglot.collections.layout import is_parquet
from isoglot.collections.parquet import uncompressed_size
from isoglot.errors import InputError
from isoglot.files import default_cache
from isoglot.languages.tags import Tags
from isoglot.locks import is_lived_in, lived_in

__all__ = ["LARGE", "Shelf", "is_large", "mapped_from", "tidy"]

logger = logging.getLogger(__name__)

LARGE = 128 * 2**20  # bytes of text from which a collection is mapped from disk instead of held in memory
PACKED = 3  # times that text is larger than when it is gzipped, about
FORMAT = 3  # changes whenever what is kept does, or what is checked
UNUSED_DAYS = 30


_mapped: ContextVar[int | None] = ContextVar("mapped", default=None)


@contextmanager
def mapped_from(size: int) -> Iterator[None]:
    """Map collections of so many bytes of text and more while the block runs: 0 for all of them."""
    token = _mapped.set(size)
    try:
        yield
    finally:
        _mapped.reset(token)


def is_large(paths: Iterable[Path]) -> bool:
    """Tell whether text files hold so much that they are better mapped than held in memory."""
    least = _mapped.get()
    return sum(map(_size, paths)) >= (LARGE if least is None else least)


def _size(path: Path) -> int:
    if is_parquet(path):
        return uncompressed_size(path)
    return path.stat().st_size * (PACKED if path.suffix == ".gz" else 1)


def _content(path: Path) -> str:
    """Return a 128-bit hash of a file's bytes."""
    try:
        return checksum(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


def _name(*parts: str) -> str:
    return str(xxhash.xxh3_128_hexdigest("\n".join(parts).encode()))


def _states(paths: Iterable[Path]) -> dict[Path, tuple[int, int]]:
    """Return size and time of change of files."""
    return {path: (state.st_size, state.st_mtime_ns) for path, state in ((path, path.stat()) for path in paths)}


class Shelf:
    """The place in the cache for the texts of two files, and for judgments of them.

    As a context it removes what was begun and not finished.

    Args:
        documents: the file of documents.
        queries: the file of queries.
        qrels: the files of judgments.
        tags: how the tags of languages are read.
    """

    def __init__(self, documents: Path, queries: Path, qrels: Iterable[Path], tags: Tags) -> None:
        self.root = default_cache() / "collections"
        self._begun: Path | None = None
        self._lives = ExitStack()
        paths = (documents, queries, *qrels)
        self._states = _states(paths)
        self._contents = {path: f"{path.suffix[1:]}-{_content(path)}" for path in paths}
        parts = [self._contents[path] for path in (documents, queries)]
        kind = f"isoglot {FORMAT}{', tags kept' if tags.keep else ''}"
        names = [_name(kind, *parts, tag) for tag in ("", tags.default or "")]
        # what was read without a default language needed none
        self.folder = self.root / (names[0] if (self.root / names[0]).is_dir() else names[1])

    def __enter__(self) -> Shelf:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._lives.close()
        if self._begun is not None:
            shutil.rmtree(self._begun, ignore_errors=True)  # what is mapped stays until it is let go

    def texts(self) -> Texts | None:
        """Return the checked texts if they are kept, as they were written."""
        if not self.folder.is_dir() or not self._is_sound(self.folder / LISTED):
            return None
        try:
            tables = {name: map_table(self.folder / f"{name}.arrow") for name in _TEXT_FILES}
        except (OSError, ValueError):
            return None
        with suppress(OSError):
            os.utime(self.folder)
        index = tables["query_index"]["query_index"].to_numpy()
        documents, queries = (without_empty(tables[name], "extra") for name in ("corpus", "queries"))
        return Texts(documents, queries, one_chunk(tables["query_ids"]["_id"]), index)

    def _judgments_file(self, qrels: Path) -> Path:
        return self.folder / f"judgments-{self._contents[qrels]}.arrow"

    def _changed(self) -> bool:
        """Tell whether a file is another one than when its contents were looked at."""
        return _states(self._states) != self._states

    def judgments(self, qrels: Path) -> pa.Table | None:
        """Return the checked judgments of a file if they are kept, as they were written."""
        path = self._judgments_file(qrels)
        if not path.exists() or not self._is_sound(list_beside(path)):
            return None
        try:
            return map_table(path)
        except (OSError, ValueError):
            return None

    def _is_sound(self, listed: Path) -> bool:
        """Tell whether files are as they were written; this reads them once."""
        bad = damaged(listed)
        if bad:
            logger.warning("%s is damaged on the disk (%s): it is made anew", listed.parent, ", ".join(bad))
        return not bad

    def keep(self, name: str, schema: pa.Schema, batches: Iterable[pa.RecordBatch]) -> pa.Table:
        """Write batches to disk as they come and map them; a `Keep`. In memory if there can be no cache.

        Raises:
            InputError: the disk is full.
        """
        begun = self._begin()
        if begun is None:
            return keep_in_memory(name, schema, batches)
        path = begun / f"{name}.arrow"
        try:
            if path.exists():  # still mapped: the table before bad rows were left out
                path = Path(tempfile.mkdtemp(dir=begun)) / path.name
            write_arrow(path, schema, batches)
            return map_table(path)
        except OSError as error:
            remedy = "name a folder with more room in ISOGLOT_CACHE"
            raise InputError(
                f"cannot write to the cache {self.root}: {error.strerror or error}; {remedy}"
            ) from None

    def _begin(self) -> Path | None:
        """Return the folder in which things are until they are finished; None if the cache cannot be written."""
        if self._begun is None:
            try:
                self.root.mkdir(parents=True, exist_ok=True)
                tidy(self.root)
                self._begun = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
                self._lives.enter_context(lived_in(self._begun))
            except OSError as error:
                told = "%s cannot be written (%s): the collection is held in memory; ISOGLOT_CACHE names another"
                logger.warning(told, self.root, error.strerror)
        return self._begun

    def finish_texts(self, texts: Texts) -> None:
        """Keep the texts that were written by `keep` and passed every check."""
        if self._begun is None or self._changed():
            return
        for name, column in (("query_ids", texts.query_ids), ("query_index", pa.array(texts.query_index))):
            batch = pa.record_batch([column], names=["_id" if name == "query_ids" else name])
            self.keep(name, batch.schema, [batch])
        with suppress(OSError):
            write_list(self._begun / LISTED)
        if self.folder.exists() and self.texts() is None:  # damaged
            shutil.rmtree(self.folder, ignore_errors=True)
        with suppress(OSError):  # another process was faster
            self._begun.rename(self.folder)
            self._begun = None

    def finish_judgments(self, qrels: Path, judgments: pa.Table) -> None:
        """Keep the judgments of a file that passed every check against the texts kept here."""
        if not self.folder.is_dir() or self._changed():
            return
        path = self._judgments_file(qrels)
        new = path.with_suffix(f".{os.getpid()}.new")
        try:
            write_arrow(new, judgments.schema, judgments.combine_chunks().to_batches())
            write_list(list_beside(path), known=[(path.name, checksum(new))], files=())
            new.replace(path)
        except OSError as error:
            logger.warning("could not keep the judgments of %s: %s", qrels, error.strerror)
            new.unlink(missing_ok=True)

    def link_to(self, other: Shelf, qrels: Mapping[Path, Path]) -> None:
        """Keep the same texts under another name too, and judgments by (their file here, their file there)."""
        if other.folder.is_dir() or not self.folder.is_dir():
            return
        begun = Path(tempfile.mkdtemp(prefix=".new-", dir=self.root))
        try:
            files = [(self.folder / f"{name}.arrow", begun / f"{name}.arrow") for name in _TEXT_FILES]
            files.append((self.folder / LISTED, begun / LISTED))
            judged = [(self._judgments_file(here), other._judgments_file(there)) for here, there in qrels.items()]
            files += [(old, begun / new.name) for old, new in judged]
            for old, new in judged:
                write_list(list_beside(begun / new.name), known=[(new.name, checksum(old))], files=())
            for old, new in files:
                _link(old, new)
            begun.rename(other.folder)
        except OSError:  # it is made when it is asked for, then
            shutil.rmtree(begun, ignore_errors=True)


_TEXT_FILES = ("corpus", "queries", "query_ids", "query_index")


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except OSError:
        shutil.copyfile(old, new)


def tidy(root: Path) -> None:
    """Remove the folders in a cache that were left half made, or not opened for long."""
    now = time.time()
    for folder in root.iterdir():
        with suppress(OSError):
            days = (now - folder.stat().st_mtime) / 86_400
            if days > (1 if folder.name.startswith(".new-") else UNUSED_DAYS) and not is_lived_in(folder):
                shutil.rmtree(folder, ignore_errors=True)
