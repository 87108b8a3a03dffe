"""`isoglot serve` as it is started and ended: addresses, what it says, and a server that real sockets meet."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from isoglot.cli import main

pytest.importorskip("lancedb", reason="an index needs lancedb")


@pytest.fixture(scope="module")
def index(toy, tmp_path_factory) -> Path:
    import isoglot as ig

    folder = tmp_path_factory.mktemp("serve")
    ig.static_encoder(toy, dimensions=16, vocabulary=200).save(str(folder / "model"))
    ig.build_index(str(folder / "model"), toy, folder / "index")
    return folder / "index"


def complaint(capsys, *arguments: object) -> str:
    assert main(["serve", *map(str, arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_a_port_in_use_is_told_in_a_sentence(index, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = complaint(capsys, index, "--port", port)
    assert said == (
        f"isoglot: cannot listen on port {port} of 127.0.0.1: address already in use; "
        "choose another --port or --host"
    )


def test_what_cannot_be_served_is_told_in_a_sentence(index, tmp_path, capsys):
    assert "--port 70000 is no port" in complaint(capsys, index, "--port", 70000)
    assert "--host 'no.such.host.invalid' is no address" in complaint(
        capsys, index, "--host", "no.such.host.invalid"
    )
    assert "192.0.2.1" in complaint(capsys, index, "--host", "192.0.2.1", "--port", 0)  # reserved: nobody's
    assert "3 indexes are too many" in complaint(capsys, index, index, index)
    assert f"there is no index {tmp_path / 'nothing'}" in complaint(capsys, tmp_path / "nothing", "--port", 0)
    assert "token of a server must not be empty" in complaint(capsys, index, "--port", 0, "--token", " ")


@pytest.fixture
def running(index):
    """A server in a process of its own, with the port it has."""
    command = [sys.executable, "-m", "isoglot", "serve", str(index), "--port", "0"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    told = process.stdout.readline()
    found = re.fullmatch(r"Search at http://127\.0\.0\.1:(\d+)/ \(Ctrl-C ends it\)\n", told)
    assert found, told + process.stderr.read()
    yield process, int(found[1])
    process.kill()
    process.communicate()


def send(port: int, *parts: bytes) -> bytes:
    """Send bytes as they are, and return what comes back until the other side ends it."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            for part in parts:
                connection.sendall(part)
        except (BrokenPipeError, ConnectionResetError):
            pass  # it has heard enough
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    return answer


@pytest.mark.slow
def test_a_server_answers_survives_what_it_is_sent_and_ends(running):
    process, port = running
    with urlopen(f"http://127.0.0.1:{port}/search?q=Archiv&k=2") as answer:
        assert len(json.load(answer)["hits"]) == 2
        assert "server" not in {name.lower() for name in answer.headers}
    head = b"GET /search?q=" + b"x" * 30_000
    rest = b" HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    assert b" 414 " in send(port, head, rest).partition(b"\r")[0]
    big = send(port, head, *[b"x" * 1_000_000] * 10, rest)
    assert big == b"" or b" 400 " in big.partition(b"\r")[0]
    post = b"POST /search HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: 10000000\r\n\r\n"
    assert b" 413 " in send(port, post).partition(b"\r")[0]
    assert b" 400 " in send(port, b"\x00\xff nonsense\r\n\r\n").partition(b"\r")[0]
    evil = b"GET /health HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"
    assert b" 421 " in send(port, evil).partition(b"\r")[0]
    with urlopen(f"http://127.0.0.1:{port}/health") as answer:
        assert json.load(answer)["status"] == "ok"
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Traceback" not in said
    assert "Archiv" not in said
