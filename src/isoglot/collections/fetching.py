"""Collection folders in object stores: copied into the cache when they are read, file by file, and read there."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar, cast

from filelock import FileLock

from isoglot.collections.cache import tidy
from isoglot.collections.layout import QRELS, SPLIT_NAMES, STEMS, TEXTS
from isoglot.errors import InputError, IsoglotError
from isoglot.files import content_hash, default_cache, new_folder
from isoglot.stores import Found, Store, folder_of, is_address

__all__ = ["fetched", "from_anywhere"]

logger = logging.getLogger(__name__)

F = TypeVar("F", bound=Callable[..., Any])

FILES = {
    "collection.yaml",
    *(f"{stem}{ending}" for stem in STEMS.values() for ending in TEXTS),
    *(f"qrels{ending}" for ending in QRELS),
}
"""What a collection folder is made of, but for the files of judgments in `qrels`."""


def from_anywhere(function: F) -> F:
    """Let a function that reads a collection folder, its first argument, read one in an object store as well.

    It is given the folder of a copy (`fetched`); what is no address is passed on as it is.
    """
    first = next(iter(signature(function).parameters))

    @wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        given = args[0] if args else kwargs.get(first)
        if given is None or not is_address(given):
            return function(*args, **kwargs)
        with fetched(str(given)) as folder:
            if args:
                return function(folder, *args[1:], **kwargs)
            return function(**{**kwargs, first: folder})

    return cast("F", call)


@contextmanager
def fetched(address: str) -> Iterator[Path]:
    """Yield a folder with a copy of the collection at an address; messages of the block name the address.

    The copy is in the cache, by address and by size and time of change of each of its files, so that a file that
    has changed is copied anew; where there can be no cache it goes when the block ends.

    Raises:
        InputError: there is no collection, or it cannot be read or copied.
    """
    if (folder := folder_of(address)) is not None:
        yield folder
        return
    store = Store(address)
    files = _files_of(store)
    if not any(name.endswith(TEXTS) for name in files):
        raise InputError(
            f"{store} is not there, or is not a collection: it has no corpus.jsonl and no corpus.parquet, nor a "
            f"folder {', '.join(SPLIT_NAMES)} in it"
        )
    with _folder_for(store, files) as folder:
        try:
            yield folder
        except IsoglotError as error:
            raise type(error)(str(error).replace(str(folder), str(store))) from error


def _files_of(store: Store) -> dict[str, Found]:
    """Return path -> file of all that a collection, or those of its splits, are made of."""
    top = store.list()
    found = _files_in(store, top, "")
    for one in top:
        if one.name in SPLIT_NAMES and not one.is_file:
            inner = store.within(one.name)
            found |= _files_in(inner, inner.list(), f"{one.name}/")
    return found


def _files_in(store: Store, listed: list[Found], under: str) -> dict[str, Found]:
    found = {f"{under}{one.name}": one for one in listed if one.is_file and one.name in FILES}
    if any(one.name == "qrels" and not one.is_file for one in listed):
        judged = [one for one in store.within("qrels").list() if one.is_file and one.name.endswith(QRELS)]
        found |= {f"{under}qrels/{one.name}": one for one in judged}
    return found


@contextmanager
def _folder_for(store: Store, files: dict[str, Found]) -> Iterator[Path]:
    """Yield the folder of a copy, which is called as the one in the store is."""
    states = [f"{name} {one.size} {one.changed}" for name, one in sorted(files.items())]
    key = content_hash("\n".join([store.address, *states]))
    inner = Path(*store.names()[-2:])
    root = default_cache() / "fetched"
    try:
        root.mkdir(parents=True, exist_ok=True)
        tidy(root)
        lock = FileLock(root / f".{key}.lock")
        lock.acquire()
    except OSError as error:
        logger.warning("%s cannot be written (%s): %s is copied for this once", root, error.strerror, store)
        with TemporaryDirectory(prefix="isoglot-fetched-") as temporary:
            folder = Path(temporary) / inner
            _copy(store, files, folder)
            yield folder
        return
    try:
        folder = root / key / inner
        if not _is_whole(folder, files):
            shutil.rmtree(root / key, ignore_errors=True)
            _copy(store, files, folder)
        os.utime(root / key)
    finally:
        lock.release()
    yield folder


def _is_whole(folder: Path, files: dict[str, Found]) -> bool:
    """Tell whether all files of a copy are there: others may have emptied the cache."""
    try:
        return all((folder / name).stat().st_size == one.size for name, one in files.items())
    except OSError:
        return False


def _copy(store: Store, files: dict[str, Found], folder: Path) -> None:
    """Copy files of a store into a folder, which is there when all are.

    Raises:
        InputError: one cannot be read, has changed meanwhile, or there is no room.
    """
    logger.info("copying %s (%s bytes) to %s", store, f"{sum(one.size for one in files.values()):,}", folder)
    try:
        with new_folder(folder) as begun:
            for name, one in files.items():
                target = begun / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("wb") as file:
                    store.copy(name, file)
                if target.stat().st_size != one.size:
                    raise InputError(f"{store}/{name} has changed while it was copied: call the command again")
    except OSError as error:
        told = "name a folder with more room in ISOGLOT_CACHE"
        raise InputError(f"cannot copy {store} to {folder}: {error.strerror or error}; {told}") from None
