"""`TrainConfig`: everything that decides a training run, from flags or a YAML file, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ConfigDict, Field, ValidationError, model_validator

from isoglot.batching import Pairing, Schedule, Strategy, strategy
from isoglot.encoders.tuning import Attention
from isoglot.errors import InputError
from isoglot.objectives import InfoNCE, MultiwayInfoNCE
from isoglot.training.nested import (
    Budget,
    Budgets,
    Bytes,
    CodeSwitchConfig,
    DataSets,
    Freeze,
    LoraTargets,
    ScheduleConfig,
    Strict,
    Tags,
    TermConfig,
)

__all__ = ["ScheduleConfig", "TrainConfig", "parse_config", "read_config", "written_key"]


class TrainConfig(Strict):
    """One training run.

    Attributes:
        data: collection folder, or the name of a data set, such as `worldfacts` or `xquad-r`; several, each with
            settings of its own if need be.
        data_power: several data sets are drawn ∝ (number of training pairs)^data_power, unless they have weights.
        split: which judgments, where there are several; `train` if there is such a split.
        lang: language of texts that have none, as in BEIR folders.
        lenient: leave bad rows out instead of failing.
        sample: train with so many queries of these languages: see `isoglot.sample_collection`.
        default_budget: so many of each of the others; all if not given.
        hold_out_languages: train without a text of these.
        sample_seed: another one draws other queries; `seed` draws none.
        encoder: `static`, `scratch`, or the name or folder of a pretrained model.
        from_model: `from` in YAML: a pretrained model that `static` starts from (`isoglot.distil_static`).
        dimensions: embedding size of `static` and `scratch`.
        vocabulary: most sub-words of `static` and `scratch`; 32,000 if not given, and 64,000 of `from_model`'s.
        layers: transformer layers of `scratch`.
        pooling: of a pretrained model: `mean`, `cls` or `max`; what the model says if not given.
        max_length: most tokens read of a text (`scratch` and pretrained).
        query_prompt: text put before every query.
        document_prompt: text put before every document.
        trust_remote_code: run code that comes with a pretrained model.
        attention: `sdpa`, `eager` or `flash_attention_2` (`scratch` and pretrained).
        freeze: keep the `embeddings` of a pretrained model, or these and so many of its lowest layers.
        lora_rank: train adapters of this rank beside the frozen weights of a pretrained model; they are merged into
            them at the end.
        lora_alpha: scale of LoRA; twice the rank if not given.
        lora_targets: linear layers that get adapters, or `all-linear`; what PEFT takes if not given.
        strategy: how batches are composed.
        alpha: probability of a monolingual batch (`hybrid`), or a schedule; 0.5 if not given.
        pairing: whether every `row` of a cross-lingual batch draws its own language pair, or the `batch` one for
            all (`hybrid`, `cross_lingual`); `row` if not given.
        ways: most languages of a query and of its documents (`multiway`); 8 if not given.
        tau: language pairs are drawn ∝ n^tau, n being their training pairs; 0 is uniform.
        languages: only these.
        pairs: only these language pairs, each "query:document", or `english-centric`.
        gamma: probability of a domain batch, crops of the texts of `target`.
        target: collection folder, or a folder with only its `corpus`, of unlabelled target-domain text.
        negatives: hard negatives added for each query, of those that the collection has.
        code_switch: replace words by translations.
        objective: terms, weights and settings; `MultiwayInfoNCE` for multiway batches and `InfoNCE` for others if
            not given, with `DomainContrast` where there are domain batches.
        temperature: of the default objective; that of its term if not given.
        symmetric: the default objective in both directions.
        steps: optimiser steps.
        batch_size: rows of a batch.
        learning_rate: 0.01 for `static`, 0.003 with `from_model`, 5e-4 for `scratch`, 2e-5 for pretrained models
            and 2e-4 for their LoRA adapters if not given.
        warmup: share of the steps over which the learning rate rises.
        schedule: how the learning rate falls after that.
        adam_beta1: of AdamW: how much of the gradients before counts.
        weight_decay: of AdamW.
        max_grad_norm: gradients longer than this are shortened to it; 0 for never.
        bf16: compute in bfloat16, weights staying in float32.
        fp16: compute in float16, with scaled losses.
        gradient_checkpointing: keep one input per layer for the backward pass and compute the rest again.
        memory: bytes (or `4GB`) that activations may take before they are computed again in the backward pass; half
            of what is free if not given.
        chunk_tokens: most tokens, padding included, that the encoder computes at a time; by device if not given.
        cache: keep token ids for later runs.
        seed: decides initial weights, batches and dropout.
        save_steps: a checkpoint every so many steps, for `--resume`; 0 for none.
        keep_checkpoints: how many of the last checkpoints are kept while the run lasts.
        validation: collection folder (its split `dev`, if there are several) to measure while training.
        eval_steps: measure it every so many steps; as often as checkpoints are made if not given.
        best_measure: keep the model that is best on it by this measure, such as `loss` or `multilingual_AP`, of
            which `macro_multilingual_AP` is the mean over query languages; the last one if not given.
        patience: stop after so many measurements in a row that were no better by `best_measure`.
        out: folder of the trained model.
    """

    model_config = ConfigDict(serialize_by_alias=True)  # `from` cannot be an attribute's name

    data: DataSets
    data_power: float = Field(default=1.0, ge=0)
    split: str | None = None
    lang: str | None = None
    lenient: bool = False
    sample: Budgets | None = None
    default_budget: Budget = None
    hold_out_languages: Tags | None = None
    sample_seed: int = 0
    encoder: str = "static"
    from_model: str | None = Field(default=None, alias="from")
    dimensions: int = Field(default=256, ge=1)
    vocabulary: int = Field(default=32_000, ge=100)
    layers: int = Field(default=4, ge=1)
    pooling: Literal["mean", "cls", "max"] | None = None
    max_length: int | None = Field(default=None, ge=1)
    query_prompt: str | None = None
    document_prompt: str | None = None
    trust_remote_code: bool = False
    attention: Attention | None = None
    freeze: Freeze | None = None
    lora_rank: int | None = Field(default=None, ge=1)
    lora_alpha: int | None = Field(default=None, ge=1)
    lora_targets: LoraTargets | None = None
    strategy: str = "hybrid"
    alpha: float | ScheduleConfig | None = None
    pairing: Pairing | None = None
    ways: int | None = None
    tau: float = Field(default=1.0, ge=0)
    languages: list[str] | None = None
    pairs: list[str] | Literal["english-centric"] | None = None
    gamma: float = Field(default=0.0, ge=0, lt=1)
    target: str | None = None
    negatives: int = Field(default=0, ge=0)
    code_switch: CodeSwitchConfig | None = None
    objective: list[TermConfig] | None = Field(default=None, min_length=1)
    temperature: float | None = Field(default=None, gt=0)
    symmetric: bool = False
    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=512, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    warmup: float = Field(default=0.0, ge=0, lt=1)
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    adam_beta1: float = Field(default=0.9, ge=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    max_grad_norm: float = Field(default=1.0, ge=0)
    bf16: bool = False
    fp16: bool = False
    gradient_checkpointing: bool = False
    memory: Bytes | None = None
    chunk_tokens: int | None = Field(default=None, ge=1)
    cache: bool = True
    seed: int = Field(default=0, ge=0)
    save_steps: int = Field(default=500, ge=0)
    keep_checkpoints: int = Field(default=2, ge=1)
    validation: str | None = None
    eval_steps: int | None = Field(default=None, ge=1)
    best_measure: str | None = None
    patience: int | None = Field(default=None, ge=1)
    out: str

    @model_validator(mode="after")
    def _keep_more_of_a_model(self) -> TrainConfig:
        """Of a pretrained model's sub-words keep more than its texts need: others' texts are cut by them too."""
        if self.from_model is not None and "vocabulary" not in self.model_fields_set:
            self.__dict__["vocabulary"] = 64_000
        return self

    def make_strategy(self) -> Strategy:
        """Return the batch strategy.

        Raises:
            InputError: there is no such strategy, or its settings are bad.
        """
        alpha = Schedule(**self.alpha.model_dump()) if isinstance(self.alpha, ScheduleConfig) else self.alpha
        languages = tuple(self.languages) if self.languages is not None else None
        pairs: tuple[tuple[str, str], ...] | str | None = None
        if isinstance(self.pairs, str):
            pairs = self.pairs
        elif self.pairs is not None:
            split = [tuple(pair.split(":")) for pair in self.pairs]
            for pair, parts in zip(self.pairs, split, strict=True):
                if len(parts) != 2:
                    raise InputError(f"the language pair {pair!r} is not of the form query:document, such as en:de")
            pairs = tuple((parts[0], parts[1]) for parts in split)
        return strategy(
            self.strategy,
            alpha=alpha,
            pairing=self.pairing,
            ways=self.ways,
            gamma=self.gamma,
            tau=self.tau,
            languages=languages,
            pairs=pairs,
        )

    @property
    def default_term(self) -> type[InfoNCE] | type[MultiwayInfoNCE]:
        """The term that suits the batches."""
        return MultiwayInfoNCE if self.strategy == "multiway" else InfoNCE

    @property
    def effective_temperature(self) -> float:
        """The temperature given, or that of the default term."""
        return float(self.default_term().temperature()) if self.temperature is None else self.temperature

    @property
    def effective_learning_rate(self) -> float:
        """The learning rate given, or the encoder's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        if self.encoder == "static" and self.from_model is not None:
            return 3e-3  # 0.01 learns the data faster, and spoils what the model knows of other texts
        pretrained = 2e-5 if self.lora_rank is None else 2e-4  # adapters start from nothing
        return {"static": 1e-2, "scratch": 5e-4}.get(self.encoder, pretrained)


