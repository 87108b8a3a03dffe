"""Token vectors and their gradients at the cost of the tokens that a batch holds, not of the vocabulary.

Static encoders take means of bags of them (`bag_means`), transformers one for each token (`adding_in_place`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from torch import Tensor, autograd, nn
from torch.autograd.function import once_differentiable

__all__ = ["TokenVectors", "adding_in_place", "bag_means", "token_vectors_of", "word_embedding"]


class TokenVectors(Protocol):
    """Where token vectors come from and their gradients go to, row by row.

    Attributes:
        threads: how many may compute with them.
    """

    threads: int

    def take(self, rows: np.ndarray) -> Tensor:
        """Return the vectors (U, d) of tokens (U,), in ascending order."""

    def give(self, rows: np.ndarray, gradient: Tensor, square: float | None = None) -> None:
        """Take the gradient (U, d) of the vectors of tokens (U,), and perhaps the sum of its squares."""


class _BagMeans(autograd.Function):
    """`embedding_bag` that reads each token of a text once, however often the text has it, and whose gradient is
    itself a bag: of each token, the sum over the texts that hold it.

    The library's backward pass adds one row at a time to the gradient of the whole vocabulary, in one thread for a
    frequent token; this one writes each row of it once, and only the rows of tokens that occur.
    """

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, offsets: Tensor, vectors: TokenVectors | None) -> Tensor:
        """Return the means."""
        from isoglot.training.cpu import row_kernels

        tokens, ends = ids.numpy(), np.append(offsets.numpy(), len(ids))
        if len(tokens) and not 0 <= tokens.min() <= tokens.max() < len(weight):
            raise IndexError(f"token ids from {tokens.min()} to {tokens.max()}, of {len(weight)} vectors")
        rows, of_texts, ctx.of_tokens = row_kernels.find_tokens(tokens, ends, len(weight))
        ctx.weight, ctx.vectors, ctx.rows = weight, vectors, rows
        taken = weight.index_select(0, torch.from_numpy(rows)) if vectors is None else vectors.take(rows)
        return _combined(taken, of_texts, vectors)[0]

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the gradient of all token vectors, or give it away row by row."""
        sums, square = _combined(gradients[0].contiguous(), ctx.of_tokens, ctx.vectors)
        if ctx.vectors is not None:
            ctx.vectors.give(ctx.rows, sums, square)
            return None, None, None, None
        whole = torch.zeros_like(ctx.weight).index_copy_(0, torch.from_numpy(ctx.rows), sums)
        return whole, None, None, None


def _combined(
    matrix: Tensor, parts: tuple[np.ndarray, np.ndarray, np.ndarray], vectors: TokenVectors | None
) -> tuple[Tensor, float]:
    """Return sums of rows of a matrix (n, d) as `find_tokens` tells them, (N, d), and the sum of their squares."""
    from isoglot.training.cpu import row_kernels

    threads = torch.get_num_threads() if vectors is None else vectors.threads
    count = len(parts[0]) - 1
    sums, squares = np.empty((count, matrix.shape[1]), np.float32), np.empty(count, np.float32)
    row_kernels.share(row_kernels.combine, threads, count, matrix.detach().numpy(), *parts, sums, squares)
    return torch.from_numpy(sums), float(squares.sum(dtype=np.float64))


def bag_means(weight: Tensor, ids: Tensor, offsets: Tensor, vectors: TokenVectors | None = None) -> Tensor:
    """Return the mean vector of each bag (N, d), zero for an empty one; on a CPU, in single precision.

    Args:
        weight: (V, d), one vector a token.
        ids: (T,) tokens of all bags, one after the other.
        offsets: (N,) where each bag starts.
        vectors: gives the vectors of the tokens that occur, and takes their gradient, which `weight` then does not
            get; `weight` itself if None.
    """
    means: Tensor = _BagMeans.apply(weight, ids, offsets, vectors)
    return means


class _Lookup(autograd.Function):
    """Rows of a matrix; their gradient is added to that of the matrix where it is."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, padding: int | None) -> Tensor:
        ctx.weight, ctx.padding = weight, padding
        ctx.save_for_backward(ids)
        return nn.functional.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (ids,), weight = ctx.saved_tensors, ctx.weight
        flat, rows = ids.flatten(), gradients[0].flatten(0, -2)
        if ctx.padding is not None:
            kept = flat != ctx.padding
            flat, rows = flat[kept], rows[kept]
        if weight.grad is None:
            weight.grad = torch.zeros_like(weight)
        weight.grad.index_add_(0, flat, rows.to(weight.dtype))
        return None, None, None


def word_embedding(model: Any) -> nn.Embedding | None:
    """Return the embedding of an encoder's tokens if its gradient may be added in place, None otherwise.

    It must be an ordinary one on a CPU that learns, with nobody waiting for its gradient. On other devices adding
    in place sums up in another order each time.
    """
    found: Any = getattr(model[0], "auto_model", None)
    found = found.get_input_embeddings() if hasattr(found, "get_input_embeddings") else None
    if type(found) is not nn.Embedding or found.weight.device.type != "cpu" or not found.weight.requires_grad:
        return None
    if found.max_norm is not None or found.scale_grad_by_freq or found.sparse:
        return None
    waiting = (*found._forward_hooks, *found._forward_pre_hooks)
    hooks = (found.weight._backward_hooks, found.weight._post_accumulate_grad_hooks)
    return None if waiting or any(hooks) or "forward" in vars(found) else found


@contextmanager
def adding_in_place(embedding: nn.Embedding | None) -> Iterator[None]:
    """Add the gradients of forward passes made here to `embedding.weight.grad` at once.

    The library makes a gradient of the whole vocabulary in every backward pass and adds it to the last one, which
    for small chunks takes a tenth of the time. Only for passes whose gradients are to be accumulated, as
    `Tensor.backward` does: `torch.autograd.grad` will not find them.
    """
    if embedding is None or not torch.is_grad_enabled():
        yield
        return
    weight, padding = embedding.weight, embedding.padding_idx
    embedding.forward = lambda input: _Lookup.apply(weight, input, padding)  # type: ignore[method-assign]
    try:
        yield
    finally:
        del embedding.forward


def token_vectors_of(model: nn.Module) -> nn.Parameter | None:
    """Return the matrix of token vectors, if the encoder is static."""
    embedding = getattr(model[0], "embedding", None) if isinstance(model, SentenceTransformer) else None
    if not isinstance(embedding, nn.EmbeddingBag) or embedding.mode != "mean":
        return None
    weight: nn.Parameter = embedding.weight  # type: ignore[assignment]
    return weight
