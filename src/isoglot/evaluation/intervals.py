"""Confidence intervals of averages over queries, by the bootstrap."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from isoglot.evaluation.averages import Averages

__all__ = ["bootstrap_intervals", "draw_counts"]

LEVEL = 0.95


def draw_counts(query_ids: int, draws: int, seed: int, memory: int = 64 * 2**20) -> Iterator[NDArray[np.float64]]:
    """Draw query ids with replacement, some draws at a time.

    Args:
        query_ids: G, how many there are, and how many each draw takes.
        draws: number of draws.
        seed: equal seeds draw the same, whatever `memory` is.
        memory: bytes of one yielded array.

    Yields:
        (some draws, G): how often each query id was drawn.
    """
    generator = np.random.default_rng(seed)
    step = max(1, memory // (8 * max(query_ids, 1)))
    for start in range(0, draws, step):
        counts = np.empty((min(step, draws - start), query_ids))
        for row in counts:
            row[:] = np.bincount(generator.integers(query_ids, size=query_ids), minlength=query_ids)
        yield counts


def bootstrap_intervals(
    averages: Averages, ids: int, draws: int = 1000, seed: int = 0
) -> dict[str, list[float] | None]:
    """Return the 95 % percentile bootstrap interval of every average.

    Query ids are drawn, each with all its language versions, since these are no independent observations;
    macro averages and gaps are computed anew in every draw (Efron and Tibshirani 1993; for retrieval, Sakai
    2006).

    Args:
        averages: what to draw again.
        ids: G, the number of query ids; `averages.query_ids` are below it.
        draws: number of bootstrap samples, at least 1.
        seed: equal seeds draw the same query ids, for any averages and any model.

    Returns:
        measure -> [low, high], or None where it applies to no query.
    """
    edges = [(1 - LEVEL) / 2, (1 + LEVEL) / 2]
    found: dict[str, list[float] | None] = {}
    for name in averages.values:
        drawn = averages.draw(name, draw_counts(ids, draws, seed))
        found[name] = None if np.isnan(drawn[0]) else [float(edge) for edge in np.quantile(drawn, edges)]
    return found
