"""Large collections: isoglot beside `datasets` and beside BEIR-style loading, in one run.

Writes a made-up collection of JSON lines (by default 4,000,000 documents in four languages, 400,000 query versions
and 400,000 judgments), then, each in a process of its own, beginning with the files in the system's cache:

- ours: `isoglot data convert DIR --form parquet --to OUT`, with every strict check;
- the peer: `datasets.load_dataset("json")` of corpus and queries and `to_parquet`, the judgments as tab-separated
  values: the usual way to Parquet, without a check of ids, languages or judgments;
- `pyarrow.json` and `pyarrow.parquet` alone, all in memory: the floor;
- opening what was written: ours, ours with an empty cache, `datasets.load_dataset("parquet")` with an empty cache
  and again; and, with `--dicts`, BEIR's way: a dict of Python strings for each text, from the JSON lines.

Memory is the highest resident set of the process (`VmHWM`, mapped files included) and the highest that is its own
(`RssAnon`, looked at every 20 ms). The last line is about converting, in lines/s.

    python benchmarks/data.py
    python benchmarks/data.py --documents 50000 --queries 5000      # of each language; seconds
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

LANGUAGES = ("de", "en", "th", "zh")
LETTERS = {
    "de": "abcdefghijklmnopqrstuvwxyzäöüß",
    "en": "abcdefghijklmnopqrstuvwxyz",
    "th": "กขคงจชซญดตถทนบปผพมยรลวสหอะาิีึืุูเแโใไ่้",
    "zh": "的一是不了人我在有他这中大来上国个到说们为子和你地出道也时年",
}
CORPUS, QUERIES, QRELS = "corpus.jsonl", "queries.jsonl", "qrels.tsv"


# ------------------------------------------------------------------------------------------------ the input


def made_up(tag: str, characters: int = 1_000_000) -> str:
    """Return text of random words, as hard to compress as text is."""
    draw = random.Random(tag)
    words = ["".join(draw.choices(LETTERS[tag], k=draw.randint(1, 9))) for _ in range(20_000)]
    return " ".join(draw.choices(words, k=characters // 6))


def write_input(folder: Path, options: argparse.Namespace) -> None:
    """Write the collection; the lengths of texts vary by a factor of four."""
    texts = {tag: made_up(tag) for tag in LANGUAGES}
    draw = random.Random(0).randrange

    def line(identifier: str, tag: str, characters: int, **more: Any) -> str:
        start = draw(len(texts[tag]) - characters)
        record = {"_id": identifier, "lang": tag, **more, "text": f"{texts[tag][start : start + characters]}."}
        if options.other_keys:
            record["metadata"] = {"source": "made up"}
        return json.dumps(record, ensure_ascii=options.escaped) + "\n"

    with (folder / CORPUS).open("w", encoding="utf-8") as file:
        for number in range(options.documents):
            for tag in LANGUAGES:
                file.write(line(f"{tag}/{number:08d}", tag, 80 + number % 240, title=f"{number}"))
    with (folder / QUERIES).open("w", encoding="utf-8") as file:
        for number in range(options.queries):
            for tag in LANGUAGES:
                file.write(line(f"q{number:07d}", tag, 40))
    step = max(1, options.documents // max(options.queries, 1))
    with (folder / QRELS).open("w", encoding="utf-8") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        for number in range(options.queries):
            for tag in LANGUAGES:
                file.write(f"q{number:07d}\t{tag}/{number * step % options.documents:08d}\t1\n")


# ---------------------------------------------------------------------------------------------- the contestants


def ours(source: Path, out: Path) -> Any:
    from isoglot.data.convert import convert

    return convert(source, "parquet", out)


def peer(source: Path, out: Path) -> Any:
    import datasets

    datasets.disable_progress_bars()
    out.mkdir()
    for name in (CORPUS, QUERIES):
        found = datasets.load_dataset("json", data_files=str(source / name), split="train")
        found.to_parquet(str(out / name.replace("jsonl", "parquet")))
    found = datasets.load_dataset("csv", data_files=str(source / QRELS), split="train", delimiter="\t")
    found.to_parquet(str(out / "qrels.parquet"))


def floor(source: Path, out: Path) -> Any:
    import pyarrow.csv
    import pyarrow.json
    import pyarrow.parquet

    out.mkdir()
    for name in (CORPUS, QUERIES):
        pyarrow.parquet.write_table(
            pyarrow.json.read_json(source / name), out / f"{name}.parquet", compression="zstd"
        )
    tabs = pyarrow.csv.ParseOptions(delimiter="\t")
    qrels = pyarrow.csv.read_csv(source / QRELS, parse_options=tabs)
    pyarrow.parquet.write_table(qrels, out / "qrels.parquet", compression="zstd")


def open_ours(_: Path, out: Path) -> Any:
    from isoglot.collections import read_collection

    return read_collection(out)


def open_peer(_: Path, out: Path) -> Any:
    import datasets

    datasets.disable_progress_bars()
    files = {"corpus": "corpus.parquet", "queries": "queries.parquet", "qrels": "qrels.parquet"}
    return [datasets.load_dataset("parquet", data_files=str(out / file), split="train") for file in files.values()]


def open_dicts(source: Path, _: Path) -> Any:
    texts = []
    for name in (CORPUS, QUERIES):
        with (source / name).open(encoding="utf-8") as file:
            records = map(json.loads, file)
            texts.append(
                {record["_id"]: {"title": record.get("title"), "text": record["text"]} for record in records}
            )
    qrels: dict[str, dict[str, int]] = {}
    with (source / QRELS).open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        next(rows)
        for query, document, score in rows:
            qrels.setdefault(query, {})[document] = int(score)
    return texts, qrels


SIDES: dict[str, tuple[str, Callable[[Path, Path], Any]]] = {
    "ours": ("convert: isoglot", ours),
    "peer": ("convert: datasets", peer),
    "floor": ("convert: pyarrow alone, unchecked", floor),
    "open_ours": ("open: isoglot", open_ours),
    "open_ours_new": ("open: isoglot, empty cache", open_ours),
    "open_peer_new": ("open: datasets, empty cache", open_peer),
    "open_peer": ("open: datasets", open_peer),
    "open_dicts": ("open: dicts of strings", open_dicts),
}


# ---------------------------------------------------------------------------------------------------- measuring


def status(key: str) -> int:
    """Return a field of this process's status, bytes."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return 0


