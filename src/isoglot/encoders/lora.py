"""LoRA: small matrices are trained beside frozen weights, and merged into them at the end."""

from __future__ import annotations

from collections.abc import Sequence

from sentence_transformers import SentenceTransformer

from isoglot.encoders.freezing import transformer_of
from isoglot.errors import InputError

__all__ = ["add_lora", "merge_lora"]


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
