"""The arms of a profile: those named, and those of its grids."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import product
from string import Formatter
from typing import Any

from isoglot.errors import InputError
from isoglot.studies.recipe import NAME, Arm, Grid, Profile, Sample

__all__ = ["expand_arms"]


def expand_arms(profile: Profile) -> dict[str, Arm]:
    """Return name -> arm, in the order of the recipe, grids last.

    Raises:
        InputError: there is none, a name is given twice or is none, or a grid names its arms badly.
    """
    arms = dict(profile.arms)
    for grid in profile.grids:
        for name, arm in _grid_arms(grid):
            if name in arms:
                raise InputError(f"two arms are called {name!r}: name the arms of grids after all keys of 'over'")
            arms[name] = arm
    if not arms:
        raise InputError("there are no arms: give arms or grids")
    for name in arms:
        if not re.match(NAME, name):
            raise InputError(f"{name!r} cannot be the name of an arm: use letters, digits, '.', '+', '_' and '-'")
    return arms


def _grid_arms(grid: Grid) -> Iterator[tuple[str, Arm]]:
    short = {key: key.rpartition(".")[2] for key in grid.over}
    fields = {field for _, field, _, _ in Formatter().parse(grid.name) if field is not None}
    if fields != set(short.values()) or len(set(short.values())) < len(short):
        wanted = ", ".join(f"{{{name}}}" for name in short.values())
        raise InputError(f"the grid {grid.name!r} must name its arms by {wanted}, each once")
    for values in product(*grid.over.values()):
        chosen = dict(zip(grid.over, values, strict=True))
        name = grid.name.format(**{short[key]: _word(value) for key, value in chosen.items()})
        yield name, _with_values(grid, chosen)


def _word(value: Any) -> str:
    """Return how a value is written in an arm's name: of a schedule, its values joined by hyphens."""
    if isinstance(value, dict):
        return "-".join(_word(part) for part in value.values())
    return "none" if value is None else str(value).lower()


def _with_values(grid: Grid, chosen: dict[str, Any]) -> Arm:
    train, sample = dict(grid.train), grid.sample
    for key, value in chosen.items():
        if not key.startswith("sample."):
            train[key] = value
            continue
        sample = sample or Sample()
        _, part, *rest = key.split(".", 2)
        if part == "budgets" and rest:
            budgets = {**sample.budgets, rest[0]: value}
            sample = sample.model_copy(update={"budgets": budgets})
            if value is None:  # no budget: all there is
                del budgets[rest[0]]
        elif part in ("default", "hold_out") and not rest:
            sample = sample.model_copy(update={part: value})
        else:
            raise InputError(
                f"the grid {grid.name!r} has no key {key!r}: there are sample.budgets.LANGUAGE, "
                "sample.default and sample.hold_out"
            )
    sample = None if sample is None else Sample.model_validate(sample.model_dump())
    if sample == Sample():
        sample = None
    return Arm(train=train, sample=sample, trials=grid.trials, note=grid.note)
