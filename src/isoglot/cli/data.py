"""`isoglot data`: build, check, describe and convert collections."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from isoglot.cli.state import console

app = typer.Typer(no_args_is_help=True, help="Build, check, describe and convert collections.")

Source = Annotated[
    Path, typer.Argument(metavar="DIR", help="Collection folder, or worldfacts.", show_default=False)
]
To = Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write; must not exist, or be empty.")]
Lang = Annotated[str | None, typer.Option("--lang", help="Language of texts that have none (BEIR folders).")]
Split = Annotated[str | None, typer.Option("--split", help="Which judgments, where there are several.")]
Lenient = Annotated[bool, typer.Option("--lenient", help="Leave bad rows out, and say how many.")]


def _tags(text: str | None) -> list[str] | None:
    return [tag.strip() for tag in text.split(",") if tag.strip()] if text else None


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="What to build: worldfacts.")],
    to: To,
    languages: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    form: Annotated[str, typer.Option(help="jsonl or parquet.")] = "jsonl",
) -> None:
    """Build the embedded collection worldfacts from Unicode CLDR."""
    from isoglot.collections import load_worldfacts, write_collection
    from isoglot.collections.loading import NAMED
    from isoglot.collections.tags import canonical_tag
    from isoglot.errors import InputError

    if name not in NAMED:
        raise InputError(f"nothing called {name!r} can be built; there is {', '.join(NAMED)}")
    if form not in ("jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")
    try:
        tags = tuple(canonical_tag(tag) for tag in _tags(languages) or ()) or None
    except ValueError as error:
        raise InputError(f"--languages: {error}") from None
    splits = load_worldfacts(tags)
    write_collection(splits, to, form)  # type: ignore[arg-type]
    for split, collection in splits.items():
        typer.echo(f"Wrote {to} ({split}): {collection}")


def _load(source: Path, split: str | None, lang: str | None, lenient: bool) -> Any:
    from isoglot.collections import load_collection

    return load_collection(source, split=split, prefer_split="test", language=lang, lenient=lenient)


@app.command()
def check(source: Source, split: Split = None, lang: Lang = None, lenient: Lenient = False) -> None:
    """Read a collection strictly and say what is wrong with it (exit status 2), or that nothing is."""
    from isoglot.collections import splits_of

    found = splits_of(source) if split is None and source.is_dir() else ()
    for one in found or (split,):
        collection = _load(source, one, lang, lenient)
        left_out = sum(collection.dropped.values())
        note = f"; left out {left_out:,} bad rows" if left_out else ""
        typer.echo(f"{'ok' if not left_out else 'usable'}: {collection}{note}")


@app.command()
def stats(
    source: Source,
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Also write the figures here.")] = None,
) -> None:
    """Show sizes per language, text lengths and language pairs of a collection."""
    from isoglot.collections.stats import collection_stats, stats_table

    collection = _load(source, split, lang, lenient)
    figures = collection_stats(collection)
    columns, rows = stats_table(figures)
    table = Table(title=repr(collection))
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    console().print(table)
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


@app.command()
def convert(
    source: Annotated[Path, typer.Argument(help="Folder or file to convert.")],
    form: Annotated[str, typer.Option(help="What SOURCE is (lareqa, beir), or a form to write (parquet, jsonl).")],
    to: To,
    candidates: Annotated[str, typer.Option(help="lareqa: sentence, sentence+context or paragraph.")] = "sentence",
    lang: Lang = None,
    split: Split = None,
    lenient: Lenient = False,
) -> None:
    """Convert a data set into a collection, or a collection into its other form."""
    from isoglot.collections.convert import convert as convert_collection

    written = convert_collection(
        source,
        form,
        to,
        candidates=candidates,  # type: ignore[arg-type]
        language=lang,
        split=split,
        lenient=lenient,
    )
    for name, collection in written.items():
        typer.echo(f"Wrote {to}{f' ({name})' if name else ''}: {collection}")
