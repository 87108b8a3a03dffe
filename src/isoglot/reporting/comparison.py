"""Several models side by side, in words and tables: what the paired tests show, and nothing beyond them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from isoglot.collections.comparable import collection_hash, why_none_compares
from isoglot.measures import SETTINGS, Measure, format_value, measure_of, plural, signed_value
from isoglot.reporting.inspection import Inspection
from isoglot.reporting.result_like import ComparedLike, ResultLike, value_row
from isoglot.reporting.tables import Cell, Head, Table, row_cell
from isoglot.reporting.words import name_of

__all__ = ["comparable", "comparison_sentences", "side_by_side", "verdict_table"]

QUESTIONS = (
    ("monolingual.AP", "Within one language"),
    ("cross_lingual.AP", "Across languages"),
    ("multilingual.AP", "Over all languages in one pool"),
    ("rank_distance", "In treating the languages of an answer alike"),
    ("own_language_share@10", "In not preferring the question's own language"),
)
COMPARED = (
    "monolingual.AP",
    "cross_lingual.AP",
    "multilingual.AP",
    "multilingual.nDCG@10",
    "rank_distance",
    "complete@10",
    "own_language_share@10",
)


def _measure(one: ComparedLike) -> Measure:
    return measure_of(f"{one.setting}.{one.measure}" if one.setting in SETTINGS else one.measure)


def comparable(results: Mapping[str, ResultLike]) -> bool:
    """Tell whether figures of all results compare: they are of one collection, by hash or by name."""
    hashes = {collection_hash(result) for result in results.values()}
    one = len({result.collection for result in results.values()}) == 1 or (len(hashes) == 1 and None not in hashes)
    return one and why_none_compares(results) is None


def comparison_sentences(
    results: Mapping[str, ResultLike], tests: Sequence[ComparedLike] = (), first: str = ""
) -> list[str]:
    """Say which model is better at what, as far as a paired test shows it; what is shown first.

    Args:
        results: name -> result. Of different collections nothing is said but that they do not compare.
        tests: paired tests of every other result against the first; without them nothing is called better.
        first: what the first is called.
    """
    if len(results) < 2:
        return []
    if not comparable(results):
        collections = sorted({result.collection for result in results.values()})
        if len(collections) > 1:
            named = ", ".join(collections)
            return [f"The models were measured on different collections ({named}): values do not compare."]
        return [f"Values do not compare: {why_none_compares(results)}."]
    if not tests:
        return [
            *_untested(results),
            "No paired test was made, so none of this may be more than chance: isoglot compare makes one.",
        ]
    pool = _pool(results.values())
    told = [
        (one.verdict == "not shown", _tested(one, where, first, pool))
        for key, where in QUESTIONS
        for one in tests
        if one.language is None and _measure(one).key == key
    ]
    return [sentence for _, sentence in sorted(told, key=lambda one: one[0])]


def _pool(results: Iterable[ResultLike]) -> str:
    """Say what ranks are ranks of: `, in a pool of 1,334 documents`; empty where that is not one number."""
    documents = {(result.multilingual or {}).get("documents") for result in results}
    size = documents.pop() if len(documents) == 1 else None
    return f", in a pool of {plural(size, 'document')}" if size else ""


def _tested(one: ComparedLike, where: str, first: str, pool: str) -> str:
    measure = _measure(one)
    values = [format_value(value, measure.form) for value in (one.second, one.first)]
    among = pool if measure.form == "rank" else ""
    told = f"({measure.label} {values[0]} beside {values[1]}{among}; p {one.p_holm:.4f})"
    if (
        one.verdict == "not shown" and measure.better == "zero"
    ):  # a difference across 0 says nothing of which is closer
        return f"{where}, neither {one.model} nor {first} is shown to be better {told}."
    if one.verdict == "not shown":
        return f"{where}, no difference is shown between {one.model} and {first} {told}."
    return f"{where}, {one.model} is {one.verdict} than {first} {told}."


def _untested(results: Mapping[str, ResultLike]) -> list[str]:
    sentences = []
    for key, where in QUESTIONS:
        measure = measure_of(key)
        values = {name: value_row(result, key)["mean"] for name, result in results.items()}
        values = {name: value for name, value in values.items() if value is not None}
        if len(values) < 2:
            continue
        ordered = sorted(values, key=values.__getitem__, reverse=measure.better == "high")
        told = ", ".join(f"{name} {format_value(values[name], measure.form)}" for name in ordered)
        lower = ", lower is better" if measure.better == "low" else ""
        told += _pool(results.values()) if measure.form == "rank" else ""
        sentences.append(f"{where} ({measure.label}{lower}): {told}.")
    return sentences


def verdict_table(tests: Sequence[ComparedLike], first: str) -> Table:
    """Return what the tests show: one row a measure, model and, where there are such tests, question language."""
    several = len({one.model for one in tests}) > 1
    by_language = any(one.language for one in tests)
    heads = [Head("measure")]
    heads += [Head("model")] if several else []
    heads += [Head("questions in")] if by_language else []
    heads += [
        Head(first),
        Head("other" if several else tests[0].model),
        Head("difference"),
        Head("verdict", f"than {first}"),
        Head("effect size", "d_z"),
        Head("p", "Holm"),
    ]
    rows = []
    for one in tests:
        measure = _measure(one)
        aim = {"low": "lower is better", "zero": "0 is best"}.get(measure.better or "", "")
        if one.left_out:
            aim += f"{'; ' if aim else ''}without {one.left_out:,} questions that one side has no value for"
        asked = "all" if one.language is None else name_of(one.language)
        rows.append(
            [
                Cell(measure.label, note=aim),
                *([Cell(one.model, one.model)] if several else []),
                *([Cell(asked, asked)] if by_language else []),
                Cell(format_value(one.first, measure.form), one.first),
                Cell(format_value(one.second, measure.form), one.second),
                Cell(signed_value(one.difference, measure.form), one.difference),
                Cell(one.verdict, one.verdict, best=one.verdict == "better"),
                Cell("–" if one.effect_size is None else signed_value(one.effect_size, "score"), one.effect_size),
                Cell(f"{one.p_holm:.4f}", one.p_holm),
            ]
        )
    note = (
        f"Paired randomisation tests over questions, corrected (Holm) for all {len(tests)}; not shown: p is 0.05 "
        "or more. The test decides, not whether intervals overlap, which those of a shown difference may well do."
    )
    return Table("What the paired tests show", heads, rows, note=note, sortable=True)


def side_by_side(
    arms: Mapping[str, Inspection], *, keys: Sequence[str] = COMPARED, label: str = "Models side by side"
) -> Table:
    """Return the main measures, one row a model, in the order given, sortable.

    Args:
        arms: what each model is called -> the model.
        keys: of the measures shown, of those that some result has a value of.
        label: of the table.
    """
    same = comparable({name: arm.result for name, arm in arms.items()})
    heads, columns = [Head("model")], []
    for key in dict.fromkeys(keys):
        rows = [value_row(arm.result, key) for arm in arms.values()]
        if all(row["mean"] is None for row in rows):
            continue
        measure = measure_of(key)
        unit = "percentage points" if measure.form == "points" else ""
        lower = "lower is better" if measure.better == "low" else ""
        heads.append(Head(measure.label, note=unit or lower, title=measure.note))
        columns.append([row_cell(row, measure) for row in rows])
    rows_of_cells = [
        [Cell(name, note="" if same else arm.result.collection), *(column[at] for column in columns)]
        for at, (name, arm) in enumerate(arms.items())
    ]
    with_intervals = [bool(arm.result.intervals) for arm in arms.values()]
    note = "Below each value its 95 % interval." if any(with_intervals) else "No result has intervals."
    if any(with_intervals) and not all(with_intervals):
        note = "Below each value its 95 % interval, where the result has one."
    pool = _pool(arm.result for arm in arms.values())
    if same and pool:
        languages = plural(len(next(iter(arms.values())).result.languages), "language")
        note += f" Ranks are places{pool.removeprefix(',')} in {languages}."
    return Table(label, heads, rows_of_cells, note=note, sortable=True)
