"""How a study was done: arms and what differs between them, tuning, data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from isoglot.measures import format_value, measure_of
from isoglot.reporting.study.configs import differing_keys, sample_text, setting_text, write
from isoglot.reporting.study.values import key_of
from isoglot.reporting.words import listed, plural

__all__ = ["Words", "arms_table", "data_table", "failures_of", "tuning_of"]


@dataclass(frozen=True)
class Words:
    """A table of texts; the first of a row is its head, with a note below it."""

    label: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]
    note: str = ""


def _counts(values: Mapping[str, Any]) -> str:
    """Write a number that each seed has: as it is where they agree, else the mean."""
    known = [value for value in values.values() if value is not None]
    if not known or len(known) < len(values):
        return "–"
    return f"{known[0]:,}" if len(set(known)) == 1 else f"{fmean(known):,.0f}"


def arms_table(result: Mapping[str, Any]) -> Words:
    """Return the arms with the settings in which they differ, their seeds, steps and tokens."""
    arms = result["arms"]
    keys = differing_keys(arms)
    sampled = any(arm.get("sample") for arm in arms)
    timed = (result.get("comparable") or {}).get("same") == "time"
    heads = ["arm", *(key.replace("_", " ") for key in keys)]
    heads += ["training data"] if sampled else []
    heads += ["seeds", "steps", "tokens"]
    heads += ["seconds of training"] if timed else []
    rows, before = [], ""
    for arm in arms:
        cells = [setting_text(arm, key) for key in keys]
        if sampled:
            cells.append(sample_text(arm.get("sample")) if arm.get("trained") else "–")
        cells.append(", ".join(map(str, arm["seeds"])) or "none ended well")
        for name in ("steps", "tokens"):
            cells.append(_counts(arm.get(name) or {}) if arm.get("trained") else "–")
        if timed:
            seconds = result["comparable"]["values"].get(arm["name"])
            cells.append("–" if seconds is None else f"{seconds:,.0f}")
        said = arm.get("note") or ""
        note = "" if said == before else said  # the arms of a grid have one note
        before = said
        rows.append(
            (arm["name"], note if arm.get("trained") else "; ".join(filter(None, (note, "not trained"))), cells)
        )
    note = "Tokens are those encoded in training, a mean over seeds; they differ with what the batches hold."
    return Words("Arms", heads, rows, note)


def tuning_of(result: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how settings were chosen: a sentence, and a table of trials and their values; None without tuning."""
    tuned = [arm for arm in result["arms"] if arm.get("tuning")]
    if not tuned:
        return None
    first = tuned[0]["tuning"]
    measure = measure_of(key_of(first["setting"], first["measure"]))
    trials = max(len(arm["tuning"]["trials"]) for arm in tuned)
    rows = []
    for arm in tuned:
        chosen = arm["tuning"]["chosen"]
        tried = "; ".join(
            f"{_settings(trial['settings'])}: "
            + ("failed" if trial["value"] is None else format_value(trial["value"], measure.form))
            for trial in arm["tuning"]["trials"]
        )
        rows.append((arm["name"], "", ["every trial failed" if chosen is None else _settings(chosen), tried]))
    sentence = (
        f"Of each arm {plural(trials, 'trial')}, as many for all, {'was' if trials == 1 else 'were'} measured by "
        f"{measure.label} on {first['on']}, on which no arm is evaluated; the best one's settings were taken."
    )
    return {
        "sentence": sentence,
        "table": Words("Tuning", ["arm", "chosen", f"trials and their {measure.label}"], rows),
    }


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {write(value)}" for key, value in settings.items()) or "as common"


def _uses(result: Mapping[str, Any], name: str) -> list[str]:
    """Say what a source is for."""
    measured = [one["name"] for one in result["evaluations"] if one["data"] == name]
    tuned = any((arm.get("tuning") or {}).get("on") == name for arm in result["arms"])
    uses = [f"measured as {listed(measured)}"] if measured else []
    uses += [
        f"stands in for {one['stands_for']}"
        for one in result["evaluations"]
        if one["data"] == name and one.get("stands_for")
    ]
    uses += ["tuning"] if tuned else []
    trained = any(name in claim["against"] for claim in result.get("zero_shot") or ())
    read = any(name in (claim.get("unlabelled") or ()) for claim in result.get("zero_shot") or ())
    uses += ["unlabelled text"] if read else []
    return [*(["training"] if trained or not uses else []), *uses]


def data_table(result: Mapping[str, Any]) -> Words:
    """Return the data: what each source is for, its sizes and its licence."""
    rows = []
    for one in result.get("data") or ():
        note = f"in place of {one['name']}, which is absent" if one["used"] != one["name"] else ""
        languages = one["languages"]
        tags = ", ".join(languages) if len(languages) <= 12 else plural(len(languages), "language")
        cells = ["; ".join(_uses(result, one["name"])), f"{one['queries']:,}", f"{one['documents']:,}", tags]
        rows.append((str(one["collection"]), note, [*cells, str(one.get("licence") or "not stated")]))
    return Words("Data", ["collection", "used for", "queries", "documents", "languages", "licence"], rows)


def failures_of(result: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the runs that failed: which, and the sentence of each."""
    return [
        {
            "run": f"{arm['name']}, seed {failure['seed']}"
            + (f", trial {failure['trial'] + 1}" if failure.get("trial") is not None else ""),
            "sentence": failure["sentence"],
        }
        for arm in result["arms"]
        for failure in arm.get("failures") or ()
    ]
