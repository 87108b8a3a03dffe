"""The result of a study, put together: what was run, what came of it, and what was checked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from isoglot.collections.collection import PSEUDO_QUERIES, Collection
from isoglot.data.catalogue import entry_names, find_entry
from isoglot.files import new_file, versions
from isoglot.measures import plural
from isoglot.reporting.study.result import (
    Claim,
    Comparability,
    DataUsed,
    Evaluated,
    Failure,
    PublishedBeside,
    PublishedFigure,
    SampleUsed,
    StudyArm,
    StudyResult,
    Tuned,
)
from isoglot.reporting.study.verdicts import SHARED, answer_of, lead_sentence
from isoglot.studies.analysis.contest import Contest
from isoglot.studies.analysis.decisive import weigh_all
from isoglot.studies.analysis.estimates import ArmResults, Frame, along_figures, estimates_of
from isoglot.studies.arms import ArmPlan, defaults_of, training_sets
from isoglot.studies.plan import Plan
from isoglot.studies.prepare import Data
from isoglot.studies.published import Beside, Published
from isoglot.studies.recipe import Comparable, Evaluation
from isoglot.studies.request import StudyRequest

__all__ = ["check_comparable", "published_beside", "study_result"]


def study_result(
    plan: Plan,
    data: Data,
    arms: Mapping[str, ArmResults],
    failures: Mapping[str, Sequence[Failure]],
    tuned: Mapping[str, Tuned],
    prepared: Path,
    request: StudyRequest,
) -> StudyResult:
    """Put together the result of a study.

    The same runs give the same result, byte by byte: there are no times in it, unless arms are to be compared at
    the same time of training.

    Args:
        plan: of the study.
        data: of the study.
        arms: the results of each arm; of one without a run that ended well, nothing.
        failures: arm -> runs that failed.
        tuned: arm -> trials and what was chosen.
        prepared: folder in which findings are kept.
        request: by which it was run.
    """
    recipe, profile = plan.recipe, plan.profile
    frames = {
        one.name: Frame(next(result for arm in arms.values() for result in arm.results.get(one.name, {}).values()))
        for one in plan.evaluations
        if any(arm.results.get(one.name) for arm in arms.values())
    }
    left_out = {one["name"]: one["reason"] for one in plan.left_out}
    contest = None if profile.winner is None else Contest.of(profile.winner, plan, tuned)
    compared = [*profile.decisive, *(contest.comparisons(profile.decisive) if contest else ())]
    absent = [name for one in compared for name in (one.first, one.second) if name not in plan.arms]
    weighed = weigh_all(compared, arms, frames, {**dict.fromkeys(absent, "it was not asked for"), **left_out})
    trained = {name: arms[name].runs for name, planned in plan.arms.items() if planned.trained}
    told = [
        _arm(planned, arms[name], failures.get(name, ()), tuned.get(name), plan.evaluations, frames)
        for name, planned in plan.arms.items()
    ]
    whole = plan.profile_name == "benchmark" or "benchmark" not in recipe.profiles
    answer = answer_of(weighed)
    won = None if contest is None else contest.end(weighed)
    if won is not None:
        answer.insert(0, won.sentence)
    result = StudyResult(
        study=recipe.name,
        title=recipe.title,
        profile=plan.profile_name,
        question=" ".join(recipe.question.split()),
        hypothesis=" ".join(recipe.hypothesis.split()),
        sources=tuple(recipe.sources),
        choices=tuple(one.model_dump() for one in recipe.choices),
        answer=tuple(answer),
        decisive=tuple(weighed),
        winner=won,
        arms=tuple(told),
        published=published_beside(recipe.published, profile.published, told),
        evaluations=tuple(_evaluated(one, data) for one in plan.evaluations),
        data=tuple(_data_used(name, data) for name in data.library.sources if name in data.fingerprints),
        zero_shot=_claims(plan, data, prepared),
        comparable=check_comparable(profile.comparable, trained, stated="comparable" in profile.model_fields_set),
        left_out=tuple(plan.left_out),
        notes=(*plan.notes, *data.notes),
        limits=tuple(profile.limits),
        command=request.command,
        full_command=None
        if whole
        else f"isoglot study run {request.recipe_given or recipe.name} --profile benchmark --out DIR",
        versions=versions(),
        hardware=_machines(arms),
    )
    leads = (lead_sentence(result, name) for name in dict.fromkeys(one.evaluation for one in weighed if one.test))
    of_all = [sentence for sentence in leads if sentence is not None]
    at = len(answer) - len(weighed)
    return result.model_copy(update={"answer": (*answer[:at], *of_all, *answer[at:])})


def _arm(
    planned: ArmPlan,
    found: ArmResults,
    failures: Sequence[Failure],
    tuned: Tuned | None,
    evaluations: Sequence[Evaluation],
    frames: Mapping[str, Frame],
) -> StudyArm:
    seeds = sorted(found.runs)
    return StudyArm(
        name=planned.name,
        note=planned.arm.note,
        trained=planned.trained,
        config=_config(found, seeds[0]) if seeds else None,
        sample=None if planned.arm.sample is None else SampleUsed(**planned.arm.sample.model_dump()),
        tuning=tuned,
        seeds=tuple(seeds),
        runs={str(seed): found.jobs[seed].name for seed in seeds},
        steps={str(seed): found.runs[seed]["steps"] for seed in seeds},
        tokens={str(seed): found.runs[seed]["tokens"] for seed in seeds},
        estimates={
            one.name: estimates_of(found.results[one.name], one, frames[one.name])
            for one in evaluations
            if found.results.get(one.name)
        },
        along={
            one.name: along_figures(found.runs, one)
            for one in evaluations
            if one.along and planned.trained and seeds
        },
        failures=tuple(failures),
    )


def _machines(arms: Mapping[str, ArmResults]) -> tuple[dict[str, Any], ...]:
    """Return the kinds of machines that runs were made on. How many threads each had is told with the runs."""
    told = [run.get("hardware") or {} for arm in arms.values() for run in arm.runs.values()]
    kinds = {json.dumps({key: value for key, value in one.items() if key != "threads"}) for one in told if one}
    return tuple(json.loads(kind) for kind in sorted(kinds))


def _config(found: ArmResults, seed: int) -> tuple[dict[str, Any], ...]:
    """Return the settings that a run noted, stage by stage, and what they leave to the defaults."""
    job = found.jobs[seed]
    stages = zip(found.runs[seed]["config"], job.stages, strict=True)
    return tuple({**noted, **(defaults_of(stage) if job.trained else {})} for noted, stage in stages)


def _evaluated(one: Evaluation, data: Data) -> Evaluated:
    collection = data.library.load(one.data)
    return Evaluated(
        **one.model_dump(),
        **_sizes(collection),
        query_ids=len(collection.query_ids),
        pseudo_queries=str(collection.metadata.get(PSEUDO_QUERIES) or "") or None,
    )


def _sizes(collection: Collection) -> dict[str, Any]:
    return {
        "collection": collection.name,
        "documents": collection.documents.num_rows,
        "queries": collection.queries.num_rows,
        "languages": tuple(collection.languages),
    }


def _data_used(name: str, data: Data) -> DataUsed:
    collection = data.library.load(name)
    return DataUsed(
        name=name,
        used=data.library.used(name),
        **_sizes(collection),
        licence=collection.metadata.get("licence") or _licence(data.library.sources[name].collection),
        fingerprint=data.fingerprints[name],
    )


def _licence(source: str) -> str | None:
    """Return the licence that the catalogue states for a data set, given by name or by a path that begins so."""
    name = PurePath(source).parts[0].split("-demo")[0] if source else ""
    return find_entry(name).licence if name in entry_names() else None


def _claims(plan: Plan, data: Data, prepared: Path) -> tuple[Claim, ...]:
    """Check each claim of zero-shot against all that any arm was trained on with its queries and judgments; equal
    sources are looked at once. Text without them, for domain batches, is named beside."""
    stages = [stage for planned in plan.arms.values() if planned.trained for stage in planned.stages]
    trained = {data.fingerprints[name]: name for stage in stages for name in training_sets(stage)}
    fitted = [name for planned in plan.arms.values() for name in planned.repaired_on]
    trained |= {data.fingerprints[name]: name for name in fitted if data.fingerprints[name] not in trained}
    unlabelled = sorted({stage.target for stage in stages if stage.target is not None})
    claimed = [one for one in plan.evaluations if one.zero_shot]
    return tuple(_claim(one, data, sorted(trained.values()), unlabelled, prepared) for one in claimed)


def _claim(one: Evaluation, data: Data, trained: Sequence[str], unlabelled: Sequence[str], kept: Path) -> Claim:
    """Look for an evaluation's texts in everything that was trained on; what is found is kept for the next time."""
    from isoglot.data import find_leakage

    against = {}
    for name in trained:
        path = kept / f"leakage-{data.fingerprints[name][:12]}-{data.fingerprints[one.data][:12]}.json"
        if not path.is_file():
            leakage = find_leakage(data.library.load(name), data.library.load(one.data))
            with new_file(path) as file:
                json.dump({"found": leakage.found, **leakage.to_dict()}, file)
        against[name] = json.loads(path.read_text(encoding="utf-8"))
    leaking = [name for name, found in against.items() if found["found"]]
    if leaking:
        sentence = (
            f"{one.name} is not zero-shot: texts of it are in what was trained on ({', '.join(leaking)}). The "
            "claim is struck; the figures stand for what they are."
        )
    elif unlabelled:
        sentence = (
            f"{one.name} is zero-shot as far as can be seen: none of its texts is in the labelled training data. "
            "Arms that adapt to a domain also read text without queries and judgments "
            f"({', '.join(unlabelled)}), in which its documents may be."
        )
    else:
        sentence = (
            f"{one.name} is zero-shot as far as can be seen: none of its texts is in what was trained on here."
        )
    return Claim(
        evaluation=one.name, holds=not leaking, against=against, sentence=sentence, unlabelled=tuple(unlabelled)
    )


