"""Settings of a run that are more than one value: a schedule, a term of the objective, code-switching."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)

from isoglot.batching import CodeSwitcher
from isoglot.batching.code_switching import Side
from isoglot.collections import Collection
from isoglot.data.lexicons.lexicon import Lexicon, read_lexicons
from isoglot.data.lexicons.wordnet import wordnet_lexicons
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag
from isoglot.objectives import Term, term

__all__ = [
    "Budget",
    "Budgets",
    "Bytes",
    "CodeSwitchConfig",
    "DataSets",
    "Freeze",
    "LoraTargets",
    "ScheduleConfig",
    "Strict",
    "Tags",
    "TermConfig",
]

SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?)(I?)B?", re.IGNORECASE)


class Strict(BaseModel):
    """Knows its keys, and that numbers are finite."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class ScheduleConfig(Strict):
    """A schedule of alpha in YAML: see `isoglot.Schedule`."""

    shape: Literal["constant", "linear", "cosine"]
    start: float = Field(ge=0, le=1)
    end: float | None = Field(default=None, ge=0, le=1)
    steps: int = Field(default=0, ge=0)


class TermConfig(Strict):
    """One term of the objective: its name, its weight, and its own settings beside them; or `NAME` or
    `NAME:WEIGHT` in one word.

    Attributes:
        term: name of the term.
        weight: what it is multiplied by.
    """

    model_config = ConfigDict(extra="allow")

    term: str
    weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _in_one_word(cls, value: Any) -> Any:
        if isinstance(value, str):
            name, colon, weight = value.partition(":")
            return {"term": name} | ({"weight": weight} if colon else {})
        if not isinstance(value, dict):
            raise ValueError("should be the name of a term, or {term: NAME, weight: W, …}")
        return value

    def make(self) -> Term:
        """Return the term.

        Raises:
            InputError: there is no such term, or it has no such setting.
        """
        return term(self.term, **(self.model_extra or {}))


class DataSetConfig(Strict):
    """One of the data sets of a run.

    Attributes:
        name: collection folder, or the name of a data set.
        weight: data sets are drawn in proportion to these; by their sizes if not given.
        split: which of its judgments; the run's `split` if not given.
        lang: language of its texts that have none; the run's `lang` if not given.
    """

    name: str
    weight: float | None = Field(default=None, gt=0)
    split: str | None = None
    lang: str | None = None


class CodeSwitchConfig(Strict):
    """Code-switching: see `isoglot.CodeSwitcher`.

    Attributes:
        lexicons: files or folders of lexicons, and wordnets (`.tab` files), which are joined.
        rate: probability that a word is replaced.
        side: whether queries, documents or both are switched.
    """

    lexicons: Annotated[
        list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value), Field(min_length=1)
    ]
    rate: float = Field(default=0.5, gt=0, le=1)
    side: Side = "query"

    @model_validator(mode="before")
    @classmethod
    def _has_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("should be {lexicons: PATH, rate: R, side: SIDE}")
        return value

    def make(self, collection: Collection, seed: int, lenient: bool) -> CodeSwitcher:
        """Read the lexicons.

        Raises:
            InputError: a lexicon cannot be read, or none leads from a language of the collection to another.
        """
        lexicons: list[Lexicon] = []
        wordnets = [path for path in self.lexicons if Path(path).suffix == ".tab"]
        for path in self.lexicons:
            if path not in wordnets:
                lexicons += read_lexicons(path, lenient=lenient)
        if wordnets:
            lexicons += wordnet_lexicons(wordnets, lenient=lenient)
        switcher = CodeSwitcher(lexicons, self.rate, self.side, seed)
        if not any(switcher.targets(tag) for tag in collection.languages):
            known = ", ".join(sorted({lexicon.source for lexicon in lexicons}))
            raise InputError(
                f"code_switch changes nothing: {collection.name} is in {', '.join(collection.languages)}, the "
                f"lexicons translate from {known}"
            )
        return switcher


