"""`isoglot evaluate`: measures a model, embeddings, a run file of any system, or BM25."""

from __future__ import annotations

import shlex
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from isoglot.amounts import read_size
from isoglot.cli.completion import complete_data, complete_fair, complete_measures, complete_quantize
from isoglot.cli.compressed import evaluate_compressed, parse_dimensions
from isoglot.cli.data import Lang, Lenient, Split, listed
from isoglot.cli.encoder import Device, DocumentPrompt, Dtype, MaxLength, NoCache, Pooling, QueryPrompt
from isoglot.cli.engine import Address, Cache, Engine, WorkerCount, check_cache, check_engine, measure_on_workers
from isoglot.cli.pages import write_pages
from isoglot.cli.query_views import Lexicons, MixRate, MixSeed, Queries, change_queries, check_queries
from isoglot.cli.state import console, own_command, state
from isoglot.cli.tables import benchmark_table, comparison_table, losers_table, result_table
from isoglot.errors import InputError
from isoglot.stores import refuse_address

if TYPE_CHECKING:
    from isoglot.collections import Collection
    from isoglot.evaluation import Result

__all__ = ["evaluate"]


def parse_memory(text: str) -> int:
    """Return the bytes of a size such as `8GiB`, `512MB` or `1000000`; units of 1024 and 1000 are told apart.

    Raises:
        InputError: it is no size.
    """
    try:
        size = read_size(text, alone=1024)
    except ValueError:
        size = 0
    if size < 1:
        raise InputError(f"--memory {text!r} is not a size: give bytes, or a number with a unit, such as 8GiB")
    return size


def _load(data: str, split: str | None, lang: str | None, lenient: bool) -> Collection:
    """Load what is measured; a language for texts that have none is refused where there are no such texts."""
    from isoglot.data import load_collection
    from isoglot.languages.tags import read_tag

    def load(language: str | None) -> Collection:
        return load_collection(data, split=split, prefer_split="test", language=language, lenient=lenient)

    collection = load(lang)
    tag = None if lang is None else read_tag(lang, "--lang")
    if tag is None or collection.languages == (tag,):
        return collection
    try:  # only without the language it shows whether any text was given it
        plain = load(None) if tag in collection.languages else collection
    except InputError:
        return collection
    tables = [(one.queries.num_rows, one.documents.num_rows) for one in (plain, collection)]
    if tables[0] != tables[1]:  # lenient reading leaves out texts without a language
        return collection
    raise InputError(
        f"--lang {lang} does nothing: every text of {collection.name} has a language of its own "
        f"({', '.join(collection.languages)}); leave it out"
    )


def _with_all_queries(
    collection: Collection, data: str, split: str | None, lang: str | None, lenient: bool
) -> Collection:
    """Return a split with the queries of all: embeddings are often made of everything in a folder."""
    from isoglot.data.catalogue.loading import load_splits

    try:
        splits = load_splits(data, language=lang, lenient=lenient)
    except InputError:  # of another split, which nobody asked for
        return collection
    whole = splits.get(split or ("test" if "test" in splits else next(iter(splits))), collection)
    same = whole.documents.num_rows == collection.documents.num_rows
    return whole if same and whole.queries.num_rows > collection.queries.num_rows else collection


def _given(**options: Any) -> dict[str, Any]:
    """Return the options that were given."""
    return {key: value for key, value in options.items() if value is not None}


def _check_stages(reranker: str | None, first: str | None, stages: dict[str, Any], by_mteb: bool) -> None:
    """Refuse the options of a two-stage system without one, and one without its first stage."""
    if reranker is None and (first is not None or stages):
        raise InputError("--first, --depth and --rerank-per-language go with rerank:MODEL, a cross-encoder")
    if reranker is not None and first is None:
        raise InputError("rerank:MODEL orders what a first stage finds: give --first run:FILE or --first MODEL")
    if reranker is not None and by_mteb:
        raise InputError("rerank:MODEL does not apply to mteb's own measures: use --pool")


PREFERENCE = 0.01  # of the top 10: a percentage point


def _next(model: str, data: str, result: Result, page: Path | None, json_file: Path | None) -> list[str]:
    """Say what to try next, with the command."""
    mono, cross = ((part or {}).get("AP") for part in (result.monolingual, result.cross_lingual))
    given = model.partition(":")[0] in ("run", "embeddings", "bm25", "rerank")
    told = []
    if mono is not None and cross is not None and cross < mono:
        encoder = "intfloat/multilingual-e5-small" if given else model
        told.append(
            "To close the gap between languages, train on hybrid batches: isoglot train --data TRAINING_DATA "
            f"--encoder {encoder} --strategy hybrid --out DIR"
        )
    if (result.bias.get("own_language_share@10") or 0) > PREFERENCE:
        if given and result.fair is None:
            told.append(f"For fewer of the question's own language: isoglot evaluate {model} {data} --fair fuse")
        elif not given and "repair_method" not in (result.made or {}):
            told.append(
                "For fewer of the question's own language without training: isoglot repair "
                f"{model} TEXTS_IN_ALL_LANGUAGES --out DIR"
            )
    if json_file is not None and (Path(model) / "modules.json").is_file():
        told.append(f"Into the card of the model: {shlex.join(['isoglot', 'card', model, str(json_file)])}")
    if page is None:
        command = own_command() or shlex.join(["isoglot", "evaluate", model, data])
        told.append(f"Figures and the worst questions: {command} --html report.html")
    return told


