"""`isoglot compare`: paired tests between results of the same collection."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from isoglot.cli.data import _tags
from isoglot.cli.state import console
from isoglot.measures import digits_of

if TYPE_CHECKING:
    from isoglot.evaluation import Compared

__all__ = ["compare"]


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
    for name in (first, "value", "difference", "p", "p (Holm)", "effect size"):
        table.add_column(name, justify="right", overflow="fold")
    last: tuple[str, str | None] | None = None
    for one in found:
        here = (one.model, one.language)
        if last not in (None, here):
            table.add_section()
        digits = digits_of(one.measure)
        label = one.measure if one.setting == "bias" else f"{one.setting.replace('_', '-')} {one.measure}"
        head = [one.model if last != here else ""]
        if by_language:
            head.append(one.language or "all" if last != here else "")
        values = (f"{one.first:.{digits}f}", f"{one.second:.{digits}f}", f"{one.difference:+.{digits}f}")
        effect = "–" if one.effect_size is None else f"{one.effect_size:+.2f}"
        table.add_row(*head, label, *values, f"{one.p:.4f}", f"{one.p_holm:.4f}", effect)
        last = here
    return table


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT RESULT …", help="Files of evaluate --json; the first is the base."),
    ],
    measures: Annotated[
        str | None, typer.Option(help="Which, separated by commas: AP (in every setting), multilingual_AP, …")
    ] = None,
    by_language: Annotated[
        bool, typer.Option("--by-language", help="Also compare for each language of queries.")
    ] = False,
    macro: Annotated[
        bool,
        typer.Option("--macro", help="Multilingual and bias values as means over query languages, not queries."),
    ] = False,
    draws: Annotated[int, typer.Option(help="Random sign patterns of each test.", min=1)] = 10_000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the comparison here.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report of all results here.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the report's figures here, as SVG and PNG.")
    ] = None,
) -> None:
    """Compare results of the same collection: paired tests of every other one against the first."""
    from isoglot.errors import InputError
    from isoglot.evaluation import Result, compare_all

    if len(results) < 2:
        raise InputError("a comparison needs two results or more: name their files")
    if len({path.resolve() for path in results}) < len(results):
        raise InputError("a result is named twice: compare different ones")
    read = [Result.from_json(path) for path in results]
    for path, result in zip(results, read, strict=True):
        if not result.per_query:
            raise InputError(
                f"{path} has no values per query beside it: keep {path.stem}.queries.parquet there, or evaluate "
                "again"
            )
    models = [result.model for result in read]
    labels = [
        model if models.count(model) == 1 else f"{model} ({path})"
        for model, path in zip(models, results, strict=True)
    ]
    found = compare_all(
        dict(zip(labels, read, strict=True)),
        None if measures is None else _tags(measures),
        by_language=by_language,
        macro=macro,
        draws=draws,
    )
    if json_file is not None:
        content = {
            "collection": read[0].collection,
            "first": labels[0],
            "macro": macro,
            "draws": draws,
            "tests": len(found),
            "comparisons": [asdict(one) for one in found],
        }
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    if html_file is not None:
        from isoglot.reporting import write_report

        write_report(read, html_file)
    if figures is not None:
        from isoglot.reporting import write_figures

        write_figures(read, figures)
    console().print(comparison_table(found, labels[0], macro))
