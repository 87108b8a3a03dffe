"""The table of an index in LanceDB: documents with their vectors, searched by vector and by words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from isoglot.errors import InputError
from isoglot.files import require
from isoglot.languages.words import words_of

__all__ = [
    "DOCUMENTS",
    "EXACT",
    "add_rows",
    "connect",
    "count_languages",
    "delete_rows",
    "index_rows",
    "missing_ids",
    "nearest_rows",
    "open_documents",
    "rows_of",
    "tidy",
]

FloatArray = NDArray[np.float32]

DOCUMENTS = "documents"
EXACT = 100_000
"""Documents up to which every vector is compared."""
FEW = 1000
"""Documents up to which vectors need no index: they are read from the table as fast."""
PARTITION = 2048
"""Vectors of a partition of the index."""
PROBES = 40
"""Partitions that a question is compared with, above `EXACT` documents. Of 447 partitions of 200,000 vectors of the
mixture of benchmarks/search.py, 20, 40 and 80 of them had a recall@10 of 0.968, 0.993 and 0.998."""
ALL = 1 << 16
"""More partitions than there are."""
COLUMNS = ["id", "language", "title", "text"]
FUSED = 100
"""Depth to which the rankings by vector and by words are fused."""
LOOSE = 32
"""Pieces of a table, written by as many updates, from which they are put together."""
KEPT = timedelta(hours=1)
"""How long what was replaced is kept, for those who are reading it."""
NAMED = 1000
"""Ids named in one condition."""


def connect(path: str | Path) -> Any:
    """Open a database, on disk or in an object store (`s3://…`); a folder is made if it is not there.

    What other processes write is seen by the next question.

    Raises:
        InputError: LanceDB is not installed, or the place cannot be had.
    """
    lancedb = require("lancedb", "search", "an index")
    try:
        return lancedb.connect(str(path), read_consistency_interval=timedelta(0))
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"{path} cannot be opened as an index: {' '.join(str(error).split())[:300]}") from None


def open_documents(database: Any, dimension: int, *, make: bool = False) -> Any:
    """Return the table of documents, of vectors of so many dimensions."""
    if make and DOCUMENTS not in database.list_tables().tables:
        return database.create_table(DOCUMENTS, schema=_schema(dimension))
    return database.open_table(DOCUMENTS)


def _schema(dimension: int) -> pa.Schema:
    texts = [(name, pa.string()) for name in (*COLUMNS, "words")]
    return pa.schema([*texts, ("vector", pa.list_(pa.float32(), dimension))])


def rows_of(documents: pa.Table, texts: Sequence[str], vectors: FloatArray) -> pa.Table:
    """Return documents as rows of the table.

    Args:
        documents: Arrow table (n,) with `_id`, `lang`, `title` and `text`, as of a `Collection`.
        texts: (n,) what was embedded of each, whose words are found.
        vectors: (n, d), unit length.
    """
    columns = [documents[name].cast(pa.string()) for name in ("_id", "lang", "title", "text")]
    words = pa.array([" ".join(words_of(text)) for text in texts], pa.string())
    flat = pa.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    packed = pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])
    return pa.Table.from_arrays([*columns, words, packed], schema=_schema(vectors.shape[1]))


def index_rows(table: Any, kept: timedelta = KEPT) -> None:
    """Index what a table is searched by: ids, languages, words, and vectors where there are more than a `FEW`.

    Words are those of `words_of`, so that languages without spaces have some, and are found as they are. Vectors
    are kept whole and in memory, in partitions of like ones (IVF): all of these are looked through up to `EXACT`
    documents, which is exact, and the nearest `PROBES` above.

    Args:
        table: of documents.
        kept: how long what is put together anew stays as it was, for others who read it.
    """
    from lancedb.index import FTS, Bitmap, BTree, IvfFlat

    table.optimize(cleanup_older_than=kept)
    plain = {"stem": False, "remove_stop_words": False, "lower_case": False, "ascii_folding": False}
    words = FTS(base_tokenizer="whitespace", max_token_length=None, **plain)
    for column, config in (("id", BTree()), ("language", Bitmap()), ("words", words)):
        table.create_index(column, config=config)
    count = table.count_rows()
    if count > FEW:
        partitions = max(1, round(count / PARTITION))
        table.create_index("vector", config=IvfFlat(distance_type="dot", num_partitions=partitions))


def nearest_rows(
    table: Any,
    vector: FloatArray,
    count: int,
    *,
    languages: Iterable[str] | None = None,
    text: str | None = None,
) -> list[dict[str, Any]]:
    """Find the documents nearest to a query, best first, those of one score by id.

    Args:
        table: of documents.
        vector: (d,) the query's, unit length.
        count: most of them.
        languages: only documents in these; None for all.
        text: the query's text, if its words are to be sought as well: the two rankings are fused by reciprocal
            ranks (Cormack, Clarke and Büttcher, SIGIR 2009, k = 60).

    Returns:
        Of each `id`, `language`, `title`, `text` and `score`: the cosine, or the fused score.
    """
    words = " ".join(words_of(text or ""))
    if words:
        found = _fused(table, vector, words, max(count, FUSED), languages)
    else:
        query = table.search(vector, vector_column_name="vector").select([*COLUMNS, "_distance"])
        arrow = _limited(query, table, count, languages).to_arrow()
        scores = np.float32(1) - arrow["_distance"].to_numpy()
        rows = arrow.select(COLUMNS).to_pylist()
        found = [{**row, "score": score} for row, score in zip(rows, scores.tolist(), strict=True)]
    found.sort(key=lambda row: (-row["score"], row["id"]))
    return found[:count]


def _fused(
    table: Any, vector: FloatArray, words: str, depth: int, languages: Iterable[str] | None
) -> list[dict[str, Any]]:
    """Return what is nearest by vector and by words, fused by reciprocal ranks."""
    from lancedb.query import MatchQuery
    from lancedb.rerankers import RRFReranker

    query = table.search(query_type="hybrid", vector_column_name="vector", fts_columns="words")
    query = query.vector(vector).text(MatchQuery(words, "words")).rerank(RRFReranker())
    arrow = _limited(query, table, depth, languages).to_arrow()
    rows = arrow.select(COLUMNS).to_pylist()
    scores = arrow["_relevance_score"].to_pylist()
    return [{**row, "score": score} for row, score in zip(rows, scores, strict=True)]


def _limited(query: Any, table: Any, count: int, languages: Iterable[str] | None) -> Any:
    """Return a query for so many documents in some languages."""
    query = query.distance_type("dot").nprobes(PROBES if table.count_rows() > EXACT else ALL).limit(count)
    return query if languages is None else query.where(_among("language", languages))


def add_rows(table: Any, rows: pa.Table) -> None:
    """Add rows, or put them in the place of those of the same ids: all of them, or after a kill none."""
    table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all().execute(rows)


def delete_rows(table: Any, ids: Sequence[str]) -> int:
    """Delete documents by id; return how many there were."""
    return sum(
        table.delete(_among("id", ids[start : start + NAMED])).num_deleted_rows
        for start in range(0, len(ids), NAMED)
    )


def missing_ids(table: Any, ids: Sequence[str]) -> list[str]:
    """Return those of some ids that no document has, in their order."""
    found: set[str] = set()
    for start in range(0, len(ids), NAMED):
        query = table.search().where(_among("id", ids[start : start + NAMED])).select(["id"]).limit(None)
        found.update(query.to_arrow()["id"].to_pylist())
    return [one for one in ids if one not in found]


def tidy(table: Any) -> None:
    """Put the pieces of many updates together and bring the indexes up to date; index what has grown."""
    indexed = {column for one in table.list_indices() for column in one.columns}
    if table.count_rows() > FEW and "vector" not in indexed:
        index_rows(table)
    elif table.stats()["fragment_stats"]["num_small_fragments"] > LOOSE:
        table.optimize(cleanup_older_than=KEPT)


def count_languages(table: Any) -> dict[str, int]:
    """Return how many documents each language has, by tag."""
    column = table.search().select(["language"]).limit(None).to_arrow()["language"]
    return {one["values"]: one["counts"] for one in sorted(pc.value_counts(column).to_pylist(), key=str)}


def _among(column: str, values: Iterable[str]) -> str:
    """Return the condition that a column has one of these values."""
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"{column} IN ({listed})" if listed else "false"
