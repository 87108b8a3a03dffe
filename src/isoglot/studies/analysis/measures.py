"""Which measures have values per query, and which values of a measure are good."""

from __future__ import annotations

from typing import Literal

__all__ = ["OF_SEEDS", "PER_QUERY_BIAS", "SIGNED", "better_of", "column_of"]

PER_QUERY_BIAS = (
    *("rank_distance", "max_rank", "max_rank_log", "complete@10", "complete@100"),
    *("own_language_share@10", "peer@10", "peer@100", "rank_correlation"),
)
"""Measures of bias that are means over queries, and so can be tested by queries."""

OF_SEEDS = ("recall_gap@10", "recall_gap@100")
"""Measures of bias that are no means over queries."""

LOW = (
    *("rank_distance", "max_rank", "max_rank_log", "own_language_share@10", *OF_SEEDS),
    *("alignment", "uniformity", "language_identification"),
)
HIGH = ("complete@10", "complete@100", "peer@10", "peer@100", "rank_correlation", "parallel_accuracy", "cka")

SIGNED = ("own_language_share@10", "rank_correlation", "uniformity")
"""Measures that may be below 0."""


def better_of(setting: str, measure: str) -> Literal["high", "low"] | None:
    """Return which values of a measure are good; None if neither."""
    if setting in ("monolingual", "cross_lingual", "multilingual") or measure in HIGH:
        return "high"
    return "low" if measure in LOW else None


def column_of(setting: str, measure: str) -> str:
    """Return the column of `Result.per_query` that holds a measure's values."""
    return measure if setting == "bias" else f"{setting}_{measure}"
