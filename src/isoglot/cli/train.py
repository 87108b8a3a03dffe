"""`isoglot train`: a flag for every key of a run's configuration."""

from __future__ import annotations

import inspect
import os
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from isoglot.amounts import read_budgets
from isoglot.cli.completion import (
    complete_data,
    complete_encoder,
    complete_objective,
    complete_pairing,
    complete_strategy,
)
from isoglot.cli.data import listed
from isoglot.cli.state import state
from isoglot.training.config import TrainConfig, read_config
from isoglot.training.fields import CodeSwitchConfig, about

__all__ = ["train"]


def train(config: Path | None = None, resume: bool = False, **given: Any) -> None:
    """Train an encoder. Settings come from CONFIG.yaml, flags, or both; flags win."""
    from isoglot.measures import plural
    from isoglot.training import run_training

    settings = read_config(config, _flags(given))
    run = run_training(settings, resume=resume, progress=state.progress)
    if os.environ.get("RANK", "0") == "0":  # of several processes, the one that writes
        steps = plural(run.steps, "step")
        typer.echo(f"Trained with {settings.strategy_name} batches for {steps}; the model is in {settings.out}")


def _flags(given: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a configuration that flags give, None for those that are not given."""
    flags: dict[str, Any] = {}
    for parameter, (path, field) in KEYS.items():
        value = given[parameter]
        if about(field)["several"]:
            value = value or None
        elif about(field)["commas"] and value != "english-centric":
            value = listed(value)
        flags[path] = value
    return flags | {
        "sample": read_budgets(flags["sample"], "--budget") if flags["sample"] else None,
        "alpha": _number_or_schedule(flags["alpha"]),
    }


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


def _keys() -> dict[str, tuple[str, FieldInfo]]:
    """Return the keys that have a flag: parameter of `train` -> the key as `read_config` takes it, its field."""
    keys = {name: (field.alias or name, field) for name, field in TrainConfig.model_fields.items()}
    del keys["code_switch"]  # a mapping, whose keys have flags
    for name, field in CodeSwitchConfig.model_fields.items():
        keys["code_switch" if name == "lexicons" else f"code_switch_{name}"] = f"code_switch.{name}", field
    return keys


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    """Return the parameter of `train` that typer makes the flag of."""
    more, text = about(field), field.description or ""
    text += " Repeatable." * more["several"] + " Separated by commas." * more["commas"]
    flag = more["flag"] or (f"--{field.alias}" if field.alias else None)
    names = () if flag is None else (flag,)
    option = typer.Option(
        *names,
        help=text,
        rich_help_panel=more["panel"],
        metavar=more["metavar"],
        autocompletion=COMPLETED.get(name),
    )
    kind: Any = list[str] if more["several"] else _type(field)
    return _keyword(name, Annotated[kind | None, option])


def _keyword(name: str, annotation: Any, default: Any = None) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _type(field: FieldInfo) -> type:
    """Return what typer reads a flag as: what is more than a truth value or a number, as text."""
    kinds = [kind for kind in get_args(field.annotation) or (field.annotation,) if kind is not type(None)]
    read_by_us = any(isinstance(one, BeforeValidator) for one in field.metadata)
    plain = len(kinds) == 1 and kinds[0] in (bool, int, float) and not read_by_us
    return kinds[0] if plain else str


COMPLETED = {
    "data": complete_data,
    "encoder": complete_encoder,
    "objective": complete_objective,
    "pairing": complete_pairing,
    "strategy": complete_strategy,
}
CONFIG = typer.Argument(metavar="[CONFIG.yaml]", help="Configuration of the run.")
RESUME = typer.Option("--resume", help="Continue from the last checkpoint in --out.")
KEYS = _keys()
train.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
    [
        _keyword("config", Annotated[Path | None, CONFIG]),
        *(_parameter(name, field) for name, (_, field) in KEYS.items()),
        _keyword("resume", Annotated[bool, RESUME], False),
    ]
)
