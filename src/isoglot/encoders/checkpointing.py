"""Gradient checkpointing: activations are computed again instead of kept."""

from __future__ import annotations

from sentence_transformers import SentenceTransformer

from isoglot.encoders.freezing import transformer_of
from isoglot.errors import InputError

__all__ = ["checkpoint_gradients"]


def checkpoint_gradients(model: SentenceTransformer) -> None:
    """Keep only each layer's input for the backward pass, and compute the rest again (arXiv 1604.06174): memory of
    about one layer's activations instead of all, for a third more time.

    Args:
        model: the encoder; changed in place. It takes effect in training mode.

    Raises:
        InputError: the encoder has no transformer, or one that does not support it.
    """
    transformer = transformer_of(model, "gradient checkpointing")
    if not transformer.supports_gradient_checkpointing:
        raise InputError(f"{type(transformer).__name__} does not support gradient checkpointing")
    # transformers renames this in 5.x and warns of the old name
    name = "activation_checkpointing_enable"
    enable = getattr(transformer, name, None) or transformer.gradient_checkpointing_enable
    enable({"use_reentrant": False})
    # Only re-entrant checkpoints need inputs that require gradients; with frozen embeddings these would be computed
    # in vain down to the lowest layer.
    transformer.disable_input_require_grads()
