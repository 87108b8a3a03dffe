"""`--engine ray` of commands: what they write is what they write without it; what does not fit is refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from contextlib import nullcontext, suppress
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from engine_helpers import random_collection

from isoglot import static_encoder
from isoglot.cli import main
from isoglot.collections import read_collection, write_collection


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("engine")
    collection = random_collection(20)
    write_collection(collection, found / "data", "parquet")
    static_encoder(collection, dimensions=6, vocabulary=150).save(str(found / "model"))
    return found


@pytest.fixture
def here(workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """The workers of these tests are those of commands."""
    monkeypatch.setattr("isoglot.cli.engine.started_workers", lambda *_: nullcontext(workers))
    monkeypatch.setattr("isoglot.cli.mine.started_workers", lambda *_: nullcontext(workers))


def run(*words: object) -> int:
    return main([str(word) for word in words])


def result_files(path: Path) -> tuple[dict, dict]:
    content = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("seconds", "made")}
    return content, pq.read_table(path.with_suffix(".queries.parquet")).to_pydict()


@pytest.mark.slow
def test_evaluate_alone_in_a_process(folder, tmp_path):
    """Ray is started and stopped, and says nothing."""
    environment = {**os.environ, "ISOGLOT_CACHE": str(tmp_path / "cache")}
    words = ["evaluate", str(folder / "model"), str(folder / "data"), "--bootstrap", "20", "--quiet"]
    assert run(*words, "--json", tmp_path / "local.json") == 0
    command = [sys.executable, "-m", "isoglot", *words, "--json", str(tmp_path / "ray.json")]
    command += ["--engine", "ray", "--workers", "2"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "ray" not in done.stdout.lower()
    left, right = (result_files(tmp_path / out) for out in ("local.json", "ray.json"))
    np.testing.assert_equal(right, left)
    assert list((tmp_path / "cache" / "shards").glob("*/00000-*.arrow"))


@pytest.mark.slow
def test_on_a_cluster_that_runs_already(folder, tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "ISOGLOT_CACHE": str(tmp_path / "cache"), "RAY_USAGE_STATS_ENABLED": "0"}
    start = ["ray", "start", "--head", "--block", f"--port={port}", "--num-cpus=2", "--include-dashboard=false"]
    command = [str(Path(sys.executable).parent / start[0]), *start[1:], f"--object-store-memory={200 * 2**20}"]
    words = [str(folder / "model"), str(folder / "data"), "--bootstrap", "20", "--quiet"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as head:
        try:
            until = time.monotonic() + 120
            while True:
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
                    break
                assert time.monotonic() < until
                time.sleep(0.5)
            more = ["--engine", "ray", "--address", f"127.0.0.1:{port}", "--json", str(tmp_path / "ray.json")]
            module = [sys.executable, "-m", "isoglot", "evaluate"]
            done = subprocess.run([*module, *words, *more], capture_output=True, text=True, env=environment)
        finally:
            head.terminate()
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert run("evaluate", *words, "--json", tmp_path / "local.json") == 0
    np.testing.assert_equal(result_files(tmp_path / "ray.json"), result_files(tmp_path / "local.json"))


@pytest.mark.slow
def test_mine_and_index_write_the_same(folder, tmp_path, here):
    for out, more in (("local", ()), ("ray", ("--engine", "ray", "--workers", 2))):
        words = ("mine", folder / "model", folder / "data", "--out", tmp_path / f"mined-{out}", "--margin", 0.02)
        assert run(*words, *more) == 0
        assert run("index", folder / "model", folder / "data", "--to", tmp_path / f"index-{out}", *more) == 0
    files = [(tmp_path / f"mined-{out}" / "queries.jsonl").read_text() for out in ("local", "ray")]
    assert files[0] == files[1]
    assert "negatives" in files[0]
    collection = read_collection(folder / "data")
    hits = []
    for out in ("local", "ray"):
        from isoglot.search import open_index

        found = open_index(tmp_path / f"index-{out}", str(folder / "model"))
        hits.append([[(h.id, h.score) for h in found.search(q, k=20)] for q in collection.query_texts()[:10]])
    assert hits[0] == hits[1]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("evaluate", "m", "d", "--engine", "rey"), "no engine 'rey' (did you mean ray?)"),
        (("evaluate", "m", "d", "--workers", 2), "--address and --workers go with --engine ray"),
        (("mine", "m", "d", "--out", "o", "--address", "h:1"), "--address and --workers go with --engine ray"),
        (("evaluate", "bm25", "d", "--engine", "ray"), "--engine ray is for models, not for bm25"),
        (("evaluate", "run:x", "d", "--engine", "ray"), "--engine ray is for models, not for run"),
        (("evaluate", "m", "mteb:NFCorpus", "--engine", "ray"), "--engine ray is for our own measures"),
        (("evaluate", "m", "d", "--quantize", "int8", "--engine", "ray"), "--engine ray is for our own measures"),
        (("index", "m", "d", "--to", "i", "--cache", "c"), "--cache goes with --engine ray"),
        (("evaluate", "m", "d", "--cache", "s3://b/x"), "an address goes with --engine ray; give a folder"),
        (
            ("mine", "m", "d", "--out", "o", "--cache", "s3://b/x"),
            "an address goes with --engine ray; give a folder",
        ),
        (
            ("mine", "m", "d", "--out", "o", "--cache", "c", "--no-cache"),
            "--cache and --no-cache exclude each other",
        ),
        (("index", "m", "d", "--to", "i", "--engine", "ray", "--update"), "leave it out with --update"),
        (("index", "--delete", "x", "--to", "i", "--engine", "ray"), "go with --to and --lenient alone"),
    ],
)
def test_what_does_not_fit_is_refused(words, told, capsys, tmp_path, monkeypatch, folder):
    monkeypatch.chdir(tmp_path)
    names = {"d": str(folder / "data"), "m": str(folder / "model")}
    assert run(*(names.get(word, word) for word in words)) == 2
    assert told in " ".join(capsys.readouterr().err.split())
