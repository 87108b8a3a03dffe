"""Search among many vectors: an index of isoglot beside its peers, recall@10 against latency.

In one run, on the same vectors, one question at a time as a search page asks them:

- isoglot: `build_index` and `Index.search`, from the question to texts, in a process of its own whose peak memory
  is told (resident, pages of mapped files included); embedding is left out, vectors are there;
- exact: numpy's matrix product with all vectors, in memory;
- `semantic_search` of sentence-transformers, exact as well;
- FAISS HNSW (32 links, 200 candidates in construction) at several numbers of candidates in search.

Vectors come from a seeded mixture, not from uniform noise, in which no index could find anything: 2,000 topics of
uneven size in 48 latent dimensions of falling variance, turned into the full space, with a little noise in every
direction. Real embeddings are like that in having topics and few effective dimensions; they are others all the
same. Questions are drawn from the same mixture, and are no documents.

    python benchmarks/search.py --documents 1000000
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

TAGS = ("de", "en", "sw", "zh")
TOPICS, LATENT, BLOCK, K = 2000, 48, 50_000, 10
FOUR_GIB = 4 << 30


def mixture(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Draw vectors (count, dimensions), unit length; the mixture is the same for all seeds."""
    fixed = np.random.default_rng(0)
    latent = min(LATENT, dimensions)
    basis = np.linalg.qr(fixed.normal(size=(dimensions, latent)))[0].astype(np.float32)
    scale = (1 / np.sqrt(1 + np.arange(latent))).astype(np.float32)
    topics = fixed.normal(size=(TOPICS, latent)).astype(np.float32) * scale
    share = 1 / np.sqrt(1 + np.arange(TOPICS))
    drawn = np.random.default_rng([1, seed])
    inner = topics[drawn.choice(TOPICS, count, p=share / share.sum())]
    inner += 0.5 * drawn.normal(size=inner.shape).astype(np.float32) * scale
    found = inner @ basis.T + 0.02 * drawn.normal(size=(count, dimensions)).astype(np.float32)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def write_vectors(path: Path, count: int, dimensions: int) -> None:
    out = np.lib.format.open_memmap(path, "w+", np.float32, (count, dimensions))
    for start in range(0, count, BLOCK):
        out[start : start + BLOCK] = mixture(min(BLOCK, count - start), dimensions, start)
    out.flush()


class Given:
    """A model whose vectors are there already: the texts of questions are numbers of rows."""

    def __init__(self, queries: np.ndarray) -> None:
        self.queries = queries

    def encode_query(self, texts: list[str], **_: Any) -> np.ndarray:
        return self.queries[[int(text) for text in texts]]

    def encode_document(self, texts: list[str], **_: Any) -> np.ndarray:
        return np.repeat(self.queries[:1], len(texts), axis=0)


def numbered_documents(count: int) -> Any:
    from isoglot.collections import Collection

    numbers = pa.array([str(number) for number in range(count)])
    tags = pa.array(TAGS).take(pa.array(np.arange(count) % len(TAGS)))
    empty = pa.array([""]).take(pa.array(np.zeros(count, np.int64)))
    text = pa.array([f"document {number}" for number in range(count)])
    none = pa.array([], pa.string())
    return Collection(
        documents=pa.table({"_id": numbers, "lang": tags, "title": empty, "text": text}),
        queries=pa.table({"_id": none, "lang": none, "text": none}),
        judgments=pa.table({name: pa.array([], pa.int32()) for name in ("query", "document", "score")}),
        query_ids=none,
        query_index=np.empty(0, np.int32),
        name="mixture",
    )


def timed(ask: Callable[[int], list[int]], queries: int) -> dict[str, Any]:
    """Ask all questions once, unmeasured and then measured; return latencies and what was found."""
    for number in range(queries):
        ask(number)
    seconds, found = [], []
    for number in range(queries):
        start = time.perf_counter()
        found.append(ask(number))
        seconds.append(time.perf_counter() - start)
    quantiles = np.quantile(seconds, [0.5, 0.95]) * 1000
    return {"found": found, "median_ms": round(quantiles[0], 2), "p95_ms": round(quantiles[1], 2)}


