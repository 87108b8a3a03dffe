"""What pages and figures read of the result of an evaluation, which stands above them."""

# ruff: noqa: D102 (what the properties mean stands there)
from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from isoglot.measures import key_parts

__all__ = ["ComparedLike", "ResultLike", "Row", "value_row"]

Values = dict[str, Any]
Row = Mapping[str, Any]
"""`mean`, `low`, `high`: a value with its interval, which may be None."""


class ResultLike(Protocol):
    """An `isoglot.Result`, or anything with its attributes, which are the keys of the result file."""

    bias: Values
    collection: str
    cross_lingual: Values | None
    geometry: Values | None
    intervals: Values | None
    languages: list[str]
    macro: Values | None
    model: str
    monolingual: Values | None
    multilingual: Values | None
    pairs: list[Values]
    per_query: dict[str, np.ndarray]
    seconds: dict[str, float]
    versions: dict[str, str]


class ComparedLike(Protocol):
    """An `isoglot.evaluation.Compared`: one paired test of another result against the first; it may be frozen."""

    @property
    def model(self) -> str: ...
    @property
    def language(self) -> str | None: ...
    @property
    def setting(self) -> str: ...
    @property
    def measure(self) -> str: ...
    @property
    def first(self) -> float: ...
    @property
    def second(self) -> float: ...
    @property
    def difference(self) -> float: ...
    @property
    def p_holm(self) -> float: ...
    @property
    def effect_size(self) -> float | None: ...
    @property
    def left_out(self) -> int: ...
    @property
    def verdict(self) -> str: ...


def value_row(result: ResultLike, key: str, macro: bool = False) -> Row:
    """Return a measure of a result; None for what it does not have.

    Args:
        result: the result.
        key: `monolingual.AP`, `geometry.cka`, `bias.rank_distance` or just `rank_distance`.
        macro: the average over query languages instead.
    """
    setting, name = key_parts(key)
    averages = result.macro or {}
    values = averages.get(setting) if macro else getattr(result, setting)
    intervals = averages.get("intervals") if macro else result.intervals
    low, high = ((intervals or {}).get(setting) or {}).get(name) or (None, None)
    return {"mean": (values or {}).get(name), "low": low, "high": high}
