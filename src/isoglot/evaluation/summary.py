"""From ranks to a `Result`: the part of an evaluation that is the same for every system."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from isoglot.collections.collection import Collection
from isoglot.evaluation.bias import measure_bias
from isoglot.evaluation.judgments import Ranks
from isoglot.evaluation.made import made_of
from isoglot.evaluation.measures import DEFAULT_MEASURES, parse_measure
from isoglot.evaluation.merging import fair_name
from isoglot.evaluation.renamed import renamed
from isoglot.evaluation.result import Result
from isoglot.evaluation.settings import Cells, cells_of, multilingual_values, pair_averages, pair_table
from isoglot.evaluation.statistics import Averages, FloatArray, IntArray, averages_of_others, bootstrap_intervals
from isoglot.files import versions
from isoglot.hardware import hardware
from isoglot.measures import OTHERS

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["Clock", "Measuring", "check_measuring", "result_of_merged", "result_of_ranks"]


class Measuring(TypedDict, total=False):
    """The keywords that say what is measured of ranks, of all that evaluates something; see `result_of_ranks`."""

    measures: Sequence[str]
    bootstrap: int
    seed: int


def check_measuring(options: Measuring) -> None:
    """Check the names of measures, before what may take long.

    Raises:
        InputError: a measure is unknown.
    """
    for name in options.get("measures", ()):
        parse_measure(name)


class Clock:
    """Measures laps; `seconds` is what goes into the result file.

    Attributes:
        seconds: step -> wall-clock seconds, in order.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._last = time.perf_counter()

    def lap(self, name: str) -> None:
        """Note the time since the last lap under a name."""
        now = time.perf_counter()
        self.seconds[name], self._last = now - self._last, now


def _setting(averages: Averages) -> dict[str, Any] | None:
    """Summarise the macro averages over language pairs; None where there is no pair."""
    pairs = len(np.unique(averages.columns))
    return {**averages.estimate(), "pairs": pairs} if pairs else None


def _row_values(cells: Cells, averages: Averages, kept: IntArray, name: str, queries: int) -> dict[str, FloatArray]:
    """Spread a macro average over query rows: `name_weight`, `name_MEASURE` and `others_name_MEASURE`, (q,) each.

    A row's weight is what it contributes to the macro average, its value the weighted mean over its pairs;
    so the sum of weight × value over rows is the macro average, which paired tests between models rely on. What the
    other queries of its pairs have is kept beside it, for the error of averages over several runs.
    """
    _, column, sizes = np.unique(averages.columns, return_inverse=True, return_counts=True)
    weight = 1 / (sizes[column] * len(sizes))
    rows = cells.query[kept]
    total: FloatArray = np.bincount(rows, weight, minlength=queries).astype(np.float64)
    safe = np.where(total > 0, total, 1)
    found: dict[str, FloatArray] = {f"{name}_weight": total}
    for measure, values in averages.values.items():
        mean = np.bincount(rows, weight * values, minlength=queries) / safe
        found[f"{name}_{measure}"] = np.where(total > 0, mean, np.nan)
        others = averages_of_others(values, weight, averages.query_ids, column)
        found[f"{OTHERS}{name}_{measure}"] = np.bincount(rows, weight * others, minlength=queries) / safe
    return found


def _spread(values: FloatArray, asked: IntArray, rows: IntArray) -> FloatArray:
    """Return the values (a,) of some of the query rows (q,) in the places of all; NaN for the others."""
    if len(asked) == len(rows):
        return values
    found = np.full(len(rows), np.nan)
    found[asked] = values
    return found


def _intervals(groups: dict[str, Sequence[Averages]], ids: int, draws: int, seed: int) -> dict[str, Any]:
    """Return the bootstrap intervals of every setting; None for one without any."""
    intervals: dict[str, Any] = {}
    for setting, parts in groups.items():
        found = {
            name: interval
            for part in parts
            for name, interval in bootstrap_intervals(part, ids, draws, seed).items()
        }
        intervals[setting] = None if all(value is None for value in found.values()) else found
    return intervals


