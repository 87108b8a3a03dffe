"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from isoglot.measures import SETTINGS, digits_of, format_value, measure_of, setting_name

if TYPE_CHECKING:
    from isoglot.evaluation import Compared, Result
    from isoglot.evaluation.mteb import BenchmarkResult
    from isoglot.reporting.study import StudyResult

__all__ = [
    "benchmark_table",
    "comparison_table",
    "estimates_table",
    "losers_table",
    "models_table",
    "result_table",
]

BIAS = ("rank_distance", "max_rank", "complete@10", "own_language_share@10")
MODEL_BIAS = ("rank_distance", "own_language_share@10")


def _label(setting: str, measure: str) -> str:
    return measure if setting == "bias" else f"{setting_name(setting)} {measure}"


def estimates_table(study: StudyResult, evaluation: str, measures: Sequence[str]) -> Table:
    """Return figures by arm: mean over seeds, and the 95 % interval over seeds and queries in brackets.

    Args:
        study: its arms are the columns.
        evaluation: one of its evaluations.
        measures: `SETTING.MEASURE` of each row.
    """
    sizes = sorted({len(arm.seeds) for arm in study.arms if arm.seeds})
    number = " to ".join(map(str, dict.fromkeys((sizes[0], sizes[-1])))) if sizes else "no"
    title = "one seed" if sizes == [1] else f"mean of {number} seeds"
    table = Table(title=f"{title} [95 % interval]", title_justify="left")
    table.add_column("measure")
    for arm in study.arms:
        table.add_column(setting_name(arm.name), justify="right")
    for setting, _, measure in (key.partition(".") for key in measures):
        found = [arm.figure(evaluation, setting, measure) for arm in study.arms]
        cells = (_mean(figure.mean, (figure.low, figure.high), digits_of(measure)) for figure in found)
        table.add_row(_label(setting, measure), *cells)
    return table


def _mean(value: float | None, interval: Sequence[float | None], digits: int) -> str:
    """Return a value with its 95 % interval, or a dash where there is none."""
    if value is None:
        return "–"
    low, high = interval
    spread = "" if low is None or high is None else f" [{low:.{digits}f}, {high:.{digits}f}]"
    return f"{value:.{digits}f}{spread}"


def _cell(result: Result, setting: str, measure: str, macro: bool = False) -> str:
    """Return a value with its 95 % interval, or a dash where the collection has no such setting."""
    held = result.macro if macro else vars(result)
    values: dict[str, Any] | None = (held or {}).get(setting)
    value = values.get(measure) if values else None
    interval = (((held or {}).get("intervals") or {}).get(setting) or {}).get(measure)
    return _mean(value, interval or (None, None), digits_of(measure))


def result_table(result: Result) -> Table:
    """Return the main figures of a result, one column a setting, 95 % intervals in brackets."""
    table = Table(title=f"{result.model} on {result.collection}", title_justify="left")
    table.add_column("measure")
    measures = [
        name
        for name in (result.multilingual or {})
        if name not in ("queries", "documents") and not name.startswith("Success")
    ]
    for setting in SETTINGS:
        values = getattr(result, setting)
        count = "" if not values or "pairs" not in values else f"\n{values['pairs']} pair"
        count += "s" if count and values["pairs"] != 1 else ""
        if values and "documents" in values:
            count = f"\npool of {values['documents']:,}"
        table.add_column(setting_name(setting) + count, justify="right")
    for measure in measures:
        table.add_row(measure, *(_cell(result, setting, measure) for setting in SETTINGS))
    table.add_section()
    for measure in BIAS:
        lower = " (lower is better)" if measure_of(measure).better == "low" else ""
        table.add_row(measure + lower, "", "", _cell(result, "bias", measure))
    told = [f"note: {result.caution}"] if result.caution else []
    macro = "macro: the mean of each query language, then the mean of these"
    if result.macro:
        table.add_section()
        for setting, names in (("multilingual", measures), ("bias", BIAS)):
            for measure in names:
                own = _cell(result, setting, measure, macro=True)
                if own.partition(" ")[0] != _cell(result, setting, measure).partition(" ")[0]:
                    table.add_row(f"{measure}, macro", "", "", own)
                    told.append(macro)
    table.caption = "\n".join(dict.fromkeys(told)) or None
    return table


