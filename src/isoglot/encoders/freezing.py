"""Freezing: the lower part of a transformer keeps its pretrained weights."""

from __future__ import annotations

from typing import Any, Literal

from sentence_transformers import SentenceTransformer
from torch import nn

from isoglot.errors import InputError

__all__ = ["freeze_weights", "transformer_of"]


def transformer_of(model: SentenceTransformer, what: str) -> Any:
    """Return the transformer of a model (a `PreTrainedModel`).

    Args:
        model: the encoder.
        what: what needs it, for the message.

    Raises:
        InputError: the model has none, as static encoders.
    """
    transformer = model.transformers_model
    if transformer is None:
        raise InputError(f"{what} needs a transformer, and this encoder has none")
    return transformer


def _layers_of(transformer: Any) -> nn.ModuleList:
    """Return the layers of a transformer, lowest first."""
    depth = getattr(transformer.config.get_text_config(), "num_hidden_layers", None)
    for module in transformer.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise InputError(f"the layers of a {type(transformer).__name__} are not known: freeze its embeddings only")


def freeze_weights(model: SentenceTransformer, freeze: Literal["embeddings"] | int) -> None:
    """Freeze the embeddings of a transformer, or these and its lowest layers.

    Most of a multilingual encoder's weights are embeddings (192 of XLM-R base's 278 million): frozen, they need no
    gradients and no optimiser state, and words of languages that are not trained on keep their place.

    Args:
        model: the encoder; changed in place.
        freeze: `embeddings`, or how many of the lowest layers to freeze with them, below their number.

    Raises:
        InputError: the encoder has no transformer, or not more layers than that.
    """
    transformer = transformer_of(model, "freezing")
    frozen = [getattr(transformer, "embeddings", None) or transformer.get_input_embeddings()]
    if freeze != "embeddings":
        if isinstance(freeze, bool) or not isinstance(freeze, int) or freeze < 0:
            raise InputError(f"freeze is 'embeddings' or a number of layers, not {freeze!r}")
        layers = _layers_of(transformer)
        if freeze >= len(layers):
            raise InputError(
                f"{freeze} layers cannot be frozen: the encoder has {len(layers)}, one must be trained"
            )
        frozen += layers[:freeze]
    for module in frozen:
        module.requires_grad_(False)
