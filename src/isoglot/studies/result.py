"""The result of a study: everything that `study.json` says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

from isoglot.data.catalogue import entry_names, find_entry
from isoglot.files import versions
from isoglot.studies.analysis.arm_results import ArmResults, along_figures, estimates_of
from isoglot.studies.analysis.comparable import check_comparable
from isoglot.studies.analysis.decisive import weigh_all
from isoglot.studies.analysis.frame import Frame
from isoglot.studies.analysis.published import published_beside
from isoglot.studies.analysis.sentences import answer_of, sentence_of
from isoglot.studies.analysis.zero_shot import check_zero_shot
from isoglot.studies.plan import ArmPlan, Plan, training_sets
from isoglot.studies.prepare import Data

__all__ = ["STUDY_FILE", "study_result"]

STUDY_FILE = "study.json"
FORMAT = 1


def study_result(
    plan: Plan,
    data: Data,
    arms: dict[str, ArmResults],
    failures: Mapping[str, list[dict[str, Any]]],
    tuned: Mapping[str, dict[str, Any]],
    prepared: Path,
) -> dict[str, Any]:
    """Put together the result of a study.

    The same runs give the same result, byte by byte: there are no times in it, unless arms are to be compared at
    the same time of training.

    Args:
        plan: of the study.
        data: of the study.
        arms: the results of each arm; of one without a run that ended well, nothing.
        failures: arm -> seed (or trial) and sentence of each run that failed.
        tuned: arm -> trials and what was chosen.
        prepared: folder in which findings are kept.
    """
    evaluations = {one.name: one for one in plan.evaluations}
    frames = {
        name: Frame(next(result for arm in arms.values() for result in arm.results.get(name, {}).values()))
        for name in evaluations
        if any(arm.results.get(name) for arm in arms.values())
    }
    left_out = {one["name"]: one["reason"] for one in plan.left_out}
    absent = [name for one in plan.profile.decisive for name in (one.first, one.second) if name not in plan.arms]
    left_out = {**dict.fromkeys(absent, "it was not asked for"), **left_out}
    weighed = weigh_all(plan.profile.decisive, arms, frames, left_out)
    trained = {name: arms[name].runs for name, planned in plan.arms.items() if planned.trained}
    told = [
        _arm(planned, arms[name], failures.get(name, []), tuned.get(name), evaluations, frames)
        for name, planned in plan.arms.items()
    ]
    full = f"isoglot study run {plan.recipe.name} --profile benchmark --out DIR"
    return {
        "format": FORMAT,
        "study": plan.recipe.name,
        "title": plan.recipe.title,
        "profile": plan.profile_name,
        "question": " ".join(plan.recipe.question.split()),
        "hypothesis": " ".join(plan.recipe.hypothesis.split()),
        "sources": plan.recipe.sources,
        "choices": [one.model_dump() for one in plan.recipe.choices],
        "answer": answer_of(weighed),
        "decisive": [one.to_dict() | {"sentence": sentence_of(one)} for one in weighed],
        "arms": told,
        "published": published_beside(plan.recipe.published, plan.profile.published, told),
        "evaluations": [_evaluation(plan, data, name) for name in evaluations],
        "data": _sources(data),
        "zero_shot": _zero_shot(plan, data, prepared),
        "comparable": check_comparable(plan.profile.comparable, trained),
        "left_out": plan.left_out,
        "notes": plan.notes + data.notes,
        "limits": plan.profile.limits,
        "full_command": full if plan.profile_name != "benchmark" and "benchmark" in plan.recipe.profiles else None,
        "versions": versions(),
    }


def _arm(
    planned: ArmPlan,
    found: ArmResults,
    failures: list[dict[str, Any]],
    tuned: dict[str, Any] | None,
    evaluations: Mapping[str, Any],
    frames: Mapping[str, Frame],
) -> dict[str, Any]:
    """Return what the result says of an arm; `steps` and `tokens` are those of each seed."""
    seeds = sorted(found.runs)
    return {
        "name": planned.name,
        "note": planned.arm.note,
        "trained": planned.trained,
        "config": [_without_seed(config) for config in found.runs[seeds[0]]["config"]] if seeds else None,
        "sample": planned.arm.sample.model_dump() if planned.arm.sample else None,
        "tuning": tuned,
        "seeds": seeds,
        "runs": {str(seed): found.jobs[seed].name for seed in seeds},
        "steps": {str(seed): found.runs[seed]["steps"] for seed in seeds},
        "tokens": {str(seed): found.runs[seed]["tokens"] for seed in seeds},
        "estimates": {
            name: estimates_of(found.results[name], evaluations[name], frames[name])
            for name in evaluations
            if found.results.get(name)
        },
        "along": {
            name: along_figures(found.runs, one)
            for name, one in evaluations.items()
            if one.along and planned.trained and seeds
        },
        "failures": failures,
    }


def _without_seed(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key != "seed"}


def _evaluation(plan: Plan, data: Data, name: str) -> dict[str, Any]:
    one = next(each for each in plan.evaluations if each.name == name)
    collection = data.library.load(one.data)
    return {
        **one.model_dump(),
        "collection": collection.name,
        "documents": collection.documents.num_rows,
        "queries": collection.queries.num_rows,
        "query_ids": len(collection.query_ids),
        "languages": list(collection.languages),
    }


def _sources(data: Data) -> list[dict[str, Any]]:
    found = []
    for name in data.library.sources:
        if name not in data.fingerprints:
            continue
        collection = data.library.load(name)
        found.append(
            {
                "name": name,
                "used": data.library.used(name),
                "collection": collection.name,
                "documents": collection.documents.num_rows,
                "queries": collection.queries.num_rows,
                "languages": list(collection.languages),
                "licence": collection.metadata.get("licence") or _licence(data.library.sources[name].collection),
                "fingerprint": data.fingerprints[name],
            }
        )
    return found


def _licence(source: str) -> str | None:
    """Return the licence that the catalogue states for a data set, given by name or by a path that begins so."""
    name = PurePath(source).parts[0].split("-demo")[0] if source else ""
    return find_entry(name).licence if name in entry_names() else None


def _zero_shot(plan: Plan, data: Data, prepared: Path) -> list[dict[str, Any]]:
    """Check each claim against all that any arm was trained on with its queries and judgments; equal sources are
    looked at once. Text without them, for domain batches, is named beside."""
    stages = [stage for planned in plan.arms.values() if planned.trained for stage in planned.stages]
    trained = {data.fingerprints[name]: name for stage in stages for name in training_sets(stage)}
    unlabelled = sorted({str(stage["target"]) for stage in stages if stage.get("target")})
    return [
        check_zero_shot(
            one,
            data.library.load(one.data),
            [(name, data.library.load(name)) for name in sorted(trained.values())],
            data.fingerprints,
            prepared,
            unlabelled,
        )
        for one in plan.evaluations
        if one.zero_shot
    ]
