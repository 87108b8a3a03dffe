"""How a study was done: its arms and the settings in which they differ, tuning, data, and claims of zero-shot."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from isoglot.collections.pseudo import pseudo_sentence
from isoglot.measures import format_value, measure_of, plural
from isoglot.reporting.study.result import SampleUsed, StudyArm, StudyResult, key_of
from isoglot.reporting.words import listed, name_of

__all__ = [
    "Words",
    "alpha_of",
    "arms_table",
    "cautions_of",
    "claims_of",
    "common_settings",
    "data_table",
    "differing_keys",
    "failures_of",
    "same_but",
    "setting_text",
    "tuned_keys",
    "tuning_of",
    "write",
]

IN_TERMS = ("temperature", "symmetric")
"""Settings of the default objective: other objectives hold them within their terms, so that not to have them is no
difference."""

OF_ENCODER = ("encoder", "from", "pooling", "max_length", "query_prompt", "document_prompt", "dimensions", "layers")
"""All that says something of an arm that is not trained."""

FIRST = ("encoder", "from", "strategy", "alpha", "objective")
FIXED_ALPHA = {"monolingual": 1.0, "cross_lingual": 0.0}
KINDS = ("queries", "documents")
MOST_EXAMPLES = 6


@dataclass(frozen=True)
class Words:
    """A table of texts; the first of a row is its head, with a note below it."""

    label: str
    heads: Sequence[str]
    rows: Sequence[tuple[str, str, Sequence[str]]]
    note: str = ""


def alpha_of(arm: StudyArm) -> float | None:
    """Return the share of monolingual batches of an arm; None where that is not one number, or there is none."""
    if not arm.trained or arm.config is None or len(arm.config) != 1:
        return None
    (stage,) = arm.config
    alpha = FIXED_ALPHA.get(str(stage.get("strategy")), stage.get("alpha"))
    if stage.get("strategy", "hybrid") not in ("hybrid", *FIXED_ALPHA) or isinstance(alpha, bool):
        return None
    return float(alpha) if isinstance(alpha, int | float) else None


def tuned_keys(arms: Sequence[StudyArm]) -> list[str]:
    """Return the settings that tuning chose for every arm that was tuned, each its own."""
    found = [set(arm.tuning.chosen) for arm in arms if arm.tuning is not None and arm.tuning.chosen]
    return sorted(set.intersection(*found)) if found else []


def same_but(arm: StudyArm, *keys: str) -> str:
    """Return a text that two arms share if all but these settings are the same; `sample` is one of them."""
    kept = [{key: value for key, value in stage.items() if key not in keys} for stage in arm.config or ()]
    sample = None if "sample" in keys or arm.sample is None else arm.sample.model_dump()
    return json.dumps([kept, sample], sort_keys=True)


def _values(arm: StudyArm, key: str) -> list[Any]:
    """Return the values of a setting, one a stage; one where all stages agree."""
    values = [stage.get(key) for stage in arm.config or ()]
    return values[:1] if all(value == values[0] for value in values) else values


def _known(arms: Sequence[StudyArm]) -> list[str]:
    keys = dict.fromkeys(key for arm in arms for stage in arm.config or () for key in stage)
    return [*(key for key in FIRST if key in keys), *(key for key in keys if key not in FIRST)]


def _differs(arms: Sequence[StudyArm], key: str, given: bool = False) -> bool:
    """Tell whether arms differ in a setting; with `given`, those that have it."""
    values = [_values(arm, key) for arm in arms]
    if given or key in IN_TERMS:
        values = [value for value in values if value != [None]]
    return len({json.dumps(value, sort_keys=True) for value in values}) > 1


def differing_keys(arms: Sequence[StudyArm]) -> list[str]:
    """Return the settings in which arms differ: the trained ones from each other, and in its encoder any."""
    ran = [arm for arm in arms if arm.config]
    trained = [arm for arm in ran if arm.trained]
    return [
        key
        for key in _known(ran)
        if key != "steps" and (_differs(trained, key) or (key in OF_ENCODER and _differs(ran, key, given=True)))
    ]


def common_settings(arms: Sequence[StudyArm]) -> list[tuple[str, str]]:
    """Return the settings that all trained arms share, as they are written."""
    trained = [arm for arm in arms if arm.trained and arm.config]
    return [
        (key, setting_text(next(arm for arm in trained if _values(arm, key) != [None]), key))
        for key in _known(trained)
        if not _differs(trained, key) and any(_values(arm, key) != [None] for arm in trained)
    ]


def setting_text(arm: StudyArm, key: str) -> str:
    """Write a setting of an arm, stage by stage: `1 → 0`. A dash where it has none."""
    if not arm.config or (not arm.trained and key not in OF_ENCODER):
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
    kind = next((key for key in ("term", "strategy") if key in value), None)
    if kind is not None:
        own = {key: one for key, one in value.items() if key not in (kind, "weight")}
        weight = value.get("weight", 1)
        said = f" ({_mapping(own)})" if own else ""
        return (f"{write(weight)} × " if weight != 1 else "") + f"{value[kind]}{said}"
    return ", ".join(f"{key} {write(one)}" for key, one in value.items())


def _sample_text(sample: SampleUsed | None) -> str:
    """Say which part of the training data an arm has."""
    if sample is None:
        return "all"
    parts = [f"{tag}: {write(count)}" for tag, count in sample.budgets.items()]
    if sample.default is not None:
        parts.append(f"other languages: {write(sample.default)}")
    if sample.hold_out:
        parts.append(f"without {', '.join(sample.hold_out)}")
    return "; ".join(parts) or "all"


def _counts(values: Mapping[str, int | None]) -> str:
    """Write a number that each seed has: as it is where they agree, else the mean."""
    known = [value for value in values.values() if value is not None]
    if not known or len(known) < len(values):
        return "–"
    return f"{known[0]:,}" if len(set(known)) == 1 else f"{fmean(known):,.0f}"


def arms_table(result: StudyResult) -> Words:
    """Return the arms with the settings in which they differ, their seeds, steps and tokens."""
    keys = differing_keys(result.arms)
    sampled = any(arm.sample for arm in result.arms)
    timed = result.comparable is not None and result.comparable.same == "time"
    heads = ["arm", *(key.replace("_", " ") for key in keys)]
    heads += ["training data"] if sampled else []
    heads += ["seeds", "steps", "tokens"]
    heads += ["seconds of training"] if timed else []
    rows, before = [], ""
    for arm in result.arms:
        cells = [setting_text(arm, key) for key in keys]
        if sampled:
            cells.append(_sample_text(arm.sample) if arm.trained else "–")
        cells.append(", ".join(map(str, arm.seeds)) or "none ended well")
        cells += [_counts(values) if arm.trained else "–" for values in (arm.steps, arm.tokens)]
        if timed and result.comparable is not None:
            seconds = result.comparable.values.get(arm.name)
            cells.append("–" if seconds is None else f"{seconds:,.0f}")
        said = arm.note or ""
        note = "" if said == before else said  # the arms of a grid have one note
        before = said
        rows.append((arm.name, note if arm.trained else "; ".join(filter(None, (note, "not trained"))), cells))
    note = "Tokens are those encoded in training, a mean where seeds differ; they vary with what the batches hold."
    return Words("Arms", heads, rows, note)


def tuning_of(result: StudyResult) -> dict[str, Any] | None:
    """Return how settings were chosen: a sentence, and a table of trials and their values; None without tuning."""
    tuned = {arm.name: arm.tuning for arm in result.arms if arm.tuning is not None}
    if not tuned:
        return None
    first = next(iter(tuned.values()))
    measure = measure_of(key_of(first.setting, first.measure))
    trials = max(len(one.trials) for one in tuned.values())
    rows = []
    for name, one in tuned.items():
        tried = "; ".join(
            f"{_settings(trial.settings)}: "
            + ("failed" if trial.value is None else format_value(trial.value, measure.form))
            for trial in one.trials
        )
        rows.append((name, "", ["every trial failed" if one.chosen is None else _settings(one.chosen), tried]))
    sentence = (
        f"Of each arm {plural(trials, 'trial')}, as many for all, {'was' if trials == 1 else 'were'} measured by "
        f"{measure.label} on {first.on}, on which no arm is evaluated; the best one's settings were taken."
    )
    table = Words("Tuning", ["arm", "chosen", f"trials and their {measure.label}"], rows)
    return {"sentence": sentence, "table": table}


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')} {write(value)}" for key, value in settings.items()) or "as common"


def _uses(result: StudyResult, name: str) -> list[str]:
    """Say what a source is for."""
    measured = [one for one in result.evaluations if one.data == name]
    uses = [f"measured as {listed([one.name for one in measured])}"] if measured else []
    uses += [f"stands in for {one.stands_for}" for one in measured if one.stands_for]
    uses += ["tuning"] if any(arm.tuning is not None and arm.tuning.on == name for arm in result.arms) else []
    uses += ["unlabelled text"] if any(name in claim.unlabelled for claim in result.zero_shot) else []
    trained = any(name in claim.against for claim in result.zero_shot)
    return [*(["training"] if trained or not uses else []), *uses]


def data_table(result: StudyResult) -> Words:
    """Return the data: what each source is for, its sizes and its licence."""
    rows = []
    for one in result.data:
        note = f"in place of {one.name}, which is absent" if one.used != one.name else ""
        tags = ", ".join(one.languages) if len(one.languages) <= 12 else plural(len(one.languages), "language")
        cells = ["; ".join(_uses(result, one.name)), f"{one.queries:,}", f"{one.documents:,}", tags]
        rows.append((one.collection, note, [*cells, one.licence or "not stated"]))
    return Words("Data", ["collection", "used for", "queries", "documents", "languages", "licence"], rows)


def cautions_of(result: StudyResult) -> list[str]:
    """Say what figures on queries that nobody asked mean: a sentence, without full stop, for each kind of them."""
    of: dict[str, list[str]] = {}
    for one in result.evaluations:
        if sentence := pseudo_sentence(one.pseudo_queries):
            of.setdefault(sentence, []).append(one.name)
    return [f"{', '.join(names)}: {sentence}" for sentence, names in of.items()]


def failures_of(result: StudyResult) -> list[dict[str, str]]:
    """Return the runs that failed: which, and the sentence of each."""
    return [
        {
            "run": f"{arm.name}, seed {one.seed}" + ("" if one.trial is None else f", trial {one.trial + 1}"),
            "sentence": one.sentence,
        }
        for arm in result.arms
        for one in arm.failures
    ]


def claims_of(result: StudyResult) -> list[dict[str, Any]]:
    """Return each claim of zero-shot with what came of looking for the test texts in the training data.

    These are `evaluation`, `holds`, `sentence`, `found` (a line for each training source), `unlabelled` (sources of
    text for domain batches, which were not looked at) and `examples` of texts that are in both.
    """
    return [
        {
            "evaluation": claim.evaluation,
            "holds": claim.holds,
            "sentence": claim.sentence,
            "found": [_found(source, against) for source, against in claim.against.items()],
            "unlabelled": listed(claim.unlabelled),
            "examples": _examples(claim.against),
        }
        for claim in result.zero_shot
    ]


def _found(source: str, against: Mapping[str, Any]) -> str:
    """Say how many texts were looked for in one source, and found."""
    parts = []
    for kind in KINDS:
        overlap = against[kind]
        near = f", {overlap['near']:,} nearly" if overlap["near"] else ""
        exact = f"{overlap['exact']:,}" if overlap["exact"] else "none"
        parts.append(f"{exact} of {overlap['compared']:,} {kind} as they are{near}")
    sizes = listed([f"{against[kind]['against']:,} {kind}" for kind in KINDS])
    return f"Among the {sizes} of {source}: {'; '.join(parts)}."


def _examples(against: Mapping[str, Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return a few texts that are in both: of each source and kind the first ones, in turn."""
    lists: list[Sequence[Mapping[str, Any]]] = [
        found[kind]["examples"] for found in against.values() for kind in KINDS
    ]
    turns = [one[at] for at in range(max(map(len, lists), default=0)) for one in lists if at < len(one)]
    return [
        {
            "alike": "the same" if one["kind"] == "exact" else f"similarity {one['similarity']:.2f}",
            "texts": [
                {
                    "where": where,
                    "lang": one[side]["language"],
                    "language": name_of(one[side]["language"]),
                    "id": one[side]["id"],
                    "text": one[side]["text"],
                }
                for side, where in (("test", "tested"), ("train", "trained on"))
            ],
        }
        for one in turns[:MOST_EXAMPLES]
    ]
