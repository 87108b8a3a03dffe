"""TREC run files of any system, read, ranked and evaluated: `query Q0 document rank score tag` on each line.

They may be gzipped.
"""

from __future__ import annotations

import gzip
import logging
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.bias import TOP
from isoglot.evaluation.judgments import Judgments, Ranks, judgments_of
from isoglot.evaluation.ranks import unit_ranks, version_correlations
from isoglot.evaluation.result import Result
from isoglot.evaluation.sources.ids import document_rows, few, query_names, query_rows, why_unknown
from isoglot.evaluation.sources.run_writing import check_ids
from isoglot.evaluation.summary import Clock, Measuring, check_measuring, result_of_ranks

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = ["RunEntries", "evaluate_run", "ranks_of_run", "read_run"]

IntArray = NDArray[np.integer[Any]]

logger = logging.getLogger(__name__)

BLOCK = 1 << 24
COLUMNS = ("query", "iteration", "document", "rank", "score", "tag")
NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = {name: NAME if name in ("query", "document", "tag") else pa.string() for name in COLUMNS}
SCHEMA["score"] = pa.float64()


@dataclass(frozen=True)
class RunEntries:
    """The lines of a run file; arrays of shape (n,).

    Attributes:
        queries: query rows.
        documents: document rows.
        scores: float64, finite.
        tag: name of the system, from the first line.
    """

    queries: IntArray
    documents: IntArray
    scores: NDArray[np.float64]
    tag: str


@contextmanager
def _open(path: Path) -> Iterator[IO[bytes]]:
    """Open a file, gzipped or not, and say it if it cannot be read."""
    try:
        with path.open("rb") as file:
            zipped = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if zipped else path.open("rb") as stream:
            yield cast("IO[bytes]", stream)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InputError(f"{path} is a damaged gzip file: get it again") from None
    except OSError as error:
        raise InputError(f"cannot read the run {path}: {error.strerror}") from None


def read_run(path: str | Path, collection: Collection) -> RunEntries:
    """Read a run file of queries and documents of a collection.

    Queries are named `id@lang`, or `id` where the collection has one language version of it. Columns are separated
    by white space. The second column and the rank are not looked at, as in trec_eval: the score decides.

    Args:
        path: the file; gzip is recognised by its content.
        collection: the collection that was searched.

    Returns:
        The lines, in order.

    Raises:
        InputError: the file cannot be read or is empty, a line is not a run's, a query or document is unknown, a
            score is NaN or infinite, or a document is given twice for a query. Names file and line.
    """
    path = Path(path)
    check_ids(collection)
    tables = []
    with _open(path) as stream:
        first = 1
        while block := stream.read(BLOCK):
            block += stream.readline()
            tables.append(_parse(block) or _parse_lines(block, first, path))
            first += block.count(b"\n")
    if not sum(table.num_rows for table in tables):
        raise InputError(f"{path} is empty: a run has lines such as 'query@en Q0 document 1 0.73 system'")
    table = pa.concat_tables(tables).unify_dictionaries().combine_chunks()
    queries = _rows(path, table["query"], 0, collection)
    documents = _rows(path, table["document"], 2, collection)
    scores = table["score"].to_numpy()
    if not np.isfinite(scores).all():
        count = int((~np.isfinite(scores)).sum())
        number, line = _find(path, lambda parts: not np.isfinite(float(parts[4])))
        raise InputError(f"{path} line {number}: the score {line[4]} is not finite ({count:,} such lines)")
    _check_repeats(path, queries, documents, collection)
    return RunEntries(queries, documents, scores, str(table["tag"][0]))


def _parse(block: bytes) -> pa.Table | None:
    """Parse lines fast; None where something is unusual."""
    text = block.replace(b"\r\n", b"\n").replace(b"\t", b" ")
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    text = text.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(column_names=list(COLUMNS), block_size=max(len(text), 1)),
            parse_options=csv.ParseOptions(delimiter=" ", quote_char=False),
            convert_options=csv.ConvertOptions(column_types=SCHEMA, null_values=[], strings_can_be_null=False),
        )
    except (pa.ArrowException, UnicodeDecodeError):
        return None


