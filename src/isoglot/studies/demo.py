"""`isoglot demo`: the whole story on the embedded default, from building the data to the report."""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from transformers import PrinterCallback

from isoglot.batching import strategy
from isoglot.collections import Collection
from isoglot.data import load_worldfacts
from isoglot.encoders import static_encoder, train_tokenizer
from isoglot.errors import InputError
from isoglot.evaluation import evaluate
from isoglot.studies.arms import Arm, Estimate, summarise
from isoglot.training import HybridTrainer

__all__ = ["DEMO_FIGURES", "DEMO_LANGUAGES", "DEMO_STRATEGIES", "Demo", "run_demo"]

DEMO_STRATEGIES = ("monolingual", "cross_lingual", "hybrid", "multiway")
DEMO_FIGURES = [
    ("monolingual", "AP"),
    ("cross_lingual", "AP"),
    ("multilingual", "AP"),
    ("bias", "rank_distance"),
    ("bias", "max_rank"),
    ("bias", "complete@10"),
    ("bias", "complete@100"),
    ("bias", "own_language_share@10"),
]


# A dozen languages in eight scripts, large and small; all 32 would take several times as many steps.
DEMO_LANGUAGES = ("am", "ar", "de", "en", "es", "hi", "ja", "ru", "sw", "th", "yo", "zh")
DIMENSIONS = 128
# About as many rows of worldfacts as can stand side by side without a common answer. With larger batches those of
# multiway, which hold fewer questions, would read more texts than the others.
BATCH_SIZE = 64
LEARNING_RATE = 0.03
BOOTSTRAP = 300


@contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread: steps this small gain nothing from a second one, and on a machine with other work
    two threads that wait for each other at every operation take many times as long as one."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _fit(model: SentenceTransformer, collection: Collection, strategy_name: str, seed: int, steps: int) -> int:
    """Train with a strategy and the objective that suits it; no checkpoints, nothing written. Returns how many
    texts were encoded."""
    with tempfile.TemporaryDirectory() as folder, _one_thread():
        args = SentenceTransformerTrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            seed=seed,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = HybridTrainer(model, collection, strategy=strategy(strategy_name), args=args)
        trainer.remove_callback(PrinterCallback)
        trainer.train()
        embedder: Any = trainer.loss.embedder
        return int(embedder.texts)


@dataclass
class Demo:
    """What a demo came to.

    Attributes:
        arms: monolingual, cross-lingual, hybrid and multiway batches, each with one result per seed.
        estimates: every figure of every arm.
        texts: arm -> texts that one of its runs encodes in training; mean over seeds.
        seconds: what took how long, in all.
        report: the page.
    """

    arms: list[Arm]
    estimates: list[Estimate]
    texts: dict[str, float]
    seconds: dict[str, float]
    report: Path


def run_demo(
    out: str | Path,
    *,
    seeds: int = 3,
    steps: int = 450,
    languages: tuple[str, ...] = DEMO_LANGUAGES,
    notify: Callable[[str, int, int], None] | None = None,
) -> Demo:
    """Build worldfacts, train four strategies with several seeds each, compare them, and write a page.

    Args:
        out: folder of the page, the results and one trained model; made if missing, and its demo files replaced.
        seeds: runs of each strategy.
        steps: optimiser steps of each run.
        languages: which languages of worldfacts.
        notify: called with what is being done, the number of runs done and of all runs.

    Raises:
        InputError: `out` cannot be a folder, or a number is below 1.
    """
    from isoglot.reporting import write_demo_report

    if seeds < 1 or steps < 1:
        raise InputError("the demo needs at least one seed and one step")
    out = Path(out)
    if out.exists() and not out.is_dir():
        raise InputError(f"{out} is a file; the demo needs a folder")
    seconds = {"build": 0.0, "train": 0.0, "evaluate": 0.0}
    say = notify or (lambda *_: None)
    total = seeds * len(DEMO_STRATEGIES)
    say("building worldfacts", 0, total)
    start = time.perf_counter()
    splits = load_worldfacts(languages)
    tokenizer = train_tokenizer(splits["train"])
    seconds["build"] = time.perf_counter() - start
    (out / "results").mkdir(parents=True, exist_ok=True)
    arms = [Arm(name) for name in DEMO_STRATEGIES]
    texts = dict.fromkeys(DEMO_STRATEGIES, 0.0)
    for seed in range(seeds):
        for arm in arms:
            done = sum(len(other.results) for other in arms)
            say(f"{arm.name} batches, seed {seed}", done, total)
            start = time.perf_counter()
            model = static_encoder(splits["train"], dimensions=DIMENSIONS, seed=seed, tokenizer=tokenizer)
            texts[arm.name] += _fit(model, splits["train"], arm.name, seed, steps) / seeds
            seconds["train"] += time.perf_counter() - start
            start = time.perf_counter()
            result = evaluate(
                model,
                splits["test"],
                bootstrap=BOOTSTRAP,
                geometry=False,
                rank_correlation=False,
                name=f"{arm.name}, seed {seed}",
            )
            result.save(out / "results" / f"{arm.name}-{seed}.json")
            if arm.name == "hybrid" and seed == 0:
                shutil.rmtree(out / "model", ignore_errors=True)
                model.save(str(out / "model"))
            arm.results.append(result)
            seconds["evaluate"] += time.perf_counter() - start
    estimates = [estimate for arm in arms for estimate in summarise(arm, DEMO_FIGURES)]
    report = out / "report.html"
    write_demo_report(
        {arm.name: arm.results for arm in arms},
        report,
        rows=[
            {
                "arm": estimate.arm,
                "setting": estimate.setting,
                "measure": estimate.measure,
                "mean": estimate.mean,
                "low": estimate.low,
                "high": estimate.high,
            }
            for estimate in estimates
        ],
        steps=steps,
        texts=texts,
        seconds=seconds,
        metadata=splits["test"].metadata,
        command="isoglot " + " ".join(sys.argv[1:]) if Path(sys.argv[0]).stem == "isoglot" else None,
    )
    return Demo(arms, estimates, texts, seconds, report)
