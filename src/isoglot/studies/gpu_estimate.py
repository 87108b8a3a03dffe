"""How many GPU hours and how much memory a study takes: an estimate, told before it runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from isoglot.studies.job import Job
from isoglot.studies.recipe import GpuEstimate
from isoglot.training import TrainConfig

__all__ = ["Cost", "estimate_cost"]

SIZES = {
    "xlm-roberta-base": (86e6, 278e6),
    "FacebookAI/xlm-roberta-base": (86e6, 278e6),
    "xlm-roberta-large": (303e6, 560e6),
    "FacebookAI/xlm-roberta-large": (303e6, 560e6),
    "bert-base-multilingual-cased": (86e6, 178e6),
    "google-bert/bert-base-multilingual-cased": (86e6, 178e6),
    "sentence-transformers/LaBSE": (86e6, 471e6),
    "intfloat/multilingual-e5-small": (21e6, 118e6),
    "intfloat/multilingual-e5-base": (86e6, 278e6),
    "intfloat/multilingual-e5-large": (303e6, 560e6),
}
"""Encoder -> parameters of its layers, which every token goes through, and all parameters, embeddings included."""
ASSUMED = (86e6, 278e6)
TRAINING, RECOMPUTED, ENCODING = 6, 2, 2
"""Floating-point operations by token and parameter: forward and backward; the forward pass done twice by the
gradient cache; a forward pass alone."""
STATE = 16
"""Bytes by parameter: weight, gradient and two moments of AdamW, in single precision."""


@dataclass(frozen=True)
class Cost:
    """An estimate.

    Attributes:
        gpu_hours: of all runs together.
        memory_gb: of weights, gradients and optimiser, of the largest encoder; activations come on top, as `memory`
            allows.
        assumed: encoders whose size is not known, and taken to be that of XLM-R base.
    """

    gpu_hours: float
    memory_gb: float
    assumed: tuple[str, ...]


def _size(config: TrainConfig) -> tuple[float, float] | None:
    """Return the parameters of an encoder's layers, and all; None where they are not known."""
    if config.encoder == "static":
        return 0.0, float(config.vocabulary * config.dimensions)
    if config.encoder == "scratch":
        layers = 12.0 * config.layers * config.dimensions**2
        return layers, layers + config.vocabulary * config.dimensions
    return SIZES.get(config.encoder)


def _along(job: Job) -> float:
    """Return how often a run is measured along its training: the mean over its evaluations."""
    return sum(len(one.along) for one in job.evaluations) / max(len(job.evaluations), 1)


def estimate_cost(jobs: Sequence[Job], gpu: GpuEstimate) -> Cost:
    """Estimate what runs take.

    Operations are 8 N for every token of training and 2 N for every one that is encoded to be measured, N being the
    parameters of the encoder's layers; hours are operations over those that a GPU does in practice.

    Args:
        jobs: the runs.
        gpu: tokens of texts, and what a GPU does.
    """
    operations, memory, assumed = 0.0, 0.0, []
    for job in jobs:
        measured = gpu.evaluated * gpu.document_tokens * (1 + (_along(job) if job.trained else 0))
        for number in range(len(job.stages)):
            config = job.settings(number)
            size = _size(config)
            if size is None:
                assumed.append(config.encoder)
            layers, parameters = size or ASSUMED
            trained = (
                config.steps * config.batch_size * (gpu.query_tokens + gpu.document_tokens) if job.trained else 0
            )
            operations += (TRAINING + RECOMPUTED) * layers * trained
            if number == len(job.stages) - 1:
                operations += ENCODING * layers * measured
            memory = max(memory, STATE * parameters)
    hours = operations / (gpu.teraflops * 1e12) / 3600
    return Cost(hours, memory / 1e9, tuple(dict.fromkeys(assumed)))
