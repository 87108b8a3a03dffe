"""What the keys of a run take: values that are more than a number or a word, and how they are read.

Nothing heavy is imported before a value is used: the command line takes its flags from these fields.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    model_validator,
)
from pydantic.fields import FieldInfo

from isoglot.amounts import is_number, read_budget, read_size
from isoglot.errors import InputError
from isoglot.names import did_you_mean, is_path

if TYPE_CHECKING:
    from isoglot.batching import CodeSwitcher
    from isoglot.collections import Collection
    from isoglot.objectives import Term

__all__ = [
    "Attention",
    "Budget",
    "Budgets",
    "Bytes",
    "CodeSwitchConfig",
    "DataSetConfig",
    "DataSets",
    "Freeze",
    "LoraTargets",
    "Pairing",
    "Report",
    "ScheduleConfig",
    "StrategyConfig",
    "Strict",
    "Tags",
    "Teachers",
    "TermConfig",
    "about",
    "inner_key",
    "place_of",
    "setting",
    "split_pairs",
]

# as `isoglot.batching` and `isoglot.encoders` have them; the tests compare
Attention = Literal["sdpa", "eager", "flash_attention_2"]
Pairing = Literal["row", "batch"]
Side = Literal["query", "document", "both"]
Report = Literal["none", "wandb", "tensorboard", "trackio", "mlflow"]

SAMPLE, BATCHES, OBJECTIVE, ENCODER = "Sample of the data", "Batches", "Objective", "Encoder"
OPTIMISER, DEVICE, FOLDERS = "Optimiser", "Memory and precision", "Checkpoints and validation"
PUBLISHING = "Reports and the Hub"


def setting(
    default: Any,
    panel: str | None,
    text: str,
    *,
    flag: str | None = None,
    metavar: str | None = None,
    several: bool = False,
    commas: bool = False,
    of: tuple[str, ...] = (),
    **limits: Any,
) -> Any:
    """Declare a key of a run: its value, its flag on the command line, its line in the documentation.

    Args:
        default: its value if it is not given; ... if it must be.
        panel: of the help, and part of the documentation, that it belongs to.
        text: what it says, in a sentence.
        flag: its flag, where that is not called as the key is.
        metavar: what the flag takes, where that is not said by the type.
        several: whether the flag may be repeated.
        commas: whether the flag separates several values by commas.
        of: the kinds of encoders that look at it, if others do not.
        **limits: further arguments of `pydantic.Field`.
    """
    if of:
        text = f"{text.removesuffix('.')} ({', '.join(of)})."
    more: dict[str, Any] = {"panel": panel, "flag": flag, "metavar": metavar, "several": several, "commas": commas}
    return Field(default, description=text, json_schema_extra=more | {"of": of}, **limits)


def about(field: FieldInfo) -> dict[str, Any]:
    """Return what `setting` was told of a field besides its value and its sentence."""
    assert isinstance(field.json_schema_extra, dict)
    return field.json_schema_extra


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
        term: name of the term, or where a class of one's own lies, `package.module:Class`.
        weight: what it is multiplied by.
    """

    model_config = ConfigDict(extra="allow")

    term: str
    weight: float = Field(default=1.0, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _in_one_word(cls, value: Any) -> Any:
        if isinstance(value, str):
            name, colon, weight = value.rpartition(":")
            if not colon or (is_path(value) and weight[:1].isupper() and not is_number(weight)):  # a class
                return {"term": value}
            return {"term": name, "weight": weight}
        if not isinstance(value, dict):
            raise ValueError("should be the name of a term, or {term: NAME, weight: W, …}")
        return value

    def make(self) -> Term:
        """Return the term.

        Raises:
            InputError: there is no such term, or it has no such setting.
        """
        from isoglot.objectives import term

        return term(self.term, **(self.model_extra or {}))


class StrategyConfig(Strict):
    """A strategy with settings that no other has, which stand beside its name.

    Attributes:
        strategy: name of the strategy, or where a class of one's own lies, `package.module:Class`.
    """

    model_config = ConfigDict(extra="allow")

    strategy: str


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
    """Code-switching (`isoglot.CodeSwitcher`) by lexicons: files, folders of them and wordnets (`.tab`), joined."""

    lexicons: Annotated[
        list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value), Field(min_length=1)
    ] = setting(
        ..., BATCHES, "Replace words by these lexicons.", flag="--code-switch", metavar="PATH", several=True
    )
    rate: float = setting(0.5, BATCHES, "Share of the words replaced.", gt=0, le=1)
    side: Side = setting("query", BATCHES, "Of what: query, document or both.")

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
        from isoglot.batching import CodeSwitcher
        from isoglot.data.lexicons import gather_lexicons

        lexicons = gather_lexicons(self.lexicons, lenient=lenient)
        switcher = CodeSwitcher(lexicons, self.rate, self.side, seed)
        if not any(switcher.targets(tag) for tag in collection.languages):
            known = ", ".join(sorted({lexicon.source for lexicon in lexicons}))
            raise InputError(
                f"code_switch changes nothing: {collection.name} is in {', '.join(collection.languages)}, the "
                f"lexicons translate from {known}"
            )
        return switcher


