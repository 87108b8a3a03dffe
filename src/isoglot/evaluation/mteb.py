"""A model through a task of mteb: by mteb's own code and metrics, to a result file of ours.

mteb is an optional extra and is imported when a model is evaluated.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

import numpy as np
from sentence_transformers import SentenceTransformer

from isoglot.data.mteb.library import quietly, require_mteb
from isoglot.encoders import model_name
from isoglot.files import read_result_file, versions, write_result_file

if TYPE_CHECKING:
    from mteb.abstasks import AbsTask
    from mteb.results import TaskResult

__all__ = ["BenchmarkResult", "evaluate_mteb"]

NOT_MEASURES = ("hf_subset", "languages", "main_score")

Scores = dict[str, dict[str, dict[str, float | None]]]


@dataclass
class BenchmarkResult:
    """Scores of one benchmark task. The attributes are the keys of the result file.

    Attributes:
        benchmark: whose task and metrics these are: `mteb`.
        task: name of the task.
        split: the split evaluated; several are joined by a comma.
        model: name of the model, as far as it remembers.
        measure: the benchmark's name of the task's main measure, such as `ndcg_at_10`.
        main_score: its mean over splits and subsets, as mteb averages, from 0 to 1.
        languages: canonical tags of the languages evaluated.
        scores: split -> subset -> the benchmark's name of a measure -> value; None where it is undefined.
        dataset: where the data came from: `path` and `revision`.
        seconds: what took how long: `load` and `evaluate`.
        versions: of isoglot, mteb, Python and the libraries.
    """

    benchmark: str
    task: str
    split: str
    model: str
    measure: str
    main_score: float
    languages: list[str]
    scores: Scores
    dataset: dict[str, str]
    seconds: dict[str, float]
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Return what the result file holds."""
        return asdict(self)

    def to_json(self, path: str | Path) -> None:
        """Write the result file.

        Raises:
            InputError: the file cannot be written.
        """
        write_result_file(self.to_dict(), path)

    @classmethod
    def from_json(cls, path: str | Path) -> BenchmarkResult:
        """Read a result file.

        Raises:
            InputError: the file is missing or not the result of a benchmark.
        """
        return cls(**read_result_file(path, get_type_hints(cls), "the result of a benchmark"))


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
        InputError: mteb is missing, there is no such task (close names are suggested), it does not retrieve text,
            or it has none of these languages or splits.
        IsoglotError: its data cannot be downloaded.
    """
    version = require_mteb()
    import mteb
    from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper

    from isoglot.data.mteb.collection_task import POOL
    from isoglot.data.mteb.tasks import find_task, limit_task, load_task, subset_tags

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
        versions={"mteb": version, **versions()},
    )


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
