"""Embedding the texts of a batch: in chunks of similar length, within a memory budget, in one process or
several."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Normalize, StaticEmbedding
from torch import Tensor, nn

from isoglot.objectives.contrast import unit
from isoglot.training.cpu import fast_ways
from isoglot.training.cpu.dropout import quick_dropout
from isoglot.training.cpu.token_vectors import TokenVectors, adding_in_place, bag_means, word_embedding
from isoglot.training.execution.gather import agreed, gather_embeddings, rank, share_of_process, world_size
from isoglot.training.execution.gradient_cache import (
    RandomState,
    available_memory,
    count_saved,
    embed_chunks,
    exchanging,
)
from isoglot.training.execution.sharding import is_sharded

logger = logging.getLogger(__name__)

__all__ = ["BatchEmbedder", "cut_chunks", "padded"]

Features = Mapping[str, Any]

# Padded tokens of a chunk, the least whose activations must fit into memory. On a CPU large enough for its matrix
# products, small enough that activations stay in its caches; a GPU wants more to be busy.
CHUNK_TOKENS = {"cpu": 1024, "cuda": 8192}
SHARE_OF_MEMORY = 0.5
SIMILAR = 0.8  # texts of at least this share of a chunk's longest are padded to it gladly
SMALLEST = 64  # tokens of a chunk that is not halved again
WORTHWHILE = 0.25  # of the token budget


class BatchEmbedder:
    """Embeds flat token ids with an encoder.

    A static encoder takes all texts in one pass. For others, texts are sorted by length and cut into chunks. The
    activations of as many chunks as the memory budget holds are kept for the backward pass; those of the others are
    forgotten and computed again (gradient caching).

    Args:
        memory: bytes that activations may take; half of what is free at the first step if None.
        chunk_tokens: most tokens of a chunk, padding included; chosen by device if None.

    Attributes:
        texts: texts embedded so far by all processes.
        tokens: their tokens, without padding.
        padded_tokens: the tokens computed for them by this process, with padding; recomputation not counted.
        recomputed: chunks whose activations were not kept, so far.
        parts: the activations of at most so small a part of a batch, one in `parts`, are kept, and no chunk is
            larger.
        fast: which of `cpu.FAST_WAYS` are taken.
        vectors: where the token vectors of a static encoder come from in training; its weights if None.
    """

    def __init__(self, memory: int | None = None, chunk_tokens: int | None = None) -> None:
        self.memory = memory
        self.chunk_tokens = chunk_tokens
        self.texts = self.tokens = self.padded_tokens = self.recomputed = 0
        self._bytes_a_token = 0.0
        self._budget: float | None = None
        self.parts = 1
        self.fast = fast_ways()
        self.vectors: TokenVectors | None = None

    def __call__(self, model: nn.Module, features: Sequence[Features]) -> Tensor:
        """Return the embeddings (N, d) of all texts, in order.

        Args:
            model: the encoder, perhaps wrapped for several processes.
            features: each holds `input_ids` (T,), the token ids of all its texts one after the other, `offsets`
                (n,), where each text starts, and perhaps `prompt_length`.
        """
        counts = [len(part["offsets"]) for part in features]
        starts = np.concatenate([[0], np.cumsum([len(part["input_ids"]) for part in features])])
        ids = torch.cat([part["input_ids"] for part in features])
        offsets = torch.cat(
            [part["offsets"] + int(start) for part, start in zip(features, starts[:-1], strict=True)]
        )
        lengths = np.diff(offsets.cpu().numpy(), append=len(ids))
        prompts = np.repeat([int(part.get("prompt_length", 0)) for part in features], counts)
        self.texts += len(lengths)
        self.tokens += len(ids)
        if _is_static(model):
            mine = share_of_process(len(lengths))
            # a process without a text still takes part in the exchange
            embeddings = self._bags(model, ids, offsets, lengths, mine if len(mine) else np.zeros(1, np.int64))
        else:
            embeddings = self._chunks(model, ids, offsets, lengths, prompts)
        if world_size() > 1:
            embeddings = gather_embeddings(embeddings, len(lengths))
        return embeddings

    def halve(self, model: nn.Module, device: torch.device) -> bool:
        """Have chunks of half as many tokens, and half the memory for activations, from here on; say so.

        Returns:
            Whether that is possible: a static encoder has no chunks, and they may be as small as they get.
        """
        limit = self._most_tokens(device)
        if _is_static(model) or limit <= SMALLEST:
            return False
        self.chunk_tokens = max(limit // 2, SMALLEST)
        if self._budget is not None:
            self._budget /= 2
        logger.warning(
            "out of memory: from this step on, which is taken again, chunks have %d tokens, activations half the "
            "memory; chunk_tokens and memory set both",
            self.chunk_tokens,
        )
        if device.type == "cuda":
            torch.cuda.empty_cache()
        return True

    def _most_tokens(self, device: torch.device) -> int:
        return self.chunk_tokens or CHUNK_TOKENS.get(device.type, CHUNK_TOKENS["cpu"])

    def state(self) -> dict[str, float]:
        """Return what was measured at the first step.

        With several processes, which activations are kept decides the order in which gradients are added up, so a
        run that continues must go on as it began, whatever memory is free then.
        """
        return {} if self._budget is None else {"bytes_a_token": self._bytes_a_token, "budget": self._budget}

    def restore(self, state: dict[str, float]) -> None:
        """Go on with what was measured earlier."""
        if state and self.memory is None:
            self._bytes_a_token, self._budget = state["bytes_a_token"], state["budget"]

    def _bags(
        self, model: nn.Module, ids: Tensor, offsets: Tensor, lengths: np.ndarray, mine: np.ndarray
    ) -> Tensor:
        """Embed bags of tokens, which need no padding: one pass, so that the gradient of the whole vocabulary is
        filled once."""
        if len(mine) < len(lengths):
            rows = torch.from_numpy(mine).to(ids.device)
            long = torch.from_numpy(lengths).to(ids.device)
            kept = torch.zeros(len(lengths), dtype=torch.bool, device=ids.device)
            kept[rows] = True
            ids = ids[torch.repeat_interleave(kept, long)]
            offsets = torch.cumsum(long[rows], 0) - long[rows]
        self.padded_tokens += len(ids)
        features: dict[str, Any] = {"input_ids": ids, "offsets": offsets}
        modules = list(model) if isinstance(model, SentenceTransformer) else []
        bag: Any = modules[0].embedding if modules else None
        plain = bag is not None and bag.mode == "mean" and bag.weight.dtype == torch.float32
        if plain and "bags" in self.fast and ids.device.type == "cpu" and torch.is_grad_enabled():
            features["sentence_embedding"] = bag_means(bag.weight, ids, offsets, self.vectors)
            for module in modules[1:]:
                if type(module) is Normalize:  # in a third of the time
                    features["sentence_embedding"] = unit(features["sentence_embedding"])
                else:
                    features = module(features)
        else:
            features = model(features)
        embeddings: Tensor = features["sentence_embedding"]
        return embeddings

    def _chunks(
        self, model: nn.Module, ids: Tensor, offsets: Tensor, lengths: np.ndarray, prompts: np.ndarray
    ) -> Tensor:
        device = ids.device
        pad = _pad_token(model)
        sharded = is_sharded(model)
        # The layers of a sharded encoder are brought together by all processes at once: each takes as many passes
        # as any other, and keeps as many of them.
        processes = range(world_size()) if sharded else [rank()]
        shares = [self._cut(lengths, prompts, process, device) for process in processes]
        own = shares[rank() if sharded else 0]
        texts, most = sum(map(len, own)), max(map(len, shares))
        for share in shares:
            share += [share[0][:1]] * (most - len(share))  # what comes of these is left out
        sizes = [np.array([len(chunk) * max(int(lengths[chunk].max()), 1) for chunk in share]) for share in shares]

        quick = quick_dropout if "dropout" in self.fast else nullcontext
        adds = "lookup" in self.fast and isinstance(model, SentenceTransformer) and not sharded
        words = word_embedding(model) if adds else None

        def run(chunk: np.ndarray) -> Tensor:
            inputs: dict[str, Any] = padded(ids, offsets, lengths, chunk, pad)
            if prompts[chunk[0]]:
                inputs["prompt_length"] = int(prompts[chunk[0]])
            with adding_in_place(words), quick(model):
                embeddings: Tensor = model(inputs)["sentence_embedding"]
            return embeddings

        runs = [partial(run, chunk) for chunk in own]
        self.padded_tokens += int(sizes[rank() if sharded else 0].sum())
        kept = len(runs)
        if torch.is_grad_enabled():
            self._measure(model, runs[0], len(own[0]) * max(int(lengths[own[0]].max()), 1), device)
            kept = min(self._fitting(share) for share in sizes)
        self.recomputed += len(runs) - kept
        if kept == len(runs) and exchanging(model) is not None:
            embeddings = torch.cat([one() for one in runs])
        else:
            embeddings = embed_chunks(runs, kept, model, device)
        order = np.argsort(np.concatenate(own)[:texts], kind="stable")
        return embeddings[torch.from_numpy(order).to(device)]

    def _cut(
        self, lengths: np.ndarray, prompts: np.ndarray, process: int, device: torch.device
    ) -> list[np.ndarray]:
        """Cut the texts of a process into chunks."""
        mine = share_of_process(len(lengths), process)
        if not len(mine):  # a process without a text still takes part in the exchange
            mine = np.zeros(1, np.int64)
        limit = self._most_tokens(device)
        if self.parts > 1:
            limit = min(limit, -(-int(lengths[mine].sum()) // self.parts))
        return [mine[chunk] for chunk in cut_chunks(lengths[mine], limit, prompts[mine])]

    def _measure(self, model: nn.Module, run: Callable[[], Tensor], tokens: int, device: torch.device) -> None:
        """At the first step find what a token takes, on the first chunk, and what there is."""
        if self._budget is not None:
            return
        wrapper = exchanging(model)
        alone = nullcontext() if wrapper is None else wrapper.no_sync()
        with RandomState(device).again(), alone, count_saved(model) as saved:
            run()
        free = self.memory or SHARE_OF_MEMORY * available_memory(device)
        self._bytes_a_token, self._budget = agreed(saved.total / tokens, float(free), device)

    def _fitting(self, sizes: np.ndarray) -> int:
        """Return how many chunks' activations may be kept, of chunks of so many tokens."""
        needed = np.cumsum(sizes)
        kept = int(np.searchsorted(needed * self._bytes_a_token, self._budget or 0.0, side="right"))
        if self.parts > 1:
            kept = min(kept, int(np.searchsorted(needed, needed[-1] / self.parts, side="right")))
        return kept


