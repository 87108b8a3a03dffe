"""`RetriedSteps`: steps that are taken again where memory does not suffice."""

from __future__ import annotations

from typing import Any

from sentence_transformers import SentenceTransformerTrainer
from torch import Tensor

from isoglot.errors import IsoglotError, is_out_of_memory
from isoglot.training.execution.gradient_cache import RandomState

__all__ = ["RetriedSteps"]

COUNTS = ("texts", "tokens", "padded_tokens", "recomputed")
"""What an embedder counts."""


class RetriedSteps(SentenceTransformerTrainer):
    """A trainer that takes a step again, in smaller chunks, where memory does not suffice."""

    loss: Any
    optimizer: Any

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """Take a step's forward and backward passes; where memory does not suffice again, in chunks half as large.

        Not where that would change more than the order of sums and what dropout draws: in several processes, which
        wait for each other; amid gradients that are added up over several batches; and where the objective has
        queues, to which the step may have added already.
        """
        embedder = getattr(self.loss, "embedder", None)
        alone = self.args.world_size == 1 and self.args.gradient_accumulation_steps == 1
        before = RandomState(self.args.device)
        while True:
            counted = [getattr(embedder, name, 0) for name in COUNTS]
            try:
                return super().training_step(*args, **kwargs)
            except Exception as error:
                if embedder is None or not alone or not is_out_of_memory(error) or any(self._queues()):
                    raise
            if not embedder.halve(self.model, self.args.device):  # here, where what the error held on to is gone
                raise IsoglotError("out of memory: give a smaller batch_size, or texts cut shorter (max_length)")
            for name, count in zip(COUNTS, counted, strict=True):
                setattr(embedder, name, count)
            self.optimizer.zero_grad()
            before.restore()

    def _queues(self) -> list[str]:
        """Return the names of the objective's own buffers, as against its parameters."""
        parameters = {name for name, _ in self.loss.named_parameters(remove_duplicate=False)}
        state = self._objective_state().items()
        return [name for name, value in state if isinstance(value, Tensor) and name not in parameters]
