"""Dropout on a CPU, where drawing masks value by value takes a fifth of a transformer's training step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, autograd, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from transformers import PreTrainedModel

__all__ = ["attention", "drop", "quick_dropout"]

STEPS = 2**16  # a probability is rounded to one of them
BLOCK = 2048  # draws of four numbers each that stay in a core's nearest cache


@lru_cache(maxsize=1)
def _kernel() -> Callable[..., None]:
    """Compile the loop, which takes a second."""
    from numba import njit

    words = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)
    gamma, first, second = (np.uint64(word) for word in words)
    s30, s27, s31, one = (np.uint64(number) for number in (30, 27, 31, 1))

    def loop(values: Any, out: Any, seed: Any, least: Any, scale: Any) -> None:
        """Write to `out` (n,) what is kept of `values` (n,), times `scale`: where a number drawn from -32,768 to
        32,767 is not less than `least`. The numbers are those of splitmix64, four to a draw."""
        drawn = np.empty(BLOCK, np.uint64)
        numbers = drawn.view(np.int16)
        for begin in range(0, len(values), 4 * BLOCK):
            start = seed + np.uint64(begin) * gamma
            for i in range(BLOCK):
                z = start + (np.uint64(i) + one) * gamma
                z = (z ^ (z >> s30)) * first
                z = (z ^ (z >> s27)) * second
                drawn[i] = z ^ (z >> s31)
            some, kept = values[begin : begin + 4 * BLOCK], out[begin : begin + 4 * BLOCK]
            for i in range(len(some)):
                kept[i] = some[i] * scale if numbers[i] >= least else np.float32(0)

    compiled: Callable[..., None] = njit(nogil=True, error_model="numpy")(loop)
    return compiled


def _masked(values: Tensor, seed: int, dropped: int) -> Tensor:
    values = values.contiguous()
    out = torch.empty_like(values)
    least, scale = np.int16(dropped - STEPS // 2), np.float32(STEPS / (STEPS - dropped))
    _kernel()(values.detach().view(-1).numpy(), out.view(-1).numpy(), np.uint64(seed), least, scale)
    return out


class _Drop(autograd.Function):
    """Drops the same numbers in both directions: masks are drawn again instead of kept."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, dropped: int) -> Tensor:
        ctx.seed, ctx.dropped = int(torch.randint(2**63 - 1, ())), dropped
        return _masked(values, ctx.seed, dropped)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Pass on the gradient of what was kept."""
        return _masked(gradients[0], ctx.seed, ctx.dropped), None


def drop(values: Tensor, probability: float) -> Tensor:
    """Return values with some set to zero and the others made larger, as `functional.dropout` does.

    The masks follow torch's seed, and are others than the library's. They take a tenth of its time and no memory.

    Args:
        values: any shape, on a CPU.
        probability: of being dropped; rounded to a multiple of 1 / 65,536, unless that is nothing or all.
    """
    dropped = round(probability * STEPS)
    if not 0 < dropped < STEPS or values.dtype != torch.float32:
        return functional.dropout(values, probability)
    found: Tensor = _Drop.apply(values, dropped)
    return found


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    allowed: Tensor | None,
    probability: float,
    scale: float | None = None,
) -> Tensor:
    """Return what `functional.scaled_dot_product_attention` does, (…, L, e), in single precision.

    Written out, as the library has it on CPUs when weights are dropped.

    Args:
        query: (…, L, d).
        key: (…, S, d).
        value: (…, S, e).
        allowed: bool, broadcasts to (…, L, S): True where attention is allowed; everywhere if None.
        probability: of dropping a weight.
        scale: of the scores; 1 / √d if None.
    """
    scores = (query * (query.shape[-1] ** -0.5 if scale is None else scale)) @ key.transpose(-2, -1)
    if allowed is None:
        weights = scores.softmax(-1)
    else:
        nothing = ~allowed.any(-1, keepdim=True)
        # A softmax over nothing is not a number, and neither is its gradient.
        weights = scores.masked_fill(~(allowed | nothing), -torch.inf).softmax(-1)
        if nothing.any():
            weights = weights.masked_fill(nothing, 0.0)
    return drop(weights, probability) @ value


class _Quick(TorchFunctionMode):
    """Calls the functions above in place of torch's."""

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if function is functional.dropout:
            return _dropout(*args, **kwargs)
        if function is functional.scaled_dot_product_attention:
            return _attention(*args, **kwargs)
        return function(*args, **kwargs)


def _dropout(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Take the arguments of `functional.dropout`."""
    return drop(input, p) if training and not inplace else functional.dropout(input, p, training, inplace)


def _attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Take the arguments of `functional.scaled_dot_product_attention`."""
    plain = attn_mask is None or attn_mask.dtype == torch.bool
    if dropout_p > 0 and plain and not is_causal and not enable_gqa:
        return attention(query, key, value, attn_mask, dropout_p, scale)
    return functional.scaled_dot_product_attention(
        query, key, value, attn_mask, dropout_p, is_causal, scale=scale, enable_gqa=enable_gqa
    )


def _suits(model: nn.Module) -> bool:
    """Tell whether masks may be drawn here, in single precision and once for both passes."""
    first = next(model.parameters(), None)
    if not model.training or first is None or first.device.type != "cpu" or first.dtype != torch.float32:
        return False
    if torch.is_autocast_enabled("cpu"):  # half precision, of which the library makes the best
        return False
    modules = list(model.modules())
    # What is computed again in the backward pass, outside, would draw masks of the library's; compilers want
    # torch's own functions.
    left = ("gradient_checkpointing", "_checkpoint_wrapped_module", "_orig_mod", "_compiled_call_impl")
    if any(getattr(module, name, None) for module in modules for name in left):
        return False
    return any(isinstance(module, PreTrainedModel) for module in modules)


@contextmanager
def quick_dropout(model: nn.Module) -> Iterator[None]:
    """Let a transformer that is trained on a CPU draw its dropout masks quickly in forward passes made here.

    Not in half precision, and not where layers are checkpointed, by transformers or a wrapper of torch's, or
    compiled. Modules of others' making that call `torch.utils.checkpoint` themselves must not be run here.
    """
    if not _suits(model):
        yield
        return
    with _Quick():
        yield
