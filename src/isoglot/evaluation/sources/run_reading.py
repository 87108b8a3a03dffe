"""TREC run files of any system, read: `query Q0 document rank score tag` on each line. They may be gzipped."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from isoglot.collections.collection import Collection
from isoglot.errors import InputError
from isoglot.evaluation.sources.ids import document_rows, few, query_rows, why_unknown
from isoglot.evaluation.sources.run_writing import check_ids
from isoglot.files import opened

__all__ = ["RunEntries", "read_run"]

IntArray = NDArray[np.integer[Any]]

BLOCK = 1 << 24
COLUMNS = ("query", "iteration", "document", "rank", "score", "tag")
NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = {name: NAME if name in ("query", "document", "tag") else pa.string() for name in COLUMNS}
SCHEMA["score"] = pa.float64()
SCORE_NAMES = (b"score", b"sim", b"similarity", b"relevance")
"""What the fifth column is called in a line of column names."""
MORE = re.compile(rb"^((?:[^ \n]+ ){5}[^ \n]+) [^\n]*", re.MULTILINE)
"""A line with words after its tag."""
BETWEEN = re.compile(r"[ \t]+")
"""What stands between columns."""


@dataclass(frozen=True)
class RunEntries:
    """The lines of a run file; arrays of shape (n,).

    Attributes:
        queries: query rows.
        documents: document rows.
        scores: float64, finite.
        tag: name of the system, from the first line; the first word of it.
    """

    queries: IntArray
    documents: IntArray
    scores: NDArray[np.float64]
    tag: str


def read_run(path: str | Path, collection: Collection) -> RunEntries:
    """Read a run file of queries and documents of a collection.

    Queries are named `id@lang`, or `id` where the collection has one language version of it. Columns are separated
    by spaces or tabs. The second column and the rank are not looked at, as in trec_eval: the score decides. Nor is
    what follows the tag. A byte order mark and a first line of column names are passed over.

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
    with opened(path) as stream:
        first = 1
        while block := stream.read(BLOCK):
            block += stream.readline()
            if first == 1:
                block, head = _without_head(block)
                first += head
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


def _without_head(block: bytes) -> tuple[bytes, int]:
    """Take from the first block a byte order mark and a line of names; return it and how many lines these were."""
    block = block.removeprefix(codecs.BOM_UTF8)
    line, _, others = block.partition(b"\n")
    parts = line.split()
    return (others, 1) if len(parts) >= 6 and parts[4].lower() in SCORE_NAMES else (block, 0)


def _parse(block: bytes) -> pa.Table | None:
    """Parse lines fast; None where something is unusual."""
    text = block.replace(b"\r\n", b"\n").replace(b"\t", b" ")
    if b"\r" in text:  # which Arrow takes for the end of a line
        return None
    while b"  " in text:
        text = text.replace(b"  ", b" ")
    text = text.replace(b" \n", b"\n").replace(b"\n ", b"\n").strip(b" ")
    return _parse_plain(text) or _parse_plain(MORE.sub(rb"\1", text))


def _parse_plain(text: bytes) -> pa.Table | None:
    reading = {"column_names": list(COLUMNS), "block_size": max(len(text), 1)}
    try:
        return csv.read_csv(
            pa.BufferReader(text),
            read_options=csv.ReadOptions(use_threads=False, **reading),
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
            parts: list[Any] = _columns(line.decode())
        except UnicodeDecodeError:
            raise InputError(f"{where}: not valid UTF-8") from None
        if len(parts) < 6:
            raise InputError(f"{where}: expected 6 columns (query Q0 document rank score tag), found {len(parts)}")
        try:
            parts[4] = float(parts[4])
        except ValueError:
            more = f": there are {len(parts)} columns; ids must not hold white space" if len(parts) > 6 else ""
            raise InputError(f"{where}: the score {parts[4]!r} is not a number{more}") from None
        for column, part in zip(columns, parts[:6], strict=True):
            column.append(part)
    arrays = {
        name: pa.array(column, pa.float64() if name == "score" else pa.string())
        for name, column in zip(COLUMNS, columns, strict=True)
    }
    return pa.table({name: array.cast(SCHEMA[name]) for name, array in arrays.items()})


def _columns(line: str) -> list[str]:
    stripped = line.strip(" \t\r\n")
    return BETWEEN.split(stripped) if stripped else []


def _find(path: Path, wanted: Callable[[list[str]], bool], nth: int = 1) -> tuple[int, list[str]]:
    """Return number and columns of the nth line that is wanted: slow, for messages."""
    with opened(path) as stream:
        for number, line in enumerate(stream, 1):
            own = line if number > 1 else _without_head(line)[0]
            parts = _columns(own.decode(errors="replace"))  # what follows the tag may be no text
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
