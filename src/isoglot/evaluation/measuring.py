"""From a system and a collection to a `Result`: `evaluate` a model, or embeddings; `measure` anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import numpy as np
import torch
from numpy.typing import NDArray

from isoglot.amounts import check_dtype
from isoglot.collections.cautions import POOL
from isoglot.collections.collection import Collection
from isoglot.encoders import load_encoder, model_name
from isoglot.errors import InputError
from isoglot.evaluation.bias import TOP
from isoglot.evaluation.embed import (
    Encoding,
    check_device,
    embed_collection,
    scoring_device,
    unit_rows,
)
from isoglot.evaluation.geometry import measure_geometry
from isoglot.evaluation.judgments import Judgments, Ranks, judgments_of, tell_identical
from isoglot.evaluation.made import model_settings
from isoglot.evaluation.merging import check_merging, fair_name, fair_score, tell_one_language
from isoglot.evaluation.mteb import BenchmarkResult, evaluate_mteb
from isoglot.evaluation.pools import (
    Pooled,
    PoolRule,
    check_run_pool,
    pool_rule,
    restrict_pools,
    within_pools,
    without_others,
)
from isoglot.evaluation.products import Table
from isoglot.evaluation.ranks import DEFAULT_MEMORY, Score, language_order, rank_embeddings
from isoglot.evaluation.renamed import renamed
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources import evaluate_bm25, evaluate_run, read_embeddings
from isoglot.evaluation.sources.run_writing import DEPTH, RunWriter, check_run_folder
from isoglot.evaluation.summary import Clock, Measuring, check_measuring, result_of_merged, result_of_ranks
from isoglot.files import default_cache

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from typing_extensions import Unpack

__all__ = ["evaluate", "evaluate_embeddings", "load_source", "measure", "result_of_vectors", "split_options"]

IntArray = NDArray[np.integer[Any]]
FloatArray = NDArray[np.float32]

LOADING = ("pooling", "max_length", "query_prompt", "document_prompt")
"""Keywords of `load_encoder` that `measure` takes with the name of a model."""
OF_MTEB = (*LOADING, "batch_size", "device", "languages", "splits", "mteb_results")
"""What `measure` takes with a task of mteb."""
LOADED = "a model that is loaded"
OF_RUNS = (
    *("name", "rank_correlation", "ignore_identical_ids", "fair"),
    *Measuring.__annotations__,
    *Pooled.__annotations__,
)
OF_BM25 = (*OF_RUNS, "memory", "trec_run", "trec_depth")
OF_EMBEDDINGS = (*OF_BM25, "geometry", "device")


class Embedded(Measuring, Pooled, total=False):
    """The keywords that say what is measured of embeddings; see `evaluate`."""

    rank_correlation: bool
    ignore_identical_ids: bool
    fair: str | None
    geometry: bool
    memory: int
    trec_run: str | Path | None
    trec_depth: int
    keep_embeddings: bool


class Evaluating(Embedded, Encoding, total=False):
    """The keywords of `evaluate`."""


def split_options(options: Mapping[str, Any]) -> tuple[Embedded, Encoding]:
    """Return what is measured and how texts are encoded, of the keywords of `evaluate`; the former is checked.

    Raises:
        InputError: a measure is unknown, or a way to merge.
    """
    check_measuring(cast("Measuring", options))  # before encoding, which may take long
    check_merging(options.get("fair"))
    known = Embedded.__annotations__
    measured = {key: value for key, value in options.items() if key in known}
    encoding = {key: value for key, value in options.items() if key not in known}
    return cast("Embedded", measured), cast("Encoding", encoding)


def _rule(collection: Collection, options: Pooled) -> PoolRule | None:
    return pool_rule(collection, options.get("pool_languages"), options.get("without_own_answer", False))


def result_of_vectors(
    rows: IntArray,
    queries: FloatArray,
    documents: Table,
    collection: Collection,
    clock: Clock,
    *,
    name: str,
    device: torch.device,
    arranged: bool = False,
    rank_correlation: bool = True,
    ignore_identical_ids: bool = True,
    fair: str | None = None,
    geometry: bool = True,
    memory: int = DEFAULT_MEMORY,
    trec_run: str | Path | None = None,
    trec_depth: int = DEPTH,
    keep_embeddings: bool = False,
    made: dict[str, Any] | None = None,
    rerank: Callable[[Judgments], Callable[[Score], Score]] | None = None,
    rank: Callable[..., Ranks] = rank_embeddings,
    pool_languages: str | Sequence[str] | None = None,
    without_own_answer: bool = False,
    **measuring: Unpack[Measuring],
) -> Result:
    """Measure embeddings of unit length, of query rows (q,) and of all documents; keywords are those of `evaluate`.

    Documents that are `arranged` are in the order of `language_order`. `rerank` gives, of what is judged, what
    turns the scores of embeddings into others; `rank` is called as `rank_embeddings` is.
    """
    if queries.shape[1] != documents.shape[1]:
        raise InputError(
            f"queries have {queries.shape[1]} dimensions and documents {documents.shape[1]}: embed both with the "
            "same model"
        )
    rule = pool_rule(collection, pool_languages, without_own_answer)
    check_run_pool(trec_run, rule)
    judged = judgments_of(collection, rows, ignore_identical_ids=ignore_identical_ids)
    tell_identical(judged, collection.name)
    pooled = judged if rule is None else restrict_pools(judged, rule, collection)
    writers: list[RunWriter | None] = [None, None]
    if trec_run is not None:
        write = partial(RunWriter, trec_run, collection, judged, depth=trec_depth)
        if fair is None:
            writers[0] = write(tag=name)
        else:
            writers = [write(tag=name, pool=False), write(tag=fair_name(name, fair), pairs=False)]
    rank = partial(
        rank,
        document_embeddings=documents,
        top=TOP,
        # without versions there is nothing to sort for; rankings of different pools do not compare
        correlation=rank_correlation and judged.has_versions and rule is None,
        memory=memory,
        device=device,
        arranged=arranged,
    )
    merged = None
    asked = queries if rule is None else queries[np.searchsorted(rows, pooled.query_rows)]
    with ExitStack() as opened:
        for writer in filter(None, writers):
            opened.enter_context(writer)
        merge = None if rerank is None else rerank(judged)
        ranks = pairs = rank(queries, judged=judged, observe=writers[0], merge=merge)
        if rule is not None:
            ranks = without_others(rank(asked, judged=pooled, merge=partial(within_pools, judged=pooled)))
        if fair is not None:
            tell_one_language(judged, collection.name)
            merge = partial(fair_score, judged=pooled, method=fair)
            merged = without_others(rank(asked, judged=pooled, observe=writers[1], merge=merge))
    clock.lap("rank")
    space = None
    if geometry:
        ids = np.unique(judged.query_ids, return_inverse=True)[1]
        space = measure_geometry(queries, ids, collection.query_language[rows].astype(np.int64))
        clock.lap("geometry")
    measure_ranks = partial(result_of_ranks, ranks)
    if merged is not None and fair is not None:
        measure_ranks = partial(result_of_merged, merged, ranks, fair)
    if rule is not None:
        made = {POOL: rule.to_dict(), **(made or {})}
    result = measure_ranks(collection, name=name, geometry=space, made=made, clock=clock, pairs=pairs, **measuring)
    result.embeddings = (queries, np.asarray(documents)) if keep_embeddings else None
    return result


@renamed(model="name")
def evaluate_embeddings(
    query_embeddings: Any,
    document_embeddings: Any,
    collection: Collection,
    *,
    name: str = "embeddings",
    device: str | torch.device = "cpu",
    **options: Unpack[Embedded],
) -> Result:
    """Evaluate embeddings of a collection's texts.

    Besides blocks of scores there are the embeddings given and one copy of them, none where the documents are fp32,
    of unit length and sorted by language, and nobody asks to keep them.

    Args:
        query_embeddings: (Q, d) of all query rows, or (q, d) of those with a relevant document
            (`Collection.judged_query_rows`), in order; brought to unit length.
        document_embeddings: (D, d) of all documents, in order.
        collection: the collection.
        name: what the result calls the system.
        device: where scores are computed, `cpu` or `cuda`.
        **options: `measures`, `bootstrap`, `seed`, `rank_correlation`, `ignore_identical_ids`, `fair`,
            `pool_languages`, `without_own_answer`, `geometry`, `memory`, `trec_run`, `trec_depth` and
            `keep_embeddings`, as for `evaluate`.

    Raises:
        InputError: no query has a relevant document, a measure is unknown, embeddings have the wrong
            shape, are NaN or infinite, there is no such device, or run files cannot be written.
    """
    check_measuring(options)
    check_merging(options.get("fair"))
    check_run_pool(options.get("trec_run"), _rule(collection, options))
    at = check_device(device)
    clock = Clock()
    rows = collection.judged_query_rows()
    judged_only = len(query_embeddings) == len(rows)
    queries = unit_rows(query_embeddings, "queries", len(rows if judged_only else collection.query_index))
    queries = queries if judged_only else queries[rows]
    # where documents are brought to unit length, the copy is made in the order of languages at once
    arranged = not options.get("keep_embeddings")
    order = language_order(collection.document_language) if arranged else None
    documents = unit_rows(document_embeddings, "documents", collection.documents.num_rows, order)
    return result_of_vectors(
        rows, queries, documents, collection, clock, name=name, device=at, arranged=arranged, **options
    )


def evaluate(
    model: SentenceTransformer, collection: Collection, *, name: str | None = None, **options: Unpack[Evaluating]
) -> Result:
    """Evaluate a model on a collection: the three settings, language bias and geometry. The model stays as it is.

    Args:
        model: any sentence-transformers model.
        collection: what to evaluate on; queries without a relevant document are left out.
        name: what the result calls the model; None for what it was loaded from.
        **options: what is measured, and how texts are encoded:

            - `measures`: rank measures by ir_measures' names; `DEFAULT_MEASURES`.
            - `bootstrap`: draws for the confidence intervals; 1,000; 0 for none. `seed`: of the bootstrap; 0.
            - `rank_correlation`: whether to measure it, and `mrc@10`; it makes ranking up to twice as long.
            - `ignore_identical_ids`: whether a query that is itself a document, of the same id and text, is not
              ranked against itself (`judgments_of`); True.
            - `fair`: how the ranking of the pool is merged anew (`isoglot.evaluation.fair`): `calibrate`, `fuse` or
              `quota`; or `oracle`, the upper bound on these. `Result.before` is the result without it. Ranking
              takes twice as long and more; the other settings stay.
            - `pool_languages`: of which languages the pool is that the multilingual setting and language bias are
              measured on: tags, and `own` for the language of the query, in a list or separated by commas; None for
              all. `without_own_answer`: whether a query's relevant documents in its own language are left out.
              `rank_correlation` and `mrc@10` are then not measured: versions of a query may have different pools.
            - `geometry`: whether to measure the geometry of the query embeddings.
            - `memory`: bytes that a block of scores may take; 512 MiB.
            - `trec_run`: a folder for TREC run files and their judgments (`RunWriter`). `trec_depth`: how many
              documents of each query they hold; 1,000.
            - `keep_embeddings`: whether the result has the embeddings, to look at (`Result.embeddings`).
            - `batch_size`, `batch_tokens`, `progress`, `query_prompt`, `document_prompt`, `device` (where scores
              are computed as well), `dtype`, `truncate_dim`, and `cache`, a folder in which embeddings are kept for
              the next time: as for `embed_collection`.

    Raises:
        InputError: no query has a relevant document, a measure is unknown, the model gives NaN, there is no such
            device or precision, or run files cannot be written.
    """
    measured, encoding = split_options(options)
    check_run_pool(options.get("trec_run"), _rule(collection, options))
    if (folder := options.get("trec_run")) is not None:
        check_run_folder(folder, collection)
    device = scoring_device(model, encoding.get("device"))
    clock = Clock()
    rows, queries, documents = embed_collection(model, collection, **encoding)
    clock.lap("encode")
    name = name or model_name(model)
    made = model_settings(model, encoding, device)
    return result_of_vectors(
        rows, queries, documents, collection, clock, name=name, device=device, made=made, **measured
    )


@overload
def measure(
    source: Any, data: Collection, *, progress: bool = ..., keep_embeddings: bool = ..., **options: Any
) -> Result: ...
@overload
def measure(source: Any, data: str, *, progress: bool = ..., **options: Any) -> BenchmarkResult: ...
def measure(
    source: Any, data: Collection | str, *, progress: bool = False, keep_embeddings: bool = False, **options: Any
) -> Result | BenchmarkResult:
    """Measure any system, as `isoglot evaluate` does.

    Args:
        source: a model, or its name or folder; `bm25`; `run:FILE`, a TREC run of any system; or
            `embeddings:QUERIES,DOCUMENTS`, files that `read_embeddings` reads.
        data: a collection; or `mteb:TASK`, such as `mteb:NFCorpus`: a model goes through mteb's own code and
            measures (`evaluate_mteb`), of which `languages` and `splits` may be chosen; `mteb_results` is a folder
            for the result in mteb's own form.
        progress: show progress bars while encoding.
        keep_embeddings: whether the result has the embeddings, of sources that have some.
        **options: of `evaluate` for a model, `evaluate_bm25`, `evaluate_run` or `evaluate_embeddings`. A model
            given by its name also takes `pooling` and `max_length` (`load_encoder`), and keeps its embeddings in
            the folder of `default_cache`, unless `cache` says another, or None.

    Returns:
        The result; of `mteb:TASK` a `BenchmarkResult`.

    Raises:
        InputError: an option says nothing about this kind of source; or as for the functions named.

    Example:
        >>> from isoglot import collection_from_rows, static_encoder
        >>> texts, asked = [("d", "en", "", "Ottawa, capital of Canada")], [("q", "en", "capital of Canada")]
        >>> data = collection_from_rows(texts, asked, [("q", "d", 1)])
        >>> measure(static_encoder(data, dimensions=8, vocabulary=60), data, bootstrap=0).multilingual["AP"]
        1.0
    """
    is_model = not isinstance(source, str | Path)
    kind, colon, place = ("", "", "") if is_model else str(source).partition(":")
    if isinstance(data, str):
        if not data.startswith("mteb:"):
            raise InputError(f"{data!r} is no mteb:TASK; a collection is loaded first, with load_collection")
        return _measure_by_mteb(source, data.removeprefix("mteb:"), progress, options)
    check_merging(options.get("fair"))  # before anything is read
    if kind == "bm25" and not colon:
        _refuse_idle(options, OF_BM25, "bm25")
        return evaluate_bm25(data, **options)
    if kind == "run" and colon:
        _refuse_idle(options, OF_RUNS, "run:…")
        return evaluate_run(place, data, **options)
    if kind == "embeddings" and colon:
        _refuse_idle(options, OF_EMBEDDINGS, "embeddings:…")
        files = place.split(",")
        if len(files) != 2 or not all(files):
            raise InputError(f"{source!r}: name two files without commas, as embeddings:QUERIES.npy,DOCUMENTS.npy")
        check_device(options.get("device", "cpu"))
        options = {"name": Path(files[0]).stem, "keep_embeddings": keep_embeddings, **options}
        return evaluate_embeddings(*read_embeddings(files[0], files[1], data), data, **options)
    options |= {"progress": progress, "keep_embeddings": keep_embeddings}
    encoder, options = load_source(source, options)
    return evaluate(encoder, data, **options)


def load_source(source: Any, options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Return a model, given as itself or by its name or folder, and the options that are left to evaluate it with.

    Raises:
        InputError: there is no such model, device or precision, or an option is of models given by name.
    """
    if not isinstance(source, str | Path):
        _refuse_idle({key: options[key] for key in options if key in ("pooling", "max_length")}, (), LOADED)
        return source, options
    check_device(options.get("device") or "cpu")
    if options.get("dtype") is not None:
        check_dtype(options["dtype"])
    loading = {key: options[key] for key in LOADING if key in options}
    rest = {key: value for key, value in options.items() if key not in loading}
    return load_encoder(source, device=options.get("device"), **loading), {
        "name": str(source),
        "cache": default_cache(),
        **rest,
    }


def _measure_by_mteb(source: Any, task: str, progress: bool, options: dict[str, Any]) -> BenchmarkResult:
    _refuse_idle(options, OF_MTEB, "mteb's own measures", ", or use --pool")
    loading = {key: options.pop(key) for key in (*LOADING, "device") if key in options}
    if isinstance(source, str | Path):
        return evaluate_mteb(load_encoder(source, **loading), task, progress=progress, name=str(source), **options)
    _refuse_idle(loading, (), LOADED)
    return evaluate_mteb(source, task, progress=progress, **options)


def _refuse_idle(options: dict[str, Any], known: Iterable[str], what: str, remedy: str = "") -> None:
    """Refuse what says nothing about a source, by the names of the command line.

    Raises:
        InputError: there is such an option.
    """
    for key in [key for key in options if key not in known]:
        negated = (key, options[key]) in (("cache", None), ("rank_correlation", False))
        flag = f"{'no-' if negated else ''}{key.replace('_', '-')}"
        raise InputError(f"--{flag} does not apply to {what}: leave it out{remedy}")
