"""The files of a data set: downloaded, or found in a folder, and laid out for their reader."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from isoglot.collections import problems
from isoglot.collections.folder import collection_folders
from isoglot.data.catalogue.checksums import checksum_of
from isoglot.data.catalogue.data_folder import download_folder
from isoglot.data.catalogue.download import DownloadError, Notify, download
from isoglot.data.catalogue.entry import Entry, File
from isoglot.data.catalogue.staging import find_files, stage
from isoglot.data.forms import rows
from isoglot.errors import InputError

__all__ = ["Wanted", "fetch", "folder_of", "laid_out"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Wanted:
    """What is wanted of a data set.

    Attributes:
        languages: canonical tags of the only languages; all if None.
        source: a folder that holds what would be downloaded; None to download it.
        lenient: leave bad rows out and say how many, instead of failing.
        notify: told of the progress of downloads.
    """

    languages: tuple[str, ...] | None = None
    source: Path | None = None
    lenient: bool = False
    notify: Notify | None = None


def _remedy(entry: Entry) -> str:
    return f"Or get it from {entry.homepage}, and give the folder of its files with --from"


def fetch(entry: Entry, wanted: Wanted) -> tuple[dict[File, Path], list[str]]:
    """Download the files of a data set that are needed and not there.

    Returns:
        File -> where it is, and the paths of optional files that their publisher does not have.

    Raises:
        DownloadError: one cannot be downloaded.
    """
    folder = download_folder(entry.name)
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[File, Path] = {}
    missing: list[str] = []
    with FileLock(folder / ".lock"):  # processes of one run ask for their data at the same time
        for file in entry.files_for(wanted.languages):
            try:
                url, path = entry.address_of(file), folder / file.path
                found[file] = download(url, path, file.checksum, wanted.notify)
            except DownloadError as error:
                if error.missing and file.optional:
                    missing.append(file.path)
                    continue
                raise DownloadError(f"{error}. {_remedy(entry)}", error.missing) from error
    return found, missing


def _warn_of_changes(entry: Entry, files: Mapping[File, Path]) -> None:
    """Say which files of a user's folder are not those that the catalogue knows."""
    for file, path in files.items():
        if file.checksum and checksum_of(path, file.checksum.partition(":")[0]) != file.checksum:
            logger.warning(
                "%s is not the %s that the catalogue knows: its checksum is another one", path, file.path
            )


@contextmanager
def laid_out(entry: Entry, wanted: Wanted) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder with the files of a data set as their publisher has them, and which files are missing."""
    if wanted.source is None:
        files, missing = fetch(entry, wanted)
    else:
        needed = entry.files_for(wanted.languages)
        files = find_files(entry, wanted.source, wanted.languages)
        if not files:  # unpacked already, or named otherwise: the reader of the form knows its files
            yield wanted.source, []
            return
        _warn_of_changes(entry, files)
        missing = [file.path for file in needed if file not in files and not file.optional]
        if missing:
            logger.warning(
                "%s has %d of the %d files of %s; it lacks %s%s",
                *(wanted.source, len(files), len(needed), entry.name, ", ".join(missing[:3])),
                " and others" if len(missing) > 3 else "",
            )
    if wanted.source is not None and wanted.languages is None and _readable_in_place(files, wanted.source):
        yield wanted.source, missing
        return
    beside = download_folder(entry.name) if wanted.source is None else None  # archives may need much room
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=beside) as temporary:
        folder = Path(temporary) / entry.name
        folder.mkdir()
        stage(files, folder)
        try:
            with _called(folder, entry.name):
                yield folder, missing
        except InputError as error:  # the folder will be gone when this is read
            raise InputError(str(error).replace(str(folder), entry.name)) from None


@contextmanager
def _called(folder: Path, name: str) -> Iterator[None]:
    """Let readers' notes name a data set, not the folder in which its files are laid out for a moment."""

    def renamed(record: logging.LogRecord) -> bool:
        record.msg, record.args = record.getMessage().replace(str(folder), name), ()
        return True

    loggers = [logging.getLogger(module) for module in (problems.__name__, rows.__name__)]
    for one in loggers:
        one.addFilter(renamed)
    try:
        yield
    finally:
        for one in loggers:
            one.removeFilter(renamed)


def _readable_in_place(files: Mapping[File, Path], folder: Path) -> bool:
    """Tell whether files lie in a folder, or one below it, where readers of forms look, and none is packed."""
    return all(not file.is_archive and len(path.relative_to(folder).parts) <= 2 for file, path in files.items())


def folder_of(entry: Entry, source: Path) -> Path:
    """Return the folder that holds a data set: the one given, or the one in it that is named after the set."""
    if not source.is_dir():
        raise InputError(f"--from {source} is {'not a folder' if source.exists() else 'missing'}")
    inner = source / entry.name
    return inner if inner.is_dir() and not collection_folders(source) else source
