"""`HybridTrainer`: sentence-transformers' trainer over the batches of a strategy."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any

from sentence_transformers import (
    SentenceTransformer,
    SentenceTransformerTrainer,
    SentenceTransformerTrainingArguments,
)
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from torch import nn
from torch.utils.data import DataLoader

from isoglot.batching import BatchSampler, Hybrid, Strategy
from isoglot.batching.collate import StepCollator, StepDataset
from isoglot.batching.tokens import StaticTokens
from isoglot.collections import Collection
from isoglot.errors import InputError
from isoglot.objectives import InfoNCE, Objective

__all__ = ["HybridTrainer"]


class HybridTrainer(SentenceTransformerTrainer):
    """Trains an encoder on a collection, batch by batch as a strategy composes them.

    A `SentenceTransformerTrainer` in all else: its arguments, callbacks, evaluators, logging integrations and
    checkpoints work as they do there. `args.per_device_train_batch_size` is the batch size, `args.max_steps` the
    number of steps; without it a run takes `args.num_train_epochs` times as many steps as the monolingual
    training pairs fill batches. `args.seed` decides the batches.

    Args:
        model: the encoder to train.
        collection: what to train on.
        strategy: how batches are composed.
        objective: a term, several with their weights, or a ready `Objective` or other loss of
            sentence-transformers.
        args: as for `SentenceTransformerTrainer`.
        **kwargs: passed on: `evaluator`, `callbacks`, `optimizers`, ….

    Raises:
        InputError: the collection has no pair the strategy could draw; or several processes are used, which
            is not supported.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        collection: Collection,
        strategy: Strategy | None = None,
        objective: nn.Module | Mapping[nn.Module, float] | None = None,
        args: SentenceTransformerTrainingArguments | None = None,
        **kwargs: Any,
    ) -> None:
        args = copy.copy(args) if args is not None else SentenceTransformerTrainingArguments("tmp_trainer")
        if args.world_size > 1:
            raise InputError("training with several processes is not supported; start a single one")
        strategy = strategy if strategy is not None else Hybrid()
        self.sampler = BatchSampler(collection, strategy, args.per_device_train_batch_size, args.seed)
        if args.max_steps <= 0:
            args.max_steps = math.ceil(args.num_train_epochs * self.sampler.steps_per_pass)
        loss = objective if objective is not None else InfoNCE()
        if isinstance(loss, Mapping) or not hasattr(loss, "model"):
            loss = Objective(model, loss)
        super().__init__(model=model, args=args, loss=loss, **kwargs)

    def get_train_dataloader(self) -> DataLoader:
        """Return a loader of the run's steps, each one whole batch."""
        steps = self.args.max_steps * self.args.gradient_accumulation_steps
        return DataLoader(
            StepDataset(steps),
            batch_size=1,
            collate_fn=StepCollator(self.sampler, self.data_collator, self._tokens()),
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and self.args.device.type == "cuda",
        )

    def _tokens(self) -> tuple[StaticTokens, StaticTokens] | None:
        """Tokenise the collection once, where tokenising takes longer than all the rest of a step."""
        module = self.model[0]
        prompts = self.args.prompts or {}
        if type(module) is not StaticEmbedding or not isinstance(prompts, dict):
            return None
        collection = self.sampler.collection
        return (
            StaticTokens(module, collection.query_texts(), prompts.get("query")),
            StaticTokens(module, collection.document_texts(), prompts.get("document")),
        )
