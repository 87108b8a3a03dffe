"""Objectives: terms that score the embeddings of a batch, and their weighted sum."""

from isoglot.objectives.batch import EmbeddedBatch
from isoglot.objectives.infonce import InfoNCE
from isoglot.objectives.objective import Objective

__all__ = ["EmbeddedBatch", "InfoNCE", "Objective"]
