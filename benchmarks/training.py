"""Training: isoglot beside sentence-transformers' own trainer, in one run.

Same model, data, batch size, optimiser and number of steps. Batches are cross-lingual, every row with a language
pair of its own. The peer is `SentenceTransformerTrainer` with what comes nearest, one data set of all training
pairs in two languages, shuffled; with `--pairing batch`, of batches of one language pair, monolingual ones among
them, one data set per language pair, drawn in proportion to their sizes. Its loss is `MultipleNegativesRankingLoss`
or, with `--peer-loss cached`, `CachedMultipleNegativesRankingLoss` with mini-batches of 32. Ours draws the same
language pairs as often. Each runs in a process of its own, so that neither starts warm and peak memory is its own.
The first steps are not timed; set-up (making data sets, tokenising what is tokenised once, building the trainer) is
told apart. Before it stands what composing a batch costs us, kind by kind.

    python benchmarks/training.py                                   # static encoder, 12 languages, B = 512
    python benchmarks/training.py --pairing batch                   # the same with one language pair a batch
    python benchmarks/training.py --composing                       # composing alone, 39 languages
    python benchmarks/training.py --teacher EmbeddingDistillation   # what learning from a teacher costs; no peer
    python benchmarks/training.py --encoder transformer             # 6-layer 384-wide XLM-R, B = 256, 39 languages
    python benchmarks/training.py --setup                           # set-up and memory alone, 39 languages
    python benchmarks/training.py --encoder base --batch-size 1024 --bf16    # XLM-R-base-sized, on a GPU
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.losses import CachedMultipleNegativesRankingLoss, MultipleNegativesRankingLoss
from sentence_transformers.training_args import MultiDatasetBatchSamplers
from transformers import PrinterCallback, TrainerCallback

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Mixed, Multiway
from isoglot.collections import Collection, read_collection
from isoglot.collections.select import keep_languages
from isoglot.encoders import scratch_encoder, static_encoder, train_tokenizer
from isoglot.objectives import InfoNCE, term
from isoglot.training import HybridTrainer

ROOT = Path(__file__).resolve().parents[1]
TEMPERATURE = 0.05
MINI_BATCH = 32
# layers and width; None for a static encoder
SHAPES = {"static": None, "transformer": (6, 384), "base": (12, 768)}
BATCH_SIZES = {"static": 512, "transformer": 256, "base": 1024}


def load(options: argparse.Namespace) -> Collection:
    collection = read_collection(options.data)
    if options.languages:
        by_size = np.argsort(-collection.pair_counts.diagonal(), kind="stable")[: options.languages]
        collection = keep_languages(collection, sorted(collection.languages[one] for one in by_size))
    return collection


def build_model(options: argparse.Namespace, collection: Collection) -> SentenceTransformer:
    shape = SHAPES[options.encoder]
    if shape is None:
        return static_encoder(collection, tokenizer=train_tokenizer(collection))
    layers, width = shape
    return scratch_encoder(collection, dimensions=width, layers=layers, max_length=options.max_length)


class Clock(TrainerCallback):
    """Notes when each step ended."""

    def __init__(self) -> None:
        self.ends: list[float] = []
        self.cpu: list[float] = []

    def on_step_end(self, *_: Any, **__: Any) -> None:
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())
        self.cpu.append(time.process_time())


class Counted(torch.nn.Module):
    """A loss that counts the pairs of each batch."""

    def __init__(self, loss: torch.nn.Module) -> None:
        super().__init__()
        self.loss = loss
        self.model = loss.model
        self.pairs: list[int] = []

    def forward(self, features: Any, labels: Any) -> torch.Tensor:
        features = list(features)
        first = features[0]
        self.pairs.append(len(first.get("offsets", first["input_ids"])))
        return self.loss(features, labels)


def arguments(options: argparse.Namespace, folder: str, **more: Any) -> SentenceTransformerTrainingArguments:
    return SentenceTransformerTrainingArguments(
        folder,
        max_steps=options.steps,
        per_device_train_batch_size=options.batch_size,
        learning_rate=1e-2 if options.encoder == "static" else 1e-4,
        bf16=options.bf16,
        save_strategy="no",
        report_to="none",
        logging_steps=10**6,
        disable_tqdm=True,
        **more,
    )


def ours(options: argparse.Namespace, collection: Collection, model: SentenceTransformer, folder: str) -> Any:
    objective, teacher = InfoNCE(TEMPERATURE) * 1.0, None
    if options.side == "taught":  # by a model that embeds in no time, for its embeddings are not what is timed
        size = options.teacher_dimensions or model.get_embedding_dimension()
        teacher = static_encoder(collection, dimensions=size, vocabulary=4000, seed=1)
        objective = objective + term(options.teacher)
    counts = collection.pair_counts
    by_row = options.pairing == "row"
    strategy = CrossLingual() if by_row else Hybrid(alpha=float(counts.trace() / counts.sum()), pairing="batch")
    trainer = HybridTrainer(
        model,
        collection,
        strategy=strategy,
        objective=objective,
        teacher=teacher,
        args=arguments(options, folder),
    )
    loader = trainer.get_train_dataloader()  # tokenises
    trainer.get_train_dataloader = lambda: loader  # type: ignore[method-assign]
    return trainer, lambda: [len(trainer.sampler[step]) for step in range(options.steps)]


def peer(options: argparse.Namespace, collection: Collection, model: SentenceTransformer, folder: str) -> Any:
    texts = {}
    for a in collection.languages:
        for b in collection.languages:
            queries, documents = collection.pairs(a, b)
            if len(queries) and (a != b or options.pairing == "batch"):
                columns = (collection.query_texts(queries), collection.document_texts(documents))
                texts[f"{a}-{b}"] = dict(zip(("query", "document"), columns, strict=True))
    if options.pairing == "row":  # one table, since rows of many small ones are slow to gather
        together = {side: [text for one in texts.values() for text in one[side]] for side in ("query", "document")}
        train_dataset = Dataset.from_dict(together)
    else:
        train_dataset = {name: Dataset.from_dict(one) for name, one in texts.items()}
    if options.peer_loss == "cached":
        loss = CachedMultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE, mini_batch_size=MINI_BATCH)
    else:
        loss = MultipleNegativesRankingLoss(model, scale=1 / TEMPERATURE)
    counted = Counted(loss)
    sampling = {"multi_dataset_batch_sampler": MultiDatasetBatchSamplers.PROPORTIONAL}
    trainer = SentenceTransformerTrainer(
        model, arguments(options, folder, **sampling), train_dataset=train_dataset, loss=counted
    )
    return trainer, lambda: counted.pairs


def composing(options: argparse.Namespace, steps: int = 200) -> dict[str, dict[str, float]]:
    """Return milliseconds to compose a batch, and its rows, of several kinds of batches."""
    collection = load(options)
    found = {}
    for name, strategy in {
        "cross-lingual by rows": CrossLingual(),
        "cross-lingual by rows, tau = 0": CrossLingual(tau=0.0),
        "hybrid by rows": Hybrid(),
        "mixed": Mixed(),
        "cross-lingual by batches": CrossLingual(pairing="batch"),
        "hybrid by batches": Hybrid(pairing="batch"),
        "multiway": Multiway(),
    }.items():
        sampler = BatchSampler(collection, strategy, options.batch_size)
        rows = len(sampler[0])
        start = time.perf_counter()
        rows = sum(len(sampler[step]) for step in range(1, steps + 1))
        milliseconds = (time.perf_counter() - start) / steps * 1e3
        found[name] = {"milliseconds": milliseconds, "rows": rows / steps}
    return found


def memory() -> int:
    """Peak resident memory of this process so far, bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def one_side(options: argparse.Namespace) -> dict[str, Any]:
    """Run ours or the peer in this process."""
    collection = load(options)
    model = build_model(options, collection)
    before = memory()
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        trainer, pairs = (peer if options.side == "peer" else ours)(options, collection, model, folder)
        setup = time.perf_counter() - start
        found: dict[str, Any] = {
            "setup_seconds": setup,
            "setup_bytes": memory() - before,
            "bytes_before": before,
        }
        if options.setup:
            return found
        clock = Clock()
        trainer.add_callback(clock)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        drawn = pairs()
    skipped = options.warmup
    seconds = clock.ends[-1] - clock.ends[skipped - 1]
    found["seconds"] = seconds
    found["cpu_seconds"] = clock.cpu[-1] - clock.cpu[skipped - 1]
    found["pairs_per_second"] = sum(drawn[skipped : options.steps]) / seconds
    found["pairs"] = sum(drawn[skipped : options.steps])
    found["pairs_per_cpu_second"] = found["pairs"] / found["cpu_seconds"]
    found["peak_bytes"] = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else memory()
    if options.side == "ours":
        embedder = trainer.loss.embedder
        found["tokens_per_pair"] = embedder.tokens / sum(drawn)
        found["padding"] = embedder.padded_tokens / max(embedder.tokens, 1)
        found["recomputed_chunks"] = embedder.recomputed
        if SHAPES[options.encoder] is not None:
            work = flops_per_token(model) * found["tokens_per_pair"] * found["pairs_per_second"]
            found["matmul_flops"] = matmul_rate(model, options)
            found["share_of_matmul_rate"] = work / found["matmul_flops"]
    return found


