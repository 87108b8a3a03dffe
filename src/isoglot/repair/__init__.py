"""Repair without training: what tells languages apart is taken out of a given model's embeddings."""

from isoglot.repair.maps import BY, METHODS
from isoglot.repair.repairing import STRENGTHS, repair_model

__all__ = ["BY", "METHODS", "STRENGTHS", "repair_model"]
