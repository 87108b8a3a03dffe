"""Strategies beside one another on tldr-pages: what each makes of the same number of encoded tokens.

Trains a static encoder with each arm and several seeds, evaluates it, and tests every arm against hybrid batches:
paired randomisation over query ids, of values averaged over the seeds, Holm-corrected over the measures. The batch
size of multiway arms is chosen so that they encode no more tokens than hybrid batches; texts and tokens are counted
in training.

    python benchmarks/strategies.py    # four kinds of batches, two of them with both pairings; 3 seeds; test
    python benchmarks/strategies.py --ablations --split dev --seeds 1
    python benchmarks/strategies.py --taus --split dev     # how languages are drawn, by both pairings
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
from sentence_transformers import SentenceTransformerTrainingArguments
from tokenizers import Tokenizer
from torch import nn
from transformers import PrinterCallback

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Monolingual, Multiway, Pairing, Strategy
from isoglot.batching.tokens import FlatTokenizer, TokenCache
from isoglot.collections import Collection, read_collection
from isoglot.encoders import static_encoder, train_tokenizer
from isoglot.evaluation import Result, compare_results, evaluate
from isoglot.objectives import InfoNCE, MultiwayInfoNCE
from isoglot.studies.arms import Arm, summarise
from isoglot.training import HybridTrainer

ROOT = Path(__file__).resolve().parents[1]
BATCH_SIZE = 512
STEPS = 1000
LEARNING_RATE = 1e-2
BOOTSTRAP = 1000
FIGURES = ("monolingual_AP", "cross_lingual_AP", "multilingual_AP", "rank_distance", "own_language_share@10")
HEADS = {
    **{"mono AP": 9, "cross AP": 9, "multi AP": 9},
    **{"rank dist": 10, "own lang": 10, "tokens, M": 10, "s": 6},
}
PLACES = {
    "monolingual_AP": ("monolingual", "AP"),
    "cross_lingual_AP": ("cross_lingual", "AP"),
    "multilingual_AP": ("multilingual", "AP"),
    "rank_distance": ("bias", "rank_distance"),
    "own_language_share@10": ("bias", "own_language_share@10"),
}
SAMPLED_STEPS = 100  # of which the tokens are counted to choose a batch size

Recipe = tuple[Strategy, Callable[[], nn.Module]]

ARMS: dict[str, Recipe] = {
    "monolingual": (Monolingual(), InfoNCE),
    "cross_lingual": (CrossLingual(), InfoNCE),
    "hybrid": (Hybrid(), InfoNCE),
    "cross_lingual, one pair a batch": (CrossLingual(pairing="batch"), InfoNCE),
    "hybrid, one pair a batch": (Hybrid(pairing="batch"), InfoNCE),
    "multiway": (Multiway(), MultiwayInfoNCE),
}
ABLATIONS: dict[str, Recipe] = {
    "hybrid": (Hybrid(), InfoNCE),
    "hybrid, T = 0.07": (Hybrid(), lambda: InfoNCE(0.07)),
    "hybrid, T = 0.1": (Hybrid(), lambda: InfoNCE(0.1)),
    "multiway": (Multiway(), MultiwayInfoNCE),
    "multiway, T = 0.05": (Multiway(), lambda: MultiwayInfoNCE(temperature=0.05)),
    "multiway, T = 0.1": (Multiway(), lambda: MultiwayInfoNCE(temperature=0.1)),
    "multiway, 2 ways": (Multiway(ways=2), MultiwayInfoNCE),
    "multiway, 4 ways": (Multiway(ways=4), MultiwayInfoNCE),
    "multiway, 16 ways": (Multiway(ways=16), MultiwayInfoNCE),
    "multiway, tau = 0.5": (Multiway(tau=0.5), MultiwayInfoNCE),
    "multiway, alpha = 0.25": (Multiway(), lambda: MultiwayInfoNCE(alpha=0.25)),
    "multiway, alpha = 0.75": (Multiway(), lambda: MultiwayInfoNCE(alpha=0.75)),
    "multiway, symmetric": (Multiway(), lambda: MultiwayInfoNCE(symmetric=True)),
    "multiway, per pair": (Multiway(), lambda: MultiwayInfoNCE(form="per_pair")),
}
TAUS: dict[str, Recipe] = {
    f"{rule.name} by {pairing}, tau = {tau:g}": (rule(tau=tau, pairing=pairing), InfoNCE)
    for rule in (Hybrid, CrossLingual)
    for pairing in get_args(Pairing)
    for tau in (0.0, 0.3, 0.5, 1.0)
}


class Lengths:
    """Tokens of every query and document, to foretell what a strategy encodes."""

    def __init__(self, collection: Collection, tokenizer: Tokenizer) -> None:
        self.collection = collection
        flat = FlatTokenizer.of(static_encoder(collection, dimensions=1, tokenizer=tokenizer))
        assert flat is not None
        every = np.arange(collection.queries.num_rows), np.arange(collection.documents.num_rows)
        self.queries = TokenCache(flat, collection.query_texts, len(every[0])).lengths(every[0])
        self.documents = TokenCache(flat, collection.document_texts, len(every[1])).lengths(every[1])

    def of(self, strategy: Strategy, batch_size: int, steps: int) -> float:
        """Return the tokens that a step encodes on average."""
        sampler = BatchSampler(self.collection, strategy, batch_size)
        sampled = np.unique(np.linspace(0, steps - 1, min(steps, SAMPLED_STEPS)).astype(int))
        batches = [sampler[int(step)] for step in sampled]
        return float(np.mean([self.queries[b.queries].sum() + self.documents[b.documents].sum() for b in batches]))


def run(
    arm: Recipe, data: Collection, test: Collection, tokenizer: Tokenizer, batch_size: int, seed: int, steps: int
) -> tuple[Result, dict[str, float]]:
    """Train and evaluate one arm with one seed."""
    model = static_encoder(data, tokenizer=tokenizer, seed=seed)
    with tempfile.TemporaryDirectory() as folder:
        args = SentenceTransformerTrainingArguments(
            folder,
            max_steps=steps,
            per_device_train_batch_size=batch_size,
            learning_rate=LEARNING_RATE,
            seed=seed,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = HybridTrainer(model, data, strategy=arm[0], objective=arm[1](), args=args)
        trainer.remove_callback(PrinterCallback)
        start = time.perf_counter()
        trainer.train()
    spent = {
        "tokens": trainer.loss.embedder.tokens,
        "texts": trainer.loss.embedder.texts,
        "seconds": time.perf_counter() - start,
    }
    return evaluate(model, test, bootstrap=BOOTSTRAP, geometry=False, rank_correlation=False), spent


def over_seeds(results: Sequence[Result]) -> Result:
    """Return a result whose values per query are the means over seeds."""
    first = results[0]
    averaged = {
        name: np.mean([result.per_query[name] for result in results], axis=0)
        if np.issubdtype(values.dtype, np.floating)
        else values
        for name, values in first.per_query.items()
    }
    return replace(first, per_query=averaged)


def main(given: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data" / "tldr")
    parser.add_argument("--split", default="test", choices=("dev", "test"))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--ablations", action="store_true", help="variants of hybrid and multiway batches")
    parser.add_argument(
        "--taus", action="store_true", help="hybrid and cross-lingual batches by how languages are drawn"
    )
    parser.add_argument("--arms", help="only these, separated by semicolons")
    options = parser.parse_args(given)
    arms = TAUS if options.taus else ABLATIONS if options.ablations else ARMS
    if options.arms:
        arms = {name.strip(): arms[name.strip()] for name in options.arms.split(";")}
    data, test = read_collection(options.data / "train"), read_collection(options.data / options.split)
    tokenizer = train_tokenizer(data)
    lengths = Lengths(data, tokenizer)
    allowed = lengths.of(Hybrid(), BATCH_SIZE, options.steps)
    found: dict[str, list[Result]] = {}
    spent: dict[str, list[dict[str, float]]] = {}
    heads = "".join(f"{name:>{width}}" for name, width in HEADS.items())
    print(f"{'arm':34}{heads}")
    for name, arm in arms.items():
        batch_size = BATCH_SIZE
        if isinstance(arm[0], Multiway):
            # a little less than would be even, since batches vary
            batch_size = int(0.95 * BATCH_SIZE * allowed / lengths.of(arm[0], BATCH_SIZE, options.steps))
        runs = [run(arm, data, test, tokenizer, batch_size, seed, options.steps) for seed in range(options.seeds)]
        found[name], spent[name] = [result for result, _ in runs], [one for _, one in runs]
        print(f"{name:34}" + row(found[name], spent[name]), flush=True)
    tests: list[dict[str, Any]] = []
    for name in found if "hybrid" in found else ():
        if name != "hybrid":
            compared = compare_results(over_seeds(found["hybrid"]), over_seeds(found[name]), FIGURES)
            for one in compared:
                tests.append({"arm": name, "measure": one.measure, "difference": one.difference, "p": one.p_holm})
                print(f"{name} - hybrid: {one.measure} {one.difference:+.4f}, p = {one.p_holm:.4f}")
    means = {name: means_of(results) for name, results in found.items()}
    multiway, hybrid = (means.get(name, {}).get("multilingual_AP") for name in ("multiway", "hybrid"))
    print(
        json.dumps(
            {
                "benchmark": "strategies",
                "ours": multiway,
                "peer": hybrid,
                "ratio": multiway / hybrid if multiway and hybrid else None,
                "unit": "multilingual AP, multiway and hybrid batches",
                "split": options.split,
                "seeds": options.seeds,
                "arms": means,
                "intervals": {name: intervals_of(name, results) for name, results in found.items()},
                "each_seed": {name: [figures(result) for result in results] for name, results in found.items()},
                "spent": spent,
                "tests": tests,
            }
        )
    )
    return 0


def figures(result: Result) -> dict[str, float]:
    return {name: getattr(result, setting)[measure] for name, (setting, measure) in PLACES.items()}


def intervals_of(name: str, results: Sequence[Result]) -> dict[str, list[float]]:
    """Return 95 % intervals of an arm's figures, over queries and seeds."""
    estimates = summarise(Arm(name, list(results)), list(PLACES.values()))
    return {figure: [one.low, one.high] for figure, one in zip(PLACES, estimates, strict=True)}


def means_of(results: Sequence[Result]) -> dict[str, float]:
    return {name: float(np.mean([figures(result)[name] for result in results])) for name in FIGURES}


def row(results: Sequence[Result], spent: Sequence[dict[str, float]]) -> str:
    means = means_of(results)
    tokens, seconds = (float(np.mean([one[key] for one in spent])) for key in ("tokens", "seconds"))
    quality = "".join(f"{means[name]:9.4f}" for name in FIGURES[:3])
    bias = f"{means['rank_distance']:10.1f}{means['own_language_share@10']:10.3f}"
    return f"{quality}{bias}{tokens / 1e6:10.2f}{seconds:6.0f}"


if __name__ == "__main__":
    sys.exit(main())
