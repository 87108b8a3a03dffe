"""Token vectors of a transformer whose gradient costs what a chunk holds, not what the vocabulary does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, autograd, nn

__all__ = ["adding_in_place", "word_embedding"]


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