def inner_key(location: tuple[int | str, ...]) -> str:
    """Ask which key may be meant within another."""
    kinds: dict[str, type[Strict]] = {"data": DataSetConfig, "alpha": ScheduleConfig}
    return did_you_mean(str(location[-1]), kinds.get(str(location[0]), CodeSwitchConfig).model_fields)


def place_of(location: tuple[int | str, ...]) -> str:
    """Return where in a configuration a value is: `objective[0].weight`. Of values of several types, whose places
    name the types, only the key."""
    if location[0] not in ("data", "objective", "code_switch"):
        return str(location[0])
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in location).removeprefix(".")


def split_pairs(pairs: list[str]) -> tuple[tuple[str, str], ...]:
    """Read language pairs, each `query:document`.

    Raises:
        InputError: one is not of that form.
    """
    split = [tuple(pair.split(":")) for pair in pairs]
    for pair, parts in zip(pairs, split, strict=True):
        if len(parts) != 2:
            raise InputError(f"the language pair {pair!r} is not of the form query:document, such as en:de")
    return tuple((parts[0], parts[1]) for parts in split)


def _bytes(value: Any) -> Any:
    return read_size(value) if isinstance(value, str) else value


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
    """Read the tag of a language."""
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no language: write a language's tag, such as sw")
    from isoglot.languages.tags import canonical_tag

    return canonical_tag(value)


def _tags(value: Any) -> Any:
    """Read a list of languages."""
    return list(dict.fromkeys(_tag(one) for one in value)) if isinstance(value, list) else value


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
            budget = read_budget(number)
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
Budget = Annotated[int | None, BeforeValidator(read_budget)]
"""Queries of a language; None for all."""
Budgets = Annotated[dict[str, int | Literal["all"]], BeforeValidator(_budgets), Field(min_length=1)]
"""Canonical tag -> queries of the language."""
Tags = Annotated[list[str], BeforeValidator(_tags), Field(min_length=1)]
"""Canonical tags, each once."""
Teachers = Annotated[
    list[str],
    Field(min_length=1),
    BeforeValidator(lambda value: [value] if isinstance(value, str) else value),
    PlainSerializer(lambda value: value[0] if value and len(value) == 1 else value),
]
"""A model; or files of embeddings, of several data sets one pair of files for each."""
Bytes = Annotated[int, BeforeValidator(_bytes), Field(gt=0)]
Freeze = Annotated[Literal["embeddings"] | Annotated[int, Field(ge=0)], BeforeValidator(_freeze)]
LoraTargets = Annotated[list[str] | Literal["all-linear"], BeforeValidator(_names)]
