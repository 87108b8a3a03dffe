"""The language adversary at its work: the language goes, as a probe that it never met says, and retrieval stays."""

from __future__ import annotations

from functools import partial

import pytest
from sentence_transformers import SentenceTransformerTrainingArguments as Arguments

from isoglot.batching import CrossLingual
from isoglot.data import load_worldfacts
from isoglot.encoders import static_encoder, train_tokenizer
from isoglot.evaluation import evaluate
from isoglot.objectives import InfoNCE, LanguageAdversary
from isoglot.training import HybridTrainer

pytestmark = pytest.mark.slow

SEEDS = (0, 1, 2)
ADVERSARIES = {
    "classic": partial(LanguageAdversary, max_lambda=0.03, learning_rate=0.03),
    "momentum": partial(LanguageAdversary, max_lambda=0.03, learning_rate=0.03, momentum=1024),
}


@pytest.fixture(scope="module")
def measure(tmp_path_factory):
    """Train on worldfacts in four languages, and measure on its test queries how well a linear probe tells the
    language, above chance, and the AP of monolingual and of multilingual retrieval."""
    data = load_worldfacts(("en", "de", "ru", "th"))
    tokenizer = train_tokenizer(data["train"], 8000)
    folder = tmp_path_factory.mktemp("adversary")

    def run(objective, seed) -> tuple[float, float, float]:
        model = static_encoder(data["train"], dimensions=64, tokenizer=tokenizer, seed=seed)
        args = Arguments(
            str(folder),
            max_steps=250,
            per_device_train_batch_size=96,
            learning_rate=0.01,
            # Momentum keeps the encoder fleeing from where the classifier was, and the language comes back.
            adam_beta1=0.5,
            seed=seed,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        trainer = HybridTrainer(
            model,
            data["train"],
            strategy=CrossLingual(),
            objective=objective,
            args=args,
            token_cache=folder / "tokens",
        )
        trainer.train()
        result = evaluate(model, data["test"], bootstrap=0, rank_correlation=False)
        probe, chance = (
            result.geometry[key] for key in ("language_identification", "language_identification_chance")
        )
        return probe - chance, result.monolingual["AP"], result.multilingual["AP"]

    return run


@pytest.fixture(scope="module")
def alone(measure):
    """InfoNCE without an adversary, by seed."""
    return {seed: measure(InfoNCE(0.05), seed) for seed in SEEDS}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ADVERSARIES)
def test_a_probe_tells_the_language_less_well_and_retrieval_holds(measure, alone, kind, seed):
    above_chance, monolingual, multilingual = measure({InfoNCE(0.05): 1.0, ADVERSARIES[kind](): 1.0}, seed)
    assert alone[seed][0] > 0.35
    assert above_chance < 0.75 * alone[seed][0]
    assert monolingual > alone[seed][1] - 0.01
    assert multilingual > alone[seed][2] - 0.01
