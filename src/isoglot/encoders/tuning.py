"""Which weights of a transformer are trained, and how: attention, gradient checkpointing, freezing, LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args

from sentence_transformers import SentenceTransformer
from torch import nn

from isoglot.errors import InputError

__all__ = [
    "ATTENTIONS",
    "Attention",
    "add_lora",
    "check_attention",
    "checkpoint_gradients",
    "freeze_weights",
    "layers_of",
    "merge_lora",
]

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


def layers_of(transformer: Any, remedy: str) -> nn.ModuleList:
    """Return the layers of a transformer, lowest first.

    Args:
        transformer: a `PreTrainedModel`.
        remedy: what to do where they are not known, for the message.

    Raises:
        InputError: they are not known.
    """
    depth = getattr(transformer.config.get_text_config(), "num_hidden_layers", None)
    for module in transformer.modules():
        if isinstance(module, nn.ModuleList) and len(module) == depth:
            return module
    raise InputError(f"the layers of a {type(transformer).__name__} are not known: {remedy}")


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
        layers = layers_of(transformer, "freeze its embeddings only")
        if freeze >= len(layers):
            raise InputError(
                f"{freeze} layers cannot be frozen: the encoder has {len(layers)}, one must be trained"
            )
        frozen += layers[:freeze]
    for module in frozen:
        module.requires_grad_(False)


def add_lora(
    model: SentenceTransformer, rank: int, alpha: int | None = None, targets: Sequence[str] | str | None = None
) -> None:
    """Freeze a transformer and add low-rank adapters to it (LoRA, arXiv 2106.09685), by PEFT.

    Modules after the transformer, such as a dense layer, stay trainable.

    Args:
        model: the encoder; changed in place.
        rank: r of the update B·A, at least 1.
        alpha: the update is scaled by alpha / r; 2 r if not given.
        targets: names of the linear layers that get an adapter, such as `query` and `value`; `all-linear` for all;
            what PEFT takes for this kind of model if not given (in BERT and XLM-R: `query` and `value`).

    Raises:
        InputError: PEFT is not installed, the encoder has no transformer or no such layers, or `rank` is below 1.
    """
    try:
        from peft import LoraConfig
    except ImportError:
        raise InputError("LoRA needs the package peft: pip install 'isoglot[lora]'") from None
    if rank < 1:
        raise InputError(f"the rank of LoRA must be at least 1, not {rank}")
    transformer = transformer_of(model, "LoRA")
    named = targets if targets is None or isinstance(targets, str) else list(targets)
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        target_modules=named,
        task_type="FEATURE_EXTRACTION",
    )
    try:
        transformer.add_adapter(config)
    except ValueError as error:
        raise InputError(
            f"LoRA cannot be added to {type(transformer).__name__}: {' '.join(str(error).split())[:300]}. Name its "
            "linear layers, or give all-linear"
        ) from error


def merge_lora(model: SentenceTransformer) -> SentenceTransformer:
    """Merge LoRA adapters into the weights that they adapt, so that what is saved loads anywhere, without PEFT.

    Embeddings stay the same but for rounding. A model without adapters stays as it is.

    Args:
        model: the encoder; changed in place.

    Returns:
        The encoder.
    """
    transformer = model.transformers_model
    if transformer is None or not getattr(transformer, "_hf_peft_config_loaded", False):
        return model
    from peft.tuners.tuners_utils import BaseTunerLayer

    adapted = [name for name, module in transformer.named_modules() if isinstance(module, BaseTunerLayer)]
    for name in adapted:
        layer = transformer.get_submodule(name)
        layer.merge(safe_merge=True)
        transformer.set_submodule(name, layer.get_base_layer())
    del transformer.peft_config
    transformer._hf_peft_config_loaded = False
    return model
