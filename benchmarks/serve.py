"""`isoglot serve` under load: many clients at once, each asking again as soon as it has its answer.

A static encoder is made of XQuAD-R (or of a collection that is given) and its documents are indexed; the server
runs in a process of its own, as users start it, on loopback. Every client keeps its connection, asks questions of
all languages in turn, and waits for each answer: so as many requests are under way as there are clients. An error
is an answer other than 200, a connection that breaks, or an answer without documents.

The latency is that of a machine on which the clients run too; one search at a time, asked the same way, is the
baseline.

    python benchmarks/serve.py [--clients 50] [--seconds 60] [--data ../shared/data/xquad-r]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import httpx2 as httpx
import numpy as np

import isoglot as ig
from isoglot.data.forms.lareqa import read_lareqa

ROOT = Path(__file__).resolve().parents[1]
ALONE = 200
"""Searches of the baseline."""


async def ask(
    address: str, questions: Sequence[str], clients: int, until: float, most: int
) -> tuple[list[float], Counter]:
    """Have clients ask until a time or so many times; return the seconds of each answer, and errors by kind."""
    seconds: list[float] = []
    errors: Counter = Counter()
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)

    async def ask_in_turn(first: int, client: httpx.AsyncClient) -> None:
        at = first
        while time.perf_counter() < until and len(seconds) < most:
            began = time.perf_counter()
            try:
                answer = await client.get("search", params={"q": questions[at % len(questions)], "k": 10})
                kind = "" if answer.status_code == 200 else str(answer.status_code)
                if not kind and len(answer.json()["hits"]) != 10:
                    kind = "no documents"
            except httpx.HTTPError as error:
                kind = type(error).__name__
            if kind:
                errors[kind] += 1
            else:
                seconds.append(time.perf_counter() - began)
            at += clients

    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60, trust_env=False) as client:
        await asyncio.gather(*(ask_in_turn(first, client) for first in range(clients)))
    return seconds, errors


def milliseconds(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{share}": round(1000 * float(np.percentile(seconds, share)), 1) for share in (50, 95, 99)}


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "xquad-r")
    options = parser.parse_args(arguments)
    xquad = options.data.is_dir() and not (options.data / "corpus.jsonl").exists()
    collection = read_lareqa(options.data) if xquad else ig.load_collection(str(options.data))
    questions = collection.query_texts()
    questions = [questions[at] for at in np.random.default_rng(0).permutation(len(questions))]
    with tempfile.TemporaryDirectory() as folder:
        model, index = str(Path(folder) / "model"), str(Path(folder) / "index")
        ig.static_encoder(collection).save(model)
        built = ig.build_index(model, collection, index)
        documents, dimension = len(built), built.dimension
        print(f"{documents:,} documents, d = {dimension}, {len(questions):,} questions", flush=True)
        command = [sys.executable, "-m", "isoglot", "--quiet", "serve", index, "--port", "0"]
        environment = os.environ | {"PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:
            assert server.stdout is not None
            found = re.search(r"http://\S+/", server.stdout.readline())
            if found is None:
                sys.exit("the server did not start")
            try:
                alone, refused = asyncio.run(ask(found[0], questions, 1, time.perf_counter() + 60, ALONE))
                began = time.perf_counter()
                seconds, errors = asyncio.run(
                    ask(found[0], questions, options.clients, began + options.seconds, sys.maxsize)
                )
                took = time.perf_counter() - began
            finally:
                server.terminate()
    result = {
        "benchmark": "serve",
        "documents": documents,
        "dimension": dimension,
        "clients": options.clients,
        "seconds": round(took, 1),
        "answers": len(seconds),
        "per_second": round(len(seconds) / took, 1),
        "errors": dict(errors + refused),
        "milliseconds": milliseconds(seconds),
        "alone": milliseconds(alone),
        "cores": os.cpu_count(),
    }
    for name, values in (("one client", result["alone"]), (f"{options.clients} clients", result["milliseconds"])):
        print(f"{name:12}" + "".join(f"{key:>6} {value:8.1f} ms" for key, value in values.items()))
    print(f"{len(seconds):,} answers in {took:.1f} s, errors: {dict(errors + refused) or 'none'}")
    print(json.dumps(result))
    return 1 if errors + refused else 0


if __name__ == "__main__":
    sys.exit(main())
