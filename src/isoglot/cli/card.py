"""`isoglot card`: what was measured, into the card of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["card"]


def card(
    model: Annotated[Path, typer.Argument(help="Model folder, whose README.md is its card.", show_default=False)],
    results: Annotated[
        list[Path],
        typer.Argument(metavar="RESULT…", help="Files of evaluate --json, of this model.", show_default=False),
    ],
    split: Annotated[
        str | None, typer.Option(help="Which judgments were measured, such as test; results do not say.")
    ] = None,
) -> None:
    """Write measured results into a model's card: tables by language, bias, and what the Hub reads.

    What was measured on the same collection before is replaced.
    """
    from isoglot.evaluation import Result
    from isoglot.publishing import CARD, add_results

    read = [Result.from_json(path) for path in results]
    add_results(model, read, split=split)
    for path, result in zip(results, read, strict=True):
        if Path(result.model).resolve() != model.resolve():
            typer.echo(
                f"note: {path} says that it measured {result.model}, not {model}: see that this is the same model",
                err=True,
            )
    told = ", ".join(dict.fromkeys(result.collection for result in read))
    typer.echo(f"{model / CARD} has what was measured on {told}")
