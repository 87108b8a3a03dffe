"""Pretrained encoders: any sentence-transformers or Hugging Face name or folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import hf_hub_download, try_to_load_from_cache
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from isoglot.encoders.language_map import LanguageMap
from isoglot.encoders.tuning import Attention, add_lora, check_attention, checkpoint_gradients, freeze_weights
from isoglot.errors import InputError
from isoglot.names import did_you_mean

__all__ = ["POOLINGS", "check_encoder", "check_local", "load_encoder", "model_name"]

POOLINGS = ("mean", "cls", "max")
GIVE = (
    "Give the name of a model on the Hugging Face hub (when connected to it; HF_HUB_OFFLINE=1 takes what was "
    "downloaded before) or a folder that sentence-transformers or transformers saved"
)
MODEL_FILES = ("modules.json", "config.json")
ORGANISATION = "sentence-transformers"
"""On the hub, of the names that have none."""


def check_encoder(name: str, *, hub: bool = True) -> None:
    """See that there is an encoder of a name, from its small files; it is not loaded.

    Args:
        name: a model on the Hugging Face hub, or a folder.
        hub: look there too, for a name that is no folder.

    Raises:
        InputError: there is none.
    """
    check_local(name)
    if not hub or Path(name).exists():
        return
    names = [name] if "/" in name else [name, f"{ORGANISATION}/{name}"]
    files = [(one, file) for one in names for file in MODEL_FILES]
    if _is_cached(name):
        return
    reason = "it has neither modules.json nor config.json"
    for each in files:
        try:
            hf_hub_download(*each)
            return
        except LocalEntryNotFoundError:  # not connected: the other files would only be waited for
            reason = "it is not reached, and nothing of this name was downloaded before"
            break
        except EntryNotFoundError:
            pass
        except Exception as error:
            reason = str(error)
    said = " ".join(reason.split())[:300].rstrip(".")
    meant = did_you_mean(name, _models_beside(Path(name)))
    raise InputError(
        f"the model {name} is no folder{meant} and cannot be had from the Hugging Face hub: {said}. {GIVE}"
    )


def check_local(source: str) -> None:
    """See that what can only be a folder is there, and that a folder holds a model."""
    folder = Path(source)
    looks_local = folder.is_absolute() or source.startswith((".", "~")) or source.count("/") != 1
    if folder.exists():
        _check_folder(folder)
    elif "/" in source and (looks_local or (folder.parent.is_dir() and not _is_cached(source))):
        meant = did_you_mean(source, _models_beside(folder))
        raise InputError(f"the model folder {source} does not exist{meant}")


def _models_beside(folder: Path) -> list[str]:
    """Return the folders with models where a folder should be."""
    parent = folder.parent
    beside = sorted(parent.iterdir()) if parent.is_dir() else []
    return [str(one) for one in beside if any((one / file).is_file() for file in MODEL_FILES)]


def _is_cached(name: str) -> bool:
    """Tell whether a model was downloaded from the hub before."""
    names = [name] if "/" in name else [name, f"{ORGANISATION}/{name}"]
    return any(isinstance(try_to_load_from_cache(one, file), str) for one in names for file in MODEL_FILES)


def load_encoder(
    name: str | Path,
    *,
    pooling: str | None = None,
    max_length: int | None = None,
    query_prompt: str | None = None,
    document_prompt: str | None = None,
    device: str | None = None,
    attention: Attention | None = None,
    freeze: Literal["embeddings"] | int | None = None,
    lora_rank: int | None = None,
    lora_alpha: int | None = None,
    lora_targets: Sequence[str] | str | None = None,
    gradient_checkpointing: bool = False,
    trust_remote_code: bool = False,
) -> SentenceTransformer:
    """Load an encoder as a `SentenceTransformer`, and settle which of its weights are trained.

    Weights are read from safetensors only, and kept in the precision that the model says, fp32 as a rule. To train
    in bf16 let the trainer compute in it (`bf16=True`, torch's autocast): weights in bf16 lose small updates.

    Args:
        name: a model on the Hugging Face hub, or a folder that sentence-transformers or transformers saved.
        pooling: how token embeddings become one: `mean`, `cls` or `max`. None keeps what the model says, and
            takes the mean for a plain transformer.
        max_length: most tokens read of a text; the model's own limit if None.
        query_prompt: text put before every query, such as E5's "query: ".
        document_prompt: text put before every document, such as E5's "passage: ".
        device: torch device; the best one found if None.
        attention: `sdpa`, `eager` or `flash_attention_2`; the model's own default if None.
        freeze: keep the `embeddings` as they are, or these and so many of the lowest layers (`freeze_weights`).
        lora_rank: train adapters of this rank beside frozen weights (`add_lora`). `merge_lora` the model before it
            is saved, so that it loads anywhere.
        lora_alpha: scale of LoRA; twice the rank if None.
        lora_targets: linear layers that get adapters; what PEFT takes for the kind of model if None.
        gradient_checkpointing: save memory in training, for time (`checkpoint_gradients`).
        trust_remote_code: run code that comes with the model. Off unless asked for.

    Returns:
        The encoder.

    Raises:
        InputError: there is no such model, the folder holds none, it cannot be reached, or it cannot be set up as
            asked for.
    """
    if freeze is not None and lora_rank is not None:
        raise InputError("freeze and lora_rank exclude each other: LoRA freezes all weights of the model already")
    if lora_rank is None and (lora_alpha is not None or lora_targets is not None):
        raise InputError("lora_alpha and lora_targets need lora_rank, such as 16")
    if attention is not None:
        check_attention(attention)
    source = str(name)
    check_local(source)
    kwargs: dict[str, Any] = {"device": device, "trust_remote_code": trust_remote_code}
    loading: dict[str, Any] = {"use_safetensors": True}
    if attention is not None:
        loading["attn_implementation"] = attention
    try:
        if pooling is not None:
            if pooling not in POOLINGS:
                raise InputError(f"no pooling {pooling!r}: choose one of {', '.join(POOLINGS)}")
            transformer = _transformer(source, loading, trust_remote_code)
            modules = [transformer, Pooling(transformer.get_embedding_dimension(), pooling)]
            model = SentenceTransformer(modules=modules, device=device)
        else:
            # the library imports no class but its own unasked (trust_remote_code): ours is given to it
            model = SentenceTransformer._load_with_module_classes(
                source, {f"{LanguageMap.__module__}.LanguageMap": LanguageMap}, model_kwargs=loading, **kwargs
            )
    except InputError:
        raise
    except Exception as error:
        first = " ".join(str(error).split()) or type(error).__name__
        meant = did_you_mean(source, _models_beside(Path(source))) if not Path(source).exists() else ""
        raise InputError(f"the model {source} cannot be loaded{meant}: {first[:300]}. {GIVE}") from error
    if max_length is not None:
        if max_length < 1:
            raise InputError(f"max_length must be at least 1, not {max_length}")
        model.max_seq_length = max_length
    for key, prompt in (("query", query_prompt), ("document", document_prompt)):
        if prompt is not None:
            model.prompts[key] = prompt
    if freeze is not None:
        freeze_weights(model, freeze)
    if lora_rank is not None:
        add_lora(model, lora_rank, lora_alpha, lora_targets)
    if gradient_checkpointing:
        checkpoint_gradients(model)
    return model


def _transformer(source: str, loading: dict[str, Any], trust_remote_code: bool) -> Transformer:
    """Load the transformer of a model, whether sentence-transformers or transformers saved it."""
    options = {"trust_remote_code": trust_remote_code}
    return Transformer(
        source,
        model_kwargs={**loading, **options},
        processor_kwargs=dict(options),
        config_kwargs=dict(options),
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder} is a file, not a model folder")
    if not (folder / "modules.json").is_file() and not (folder / "config.json").is_file():
        raise InputError(f"{folder} is not a model: it holds neither modules.json nor config.json")
    for name in ("modules.json", "config.json"):
        path = folder / name
        try:
            if path.is_file():
                json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is not valid JSON: {error}") from None


def model_name(model: Any) -> str:
    """Return the name or folder a model was loaded from, as far as it remembers; else the name of its class."""
    card = getattr(model, "model_card_data", None)
    transformers = (getattr(part, "auto_model", None) for part in getattr(model, "children", list)())
    configs = [getattr(one, "config", None) for one in transformers]
    names = [getattr(card, "model_name", None), getattr(card, "base_model", None)]
    names += [getattr(config, "_name_or_path", None) for config in configs]
    return next((str(name) for name in names if name), type(model).__name__)
