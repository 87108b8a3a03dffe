"""Batching: the rules that compose training batches, and the sampler that carries them out."""

from isoglot.batching.code_switching import CodeSwitcher
from isoglot.batching.collate import StepCollator
from isoglot.batching.given import Batches, GivenSampler
from isoglot.batching.joint import JointSampler
from isoglot.batching.sampler import Batch, BatchSampler, StepSampler
from isoglot.batching.schedule import Schedule
from isoglot.batching.strategies import (
    STRATEGIES,
    CrossLingual,
    English,
    Hybrid,
    Mixed,
    Monolingual,
    Multiway,
    Pairing,
    Strategy,
    strategy,
)

__all__ = [
    "STRATEGIES",
    "Batch",
    "BatchSampler",
    "Batches",
    "CodeSwitcher",
    "CrossLingual",
    "English",
    "GivenSampler",
    "Hybrid",
    "JointSampler",
    "Mixed",
    "Monolingual",
    "Multiway",
    "Pairing",
    "Schedule",
    "StepCollator",
    "StepSampler",
    "Strategy",
    "strategy",
]
