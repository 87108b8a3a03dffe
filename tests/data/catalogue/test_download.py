"""Downloads: whole or not at all, going on where they stopped, and what they should be."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import time

import pytest

from isoglot.data.catalogue.download import (
    DownloadError,
    checksum_of,
    download,
    read_record,
    record_path,
    why_unreachable,
)
from isoglot.errors import InputError, IsoglotError

CONTENT = random.Random(0).randbytes(300_000)
SHA = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
MD5 = f"md5:{hashlib.md5(CONTENT).hexdigest()}"


@pytest.fixture
def served(site):
    site.files["set/file.bin"] = CONTENT
    return site


def only_file(folder):
    return [path.name for path in folder.iterdir()]


@pytest.mark.parametrize("checksum", [SHA, MD5])
def test_a_file_arrives_whole_and_is_not_fetched_twice(served, tmp_path, checksum):
    told = []
    for _ in range(2):
        url = f"{served.address}set/file.bin"
        download(url, tmp_path / "in/file.bin", checksum, lambda *progress: told.append(progress))
    assert (tmp_path / "in/file.bin").read_bytes() == CONTENT
    assert only_file(tmp_path / "in") == ["file.bin"]
    assert len(served.requests) == 1
    assert told[-1] == ("file.bin", len(CONTENT), len(CONTENT))


def test_a_cut_connection_is_taken_up_where_it_was_cut(served, tmp_path):
    served.breaks = [98_304, 49_152]
    download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT
    ranges = [asked for _, asked in served.requests]
    assert ranges == [None, "bytes=98304-", "bytes=147456-"]


def test_a_later_call_goes_on_with_what_an_earlier_one_got(served, tmp_path):
    served.breaks = [98_304, 0]
    with pytest.raises(DownloadError, match=r"stopped after 98,304 bytes; the same command goes on") as error:
        download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)
    assert error.value.exit_code == 1
    assert not (tmp_path / "file.bin").exists()
    served.requests.clear()
    download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)
    assert served.requests == [("/set/file.bin", "bytes=98304-")]
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_the_whole_file_again(served, tmp_path):
    served.ranges, served.breaks = False, [98_304]
    download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT


@pytest.mark.parametrize("etags", [('"first"', '"second"'), (None, None)])
def test_a_part_is_not_joined_to_another_version_of_the_file(served, tmp_path, etags):
    served.etag, served.breaks = etags[0], [98_304, 0]
    with pytest.raises(DownloadError):
        download(f"{served.address}set/file.bin", tmp_path / "file.bin", None)
    other = bytes(reversed(CONTENT)) + b"longer"
    served.etag, served.files["set/file.bin"] = etags[1], other
    download(f"{served.address}set/file.bin", tmp_path / "file.bin", None)
    assert (tmp_path / "file.bin").read_bytes() == other


def test_the_part_of_another_address_is_left(served, tmp_path):
    served.breaks = [98_304, 0]
    with pytest.raises(DownloadError):
        download(f"{served.address}set/file.bin", tmp_path / "file.bin", None)
    served.files["moved.bin"] = CONTENT[::-1]
    download(f"{served.address}moved.bin", tmp_path / "file.bin", None)
    assert (tmp_path / "file.bin").read_bytes() == CONTENT[::-1]


def test_another_file_than_the_one_expected_is_refused(served, tmp_path):
    served.files["set/file.bin"] = CONTENT[:-1] + b"x"
    with pytest.raises(DownloadError, match="is not the file that was expected: its checksum is sha256:"):
        download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)
    assert only_file(tmp_path) == []  # nor is it kept as a part
    served.files["set/file.bin"] = CONTENT
    download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)


@pytest.mark.parametrize(
    ("status", "sentence", "missing"),
    [(404, "not there any more", True), (403, "refused", False), (500, "failed", False)],
)
def test_what_the_server_says_is_told(served, tmp_path, status, sentence, missing):
    served.status = status
    with pytest.raises(DownloadError, match=rf"{sentence} \(HTTP {status}\)") as error:
        download(f"{served.address}set/file.bin", tmp_path / "file.bin", SHA)
    assert error.value.missing is missing
    assert only_file(tmp_path) == []


def test_without_a_network_the_address_is_named(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    with pytest.raises(IsoglotError, match=rf"http://127.0.0.1:{port}/x could not be reached: connection refused"):
        download(f"http://127.0.0.1:{port}/x", tmp_path / "x", None)


def test_a_checksum_is_recorded_at_first_and_holds_ever_after(served, tmp_path):
    path, url = tmp_path / "file.bin", f"{served.address}set/file.bin"
    download(url, path, None)
    assert read_record(path) == SHA
    assert record_path(path).read_text() == f"{SHA.removeprefix('sha256:')}  file.bin\n"  # as sha256sum writes it
    path.write_bytes(b"damaged on the disk")
    download(url, path, None)
    assert checksum_of(path) == SHA

    path.unlink()
    served.files["set/file.bin"] = b"another file"
    with pytest.raises(DownloadError, match=r"has changed since it was first downloaded.*remove .*file.bin.sha256"):
        download(url, path, None)
    assert not path.exists()
    record_path(path).unlink()
    download(url, path, None)
    assert path.read_bytes() == b"another file"


def test_a_broken_record_is_said(served, tmp_path):
    record_path(tmp_path / "file.bin").write_text("no checksum")
    with pytest.raises(InputError, match="does not hold a sha256 checksum"):
        download(f"{served.address}set/file.bin", tmp_path / "file.bin", None)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_midway_it_leaves_no_file_and_goes_on_later(served, tmp_path):
    served.trickle = 0.02
    path, url = tmp_path / "file.bin", f"{served.address}set/file.bin"
    child = os.fork()
    if child == 0:  # a process of its own, which no cleaning up is granted
        try:
            download(url, path, SHA)
        finally:
            os._exit(0)
    part = tmp_path / "file.bin.part"
    deadline = time.monotonic() + 10
    while not (part.exists() and part.stat().st_size >= 65_536) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not path.exists()
    served.trickle = 0.0
    got = part.stat().st_size
    served.requests.clear()
    download(url, path, SHA)
    assert served.requests == [("/set/file.bin", f"bytes={got}-")]
    assert path.read_bytes() == CONTENT


def test_why_a_server_does_not_answer_is_said_in_a_few_words():
    long = "HTTPSConnectionPool(host='example.org', port=443): Max retries exceeded (Caused by "
    unknown = ConnectionError(long + "NameResolutionError: Failed to resolve)")
    assert why_unreachable(unknown) == "the name of the server cannot be resolved"
    said = why_unreachable(ValueError("something else " * 40))
    assert said.endswith(("something …", "else …"))
    assert len(said) <= 200
    assert why_unreachable(ValueError()) == "ValueError"
