"""The top-level commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from isoglot.cli.compare import compare
from isoglot.cli.data import Lang, Split, _tags
from isoglot.cli.evaluate import evaluate
from isoglot.cli.progress import demo_progress
from isoglot.cli.state import console, state

__all__ = ["register"]


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
    config: Annotated[
        Path | None, typer.Argument(metavar="[CONFIG.yaml]", help="Configuration of the run.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Collection folder, or worldfacts.")] = None,
    split: Split = None,
    lang: Lang = None,
    lenient: Annotated[bool | None, typer.Option("--lenient", help="Leave bad rows out.")] = None,
    encoder: Annotated[str | None, typer.Option(help="static, scratch, or a model's name or folder.")] = None,
    strategy: Annotated[str | None, typer.Option(help="How batches are composed: hybrid, monolingual, …")] = None,
    alpha: Annotated[
        str | None, typer.Option(help="Share of monolingual batches, or shape:start:end:steps.")
    ] = None,
    tau: Annotated[float | None, typer.Option(help="Language pairs are drawn ∝ size^tau.")] = None,
    languages: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    pairs: Annotated[str | None, typer.Option(help="Only these, such as en:de,de:en, or english-centric.")] = None,
    temperature: Annotated[float | None, typer.Option(help="Of InfoNCE.")] = None,
    steps: Annotated[int | None, typer.Option(help="Optimiser steps.")] = None,
    batch_size: Annotated[int | None, typer.Option(help="Rows of a batch.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="By default as suits the encoder.")] = None,
    dimensions: Annotated[int | None, typer.Option(help="Embedding size of static and scratch.")] = None,
    pooling: Annotated[str | None, typer.Option(help="Of a pretrained model: mean, cls or max.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Most tokens read of a text.")] = None,
    query_prompt: Annotated[str | None, typer.Option(help="Put before every query.")] = None,
    document_prompt: Annotated[str | None, typer.Option(help="Put before every document.")] = None,
    seed: Annotated[int | None, typer.Option(help="Decides initial weights and batches.")] = None,
    save_steps: Annotated[int | None, typer.Option(help="A checkpoint every so many steps; 0 for none.")] = None,
    out: Annotated[str | None, typer.Option(help="Folder of the trained model.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the last checkpoint in --out.")] = False,
) -> None:
    """Train an encoder. Settings come from CONFIG.yaml, flags, or both; flags win."""
    flags: dict[str, Any] = {
        "data": data,
        "split": split,
        "lang": lang,
        "lenient": lenient,
        "encoder": encoder,
        "strategy": strategy,
        "alpha": _number_or_schedule(alpha),
        "tau": tau,
        "languages": _tags(languages),
        "pairs": pairs if pairs == "english-centric" else _tags(pairs),
        "temperature": temperature,
        "steps": steps,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "dimensions": dimensions,
        "pooling": pooling,
        "max_length": max_length,
        "query_prompt": query_prompt,
        "document_prompt": document_prompt,
        "seed": seed,
        "save_steps": save_steps,
        "out": out,
    }
    from isoglot.training import read_config
    from isoglot.training import train as run

    settings = read_config(config, flags)
    run(settings, resume=resume, progress=state.progress)
    typer.echo(
        f"Trained with {settings.strategy} batches for {settings.steps:,} steps; the model is in {settings.out}"
    )


def demo(
    out: Annotated[Path, typer.Option(help="Folder of the report, the results and a trained model.")] = Path(
        "demo"
    ),
    seeds: Annotated[int, typer.Option(help="Runs of each strategy.", min=1)] = 3,
    steps: Annotated[int, typer.Option(help="Optimiser steps of each run.", min=1)] = 450,
    languages: Annotated[str | None, typer.Option(help="Languages of worldfacts; twelve by default.")] = None,
) -> None:
    """The whole story on the embedded default: build, train three strategies, compare, write a report."""
    import logging

    from isoglot.cli.tables import estimates_table
    from isoglot.studies.demo import DEMO_LANGUAGES, run_demo

    logging.getLogger("isoglot").setLevel(logging.WARNING)
    with demo_progress(state.progress) as notify:
        outcome = run_demo(
            out, seeds=seeds, steps=steps, languages=tuple(_tags(languages) or DEMO_LANGUAGES), notify=notify
        )
    console().print(estimates_table(outcome.estimates))
    seconds = ", ".join(f"{name} {value:.0f} s" for name, value in outcome.seconds.items())
    typer.echo(f"{seconds}. Report: {outcome.report}  Model (hybrid batches): {out / 'model'}")


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    for command in (demo, train, evaluate, compare):
        app.command()(command)
