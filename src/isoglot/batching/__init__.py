"""Batching: the rules that compose training batches, and the sampler that carries them out."""

from isoglot.batching.code_switching import CodeSwitcher
from isoglot.batching.joint import JointSampler
from isoglot.batching.sampler import Batch, BatchSampler, StepSampler
from isoglot.batching.strategies import (
    STRATEGIES,
    CrossLingual,
    English,
    Hybrid,
    Mixed,
    Monolingual,
    Multiway,
    Pairing,
    Schedule,
    Strategy,
    strategy,
)

__all__ = [
    "STRATEGIES",
    "Batch",
    "BatchSampler",
    "CodeSwitcher",
    "CrossLingual",
    "English",
    "Hybrid",
    "JointSampler",
    "Mixed",
    "Monolingual",
    "Multiway",
    "Pairing",
    "Schedule",
    "StepSampler",
    "Strategy",
    "strategy",
]
