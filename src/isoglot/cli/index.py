"""`isoglot index` builds and updates an index of documents; `isoglot search` asks it."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from isoglot.cli.completion import complete_fair
from isoglot.cli.data import (
    DocumentColumn,
    DocumentLang,
    IdColumn,
    Lenient,
    ParallelColumns,
    Split,
    TitleColumn,
    listed,
    named_columns,
)
from isoglot.cli.encoder import Device, DocumentPrompt, MaxLength, Pooling, QueryPrompt
from isoglot.cli.engine import Address, Cache, Engine, WorkerCount, check_cache, check_engine, embed_on_workers
from isoglot.cli.state import console, state
from isoglot.errors import InputError
from isoglot.measures import plural

if TYPE_CHECKING:
    from isoglot.search import Hit

__all__ = ["index", "search"]

SNIPPET = 200
"""Characters of a document in the table of what was found."""
UNSHOWN = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]+")
"""Characters that would move, colour or turn around what a terminal shows."""

IndexPath = Annotated[
    str, typer.Argument(metavar="INDEX", help="Of `isoglot index`: a folder, or an address such as s3://…")
]
ModelFolder = Annotated[
    str | None, typer.Option("--model", metavar="MODEL", help="Where the index's model is now, if it moved.")
]


def index(
    to: Annotated[
        str, typer.Option("--to", metavar="DIR", help="Where the index is: a folder, or an address such as s3://…")
    ],
    model: Annotated[str | None, typer.Argument(help="Name or folder of a model.", show_default=False)] = None,
    data: Annotated[
        str | None,
        typer.Argument(
            help="Collection folder, here or in an object store (s3://…), or a name that `isoglot data list` "
            "shows; a folder with corpus.jsonl; or a table, with --document.",
            show_default=False,
        ),
    ] = None,
    split: Split = None,
    document: DocumentColumn = None,
    title: TitleColumn = None,
    id_column: IdColumn = None,
    parallel: ParallelColumns = None,
    lang: DocumentLang = None,
    lenient: Lenient = False,
    update: Annotated[
        bool, typer.Option("--update", help="DIR is an index: add the documents, in place of those of their ids.")
    ] = False,
    delete: Annotated[
        list[str] | None,
        typer.Option(
            "--delete", metavar="ID", help="Take a document out of the index, without MODEL and DATA; once each."
        ),
    ] = None,
    delete_from: Annotated[
        Path | None, typer.Option("--delete-from", metavar="FILE", help="Take out those whose ids its lines are.")
    ] = None,
    pooling: Pooling = None,
    max_length: MaxLength = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Most texts encoded at a time; 256 if not given.", min=1)
    ] = None,
    device: Device = None,
    cache: Cache = None,
    engine: Engine = None,
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Index documents for `isoglot search`; killed and called again it goes on."""
    from isoglot.data.unjudged import load_documents
    from isoglot.encoders import load_encoder
    from isoglot.evaluation.embed import check_device
    from isoglot.files import require
    from isoglot.search import build_index, open_index

    require("lancedb", "search", "an index")
    on_workers = check_engine(engine, address, workers)
    kept = check_cache(cache, False, on_workers)
    if kept and not on_workers:
        raise InputError("--cache goes with --engine ray, whose workers keep embeddings; leave it out")
    columns = named_columns(None, document, title, id_column, parallel)
    given: dict[str, Any] = {
        "pooling": pooling,
        "max_length": max_length,
        "query_prompt": query_prompt,
        "document_prompt": document_prompt,
        "device": device,
    }
    loading = {key: value for key, value in given.items() if value is not None}
    encoding = {} if batch_size is None else {"batch_size": batch_size}
    if delete or delete_from is not None:
        if any((model, data, split, columns, lang, update, loading, encoding, engine)):
            raise InputError(
                "--delete and --delete-from go with --to and --lenient alone: index documents by another command"
            )
        return _delete(to, delete or [], delete_from, lenient)
    if model is None or data is None:
        raise InputError("name MODEL and DATA to index documents, or --delete ID to take some out of an index")
    if device is not None:
        check_device(device)
    collection = load_documents(data, columns=columns, split=split, language=lang, lenient=lenient)
    if update and on_workers:
        raise InputError("--engine ray builds indexes: leave it out with --update")
    if update:
        found = open_index(to, load_encoder(model, **loading))
        count = found.upsert(collection, progress=state.progress, **encoding)
        return typer.echo(f"Wrote {count:,} documents of {collection.name} to {to}, which has {len(found):,}")
    if on_workers:
        vectors = embed_on_workers(model, collection, address, workers, loading, encoding, **kept)
        built = build_index(model, collection, to, embeddings=vectors, progress=state.progress, **loading)
    else:
        built = build_index(model, collection, to, progress=state.progress, **encoding, **loading)
    counts = ", ".join(f"{tag} {count:,}" for tag, count in built.languages.items())
    typer.echo(f"Wrote {to}: {len(built):,} documents of {built.name} ({counts}), {built.dimension} dimensions")
    if not state.quiet:
        typer.echo(f'Ask it: isoglot search {to} "…"')


