"""Were the arms given the same? Steps, tokens or time, as the recipe says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from isoglot.studies.recipe import Comparable

__all__ = ["check_comparable"]

WORDS = {"steps": "optimiser steps", "tokens": "encoded tokens", "time": "seconds of training"}


def check_comparable(stated: Comparable, runs: Mapping[str, Mapping[int, dict[str, Any]]]) -> dict[str, Any]:
    """Check what the recipe says is the same for all trained arms.

    Args:
        stated: what it says.
        runs: arm -> seed -> how the run went, of trained arms.

    Returns:
        What the result file holds: `same`, `tolerance`, `holds` (None where it cannot be said), `values` (mean
        over seeds by arm) and `sentence`.
    """
    values: dict[str, float | None] = {}
    for arm, seeds in runs.items():
        if not seeds:
            continue
        of_seeds = [
            run["seconds"]["train"] if stated.same == "time" else run[stated.same] for run in seeds.values()
        ]
        values[arm] = None if any(value is None for value in of_seeds) else float(np.mean(of_seeds))
    found = {"same": stated.same, "tolerance": stated.tolerance, "holds": None, "values": values}
    what = WORDS[stated.same]
    unknown = [arm for arm, value in values.items() if value is None]
    if unknown:
        return {
            **found,
            "sentence": f"Whether the arms had the same {what} is not known: {unknown[0]} did not count them.",
        }
    known = {arm: value for arm, value in values.items() if value is not None}
    if len(known) < 2:
        return {**found, "sentence": f"Fewer than two arms were trained: there are no {what} to compare."}
    least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
    ratio = known[most] / known[least] if known[least] else float("inf")
    holds = ratio <= 1 + stated.tolerance
    range_ = f"from {known[least]:,.0f} ({least}) to {known[most]:,.0f} ({most})"
    if known[most] == known[least]:
        sentence = f"All trained arms had the same {what}, {known[most]:,.0f}."
    elif holds:
        sentence = (
            f"All trained arms had about the same {what}, {range_}: within {stated.tolerance:.0%}, as stated."
        )
    else:
        sentence = (
            f"The arms are not comparable as stated: {what} go {range_}, {ratio:.2f} × as many, where at most "
            f"{1 + stated.tolerance:.2f} × was stated. Arms with more of them may be better for that reason."
        )
    return {**found, "holds": holds, "sentence": sentence + _tokens_too(stated, runs)}


def _tokens_too(stated: Comparable, runs: Mapping[str, Mapping[int, dict[str, Any]]]) -> str:
    """Say how many tokens the arms encoded, where steps are the same and tokens are not."""
    if stated.same != "steps":
        return ""
    tokens = {arm: [run["tokens"] for run in seeds.values()] for arm, seeds in runs.items() if seeds}
    if any(value is None for values in tokens.values() for value in values):
        return ""
    means = {arm: float(np.mean(values)) for arm, values in tokens.items()}
    least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if means[most] <= (1 + stated.tolerance) * means[least]:
        return ""
    return f" In these they encoded from {means[least]:,.0f} ({least}) to {means[most]:,.0f} ({most}) tokens."
