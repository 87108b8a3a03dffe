"""Recipes as files: ours by name, the user's by path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from isoglot.errors import InputError
from isoglot.files import read_text, read_yaml, why_no_file, yaml_text
from isoglot.names import did_you_mean
from isoglot.studies.recipe import Recipe

__all__ = ["demo_recipe", "read_recipe", "recipe_names", "recipe_path", "recipe_text"]

RECIPES = Path(__file__).parent / "recipes"


def recipe_names() -> list[str]:
    """Return the names of the recipes that come with isoglot, in the order in which they are listed."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def recipe_path(name: str) -> Path:
    """Return the file of a recipe: of one of ours by its name, or of the user's by its path.

    Raises:
        InputError: there is none.
    """
    if name in recipe_names():
        return RECIPES / f"{name}.yaml"
    path = Path(name)
    if path.is_file():
        return path
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise InputError(f"the recipe {name} {why_no_file(path)}")
    known = recipe_names()
    meant = did_you_mean(name, known)
    raise InputError(f"no study {name!r}{meant}: choose one of {', '.join(known)}, or give the path of a recipe")


def read_recipe(name: str) -> Recipe:
    """Read and check a recipe.

    Args:
        name: of one of ours, or a path.

    Raises:
        InputError: there is none, it is not YAML, or a key is unknown, missing, given twice or has a bad value.
    """
    path = recipe_path(name)
    content = read_yaml(path, "question: …")
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        raise InputError(f"{path}: {'; '.join(_explain(problem) for problem in error.errors()[:5])}") from None


def recipe_text(recipe: str | Recipe) -> str:
    """Return a recipe as YAML: the file that a name or path stands for, or what a recipe was made of."""
    if isinstance(recipe, str):
        return read_text(recipe_path(recipe))
    return yaml_text(recipe.model_dump(mode="json", exclude_unset=True))


def demo_recipe(steps: int, languages: Sequence[str] | None = None) -> Recipe:
    """Return the recipe of `isoglot demo` with so many steps, and with other languages of worldfacts if given."""
    recipe = read_recipe("demo")
    profile = recipe.profiles["embedded"]
    data = profile.data
    if languages is not None:
        data = {name: one.model_copy(update={"languages": list(languages)}) for name, one in data.items()}
    changed = profile.model_copy(update={"train": {**profile.train, "steps": steps}, "data": data})
    return recipe.model_copy(update={"profiles": {"embedded": changed}})


def _explain(problem: Any) -> str:
    """Say where in the recipe something is wrong, and what."""
    keys = [part for part in problem["loc"] if part not in ("[key]", "dict[str,any]", "literal['none']")]
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in keys).removeprefix(".")
    if problem["type"] == "extra_forbidden":
        return f"unknown key {place!r}"
    if problem["type"] == "missing":
        return f"{place!r} is missing"
    said = str(problem.get("ctx", {}).get("error") or problem["msg"].lower())
    return f"{place!r} is {problem.get('input')!r:.80}: {said}"
