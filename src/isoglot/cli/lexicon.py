"""`isoglot data lexicon`: bilingual lexicons from a collection's parallel texts, or from wordnets."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from isoglot.cli.data import Lang, Lenient, Split, To, app, listed

__all__ = ["lexicon"]


@app.command()
def lexicon(
    sources: Annotated[
        list[Path],
        typer.Argument(
            metavar="SOURCE...",
            help="A collection folder, or a name that `isoglot data list` shows; or wordnets of two languages or "
            "more (.tab files).",
            show_default=False,
        ),
    ],
    to: To,
    languages: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    threshold: Annotated[
        float, typer.Option(help="Of a collection: higher keeps fewer and surer translations.")
    ] = 0.3,
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
) -> None:
    """Make bilingual lexicons for code-switching: a file such as en-de.tsv for each pair of languages."""
    from isoglot.data import load_collection
    from isoglot.data.lexicons import induce_lexicons, wordnet_lexicons, write_lexicons
    from isoglot.errors import InputError
    from isoglot.languages.tags import read_tag

    wanted = [read_tag(tag, "--languages") for tag in listed(languages) or ()] or None
    if sources[0].suffix == ".tab":
        found = wordnet_lexicons(sources, wanted, lenient=lenient)
    elif len(sources) > 1:
        raise InputError("give one collection, or wordnets (.tab files)")
    else:
        collection = load_collection(sources[0], split=split, prefer_split="train", language=lang, lenient=lenient)
        found = induce_lexicons(collection, wanted, threshold=threshold)
    write_lexicons(found, to)
    words = sum(len(one) for one in found)
    typer.echo(f"Wrote {to}: {len(found)} lexicons, {words:,} words")
