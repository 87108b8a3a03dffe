"""`isoglot mine`: finds hard negatives with a model and writes them with the collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.cli.completion import complete_data
from isoglot.cli.data import COLLECTION, Lang, Lenient, Split
from isoglot.cli.encoder import Device, DocumentPrompt, Dtype, MaxLength, NoCache, Pooling, QueryPrompt
from isoglot.cli.engine import Address, Cache, Engine, WorkerCount, check_cache, check_engine, started_workers
from isoglot.cli.state import state
from isoglot.errors import InputError

if TYPE_CHECKING:
    from isoglot.collections import Collection

__all__ = ["mine"]


def _splits(source: str, split: str | None, lang: str | None, lenient: bool) -> dict[str | None, Collection]:
    """Load what is to be mined, and with it the other splits, if they share its documents."""
    from isoglot.collections.writing import share_documents
    from isoglot.data.catalogue.loading import load_splits

    splits = load_splits(source, language=lang, lenient=lenient)
    if len(splits) == 1 and split is None:
        return splits
    mined = split or "train"
    if mined not in splits:
        have = f"choose one of {', '.join(map(str, splits))} with --split" if None not in splits else "it has none"
        raise InputError(f"{source} has no split {mined!r}: {have}")
    if not share_documents(splits):
        return {mined: splits[mined]}
    return {mined: splits.pop(mined), **splits}


def mine(
    model: Annotated[str, typer.Argument(help="Name or folder of a model.", show_default=False)],
    data: Annotated[str, typer.Argument(help=COLLECTION, show_default=False, autocompletion=complete_data)],
    out: Annotated[
        Path, typer.Option(metavar="DIR", help="Where to write the collection with its hard negatives.")
    ],
    negatives: Annotated[int, typer.Option(help="How many of a query, in each place searched.", min=1)] = 5,
    where: Annotated[
        str,
        typer.Option(
            help="language: in each language of its relevant documents; own: in the query's; any: in all."
        ),
    ] = "language",
    teacher: Annotated[
        str | None,
        typer.Option(
            metavar="CROSS_ENCODER", help="Have this model score what is found, and relevant documents beside it."
        ),
    ] = None,
    margin: Annotated[
        float, typer.Option(help="Leave out what scores above (1 - margin) of a relevant document.", min=0)
    ] = 0.05,
    no_margin: Annotated[bool, typer.Option("--no-margin", help="Leave out nothing for its score.")] = False,
    depth: Annotated[int, typer.Option(help="How far down the ranking to look.", min=1)] = 100,
    range_min: Annotated[int, typer.Option(help="Pass over so many of the hardest.", min=0)] = 0,
    form: Annotated[str, typer.Option(help="jsonl or parquet.")] = "jsonl",
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    pooling: Pooling = None,
    max_length: MaxLength = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    batch_size: Annotated[int, typer.Option(help="Texts encoded at a time.", min=1)] = 64,
    device: Device = None,
    dtype: Dtype = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    engine: Engine = None,
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Find hard negatives for training: documents that a model places high and that are not relevant.

    Of a collection with several splits the training split is mined, and all are written that share its documents.
    """
    from isoglot.collections import write_collection
    from isoglot.collections.negatives import with_hard_negatives
    from isoglot.collections.scores import with_teacher_scores
    from isoglot.encoders import load_encoder
    from isoglot.evaluation.embed import check_device
    from isoglot.evaluation.hard_negatives import Mining, mine_hard_negatives
    from isoglot.evaluation.scoring import load_cross_encoder, score_candidates
    from isoglot.files import default_cache, refuse_taken

    on_workers = check_engine(engine, address, workers)
    kept = check_cache(cache, no_cache, on_workers)
    if form not in ("jsonl", "parquet"):
        raise InputError(f"no form {form!r}: choose jsonl or parquet")
    mining = Mining(
        negatives=negatives,
        where=where,  # type: ignore[arg-type]
        margin=None if no_margin else margin,
        depth=depth,
        range_min=range_min,
    )
    refuse_taken(out)
    if device is not None:
        check_device(device)
    scorer = None if teacher is None else load_cross_encoder(teacher, device=device)
    splits = _splits(data, split, lang, lenient)
    mined, collection = next(iter(splits.items()))
    encoder = load_encoder(
        model,
        pooling=pooling,
        max_length=max_length,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        device="cpu" if on_workers else device,  # workers have it where they compute
    )
    options: dict[str, Any] = {
        **vars(mining),
        "batch_size": batch_size,
        "dtype": dtype,
        "progress": state.progress,
        "cache": default_cache(),
        **kept,
    }
    if on_workers:
        from isoglot.engine import mine_on

        with started_workers(address, workers) as started:
            found = mine_on(started, encoder, collection, device=device, **options)
    else:
        found = mine_hard_negatives(encoder, collection, **options)
    splits[mined] = with_hard_negatives(collection, found.offsets, found.documents)
    if scorer is not None:
        scored = score_candidates(
            scorer, collection, found.offsets, found.documents, batch_size=batch_size, progress=state.progress
        )
        splits[mined] = with_teacher_scores(splits[mined], *scored)
    write_collection(splits, out, form)  # type: ignore[arg-type]
    counts = found.offsets[1:] - found.offsets[:-1]
    typer.echo(
        f"Wrote {out}: {len(found.documents):,} hard negatives for {int((counts > 0).sum()):,} of "
        f"{len(counts):,} queries of {collection.name}{f' ({mined})' if mined else ''}"
    )
    if not no_margin and 2 * (counts > 0).sum() < len(counts):
        typer.echo("Few candidates passed the margin: mine with a better model, or give --no-margin", err=True)
