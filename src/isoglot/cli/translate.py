"""`isoglot data translate`: a collection in more languages, by machine translation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from isoglot.cli.completion import complete_data
from isoglot.cli.data import COLLECTION, Lang, Lenient, Split, app, listed
from isoglot.cli.engine import Address, Engine, WorkerCount, check_engine, started_workers
from isoglot.cli.progress import text_progress
from isoglot.cli.state import console, state

if TYPE_CHECKING:
    from isoglot.data.translation.report import PairReport
    from isoglot.data.translation.translator import Translates

__all__ = ["translate"]


def _table(reports: list[PairReport]) -> Table:
    """Return what was done, one row a pair of languages, with a column for every reason to reject."""
    reasons = sorted({reason for report in reports for reason in report.rejected})
    table = Table(title="Translated", title_justify="left")
    for name in ("languages", "documents", "queries", "there before", "newly translated"):
        table.add_column(name, justify="left" if name == "languages" else "right")
    for reason in reasons:
        table.add_column(f"rejected: {reason}", justify="right")
    for report in reports:
        counts = (report.documents, report.queries, report.present, report.translated)
        rejected = (report.rejected[reason] for reason in reasons)
        table.add_row(f"{report.source} → {report.target}", *(f"{count:,}" for count in (*counts, *rejected)))
    return table


@app.command()
def translate(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help=COLLECTION, show_default=False, autocompletion=complete_data)
    ],
    to: Annotated[str, typer.Option("--to", help="Languages wanted, separated by commas: de,sw,zh-TW.")],
    model: Annotated[
        list[str],
        typer.Option(
            help="Name or folder of a model: NLLB-200, M2M100, MADLAD-400, mBART-50 or OPUS-MT. Of several, the "
            "first that knows two languages translates between them."
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write; must not exist, or be empty.")],
    source: Annotated[
        str | None,
        typer.Option("--from", help="Languages to translate from, the preferred one first; if there are several."),
    ] = None,
    documents: Annotated[bool, typer.Option(help="Translate documents.")] = True,
    queries: Annotated[bool, typer.Option(help="Translate queries.")] = True,
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    form: Annotated[str, typer.Option(help="jsonl or parquet.")] = "jsonl",
    beams: Annotated[int, typer.Option(help="Hypotheses kept; 1 is greedy.", min=1)] = 1,
    max_length: Annotated[
        int | None, typer.Option(help="Cut texts of more tokens into sentences; 256 by default.", min=1)
    ] = None,
    batch_tokens: Annotated[int | None, typer.Option(help="Most source tokens of a batch.", min=1)] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; the best one found by default.")] = None,
    dtype: Annotated[str, typer.Option(help="Weights in float32, bfloat16 or float16.")] = "float32",
    no_gate: Annotated[
        list[str] | None,
        typer.Option(
            help="Switch a quality gate off: empty, copied, repetition, language or length; one at a time."
        ),
    ] = None,
    round_trip: Annotated[
        bool, typer.Option("--round-trip", help="Also translate back, and keep how alike that is (chrF).")
    ] = False,
    min_chrf: Annotated[
        float | None, typer.Option(help="Reject what comes back less alike, 0 to 100; translates back.")
    ] = None,
    cache: Annotated[bool, typer.Option(help="Keep translations, and reuse those kept.")] = True,
    engine: Engine = None,
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Translate a collection into more languages: queries keep their ids, documents and judgments are added.

    A run that was killed goes on where it was when the same command is given again.
    """
    from isoglot.amounts import check_dtype
    from isoglot.data.catalogue.loading import load_splits, refuse_missing
    from isoglot.data.translation import (
        Options,
        load_translator,
        translate_collection,
        translation_store,
        write_translation,
    )
    from isoglot.data.translation.loading import refuse_missing_model
    from isoglot.errors import InputError
    from isoglot.files import default_cache, refuse_taken

    # what can be said at once is said before PyTorch is imported, and before the data is read
    if form not in ("jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")
    options = Options(
        targets=listed(to) or [],
        sources=listed(source),
        documents=documents,
        queries=queries,
        without=no_gate or (),
        round_trip=round_trip,
        min_chrf=min_chrf,
    )
    on_workers = check_engine(engine, address, workers)
    check_dtype(dtype)
    for folder in model:
        refuse_missing_model(folder)
    refuse_missing(data)
    refuse_taken(out)

    if device is not None:
        from isoglot.evaluation.embed import check_device

        check_device(device)
    splits = load_splits(data, split=split, language=lang, lenient=lenient)
    loaded = [
        load_translator(
            name,
            beams=beams,
            max_length=max_length,
            batch_tokens=batch_tokens,
            device=device,
            dtype=dtype,
        )
        for name in model
    ]
    with translation_store(default_cache() if cache else None, out) as store:
        with ExitStack() as stack:
            translators: Sequence[Translates] = loaded
            if on_workers:
                from isoglot.engine import translator_on

                started = stack.enter_context(started_workers(address, workers))
                translators = [stack.enter_context(translator_on(started, one)) for one in loaded]
            notify = stack.enter_context(text_progress(state.progress))
            found = translate_collection(
                splits, translators=translators, store=store, notify=notify, **vars(options)
            )
        write_translation(found, out, form)  # type: ignore[arg-type]
    console().print(_table(found.reports))
    for name, collection in found.splits.items():
        typer.echo(f"Wrote {out}{f' ({name})' if name else ''}: {collection}")
    if found.rejected:
        typer.echo(f"Rejected {len(found.rejected):,} translations: see {out / 'rejected.jsonl'}")