def written_key(field: str) -> str:
    """Return the key of a setting as it is written in YAML: of `from_model` it is `from`."""
    return TrainConfig.model_fields[field].alias or field


def read_config(path: str | Path | None, flags: dict[str, Any]) -> TrainConfig:
    """Read a run's configuration: a YAML file's keys, overruled by the flags that were given.

    Args:
        path: the YAML file, if there is one.
        flags: configuration key -> value, None where a flag was not given; `code_switch.rate` is the key `rate`
            in the key `code_switch`.

    Raises:
        InputError: the file cannot be read, a key is unknown, or a value is not what the key takes.
    """
    values: dict[str, Any] = {}
    source = "the flags"
    if path is not None:
        source = str(path)
        try:
            loaded = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise InputError(f"the configuration {path} does not exist") from None
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            raise InputError(f"{path} cannot be read as YAML: {' '.join(str(error).split())}") from None
        if not isinstance(loaded, dict):
            raise InputError(f"{path} must hold keys and values, such as 'strategy: hybrid'")
        values.update(loaded)
    for flag, value in flags.items():
        key, _, inner = flag.partition(".")
        if value is not None:
            known = values.get(key) if inner else None
            values[key] = {**(known if isinstance(known, dict) else {}), inner: value} if inner else value
    return parse_config(values, source)


