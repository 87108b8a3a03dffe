"""Attention: which implementation of it a transformer uses."""

from __future__ import annotations

from typing import Literal, get_args

from isoglot.errors import InputError

__all__ = ["ATTENTIONS", "Attention", "check_attention"]

Attention = Literal["sdpa", "eager", "flash_attention_2"]
ATTENTIONS = get_args(Attention)


def check_attention(attention: str) -> None:
    """Check that an implementation of attention can be used here.

    Args:
        attention: `sdpa` (torch's own, the default of nearly all models), `eager` (plain matrix products), or
            `flash_attention_2` (the package flash-attn, on NVIDIA GPUs, in bf16 or fp16 only).

    Raises:
        InputError: there is no such implementation, or it is not installed.
    """
    if attention not in ATTENTIONS:
        raise InputError(f"no attention {attention!r}: choose one of {', '.join(ATTENTIONS)}")
    if attention == "flash_attention_2":
        from transformers.utils import is_flash_attn_2_available

        if not is_flash_attn_2_available():
            raise InputError(
                "flash_attention_2 needs the package flash-attn and an NVIDIA GPU, and one of them is not here: "
                "install it (pip install flash-attn --no-build-isolation), or use sdpa"
            )
