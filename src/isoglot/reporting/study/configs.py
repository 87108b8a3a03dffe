"""How the settings of arms differ, and how settings are written."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = [
    "alpha_of",
    "common_settings",
    "differing_keys",
    "same_but",
    "sample_text",
    "setting_text",
    "stages_of",
    "tuned_keys",
]

Arm = Mapping[str, Any]

IN_TERMS = ("temperature", "symmetric")
"""Settings of the default objective: other objectives hold them within their terms, so that not to have them is no
difference."""

OF_ENCODER = ("encoder", "from", "pooling", "max_length", "query_prompt", "document_prompt", "dimensions", "layers")
"""All that says something of an arm that is not trained."""

FIRST = ("encoder", "from", "strategy", "alpha", "objective")
FIXED_ALPHA = {"monolingual": 1.0, "cross_lingual": 0.0}
DEFAULT_ALPHA = 0.5


def stages_of(arm: Arm) -> list[dict[str, Any]]:
    """Return the settings of each stage, with those said that are taken where nothing is given; empty for an arm
    that never ran."""
    stages = []
    for config in arm.get("config") or ():
        stage = dict(config)
        if stage.get("strategy", "hybrid") == "hybrid":
            stage.setdefault("alpha", DEFAULT_ALPHA)
        stage.setdefault("objective", "MultiwayInfoNCE" if stage.get("strategy") == "multiway" else "InfoNCE")
        stages.append(stage)
    return stages


def alpha_of(arm: Arm) -> float | None:
    """Return the share of monolingual batches of an arm; None where that is not one number, or there is none."""
    stages = stages_of(arm)
    if not arm.get("trained") or len(stages) != 1:
        return None
    alpha = FIXED_ALPHA.get(str(stages[0].get("strategy")), stages[0].get("alpha"))
    if stages[0].get("strategy", "hybrid") not in ("hybrid", *FIXED_ALPHA) or isinstance(alpha, bool):
        return None
    return float(alpha) if isinstance(alpha, int | float) else None


def tuned_keys(arms: Sequence[Arm]) -> list[str]:
    """Return the settings that tuning chose for every arm that was tuned, each its own."""
    found = [(arm.get("tuning") or {}).get("chosen") or {} for arm in arms]
    return sorted(set.intersection(*(set(chosen) for chosen in found if chosen))) if any(found) else []


def same_but(arm: Arm, *keys: str) -> str:
    """Return a text that two arms share if all but these settings are the same; `sample` is one of them."""
    kept = [{key: value for key, value in stage.items() if key not in keys} for stage in stages_of(arm)]
    return json.dumps([kept, None if "sample" in keys else arm.get("sample")], sort_keys=True)


def _values(arm: Arm, key: str) -> list[Any]:
    """Return the values of a setting, one a stage; one where all stages agree."""
    values = [stage.get(key) for stage in stages_of(arm)]
    return values[:1] if all(value == values[0] for value in values) else values


def _known(arms: Sequence[Arm]) -> list[str]:
    keys = dict.fromkeys(key for arm in arms for stage in stages_of(arm) for key in stage)
    return [*(key for key in FIRST if key in keys), *(key for key in keys if key not in FIRST)]


def _differs(arms: Sequence[Arm], key: str, given: bool = False) -> bool:
    """Tell whether arms differ in a setting; with `given`, those that have it."""
    values = [_values(arm, key) for arm in arms]
    if given or key in IN_TERMS:
        values = [value for value in values if value != [None]]
    return len({json.dumps(value, sort_keys=True) for value in values}) > 1


def differing_keys(arms: Sequence[Arm]) -> list[str]:
    """Return the settings in which arms differ: the trained ones from each other, and in its encoder any."""
    ran = [arm for arm in arms if stages_of(arm)]
    trained = [arm for arm in ran if arm.get("trained")]
    return [
        key
        for key in _known(ran)
        if key != "steps" and (_differs(trained, key) or (key in OF_ENCODER and _differs(ran, key, given=True)))
    ]


def common_settings(arms: Sequence[Arm]) -> list[tuple[str, str]]:
    """Return the settings that all trained arms share, as they are written."""
    trained = [arm for arm in arms if stages_of(arm) and arm.get("trained")]
    if not trained:
        return []
    return [
        (key, setting_text(next(arm for arm in trained if _values(arm, key) != [None]), key))
        for key in _known(trained)
        if not _differs(trained, key) and any(_values(arm, key) != [None] for arm in trained)
    ]


def setting_text(arm: Arm, key: str) -> str:
    """Write a setting of an arm, stage by stage: `1 → 0`. A dash where it has none."""
    if not stages_of(arm) or (not arm.get("trained") and key not in OF_ENCODER):
        return "–"
    return " → ".join(write(value) for value in _values(arm, key))


def write(value: Any) -> str:
    """Write the value of a setting for people."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Mapping):
        return _mapping(value)
    if isinstance(value, list | tuple):
        joint = " + " if any(isinstance(one, Mapping) and "term" in one for one in value) else ", "
        return joint.join(write(one) for one in value)
    return str(value)


def _mapping(value: Mapping[str, Any]) -> str:
    if "shape" in value and "start" in value:  # a schedule
        end = value["start"] if value.get("end") is None else value["end"]
        if value["shape"] == "constant":
            return write(value["start"])
        return f"{value['shape']}, {write(value['start'])} to {write(end)} in {write(value.get('steps'))} steps"
    if "term" in value:
        own = {key: one for key, one in value.items() if key not in ("term", "weight")}
        weight = value.get("weight", 1)
        said = f" ({_mapping(own)})" if own else ""
        return (f"{write(weight)} × " if weight != 1 else "") + f"{value['term']}{said}"
    return ", ".join(f"{key} {write(one)}" for key, one in value.items())


def sample_text(sample: Mapping[str, Any] | None) -> str:
    """Say which part of the training data an arm has."""
    if not sample:
        return "all"
    parts = [f"{tag}: {write(count)}" for tag, count in (sample.get("budgets") or {}).items()]
    if sample.get("default") is not None:
        parts.append(f"other languages: {write(sample['default'])}")
    if sample.get("hold_out"):
        parts.append(f"without {', '.join(sample['hold_out'])}")
    return "; ".join(parts) or "all"
