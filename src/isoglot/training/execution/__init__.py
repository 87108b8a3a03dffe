"""How a batch is embedded: chunks, gradient cache, memory, several processes; and the objective that does it."""

from isoglot.training.execution.objective import Objective

__all__ = ["Objective"]