def peak() -> int:
    """Return the most bytes that this process held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def run_ours(folder: Path, count: int) -> None:
    """Build and search an index; print what came of it as JSON."""
    from isoglot.search import build_index

    queries = np.load(folder / "queries.npy")
    vectors = np.load(folder / "vectors.npy", mmap_mode="r")
    start = time.perf_counter()
    index = build_index(Given(queries), numbered_documents(count), folder / "index", embeddings=vectors)
    told = {"build_s": round(time.perf_counter() - start, 1), "build_bytes": peak()}
    told |= timed(lambda at: [int(hit.id) for hit in index.search(str(at), k=K)], len(queries))
    within = timed(lambda at: [int(hit.id) for hit in index.search(str(at), k=K, within=["sw"])], len(queries))
    sizes = [path.stat().st_size for path in (folder / "index").rglob("*") if path.is_file()]
    told |= {"within": within, "bytes": peak(), "disk": sum(sizes)}
    print(json.dumps(told))


def peers(vectors: np.ndarray, queries: np.ndarray, candidates: list[int]) -> dict[str, dict[str, Any]]:
    import faiss
    import torch
    from sentence_transformers.util import semantic_search

    def best(number: int) -> list[int]:
        scores = vectors @ queries[number]
        top = np.argpartition(-scores, K)[:K]
        return top[np.argsort(-scores[top])].tolist()

    table, asked = torch.from_numpy(vectors), torch.from_numpy(queries)

    def semantic(number: int) -> list[int]:
        return [one["corpus_id"] for one in semantic_search(asked[number], table, top_k=K)[0]]

    found = {"exact (numpy)": timed(best, len(queries)), "semantic_search": timed(semantic, len(queries))}
    graph = faiss.IndexHNSWFlat(vectors.shape[1], 32, faiss.METRIC_INNER_PRODUCT)
    graph.hnsw.efConstruction = 200
    start = time.perf_counter()
    for at in range(0, len(vectors), BLOCK):
        graph.add(vectors[at : at + BLOCK])
    build = round(time.perf_counter() - start, 1)
    for width in candidates:
        graph.hnsw.efSearch = width
        name = f"FAISS HNSW, {width} candidates"
        ask = lambda number: graph.search(queries[number : number + 1], K)[1][0].tolist()  # noqa: E731
        found[name] = {**timed(ask, len(queries)), "build_s": build}
    return found


def recall(found: list[list[int]], truth: list[list[int]]) -> float:
    return float(np.mean([len(set(some) & set(best)) / len(best) for some, best in zip(found, truth, strict=True)]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument("--dimensions", type=int, default=256)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--candidates", type=int, nargs="+", default=[16, 64, 256])
    parser.add_argument("--without-peers", action="store_true", help="only isoglot, and its recall")
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours is not None:
        return run_ours(options.ours, options.documents)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_vectors(folder / "vectors.npy", options.documents, options.dimensions)
        queries = mixture(options.queries, options.dimensions, options.documents + 1)
        np.save(folder / "queries.npy", queries)
        command = [sys.executable, __file__, "--ours", str(folder), "--documents", str(options.documents)]
        told = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        ours = json.loads(told.splitlines()[-1])
        print(f"isoglot is done: built in {ours['build_s']} s", file=sys.stderr)
        vectors = np.load(folder / "vectors.npy", mmap_mode="r" if options.without_peers else None)
        scores = [np.concatenate([part @ query for part in np.array_split(vectors, 20)]) for query in queries]
        truth = [np.argsort(-one)[:K].tolist() for one in scores]
        inside = np.arange(options.documents) % len(TAGS) == TAGS.index("sw")
        within = [np.argsort(-np.where(inside, one, -np.inf))[:K].tolist() for one in scores]
        del scores
        found = {} if options.without_peers else peers(vectors, queries, options.candidates)
    in_one = ours.pop("within")
    rows = {"isoglot": ours, "isoglot, within one language": {**in_one, "truth": within}, **found}
    print(
        f"{options.documents:,} vectors of {options.dimensions} dimensions, {options.queries} questions, {K} wanted"
    )
    print(f"{'':32} {'recall@10':>9} {'median ms':>10} {'p95 ms':>8} {'build s':>8}")
    for name, row in rows.items():
        row["recall"] = round(recall(row.pop("found"), row.pop("truth", truth)), 4)
        times = f"{row['median_ms']:10.2f} {row['p95_ms']:8.2f} {row.get('build_s', '')!s:>8}"
        print(f"{name:32} {row['recall']:9.4f} {times}")
    gib = ours["bytes"] / (1 << 30)
    print(f"isoglot held at most {gib:.2f} GiB, and its index has {ours['disk'] / (1 << 30):.2f} GiB on disk")
    peer = found.get("exact (numpy)", {}).get("median_ms")
    print(
        json.dumps(
            {
                "benchmark": "search",
                "ours": ours["median_ms"],
                "peer": peer,
                "ratio": None if peer is None else round(peer / ours["median_ms"], 2),
                "unit": "ms a question (median); the peer is exact search by numpy",
                "documents": options.documents,
                "dimensions": options.dimensions,
                "peak_gib": round(gib, 2),
                "systems": rows,
            }
        )
    )
    if ours["bytes"] > FOUR_GIB:
        sys.exit("isoglot held more than 4 GiB")


if __name__ == "__main__":
    main()
