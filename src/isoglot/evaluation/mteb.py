"""A model through a task of mteb: by mteb's own code and metrics, to our file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import mteb
import numpy as np
from mteb.abstasks import AbsTask
from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper
from sentence_transformers import SentenceTransformer

from isoglot.data.mteb.collection_task import POOL
from isoglot.data.mteb.library import quietly, require_mteb
from isoglot.data.mteb.tasks import find_task, limit_task, load_task, subset_tags
from isoglot.encoders import model_name
from isoglot.evaluation.mteb_result import BenchmarkResult, Scores
from isoglot.files import versions

if TYPE_CHECKING:
    from mteb.results import TaskResult

__all__ = ["evaluate_mteb"]

NOT_MEASURES = ("hf_subset", "languages", "main_score")


def _plain(value: Any) -> float | None:
    """Return a number that JSON can hold; None for what is undefined."""
    number = float(value)
    return number if np.isfinite(number) else None


def _scores(result: TaskResult) -> Scores:
    return {
        split: {
            str(entry["hf_subset"]): {
                name: _plain(value)
                for name, value in entry.items()
                if name not in NOT_MEASURES and isinstance(value, int | float | np.number)
            }
            for entry in entries
        }
        for split, entries in result.scores.items()
    }


def evaluate_mteb(
    model: SentenceTransformer,
    task: str | AbsTask,
    *,
    languages: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    batch_size: int = 64,
    progress: bool = False,
) -> BenchmarkResult:
    """Evaluate a model on a retrieval task of mteb: mteb's data, search and metrics.

    The model goes through mteb's wrapper for sentence-transformers, so its own prompts (`query`, `document`, or
    one named after the task) are used as mteb uses them. Every subset of a task, such as a language pair, is
    encoded and searched on its own, as mteb does; `collection_from_mteb` and `isoglot.evaluate` measure the
    pool of all languages, which mteb does not.

    mteb seeds `random`, `numpy.random` and `torch` with 42 when it makes a task.

    Args:
        model: any sentence-transformers model.
        task: a name of mteb (`NFCorpus`) or of ours (`XQuADRRetrieval`, `MLQARRetrieval`), or a task.
        languages: only subsets all of whose languages are among these tags; all if None.
        splits: only these splits; those that the task evaluates if None.
        batch_size: texts per forward pass.
        progress: show mteb's progress bars.

    Returns:
        The result. Scores are as mteb gives them: most rounded to five decimals, ranks cut at 1,000.

    Raises:
        InputError: there is no such task (close names are suggested), it does not retrieve text, or it has
            none of these languages or splits.
        IsoglotError: its data cannot be downloaded.
    """
    found = limit_task(find_task(task), languages, splits)
    with quietly(progress):
        seconds = {"load": load_task(found)}
        start = time.perf_counter()
        outcome = mteb.evaluate(
            SentenceTransformerEncoderWrapper(model) if isinstance(model, SentenceTransformer) else model,
            found,
            co2_tracker=False,
            encode_kwargs={"batch_size": batch_size, "show_progress_bar": progress},
            cache=None,  # it tells models apart by the name of what they were trained from, so arms would collide
            show_progress_bar=progress,
        )
    seconds["evaluate"] = time.perf_counter() - start
    result = outcome.task_results[0]
    subsets = [subset for subset in found.hf_subsets if subset != POOL] or found.hf_subsets
    return BenchmarkResult(
        benchmark="mteb",
        task=found.metadata.name,
        split=",".join(result.scores),
        model=model_name(model),
        measure=found.metadata.main_score,
        main_score=float(result.get_score()),
        languages=sorted({tag for subset in subsets for tag in subset_tags(found, subset)}),
        scores=_scores(result),
        dataset={key: str(found.metadata.dataset.get(key, "")) for key in ("path", "revision")},
        seconds=seconds,
        versions={"mteb": require_mteb(), **versions()},
    )