def one_side(options: argparse.Namespace) -> dict[str, Any]:
    """Run one side in this process. Imports are timed with it."""
    own = [0]
    done = threading.Event()

    def watch() -> None:
        while not done.wait(0.02):
            own[0] = max(own[0], status("RssAnon"))

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    start, cpu = time.perf_counter(), time.process_time()
    kept = SIDES[options.side][1](options.source, options.out)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    done.set()
    watcher.join()
    found = {"seconds": seconds, "cpu_seconds": cpu, "peak_bytes": status("VmHWM"), "own_bytes": own[0]}
    if options.side.startswith("open_ours"):
        start = time.perf_counter()
        found["training_pairs"] = int(kept.pair_counts.sum())
        found["pair_counts_seconds"] = time.perf_counter() - start
    del kept
    return found


def run_side(side: str, source: Path, out: Path, caches: Path) -> dict[str, Any]:
    """Run one side in a process of its own, with the caches it should find."""
    cache = caches / {"open_ours": "ours", "open_peer": "open_peer_new"}.get(side, side)
    environment = os.environ | {"ISOGLOT_CACHE": str(cache), "HF_HOME": str(cache), "HF_DATASETS_OFFLINE": "1"}
    command = [sys.executable, str(Path(__file__).resolve()), "--side", side, "--source", str(source), "--out"]
    done = subprocess.run([*command, str(out)], stdout=subprocess.PIPE, text=True, check=False, env=environment)
    if done.returncode:
        sys.exit(f"{side} failed with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=1_000_000, help="of each of four languages")
    parser.add_argument("--queries", type=int, default=100_000, help="ids, each in four languages")
    parser.add_argument("--escaped", action="store_true", help="write other than ASCII as \\u escapes")
    parser.add_argument("--other-keys", action="store_true", help="give every line a key `metadata`")
    parser.add_argument("--dicts", action="store_true", help="also BEIR's way; takes memory")
    parser.add_argument("--folder", type=Path, help="where to write; the system's temporary folder if not given")
    parser.add_argument("--side", choices=tuple(SIDES), help=argparse.SUPPRESS)
    parser.add_argument("--source", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(given)
    if options.side:
        print(json.dumps(one_side(options)))
        return 0
    lines = len(LANGUAGES) * (options.documents + 2 * options.queries)
    found: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        root = Path(temporary)
        source = root / "source"
        source.mkdir()
        write_input(source, options)
        size = sum(path.stat().st_size for path in source.iterdir())
        print(f"{lines:,} lines, {size / 1e6:,.0f} MB")
        print(f"{'':36}{'s':>8}{'CPU s':>8}{'lines/s':>12}{'peak MB':>10}{'own MB':>10}")
        for side, (name, _) in SIDES.items():
            if side == "open_dicts" and not options.dicts:
                continue
            out = root / ("ours" if side.startswith("open") else side)
            one = found[side] = run_side(side, source, out, root / "caches")
            one["lines_per_second"] = lines / one["seconds"]
            print(
                f"{name:36}{one['seconds']:8.2f}{one['cpu_seconds']:8.2f}{one['lines_per_second']:12,.0f}"
                f"{one['peak_bytes'] / 1e6:10,.0f}{one['own_bytes'] / 1e6:10,.0f}",
                flush=True,
            )
    mine, theirs = found["ours"]["lines_per_second"], found["peer"]["lines_per_second"]
    result = {"benchmark": "data", "ours": mine, "peer": theirs, "ratio": mine / theirs, "unit": "lines/s"}
    print(json.dumps(result | {"lines": lines, "bytes": size, "cores": os.cpu_count(), "details": found}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
