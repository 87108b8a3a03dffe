"""Encoders whose weights, gradients and optimiser's state are spread over the processes (FSDP2).

Every process holds a part of each matrix (`torch.distributed.fsdp.fully_shard`). A layer, or the word embedding, is
brought together while it computes. What leaves the processes is whole: checkpoints are those that one process would
write, and any number of processes reads them.
"""

from __future__ import annotations

import copy
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn

from isoglot.encoders.tuning import layers_of, transformer_of
from isoglot.errors import InputError

__all__ = [
    "ShardedEncoder",
    "Sharding",
    "is_sharded",
    "shard_optimizer_state",
    "take_sharding",
    "whole_optimizer_state",
    "without_fsdp",
]


def is_sharded(model: Any) -> bool:
    """Tell whether the weights of an encoder are spread over the processes."""
    fsdp = sys.modules.get("torch.distributed.fsdp")  # without which nobody has spread it
    return fsdp is not None and isinstance(model, fsdp.FSDPModule)


LAUNCHED = "ACCELERATE_USE_FSDP"  # how `accelerate launch --use_fsdp` tells


@dataclass(frozen=True)
class Sharding:
    """How an encoder is spread over the processes.

    Attributes:
        reshard: give a layer's gathered weights up after the forward pass, and gather them again for the backward
            pass; else they are kept between the two.
        half: compute in bfloat16; weights, gradients and embeddings stay in fp32.
    """

    reshard: bool = True
    half: bool = False


def take_sharding(args: Any, model: SentenceTransformer) -> Sharding | None:
    """Return how a trainer's arguments, or `accelerate launch`, ask for the encoder to be spread; None if they do
    not.

    Args:
        args: `SentenceTransformerTrainingArguments`, from which it is taken away: nobody else should do it.
        model: the encoder.

    Raises:
        InputError: it cannot be done, or not as they ask for.
    """
    launched = os.environ.get(LAUNCHED, "").lower() == "true"
    if not args.fsdp and not launched:
        return None
    from accelerate.utils import FullyShardedDataParallelPlugin
    from torch.distributed.fsdp import CPUOffloadPolicy

    asked = getattr(args, "fsdp_plugin_args", None) or {}
    args.fsdp, args.fsdp_plugin_args = None, None
    if asked.get("fsdp_version", int(os.environ.get("FSDP_VERSION", "1"))) != 2:
        raise InputError("isoglot's objectives train with FSDP2: give fsdp_version 2 (fsdp_config: version)")
    plugin = FullyShardedDataParallelPlugin(**asked)
    if not dist.is_available() or not dist.is_initialized():
        raise InputError("fsdp spreads an encoder over several processes: start them with torchrun")
    for given, instead in (
        (isinstance(plugin.cpu_offload, CPUOffloadPolicy), "cpu_offload: use more processes, or LoRA"),
        (plugin.activation_checkpointing, "activation_checkpointing: give gradient_checkpointing"),
        (args.fp16, "fp16: give bf16"),
    ):
        if given:
            raise InputError(f"an encoder spread by fsdp is not trained with {instead}")
    transformer_of(model, "fsdp")
    return Sharding(bool(plugin.reshard_after_forward), bool(args.bf16))