def _inner(model: Any) -> Any:
    """Return the encoder inside wrappers for several processes or compilation."""
    while not isinstance(model, SentenceTransformer):
        model = model.module if hasattr(model, "module") else model._orig_mod
    return model


def _is_static(model: nn.Module) -> bool:
    return isinstance(_inner(model)[0], StaticEmbedding)


def _pad_token(model: nn.Module) -> int:
    return int(getattr(_inner(model).tokenizer, "pad_token_id", 0) or 0)


def cut_chunks(lengths: np.ndarray, tokens: int, groups: np.ndarray | None = None) -> list[np.ndarray]:
    """Cut texts into chunks of at most so many tokens, padding included, the longest texts first.

    Args:
        lengths: (N,) tokens of each text.
        tokens: most tokens of a chunk, padded; a longer text makes a chunk of its own.
        groups: (N,) integers; texts of different groups are never in one chunk. One group if None.

    Returns:
        Positions of each chunk's texts; together every position once.
    """
    if groups is not None and len(found := np.unique(groups)) > 1:
        return [
            positions[chunk]
            for group in found
            for positions in [np.flatnonzero(groups == group)]
            for chunk in cut_chunks(lengths[positions], tokens)
        ]
    order = np.argsort(-lengths, kind="stable")
    descending = -lengths[order]
    chunks: list[np.ndarray] = []
    start = 0
    while start < len(order):
        longest = max(int(lengths[order[start]]), 1)
        end = start + max(1, tokens // longest)
        # Shorter texts wait for a chunk of their own, once this one is large enough to be worth a pass.
        similar = int(np.searchsorted(descending, -SIMILAR * longest, side="right"))
        end = min(end, max(similar, start + 1 + int(tokens * WORTHWHILE) // longest))
        chunks.append(order[start:end])
        start = end
    return chunks


def padded(ids: Tensor, offsets: Tensor, lengths: np.ndarray, chunk: np.ndarray, pad: int) -> dict[str, Tensor]:
    """Return `input_ids` and `attention_mask` (n, longest) of a chunk's texts, padded on the right.

    Args:
        ids: (T,) token ids of all texts, one after the other.
        offsets: (N,) where each text starts.
        lengths: (N,) tokens of each text.
        chunk: (n,) positions of the texts wanted.
        pad: token id to pad with.
    """
    wide = int(lengths[chunk].max(initial=1))
    device = ids.device
    rows = torch.from_numpy(chunk).to(device)
    columns = torch.arange(wide, device=device)
    mask = columns < torch.from_numpy(lengths[chunk]).to(device)[:, None]
    places = (offsets[rows][:, None] + columns).clamp_(max=max(len(ids) - 1, 0))
    return {"input_ids": ids[places].masked_fill_(~mask, pad), "attention_mask": mask.long()}