def models_table(
    results: Mapping[str, Result], *, best_first: bool = False, macro: bool = False, measure: str = "AP"
) -> Table:
    """Return one row a result of one collection.

    Args:
        results: what each is called -> the result.
        best_first: by the measure in the pool, or within languages where there is no pool; else in the order given.
        macro: the pool's values and bias as means over query languages, where a result has these.
        measure: the rank measure shown.
    """
    from isoglot.evaluation.leaderboard import names_best_first

    title = f"on {next(iter(results.values())).collection} [95 % interval]"
    names = list(results)
    if best_first:
        names, ranked_by = names_best_first(results, measure, macro=macro)
        title += "" if ranked_by is None else f", by {measure_of(ranked_by).label}"
    table = Table(title=title, title_justify="left")
    table.add_column("model", overflow="fold")
    for head in (
        *(f"{setting_name(setting)} {measure}" for setting in SETTINGS),
        "rank distance\n(lower is better)",
        "own language share@10\n(0 is best)",
    ):
        table.add_column(head, justify="right")
    columns = (*((setting, measure) for setting in SETTINGS), *(("bias", name) for name in MODEL_BIAS))
    for name in names:
        held = results[name]
        cells = (_cell(held, *column, macro=macro and column[0] in (held.macro or ())) for column in columns)
        table.add_row(name, *cells)
    return table


def losers_table(result: Result) -> Table | None:
    """Return one row a language of questions, worst first; None of a collection in one language."""
    from isoglot.evaluation.losers import language_rows, shown_measure

    rows, measure = language_rows(result), shown_measure(result)
    if len(rows) < 2:
        return None
    table = Table(title="questions by language, worst first", title_justify="left")
    table.add_column("questions in")
    for head in (f"{measure} in the pool", "in own language", "in each other", "rank distance\n(lower is better)"):
        table.add_column(head, justify="right")
    for row in rows:
        values = (format_value(value) for value in (row.pool, row.own, row.others))
        table.add_row(row.language, *values, format_value(row.rank_distance, "rank"))
    return table


def comparison_table(found: list[Compared], first: str, macro: bool = False) -> Table:
    """Return one row a test, a section for each model and language of queries."""
    averaged = "; multilingual and bias: means over query languages" if macro else ""
    table = Table(
        title=f"against {first}; p by paired randomisation, corrected (Holm) for {len(found)} tests{averaged}",
        title_justify="left",
    )
    by_language = any(one.language for one in found)
    table.add_column("model", overflow="fold")
    if by_language:
        table.add_column("queries in")
    table.add_column("measure", no_wrap=True)
    for name in (first, "value", "difference", "p", "p (Holm)", "effect size", "verdict"):
        table.add_column(name, justify="right", overflow="fold")
    last: tuple[str, str | None] | None = None
    for one in found:
        here = (one.model, one.language)
        if last not in (None, here):
            table.add_section()
        digits = digits_of(one.measure)
        label = _label(one.setting, one.measure)
        head = [one.model if last != here else ""]
        if by_language:
            head.append(one.language or "all" if last != here else "")
        values = (f"{one.first:.{digits}f}", f"{one.second:.{digits}f}", f"{one.difference:+.{digits}f}")
        effect = "–" if one.effect_size is None else f"{one.effect_size:+.2f}"
        table.add_row(*head, label, *values, f"{one.p:.4f}", f"{one.p_holm:.4f}", effect, one.verdict)
        last = here
    lower = list(dict.fromkeys(one.measure for one in found if measure_of(one.measure).better == "low"))
    told = [f"lower is better: {', '.join(lower)}"] if lower else []
    left_out = max((one.left_out for one in found), default=0)
    told += [f"up to {left_out:,} queries that one side has no value for are left out"] if left_out else []
    table.caption = "; ".join(told) or None
    return table


def benchmark_table(result: BenchmarkResult) -> Table:
    """Return the main measures of a public benchmark, one row a split and subset, as mteb names them."""
    wanted = dict.fromkeys([result.measure, "ndcg_at_10", "map_at_1000", "recall_at_100", "mrr_at_10"])
    subsets = [(split, name, scores) for split, found in result.scores.items() for name, scores in found.items()]
    columns = [name for name in wanted if any(scores.get(name) is not None for _, _, scores in subsets)]
    table = Table(title=f"{result.model} on mteb:{result.task}", title_justify="left")
    for name in ("split", "subset"):
        table.add_column(name)
    for name in columns:
        table.add_column(name, justify="right")
    for split, name, scores in subsets:
        values = [scores.get(column) for column in columns]
        table.add_row(split, name, *("–" if value is None else f"{value:.4f}" for value in values))
    table.caption = f"mean {result.measure} {result.main_score:.4f}"
    return table
