"""`TrainConfig`: everything that decides a training run, from flags or a YAML file, checked."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import ConfigDict, ValidationError, model_validator

from isoglot.errors import InputError
from isoglot.files import read_yaml, why_no_file
from isoglot.names import did_you_mean
from isoglot.training.fields import (
    BATCHES,
    DEVICE,
    ENCODER,
    FOLDERS,
    OBJECTIVE,
    OPTIMISER,
    PUBLISHING,
    SAMPLE,
    Attention,
    Budget,
    Budgets,
    Bytes,
    CodeSwitchConfig,
    DataSets,
    Freeze,
    LoraTargets,
    Pairing,
    Report,
    ScheduleConfig,
    StrategyConfig,
    Strict,
    Tags,
    Teachers,
    TermConfig,
    inner_key,
    place_of,
    setting,
    split_pairs,
)

if TYPE_CHECKING:
    from isoglot.batching import Strategy
    from isoglot.objectives import InfoNCE, MultiwayInfoNCE

__all__ = [
    "MADE_HERE",
    "WHERE_TO",
    "TrainConfig",
    "parse_config",
    "read_config",
    "written_key",
]

MADE_HERE, TRANSFORMERS, PRETRAINED = ("static", "scratch"), ("scratch", "pretrained"), ("pretrained",)
"""The encoders that look at a key, of those that not all look at."""


class TrainConfig(Strict):
    """One training run. What each key is says its `description`, of which flags and documentation are made."""

    model_config = ConfigDict(serialize_by_alias=True)  # `from` cannot be an attribute's name

    data: DataSets = setting(
        ..., None, "Collection folder, or a name that `isoglot data list` shows.", several=True
    )
    data_power: float = setting(
        1.0, BATCHES, "Several data sets are drawn ∝ size^data_power, unless they have weights.", ge=0
    )
    split: str | None = setting(None, None, "Which judgments, where there are several; train by default.")
    lang: str | None = setting(None, None, "Language of texts that have none (BEIR folders).")
    lenient: bool = setting(False, None, "Leave bad rows out instead of failing.", flag="--lenient")
    sample: Budgets | None = setting(
        None, SAMPLE, "Queries of a language: a number, or all.", flag="--budget", metavar="TAG=N", several=True
    )
    default_budget: Budget = setting(
        None, SAMPLE, "Queries of each of the other languages; all by default.", metavar="N|all"
    )
    hold_out_languages: Tags | None = setting(None, SAMPLE, "Languages to leave out altogether.", commas=True)
    sample_seed: int = setting(0, SAMPLE, "Another one draws other queries; seed draws none.")
    encoder: str = setting("static", ENCODER, "static, scratch, or a model's name or folder.")
    from_model: str | None = setting(
        None, ENCODER, "A pretrained model to start from.", of=("static",), alias="from", metavar="MODEL"
    )
    dimensions: int = setting(256, ENCODER, "Embedding size.", of=MADE_HERE, ge=1)
    vocabulary: int = setting(32_000, ENCODER, "Most sub-words; 64000 by default with from.", of=MADE_HERE, ge=100)
    layers: int = setting(4, ENCODER, "Transformer layers.", of=("scratch",), ge=1)
    pooling: Literal["mean", "cls", "max"] | None = setting(
        None, ENCODER, "mean, cls or max; what the model says by default.", of=PRETRAINED
    )
    max_length: int | None = setting(None, ENCODER, "Most tokens read of a text.", of=TRANSFORMERS, ge=1)
    query_prompt: str | None = setting(None, ENCODER, "Put before every query.")
    document_prompt: str | None = setting(None, ENCODER, "Put before every document.")
    trust_remote_code: bool = setting(False, ENCODER, "Run code that comes with a model.", of=PRETRAINED)
    attention: Attention | None = setting(None, ENCODER, "sdpa, eager or flash_attention_2.", of=TRANSFORMERS)
    freeze: Freeze | None = setting(
        None, ENCODER, "embeddings, or how many of the lowest layers with them.", of=PRETRAINED
    )
    lora_rank: int | None = setting(
        None,
        ENCODER,
        "Train adapters of this rank, which are merged into the weights at the end.",
        of=PRETRAINED,
        ge=1,
    )
    lora_alpha: int | None = setting(
        None, ENCODER, "Scale of the adapters; twice the rank by default.", of=PRETRAINED, ge=1
    )
    lora_targets: LoraTargets | None = setting(
        None,
        ENCODER,
        "Linear layers with adapters, such as query,value, or all-linear; as PEFT does by default.",
        of=PRETRAINED,
    )
    strategy: str | StrategyConfig = setting("hybrid", BATCHES, "How they are composed: hybrid, mixed and others.")
    alpha: float | ScheduleConfig | None = setting(
        None, BATCHES, "Share of monolingual batches, or a schedule shape:start:end:steps; 0.5 by default."
    )
    pairing: Pairing | None = setting(
        None, BATCHES, "What draws the languages of cross-lingual batches: every row (by default), or the batch."
    )
    ways: int | None = setting(None, BATCHES, "Most languages of a query in multiway batches; 8 by default.")
    tau: float = setting(1.0, BATCHES, "Language pairs are drawn ∝ size^tau; 0 is uniform.", ge=0)
    languages: list[str] | None = setting(None, BATCHES, "Only these languages.", commas=True)
    pairs: list[str] | Literal["english-centric"] | None = setting(
        None, BATCHES, "Only these language pairs, query:document, or english-centric.", commas=True
    )
    gamma: float = setting(0.0, BATCHES, "Share of domain batches, crops of the texts of target.", ge=0, lt=1)
    target: str | None = setting(None, BATCHES, "Folder of unlabelled target-domain text.")
    negatives: int = setting(
        0, BATCHES, "Hard negatives added for each query, of those that the collection has.", ge=0
    )
    code_switch: CodeSwitchConfig | None = setting(None, BATCHES, "Replace words by translations.")
    objective: list[TermConfig] | None = setting(
        None,
        OBJECTIVE,
        "A term of the objective; as suits the batches by default. Settings of terms stand in YAML.",
        metavar="NAME[:WEIGHT]",
        several=True,
        min_length=1,
    )
    matryoshka: list[int] | None = setting(
        None, OBJECTIVE, "Also on embeddings cut to these numbers of dimensions.", commas=True, min_length=1
    )
    temperature: float | None = setting(None, OBJECTIVE, "Of the default objective: 0.05, multiway 0.07.", gt=0)
    symmetric: bool = setting(False, OBJECTIVE, "The default objective in both directions.")
    teacher: Teachers | None = setting(
        None, OBJECTIVE, "Model that a term learns from, or embeddings:QUERIES,DOCUMENTS.", several=True
    )
    steps: int = setting(1000, OPTIMISER, "How many steps.", ge=1)
    batch_size: int = setting(512, BATCHES, "Rows of a batch.", ge=1)
    learning_rate: float | None = setting(
        None,
        OPTIMISER,
        "By default 0.01 for static (0.003 with from), 5e-4 for scratch, 2e-5 for pretrained, 2e-4 for LoRA.",
        gt=0,
    )
    warmup: float = setting(0.0, OPTIMISER, "Share of the steps in which the learning rate rises.", ge=0, lt=1)
    schedule: Literal["constant", "linear", "cosine"] = setting(
        "linear", OPTIMISER, "How it falls then: linear, cosine or constant."
    )
    adam_beta1: float = setting(0.9, OPTIMISER, "Of AdamW; lower for adversaries, such as 0.5.", ge=0, lt=1)
    weight_decay: float = setting(0.0, OPTIMISER, "Of AdamW.", ge=0)
    max_grad_norm: float = setting(1.0, OPTIMISER, "Longer gradients are shortened; 0 for never.", ge=0)
    bf16: bool = setting(False, DEVICE, "Compute in bfloat16, weights staying in float32.", of=TRANSFORMERS)
    fp16: bool = setting(False, DEVICE, "Compute in float16, with scaled losses.", of=TRANSFORMERS)
    gradient_checkpointing: bool = setting(
        False, DEVICE, "Keep less of each layer, compute it again.", of=TRANSFORMERS
    )
    fsdp: bool = setting(
        False,
        DEVICE,
        "Spread the encoder over the processes (FSDP2), where one GPU does not hold it.",
        of=TRANSFORMERS,
    )
    memory: Bytes | None = setting(
        None,
        DEVICE,
        "Of activations before they are computed again, such as 4GB; half of what is free by default.",
        of=TRANSFORMERS,
    )
    chunk_tokens: int | None = setting(
        None,
        DEVICE,
        "Most tokens, padding included, that the encoder computes at a time; as suits the device by default.",
        of=TRANSFORMERS,
        ge=1,
    )
    cache: bool = setting(True, DEVICE, "Keep token ids, and embeddings of a teacher, for later runs.")
    seed: int = setting(0, None, "Decides initial weights, batches and dropout.", ge=0)
    save_steps: int = setting(500, FOLDERS, "A checkpoint every so many steps; 0 for none.", ge=0)
    keep_checkpoints: int = setting(2, FOLDERS, "How many of the last ones are kept.", ge=1)
    validation: str | None = setting(None, FOLDERS, "Collection folder or name to measure while training.")
    eval_steps: int | None = setting(
        None, FOLDERS, "Measure it every so many steps; as often as checkpoints are made by default.", ge=1
    )
    best_measure: str | None = setting(
        None,
        FOLDERS,
        "Keep the model that is best by this measure, such as loss or multilingual_AP; the last one by default.",
    )
    patience: int | None = setting(
        None, FOLDERS, "Stop after so many measurements in a row that were no better by best_measure.", ge=1
    )
    out: str = setting(..., None, "Folder of the trained model.")
    push_to_hub: str | None = setting(
        None, PUBLISHING, "Push the finished model to this repository of the Hugging Face Hub.", metavar="USER/NAME"
    )
    hub_private: bool = setting(
        False, PUBLISHING, "A private one; else the account's default, which is public.", flag="--private"
    )
    report_to: Report = setting("none", PUBLISHING, "Log the run to none, wandb, tensorboard, trackio or mlflow.")

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
        from isoglot.batching import Schedule, strategy

        alpha = Schedule(**self.alpha.model_dump()) if isinstance(self.alpha, ScheduleConfig) else self.alpha
        languages = tuple(self.languages) if self.languages is not None else None
        given = self.strategy
        return strategy(
            self.strategy_name,
            alpha=alpha,
            pairing=self.pairing,
            ways=self.ways,
            gamma=self.gamma,
            tau=self.tau,
            languages=languages,
            pairs=split_pairs(self.pairs) if isinstance(self.pairs, list) else self.pairs,
            settings=given.model_extra if isinstance(given, StrategyConfig) else None,
        )

    @property
    def strategy_name(self) -> str:
        """Name of the strategy, or `package.module:Class`."""
        return self.strategy if isinstance(self.strategy, str) else self.strategy.strategy

    @property
    def default_term(self) -> type[InfoNCE] | type[MultiwayInfoNCE]:
        """The term that suits the batches."""
        from isoglot.batching import Multiway
        from isoglot.batching.strategies import strategy_class
        from isoglot.objectives import InfoNCE, MultiwayInfoNCE

        return MultiwayInfoNCE if issubclass(strategy_class(self.strategy_name), Multiway) else InfoNCE

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


WHERE_TO = ("push_to_hub", "hub_private", "report_to")
"""Settings that say who learns of a run, and decide nothing of it."""


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
        if not Path(path).is_file():
            raise InputError(f"the configuration {path} {why_no_file(Path(path))}")
        values.update(read_yaml(Path(path), "strategy: hybrid"))
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
    known = [written_key(field) for field in TrainConfig.model_fields]
    for problem in error.errors(include_url=False):
        key = str(problem["loc"][0])
        name = place_of(problem["loc"])
        if problem["type"] == "extra_forbidden" and len(problem["loc"]) == 1:
            parts[key] = f"unknown key {key!r}{did_you_mean(key, known)}; the keys are {', '.join(known)}"
        elif problem["type"] == "missing" and len(problem["loc"]) == 1:
            parts[key] = f"{key!r} is missing (--{key})"
        elif problem["type"] == "missing":
            parts.setdefault(key, f"{name!r} is missing")
        elif problem["type"] == "extra_forbidden":
            parts.setdefault(key, f"unknown key {name!r}{inner_key(problem['loc'])}")
        else:
            message = str(problem.get("ctx", {}).get("error") or problem["msg"].lower())
            parts.setdefault(key, f"{name!r} is {problem.get('input')!r}: {message}")
    return "; ".join(parts.values())
