"""`isoglot data`: build, check, describe and convert collections."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from isoglot.cli.completion import complete_data, complete_form

if TYPE_CHECKING:
    from isoglot.data.forms.columns import Columns

app = typer.Typer(no_args_is_help=True, help="Build, check, describe and convert collections.")

COLLECTION = "Collection folder, here or in an object store (s3://…), or a name that `isoglot data list` shows."

Source = Annotated[
    str, typer.Argument(metavar="DATA", help=COLLECTION, show_default=False, autocompletion=complete_data)
]
To = Annotated[Path, typer.Option("--to", metavar="DIR", help="Where to write; must not exist, or be empty.")]
Lang = Annotated[str | None, typer.Option("--lang", help="Language of texts that have none (BEIR folders).")]
DocumentLang = Annotated[
    str | None,
    typer.Option("--lang", help="Language of texts that have none; of a table also the column of languages."),
]
Split = Annotated[str | None, typer.Option("--split", help="Which judgments, where there are several.")]
KeepTags = Annotated[
    bool, typer.Option("--keep-tags", help="Leave language tags as they are: arb-Arab, which is ar, stays.")
]
Lenient = Annotated[bool, typer.Option("--lenient", help="Leave bad rows out, and say how many.")]

QueryColumn = Annotated[str | None, typer.Option("--query", metavar="COLUMN", help="table: column of questions.")]
DocumentColumn = Annotated[
    str | None, typer.Option("--document", metavar="COLUMN", help="table: column of answers, or other documents.")
]
TitleColumn = Annotated[
    str | None, typer.Option("--title", metavar="COLUMN", help="table: column of the documents' titles.")
]
IdColumn = Annotated[
    str | None,
    typer.Option("--id", metavar="COLUMN", help="table: column of what translations of an entry share."),
]
ParallelColumns = Annotated[
    list[str] | None,
    typer.Option(
        metavar="TAG=COLUMN:COLUMN",
        help="table: columns of questions and answers of each language, where a row holds several: "
        "en=question_en:answer_en,de=… May be given again.",
    ),
]


def named_columns(
    query: str | None, document: str | None, title: str | None, id_column: str | None, parallel: list[str] | None
) -> Columns | None:
    """Return the columns that options name; None if they name none."""
    from isoglot.data.forms.columns import parse_parallel, read_columns

    if not any((query, document, title, id_column, parallel)):
        return None
    return read_columns(query, document, title, id_column, parse_parallel(parallel or ()))


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
            autocompletion=complete_form,
            help="What SOURCE is: beir, lareqa, squad, mkqa, dream, dureader, dureader-retrieval, afriqa, tatoeba, "
            "aligned, dpr, tldr, or table: your own CSV, TSV, JSON lines or Parquet; or the form to write a "
            "collection in: parquet or jsonl.",
        ),
    ],
    to: To,
    candidates: Annotated[
        str | None,
        typer.Option(
            help="What is retrieved, in lareqa: sentence (if nothing is said), sentence+context or paragraph."
        ),
    ] = None,
    lang: Annotated[
        str | None,
        typer.Option(
            "--lang",
            help="Language of texts that have none (BEIR folders); of a table also the column of languages.",
        ),
    ] = None,
    query: QueryColumn = None,
    document: DocumentColumn = None,
    title: TitleColumn = None,
    id_column: IdColumn = None,
    parallel: ParallelColumns = None,
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
        columns=named_columns(query, document, title, id_column, parallel),
    )
    for name, collection in written.items():
        typer.echo(f"Wrote {to}{f' ({name})' if name else ''}: {collection}")
