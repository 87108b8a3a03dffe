"""Strategies beside one another on tldr-pages: what each makes of the same number of encoded tokens.

A study of a static encoder with several seeds of each arm, which are also tested against hybrid batches: paired
randomisation over query ids, of values averaged over the seeds, Holm-corrected over the measures. The batch size of
multiway arms is chosen so that they encode no more tokens than hybrid batches; texts and tokens are counted in
training.

    python benchmarks/strategies.py    # four kinds of batches, two of them with both pairings; 3 seeds; test
    python benchmarks/strategies.py --ablations --split dev --seeds 1
    python benchmarks/strategies.py --taus --split dev     # how languages are drawn, by both pairings
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from isoglot.batching import BatchSampler, Pairing, Strategy
from isoglot.batching.tokens import FlatTokenizer, TokenCache
from isoglot.collections import Collection, read_collection
from isoglot.encoders import static_encoder, train_tokenizer
from isoglot.evaluation import Result, compare_results
from isoglot.studies import StudyRequest, run_study
from isoglot.studies.recipe import Recipe
from isoglot.training.config import TrainConfig

ROOT = Path(__file__).resolve().parents[1]
STEPS = 1000
COMMON = {"encoder": "static", "batch_size": 512, "learning_rate": 1e-2, "cache": False}
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

Arms = Mapping[str, dict[str, Any]]
"""What an arm is called -> keys of `TrainConfig`."""


MULTIWAY = {"strategy": "multiway"}
ARMS: Arms = {
    "monolingual": {"strategy": "monolingual"},
    "cross_lingual": {"strategy": "cross_lingual"},
    "hybrid": {"strategy": "hybrid"},
    "cross_lingual, one pair a batch": {"strategy": "cross_lingual", "pairing": "batch"},
    "hybrid, one pair a batch": {"strategy": "hybrid", "pairing": "batch"},
    "multiway": MULTIWAY,
}
ABLATIONS: Arms = {
    "hybrid": {"strategy": "hybrid"},
    "hybrid, T = 0.07": {"strategy": "hybrid", "temperature": 0.07},
    "hybrid, T = 0.1": {"strategy": "hybrid", "temperature": 0.1},
    "multiway": MULTIWAY,
    "multiway, T = 0.05": MULTIWAY | {"temperature": 0.05},
    "multiway, T = 0.1": MULTIWAY | {"temperature": 0.1},
    "multiway, 2 ways": MULTIWAY | {"ways": 2},
    "multiway, 4 ways": MULTIWAY | {"ways": 4},
    "multiway, 16 ways": MULTIWAY | {"ways": 16},
    "multiway, tau = 0.5": MULTIWAY | {"tau": 0.5},
    "multiway, alpha = 0.25": MULTIWAY | {"objective": [{"term": "MultiwayInfoNCE", "alpha": 0.25}]},
    "multiway, alpha = 0.75": MULTIWAY | {"objective": [{"term": "MultiwayInfoNCE", "alpha": 0.75}]},
    "multiway, symmetric": MULTIWAY | {"symmetric": True},
    "multiway, per pair": MULTIWAY | {"objective": [{"term": "MultiwayInfoNCE", "form": "per_pair"}]},
}
TAUS: Arms = {
    f"{rule} by {pairing}, tau = {tau:g}": {"strategy": rule, "tau": tau, "pairing": pairing}
    for rule in ("hybrid", "cross_lingual")
    for pairing in get_args(Pairing)
    for tau in (0.0, 0.3, 0.5, 1.0)
}


class Lengths:
    """Tokens of every query and document, to foretell what a strategy encodes."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        flat = FlatTokenizer.of(static_encoder(collection, dimensions=1, tokenizer=train_tokenizer(collection)))
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


