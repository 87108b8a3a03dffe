"""`HybridTrainer`: sentence-transformers' trainer over the batches of a strategy."""

from __future__ import annotations

import copy
import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainingArguments
from torch import nn
from torch.utils.data import DataLoader

from isoglot.batching import Hybrid, Multiway, Strategy
from isoglot.batching.collate import StepCollator, StepLoader, Switcher
from isoglot.batching.given import Batches
from isoglot.batching.joint import given_sampler, make_sampler
from isoglot.batching.relations import Versions
from isoglot.batching.tokens import FlatTokenizer, TokenCache
from isoglot.collections import Collection
from isoglot.collections.negatives import has_hard_negatives
from isoglot.errors import InputError
from isoglot.objectives import InfoNCE, Matryoshka, MultiwayInfoNCE, Sum, Term, Terms, Weighted
from isoglot.training.callbacks import StopOnSignal
from isoglot.training.cpu import fast_ways
from isoglot.training.execution import Objective
from isoglot.training.execution.sharding import take_sharding, without_fsdp
from isoglot.training.hooks import TrainerHooks
from isoglot.training.teacher import Taught, asked_of_teacher, check_teacher, scores_to_learn, teacher_embeddings

__all__ = ["HybridTrainer"]

logger = logging.getLogger(__name__)

TERMS = (Term, Weighted, Sum, Matryoshka, list, tuple, Mapping)  # what is no loss of sentence-transformers yet
SIDES = ("query", "document")


