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
from isoglot.errors import InputError
from isoglot.evaluation.cache import model_fingerprint
from isoglot.files import read_result_file, versions, write_result_file
from isoglot.hardware import hardware

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
        hardware: what was computed on (`isoglot.hardware`).
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
    hardware: dict[str, Any] | None = None

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
        return cls(
            **read_result_file(path, get_type_hints(cls), "the result of a benchmark", optional=("hardware",))
        )


def evaluate_mteb(
    model: SentenceTransformer,
    task: str | AbsTask,
    *,
    languages: Sequence[str] | None = None,
    splits: Sequence[str] | None = None,
    batch_size: int = 64,
    progress: bool = False,
    mteb_results: str | Path | None = None,
    name: str | None = None,
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
        mteb_results: a folder for the result in mteb's own form, which `mteb.ResultCache(folder).load_results()`
            reads: `results/NAME/REVISION/TASK.json`, with `model_meta.json` beside it.
        name: of the model; None for what it was loaded from. In mteb's form a name on the Hub stays, and a folder
            is `isoglot/` and its own name; the revision is a hash of the weights.

    Returns:
        The result. Scores are as mteb gives them: most rounded to five decimals, ranks cut at 1,000.

    Raises:
        InputError: mteb is missing, there is no such task (close names are suggested), it does not retrieve text,
            or it has none of these languages or splits.
        IsoglotError: its data cannot be downloaded.
    """
    version = require_mteb()
    if mteb_results is not None:
        _check_writable(mteb_results)
    import mteb
    from mteb.models.sentence_transformer_wrapper import SentenceTransformerEncoderWrapper

    from isoglot.data.mteb.collection_task import POOL
    from isoglot.data.mteb.tasks import find_task, limit_task, load_task, subset_tags

    found = limit_task(find_task(task), languages, splits)
    with quietly(progress):
        seconds = {"load": load_task(found)}
        start = time.perf_counter()
        encoder = SentenceTransformerEncoderWrapper(model) if isinstance(model, SentenceTransformer) else model
        outcome = mteb.evaluate(
            encoder,
            found,
            co2_tracker=False,
            encode_kwargs={"batch_size": batch_size, "show_progress_bar": progress},
            cache=None,  # it tells models apart by the name of what they were trained from, so arms would collide
            show_progress_bar=progress,
        )
    seconds["evaluate"] = time.perf_counter() - start
    result = outcome.task_results[0]
    name = name or model_name(model)
    if mteb_results is not None:
        _write_as_mteb(result, encoder, name, mteb_results)
    subsets = [subset for subset in found.hf_subsets if subset != POOL] or found.hf_subsets
    return BenchmarkResult(
        benchmark="mteb",
        task=found.metadata.name,
        split=",".join(result.scores),
        model=name,
        measure=found.metadata.main_score,
        main_score=float(result.get_score()),
        languages=sorted({tag for subset in subsets for tag in subset_tags(found, subset)}),
        scores=_scores(result),
        dataset={key: str(found.metadata.dataset.get(key, "")) for key in ("path", "revision")},
        seconds=seconds,
        versions={"mteb": version, **versions()},
        hardware=hardware(),
    )


def _check_writable(folder: str | Path) -> None:
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror}") from None


def _write_as_mteb(result: TaskResult, encoder: Any, name: str, folder: str | Path) -> None:
    """Write a result as mteb's own cache of results holds it."""
    from mteb.cache import ResultCache

    meta = encoder.mteb_model_meta
    if isinstance(encoder.model, SentenceTransformer):
        on_hub = name.count("/") == 1 and not name.startswith((".", "/", "~")) and not Path(name).exists()
        named = name if on_hub else f"isoglot/{Path(name).resolve().name}"
        meta = meta.model_copy(update={"name": named, "revision": model_fingerprint(encoder.model)})
    ResultCache(folder).save_to_cache(result, meta)


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
