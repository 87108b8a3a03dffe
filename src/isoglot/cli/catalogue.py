"""`isoglot data list | info | get`: data sets by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from isoglot.cli.completion import complete_data
from isoglot.cli.data import Lenient, app, listed
from isoglot.cli.progress import download_progress
from isoglot.cli.state import console, state

__all__ = ["get", "info", "list_"]

SHOWN_LANGUAGES = 8
MOST_SPLITS = 4

Name = Annotated[
    str,
    typer.Argument(metavar="NAME", help="A data set that `isoglot data list` shows.", autocompletion=complete_data),
]


def _summary(entry: Any) -> dict[str, Any]:
    """Return what `data list` says of a data set, and whether its name stands for a copy that is here."""
    from isoglot.data.catalogue.loading import is_here

    return {
        "name": entry.name,
        "title": entry.title,
        "languages": list(entry.languages),
        "sizes": [size.model_dump(exclude={"by_language"}) for size in entry.sizes],
        "licence": entry.licence,
        "here": is_here(entry),
    }


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"


def _sizes(sizes: list[dict[str, Any]]) -> str:
    """Return sizes as text: documents, and queries of each split."""
    if not sizes:
        return ""
    documents = {size["documents"] for size in sizes}
    if len(sizes) > MOST_SPLITS:
        totals = [sum(size[key] or 0 for size in sizes) for key in ("documents", "queries")]
        return f"{len(sizes)} parts: {totals[0]:,} / {totals[1]:,}"
    if len(sizes) == 1 or len(documents) == 1:
        queries = " + ".join(f"{size['split'] or ''} {_number(size['queries'])}".strip() for size in sizes)
        return f"{_number(sizes[0]['documents'])} / {queries}"
    return "; ".join(f"{size['split']} {_number(size['documents'])} / {_number(size['queries'])}" for size in sizes)


def _languages(tags: list[str]) -> str:
    more = len(tags) - SHOWN_LANGUAGES
    return f"{len(tags)}: " * (len(tags) > 1) + " ".join(tags[:SHOWN_LANGUAGES]) + " …" * (more > 0)


@app.command(name="list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="As JSON, on standard output.")] = False) -> None:
    """List the data sets that can be had by name."""
    from isoglot.data.catalogue import all_entries

    summaries = [_summary(entry) for entry in all_entries()]
    if as_json:
        typer.echo(json.dumps(summaries, indent=2, ensure_ascii=False))
        return
    table = Table()
    for column in ("name", "languages", "documents / queries", "licence", "here"):
        table.add_column(column, overflow="fold")
    for one in summaries:
        here = "yes" if one["here"] else ""
        table.add_row(one["name"], _languages(one["languages"]), _sizes(one["sizes"]), one["licence"], here)
    console().print(table)


TRIED = {
    "files": "the publisher's own files",
    "sample": "some of the publisher's own files",
    "form": "small files written in the publisher's form, not its own files",
}


@app.command()
def info(
    name: Name, as_json: Annotated[bool, typer.Option("--json", help="As JSON, on standard output.")] = False
) -> None:
    """Say everything that is known of a data set: licence, citation, files and their checksums."""
    from isoglot.data.catalogue import find_entry
    from isoglot.data.catalogue.files import checksum_told
    from isoglot.data.catalogue.loading import copy_of

    entry = find_entry(name)
    files = [
        {"path": file.path, "address": entry.address_of(file), "checksum": checksum_told(entry, file)}
        for file in entry.files
    ]
    copy = copy_of(entry)
    if as_json:
        facts = entry.model_dump(mode="json") | {"files": files, "here": str(copy) if copy.exists() else None}
        typer.echo(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    lines = {
        "languages": f"{len(entry.languages)}: {', '.join(entry.languages)}",
        "licence": entry.licence,
        "citation": entry.citation,
        "homepage": entry.homepage,
        "read from": str(entry.reader),
        "tried on": TRIED[entry.tried],
        "copy": str(copy) if copy.exists() else "not here yet",
        "notes": " ".join(entry.notes.split()),
    }
    typer.echo(f"{entry.name}: {entry.title}\n{entry.about}\n")
    for key, value in lines.items():
        if value:
            typer.echo(f"{key:10} {value}")
    for size in entry.sizes:
        split = f" {size.split}" if size.split else ""
        typer.echo(f"{'size' + split:10} {_number(size.documents)} documents, {_number(size.queries)} queries")
        for tag, count in size.by_language.items():
            typer.echo(f"{'':10} {tag}: {_number(count.documents)} documents, {_number(count.queries)} queries")
    for file in files:
        typer.echo(f"{'file':10} {file['path']}\n{'':10} {file['address']}\n{'':10} {file['checksum']}")


@app.command()
def get(
    name: Name,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Where to write; by default where its name is looked for."),
    ] = None,
    languages: Annotated[str | None, typer.Option(help="Only these, separated by commas.")] = None,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="DIR", help="A folder that holds its files; no download.")
    ] = None,
    form: Annotated[
        str | None, typer.Option(help="jsonl or parquet; parquet where its name is looked for.")
    ] = None,
    lenient: Lenient = False,
) -> None:
    """Get a data set by its name and write it as a collection folder."""
    from isoglot.data.catalogue import find_entry
    from isoglot.data.catalogue.files import Wanted
    from isoglot.data.catalogue.getting import get_data, wanted_languages
    from isoglot.data.catalogue.loading import copy_of
    from isoglot.errors import InputError

    entry = find_entry(name)
    if form not in (None, "jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")
    target = to or copy_of(entry)
    with download_progress(state.progress) as notify:
        wanted = Wanted(wanted_languages(entry, listed(languages)), source, lenient, notify)
        got = get_data(entry, target, wanted, form or ("jsonl" if to else "parquet"))  # type: ignore[arg-type]
    for split, collection in got.splits.items():
        left_out = sum(collection.dropped.values())
        note = f"; left out {left_out:,} bad rows" if left_out else ""
        typer.echo(f"Wrote {target}{f' ({split})' if split else ''}: {collection}{note}")
    if got.lexicons:
        words = sum(len(one) for one in got.lexicons)
        typer.echo(f"Wrote {target}: {len(got.lexicons)} lexicons, {words:,} words")
    if got.missing:
        names = f"{', '.join(got.missing[:5])}{' …' * (len(got.missing) > 5)}"
        typer.echo(f"Made without files that could not be found: {names}")
    typer.echo(f"Licence: {entry.licence}. Cite: {entry.citation}")