def parse_config(values: Mapping[str, Any], source: str) -> TrainConfig:
    """Return a run's configuration.

    Args:
        values: configuration key -> value.
        source: what messages call where they come from.

    Raises:
        InputError: a key is unknown or missing, or a value is not what the key takes.
    """
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """Say what is wrong with each key, in one sentence."""
    parts: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        key = str(problem["loc"][0])
        name = _path(problem["loc"])
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            known = ", ".join(written_key(field) for field in TrainConfig.model_fields)
            parts[key] = f"unknown key {key!r}; the keys are {known}"
        elif problem["type"] == "missing" and len(problem["loc"]) == 1:
            parts[key] = f"{key!r} is missing (--{key})"
        elif problem["type"] == "missing":
            parts.setdefault(key, f"{name!r} is missing")
        elif problem["type"] == "extra_forbidden":
            parts.setdefault(key, f"unknown key {name!r}")
        else:
            message = str(problem.get("ctx", {}).get("error") or problem["msg"].lower())
            parts.setdefault(key, f"{name!r} is {problem.get('input')!r}: {message}")
    return "; ".join(parts.values())


def _path(location: tuple[int | str, ...]) -> str:
    """Return where in a configuration a value is: `objective[0].weight`. Of values of several types, whose places
    name the types, only the key."""
    if location[0] not in ("data", "objective", "code_switch"):
        return str(location[0])
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")
