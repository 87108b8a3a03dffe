"""The data of a study: what is here, what is left out for want of it, and what is made of it for the runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from isoglot.collections.fingerprint import collection_fingerprint, files_fingerprint, hash_of
from isoglot.collections.writing import write_collection
from isoglot.data.lexicons.lexicon import write_lexicon
from isoglot.errors import InputError
from isoglot.files import new_folder
from isoglot.studies.arms import training_sets
from isoglot.studies.library import Absent, Library, Unseen
from isoglot.studies.plan import Plan
from isoglot.studies.recipe import LexiconSource

__all__ = ["Data", "make_copies", "make_lexicons", "resolve_data"]


@dataclass
class Data:
    """The data of a study.

    Attributes:
        library: the collections by name.
        fingerprints: content hash of each source that is used and, as `lexicon NAME`, of each lexicon.
        lexicons: files of each lexicon that is given by its paths.
        notes: what was taken in place of what.
        unseen: sources that are loaded by name and were not; their fingerprints mean nothing.
    """

    library: Library
    fingerprints: dict[str, str] = field(default_factory=dict)
    lexicons: dict[str, list[str]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    unseen: list[str] = field(default_factory=list)


def resolve_data(plan: Plan, folders: list[Path], *, by_name: bool = True) -> Data:
    """Load what a plan needs. What is optional and absent is left out of the plan, with all that needs it.

    Args:
        plan: changed in place.
        folders: where relative paths are looked up.
        by_name: load also what is no path, which may download it.

    Raises:
        InputError: something is absent that is not optional, or nothing is left to run.
    """
    data = Data(Library(plan.profile.data, folders, plan.profile.lexicons, by_name=by_name))
    for evaluation in list(plan.evaluations):
        reason = _need(plan, data, evaluation.data)
        if reason is not None:
            plan.leave_out("evaluation", evaluation.name, reason)
    if plan.profile.tuning is not None and (reason := _need(plan, data, plan.profile.tuning.data)) is not None:
        raise InputError(f"the study tunes on {plan.profile.tuning.data}, which is absent: {reason}")
    for name, planned in list(plan.arms.items()):
        absent = {source: reason for source in planned.sets if (reason := _need(plan, data, source)) is not None}
        needs = [_need(plan, data, source) for source in (*planned.sources, *planned.repaired_on)]
        if any(absent.keys() >= training_sets(stage).keys() for stage in planned.stages):  # nothing to train on
            needs += absent.values()
        elif absent:
            plan.arms[name] = planned.without_sets(absent)
            data.notes += [
                note
                for source, reason in absent.items()
                if (note := f"nothing is trained on {source}: {reason}") not in data.notes
            ]
        needs += [_need_lexicon(plan, data, lexicon) for lexicon in planned.lexicons]
        reasons = [reason for reason in needs if reason is not None]
        if reasons:
            plan.leave_out("arm", name, reasons[0])
    if not plan.arms or not plan.evaluations:
        missing = "; ".join(dict.fromkeys(one["reason"] for one in plan.left_out))
        raise InputError(f"nothing is left to run: {missing}")
    return data


def _need(plan: Plan, data: Data, name: str) -> str | None:
    """Load a source; return why it is left out, None if it is here.

    Raises:
        InputError: it is absent and not optional.
    """
    if name in data.fingerprints:
        return None
    try:
        collection = data.library.load(name)
    except Unseen as error:
        data.unseen.append(name)
        if str(error) not in data.notes:  # several sources may be of one collection
            data.notes.append(str(error))
        data.fingerprints[name] = "unseen"
        return None
    except Absent as error:
        if plan.profile.data[name].optional:
            return str(error)
        raise InputError(f"the data source {name} of the study {plan.recipe.name} is absent: {error}") from None
    used = data.library.used(name)
    if used != name:
        data.notes.append(f"{name} is absent; {used} ({collection.name}) stands in for it")
    data.fingerprints[name] = data.fingerprints.get(used) or collection_fingerprint(collection)
    data.library.expect(used, data.fingerprints[name])
    return None


def _need_lexicon(plan: Plan, data: Data, name: str) -> str | None:
    """See that a lexicon is here; return why it is left out."""
    key, source = f"lexicon {name}", plan.profile.lexicons[name]
    if key in data.fingerprints:
        return None
    if source.induce is not None:
        reason = _need(plan, data, source.induce)
        if reason is None:
            data.fingerprints[key] = hash_of(["induced", data.fingerprints[source.induce]])
        return reason
    try:
        data.lexicons[name] = data.library.lexicon_files(name)
    except Absent as error:
        if source.optional:
            return str(error)
        raise InputError(f"the study {plan.recipe.name} needs it: {error}") from None
    data.fingerprints[key] = files_fingerprint(data.lexicons[name])
    return None


def make_lexicons(sources: Mapping[str, LexiconSource], data: Data, folder: Path) -> dict[str, list[str]]:
    """Return the files of each lexicon that is used; those made from parallel texts are written first.

    Args:
        sources: of the recipe.
        data: of the study.
        folder: where they are written.
    """
    found = dict(data.lexicons)
    for name, source in sources.items():
        key = f"lexicon {name}"
        if source.induce is None or key not in data.fingerprints:
            continue
        made = folder / f"lexicons-{data.fingerprints[key][:12]}"
        if not made.is_dir():
            with new_folder(made) as place:
                for one in data.library.lexicons(name):
                    write_lexicon(one, place)
        found[name] = [str(made)]
    return found


def make_copies(plan: Plan, data: Data, folder: Path) -> dict[str, str]:
    """Write the sources that training reads from a folder, for domain batches and validation; return where they
    are."""
    found: dict[str, str] = {}
    for name in dict.fromkeys(name for planned in plan.arms.values() for name in planned.sources):
        copy = folder / f"copy-{data.fingerprints[name][:12]}"
        if not copy.is_dir():
            write_collection(data.library.load(name), copy, form="parquet")
        found[name] = str(copy)
    return found
