"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.table import Table

from isoglot.measures import SETTINGS, digits_of, setting_name

if TYPE_CHECKING:
    from isoglot.evaluation import Result
    from isoglot.evaluation.mteb import BenchmarkResult
    from isoglot.reporting.study import StudyResult

__all__ = ["benchmark_table", "estimates_table", "result_table"]

BIAS = ("rank_distance", "max_rank", "complete@10", "own_language_share@10")


def estimates_table(study: StudyResult, evaluation: str, measures: Sequence[str]) -> Table:
    """Return figures by arm: mean over seeds, and the 95 % interval over seeds and queries in brackets.

    Args:
        study: its arms are the columns.
        evaluation: one of its evaluations.
        measures: `SETTING.MEASURE` of each row.
    """
    seeds = max(len(arm.seeds) for arm in study.arms)
    table = Table(title=f"mean of {seeds} seeds [95 % interval]", title_justify="left")
    table.add_column("measure")
    for arm in study.arms:
        table.add_column(setting_name(arm.name), justify="right")
    for setting, _, measure in (key.partition(".") for key in measures):
        digits = digits_of(measure)
        label = measure if setting == "bias" else f"{setting_name(setting)} {measure}"
        found = [arm.figure(evaluation, setting, measure) for arm in study.arms]
        table.add_row(label, *(_mean(figure.mean, (figure.low, figure.high), digits) for figure in found))
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
        count = "" if not values else f"\n{values['pairs']} pairs" if "pairs" in values else ""
        if values and "documents" in values:
            count = f"\npool of {values['documents']:,}"
        table.add_column(setting.replace("_", "-") + count, justify="right")
    for measure in measures:
        table.add_row(measure, *(_cell(result, setting, measure) for setting in SETTINGS))
    table.add_section()
    for measure in BIAS:
        table.add_row(measure, "", "", _cell(result, "bias", measure))
    if result.macro:
        table.add_section()
        for setting, names in (("multilingual", measures), ("bias", BIAS)):
            for measure in names:
                own = _cell(result, setting, measure, macro=True)
                if own.partition(" ")[0] != _cell(result, setting, measure).partition(" ")[0]:
                    table.add_row(f"{measure}, macro", "", "", own)
                    table.caption = "macro: the mean of each query language, then the mean of these"
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