def _parse_lines(block: bytes, first: int, path: Path) -> pa.Table:
    """Parse lines one by one, and say which one is wrong."""
    columns: list[list[Any]] = [[] for _ in COLUMNS]
    for number, line in enumerate(block.split(b"\n"), first):
        if not line.strip():
            continue
        where = f"{path} line {number}"
        try:
            parts: list[Any] = line.decode().split()
        except UnicodeDecodeError:
            raise InputError(f"{where}: not valid UTF-8") from None
        if len(parts) != 6:
            raise InputError(
                f"{where}: expected 6 columns (query Q0 document rank score tag), found {len(parts)}; ids must not "
                "hold white space"
            )
        try:
            parts[4] = float(parts[4])
        except ValueError:
            raise InputError(f"{where}: the score {parts[4]!r} is not a number") from None
        for column, part in zip(columns, parts, strict=True):
            column.append(part)
    arrays = {
        name: pa.array(column, pa.float64() if name == "score" else pa.string())
        for name, column in zip(COLUMNS, columns, strict=True)
    }
    return pa.table({name: array.cast(SCHEMA[name]) for name, array in arrays.items()})


def _find(path: Path, wanted: Callable[[list[str]], bool], nth: int = 1) -> tuple[int, list[str]]:
    """Return number and columns of the nth line that is wanted: slow, for messages."""
    with _open(path) as stream:
        for number, line in enumerate(stream, 1):
            parts = line.decode().split()
            if parts and wanted(parts):
                nth -= 1
                if not nth:
                    return number, parts
    raise AssertionError("the line was there before")


def _rows(path: Path, column: pa.ChunkedArray, place: int, collection: Collection) -> IntArray:
    """Return the query rows (place 0) or document rows (place 2) that a column (n,) names."""
    what = "query" if place == 0 else "document"
    names = column.combine_chunks()
    find = query_rows if place == 0 else document_rows
    rows = find(names.dictionary, collection)
    unknown = names.dictionary.filter(pa.array(rows < 0)).to_pylist()
    if unknown and len(unknown) == len(rows):
        remedy = f"; {why_unknown(unknown[0], collection)}" if place == 0 else ""
        raise InputError(
            f"{path} is a run of another collection: {collection.name} has none of its {len(rows):,} "
            f"{'queries' if place == 0 else 'documents'} ({few(unknown)}){remedy}"
        )
    if unknown:
        number, parts = _find(path, lambda parts: parts[place] in set(unknown[:1000]))
        remedy = why_unknown(parts[place], collection) if place == 0 else "check that it is of the same collection"
        raise InputError(
            f"{path} line {number}: {collection.name} has no {what} {parts[place]!r} ({len(unknown):,} such ids); "
            f"{remedy}"
        )
    taken: IntArray = rows[names.indices.to_numpy()]
    return taken


def _check_repeats(path: Path, queries: IntArray, documents: IntArray, collection: Collection) -> None:
    keys = queries * collection.documents.num_rows + documents
    ordered = np.sort(keys)
    repeated = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(repeated):
        return
    query, document = divmod(int(repeated[0]), collection.documents.num_rows)
    identifier = str(collection.documents["_id"][document])
    number, parts = _find(
        path,
        lambda parts: parts[2] == identifier and query_rows(pa.array([parts[0]]), collection)[0] == query,
        nth=2,
    )
    raise InputError(
        f"{path} line {number}: document {identifier!r} is given twice for query {parts[0]!r} ({len(repeated):,} "
        "such lines); keep the better one"
    )


def _places(group: IntArray) -> IntArray:
    """Return the place, from 1, of each element within its run of equal values of a sorted array (n,)."""
    starts = np.flatnonzero(np.diff(group, prepend=-1))
    return np.arange(1, len(group) + 1) - np.repeat(starts, np.diff(starts, append=len(group)))


