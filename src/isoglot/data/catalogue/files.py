"""The files of a data set: where they are kept, downloaded or found in a folder, and laid out for their reader."""

from __future__ import annotations

import logging
import lzma
import shutil
import tarfile
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from isoglot.collections.folder import collection_folders
from isoglot.data.catalogue.download import DownloadError, Notify, checksum_of, download, read_record
from isoglot.data.catalogue.entry import Entry, File
from isoglot.errors import InputError
from isoglot.files import data_folder

__all__ = ["Wanted", "checksum_told", "download_folder", "fetch", "find_files", "folder_of", "laid_out"]

logger = logging.getLogger(__name__)

DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, zlib.error, lzma.LZMAError),
    NotImplementedError,  # what zipfile says of a way to compress that it does not know
)


TIMES = 200
"""Times its own size that an archive may hold: texts pack to a tenth, a line over and over to a hundredth."""
SMALL = 256 * 2**20
"""Bytes that any archive may hold."""
FILES = 200_000
"""Files that any archive may hold."""


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


def download_folder(name: str) -> Path:
    """Return where the files of a data set are downloaded to, as their publisher has them."""
    return data_folder() / "downloads" / name


def checksum_told(entry: Entry, file: File) -> str:
    """Return what is known of a file's checksum, and from where."""
    if file.checksum:
        origin = "stated by the publisher" if entry.checksums == "stated" else "computed from the publisher's file"
        return f"{file.checksum} ({origin})"
    recorded = read_record(download_folder(entry.name) / file.path)
    return f"{recorded} (recorded when first downloaded)" if recorded else "recorded when first downloaded"


def folder_of(entry: Entry, source: Path) -> Path:
    """Return the folder that holds a data set: the one given, or the one in it that is named after the set.

    Raises:
        InputError: the one given is missing.
    """
    if not source.is_dir():
        raise InputError(f"--from {source} is {'not a folder' if source.exists() else 'missing'}")
    inner = source / entry.name
    return inner if inner.is_dir() and not collection_folders(source) else source


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
                remedy = f"Or get it from {entry.homepage}, and give the folder of its files with --from"
                raise DownloadError(f"{error}. {remedy}", error.missing) from error
    return found, missing


def find_files(entry: Entry, folder: Path, languages: tuple[str, ...] | None) -> dict[File, Path]:
    """Find the files of a data set in a folder: where their publisher has them, or anywhere by name.

    Args:
        entry: the data set.
        folder: where to look.
        languages: files that are needed for these only.

    Returns:
        File -> where it is; those that are not there are left out.

    Raises:
        InputError: two files of the same name are there, and neither where it should be.
    """
    by_name: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            by_name.setdefault(path.name, []).append(path)
    found: dict[File, Path] = {}
    for file in entry.files_for(languages):
        if (folder / file.path).is_file():
            found[file] = folder / file.path
            continue
        name, places = Path(file.path).name, by_name.get(Path(file.path).name, [])
        if len(places) > 1:
            tail = Path(file.path).parts[-2:]
            places = [path for path in places if path.parts[-2:] == tail] or places
        if len(places) > 1:
            raise InputError(
                f"{folder} has several files {name}: {places[0]} and {places[1]}; give the folder of one"
            )
        if places:
            found[file] = places[0]
    return found


@contextmanager
def laid_out(entry: Entry, wanted: Wanted) -> Iterator[tuple[Path, list[str]]]:
    """Yield a folder with the files of a data set as their publisher has them, and which files are missing."""
    if wanted.source is None:
        files, missing = fetch(entry, wanted)
    else:
        files = find_files(entry, wanted.source, wanted.languages)
        if not files:  # unpacked already, or named otherwise: the reader of the form knows its files
            yield wanted.source, []
            return
        missing = _tell_differences(entry, wanted, wanted.source, files)
        if wanted.languages is None and _readable_in_place(files, wanted.source):
            yield wanted.source, missing
            return
    beside = download_folder(entry.name) if wanted.source is None else None  # archives may need much room
    with tempfile.TemporaryDirectory(prefix=".unpacked-", dir=beside) as temporary:
        folder = Path(temporary) / entry.name
        folder.mkdir()
        _lay_out(files, folder)
        try:
            yield folder, missing
        except InputError as error:  # the folder will be gone when this is read
            raise InputError(str(error).replace(str(folder), entry.name)) from None


def _tell_differences(entry: Entry, wanted: Wanted, source: Path, files: Mapping[File, Path]) -> list[str]:
    """Warn of files in a user's folder that are not as the catalogue knows them; return those that it lacks."""
    for file, path in files.items():
        if file.checksum and checksum_of(path, file.checksum.partition(":")[0]) != file.checksum:
            logger.warning(
                "%s is not the %s that the catalogue knows: its checksum is another one", path, file.path
            )
    needed = entry.files_for(wanted.languages)
    missing = [file.path for file in needed if file not in files and not file.optional]
    if missing:
        logger.warning(
            "%s has %d of the %d files of %s; it lacks %s%s",
            *(source, len(files), len(needed), entry.name, ", ".join(missing[:3])),
            " and others" if len(missing) > 3 else "",
        )
    return missing


def _readable_in_place(files: Mapping[File, Path], folder: Path) -> bool:
    """Tell whether files lie in a folder, or one below it, where readers of forms look, and none is packed."""
    return all(not file.is_archive and len(path.relative_to(folder).parts) <= 2 for file, path in files.items())


def _lay_out(files: Mapping[File, Path], folder: Path) -> None:
    """Fill an empty folder as a publisher has it: with links to files, and with what archives hold.

    Raises:
        InputError: an archive is damaged, or would write outside the folder.
    """
    for file, path in files.items():
        if file.is_archive:
            _unpack(path, folder)
            continue
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.symlink_to(path.resolve())
        except OSError:  # some systems let only administrators make links
            shutil.copyfile(path, target)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpack an archive: files and folders alone, none outside the folder, and no more than a text packs to.

    zipfile writes links as plain files and leaves `..` out of names; tarfile's filter refuses what lies or links
    outside, and devices.

    Raises:
        InputError: it is damaged, would write outside the folder, or is a bomb.
    """
    most = max(SMALL, TIMES * archive.stat().st_size)
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                _refuse_bomb(archive, (one.file_size for one in packed.infolist()), most)
                packed.extractall(folder)
        else:
            with tarfile.open(archive) as packed_tar:
                _refuse_bomb(archive, (one.size for one in packed_tar), most)
                packed_tar.extractall(folder, filter="data")
    except DAMAGED as error:
        raise InputError(f"{archive} is damaged ({error}): remove it and get it again") from None


def _refuse_bomb(archive: Path, sizes: Iterable[int], most: int) -> None:
    """Refuse an archive by what it says of its files, none of which is read beyond that.

    Raises:
        InputError: they are too many, or too large for the archive.
    """
    total = 0
    for number, size in enumerate(sizes, 1):
        total += size
        if total > most or number > FILES:
            raise InputError(
                f"{archive} unpacks to more than {most:,} bytes or {FILES:,} files, as no data set does: get it "
                "from its publisher again"
            )
