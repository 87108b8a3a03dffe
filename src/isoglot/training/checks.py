"""Which settings of a run are looked at, and which exclude each other."""

from __future__ import annotations

import os

from isoglot.errors import InputError
from isoglot.stores import refuse_address
from isoglot.training.config import TrainConfig, written_key
from isoglot.training.fields import about

__all__ = ["USED_BY", "check_settings", "unused"]

USED_BY = {name: kinds for name, field in TrainConfig.model_fields.items() if (kinds := about(field)["of"])}
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
        InputError: there is one; or the run would be written to an address.
    """
    refuse_address(config.out, "the folder of a run")
    for name in unused(config):
        if name not in config.model_fields_set or getattr(config, name) in (None, False):
            continue
        if name in OF_DEFAULT_OBJECTIVE:
            raise InputError(
                f"{name} is a setting of the default objective: give it to the terms of objective instead"
            )
        if name == "data_power":
            raise InputError(
                "data_power draws several data sets by their sizes: leave it out with "
                + ("weights" if config.data[0].weight is not None else "one data set")
            )
        if name == "sample_seed":
            raise InputError("sample_seed draws a sample: give budgets (sample, default_budget), or leave it out")
        words = {"pretrained": "pretrained models"}
        kinds = " and ".join(words.get(kind, kind) for kind in USED_BY[name])
        raise InputError(
            f"{written_key(name)} is a setting of {kinds}; the encoder {config.encoder} has none: leave it out"
        )
    if config.gamma and config.target is None:
        raise InputError("gamma draws batches of target-domain text: give target, a folder that holds the text")
    if config.target is not None and not config.gamma:
        raise InputError("target is text for domain batches: give gamma, the share of such batches, such as 0.2")
    if config.fsdp and config.fp16:
        raise InputError("fsdp and fp16 exclude each other: give bf16")
    if config.fsdp and int(os.environ.get("WORLD_SIZE", "1")) == 1:
        raise InputError("fsdp spreads the encoder over several processes: start them with torchrun")
    if config.bf16 and config.fp16:
        raise InputError("bf16 and fp16 exclude each other: choose bf16 where the device has it")
    if config.hub_private and config.push_to_hub is None:
        raise InputError("--private is of a repository on the Hub: give push_to_hub, its name, or leave it out")
    if not config.fp16:
        return
    import torch

    if not torch.accelerator.is_available():
        raise InputError("fp16 needs a GPU, and there is none: leave it out, or give bf16")
