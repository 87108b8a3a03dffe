"""`BenchmarkResult`: what a public benchmark said of a model, by its own metrics, and its file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from isoglot.files import read_result_file, write_result_file

__all__ = ["BenchmarkResult"]

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
        names = [item.name for item in fields(cls)]
        return cls(**read_result_file(path, names, "the result of a benchmark"))
