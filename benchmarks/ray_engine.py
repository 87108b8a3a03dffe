"""`--engine ray` beside one process: the same result, what it costs, and what the driver holds.

Documents are made of the words of worldfacts, in five languages; questions likewise, in all of them, with one
relevant document in each language. A static encoder is trained on a part. Each way measures the collection in a
process of its own, from start to end, imports and the start of Ray included; workers are killed meanwhile if asked.

- wall: seconds of the whole process;
- cpu: seconds of processors, of the process and of all that it started;
- peak: most memory of the process (of the driver, for ray), pages of mapped files included;
- own: most memory without such pages, which the system takes back when it needs them; seen four times a second;
- same: whether every value of every query and every figure of the result equals that of one process.

    python benchmarks/ray_engine.py --documents 200000 --kills 0 5
    python benchmarks/ray_engine.py --documents 50000 --queries 100 --only ray     # memory of the driver
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Any

import numpy as np
import psutil

TAGS = ("en", "de", "es", "fr", "pt")
DIMENSIONS = 256


def vocabularies() -> dict[str, list[str]]:
    """Return the words of each language of worldfacts."""
    from isoglot.data import load_collection

    facts = load_collection("worldfacts", split="train")
    found: dict[str, set[str]] = {tag: set() for tag in TAGS}
    for tag, text in zip(facts.documents["lang"].to_pylist(), facts.document_texts(), strict=True):
        if tag in found:
            found[tag].update(text.split())
    return {tag: sorted(words) for tag, words in found.items() if words}


def make_collection(documents: int, queries: int, folder: Path, seed: int = 0) -> None:
    """Write a collection of so many documents and questions, and a static encoder."""
    from isoglot import collection_from_rows, static_encoder
    from isoglot.collections import write_collection

    words = vocabularies()
    tags, rng = list(words), np.random.default_rng(seed)

    def text(tag: str, most: int) -> str:
        return " ".join(rng.choice(words[tag], size=int(rng.integers(4, most))))

    pool = [(f"d{at}", tags[at % len(tags)], "", text(tags[at % len(tags)], 40)) for at in range(documents)]
    ids = queries // len(tags)
    asked = [(f"q{at}", tag, text(tag, 8)) for at in range(ids) for tag in tags]
    judged = [
        (f"q{at}", f"d{int(rng.integers(documents // len(tags))) * len(tags) + place}", 1)
        for at in range(ids)
        for place in range(len(tags))
    ]
    collection = collection_from_rows(pool, asked, judged, name=f"made of {documents:,}")
    write_collection(collection, folder / "data", "parquet")
    small = collection_from_rows(pool[:20_000], asked[:1], [(asked[0][0], "d0", 1)], name="part")
    static_encoder(small, dimensions=DIMENSIONS, vocabulary=20_000).save(str(folder / "model"))


def child(way: str, folder: Path, out: Path, kills: int, every: float, correlation: bool) -> None:
    """Measure in one way; write the result, and the most memory that this process took."""
    from isoglot.collections import read_collection
    from isoglot.collections.cache import mapped_from
    from isoglot.encoders import load_encoder

    with mapped_from(0):
        collection = read_collection(folder / "data")
    model = load_encoder(folder / "model", device="cpu")
    done = 0
    if way == "local":
        from isoglot.evaluation import evaluate

        result = evaluate(model, collection, rank_correlation=correlation)
    else:
        import ray

        from isoglot.engine import evaluate_on, start_workers

        over = Event()
        with start_workers(2) as workers:

            def kill() -> None:
                nonlocal done
                while done < kills and not over.wait(every):
                    ray.kill(workers.actors[done % 2])
                    done += 1

            killer = Thread(target=kill)
            killer.start()
            try:
                cache = folder / f"cache-{out.stem}"
                result = evaluate_on(workers, model, collection, cache=cache, rank_correlation=correlation)
            finally:
                over.set()
                killer.join()
    result.save(out)
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    told = {"peak_mib": round(peak), "killed": done, "inside": {k: round(v, 1) for k, v in result.seconds.items()}}
    out.with_suffix(".told.json").write_text(json.dumps(told))


def watch(pid: int, spent: dict[int, float]) -> int:
    """Note the seconds of processors of a process and of all that it has started, those killed keep theirs; return
    the bytes of its own memory."""
    own = 0
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        memory = parent.memory_info()
        own = memory.rss - memory.shared
        for process in (parent, *parent.children(recursive=True)):
            with suppress(psutil.Error):
                times = process.cpu_times()
                spent[process.pid] = times.user + times.system
    return own


def measure(way: str, folder: Path, kills: int, every: float, correlation: bool) -> dict[str, Any]:
    out = folder / f"{way}-{kills}.json"
    command = [
        sys.executable,
        __file__,
        "--child",
        way,
        str(folder),
        str(out),
        str(kills),
        str(every),
        str(int(correlation)),
    ]
    start, spent, own = time.perf_counter(), dict[int, float](), 0
    with subprocess.Popen(command, env={**os.environ, "ISOGLOT_CACHE": str(folder / "cache")}) as running:
        while running.poll() is None:
            own = max(own, watch(running.pid, spent))
            time.sleep(0.25)
    if running.returncode:
        raise SystemExit(running.returncode)
    wall, cpu = time.perf_counter() - start, sum(spent.values())
    told = json.loads(out.with_suffix(".told.json").read_text())
    told["own_mib"] = round(own / 2**20)
    return {"way": way, "wall": round(wall, 1), "cpu": round(cpu, 1), **told, "file": str(out)}


def same(one: str, other: str) -> bool:
    """Tell whether two results have the same figures, and the same values per query."""
    from isoglot.evaluation import Result

    left, right = Result.from_json(one), Result.from_json(other)
    figures = [{k: v for k, v in r.to_dict().items() if k not in ("seconds", "made")} for r in (left, right)]
    return figures[0] == figures[1] and all(
        np.array_equal(values, right.per_query[name], equal_nan=values.dtype.kind == "f")
        for name, values in left.per_query.items()
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=200_000)
    parser.add_argument("--queries", type=int, default=2000)
    parser.add_argument("--kills", type=int, nargs="+", default=[0])
    parser.add_argument("--every", type=float, default=8, help="seconds between kills")
    parser.add_argument("--no-correlation", action="store_true", help="so that ranks are counted in shards")
    parser.add_argument("--only", choices=["local", "ray"])
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=6, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        way, folder, out, kills, every, correlation = given.child
        return child(way, Path(folder), Path(out), int(kills), float(every), correlation == "1")
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        make_collection(given.documents, given.queries, folder)
        rows = [measure("local", folder, 0, 0, not given.no_correlation)] if given.only != "ray" else []
        if given.only != "local":
            for kills in given.kills:
                rows.append(measure("ray", folder, kills, given.every, not given.no_correlation))
        for row in rows:
            file = row.pop("file")
            if rows[0]["way"] == "local" and row is not rows[0]:
                row["same"] = same(str(folder / "local-0.json"), file)
                row["ratio"] = {key: round(row[key] / rows[0][key], 2) for key in ("wall", "cpu")}
            row["load"] = round(os.getloadavg()[1], 1)
            print(json.dumps(row), flush=True)
        if given.json is not None:
            about = {
                "documents": given.documents,
                "queries": given.queries,
                "dimensions": DIMENSIONS,
                "correlation": not given.no_correlation,
            }
            given.json.write_text(json.dumps({**about, "runs": rows}, indent=1) + "\n")
    return None


if __name__ == "__main__":
    main()
