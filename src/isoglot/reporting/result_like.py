"""`ResultLike`: what pages and figures read of the result of an evaluation, which stands above them."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np

__all__ = ["ResultLike"]

Values = dict[str, Any]


class ResultLike(Protocol):
    """An `isoglot.Result`, or anything with its attributes, which are the keys of the result file."""

    collection: str
    model: str
    languages: list[str]
    monolingual: Values | None
    cross_lingual: Values | None
    multilingual: Values | None
    bias: Values
    macro: Values | None
    geometry: Values | None
    intervals: Values | None
    pairs: list[Values]
    seconds: dict[str, float]
    versions: dict[str, str]
    per_query: dict[str, np.ndarray]
