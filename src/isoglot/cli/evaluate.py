"""`isoglot evaluate`: measures a model, embeddings, a run file of any system, or BM25."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.amounts import read_size
from isoglot.cli.data import Lang, Lenient, Split, _tags
from isoglot.cli.state import console, state
from isoglot.cli.tables import benchmark_table, result_table

if TYPE_CHECKING:
    from isoglot.collections import Collection
    from isoglot.evaluation import Result

Measured = tuple["Result", "tuple[Any, Any] | None"]

__all__ = ["evaluate"]

LOADING = ("--pooling", "--max-length", "--query-prompt", "--document-prompt")
ENCODING = ("batch_size", "batch_tokens", "device", "dtype", "truncate_dim", "cache")

APPLY_TO = {
    "embeddings": ("--device", "--memory", "--trec-run", "--trec-depth"),
    "bm25": ("--memory", "--trec-run", "--trec-depth"),
    "run": (),
}
"""Which of the flags below mean something for what is no model."""


def parse_memory(text: str) -> int:
    """Return the bytes of a size such as `8GiB`, `512MB` or `1000000`; units of 1024 and 1000 are told apart.

    Raises:
        InputError: it is no size.
    """
    from isoglot.errors import InputError

    try:
        size = read_size(text, alone=1024)
    except ValueError:
        size = 0
    if size < 1:
        raise InputError(f"--memory {text!r} is not a size: give bytes, or a number with a unit, such as 8GiB")
    return size


def _measure(source: str, collection: Collection, flags: dict[str, Any], common: dict[str, Any]) -> Measured:
    """Measure what the first argument names; return also the embeddings, where there are any."""
    from isoglot.errors import InputError
    from isoglot.evaluation import (
        evaluate_bm25,
        evaluate_embeddings,
        evaluate_run,
        read_embeddings,
    )

    form, colon, rest = source.partition(":")
    name = flags.pop("--name")
    kind = source if source == "bm25" else form if colon and form in ("embeddings", "run") else "model"
    if kind in APPLY_TO:
        idle = [flag for flag, value in flags.items() if value is not None and flag not in APPLY_TO[kind]]
        if idle:
            raise InputError(f"{idle[0]} does not apply to {kind if kind == 'bm25' else f'{kind}:…'}: leave it out")
    given = {key.strip("-").replace("-", "_"): value for key, value in flags.items() if value is not None}
    if "memory" in given:
        given["memory"] = parse_memory(given["memory"])
    if kind == "run":
        return evaluate_run(rest, collection, name=name, **common), None
    if kind == "bm25":
        result = evaluate_bm25(collection, **given, **common)
        result.model = name or result.model
        return result, None
    if kind == "embeddings":
        files = rest.split(",")
        if len(files) != 2 or not all(files):
            raise InputError(f"{source!r}: name two files without commas, as embeddings:QUERIES.npy,DOCUMENTS.npy")
        if "device" in given:
            from isoglot.evaluation.embed import check_device

            check_device(given["device"])
        queries, documents = read_embeddings(files[0], files[1], collection)
        result = evaluate_embeddings(
            queries, documents, collection, model=name or Path(files[0]).stem, **given, **common
        )
        return result, (queries[collection.judged_query_rows()], documents)
    return _measure_model(source, collection, name or source, given, common)


def _measure_model(
    source: str, collection: Collection, name: str, given: dict[str, Any], common: dict[str, Any]
) -> Measured:
    from isoglot.encoders import load_encoder
    from isoglot.evaluation import embed_collection, evaluate_embeddings
    from isoglot.evaluation.clock import Clock
    from isoglot.evaluation.embed import check_device, check_dtype
    from isoglot.files import default_cache

    if "device" in given:
        check_device(given["device"])
    if "dtype" in given:
        check_dtype(given["dtype"])
    loading = {
        key: given.pop(key) for key in ("pooling", "max_length", "query_prompt", "document_prompt") if key in given
    }
    if given.pop("no_cache", False):
        given["cache"] = None
    else:
        given.setdefault("cache", default_cache())
    encoder = load_encoder(source, device=given.get("device"), **loading)
    encoding = {key: given.pop(key) for key in ENCODING if key in given}
    clock = Clock()
    _, queries, documents = embed_collection(encoder, collection, progress=state.progress, **encoding)
    clock.lap("encode")
    device = encoder.device if encoder.device.type == "cuda" else "cpu"
    result = evaluate_embeddings(queries, documents, collection, model=name, device=device, **given, **common)
    result.seconds = {**clock.seconds, **result.seconds}
    return result, (queries, documents)


def _run_benchmark(source: str, task: str, flags: dict[str, Any], lang: str | None, split: str | None) -> None:
    """Measure a model on a task of mteb, by mteb's own metrics."""
    from isoglot.encoders import load_encoder
    from isoglot.errors import InputError
    from isoglot.evaluation.mteb import evaluate_mteb

    allowed = (
        "--json",
        "--pooling",
        "--max-length",
        "--query-prompt",
        "--document-prompt",
        "--batch-size",
        "--device",
    )
    idle = [flag for flag, value in flags.items() if value is not None and flag not in allowed]
    if idle:
        raise InputError(f"{idle[0]} does not apply to mteb's own measures: leave it out, or use --pool")
    loading = {flag.strip("-").replace("-", "_"): flags[flag] for flag in LOADING}
    encoder = load_encoder(source, device=flags["--device"], **loading)
    outcome = evaluate_mteb(
        encoder,
        task,
        languages=_tags(lang),
        splits=[split] if split else None,
        batch_size=flags["--batch-size"] or 64,
        progress=state.progress,
    )
    outcome.model = source
    if flags["--json"] is not None:
        outcome.to_json(flags["--json"])
    console().print(benchmark_table(outcome))