@contextmanager
def without_fsdp() -> Iterator[None]:
    """Have accelerate not hear that it was launched to shard models: `ShardedEncoder` does."""
    before = os.environ.pop(LAUNCHED, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[LAUNCHED] = before


class ShardedEncoder:
    """An encoder that is spread over the processes, and how it is made whole again.

    Args:
        model: the encoder, whole, in every process; afterwards it holds this process's shards of the first one's
            weights.
        device: where it computes.
        sharding: how.

    Raises:
        InputError: the encoder has no transformer, or one whose layers are not known.
    """

    def __init__(self, model: SentenceTransformer, device: torch.device, sharding: Sharding) -> None:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        transformer = transformer_of(model, "fsdp")
        layers = layers_of(transformer, "train it with DDP, without fsdp")
        self.model = model
        self._shell = _without_weights(model)
        _take_from_first(model, device)
        mesh = init_device_mesh(device.type, (dist.get_world_size(),))
        inside = outside = MixedPrecisionPolicy()
        if sharding.half:
            inside = MixedPrecisionPolicy(torch.bfloat16, torch.float32)
            outside = MixedPrecisionPolicy(torch.bfloat16, torch.float32, torch.float32)
        for unit in (transformer.get_input_embeddings(), *layers):
            fully_shard(unit, mesh=mesh, reshard_after_forward=sharding.reshard, mp_policy=inside)
        # What is left of it too: gathered in one process and not in another, it would be waited for in vain.
        fully_shard(model, mesh=mesh, reshard_after_forward=sharding.reshard, mp_policy=outside)

    def whole(self) -> SentenceTransformer:
        """Return the encoder with all weights, on the CPU of the first process; elsewhere they are on no device
        (`meta`). All processes must ask."""
        found = _copied(self._shell)
        state: dict[str, Tensor] = {}
        for name, value in self.model.state_dict().items():
            whole = _whole(value.detach())
            if dist.get_rank() == 0:
                state[name] = whole.cpu()
        if state:
            found.load_state_dict(state, assign=True)
        return found

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take the weights of a whole encoder, which the first process gives. All processes must call it."""
        from torch.distributed.checkpoint.state_dict import StateDictOptions, set_model_state_dict

        options = StateDictOptions(full_state_dict=True, broadcast_from_rank0=True)
        set_model_state_dict(self.model, dict(state) if dist.get_rank() == 0 else {}, options=options)


def _without_weights(model: SentenceTransformer) -> SentenceTransformer:
    """Return a copy of an encoder whose parameters take no memory."""
    return _copied(
        model,
        {
            id(one): nn.Parameter(one.detach().to("meta"), requires_grad=one.requires_grad)
            for one in model.parameters()
        },
    )


def _copied(model: SentenceTransformer, known: dict[int, Any] | None = None) -> SentenceTransformer:
    """Return a copy of an encoder, without one of the trainer, which its card's data know."""
    data = copy.copy(model.model_card_data)
    found = copy.deepcopy(model, {id(model.model_card_data): data, **(known or {})})
    data.register_model(found)  # else, where a card is written, it would ask the sharded one for examples
    return found


def _take_from_first(model: nn.Module, device: torch.device) -> None:
    """Give all processes the first one's weights, one after the other over the device."""
    for tensor in [*model.parameters(), *model.buffers()]:
        held = tensor.detach().to(device)
        dist.broadcast(held, 0)
        tensor.data.copy_(held)


def _whole(value: Any) -> Any:
    """Return a value with all its shards. All processes must ask."""
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def whole_optimizer_state(optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return the state of an optimiser as one process would have it, on the CPU of the first process; elsewhere it
    lacks what is sharded. All processes must ask."""
    state: dict[str, Any] = optimizer.state_dict()
    first = dist.get_rank() == 0
    found: dict[int, dict[str, Any]] = {}
    for number, values in state["state"].items():
        found[number] = {}
        for name, value in values.items():
            whole = _whole(value)  # one at a time
            if first:
                found[number][name] = whole.cpu() if isinstance(whole, Tensor) else whole
    return {**state, "state": found}


def shard_optimizer_state(optimizer: torch.optim.Optimizer, state: Mapping[str, Any]) -> dict[str, Any]:
    """Return the state of an optimiser as this process holds it: of every matrix its shard.

    Args:
        optimizer: of the sharded encoder.
        state: in all processes what `whole_optimizer_state` returned, or the `state_dict` of an optimiser that is
            whole.
    """
    from torch.distributed.tensor import DTensor, distribute_tensor

    numbers = [number for group in state["param_groups"] for number in group["params"]]
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    found: dict[int, dict[str, Any]] = {}
    for number, parameter in zip(numbers, parameters, strict=True):
        found[number] = {}
        for name, value in state["state"].get(number, {}).items():
            if isinstance(parameter, DTensor) and isinstance(value, Tensor) and value.shape == parameter.shape:
                value = distribute_tensor(value, parameter.device_mesh, parameter.placements)
            found[number][name] = value
    return {**state, "state": {number: values for number, values in found.items() if values}}
