"""Retrieval tasks of mteb: found by name, limited to languages and splits, and loaded."""

from __future__ import annotations

import difflib
import time
from collections.abc import Iterable, Sequence
from typing import Any

from mteb.abstasks import AbsTask, AbsTaskRetrieval
from mteb.abstasks.aggregated_task import AbsTaskAggregate
from mteb.get_tasks import TASK_LIST, get_task

from isoglot.data.mteb.collection_task import CollectionRetrieval, MLQARRetrieval, XQuADRRetrieval
from isoglot.data.mteb.library import cannot_load, speaks, tag_of_codes
from isoglot.errors import InputError, IsoglotError
from isoglot.languages.tags import read_tag

__all__ = ["find_task", "limit_task", "load_task", "subset_tags"]


OWN = {task.metadata.name: task for task in (MLQARRetrieval, XQuADRRetrieval)}
"""The tasks that mteb lacks and we have, by name."""


def find_task(task: str | AbsTask) -> AbsTaskRetrieval:
    """Return a retrieval task of text, fresh if it is given by its name.

    Args:
        task: a name of mteb (`NFCorpus`) or of ours (`XQuADRRetrieval`), or a task.

    Raises:
        InputError: there is no such task, or it is not one of text retrieval.
    """
    found: AbsTask
    if isinstance(task, AbsTask):
        found = task
    elif task in OWN:
        found = OWN[task]()
    else:
        try:
            found = get_task(task)
        except KeyError:
            raise InputError(f"mteb has no task {task!r}{_suggest(task)}") from None
    name, metadata = found.metadata.name, found.metadata
    if isinstance(found, AbsTaskAggregate):
        parts = ", ".join(part.metadata.name for part in found.tasks)
        raise InputError(f"{name} is the mean of several tasks: evaluate them one by one: {parts}")
    if not isinstance(found, AbsTaskRetrieval):
        raise InputError(f"{name} is no retrieval task: mteb calls it {metadata.type}")
    if list(metadata.modalities) != ["text"]:
        raise InputError(f"{name} retrieves more than text ({', '.join(metadata.modalities)})")
    return found


def _suggest(name: str) -> str:
    """Return what may have been meant, as the rest of a sentence."""
    known = list(OWN) + [task.metadata.name for task in TASK_LIST if issubclass(task, AbsTaskRetrieval)]
    folded: dict[str, str] = {each.casefold(): each for each in known}
    close = difflib.get_close_matches(name.casefold(), folded, n=4, cutoff=0.5)
    if not close:
        return "; mteb.get_tasks(task_types=['Retrieval']) lists them"
    return f"; did you mean {' or '.join(folded[each] for each in close)}?"


def subset_tags(task: AbsTaskRetrieval, subset: str) -> list[str]:
    """Return the canonical tag of each language code that a subset has, in mteb's order."""
    return [tag_of_codes([code]) for code in task.metadata.hf_subsets_to_langscripts[subset]]


def limit_task(
    task: AbsTaskRetrieval, languages: Iterable[str] | None, splits: Sequence[str] | None
) -> AbsTaskRetrieval:
    """Limit a task to subsets all of whose languages are wanted, and to splits.

    Args:
        task: changed in place.
        languages: language tags as people write them; all if None.
        splits: splits of the task; all that it evaluates if None.

    Returns:
        The task.

    Raises:
        InputError: a tag is none, no subset has only these languages, or there is no such split.
    """
    name = task.metadata.name
    if splits is not None:
        unknown = [split for split in splits if split not in task.metadata.eval_splits]
        if unknown or not splits:
            have = ", ".join(task.metadata.eval_splits)
            raise InputError(
                f"{name} has no split {', '.join(unknown) or 'of an empty list'}; its splits are {have}"
            )
        task.filter_eval_splits(list(splits))
    if languages is not None:
        wanted = [read_tag(language, "--languages") for language in languages]
        if isinstance(task, CollectionRetrieval):
            task.keep_languages(wanted)
            return task
        kept = [
            subset for subset in task.hf_subsets if all(speaks(tag, wanted) for tag in subset_tags(task, subset))
        ]
        if not kept:
            tags = sorted({tag for subset in task.hf_subsets for tag in subset_tags(task, subset)})
            raise InputError(
                f"{name} has nothing in {', '.join(wanted)} alone; its languages are {', '.join(tags)}"
            )
        task.hf_subsets = kept
    return task


def load_task(task: AbsTaskRetrieval) -> float:
    """Load the data of a task, from the Hugging Face hub, its cache or wherever the task has it.

    Returns:
        Seconds it took.

    Raises:
        IsoglotError: it cannot be downloaded, or is not what mteb expects.
    """
    start = time.perf_counter()
    if not task.data_loaded:
        try:
            task.load_data()
        except IsoglotError:
            raise
        except Exception as error:
            what = f"the data of mteb's task {task.metadata.name} ({task.metadata.dataset.get('path', '')})"
            raise cannot_load(what, error, "; private data sets need `hf auth login`") from error
    convert: Any = task.convert_v1_dataset_format_to_v2
    convert(num_proc=None)
    return time.perf_counter() - start