def _show(
    result: Result,
    embeddings: tuple[Any, Any] | None,
    collection: Collection,
    page: Path | None,
    figures: Path | None,
) -> None:
    """Write report and figures; with the geometry view and the worst queries where there are embeddings."""
    import sys

    from isoglot.evaluation.embed import unit_rows
    from isoglot.reporting import inspect_result, write_figures, write_report

    shown: Any = result
    if embeddings is not None and "multilingual_AP" in result.per_query:
        queries, documents = (unit_rows(rows, "embeddings", len(rows)) for rows in embeddings)
        shown = inspect_result(result, collection, queries, documents)
    if page is not None:
        command = "isoglot " + " ".join(sys.argv[1:]) if Path(sys.argv[0]).stem == "isoglot" else None
        write_report([shown], page, command=command, metadata=collection.metadata)
    if figures is not None:
        write_figures(shown, figures)


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="Name or folder of a model; or embeddings:QUERIES,DOCUMENTS (.npy or .parquet files); "
            "or run:FILE (a TREC run); or bm25.",
            show_default=False,
        ),
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="Collection folder, a name that `isoglot data list` shows, or mteb:TASK, such as mteb:NFCorpus.",
            show_default=False,
        ),
    ],
    split: Split = None,
    lang: Lang = None,
    lenient: Lenient = False,
    pool: Annotated[
        bool,
        typer.Option(
            "--pool", help="Of mteb:TASK: our measures, with the pool of all languages and bias, not mteb's."
        ),
    ] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result here.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report here.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the report's figures here, as SVG and PNG.")
    ] = None,
    trec_run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write TREC run files and judgments here.")
    ] = None,
    trec_depth: Annotated[
        int | None, typer.Option(help="Documents of each query in these; 1000 by default.", min=1)
    ] = None,
    measures: Annotated[
        str | None, typer.Option(help="Rank measures, separated by commas, such as AP,nDCG@10,R@100.")
    ] = None,
    bootstrap: Annotated[int, typer.Option(help="Draws for the 95 % intervals; 0 for none.", min=0)] = 1000,
    name: Annotated[str | None, typer.Option(help="What the result calls the system.")] = None,
    pooling: Annotated[str | None, typer.Option(help="Of a plain transformer: mean, cls or max.")] = None,
    max_length: Annotated[int | None, typer.Option(help="Most tokens read of a text.")] = None,
    query_prompt: Annotated[str | None, typer.Option(help="Put before every query.")] = None,
    document_prompt: Annotated[str | None, typer.Option(help="Put before every document.")] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Most texts encoded at a time; 256 by default.", min=1)
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(
            help="Most tokens encoded at a time, with padding; by default 4096 on a CPU, else 16384.", min=1
        ),
    ] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, …; the best one found by default.")] = None,
    dtype: Annotated[str | None, typer.Option(help="Encode in float32, bfloat16 or float16.")] = None,
    truncate_dim: Annotated[
        int | None, typer.Option(help="Only the first dimensions, for Matryoshka models.", min=1)
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="For a block of scores, such as 8GiB; 512MiB by default.")
    ] = None,
    cache: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep embeddings here; by default $ISOGLOT_CACHE or ~/.cache/isoglot."),
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep and reuse no embeddings.")] = False,
) -> None:
    """Measure a system: within a language, across languages, in one pool of all, and its language bias."""
    from isoglot.data import load_collection
    from isoglot.errors import InputError
    from isoglot.evaluation.measures import DEFAULT_MEASURES, parse_measure

    chosen = DEFAULT_MEASURES if measures is None else tuple(_tags(measures) or ())
    for measure in chosen:
        parse_measure(measure)
    if not chosen:
        raise InputError("--measures names no measure: leave it out, or name some, such as AP,nDCG@10")
    if no_cache and cache is not None:
        raise InputError("--cache and --no-cache exclude each other: leave one out")
    flags = {
        "--name": name,
        "--trec-run": trec_run,
        "--trec-depth": trec_depth,
        "--pooling": pooling,
        "--max-length": max_length,
        "--query-prompt": query_prompt,
        "--document-prompt": document_prompt,
        "--batch-size": batch_size,
        "--batch-tokens": batch_tokens,
        "--device": device,
        "--dtype": dtype,
        "--truncate-dim": truncate_dim,
        "--memory": memory,
        "--cache": cache,
        "--no-cache": no_cache or None,
    }
    is_task = data.startswith("mteb:")
    if pool and not is_task:
        raise InputError("--pool goes with mteb:TASK; a collection's pool is always measured")
    if is_task and not pool:
        given = {"--json": json_file, "--html": html_file, "--figures": figures, "--measures": measures, **flags}
        return _run_benchmark(model, data.removeprefix("mteb:"), given, lang, split)
    if is_task:
        from isoglot.data.mteb import collection_from_mteb

        collection = collection_from_mteb(data.removeprefix("mteb:"), split, languages=_tags(lang))
    else:
        collection = load_collection(data, split=split, prefer_split="test", language=lang, lenient=lenient)
    result, embeddings = _measure(model, collection, flags, {"measures": chosen, "bootstrap": bootstrap})
    if json_file is not None:
        result.save(json_file)
    if html_file is not None or figures is not None:
        _show(result, embeddings, collection, html_file, figures)
    console().print(result_table(result))
