"""`isoglot train`: a flag for every key of a run's configuration."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from isoglot.cli.budgets import read_budgets
from isoglot.cli.data import COLLECTION, Lang, Split, _tags
from isoglot.cli.state import state

__all__ = ["train"]

SAMPLE, BATCHES, OBJECTIVE, ENCODER = "Sample of the data", "Batches", "Objective", "Encoder"
OPTIMISER, DEVICE, FOLDERS = "Optimiser", "Memory and precision", "Checkpoints and validation"


def _of(panel: str, text: str, *names: str, metavar: str | None = None) -> Any:
    """Return an option in one of the panels of --help."""
    return typer.Option(*names, help=text, rich_help_panel=panel, metavar=metavar)


def _number_or_schedule(text: str | None) -> Any:
    """Read --alpha: a number, or shape:start:end:steps."""
    from isoglot.errors import InputError

    if text is None:
        return None
    parts = text.split(":")
    try:
        if len(parts) == 1:
            return float(text)
        if len(parts) == 4:
            shape, start, end, steps = parts
            return {"shape": shape, "start": float(start), "end": float(end), "steps": int(steps)}
    except ValueError:
        pass
    raise InputError(f"--alpha {text!r} is neither a number nor a schedule such as linear:0.9:0.3:500")


def train(
    context: typer.Context,
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG.yaml]", help="Configuration of the run.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help=f"{COLLECTION} Repeatable.")] = None,
    data_power: Annotated[float | None, _of(BATCHES, "Several data sets are drawn ∝ size^power.")] = None,
    split: Split = None,
    lang: Lang = None,
    lenient: Annotated[bool | None, typer.Option("--lenient", help="Leave bad rows out.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder of the trained model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")] = False,
    seed: Annotated[int | None, typer.Option(help="Decides initial weights and batches.")] = None,
    # sample
    sample: Annotated[
        list[str] | None,
        _of(SAMPLE, "Queries of a language: a number, or all; repeatable.", "--budget", metavar="TAG=N"),
    ] = None,
    default_budget: Annotated[
        str | None, _of(SAMPLE, "Queries of each of the other languages.", metavar="N|all")
    ] = None,
    hold_out_languages: Annotated[
        str | None, _of(SAMPLE, "Languages to leave out altogether, separated by commas.")
    ] = None,
    sample_seed: Annotated[int | None, _of(SAMPLE, "Another one draws other queries; --seed draws none.")] = None,
    # batches
    strategy: Annotated[str | None, _of(BATCHES, "How they are composed: hybrid, monolingual, multiway, …")] = None,
    batch_size: Annotated[int | None, _of(BATCHES, "Rows of a batch.")] = None,
    alpha: Annotated[str | None, _of(BATCHES, "Share of monolingual batches, or shape:start:end:steps.")] = None,
    pairing: Annotated[
        str | None,
        _of(BATCHES, "What draws the languages of cross-lingual batches: every row, or the batch."),
    ] = None,
    ways: Annotated[int | None, _of(BATCHES, "Most languages of a query in multiway batches.")] = None,
    tau: Annotated[float | None, _of(BATCHES, "Language pairs are drawn ∝ size^tau; 0 is uniform.")] = None,
    languages: Annotated[str | None, _of(BATCHES, "Only these, separated by commas.")] = None,
    pairs: Annotated[str | None, _of(BATCHES, "Only these, such as en:de,de:en, or english-centric.")] = None,
    gamma: Annotated[float | None, _of(BATCHES, "Share of batches from --target.")] = None,
    target: Annotated[str | None, _of(BATCHES, "Folder of unlabelled target-domain text.")] = None,
    negatives: Annotated[int | None, _of(BATCHES, "Hard negatives added for each query.")] = None,
    code_switch: Annotated[
        list[str] | None, _of(BATCHES, "Replace words by these lexicons; repeatable.", metavar="PATH")
    ] = None,
    code_switch_rate: Annotated[float | None, _of(BATCHES, "Share of the words replaced.")] = None,
    code_switch_side: Annotated[str | None, _of(BATCHES, "Of what: query, document or both.")] = None,
    # objective
    objective: Annotated[
        list[str] | None, _of(OBJECTIVE, "A term, repeatable; its settings in YAML.", metavar="NAME[:WEIGHT]")
    ] = None,
    temperature: Annotated[float | None, _of(OBJECTIVE, "Of the default objective.")] = None,
    symmetric: Annotated[bool | None, _of(OBJECTIVE, "The default objective in both directions.")] = None,
    # encoder
    encoder: Annotated[str | None, _of(ENCODER, "static, scratch, or a model's name or folder.")] = None,
    from_model: Annotated[
        str | None, _of(ENCODER, "A pretrained model that static starts from.", "--from", metavar="MODEL")
    ] = None,
    dimensions: Annotated[int | None, _of(ENCODER, "Embedding size of static and scratch.")] = None,
    vocabulary: Annotated[int | None, _of(ENCODER, "Most sub-words of static and scratch.")] = None,
    layers: Annotated[int | None, _of(ENCODER, "Layers of scratch.")] = None,
    pooling: Annotated[str | None, _of(ENCODER, "Of a pretrained model: mean, cls or max.")] = None,
    max_length: Annotated[int | None, _of(ENCODER, "Most tokens read of a text.")] = None,
    query_prompt: Annotated[str | None, _of(ENCODER, "Put before every query.")] = None,
    document_prompt: Annotated[str | None, _of(ENCODER, "Put before every document.")] = None,
    attention: Annotated[str | None, _of(ENCODER, "sdpa, eager or flash_attention_2.")] = None,
    freeze: Annotated[str | None, _of(ENCODER, "embeddings, or how many of the lowest layers with them.")] = None,
    lora_rank: Annotated[int | None, _of(ENCODER, "Train adapters of this rank.")] = None,
    lora_alpha: Annotated[int | None, _of(ENCODER, "Scale of the adapters; twice the rank by default.")] = None,
    lora_targets: Annotated[
        str | None, _of(ENCODER, "Layers with adapters, such as query,value, or all-linear.")
    ] = None,
    trust_remote_code: Annotated[bool | None, _of(ENCODER, "Run code that comes with a model.")] = None,
    # optimiser
    steps: Annotated[int | None, _of(OPTIMISER, "How many.")] = None,
    learning_rate: Annotated[float | None, _of(OPTIMISER, "By default as suits the encoder.")] = None,
    warmup: Annotated[float | None, _of(OPTIMISER, "Share of the steps in which the learning rate rises.")] = None,
    schedule: Annotated[str | None, _of(OPTIMISER, "How it falls then: linear, cosine or constant.")] = None,
    adam_beta1: Annotated[float | None, _of(OPTIMISER, "Of AdamW; lower for adversaries, such as 0.5.")] = None,
    weight_decay: Annotated[float | None, _of(OPTIMISER, "Of AdamW.")] = None,
    max_grad_norm: Annotated[float | None, _of(OPTIMISER, "Longer gradients are shortened; 0 for never.")] = None,
    # memory and precision
    bf16: Annotated[bool | None, _of(DEVICE, "Compute in bfloat16.")] = None,
    fp16: Annotated[bool | None, _of(DEVICE, "Compute in float16.")] = None,
    gradient_checkpointing: Annotated[
        bool | None, _of(DEVICE, "Keep less of each layer, compute it again.")
    ] = None,
    memory: Annotated[
        str | None, _of(DEVICE, "Of activations before they are computed again, such as 4GB.")
    ] = None,
    chunk_tokens: Annotated[int | None, _of(DEVICE, "Most tokens that the encoder computes at a time.")] = None,
    cache: Annotated[bool | None, _of(DEVICE, "Keep token ids for later runs.")] = None,
    # checkpoints and validation
    save_steps: Annotated[int | None, _of(FOLDERS, "A checkpoint every so many steps; 0 for none.")] = None,
    keep_checkpoints: Annotated[int | None, _of(FOLDERS, "How many of the last ones are kept.")] = None,
    validation: Annotated[str | None, _of(FOLDERS, "Collection folder or name to measure while training.")] = None,
    eval_steps: Annotated[int | None, _of(FOLDERS, "Measure it every so many steps.")] = None,
    best_measure: Annotated[
        str | None, _of(FOLDERS, "Keep the model that is best by this measure, such as loss or multilingual_AP.")
    ] = None,
    patience: Annotated[
        int | None, _of(FOLDERS, "Stop after so many measurements that were no better by --best-measure.")
    ] = None,
) -> None:
    """Train an encoder. Settings come from CONFIG.yaml, flags, or both; flags win."""
    from isoglot.training import read_config, run_training

    given = dict(context.params)  # named as the keys are
    del given["config"], given["resume"]
    lexicons = {"lexicons": given.pop("code_switch") or None}
    lexicons |= {key: given.pop(f"code_switch_{key}") for key in ("rate", "side")}
    flags = given | {f"code_switch.{key}": value for key, value in lexicons.items()}
    flags |= {
        "data": data or None,
        "from": flags.pop("from_model"),
        "sample": read_budgets(sample, "--budget") if sample else None,
        "hold_out_languages": _tags(hold_out_languages),
        "alpha": _number_or_schedule(alpha),
        "languages": _tags(languages),
        "pairs": pairs if pairs == "english-centric" else _tags(pairs),
        "objective": objective or None,
    }
    settings = read_config(config, flags)
    run = run_training(settings, resume=resume, progress=state.progress)
    if os.environ.get("RANK", "0") == "0":  # of several processes, the one that writes
        typer.echo(
            f"Trained with {settings.strategy} batches for {run.steps:,} steps; the model is in {settings.out}"
        )