def evaluate(
    model: Annotated[
        str,
        typer.Argument(
            help="Name or folder of a model; or embeddings:QUERIES,DOCUMENTS (.npy or .parquet files); "
            "or run:FILE (a TREC run); or bm25; or rerank:MODEL (a cross-encoder, with --first).",
            show_default=False,
        ),
    ],
    data: Annotated[
        str,
        typer.Argument(
            help="Collection folder, here or in an object store (s3://…), a name that `isoglot data list` shows, "
            "or mteb:TASK, such as mteb:NFCorpus.",
            show_default=False,
            autocompletion=complete_data,
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
    mteb_results: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the result of mteb:TASK here in mteb's own form.")
    ] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a report here.")] = None,
    figures: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the report's figures here, as SVG and PNG.")
    ] = None,
    keep_identical_ids: Annotated[
        bool,
        typer.Option(
            "--keep-identical-ids", help="Rank a query that is itself a document (same id and text) against itself."
        ),
    ] = False,
    first: Annotated[
        str | None,
        typer.Option(metavar="FIRST", help="First stage of rerank:MODEL: run:FILE, or a model's name or folder."),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(help="How many of its documents are ordered anew; 100 by default.", min=1)
    ] = None,
    rerank_per_language: Annotated[
        bool, typer.Option("--rerank-per-language", help="So many of each language, merged by score.")
    ] = False,
    fair: Annotated[
        str | None,
        typer.Option(
            metavar="METHOD",
            autocompletion=complete_fair,
            help="Merge the languages of the pool's ranking anew: calibrate, fuse or quota; or oracle, the upper "
            "bound. Shown beside the system's own ranking.",
        ),
    ] = None,
    pool_languages: Annotated[
        str | None,
        typer.Option(
            metavar="LANGUAGES",
            help="Only documents of these languages in the pool, separated by commas; own is the query's.",
        ),
    ] = None,
    without_own_answer: Annotated[
        bool,
        typer.Option("--without-own-answer", help="Leave answers in a question's own language out of its pool."),
    ] = False,
    queries: Queries = None,
    lexicon: Lexicons = None,
    mix_rate: MixRate = None,
    mix_seed: MixSeed = None,
    trec_run: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write TREC run files and judgments here.")
    ] = None,
    trec_depth: Annotated[
        int | None, typer.Option(help="Documents of each query in these; 1000 by default.", min=1)
    ] = None,
    measures: Annotated[
        str | None,
        typer.Option(
            help="Rank measures, separated by commas, such as AP,nDCG@10,R@100.", autocompletion=complete_measures
        ),
    ] = None,
    no_rank_correlation: Annotated[
        bool,
        typer.Option("--no-rank-correlation", help="Compare no rankings of a query's versions; faster."),
    ] = False,
    bootstrap: Annotated[int, typer.Option(help="Draws for the 95 % intervals; 0 for none.", min=0)] = 1000,
    name: Annotated[str | None, typer.Option(help="What the result calls the system.")] = None,
    pooling: Pooling = None,
    max_length: MaxLength = None,
    query_prompt: QueryPrompt = None,
    document_prompt: DocumentPrompt = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Most texts encoded at a time; 256 by default.", min=1)
    ] = None,
    batch_tokens: Annotated[
        int | None,
        typer.Option(
            help="Most tokens encoded at a time, with padding; by default 4096 on a CPU, else 16384.", min=1
        ),
    ] = None,
    device: Device = None,
    dtype: Dtype = None,
    truncate_dim: Annotated[
        str | None,
        typer.Option(
            metavar="N[,N…]",
            help="Only the first dimensions, for Matryoshka models; of several (64,128) each is measured.",
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            metavar="int8|binary",
            help="Documents stored in 8 bits or 1 bit a dimension.",
            autocompletion=complete_quantize,
        ),
    ] = None,
    memory: Annotated[
        str | None, typer.Option(help="For a block of scores, such as 8GiB; 512MiB by default.")
    ] = None,
    cache: Cache = None,
    no_cache: NoCache = False,
    engine: Engine = None,
    address: Address = None,
    workers: WorkerCount = None,
) -> None:
    """Measure a system: within a language, across languages, in one pool of all, and its language bias."""
    from isoglot.collections.cache import mapped_from
    from isoglot.collections.links import link_sentences
    from isoglot.evaluation import compare_before, measure, measure_reranked
    from isoglot.evaluation.compressed import check_compression
    from isoglot.evaluation.losers import who_loses
    from isoglot.evaluation.measures import parse_measure
    from isoglot.evaluation.merging import check_merging
    from isoglot.evaluation.sources.embeddings import count_rows

    on_workers = check_engine(engine, address, workers, model)
    chosen = None if measures is None else tuple(listed(measures) or ())
    for one in chosen or ():
        parse_measure(one)
    check_merging(fair)
    if chosen == ():
        raise InputError("--measures names no measure: leave it out, or name some, such as AP,nDCG@10")
    kept = check_cache(cache, no_cache, on_workers)
    for path in (json_file, html_file, figures, trec_run, mteb_results):  # before anything is measured
        refuse_address(path, "what is written")
    task = data.removeprefix("mteb:") if data.startswith("mteb:") else None
    if pool and task is None:
        raise InputError("--pool goes with mteb:TASK; a collection's pool is always measured")
    by_mteb = task is not None and not pool
    if mteb_results is not None and not by_mteb:
        raise InputError("--mteb-results goes with mteb:TASK, without --pool: our own measures are not mteb's")
    dimensions = parse_dimensions(truncate_dim)
    check_compression(dimensions, quantize)
    compressed = len(dimensions) > 1 or quantize is not None
    if compressed and by_mteb:
        raise InputError("--quantize and several --truncate-dim do not apply to mteb's own measures: use --pool")
    if on_workers and (compressed or by_mteb):
        raise InputError("--engine ray is for our own measures of whole embeddings: leave it out, or --quantize")
    reranker = model.removeprefix("rerank:") if model.startswith("rerank:") else None
    stages = _given(depth=depth, per_language=rerank_per_language or None)
    _check_stages(reranker, first, stages, by_mteb)
    mix = (lexicon, mix_rate, mix_seed)
    check_queries(queries, *mix, model=model, first=first, mteb=by_mteb)
    options = _given(
        html=html_file if by_mteb else None,
        figures=figures if by_mteb else None,
        measures=chosen,
        name=name,
        ignore_identical_ids=False if keep_identical_ids else None,
        rank_correlation=False if no_rank_correlation else None,
        fair=fair,
        pool_languages=pool_languages,
        without_own_answer=without_own_answer or None,
        trec_run=trec_run,
        trec_depth=trec_depth,
        pooling=pooling,
        max_length=max_length,
        query_prompt=query_prompt,
        document_prompt=document_prompt,
        batch_size=batch_size,
        batch_tokens=batch_tokens,
        device=device,
        dtype=dtype,
        truncate_dim=dimensions[0] if dimensions else None,
        memory=None if memory is None else parse_memory(memory),
    )
    options |= kept
    if by_mteb:
        chosen_parts = {"languages": listed(lang), "splits": [split] if split else None}
        options |= chosen_parts | _given(mteb_results=mteb_results)
        outcome = measure(model, data, progress=state.progress, **options)
        if json_file is not None:
            outcome.to_json(json_file)
        return console().print(benchmark_table(outcome))
    if task is not None:
        from isoglot.data.mteb import collection_from_mteb

        collection = collection_from_mteb(task, split, languages=listed(lang))
    else:
        with mapped_from(0) if on_workers else nullcontext():
            collection = _load(data, split, lang, lenient)
        if model.startswith("embeddings:"):
            rows = count_rows(model.removeprefix("embeddings:").partition(",")[0])
            if rows > collection.queries.num_rows:
                collection = _with_all_queries(collection, data, split, lang, lenient)
    for sentence in link_sentences(collection):
        typer.echo(f"note: {sentence}", err=True)
    collection = change_queries(collection, queries, *mix, lenient)
    if compressed:
        options.pop("truncate_dim", None)
        files: dict[str, Any] = {"json_file": json_file, "html_file": html_file, "figures": figures}
        return evaluate_compressed(model, collection, dimensions, quantize, bootstrap=bootstrap, **files, **options)
    shown = html_file is not None or figures is not None
    options |= {"progress": state.progress, "bootstrap": bootstrap}
    if reranker is not None:
        result = measure_reranked(reranker, collection, first, **stages, **options)
    elif on_workers:
        result = measure_on_workers(model, collection, address, workers, **options)
    else:
        result = measure(model, collection, keep_embeddings=shown, **options)
    if json_file is not None:
        result.save(json_file)
    tests = compare_before(result) if result.before is not None else []
    if shown:
        write_pages([result], collection, html_file, figures, tests)
    shell = console()
    shell.print(result_table(result))
    if result.before is not None and tests:
        shell.print(comparison_table(tests, result.before.model))
    losers = losers_table(result)
    if losers is not None:
        shell.print(losers)
    if not state.quiet:
        for sentence in (*who_loses(result), *_next(model, data, result, html_file, json_file)):
            shell.print(sentence, highlight=False, markup=False, soft_wrap=True)