@renamed(model="name")
def result_of_ranks(
    ranks: Ranks,
    collection: Collection,
    *,
    measures: Sequence[str] = DEFAULT_MEASURES,
    bootstrap: int = 1000,
    seed: int = 0,
    name: str = "ranks",
    geometry: dict[str, float | None] | None = None,
    made: dict[str, Any] | None = None,
    clock: Clock | None = None,
    pairs: Ranks | None = None,
) -> Result:
    """Compute all measures, their intervals and the values per query from ranks.

    Args:
        ranks: ranks of the relevant documents of a collection's queries, `top` of at least 10; of the queries that
            have some in their pools.
        collection: the collection.
        measures: rank measures by ir_measures' names.
        bootstrap: draws for the confidence intervals; 0 for none.
        seed: of the bootstrap.
        name: what the result calls the system.
        geometry: of its embeddings, where there are any.
        made: what is known of how a model encodes, for `Result.made`.
        clock: of the evaluation so far; goes on.
        pairs: ranks of all judged queries among the documents of each language, where those of `ranks` are not: of
            a pool of chosen languages, or by another index.

    Returns:
        The result.

    Raises:
        InputError: a measure is unknown.
    """
    clock = clock or Clock()
    pairs = pairs or ranks
    rows = pairs.judgments.query_rows
    labels, ids = np.unique(pairs.judgments.query_ids, return_inverse=True)
    language = collection.query_language[rows].astype(np.int64)
    cells = cells_of(pairs, language, measures)
    mono, cross = (pair_averages(cells, ids, same) for same in (True, False))
    asked = np.searchsorted(rows, ranks.judgments.query_rows)  # the queries with an answer in their pools
    multilingual = Averages.plain(multilingual_values(ranks, measures), ids[asked])
    bias = measure_bias(
        ranks, cells_of(ranks, language[asked], ()), ids[asked], language[asked], collection.languages
    )
    macro: dict[str, Sequence[Averages]] = {
        "multilingual": [Averages(multilingual.values, ids[asked], language[asked])],
        "bias": [Averages(bias.per_query, ids[asked], language[asked])],
    }
    clock.lap("measure")
    intervals = macro_intervals = None
    if bootstrap:
        groups: dict[str, Sequence[Averages]] = {
            "monolingual": [mono],
            "cross_lingual": [cross],
            "multilingual": [multilingual],
            "bias": bias.averages,
        }
        intervals = _intervals(groups, len(labels), bootstrap, seed)
        macro_intervals = _intervals(macro, len(labels), bootstrap, seed)
        clock.lap("bootstrap")
    per_query: dict[str, np.ndarray] = {
        "row": rows,
        "query_id": collection.query_ids.take(pairs.judgments.query_ids).to_numpy(zero_copy_only=False),
        "lang": np.array(collection.languages, dtype=object)[language],
        **{f"multilingual_{name}": _spread(found, asked, rows) for name, found in multilingual.values.items()},
        **_row_values(cells, mono, np.flatnonzero(cells.mono), "monolingual", len(rows)),
        **_row_values(cells, cross, np.flatnonzero(~cells.mono), "cross_lingual", len(rows)),
        **{name: _spread(found, asked, rows) for name, found in bias.per_query.items()},
    }
    pool = int(ranks.judgments.pool_counts(0).max(axis=0).sum())
    return Result(
        collection=collection.name,
        model=name,
        languages=list(collection.languages),
        monolingual=_setting(mono),
        cross_lingual=_setting(cross),
        multilingual={**multilingual.estimate(), "queries": len(asked), "documents": pool},
        bias=bias.summary,
        macro={
            **{setting: averages.estimate() for setting, (averages,) in macro.items()},
            "languages": len(np.unique(language[asked])),
            "intervals": macro_intervals,
        },
        geometry=geometry,
        intervals=intervals,
        pairs=pair_table(cells, collection.languages),
        seconds=clock.seconds,
        versions=versions(),
        hardware=hardware(),
        made=made_of(collection, pairs.judgments, made),
        per_query=per_query,
    )


def result_of_merged(
    merged: Ranks,
    own: Ranks,
    method: str,
    collection: Collection,
    *,
    name: str = "ranks",
    geometry: dict[str, float | None] | None = None,
    made: dict[str, Any] | None = None,
    clock: Clock | None = None,
    pairs: Ranks | None = None,
    **measuring: Unpack[Measuring],
) -> Result:
    """Measure a fair ranking, and the system's own, which is its `Result.before`.

    Only the pool is merged anew: ranks among the documents of one language, and so the monolingual and
    cross-lingual settings, stay those of the system's own ranking.

    Args:
        merged: ranks after merging.
        own: ranks by the system's own scores.
        method: one of `MERGINGS`.
        collection: the collection.
        name: what the result of the system's own ranking calls it; the other adds the method (`fair_name`).
        geometry: as for `result_of_ranks`, as are the following.
        made: of both.
        clock: of the evaluation so far.
        pairs: of both.
        **measuring: `measures`, `bootstrap` and `seed`.
    """
    pairs = pairs or own
    before = result_of_ranks(own, collection, name=name, geometry=geometry, made=made, pairs=pairs, **measuring)
    called = fair_name(name, method)
    result = result_of_ranks(
        merged, collection, name=called, geometry=geometry, made=made, clock=clock, pairs=pairs, **measuring
    )
    result.fair, result.before = method, before
    return result
