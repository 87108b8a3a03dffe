"""Batching: the rules that compose training batches, and the sampler that carries them out."""

from isoglot.batching.sampler import Batch, BatchSampler
from isoglot.batching.schedule import Schedule
from isoglot.batching.strategy import (
    STRATEGIES,
    CrossLingual,
    English,
    Hybrid,
    Mixed,
    MixedCross,
    Monolingual,
    Strategy,
    strategy,
)

__all__ = [
    "STRATEGIES",
    "Batch",
    "BatchSampler",
    "CrossLingual",
    "English",
    "Hybrid",
    "Mixed",
    "MixedCross",
    "Monolingual",
    "Schedule",
    "Strategy",
    "strategy",
]