def check_comparable(
    asked: Comparable, runs: Mapping[str, Mapping[int, dict[str, Any]]], *, stated: bool = True
) -> Comparability:
    """Check whether all trained arms had the same.

    Args:
        asked: the same of what.
        runs: arm -> seed -> how the run went, of trained arms.
        stated: whether the recipe says that it is.
    """
    values: dict[str, float | None] = {}
    for arm, seeds in runs.items():
        of_seeds = [run["seconds"]["train"] if asked.same == "time" else run[asked.same] for run in seeds.values()]
        if of_seeds:
            values[arm] = None if None in of_seeds else float(np.mean(of_seeds))
    what = SHARED[asked.same]
    known = {arm: value for arm, value in values.items() if value is not None}
    holds = None
    if len(known) < len(values):
        unknown = next(arm for arm in values if arm not in known)
        sentence = f"Whether the arms had the same {what} is not known: {unknown} did not count them."
    elif len(known) < 2:
        sentence = f"Fewer than two arms were trained: there are no {what} to compare."
    else:
        least, most = min(known, key=known.__getitem__), max(known, key=known.__getitem__)
        ratio = known[most] / known[least] if known[least] else float("inf")
        holds = ratio <= 1 + asked.tolerance
        range_ = f"from {known[least]:,.0f} ({least}) to {known[most]:,.0f} ({most})"
        if known[most] == known[least]:
            sentence = f"All trained arms had the same {what}, {known[most]:,.0f}."
        elif holds:
            as_stated = ", as stated" if stated else ""
            sentence = (
                f"All trained arms had about the same {what}, {range_}: within {asked.tolerance:.0%}{as_stated}."
            )
        elif stated:
            sentence = (
                f"The arms are not comparable as stated: {what} go {range_}, {ratio:.2f} × as many, where at most "
                f"{1 + asked.tolerance:.2f} × was stated. Arms with more of them may be better for that reason."
            )
        else:
            sentence = (
                f"The arms had different {what}, {range_}. Arms with more of them may be better for that reason; "
                "the recipe does not state what all have in common."
            )
        sentence += _tokens_too(asked, runs)
    return Comparability(
        stated=stated, same=asked.same, tolerance=asked.tolerance, holds=holds, values=values, sentence=sentence
    )


