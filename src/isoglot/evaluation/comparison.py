"""Several results against the first: paired tests in every setting, corrected for all of them together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from isoglot.errors import InputError
from isoglot.evaluation.result import Result
from isoglot.evaluation.significance import compare_results, holm
from isoglot.measures import SETTINGS

__all__ = ["DEFAULT_COMPARED", "Compared", "compare_all"]

DEFAULT_COMPARED = (
    *("AP", "nDCG@10", "R@10"),
    *("rank_distance", "max_rank", "complete@10", "own_language_share@10", "rank_correlation"),
)
"""Few, since every further test makes the correction harder on the others."""


@dataclass(frozen=True)
class Compared:
    """One measure of one result beside that of the first, on the same queries.

    Attributes:
        model: what the other result is called.
        language: only queries of this language; None for all.
        setting: `monolingual`, `cross_lingual`, `multilingual` or `bias`.
        measure: the measure.
        first: its value in the first result.
        second: its value in the other.
        difference: second minus first.
        p: of the paired randomisation test over query ids.
        p_holm: the same, corrected for all tests of the comparison.
        effect_size: mean over standard deviation of the paired differences; None where all are equal.
        query_ids: how many query ids the measure applies to.
    """

    model: str
    language: str | None
    setting: str
    measure: str
    first: float
    second: float
    difference: float
    p: float
    p_holm: float
    effect_size: float | None
    query_ids: int


def _split(column: str) -> tuple[str, str]:
    """Return setting and measure of a column of values per query."""
    for setting in SETTINGS:
        if column.startswith(f"{setting}_"):
            return setting, column.removeprefix(f"{setting}_")
    return "bias", column


def _columns(results: Mapping[str, Result], measures: Sequence[str] | None) -> list[str]:
    """Return the columns to compare: of measures by name, in every setting that has them."""
    skipped = {"row", "query_id", "lang", *(f"{name}_weight" for name in SETTINGS)}
    shared = [
        column
        for column in next(iter(results.values())).per_query
        if column not in skipped and all(column in result.per_query for result in results.values())
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


def _check(results: Mapping[str, Result]) -> None:
    if len(results) < 2:
        raise InputError("a comparison needs two results or more")
    (first_name, first), *others = results.items()
    for name, result in results.items():
        if not result.per_query:
            raise InputError(
                f"{name} has no values per query: keep F.queries.parquet next to F.json, or evaluate again"
            )
    for name, other in others:
        pools = [(result.multilingual or {}).get("documents") for result in (first, other)]
        if pools[0] != pools[1] or first.languages != other.languages:
            raise InputError(
                f"{first_name} and {name} were evaluated on different collections ({first.collection}, "
                f"{other.collection}): evaluate both on the same one"
            )


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

    Args:
        results: name -> result; the first is compared with.
        measures: names of measures (`AP`: in every setting) or columns (`multilingual_AP`); None for
            `DEFAULT_COMPARED`.
        by_language: also compare for each language of queries.
        macro: average multilingual and bias values over query languages, as in `Result.macro`.
        draws: number of random sign patterns.
        seed: of the patterns.

    Returns:
        The comparisons, by model, language (None first), setting.

    Raises:
        InputError: fewer than two results, values per query are missing, collections or queries differ, or a
            measure is not in all results.
    """
    _check(results)
    columns = _columns(results, measures)
    (_, first), *others = results.items()
    languages: list[str | None] = [None]
    if by_language:
        languages += sorted(set(first.per_query["lang"].tolist()))
    found = []
    for name, other in others:
        for language in languages:
            sides = [one if language is None else _of_language(one, language) for one in (first, other)]
            found += [
                Compared(
                    name,
                    language,
                    *_split(one.measure),
                    one.first,
                    one.second,
                    one.difference,
                    one.p,
                    one.p_holm,
                    one.effect_size,
                    one.query_ids,
                )
                for one in compare_results(sides[0], sides[1], columns, macro=macro, draws=draws, seed=seed)
            ]
    corrected = holm(np.array([one.p for one in found]))
    return [replace(one, p_holm=float(p)) for one, p in zip(found, corrected, strict=True)]