def _bytes(value: Any) -> Any:
    """Read a size of memory: bytes, or a number with a unit, as in 4GB (10⁹ bytes each) or 4GiB (2³⁰)."""
    if not isinstance(value, str):
        return value
    match = SIZE.fullmatch(value.strip())
    if match is None:
        raise ValueError("should be a number of bytes, or one with a unit, such as 4GB")
    number, unit, binary = match.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def _freeze(value: Any) -> Any:
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if value is None or value == "embeddings" or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise ValueError("should be embeddings, or how many of the lowest layers to freeze with them")


def _names(value: Any) -> Any:
    """Read the layers that LoRA adapts; the command line separates names by commas."""
    if not isinstance(value, str) or value == "all-linear":
        return value
    return [name.strip() for name in value.split(",") if name.strip()]


def _tag(value: Any) -> str:
    """Read the tag of a language; YAML takes the Norwegian `no` for a truth value."""
    if not isinstance(value, str):
        quoted = "'no' in quotes, if Norwegian is meant" if value is False else "a language's tag, such as sw"
        raise ValueError(f"{value!r} is no language: write {quoted}")
    return canonical_tag(value)


def _tags(value: Any) -> Any:
    """Read a list of languages."""
    return list(dict.fromkeys(_tag(one) for one in value)) if isinstance(value, list) else value


def _budget(value: Any) -> Any:
    """Read how many queries of a language are drawn; `all` is None."""
    if value is None or value == "all":
        return None
    if isinstance(value, str) and value.isdecimal():
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    raise ValueError("should be a number of queries, or all")


def _budgets(value: Any) -> Any:
    """Read the budgets of languages."""
    if not isinstance(value, dict):
        raise ValueError("should be {LANGUAGE: NUMBER, …}, such as {sw: 100, de: all}")
    budgets: dict[str, int | str] = {}
    for name, number in value.items():
        tag = _tag(name)
        if tag in budgets:
            raise ValueError(f"{tag} has two budgets: give one")
        try:
            budget = _budget(number)
        except ValueError as error:
            raise ValueError(f"the budget of {tag} {error}") from None
        budgets[tag] = "all" if budget is None else budget
    return budgets


def _data_sets(value: Any) -> Any:
    """Read the data sets of a run: a name, a mapping, or a list of these."""
    listed = value if isinstance(value, list) else [value]
    for one in listed:
        if not isinstance(one, (str, dict, DataSetConfig)):
            raise ValueError("should be a folder or a name, {name: …, weight: …}, or a list of these")
    return [{"name": one} if isinstance(one, str) else one for one in listed]


def _weights_fit(sets: list[DataSetConfig]) -> list[DataSetConfig]:
    given = [one.weight is not None for one in sets]
    if any(given) and len(sets) == 1:
        raise ValueError("a weight decides between several data sets, and this is the only one")
    if any(given) and not all(given):
        raise ValueError("all data sets have a weight, or none: without weights they are drawn by size")
    return sets


def _written_data_sets(sets: list[DataSetConfig]) -> Any:
    """Write data sets as briefly as they can be given."""
    brief = [one.model_dump(exclude_none=True) for one in sets]
    listed = [one["name"] if set(one) == {"name"} else one for one in brief]
    return listed[0] if len(listed) == 1 else listed


DataSets = Annotated[
    list[DataSetConfig],
    Field(min_length=1),
    BeforeValidator(_data_sets),
    AfterValidator(_weights_fit),
    PlainSerializer(_written_data_sets),
]
Budget = Annotated[int | None, BeforeValidator(_budget)]
"""Queries of a language; None for all."""
Budgets = Annotated[dict[str, int | Literal["all"]], BeforeValidator(_budgets), Field(min_length=1)]
"""Canonical tag -> queries of the language."""
Tags = Annotated[list[str], BeforeValidator(_tags), Field(min_length=1)]
"""Canonical tags, each once."""
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
Freeze = Annotated[Literal["embeddings"] | Annotated[int, Field(ge=0)], BeforeValidator(_freeze)]
LoraTargets = Annotated[list[str] | Literal["all-linear"], BeforeValidator(_names)]
