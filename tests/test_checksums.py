"""A bit that flips in a file of ours is noticed wherever it lies, and said."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
import xxhash
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isoglot.checksums import LISTED, checksum, damaged, list_beside, read_list, write_list


def flip(path: Path, bit: int) -> None:
    content = bytearray(path.read_bytes())
    content[bit // 8 % len(content)] ^= 1 << bit % 8
    path.write_bytes(content)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inner").mkdir()
    (tmp_path / "a.bin").write_bytes(bytes(range(256)) * 9)
    (tmp_path / "inner" / "ü  b").write_bytes(b"x")
    write_list(tmp_path / LISTED)
    return tmp_path


def test_a_list_names_every_file_with_its_xxh128(folder: Path) -> None:
    expected = {name: xxhash.xxh3_128((folder / name).read_bytes()).hexdigest() for name in ("a.bin", "inner/ü  b")}
    assert read_list(folder / LISTED) == expected
    assert damaged(folder / LISTED) == []
    if program := shutil.which("xxhsum"):
        subprocess.run([program, "--check", "--quiet", LISTED], cwd=folder, check=True)


@given(bit=st.integers(0, 8 * 256 * 9 - 1))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bit_that_flips_is_noticed(folder: Path, bit: int) -> None:
    flip(folder / "a.bin", bit)
    assert damaged(folder / LISTED) == ["a.bin"]
    flip(folder / "a.bin", bit)
    assert damaged(folder / LISTED) == []


def test_a_bit_that_flips_in_the_list_is_noticed(folder: Path) -> None:
    for bit in range(8 * (folder / LISTED).stat().st_size):
        flip(folder / LISTED, bit)
        assert damaged(folder / LISTED), bit
        flip(folder / LISTED, bit)


def test_what_is_cut_off_or_gone_is_damaged_and_a_missing_list_too(folder: Path) -> None:
    (folder / "a.bin").write_bytes((folder / "a.bin").read_bytes()[:-1])
    (folder / "inner" / "ü  b").unlink()
    assert sorted(damaged(folder / LISTED)) == ["a.bin", "inner/ü  b"]
    assert damaged(folder / LISTED, missing=False) == ["a.bin"]
    (folder / LISTED).unlink()
    assert read_list(folder / LISTED) is None
    assert damaged(folder / LISTED) == [LISTED]


def test_files_are_listed_one_by_one_or_with_what_is_known(tmp_path: Path) -> None:
    one = tmp_path / "one.npy"
    one.write_bytes(b"1")
    write_list(list_beside(one), [one])
    assert damaged(list_beside(one)) == []
    write_list(tmp_path / LISTED, [one], [("gone", "0" * 32)])
    assert read_list(tmp_path / LISTED) == {"one.npy": checksum(one), "gone": "0" * 32}