class HybridTrainer(TrainerHooks):
    """Trains an encoder on a collection, batch by batch as a strategy composes them.

    A `SentenceTransformerTrainer` in all else: its arguments, callbacks, evaluators, logging integrations and
    checkpoints work as they do there. `args.per_device_train_batch_size` times the number of processes (torchrun)
    times `args.gradient_accumulation_steps` is the batch size: every process composes the same whole batch, embeds
    its share of it, part by part, and computes the loss of all of it, so negatives are those of the whole batch.
    (With a `sampler` of one's own, or a loss of sentence-transformers, which sees a part alone, gradients are added
    up over so many batches instead.) `args.fsdp` spreads a transformer over the processes. `args.max_steps` is the
    number of steps; without it a run takes `args.num_train_epochs` times `BatchSampler.steps_per_pass`. `args.seed`
    decides the batches.

    Args:
        model: the encoder to train.
        collection: what to train on; several of them, each batch coming from one, as `JointSampler` draws them.
        strategy: how batches are composed.
        objective: a term, or several with their weights: `InfoNCE() + 0.3 * KLAlignment()`, a list of these or of
            terms and weights; a `Matryoshka` of them; or a ready `Objective` or a loss of sentence-transformers.
            By default `MultiwayInfoNCE` for multiway batches, `InfoNCE` for others.
        loss: the same by the name that it has in sentence-transformers.
        args: as for `SentenceTransformerTrainer`.
        data_weights: of several collections: they are drawn in proportion to these; by their sizes if None.
        data_power: without weights, in proportion to (number of training pairs)^power.
        target: unlabelled target-domain text for domain batches (strategies with gamma above 0).
        teacher: whom terms such as `EmbeddingDistillation` learn from: a model, its name or folder, or
            `embeddings:QUERIES,DOCUMENTS`, files that `read_embeddings` reads, of several collections one for each.
            Every text that they ask for is embedded once, before training.
        embedding_cache: folder that keeps the teacher's embeddings for later runs; None for none.
        negatives: hard negatives added for each query, of those that the collection has.
        switcher: replaces words by translations, such as `CodeSwitcher`.
        token_cache: folder that keeps token ids for later runs; None for a temporary one.
        memory: bytes that activations may take before they are computed again in the backward pass (gradient
            caching); half of what is free at the first step if None.
        chunk_tokens: most tokens, padding included, that the encoder computes at a time; by device if None.
        sampler: composes the batches in place of a strategy: a `StepSampler`, or anything whose `sampler[step]` is
            a `Batch` of the collection's rows (docs/extending.md).
        fast: which of the fast ways of training on a CPU may be taken: True for all, False for none, or some of
            `adamw` (moves token vectors of static encoders only where they occur, and leaves torch one of two
            threads in training steps, by `torch.set_num_threads`; needs `bags`), `bags`, `dropout` and `lookup`.
        **kwargs: passed on: `evaluator`, `callbacks`, `optimizers`, ….

    Raises:
        InputError: the collection has no pair the strategy could draw, or another setting does not fit.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        collection: Collection | Sequence[Collection],
        *,
        strategy: Strategy | None = None,
        objective: Terms | Matryoshka | None = None,
        loss: Terms | Matryoshka | None = None,
        args: SentenceTransformerTrainingArguments | None = None,
        data_weights: Sequence[float] | None = None,
        data_power: float = 1.0,
        target: Collection | None = None,
        teacher: Taught | None = None,
        embedding_cache: str | Path | None = None,
        negatives: int = 0,
        switcher: Switcher | None = None,
        token_cache: str | Path | None = None,
        memory: int | None = None,
        chunk_tokens: int | None = None,
        fast: bool | Iterable[str] = True,
        sampler: Batches | None = None,
        **kwargs: Any,
    ) -> None:
        args = copy.copy(args) if args is not None else SentenceTransformerTrainingArguments("tmp_trainer")
        if args.n_gpu > 1:
            # The library would cut every input in as many parts, which flat token ids cannot be.
            logger.warning("%d GPUs are here and one is used; torchrun uses all", args.n_gpu)
            args._n_gpu = 1
        asked = objective if loss is None else loss
        ours = asked is None or isinstance(asked, (*TERMS, Objective))
        parts = 1
        if ours:
            self.sharding = take_sharding(args, model)
            if sampler is None:  # whose negatives are those of the whole batch
                parts, args.gradient_accumulation_steps = args.gradient_accumulation_steps, 1
        batch_size = args.per_device_train_batch_size * args.world_size * parts
        if sampler is None:
            strategy = strategy if strategy is not None else Hybrid()
            self.sampler = make_sampler(
                collection, strategy, batch_size, args.seed, target, weights=data_weights, power=data_power
            )
        elif any(one is not None for one in (strategy, target, data_weights)) or data_power != 1:
            raise InputError("a sampler composes the batches: leave out strategy, target and data_weights")
        else:
            self.sampler = given_sampler(sampler, collection, batch_size, args.seed)
        self._negatives = negatives
        self._switcher = switcher
        self._token_cache = None if token_cache is None else Path(token_cache)
        if args.max_steps <= 0:
            batches = args.num_train_epochs * self.sampler.steps_per_pass
            args.max_steps = math.ceil(batches / args.gradient_accumulation_steps)
        if objective is not None and loss is not None:
            raise InputError("objective and loss are two names of one thing: give one of them")
        loss = objective if loss is None else loss
        if loss is None:
            loss = MultiwayInfoNCE() if isinstance(self.sampler.strategy, Multiway) else InfoNCE()
        check_teacher(loss, teacher)
        if isinstance(loss, TERMS):
            with args.main_process_first(desc="embedding"):  # the others then find it done
                taught = teacher_embeddings(
                    teacher,
                    self.sampler.collection,
                    of=asked_of_teacher(loss),
                    cache=embedding_cache,
                    progress=not args.disable_tqdm,
                )
            english = [tag.split("-")[0] == "en" for tag in self.sampler.collection.languages]
            with torch.random.fork_rng(devices=[]):  # the terms' first weights are the same in every process
                torch.manual_seed(args.seed)
                loss = Objective(
                    model,
                    loss,
                    languages=self.sampler.languages,
                    english=english.index(True) if any(english) else None,
                    teacher=taught,
                    scores=scores_to_learn(loss, self.sampler.collection, negatives),
                    memory=memory,
                    chunk_tokens=chunk_tokens,
                )
        if isinstance(loss, Objective):
            if loss.needs_versions and not Versions(self.sampler.collection).any():
                raise InputError(
                    f"no query or answer of {self.sampler.collection.name} is in two languages, so there is "
                    f"nothing for {' and '.join(loss.comparing)} to compare: leave the term out"
                )
            if loss.negative_queries and not has_hard_negatives(self.sampler.collection):
                raise InputError(
                    f"hard_negatives of a term is {loss.negative_queries}, and {self.sampler.collection.name} has "
                    "no hard negatives: find them by isoglot mine, or leave hard_negatives out"
                )
            loss.embedder.fast &= fast_ways(fast)
            loss.embedder.parts = parts
            args.learning_rate_mapping = loss.learning_rates() | (args.learning_rate_mapping or {})
        with without_fsdp() if ours else nullcontext():
            super().__init__(model=model, args=args, loss=loss, **kwargs)
        if self.is_deepspeed_enabled and isinstance(self.loss, Objective):
            raise InputError("isoglot's objectives train with DDP or FSDP2 (torchrun), not with DeepSpeed")

    def get_train_dataloader(self) -> DataLoader:
        """Return a loader of the run's steps, each one whole batch of which every process embeds its share."""
        collator = StepCollator(
            self.sampler,
            self.data_collator,
            self._tokens(),
            versions=getattr(self.loss, "needs_versions", False),
            negatives=self._negatives,
            negative_queries=getattr(self.loss, "negative_queries", 0),
            switcher=self._switcher,
        )
        remaining = self.remaining_steps()
        return StepLoader(
            remaining.stop,
            collator,
            start=remaining.start,
            waiting=self._tell_waiting,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.dataloader_pin_memory and self.args.device.type == "cuda",
        )

    def _tell_waiting(self) -> None:
        for one in self.callback_handler.callbacks:
            if isinstance(one, StopOnSignal):
                one.waiting()

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Return the loss of a batch; terms with a schedule are told how far training is."""
        if isinstance(self.loss, Objective):
            self.loss.progress = self.state.global_step / self.args.max_steps
        return super().compute_loss(model, inputs, *args, **kwargs)

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log, with what the terms have to say beside their loss."""
        if "loss" in logs and isinstance(self.loss, Objective):
            logs = logs | self.loss.metrics()
        super().log(logs, *args, **kwargs)

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Return the parameters that weight decay applies to; a learned temperature it would pull to 1."""
        names: list[str] = super().get_decay_parameter_names(model)
        return [name for name in names if not name.endswith("temperature.logarithm")]

    def _tokens(self) -> tuple[TokenCache, TokenCache] | None:
        """Tokenise the collection once; None for encoders that take more than token ids, or losses that do not
        cut them into chunks."""
        prompts = self.args.prompts or {}
        if not isinstance(self.loss, Objective):
            return None
        of_side = {side: prompts if isinstance(prompts, str) else prompts.get(side) for side in SIDES}
        found = [FlatTokenizer.of(self.model, of_side[side]) for side in SIDES]
        if found[0] is None or found[1] is None:
            return None
        collection, folder = self.sampler.collection, self._token_cache
        with self.args.main_process_first(desc="tokenising"):  # the others then find it done
            return (
                TokenCache(found[0], collection.query_texts, collection.queries.num_rows, folder),
                TokenCache(found[1], collection.document_texts, collection.documents.num_rows, folder),
            )
