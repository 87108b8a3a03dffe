"""Results on the same queries compared: paired randomisation tests in every setting, with Holm's correction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from isoglot.collections.comparable import why_none_compares
from isoglot.errors import InputError
from isoglot.evaluation.result import Result
from isoglot.evaluation.statistics import FloatArray, holm, sign_flip_test
from isoglot.measures import OTHERS, SETTINGS, verdict_of

__all__ = [
    "DEFAULT_COMPARED",
    "Compared",
    "Comparison",
    "compare_all",
    "compare_before",
    "compare_results",
    "row_weights",
]

logger = logging.getLogger(__name__)

DEFAULT_COMPARED = (
    *("AP", "nDCG@10", "R@10"),
    *("rank_distance", "max_rank", "complete@10", "own_language_share@10", "rank_correlation"),
)
"""Few, since every further test makes the correction harder on the others."""


@dataclass(frozen=True)
class Comparison:
    """One measure of two results on the same queries.

    Attributes:
        measure: column of `Result.per_query`, such as `multilingual_AP` or `rank_distance`.
        first: its average in the first result.
        second: its average in the second result.
        difference: second minus first.
        p: of the paired randomisation test over query ids.
        p_holm: the same, corrected for the number of measures compared.
        effect_size: mean over standard deviation of the paired differences of query ids (Cohen's d_z); None
            where all are equal.
        query_ids: how many query ids the measure applies to.
        left_out: queries that only one of the results has a value for, as where a run ranks nothing: they are in
            neither average.
        verdict: `better` or `worse` than the first, or `not shown` (`isoglot.measures.verdict_of`).
    """

    measure: str
    first: float
    second: float
    difference: float
    p: float
    p_holm: float
    effect_size: float | None
    query_ids: int
    left_out: int = 0

    @property
    def verdict(self) -> str:
        """What the corrected test says of the second result beside the first."""
        return verdict_of(self.measure, self.first, self.second, self.p_holm)


@dataclass(frozen=True, kw_only=True)
class Compared(Comparison):
    """A comparison of one of several results with the first; `measure` is without its setting.

    Attributes:
        model: what the other result is called.
        language: only queries of this language; None for all.
        setting: `monolingual`, `cross_lingual`, `multilingual` or `bias`.
    """

    model: str
    language: str | None
    setting: str


def _split(column: str) -> tuple[str, str]:
    """Return setting and measure of a column of values per query."""
    setting = next((name for name in SETTINGS if column.startswith(f"{name}_")), "bias")
    return setting, column.removeprefix(f"{setting}_")


def _measured(per_query: Mapping[str, Any]) -> list[str]:
    """Return the columns of values per query that hold measures."""
    others = {"row", "query_id", "lang", *(f"{name}_weight" for name in SETTINGS)}
    return [name for name in per_query if name not in others and not name.startswith(OTHERS)]


def row_weights(per_query: dict[str, Any], measure: str, macro: bool = False) -> FloatArray:
    """Return what each query row (q,) contributes to the average of a measure; sums to 1.

    Args:
        per_query: as `Result.per_query`.
        measure: column of it.
        macro: of multilingual and bias values the average over query languages, as in `Result.macro`.

    Returns:
        (q,) float64; all 0 where the measure applies to no query.
    """
    values = per_query[measure]
    applies = ~np.isnan(values)
    column = per_query.get(f"{_split(measure)[0]}_weight")
    if column is None:
        column = np.ones(len(values))
        if macro:
            _, language = np.unique(per_query["lang"], return_inverse=True)
            column /= np.maximum(np.bincount(language, applies), 1)[language]
    weights = np.where(applies, column, 0.0)
    total = weights.sum()
    return weights / total if total else weights


def _check_same_queries(first: Result, second: Result) -> None:
    for result in (first, second):
        if not result.per_query:
            raise InputError(
                f"the result of {result.model} has no values per query: keep F.queries.parquet next to F.json, "
                "or evaluate again"
            )
    for column in ("query_id", "lang"):
        if not np.array_equal(first.per_query[column], second.per_query[column]):
            raise InputError(
                f"{first.model} and {second.model} were evaluated on different queries "
                f"({first.collection}, {second.collection}): evaluate both on the same collection and split"
            )


def compare_results(
    first: Result,
    second: Result,
    measures: Sequence[str] | None = None,
    *,
    macro: bool = False,
    draws: int = 10_000,
    seed: int = 0,
) -> list[Comparison]:
    """Compare two results of the same collection, measure by measure, over query ids.

    A query id, with all its language versions, is one observation. Averages are those of the result file (macro
    averages for monolingual and cross-lingual measures): every row carries the weight that it has there.

    Args:
        first: the result to compare with.
        second: the other one.
        measures: columns of `per_query`; by default all measures that both results have.
        macro: average multilingual and bias values over query languages, as in `Result.macro`.
        draws: number of random sign patterns.
        seed: of the patterns.

    Returns:
        One comparison per measure that applies to some query, Holm-corrected across all of them.

    Raises:
        InputError: values per query are missing, the queries differ, or a measure is in only one of the results.
    """
    _check_same_queries(first, second)
    left, right = first.per_query, second.per_query
    if measures is None:
        measures = [name for name in _measured(left) if name in right]
    for name in measures:
        if name not in left or name not in right:
            raise InputError(f"the results do not both have the measure {name!r}; they share {', '.join(left)}")
    labels, ids = np.unique(left["query_id"], return_inverse=True)
    kept, differences, means, sizes, left_out = [], [], [], [], []
    for name in measures:
        lacking = np.isnan(right[name])
        weights = row_weights({**left, name: np.where(lacking, np.nan, left[name])}, name, macro)
        if not weights.any():
            continue
        a, b = (np.nan_to_num(side[name]) * weights for side in (left, right))
        kept.append(name)
        left_out.append(int((lacking != np.isnan(left[name])).sum()))
        differences.append(np.bincount(ids, b - a, minlength=len(labels)))
        means.append((float(a.sum()), float(b.sum())))
        sizes.append(np.bincount(ids, weights, minlength=len(labels)) > 0)
    if not kept:
        return []
    table = np.stack(differences, axis=1).astype(np.float64)
    p_values = sign_flip_test(table, draws=draws, seed=seed)
    adjusted = holm(p_values)
    found = []
    for at, name in enumerate(kept):
        applies = table[sizes[at], at]
        deviation = float(applies.std(ddof=1)) if len(applies) > 1 else 0.0
        found.append(
            Comparison(
                measure=name,
                first=means[at][0],
                second=means[at][1],
                difference=means[at][1] - means[at][0],
                p=float(p_values[at]),
                p_holm=float(adjusted[at]),
                effect_size=float(applies.mean()) / deviation if deviation > 0 else None,
                query_ids=int(sizes[at].sum()),
                left_out=left_out[at],
            )
        )
    return found


def _columns(results: Mapping[str, Result], measures: Sequence[str] | None) -> list[str]:
    """Return the columns to compare: of measures by name, in every setting that has them."""
    shared = [
        column
        for column in _measured(next(iter(results.values())).per_query)
        if all(column in result.per_query for result in results.values())
    ]
    if measures is None:
        return [column for column in shared if _split(column)[1] in DEFAULT_COMPARED]
    found = []
    for name in measures:
        named = [column for column in shared if name in (column, _split(column)[1])]
        if not named:
            known = ", ".join(dict.fromkeys(_split(column)[1] for column in shared))
            raise InputError(f"the results do not all have the measure {name!r}; they share {known}")
        found += named
    return list(dict.fromkeys(found))


def _without_copies(columns: Sequence[str], results: Mapping[str, Result], macro: bool) -> list[str]:
    """Leave out columns of the pool that are those within languages, as where there is one language, and say so."""

    def is_copy(column: str) -> bool:
        setting, measure = _split(column)
        within = f"monolingual_{measure}"
        if setting != "multilingual" or within not in columns:
            return False
        values = [result.per_query for result in results.values()]
        return all(
            np.allclose(one[column], one[within], rtol=0, atol=1e-12, equal_nan=True)
            and np.allclose(row_weights(one, column, macro), row_weights(one, within))
            for one in values
        )

    copies = [column for column in columns if is_copy(column)]
    if copies:
        named = ", ".join(_split(column)[1] for column in copies)
        logger.info("multilingual values are the monolingual ones, of all results, and tested once: %s", named)
    return [column for column in columns if column not in copies]


def _check_comparable(results: Mapping[str, Result]) -> None:
    if len(results) < 2:
        raise InputError("a comparison needs two results or more")
    for name, result in results.items():
        if not result.per_query:
            raise InputError(
                f"{name} has no values per query: keep F.queries.parquet next to F.json, or evaluate again"
            )
    if reason := why_none_compares(results):
        raise InputError(reason)


def _of_language(result: Result, language: str) -> Result:
    chosen = result.per_query["lang"] == language
    return replace(result, per_query={name: values[chosen] for name, values in result.per_query.items()})


def compare_all(
    results: Mapping[str, Result],
    measures: Sequence[str] | None = None,
    *,
    by_language: bool = False,
    macro: bool = False,
    draws: int = 10_000,
    seed: int = 0,
) -> list[Compared]:
    """Compare every other result with the first, by `compare_results`.

    One Holm correction holds for everything that is returned: the chance of any false finding among all models,
    settings, measures and languages stays below the level. Values of a language of queries are averages over these.
    What is the same in the pool as within languages, as all is where there is one language, is tested once.

    Args:
        results: name -> result; the first is compared with.
        measures: names of measures (`AP`: in every setting) or columns (`multilingual_AP`); None for
            `DEFAULT_COMPARED`.
        by_language: also compare for each language of queries, where there are several.
        macro: average multilingual and bias values over query languages, as in `Result.macro`.
        draws: number of random sign patterns.
        seed: of the patterns.

    Returns:
        The comparisons, by model, language (None first), setting.

    Raises:
        InputError: fewer than two results, values per query are missing, collections or queries differ, or a
            measure is not in all results.
    """
    _check_comparable(results)
    columns = _without_copies(_columns(results, measures), results, macro)
    (_, first), *others = results.items()
    asked_in = sorted(set(first.per_query["lang"].tolist()))
    languages: list[str | None] = [None, *(asked_in if by_language and len(asked_in) > 1 else ())]
    found = []
    for name, other in others:
        for language in languages:
            sides = [one if language is None else _of_language(one, language) for one in (first, other)]
            for one in compare_results(sides[0], sides[1], columns, macro=macro, draws=draws, seed=seed):
                setting, measure = _split(one.measure)
                told = {**vars(one), "measure": measure}
                found.append(Compared(model=name, language=language, setting=setting, **told))
    corrected = holm(np.array([one.p for one in found]))
    return [replace(one, p_holm=float(p)) for one, p in zip(found, corrected, strict=True)]


def compare_before(result: Result, *, draws: int = 10_000, seed: int = 0) -> list[Compared]:
    """Compare a fair ranking with the system's own, in what merging changes: the pool and language bias.

    Args:
        result: with `before`, as evaluating with `fair` gives it.
        draws: number of random sign patterns.
        seed: of the patterns.

    Returns:
        The comparisons, as `compare_all` gives them.

    Raises:
        InputError: the result is of the system's own ranking.
    """
    if result.before is None:
        raise InputError(f"the result of {result.model} has no ranking before a fair one: evaluate with fair=…")
    columns = [
        column
        for column in _measured(result.per_query)
        if _split(column)[0] in ("multilingual", "bias") and _split(column)[1] in DEFAULT_COMPARED
    ]
    sides = {result.before.model: result.before, result.model: result}
    return compare_all(sides, columns, draws=draws, seed=seed) if columns else []