def ranks_of_run(entries: RunEntries, judged: Judgments, *, top: int = TOP, correlation: bool = True) -> Ranks:
    """Rank what a run file ranks: by score, equal scores by document row (trec_eval: by document id).

    The rank among the documents of a language is that of the run without all other documents.

    Args:
        entries: lines of the run; queries that are not judged are left out, and documents that are not in a query's
            pool.
        judged: the queries and their relevant documents.
        top: how many of the best documents of each query to return.
        correlation: whether to compute rank correlations between language versions; done only where the run ranks
            the whole pool for every query.

    Returns:
        The ranks: inf for relevant documents that the run does not have.
    """
    pool, languages = len(judged.document_language), int(judged.document_language.max(initial=0)) + 1
    position_of = np.full(int(max(entries.queries.max(initial=0), judged.query_rows.max())) + 1, -1)
    position_of[judged.query_rows] = np.arange(len(judged.query_rows))
    position = position_of[entries.queries]
    ranked = position.astype(np.int64) * pool + entries.documents
    excluded = judged.excluded_queries.astype(np.int64) * pool + judged.excluded_documents
    kept = np.flatnonzero((position >= 0) & ~np.isin(ranked, excluded))
    kept = kept[np.lexsort((entries.documents[kept], -entries.scores[kept], position[kept]))]
    query, document = position[kept], entries.documents[kept]

    pool_place = _places(query)
    group = query * languages + judged.document_language[document]
    by_language = np.argsort(group, kind="stable")
    language_place = np.empty_like(pool_place)
    language_place[by_language] = _places(group[by_language])

    keys = query * pool + document
    order = np.argsort(keys)
    wanted = judged.queries * pool + judged.documents
    at = np.searchsorted(keys, wanted, sorter=order)
    at = order[np.minimum(at, max(len(keys) - 1, 0))] if len(keys) else np.zeros(len(wanted), np.int64)
    found = keys[at] == wanted if len(keys) else np.zeros(len(wanted), bool)
    best = np.full((len(judged.query_rows), min(top, pool)), -1)
    high = pool_place <= best.shape[1]
    best[query[high], pool_place[high] - 1] = document[high]
    whole = len(keys) == len(judged.query_rows) * pool
    return Ranks(
        judged,
        np.where(found, pool_place[at], np.inf) if len(keys) else np.full(len(wanted), np.inf),
        np.where(found, language_place[at], np.inf) if len(keys) else np.full(len(wanted), np.inf),
        best,
        _correlations(document.reshape(-1, pool), judged) if whole and correlation else None,
        truncated=True,
    )


def _correlations(rankings: IntArray, judged: Judgments) -> NDArray[np.float64]:
    """Correlate the whole rankings (q, D) of the language versions of every query."""
    order = np.argsort(judged.query_ids, kind="stable")
    ids = judged.query_ids[order]
    values = np.full(len(ids), np.nan)
    shape = unit_ranks(rankings.shape[1])
    for start, end in pairwise([0, *(np.flatnonzero(np.diff(ids)) + 1).tolist(), len(ids)]):
        units = np.empty((end - start, rankings.shape[1]), np.float32)
        np.put_along_axis(units, rankings[order[start:end]], np.broadcast_to(shape, units.shape), axis=1)
        values[order[start:end]] = version_correlations(units)
    return values


def _note_what_is_missing(path: Path, entries: RunEntries, ranks: Ranks, collection: Collection) -> None:
    judged = ranks.judgments
    absent = judged.query_rows[~np.isin(judged.query_rows, entries.queries)]
    if len(absent) == len(judged.query_rows):
        raise InputError(f"{path} has no query with a relevant document in {collection.name}: check its qrels")
    if len(absent):
        shown = few([str(name) for name in query_names(collection, absent[:4])])
        logger.warning(
            "%s has nothing for %d of %d judged queries (%s): they count, with nothing found",
            path,
            len(absent),
            len(judged.query_rows),
            shown,
        )
    share = float(np.isinf(ranks.pool_rank).mean())
    if share:
        logger.warning(
            "%s does not have %.1f %% of the relevant documents: they count as not found, and as last of the pool "
            "(rank %d) in rank_distance and max_rank",
            path,
            100 * share,
            len(judged.document_language),
        )


def evaluate_run(
    path: str | Path,
    collection: Collection,
    *,
    name: str | None = None,
    rank_correlation: bool = True,
    **measuring: Unpack[Measuring],
) -> Result:
    """Evaluate the run file of any system: the three settings and language bias; geometry is None.

    The run should rank the multilingual pool. Measures of a language pair are those of the run without the
    documents of other languages. A relevant document that the run does not have contributes nothing to rank
    measures, as in trec_eval; in `rank_distance` and `max_rank` it is last of the pool. `bias["unretrieved"]` is
    the mean over queries of the share of such documents: the larger, the less the other measures of bias say.
    Memory: about 150 bytes a line.

    Args:
        path: the run file, see `read_run`.
        collection: the collection that was searched.
        name: what the result calls the system; None for the run's tag.
        rank_correlation: whether to measure it, where the run ranks the whole pool for every query.
        **measuring: `measures`, `bootstrap` and `seed`, as for `evaluate`.

    Raises:
        InputError: the run is not one of this collection (see `read_run`), or a measure is unknown.
    """
    check_measuring(measuring)
    clock = Clock()
    judged = judgments_of(collection, collection.judged_query_rows())
    entries = read_run(path, collection)
    clock.lap("read")
    ranks = ranks_of_run(entries, judged, correlation=rank_correlation and judged.has_versions)
    clock.lap("rank")
    _note_what_is_missing(Path(path), entries, ranks, collection)
    return result_of_ranks(ranks, collection, name=name or entries.tag, clock=clock, **measuring)
