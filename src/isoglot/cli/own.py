"""`isoglot data split` and `pseudo`: from one's own collection to what is trained and measured on."""

from __future__ import annotations

from typing import Annotated

import typer

from isoglot.cli.data import (
    DocumentColumn,
    DocumentLang,
    IdColumn,
    Lang,
    Lenient,
    ParallelColumns,
    Source,
    TitleColumn,
    To,
    app,
    named_columns,
)

__all__ = ["pseudo", "split"]

Form = Annotated[str, typer.Option(help="jsonl or parquet.")]


def _check_form(form: str) -> None:
    from isoglot.errors import InputError

    if form not in ("jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")


@app.command()
def split(
    source: Source,
    to: To,
    dev: Annotated[float, typer.Option(help="Share of the query ids; 0 for no such split.")] = 0.1,
    test: Annotated[float, typer.Option(help="Share of the query ids; 0 for no such split.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Another one draws others.")] = 0,
    share_documents: Annotated[
        bool, typer.Option("--share-documents", help="A document may answer queries of several splits.")
    ] = False,
    form: Form = "jsonl",
    lang: Lang = None,
    lenient: Lenient = False,
) -> None:
    """Draw train, dev and test judgments by query id: no translation of a test question is trained on."""
    from isoglot.collections import write_collection
    from isoglot.data.splitting import load_unsplit, split_collection
    from isoglot.files import refuse_taken

    _check_form(form)
    refuse_taken(to)
    collection = load_unsplit(source, language=lang, lenient=lenient)
    splits = split_collection(collection, dev=dev, test=test, seed=seed, share_documents=share_documents)
    write_collection(splits, to, form)  # type: ignore[arg-type]
    for name, part in splits.items():
        typer.echo(f"Wrote {to} ({name}): {part}")


@app.command()
def pseudo(
    source: Annotated[
        str,
        typer.Argument(
            metavar="DOCUMENTS",
            help="A table, with --document; a folder with corpus.jsonl; or a collection, by folder or name.",
            show_default=False,
        ),
    ],
    to: To,
    how: Annotated[
        str, typer.Option("--from", metavar="PART", help="What queries are: title, first-sentence or crop.")
    ] = "first-sentence",
    document: DocumentColumn = None,
    title: TitleColumn = None,
    id_column: IdColumn = None,
    parallel: ParallelColumns = None,
    lang: DocumentLang = None,
    seed: Annotated[int, typer.Option(help="Of crop: another one draws others.")] = 0,
    form: Form = "jsonl",
    lenient: Lenient = False,
) -> None:
    """Make queries of documents that nobody has asked about, to measure how their languages are treated."""
    from isoglot.collections import write_collection
    from isoglot.collections.links import link_sentences
    from isoglot.collections.pseudo import pseudo_sentence
    from isoglot.data.pseudo import make_pseudo_queries
    from isoglot.data.unjudged import load_unjudged
    from isoglot.files import refuse_taken

    _check_form(form)
    refuse_taken(to)
    columns = named_columns(None, document, title, id_column, parallel)
    unjudged = load_unjudged(source, columns=columns, language=lang, lenient=lenient)
    made = make_pseudo_queries(unjudged, how, seed=seed)  # type: ignore[arg-type]
    write_collection(made, to, form)  # type: ignore[arg-type]
    typer.echo(f"Wrote {to}: {made}")
    for sentence in (pseudo_sentence(how), *link_sentences(made)):
        typer.echo(f"note: {sentence}", err=True)