def _tokens_too(asked: Comparable, runs: Mapping[str, Mapping[int, dict[str, Any]]]) -> str:
    """Say how many tokens the arms encoded, where steps are the same and tokens are not."""
    if asked.same != "steps":
        return ""
    tokens = {arm: [run["tokens"] for run in seeds.values()] for arm, seeds in runs.items() if seeds}
    if any(value is None for values in tokens.values() for value in values):
        return ""
    means = {arm: float(np.mean(values)) for arm, values in tokens.items()}
    least, most = min(means, key=means.__getitem__), max(means, key=means.__getitem__)
    if means[most] <= (1 + asked.tolerance) * means[least]:
        return ""
    return f" In these they encoded from {means[least]:,.0f} ({least}) to {means[most]:,.0f} ({most}) tokens."


def published_beside(
    published: Published | None, beside: Beside | None, arms: Sequence[StudyArm]
) -> PublishedBeside | None:
    """Return published figures beside ours; None where nothing is set beside anything.

    Args:
        published: of the recipe.
        beside: of the profile.
        arms: what the result says of each arm.
    """
    if published is None or beside is None:
        return None
    figures = tuple(_figures(published, beside, arms))
    differs = beside.differs.rstrip(".")
    if beside.comparable:
        known = [one.within for one in figures if one.within is not None]
        of_all = plural(len(known), "published figure")
        held = f"Our 95 % intervals hold {sum(known)} of {of_all}. " if known else ""
        sentence = f"{held}Set-ups differ: {differs}."
    else:
        sentence = f"The published figures are no yardstick for these: {differs}."
    told = {**published.model_dump(exclude={"figures"}), **beside.model_dump(exclude={"arms"})}
    return PublishedBeside(**told, sentence=sentence, figures=figures)


def _figures(published: Published, beside: Beside, arms: Sequence[StudyArm]) -> Iterator[PublishedFigure]:
    """Yield each published figure of an arm that was run, on what was measured, with ours."""
    for one in published.figures:
        for arm in arms:
            theirs = arm.name if beside.arms is None else beside.arms.get(arm.name)
            value = one.arms.get(theirs or "")
            ours = arm.figure(one.on, one.setting, one.measure)
            if theirs is None or value is None or ours.mean is None:
                continue
            yield PublishedFigure(
                **one.model_dump(exclude={"on", "arms"}),
                evaluation=one.on,
                arm=arm.name,
                published_arm=theirs,
                published=value,
                ours=ours.mean,
                low=ours.low,
                high=ours.high,
                difference=ours.mean - value,
                within=None if ours.low is None or ours.high is None else ours.low <= value <= ours.high,
            )
