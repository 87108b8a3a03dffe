"""How a run went: what `isoglot-training.json` says."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch

from isoglot.batching import JointSampler, StepSampler
from isoglot.collections import Collection
from isoglot.files import versions
from isoglot.training.callbacks import StopEarly
from isoglot.training.trainer import HybridTrainer

__all__ = ["count_encoded", "describe"]


def count_encoded(trainer: HybridTrainer) -> dict[str, int] | None:
    """Return what was embedded since the run began or continued, by all processes together; None for encoders
    that take more than token ids, whose texts are not counted. All processes must ask."""
    embedder: Any = trainer.loss.embedder
    counts = torch.tensor([embedder.padded_tokens, embedder.recomputed], device=trainer.args.device)
    padded, recomputed = trainer.accelerator.reduce(counts).tolist()
    if not embedder.texts:
        return None
    return {
        "since_step": trainer.start_step,
        "texts": embedder.texts,
        "tokens": embedder.tokens,
        "padded_tokens": padded,
        "recomputed_chunks": recomputed,
    }


def _small_pairs(sampler: StepSampler) -> dict[str, dict[str, int]]:
    return {
        f"{a}→{b}": {"training_pairs": count, "batches": batches}
        for (a, b), (count, batches) in sorted(sampler.small_pairs.items())
    }


def _sets(sampler: JointSampler, batches: int) -> list[dict[str, Any]]:
    """Say of each data set what it has and what so many batches of the run took from it."""
    return [
        {
            "name": one.name,
            "documents": one.part.collection.documents.num_rows,
            "queries": one.part.collection.queries.num_rows,
            "languages": list(one.part.collection.languages),
            "training_pairs": one.training_pairs,
            "share": one.share,
            "batches": drawn,
            "missing": list(one.missing),
            "small_pairs": {} if one.sampler is None else _small_pairs(one.sampler),
            "pairs_missed": {} if one.sampler is None else one.sampler.missed,
        }
        for one, drawn in zip(sampler.sets, sampler.batches_drawn(batches), strict=True)
    ]


def describe(
    collection: Collection,
    trainer: HybridTrainer,
    seconds: dict[str, float],
    encoded: dict[str, int] | None,
    early: StopEarly | None = None,
) -> dict[str, Any]:
    """Return how a run went.

    Args:
        collection: what was trained on.
        trainer: after training.
        seconds: what each phase took.
        encoded: as `count_encoded` tells.
        early: what may have stopped the run before its last step.
    """
    history = trainer.state.log_history
    record: dict[str, Any] = {
        "collection": collection.name,
        "documents": collection.documents.num_rows,
        "queries": collection.queries.num_rows,
        "languages": list(collection.languages),
        "command": sys.argv if sys.argv and Path(sys.argv[0]).stem in ("isoglot", "__main__") else None,
        "steps": trainer.state.global_step,
        "stopped_at": None if early is None else early.stopped_at,
        "stop_reason": None if early is None else early.reason,
        "resumed_from_step": trainer.start_step or None,
        "encoded": encoded,
        "loss": [entry for entry in history if "loss" in entry],  # and what the terms log
        "small_pairs": _small_pairs(trainer.sampler),
        "pairs_missed": trainer.sampler.missed,
        "seconds": {phase: round(value, 3) for phase, value in seconds.items()},
        "versions": versions(),
    }
    if isinstance(trainer.sampler, JointSampler):
        record["sets"] = _sets(
            trainer.sampler, trainer.state.global_step * trainer.args.gradient_accumulation_steps
        )
    evaluator = trainer.evaluator
    if evaluator is not None:
        record["validation"] = {
            "collection": evaluator.collection.name,
            "results": [
                {key.removeprefix("eval_"): value for key, value in entry.items()}
                for entry in history
                if f"eval_{evaluator.primary_metric}" in entry
            ],
        }
    if trainer.best_checkpoint is not None:
        record["best"] = {
            "step": trainer.state.best_global_step,
            "measure": trainer.args.metric_for_best_model,
            "value": trainer.state.best_metric,
        }
    return record