def recipe_of(arms: Arms, data: Path, split: str, steps: int, seeds: int) -> Recipe:
    """Return a study of arms; its names are numbers, since recipes take no blanks, and its notes what they are."""
    lengths = Lengths(read_collection(data / "train"))
    hybrid = TrainConfig(data="train", out="", **COMMON)
    allowed = lengths.of(hybrid.make_strategy(), hybrid.batch_size, steps)
    sized = {}
    for name, own in arms.items():
        sized[name] = own
        if own["strategy"] == "multiway":
            read = TrainConfig(data="train", out="", **COMMON, **own).make_strategy()
            # a little less than would be even, since batches vary
            size = int(0.95 * hybrid.batch_size * allowed / lengths.of(read, hybrid.batch_size, steps))
            sized[name] = {**own, "batch_size": size}
    profile = {
        "data": {"train": {"collection": "train"}, "test": {"collection": split}},
        "train": {"data": "train", "steps": steps, **COMMON},
        "seeds": list(range(seeds)),
        "arms": {f"arm-{number}": {"note": name, "train": sized[name]} for number, name in enumerate(arms)},
        "evaluate": [{"name": "test", "data": "test", "measures": ["AP"]}],
    }
    words = dict.fromkeys(("title", "question", "hypothesis"), "strategies beside one another")
    content = {"name": "strategies", **words, "data_folder": str(data.resolve()), "profiles": {"embedded": profile}}
    return Recipe.model_validate(content)


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


def spent_in(run: Path) -> dict[str, float]:
    """Return what a run took."""
    seconds = json.loads((run / "run.json").read_text(encoding="utf-8"))["seconds"]["train"]
    encoded = json.loads((run / "model" / "isoglot-training.json").read_text(encoding="utf-8"))["encoded"]
    return {"tokens": encoded["tokens"], "texts": encoded["texts"], "seconds": seconds}


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
    recipe = recipe_of(arms, options.data, options.split, options.steps, options.seeds)
    with tempfile.TemporaryDirectory() as folder:
        study = run_study(StudyRequest(recipe, folder, keep_models=True), jobs=1)
        if study.failures:
            print("; ".join(f"{label} failed: {sentence}" for label, sentence in study.failures), file=sys.stderr)
            return 1
        runs = {arm.note: [Path(folder, "runs", run) for run in arm.runs.values()] for arm in study.result.arms}
        spent = {name: [spent_in(run) for run in runs[name]] for name in arms}
        means_of = {name: over_seeds([Result.from_json(run / "test.json") for run in runs[name]]) for name in arms}
    tests = [
        {"arm": name, "measure": one.measure, "difference": one.difference, "p": one.p_holm}
        for name in (arms if "hybrid" in arms else ())
        if name != "hybrid"
        for one in compare_results(means_of["hybrid"], means_of[name], FIGURES)
    ]
    figures = {
        arm.note: {key: arm.figure("test", *place) for key, place in PLACES.items()} for arm in study.result.arms
    }
    means = {name: {key: figure.mean for key, figure in found.items()} for name, found in figures.items()}
    print(f"{'arm':34}" + "".join(f"{name:>{width}}" for name, width in HEADS.items()))
    for name in arms:
        print(f"{name:34}" + row(means[name], spent[name]))
    for one in tests:
        print(f"{one['arm']} - hybrid: {one['measure']} {one['difference']:+.4f}, p = {one['p']:.4f}")
    ours, peer = (means.get(name, {}).get("multilingual_AP") for name in ("multiway", "hybrid"))
    found = {
        "benchmark": "strategies",
        "ours": ours,
        "peer": peer,
        "ratio": ours / peer if ours and peer else None,
        "unit": "multilingual AP, multiway and hybrid batches",
        "split": options.split,
        "seeds": options.seeds,
        "arms": means,
        "intervals": {name: {key: [one.low, one.high] for key, one in of.items()} for name, of in figures.items()},
        "each_seed": {
            name: [{key: one.seeds[seed] for key, one in of.items()} for seed in range(options.seeds)]
            for name, of in figures.items()
        },
        "spent": spent,
        "tests": tests,
    }
    print(json.dumps(found))
    return 0


def row(means: Mapping[str, float], spent: Sequence[dict[str, float]]) -> str:
    tokens, seconds = (float(np.mean([one[key] for one in spent])) for key in ("tokens", "seconds"))
    quality = "".join(f"{means[name]:9.4f}" for name in FIGURES[:3])
    bias = f"{means['rank_distance']:10.1f}{means['own_language_share@10']:10.3f}"
    return f"{quality}{bias}{tokens / 1e6:10.2f}{seconds:6.0f}"


if __name__ == "__main__":
    sys.exit(main())
