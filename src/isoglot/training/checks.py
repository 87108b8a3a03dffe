"""Settings that would do nothing in a run are refused, not passed over."""

from __future__ import annotations

import torch

from isoglot.collections import Collection
from isoglot.collections.negatives import has_hard_negatives
from isoglot.errors import InputError
from isoglot.training.config import TrainConfig, written_key

__all__ = ["check_negatives", "check_settings", "unused"]

USED_BY = {
    "from_model": ("static",),
    "dimensions": ("static", "scratch"),
    "vocabulary": ("static", "scratch"),
    "layers": ("scratch",),
    "pooling": ("pretrained",),
    "max_length": ("scratch", "pretrained"),
    "trust_remote_code": ("pretrained",),
    "attention": ("scratch", "pretrained"),
    "bf16": ("scratch", "pretrained"),
    "fp16": ("scratch", "pretrained"),
    "gradient_checkpointing": ("scratch", "pretrained"),
    "freeze": ("pretrained",),
    "lora_rank": ("pretrained",),
    "lora_alpha": ("pretrained",),
    "lora_targets": ("pretrained",),
    "memory": ("scratch", "pretrained"),
    "chunk_tokens": ("scratch", "pretrained"),
}
"""Settings that only some encoders have -> which."""
OF_DEFAULT_OBJECTIVE = ("temperature", "symmetric")


def unused(config: TrainConfig) -> list[str]:
    """Return the settings that a run does not look at."""
    kind = config.encoder if config.encoder in ("static", "scratch") else "pretrained"
    found = [key for key, kinds in USED_BY.items() if kind not in kinds]
    if len(config.data) == 1 or config.data[0].weight is not None:
        found.append("data_power")
    if config.sample is None and config.default_budget is None:
        found.append("sample_seed")
    return found if config.objective is None else [*found, *OF_DEFAULT_OBJECTIVE]


def check_settings(config: TrainConfig) -> None:
    """Refuse settings that were given and that the run would not look at, and those that exclude each other.

    Raises:
        InputError: there is one.
    """
    for key in unused(config):
        if key not in config.model_fields_set or getattr(config, key) in (None, False):
            continue
        if key in OF_DEFAULT_OBJECTIVE:
            raise InputError(
                f"{key} is a setting of the default objective: give it to the terms of objective instead"
            )
        if key == "data_power":
            raise InputError(
                "data_power draws several data sets by their sizes: leave it out with "
                + ("weights" if config.data[0].weight is not None else "one data set")
            )
        if key == "sample_seed":
            raise InputError("sample_seed draws a sample: give budgets (sample, default_budget), or leave it out")
        words = {"pretrained": "pretrained models"}
        kinds = " and ".join(words.get(kind, kind) for kind in USED_BY[key])
        raise InputError(
            f"{written_key(key)} is a setting of {kinds}; the encoder {config.encoder} has none: leave it out"
        )
    if config.gamma and config.target is None:
        raise InputError("gamma draws batches of target-domain text: give target, a folder that holds the text")
    if config.target is not None and not config.gamma:
        raise InputError("target is text for domain batches: give gamma, the share of such batches, such as 0.2")
    if config.bf16 and config.fp16:
        raise InputError("bf16 and fp16 exclude each other: choose bf16 where the device has it")
    if config.fp16 and not torch.accelerator.is_available():
        raise InputError("fp16 needs a GPU, and there is none: leave it out, or give bf16")


def check_negatives(config: TrainConfig, collection: Collection) -> None:
    """Refuse hard negatives of a collection that has none.

    Raises:
        InputError: it has none, or they are not as they should be.
    """
    if config.negatives and not has_hard_negatives(collection):
        raise InputError(
            f"negatives is {config.negatives}, and {collection.name} has no hard negatives: find them by isoglot "
            "mine, or leave negatives out"
        )
