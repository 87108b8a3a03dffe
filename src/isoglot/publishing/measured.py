"""What a result says in a card: tables for people, and entries of the `model-index` for the Hub."""

from __future__ import annotations

import math
from typing import Any

from huggingface_hub import EvalResult

from isoglot.evaluation.losers import language_rows, shown_measure, who_loses
from isoglot.evaluation.result import Result
from isoglot.files import content_hash
from isoglot.measures import (
    BIAS,
    COUNTS,
    SETTINGS,
    Form,
    format_value,
    interval_text,
    measure_of,
    plural,
    setting_name,
)
from isoglot.publishing.markdown import plain, table

__all__ = ["TASK", "index_entries", "result_key", "result_text"]

TASK = "information-retrieval"
"""Type of the task, as sentence-transformers writes it."""
WIDE = 12
"""Languages from which on the table of pairs is folded away."""


def result_key(result: Result, split: str | None) -> str:
    """Return what tells results of a card apart: collection, split and its texts and judgments."""
    return content_hash("\n".join((result.collection, split or "", _texts(result) or "")), 6)


def _texts(result: Result) -> str | None:
    return (result.made or {}).get("collection_hash")


def _measures(result: Result) -> list[str]:
    """Return the rank measures of a result, in its order."""
    settings = [values for name in SETTINGS if (values := getattr(result, name))]
    return [name for name in dict.fromkeys(key for values in settings for key in values) if name not in COUNTS]


def _written(result: Result, setting: str, measure: str, form: Form = "score") -> str:
    """Return a value with its interval; a dash where there is none."""
    values: dict[str, Any] = getattr(result, setting) or {}
    interval = ((result.intervals or {}).get(setting) or {}).get(measure) or (None, None)
    return f"{format_value(values.get(measure), form)} {interval_text(interval[0], interval[1], form)}".strip()


def index_entries(result: Result, split: str | None) -> list[EvalResult]:
    """Return what the `model-index` says of a result: rank measures in every setting, and bias.

    Args:
        result: the result.
        split: which judgments of the collection were measured; None if nobody says.
    """
    values = {
        f"{setting}_{measure}": (getattr(result, setting) or {}).get(measure)
        for setting in SETTINGS
        for measure in _measures(result)
    }
    values |= {measure.key: result.bias.get(measure.key) for measure in BIAS}
    name = " ".join(result.collection.split())
    return [
        EvalResult(
            task_type=TASK,
            task_name="Multilingual Information Retrieval",
            dataset_type=name,
            dataset_name=name,
            dataset_split=split,
            dataset_revision=_texts(result),
            metric_type=key,
            metric_name=measure_of(key).label,
            metric_value=float(value),
        )
        for key, value in values.items()
        if isinstance(value, (int, float)) and math.isfinite(value)
    ]


def result_text(result: Result, split: str | None, about: str = "") -> str:
    """Return what a card shows of a result: settings, languages of questions, language pairs, bias.

    Args:
        result: the result.
        split: which judgments of the collection were measured; None if nobody says.
        about: a sentence that comes first.
    """
    where = plain(result.collection) + ("" if split is None else f", {plain(split)}")
    parts = [f"### {where}", " ".join((about, _how(result))).strip(), _settings(result), *_languages(result)]
    parts += [_pairs(result), _bias(result)]
    if result.caution:
        parts.insert(1, f"**{plain(result.caution)}**")
    return "\n\n".join(one for one in parts if one)


def _how(result: Result) -> str:
    pool, made = result.multilingual or {}, result.made or {}
    told = plural(len(result.languages), "language")
    if "queries" in pool:
        told = f"{plural(pool['queries'], 'query')}, {plural(pool['documents'], 'document')}, {told}"
    told += f"; by isoglot {result.versions.get('isoglot', '')}".rstrip()
    told += f" on {made['date'][:10]}" if "date" in made else ""
    texts = f" Texts and judgments: `{_texts(result)}`." if _texts(result) else ""
    return f"{told}; 95 % intervals by bootstrap over queries.{texts}" if result.intervals else f"{told}.{texts}"


def _settings(result: Result) -> str:
    settings = [name for name in SETTINGS if getattr(result, name)]
    heads = ["", *(f"{setting_name(name)} ({SETTINGS[name]})" for name in settings)]
    rows = [[name, *(_written(result, setting, name) for setting in settings)] for name in _measures(result)]
    return table(heads, rows)


def _languages(result: Result) -> list[str]:
    rows, measure = language_rows(result), shown_measure(result)
    if len(rows) < 2:
        return []
    heads = ["questions in", f"{measure} in the pool", "in own language", "in each other", "rank distance"]
    cells = [
        [
            plain(row.language),
            *map(format_value, (row.pool, row.own, row.others)),
            format_value(row.rank_distance, "rank"),
        ]
        for row in rows
    ]
    return [table(heads, cells), " ".join(map(plain, who_loses(result)))]


def _pairs(result: Result) -> str:
    """Return the main measure by language of questions (rows) and of documents (columns)."""
    measure = shown_measure(result)
    values = {(row["query_lang"], row["doc_lang"]): row.get(measure) for row in result.pairs}
    asked, found = (sorted({pair[side] for pair in values}) for side in (0, 1))
    if len(values) < 2:
        return ""
    rows = [[plain(a), *(format_value(values.get((a, b))) for b in found)] for a in asked]
    grid = table([f"{measure}: questions in ↓, documents in →", *map(plain, found)], rows)
    if len(found) <= WIDE:
        return grid
    return f"<details><summary>{measure} by language pair</summary>\n\n{grid}\n\n</details>"


def _bias(result: Result) -> str:
    better = {"high": "higher is better", "low": "lower is better", "zero": "0 is best"}
    rows = [
        [measure.label, _written(result, "bias", measure.key, measure.form), better.get(measure.better or "", "")]
        for measure in BIAS
        if result.bias.get(measure.key) is not None
    ]
    return table(["language bias", "", ""], rows) if rows else ""
