"""`ResultLike`: what pages and figures read of the result of an evaluation, which stands above them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["ResultLike"]

Values = dict[str, Any]


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
