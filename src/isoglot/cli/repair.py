"""`isoglot repair`: takes out of a model's embeddings what tells languages apart, without training."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from isoglot.cli.completion import complete_data, complete_repair
from isoglot.cli.data import COLLECTION, Lang, Lenient, Split
from isoglot.cli.encoder import Device, DocumentPrompt, Dtype, MaxLength, NoCache, Pooling, QueryPrompt
from isoglot.cli.state import state

__all__ = ["repair"]


def repair(
    model: Annotated[str, typer.Argument(help="Name or folder of a model.", show_default=False)],
    data: Annotated[
        str,
        typer.Argument(
            help=f"Texts in several languages. {COLLECTION}", show_default=False, autocompletion=complete_data
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Where to write the repaired model.")],
    method: Annotated[
        str,
        typer.Option(
            autocompletion=complete_repair,
            help="shift: documents to where their translations lie; center: minus the language's mean; whiten: and "
            "by its covariance; erase: one linear map for all texts, which needs no language; align: a linear map "
            "of each language, to where the translations of its texts lie.",
        ),
    ] = "center",
    strength: Annotated[
        float | None, typer.Option(help="From 0, no change, to 2; 1 if nothing is said.", show_default=False)
    ] = None,
    dev: Annotated[
        str | None,
        typer.Option(metavar="DATA", help="Choose the strength by AP over all languages of this collection."),
    ] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Erase by svd, the span of language means (if nothing is said), or leace."),
    ] = None,
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    pooling: Pooling = None,
    max_length: MaxLength = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    batch_size: Annotated[int, typer.Option(help="Most texts encoded at a time.", min=1)] = 256,
    device: Device = None,
    dtype: Dtype = None,
    no_cache: NoCache = False,
) -> None:
    """Repair a model without training, so that rankings depend less on the language of a document.

    Fitted on texts in several languages; shift needs documents with translations, linked by their queries, and
    align documents or queries with translations.
    """
    from isoglot.data import load_collection
    from isoglot.encoders import load_encoder, repair_of
    from isoglot.evaluation.embed import check_device
    from isoglot.files import default_cache, new_folder, refuse_taken
    from isoglot.repair import repair_model
    from isoglot.repair.maps import check_request

    check_request(method, by, strength, dev is not None)
    refuse_taken(out)
    if device is not None:
        check_device(device)
    options: dict[str, Any] = {"language": lang, "lenient": lenient}
    collection = load_collection(data, split=split, prefer_split="train", **options)
    development = None if dev is None else load_collection(dev, prefer_split="dev", **options)
    encoder = load_encoder(
        model,
        pooling=pooling,
        max_length=max_length,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        device=device,
    )
    repaired = repair_model(
        encoder,
        collection,
        method,
        strength,
        development,
        by=by,
        name=model,
        batch_size=batch_size,
        dtype=dtype,
        progress=state.progress,
        cache=None if no_cache else default_cache(),
    )
    with new_folder(out) as folder:
        repaired.save(str(folder))
    made: dict[str, Any] = repair_of(repaired) or {}
    typer.echo(
        f"Wrote {out}: {model} repaired by {method}, strength {made['strength']:g}, fitted on {collection.name} in "
        f"{len(made['languages'])} languages; README.md says the rest"
    )
    if not state.quiet:
        for name, result in ((model, "before.json"), (str(out), "after.json")):
            typer.echo(shlex.join(["isoglot", "evaluate", name, "TEST_DATA", "--json", result]))
        typer.echo("isoglot compare before.json after.json --html report.html")
