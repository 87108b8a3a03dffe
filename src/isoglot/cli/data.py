"""`isoglot data`: build, check, describe and convert collections."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="Build, check, describe and convert collections.")

COLLECTION = "Collection folder, or a name that `isoglot data list` shows."

Source = Annotated[str, typer.Argument(metavar="DATA", help=COLLECTION, show_default=False)]
To = Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write; must not exist, or be empty.")]
Lang = Annotated[str | None, typer.Option("--lang", help="Language of texts that have none (BEIR folders).")]
Split = Annotated[str | None, typer.Option("--split", help="Which judgments, where there are several.")]
KeepTags = Annotated[
    bool, typer.Option("--keep-tags", help="Leave language tags as they are: arb-Arab, which is ar, stays.")
]
Lenient = Annotated[bool, typer.Option("--lenient", help="Leave bad rows out, and say how many.")]


def listed(text: str | None) -> list[str] | None:
    """Return what an option lists, separated by commas; None if it is not given."""
    return [tag.strip() for tag in text.split(",") if tag.strip()] if text else None


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="What to build: worldfacts.")],
    to: To,
    languages: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    form: Annotated[str, typer.Option(help="jsonl or parquet.")] = "jsonl",
) -> None:
    """Build the embedded collection worldfacts from Unicode CLDR."""
    from isoglot.collections import write_collection
    from isoglot.data import load_worldfacts
    from isoglot.errors import InputError
    from isoglot.languages.tags import read_tag

    if name != "worldfacts":
        raise InputError(f"nothing called {name!r} can be built; there is worldfacts")
    if form not in ("jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")
    splits = load_worldfacts(tuple(read_tag(tag, "--languages") for tag in listed(languages) or ()) or None)
    write_collection(splits, to, form)  # type: ignore[arg-type]
    for split, collection in splits.items():
        typer.echo(f"Wrote {to} ({split}): {collection}")


@app.command()
def convert(
    source: Annotated[str, typer.Argument(help="Folder or file; for parquet and jsonl also a name.")],
    form: Annotated[
        str,
        typer.Option(
            help="What SOURCE is: beir, lareqa, squad, mkqa, dream, dureader, dureader-retrieval, afriqa, tatoeba, "
            "dpr or tldr; or the form to write a collection in: parquet or jsonl."
        ),
    ],
    to: To,
    candidates: Annotated[
        str | None,
        typer.Option(
            help="What is retrieved, in lareqa: sentence (if nothing is said), sentence+context or paragraph."
        ),
    ] = None,
    lang: Lang = None,
    split: Split = None,
    lenient: Lenient = False,
    corpus: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="mkqa: passages to retrieve from, relevant where they hold an answer; a collection or BEIR "
            "folder, or a table such as psgs_w100.tsv.",
        ),
    ] = None,
    keep_tags: KeepTags = False,
) -> None:
    """Convert a data set into a collection, or a collection into its other form."""
    from isoglot.data.convert import convert as convert_collection

    written = convert_collection(
        source,
        form,
        to,
        candidates=candidates,  # type: ignore[arg-type]
        language=lang,
        split=split,
        lenient=lenient,
        corpus=corpus,
        keep_tags=keep_tags,
    )
    for name, collection in written.items():
        typer.echo(f"Wrote {to}{f' ({name})' if name else ''}: {collection}")