def _delete(index: str, ids: list[str], file: Path | None, lenient: bool) -> None:
    """Take documents out of an index and say how many, and how many of the ids were not there."""
    from isoglot.search import open_index, read_ids

    wanted = list(dict.fromkeys([*ids, *(read_ids(file) if file is not None else ())]))
    found = open_index(index)
    count = found.delete(wanted, strict=not lenient)
    missing = f"; {plural(len(wanted) - count, 'id')} named no document" if count < len(wanted) else ""
    typer.echo(f"Deleted {plural(count, 'document')} from {index}, which has {len(found):,}{missing}")


def search(
    path: IndexPath,
    question: Annotated[
        str, typer.Argument(metavar="QUESTION", help="In any language; - reads it from standard input.")
    ],
    k: Annotated[int, typer.Option("--k", "-k", help="Most documents.")] = 10,
    lang: Annotated[
        str | None, typer.Option("--lang", help="Language of the question, for models that ask for it.")
    ] = None,
    within: Annotated[
        str | None, typer.Option("--in", metavar="TAGS", help="Only documents in these languages, such as de,sw.")
    ] = None,
    fair: Annotated[
        str | None,
        typer.Option(
            help="calibrate, fuse or quota, so that one language does not fill the ranking.",
            autocompletion=complete_fair,
        ),
    ] = None,
    hybrid: Annotated[
        bool, typer.Option("--hybrid", help="Seek the question's words as well, and fuse both rankings.")
    ] = False,
    model: ModelFolder = None,
    no_check: Annotated[
        bool, typer.Option("--no-check", help="Compare no checksums, for which all of the index is read once.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Write what is found as JSON.")] = False,
) -> None:
    """Search an index: a question in any language, documents in all."""
    from isoglot.languages.tags import read_tag
    from isoglot.search import open_index

    tags = None if within is None else [read_tag(tag, "--in") for tag in listed(within) or ()]
    if tags == []:
        raise InputError("--in names no language: leave it out, or name some, such as --in de,sw")
    spoken = None if lang is None else read_tag(lang, "--lang")
    found = open_index(path, model, check=not no_check)
    if question == "-":
        question = sys.stdin.read()
    hits = found.search(question, k=k, language=spoken, within=tags, fair=fair, hybrid=hybrid)
    if as_json:
        content = {"index": found.name, "model": found.model_name, "question": question}
        typer.echo(json.dumps({**content, "hits": [asdict(hit) for hit in hits]}, ensure_ascii=False))
    elif hits:
        console().print(hits_table(hits))
    else:
        typer.echo("Nothing was found", err=True)


def hits_table(hits: list[Hit]) -> Table:
    """Return what was found, one row a document; a text is cut, and shown without control characters."""
    table = Table(title_justify="left")
    table.add_column("", justify="right")
    table.add_column("language", no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("document", overflow="fold")
    for hit in hits:
        shown = Text.assemble((_shown(hit.title), "bold"), "  " if hit.title else "", _shown(hit.text))
        shown.append(f"  {_shown(hit.id)}", style="dim")
        table.add_row(str(hit.rank), hit.language, f"{hit.score:.3f}", shown)
    return table


def _shown(text: str) -> str:
    """Return the beginning of a text as a terminal can show it."""
    plain = " ".join(UNSHOWN.sub(" ", text[: 2 * SNIPPET]).split())
    return plain if len(plain) <= SNIPPET else plain[: SNIPPET - 1] + "…"