def flops_per_token(model: SentenceTransformer) -> float:
    """Operations that training takes for a token: 6 for each weight of the layers (attention scores left out)."""
    encoder = model[0].auto_model.encoder
    return 6.0 * sum(parameter.numel() for parameter in encoder.parameters())


def matmul_rate(model: SentenceTransformer, options: argparse.Namespace) -> float:
    """Return the operations a second of the encoder's largest matrix product, in the precision of training."""
    width = model[0].auto_model.config.hidden_size
    device = model.device
    dtype = torch.bfloat16 if options.bf16 else torch.float32
    tokens = 2048 if device.type == "cpu" else 32_768
    left = torch.randn(tokens, width, device=device, dtype=dtype)
    right = torch.randn(width, 4 * width, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(20):
        start = time.perf_counter()
        left @ right
        if device.type == "cuda":
            torch.cuda.synchronize()
        best = min(best, time.perf_counter() - start)
    return 2 * tokens * width * 4 * width / best


def run_side(side: str, options: argparse.Namespace, given: Sequence[str]) -> dict[str, Any]:
    """Run one side in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), *given, "--side", side]
    if side == "peer" and options.peer_steps:
        command += ["--steps", str(options.peer_steps)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        sys.exit(f"{side} failed with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def tell_teacher(options: argparse.Namespace, given: Sequence[str]) -> int:
    """Time steps without and with a teacher, in turn, twice each, and tell the ratio of the quicker ones."""
    runs = [{side: run_side(side, options, given) for side in ("ours", "taught")} for _ in range(2)]
    timed = options.steps - options.warmup
    details = {}
    for measure in ("seconds", "cpu_seconds"):
        best = {side: min(one[side][measure] for one in runs) / timed * 1e3 for side in ("ours", "taught")}
        best["ratio"] = best["taught"] / best["ours"]
        details[measure] = best
        print(
            f"{measure:12} a step: {best['ours']:7.1f} ms, with {options.teacher} {best['taught']:7.1f} ms, ×",
            end="",
        )
        print(f"{best['ratio']:.2f}")
    size = options.teacher_dimensions or "the student's"
    print(json.dumps({"benchmark": "teacher", "term": options.teacher, "dimensions": size, "details": details}))
    return 0


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=tuple(SHAPES), default="static")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "tldr" / "train")
    parser.add_argument("--languages", type=int, help="only the so many largest; 12 with static, else all")
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--max-length", type=int, default=256)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--peer-steps", type=int, help="of the peer, where it would take too long")
    parser.add_argument("--warmup", type=int, help="first steps that are not timed")
    parser.add_argument("--peer-loss", choices=("plain", "cached"))
    parser.add_argument("--bf16", action="store_true")
    parser.add_argument("--pairing", choices=("row", "batch"), default="row", help="of language pairs")
    parser.add_argument("--setup", action="store_true", help="compare set-up time and memory alone")
    parser.add_argument("--composing", action="store_true", help="time composing batches alone; there is no peer")
    parser.add_argument("--teacher", metavar="TERM", help="time steps with and without this term of distillation")
    parser.add_argument("--teacher-dimensions", type=int, help="of the teacher; the student's if not given")
    parser.add_argument("--side", choices=("ours", "peer", "taught"), help=argparse.SUPPRESS)
    given = list(sys.argv[1:] if given is None else given)
    options = parser.parse_args(given)
    static = options.encoder == "static"
    options.batch_size = options.batch_size or BATCH_SIZES[options.encoder]
    options.steps = options.steps or (200 if static else 8)
    options.warmup = options.warmup if options.warmup is not None else (20 if static else 2)
    options.peer_loss = options.peer_loss or ("plain" if static else "cached")
    if options.languages is None:
        options.languages = 12 if static and not (options.setup or options.composing) else 0
    if not 1 <= options.warmup < min(options.steps, options.peer_steps or options.steps):
        parser.error("--warmup must lie between 1 and the number of steps")
    if options.side:
        print(json.dumps(one_side(options)))
        return 0
    if options.teacher:
        return tell_teacher(options, given)
    composed = composing(options)
    print(f"{'composing a batch':36}{'ms':>8}{'rows':>8}")
    for name, figures in composed.items():
        print(f"{name:36}{figures['milliseconds']:8.2f}{figures['rows']:8.1f}")
    if options.composing:
        print(json.dumps({"benchmark": "composing", "batch_size": options.batch_size, "details": composed}))
        return 0
    found = {side: run_side(side, options, given) for side in ("ours", "peer")}
    shown = {
        "setup_seconds": ("set-up, s", 1.0),
        "setup_bytes": ("set-up, MB", 1e-6),
        "seconds": ("timed steps, s", 1.0),
        "pairs_per_second": ("pairs/s", 1.0),
        "pairs_per_cpu_second": ("pairs/CPU s", 1.0),
        "peak_bytes": ("peak memory, MB", 1e-6),
    }
    print(f"{'':20}{'isoglot':>12}{'peer':>12}{'ratio':>10}")
    for key, (name, unit) in shown.items():
        if key in found["ours"]:
            mine, theirs = (found[side][key] * unit for side in ("ours", "peer"))
            print(f"{name:20}{mine:12.1f}{theirs:12.1f}{mine / max(theirs, 1e-9):10.2f}")
    for key in ("tokens_per_pair", "padding", "share_of_matmul_rate"):
        if key in found["ours"]:
            print(f"{key.replace('_', ' ')}: {found['ours'][key]:.2f}")
    measure = "setup_seconds" if options.setup else "pairs_per_second"
    mine, theirs = found["ours"][measure], found["peer"][measure]
    print(
        json.dumps(
            {
                "benchmark": "training",
                "ours": mine,
                "peer": theirs,
                "ratio": theirs / mine if options.setup else mine / theirs,
                "unit": "s of set-up" if options.setup else "pairs/s",
                "encoder": options.encoder,
                "batch_size": options.batch_size,
                "languages": options.languages or "all",
                "pairing": options.pairing,
                "peer_loss": options.peer_loss,
                "threads": torch.get_num_threads(),
                "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
                "details": found | {"composing": composed},
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
