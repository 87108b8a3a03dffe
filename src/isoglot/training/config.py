"""`TrainConfig`: everything that decides a training run, from flags or a YAML file, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from isoglot.batching import Schedule, Strategy, strategy
from isoglot.errors import InputError

__all__ = ["ScheduleConfig", "TrainConfig", "read_config"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ScheduleConfig(_Strict):
    """A schedule of alpha in YAML: see `isoglot.Schedule`."""

    shape: Literal["constant", "linear", "cosine"]
    start: float = Field(ge=0, le=1)
    end: float | None = Field(default=None, ge=0, le=1)
    steps: int = Field(default=0, ge=0)


class TrainConfig(_Strict):
    """One training run.

    Attributes:
        data: collection folder, or `worldfacts`.
        split: which judgments, where there are several; `train` if there is such a split.
        lang: language of texts that have none, as in BEIR folders.
        lenient: leave bad rows out instead of failing.
        encoder: `static`, `scratch`, or the name or folder of a pretrained model.
        dimensions: embedding size of `static` and `scratch`.
        vocabulary: most sub-words of `static` and `scratch`.
        layers: transformer layers of `scratch`.
        pooling: of a pretrained model: `mean`, `cls` or `max`; what the model says if not given.
        max_length: most tokens read of a text (`scratch` and pretrained).
        query_prompt: text put before every query.
        document_prompt: text put before every document.
        trust_remote_code: run code that comes with a pretrained model.
        strategy: how batches are composed.
        alpha: probability of a monolingual batch (`hybrid`), or a schedule; 0.5 if not given.
        tau: language pairs are drawn ∝ n^tau.
        languages: only these.
        pairs: only these language pairs, each "query:document", or `english-centric`.
        temperature: of InfoNCE.
        symmetric: InfoNCE in both directions.
        steps: optimiser steps.
        batch_size: rows of a batch.
        learning_rate: 0.01 for `static`, 5e-4 for `scratch`, 2e-5 for pretrained models if not given.
        warmup: share of the steps over which the learning rate rises.
        schedule: how the learning rate falls after that.
        seed: decides initial weights, batches and dropout.
        save_steps: a checkpoint every so many steps, for `--resume`; 0 for none.
        out: folder of the trained model.
    """

    data: str
    split: str | None = None
    lang: str | None = None
    lenient: bool = False
    encoder: str = "static"
    dimensions: int = Field(default=256, ge=1)
    vocabulary: int = Field(default=32_000, ge=100)
    layers: int = Field(default=4, ge=1)
    pooling: Literal["mean", "cls", "max"] | None = None
    max_length: int | None = Field(default=None, ge=1)
    query_prompt: str | None = None
    document_prompt: str | None = None
    trust_remote_code: bool = False
    strategy: str = "hybrid"
    alpha: float | ScheduleConfig | None = None
    tau: float = Field(default=1.0, ge=0)
    languages: list[str] | None = None
    pairs: list[str] | Literal["english-centric"] | None = None
    temperature: float = Field(default=0.05, gt=0)
    symmetric: bool = False
    steps: int = Field(default=1000, ge=1)
    batch_size: int = Field(default=512, ge=1)
    learning_rate: float | None = Field(default=None, gt=0)
    warmup: float = Field(default=0.0, ge=0, lt=1)
    schedule: Literal["constant", "linear", "cosine"] = "linear"
    seed: int = Field(default=0, ge=0)
    save_steps: int = Field(default=500, ge=0)
    out: str

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
        return strategy(self.strategy, alpha=alpha, tau=self.tau, languages=languages, pairs=pairs)

    @property
    def effective_learning_rate(self) -> float:
        """The learning rate given, or the encoder's default."""
        if self.learning_rate is not None:
            return self.learning_rate
        return {"static": 1e-2, "scratch": 5e-4}.get(self.encoder, 2e-5)


def read_config(path: str | Path | None, flags: dict[str, Any]) -> TrainConfig:
    """Read a run's configuration: a YAML file's keys, overruled by the flags that were given.

    Args:
        path: the YAML file, if there is one.
        flags: configuration key -> value, None where a flag was not given.

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
    values.update({key: value for key, value in flags.items() if value is not None})
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        raise InputError(f"{source}: {_explain(error)}") from None


def _explain(error: ValidationError) -> str:
    """Say what is wrong with each key, in one sentence."""
    parts: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        key = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            parts[key] = f"unknown key {key!r}; the keys are {', '.join(TrainConfig.model_fields)}"
        elif problem["type"] == "missing" and len(problem["loc"]) == 1:
            parts[key] = f"{key!r} is missing (--{key})"
        else:
            parts.setdefault(key, f"{key!r} is {problem.get('input')!r}: {problem['msg'].lower()}")
    return "; ".join(parts.values())
