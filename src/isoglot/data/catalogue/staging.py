"""Laying out a data set's files for their reader: as their publisher has them, archives unpacked."""

from __future__ import annotations

import lzma
import shutil
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from isoglot.data.catalogue.entry import Entry, File
from isoglot.errors import InputError

__all__ = ["find_files", "stage", "unpack"]


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
        name = Path(file.path).name
        places = by_name.get(name, [])
        if (folder / file.path).is_file():
            found[file] = folder / file.path
        elif len(places) > 1:
            tail = tuple(Path(file.path).parts[-2:])
            places = [path for path in places if path.parts[-2:] == tail] or places
        if file not in found and places:
            if len(places) > 1:
                raise InputError(
                    f"{folder} has several files {name}: {places[0]} and {places[1]}; give the folder of one"
                )
            found[file] = places[0]
    return found


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip or tar archive into a folder; nothing is written outside it.

    Raises:
        InputError: the archive is damaged, or would write outside the folder.
    """
    try:
        if archive.suffix == ".zip":
            with zipfile.ZipFile(archive) as packed:
                packed.extractall(folder)
        else:
            with tarfile.open(archive) as packed_tar:
                packed_tar.extractall(folder, filter="data")
    except (
        zipfile.BadZipFile,
        tarfile.TarError,
        EOFError,
        zlib.error,
        lzma.LZMAError,
        NotImplementedError,
    ) as error:
        raise InputError(f"{archive} is damaged ({error}): remove it and get it again") from None


def stage(files: Mapping[File, Path], folder: Path) -> None:
    """Lay out files in an empty folder as their publisher has them: links to them, and what archives hold.

    Raises:
        InputError: an archive is damaged.
    """
    for file, path in files.items():
        if file.is_archive:
            unpack(path, folder)
            continue
        target = folder / file.path
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.symlink_to(path.resolve())
        except OSError:  # some systems let only administrators make links
            shutil.copyfile(path, target)
