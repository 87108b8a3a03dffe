"""`isoglot data check`, `stats`, `leakage` and `sample`: what is in a collection, and a part of it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from isoglot.amounts import read_budget, read_budgets
from isoglot.cli.data import KeepTags, Lang, Lenient, Source, Split, To, app, listed
from isoglot.cli.state import console

__all__ = ["check", "leakage", "sample", "stats"]

DEFAULT_NEAR = 0.8
Near = Annotated[
    float, typer.Option(help="Jaccard similarity of character trigrams from which on texts are nearly the same.")
]
NoNear = Annotated[bool, typer.Option("--no-near", help="Leave near-duplicates out, which take longest to find.")]
Identify = Annotated[
    bool, typer.Option("--identify", help="Identify the language of longer texts too (needs py3langid).")
]
Json = Annotated[Path | None, typer.Option("--json", help="Also write what was found here.")]


def _load(source: str, split: str | None, prefer: str, lang: str | None, lenient: bool) -> Any:
    from isoglot.data import load_collection

    return load_collection(source, split=split, prefer_split=prefer, language=lang, lenient=lenient)


@app.command()
def check(
    source: Source,
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    keep_tags: KeepTags = False,
    near: Near = DEFAULT_NEAR,
    no_near: NoNear = False,
    identify: Identify = False,
    json_file: Json = None,
) -> None:
    """Read a collection strictly and say what is wrong with it (exit status 2), or what is odd about it."""
    from isoglot.collections.select import only_judged
    from isoglot.data.catalogue.loading import load_splits
    from isoglot.data.quality.findings import check_splits
    from isoglot.data.quality.near import refuse_threshold
    from isoglot.files import write_result_file

    refuse_threshold(near)
    splits = load_splits(source, split=split, language=lang, lenient=lenient, keep_tags=keep_tags)
    for name, collection in splits.items():
        if name is not None:
            collection = splits[name] = only_judged(collection)
        left_out = sum(collection.dropped.values())
        note = f"; left out {left_out:,} bad rows" if left_out else ""
        of_split = f"{name}: " if len(splits) > 1 else ""
        typer.echo(f"{'ok' if not left_out else 'usable'}: {of_split}{collection}{note}")
    findings, sentences = check_splits(splits, near=None if no_near else near, identify=identify)
    for sentence in sentences:
        typer.echo(f"warning: {sentence}")
    if json_file is not None:
        dropped = {name or "all": dict(one.dropped) for name, one in splits.items()}
        write_result_file({"warnings": sentences, "dropped": dropped} | findings, json_file)


@app.command()
def stats(
    source: Source,
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    near: Near = DEFAULT_NEAR,
    no_near: NoNear = False,
    identify: Identify = False,
    json_file: Json = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Also write a page here.")] = None,
) -> None:
    """Show sizes per language, text lengths, language pairs and repeated or oddly tagged texts of a collection."""
    from isoglot.data.quality.findings import finding_sentences, quality_findings
    from isoglot.data.quality.near import refuse_threshold
    from isoglot.data.stats import collection_stats, length_histograms, stats_table
    from isoglot.files import write_result_file

    refuse_threshold(near)
    collection = _load(source, split, "test", lang, lenient)
    figures = collection_stats(collection)
    findings = quality_findings(collection, near=None if no_near else near, identify=identify)
    columns, rows = stats_table(figures)
    table = Table(title=repr(collection))
    for column in columns:
        table.add_column(column, justify="left" if column == columns[0] else "right")
    for row in rows:
        table.add_row(*row)
    console().print(table)
    for sentence in finding_sentences(findings):
        typer.echo(sentence)
    figures |= {"lengths": length_histograms(collection), "findings": findings}
    if json_file is not None:
        write_result_file(figures, json_file)
    if html_file is not None:
        from isoglot.reporting.quality import write_quality_page

        options = {"--split": split, "--lang": lang, "--near": None if near == DEFAULT_NEAR else near}
        flags = {"--lenient": lenient, "--no-near": no_near, "--identify": identify}
        given = [part for name, value in options.items() if value is not None for part in (name, str(value))]
        given += [name for name, on in flags.items() if on]
        command = shlex.join(["isoglot", "data", "stats", source, *given])
        write_quality_page(figures, html_file, command=command, metadata=collection.metadata)
        typer.echo(f"Wrote {html_file}")


@app.command()
def leakage(
    train: Annotated[str, typer.Argument(metavar="TRAIN", help="Collection that is trained on, folder or name.")],
    test: Annotated[str, typer.Argument(metavar="TEST", help="Collection that is measured, folder or name.")],
    near: Near = DEFAULT_NEAR,
    train_split: Annotated[
        str | None, typer.Option(help="Split of TRAIN; train if there are several and nothing is said.")
    ] = None,
    test_split: Annotated[
        str | None, typer.Option(help="Split of TEST; test if there are several and nothing is said.")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Split of both, where theirs is not given.")] = None,
    lang: Lang = None,
    lenient: Lenient = False,
    json_file: Json = None,
) -> int:
    """Find the queries and documents of TEST that TRAIN has too (exit status 1), or none (exit status 0).

    Of splits of one collection, which share their documents, the queries decide.
    """
    from isoglot.data import find_leakage
    from isoglot.data.quality.findings import leakage_sentences
    from isoglot.data.quality.near import refuse_threshold
    from isoglot.files import write_result_file

    refuse_threshold(near)
    found = find_leakage(
        _load(train, train_split or split, "train", lang, lenient),
        _load(test, test_split or split, "test", lang, lenient),
        threshold=near,
    )
    values = found.to_dict()
    for sentence in leakage_sentences(values):
        typer.echo(sentence)
    if json_file is not None:
        write_result_file(values, json_file)
    return int(found.leaks)


@app.command()
def sample(
    source: Source,
    to: To,
    budget: Annotated[
        list[str] | None,
        typer.Option(metavar="TAG=N", help="Queries of a language: a number, or all. May be given again."),
    ] = None,
    default: Annotated[str, typer.Option(metavar="N|all", help="Budget of the other languages.")] = "all",
    hold_out_languages: Annotated[
        str | None, typer.Option(help="Languages to remove altogether, separated by commas.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Another one draws other queries.")] = 0,
    form: Annotated[str, typer.Option(help="jsonl or parquet.")] = "jsonl",
    split: Annotated[
        str | None, typer.Option("--split", help="Which judgments; train if there are several and nothing is said.")
    ] = None,
    lang: Lang = None,
    lenient: Lenient = False,
) -> None:
    """Draw a training sample with so many queries of each language; larger samples hold the smaller ones."""
    from isoglot.collections import write_collection
    from isoglot.data import sample_collection
    from isoglot.errors import InputError
    from isoglot.files import refuse_taken
    from isoglot.languages.tags import read_tag

    if form not in ("jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")
    refuse_taken(to)
    budgets = read_budgets(budget or (), "--budget")
    held_out = [read_tag(name, "--hold-out-languages") for name in listed(hold_out_languages) or ()]
    limit = read_budget(default, "--default")
    if not budgets and not held_out and limit is None:
        raise InputError(
            "nothing says what to draw: give --budget TAG=N, --default N or --hold-out-languages; `isoglot data "
            "convert` copies a collection as it is"
        )
    drawn = sample_collection(_load(source, split, "train", lang, lenient), budgets, limit, seed, held_out)
    write_collection(drawn, to, form)  # type: ignore[arg-type]
    typer.echo(f"Wrote {to}: {drawn}")
    alone = int((drawn.relevant_counts == 0).sum())
    if alone:
        typer.echo(
            f"{alone:,} of its queries have no relevant document left: the budgets of the documents' languages "
            "leave theirs out",
            err=True,
        )
