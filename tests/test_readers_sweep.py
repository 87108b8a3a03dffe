"""Every reader and what may be wrong with its files: read as the sound file is, or refused in one sentence that
names the file; never another exception, and never another collection without a word.

Readers are rows (`reader_samples`), hazards columns; `EXCEPT` names the cells that are not as their column says.
"""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from form_samples import lay_out
from reader_samples import READERS, names, read_sound, refusal, unpacked

BINARY = (".npy", ".parquet")


def in_latin_1(content: bytes) -> bytes:
    """The same with a letter or figure of it replaced by one that is not UTF-8 as latin-1 writes it."""
    at = max(content.rfind(byte) for byte in (b"a", b"e", b"i", b"o", b"0", b"1"))
    return content[:at] + b"\xe9" + content[at + 1 :]


SAME, REFUSED = "same", "refused"
HAZARDS: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "byte-order-mark": (lambda content: b"\xef\xbb\xbf" + content, SAME),
    "windows-line-ends": (lambda content: content.replace(b"\n", b"\r\n"), SAME),
    "gzip": (lambda content: gzip.compress(content, mtime=0), SAME),
    "no-last-line-end": (lambda content: content.rstrip(b"\n"), SAME),
    "all-of-these": (
        lambda content: gzip.compress(b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n").rstrip(b"\r\n")),
        SAME,
    ),
    "empty": (lambda content: b"", REFUSED),
    "blank": (lambda content: b"\n \n", REFUSED),
    "cut-gzip": (lambda content: gzip.compress(content, mtime=0)[:-9], REFUSED),
    "latin-1": (in_latin_1, REFUSED),
    "utf-16": (lambda content: content.decode("utf-8", "replace").encode("utf-16"), REFUSED),
    "utf-32": (lambda content: content.decode("utf-8", "replace").encode("utf-32"), REFUSED),
    "gzipped-utf-16": (lambda content: gzip.compress(content.decode("utf-8", "replace").encode("utf-16")), REFUSED),
}
FILES = [(reader, name) for reader, one in READERS.items() for name in one.files]
NAMED = [f"{reader}-{name.rpartition('/')[2]}".replace(" ", "-") for reader, name in FILES]
NO_TEXT = ("latin-1", "no-last-line-end")
"""Hazards that say nothing of a binary file: a byte may be changed, and a line's end is none."""


@contextmanager
def as_nobody() -> Iterator[None]:
    """Give up the rights of the superuser, if the tests have them."""
    root = os.name == "posix" and os.geteuid() == 0
    if root:
        os.seteuid(65_534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each reader makes of the sound files."""
    return read_sound(tmp_path_factory.mktemp("sound"))


CELLS = [
    pytest.param(*file, hazard, id=f"{named}-{hazard}")
    for file, named in zip(FILES, NAMED, strict=True)
    for hazard in HAZARDS
    if not (file[1].endswith(BINARY) and hazard in NO_TEXT)
]


@pytest.mark.parametrize(("reader", "name", "hazard"), CELLS)
def test_a_file_is_read_all_the_same_or_refused(
    reader: str, name: str, hazard: str, sound: dict[str, Any], tmp_path: Path
) -> None:
    change, expected = HAZARDS[hazard]
    binary = name.endswith(BINARY)
    content = unpacked(READERS[reader].files[name])
    folder = lay_out(tmp_path / "x", READERS[reader].files)
    (folder / name).write_bytes(change(content))
    if (expected == SAME and not binary) or change(content) == content:
        assert READERS[reader].read(folder) == sound[reader]
        return
    told = refusal(reader, folder)
    assert names(told, name)
    if hazard in ("utf-16", "utf-32", "gzipped-utf-16") and not binary:
        assert f"is written in {hazard.removeprefix('gzipped-').upper()}: write it in UTF-8" in told


@pytest.mark.parametrize(("reader", "name"), FILES, ids=NAMED)
def test_a_folder_in_the_place_of_a_file_is_refused(reader: str, name: str, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "x", READERS[reader].files)
    (folder / name).unlink()
    (folder / name).mkdir()
    told = refusal(reader, folder)
    assert names(told, name)
    assert "does not exist" not in told
    assert "missing" not in told


@pytest.mark.skipif(os.name != "posix", reason="rights are those of POSIX systems")
@pytest.mark.parametrize(("reader", "name"), FILES, ids=NAMED)
def test_a_file_that_may_not_be_read_is_refused(reader: str, name: str, tmp_path: Path) -> None:
    folder = lay_out(tmp_path / "x", READERS[reader].files)
    (folder / name).chmod(0)
    opened_up = [
        one for one in folder.parents if one.stat().st_mode & 0o055 != 0o055 and one.stat().st_uid == os.geteuid()
    ]
    before = {one: one.stat().st_mode for one in opened_up}
    try:
        for one in opened_up:
            one.chmod(0o755)
        with as_nobody():
            told = refusal(reader, folder)
    finally:
        for one, mode in before.items():
            one.chmod(mode)
        (folder / name).chmod(0o644)
    assert names(told, name)
