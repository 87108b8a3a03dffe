"""`isoglot compare`: paired tests between results of the same collection."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from isoglot.cli.completion import complete_measures
from isoglot.cli.data import listed
from isoglot.cli.state import console, own_command
from isoglot.cli.tables import comparison_table, models_table
from isoglot.errors import InputError

__all__ = ["compare"]

HEAD = ("model", "language", "setting")
"""Keys that come first in a comparison's file."""


def compare(
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT RESULT …", help="Files of evaluate --json; the first is the base."),
    ],
    measures: Annotated[
        str | None,
        typer.Option(
            help="Which, separated by commas: AP (in every setting), multilingual_AP, …",
            autocompletion=complete_measures,
        ),
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
    """Compare results of the same collection: all models, best first, and paired tests against the first named."""
    from isoglot.collections.cautions import different_queries
    from isoglot.evaluation import Result, compare_all
    from isoglot.files import write_result_file

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
        None if measures is None else listed(measures),
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
            "comparisons": [
                {key: vars(one)[key] for key in HEAD} | asdict(one) | {"verdict": one.verdict} for one in found
            ],
        }
        write_result_file(content, json_file)
    if html_file is not None or figures is not None:
        from isoglot.reporting import Inspection

        arms = [Inspection(result, label) for label, result in zip(labels, read, strict=True)]
    if html_file is not None:
        from isoglot.reporting import write_report

        write_report(arms, html_file, command=own_command(), tests=found)
    if figures is not None:
        from isoglot.reporting import write_figures

        write_figures(arms, figures)
    shell = console()
    shell.print(models_table(dict(zip(labels, read, strict=True)), best_first=True, macro=macro))
    shell.print(comparison_table(found, labels[0], macro))
    told = [different_queries({label: one.made for label, one in zip(labels, read, strict=True)})]
    told += [result.caution for result in read]
    for sentence in dict.fromkeys(filter(None, told)):
        shell.print(f"note: {sentence}", highlight=False, markup=False, soft_wrap=True)
