"""Strategies beside one another on tldr-pages: what each makes of the same number of encoded tokens.

A study of a static encoder with several seeds of each arm; and every arm is tested against hybrid batches: paired
randomisation over query ids, of values averaged over the seeds, Holm-corrected over the measures. The batch size of
multiway arms is chosen so that they encode no more tokens than hybrid batches; texts and tokens are counted in training.

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
from isoglot.evaluation import Result
from isoglot.evaluation.significance import compare_results
from isoglot.reporting.study import StudyResult
from isoglot.studies import Study, StudyRequest, run_study
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


def multiway(**settings: Any) -> dict[str, Any]:
    return {"strategy": "multiway", **settings}


def own_term(**settings: Any) -> dict[str, Any]:
    return multiway(objective=[{"term": "MultiwayInfoNCE", **settings}])


ARMS: Arms = {
    "monolingual": {"strategy": "monolingual"},
    "cross_lingual": {"strategy": "cross_lingual"},
    "hybrid": {"strategy": "hybrid"},
    "cross_lingual, one pair a batch": {"strategy": "cross_lingual", "pairing": "batch"},
    "hybrid, one pair a batch": {"strategy": "hybrid", "pairing": "batch"},
    "multiway": multiway(),
}
ABLATIONS: Arms = {
    "hybrid": {"strategy": "hybrid"},
    "hybrid, T = 0.07": {"strategy": "hybrid", "temperature": 0.07},
    "hybrid, T = 0.1": {"strategy": "hybrid", "temperature": 0.1},
    "multiway": multiway(),
    "multiway, T = 0.05": multiway(temperature=0.05),
    "multiway, T = 0.1": multiway(temperature=0.1),
    "multiway, 2 ways": multiway(ways=2),
    "multiway, 4 ways": multiway(ways=4),
    "multiway, 16 ways": multiway(ways=16),
    "multiway, tau = 0.5": multiway(tau=0.5),
    "multiway, alpha = 0.25": own_term(alpha=0.25),
    "multiway, alpha = 0.75": own_term(alpha=0.75),
    "multiway, symmetric": multiway(symmetric=True),
    "multiway, per pair": own_term(form="per_pair"),
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

    def settings(own: dict[str, Any]) -> dict[str, Any]:
        if own["strategy"] != "multiway":
            return own
        config = TrainConfig(data="train", out="", **COMMON, **own)
        allowed = lengths.of(TrainConfig(data="train", out="").make_strategy(), config.batch_size, steps)
        # a little less than would be even, since batches vary
        size = int(
            0.95 * config.batch_size * allowed / lengths.of(config.make_strategy(), config.batch_size, steps)
        )
        return {**own, "batch_size": size}

    sources = {
        name: {"collection": str((data / part).resolve())} for name, part in (("train", "train"), ("test", split))
    }
    profile = {
        "data": sources,
        "train": {"data": "train", "steps": steps, **COMMON},
        "seeds": list(range(seeds)),
        "arms": {f"arm-{n}": {"note": name, "train": settings(own)} for n, (name, own) in enumerate(arms.items())},
        "evaluate": [{"name": "test", "data": "test", "measures": ["AP"]}],
    }
    words = dict.fromkeys(("title", "question", "hypothesis"), "strategies beside one another")
    return Recipe.model_validate({"name": "strategies", **words, "profiles": {"embedded": profile}})


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


def spent_by(study: Study, arm: str) -> list[dict[str, float]]:
    """Return what each seed of an arm took."""
    spent = []
    for run in (study.path.parent / "runs" / name for name in found_arm(study.result, arm).runs.values()):
        seconds = json.loads((run / "run.json").read_text(encoding="utf-8"))["seconds"]["train"]
        encoded = json.loads((run / "model" / "isoglot-training.json").read_text(encoding="utf-8"))["encoded"]
        spent.append({"tokens": encoded["tokens"], "texts": encoded["texts"], "seconds": seconds})
    return spent


def tests_against_hybrid(study: Study, names: Sequence[str]) -> list[dict[str, Any]]:
    """Test every arm against hybrid batches, with one correction for the measures of an arm."""
    if "hybrid" not in names:
        return []
    averaged = {}
    for name in names:
        runs = found_arm(study.result, name).runs.values()
        averaged[name] = over_seeds(
            [Result.from_json(study.path.parent / "runs" / run / "test.json") for run in runs]
        )
    return [
        {"arm": name, "measure": one.measure, "difference": one.difference, "p": one.p_holm}
        for name in names
        if name != "hybrid"
        for one in compare_results(averaged["hybrid"], averaged[name], FIGURES)
    ]


def found_arm(result: StudyResult, name: str) -> Any:
    return next(arm for arm in result.arms if arm.note == name)


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
        request = StudyRequest(recipe, folder, keep_models=True)
        study = run_study(
            request, jobs=1, notify=lambda what, done, total: print(f"{done}/{total} {what}", file=sys.stderr)
        )
        for label, sentence in study.failures:
            print(f"{label} failed: {sentence}", file=sys.stderr)
        if study.failures:
            return 1
        spent = {name: spent_by(study, name) for name in arms}
        tests = tests_against_hybrid(study, list(arms))
    figures = {name: figures_of(study.result, name) for name in arms}
    print(f"{'arm':34}" + "".join(f"{name:>{width}}" for name, width in HEADS.items()))
    for name in arms:
        print(f"{name:34}" + row(figures[name], spent[name]))
    for one in tests:
        print(f"{one['arm']} - hybrid: {one['measure']} {one['difference']:+.4f}, p = {one['p']:.4f}")
    means = {name: {key: figure.mean for key, figure in found.items()} for name, found in figures.items()}
    ours, peer = (means.get(name, {}).get("multilingual_AP") for name in ("multiway", "hybrid"))
    print(
        json.dumps(
            {
                "benchmark": "strategies",
                "ours": ours,
                "peer": peer,
                "ratio": ours / peer if ours and peer else None,
                "unit": "multilingual AP, multiway and hybrid batches",
                "split": options.split,
                "seeds": options.seeds,
                "arms": means,
                "intervals": {
                    name: {key: [figure.low, figure.high] for key, figure in found.items()}
                    for name, found in figures.items()
                },
                "each_seed": {
                    name: [
                        {key: figure.seeds[seed] for key, figure in found.items()} for seed in range(options.seeds)
                    ]
                    for name, found in figures.items()
                },
                "spent": spent,
                "tests": tests,
            }
        )
    )
    return 0


def figures_of(result: StudyResult, name: str) -> dict[str, Any]:
    arm = found_arm(result, name)
    return {key: arm.figure("test", setting, measure) for key, (setting, measure) in PLACES.items()}


def row(figures: Mapping[str, Any], spent: Sequence[dict[str, float]]) -> str:
    tokens, seconds = (float(np.mean([one[key] for one in spent])) for key in ("tokens", "seconds"))
    quality = "".join(f"{figures[name].mean:9.4f}" for name in FIGURES[:3])
    bias = f"{figures['rank_distance'].mean:10.1f}{figures['own_language_share@10'].mean:10.3f}"
    return f"{quality}{bias}{tokens / 1e6:10.2f}{seconds:6.0f}"


if __name__ == "__main__":
    sys.exit(main())
