"""The fast form of a collection: reading and writing Parquet tables, and checking what their types do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from isoglot.collections.arrow import Keep, blank, keep_in_memory, release_pages, without_empty
from isoglot.collections.problems import Problems
from isoglot.errors import InputError
from isoglot.languages.tags import Tags

__all__ = ["read_parquet", "read_parquet_qrels", "read_parquet_texts", "uncompressed_size", "write_parquet"]

IntArray = NDArray[np.integer[Any]]

ROWS = 65_536  # rows read at a time
GROUP_ROWS = 131_072  # most rows of a row group that is written, …
GROUP_BYTES = 128 * 2**20  # … and about as many bytes
TEXTS = ("lang", "title", "text")
"""Columns of words, of which a number is none; ids may be numbers."""


READING: dict[str, Any] = {
    "pre_buffer": False,  # which would hold the whole file
    "page_checksum_verification": True,
}


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is not a readable Parquet file: {' '.join(str(error).split())}")


def read_parquet(source: Any) -> pa.Table:
    """Return what a Parquet file holds, with the checksums of its pages compared where it has them.

    Args:
        source: a path, or what pyarrow reads like a file.

    Raises:
        OSError: it cannot be read, or is damaged.
        pyarrow.ArrowException: likewise.
    """
    return pq.ParquetFile(source, **READING).read(use_threads=False)


def _open(path: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(path, **READING)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def uncompressed_size(path: Path) -> int:
    """Return how many bytes the columns of a Parquet file take once decompressed, as it says itself."""
    metadata = _open(path).metadata
    return sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))


def _batches(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> Iterator[pa.Table]:
    """Yield columns of a Parquet file, some rows at a time, as strings (`score`: int32); at least one table.

    Raises:
        InputError: the file is not readable, lacks one of `columns` or has one twice, or a column is of another
            type.
    """
    file = _open(path)
    names = file.schema_arrow.names
    missing = [column for column in columns if column not in names]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]!r}; it has {', '.join(names)}")
    wanted = [name for name in (*columns, *optional) if name in names]
    twice = [name for name in wanted if names.count(name) > 1]
    if twice:
        raise InputError(f"{path} has the column {twice[0]!r} more than once")
    schema = pa.schema([(name, pa.int32() if name == "score" else pa.string()) for name in wanted])
    try:
        empty = file.schema_arrow.empty_table().select(wanted)
    except (pa.ArrowException, KeyError) as error:
        raise _unreadable(path, error) from None
    yield _cast(empty, schema, path)  # a type that does not fit is told of an empty table as well
    try:
        # a thread of pyarrow's that is still starting when the process ends, as after an error, aborts it
        for batch in file.iter_batches(ROWS, columns=wanted, use_threads=False):
            batch.validate(full=True)  # a string column may hold invalid UTF-8
            yield _cast(pa.Table.from_batches([batch]).select(wanted), schema, path)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _cast(table: pa.Table, schema: pa.Schema, path: Path) -> pa.Table:
    columns = []
    for field in schema:
        column = table[field.name]
        try:
            if pa.types.is_floating(column.type):  # in which NaN is what tables have for nothing
                column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
            if field.name in TEXTS and column.null_count < len(column) and _is_number(column.type):
                raise pa.ArrowTypeError("as in JSON lines, no text")
            columns.append(column.cast(field.type))
        except pa.ArrowException:
            message = f"{path}: column {field.name!r} is {column.type}, not {field.type}"
            raise InputError(message) from None
    return pa.Table.from_arrays(columns, schema=schema)


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_decimal(kind)


def _checked(
    table: pa.Table, path: Path, problems: Problems, before: int, read_tag: Tags
) -> tuple[pa.Table, IntArray]:
    """Check what the types of a table do not: nulls, empty texts, language tags.

    Args:
        table: some rows of the file, complete.
        path: the file.
        problems: where bad rows are reported.
        before: rows of the file that come before them.
        read_tag: reads the tags of languages.

    Returns:
        The rows without a problem, and their numbers in the file, from 1.
    """
    bad = np.zeros(table.num_rows, bool)
    found: list[tuple[IntArray, str]] = []

    def report(mask: Any, reason: str) -> None:
        rows = np.flatnonzero(np.asarray(mask, bool) & ~bad)
        if len(rows):
            found.append((rows, reason))
            bad[rows] = True

    for name in ("_id", "lang", "text"):
        report(pc.is_null(table[name]), f"no {name!r}")
    odd = pc.fill_null(pc.match_substring_regex(table["_id"], "[\t\r\n]"), False)
    report(blank(table["_id"]) | np.asarray(odd), "an id is empty or holds a tab or line break")
    empty = blank(table["text"])
    if empty.any() and "title" in table.column_names:
        empty &= blank(table["title"])
    report(empty, "empty text")

    values = table["extra"].to_pylist()
    report([value is not None and not _is_object(value) for value in values], "'extra' is not a JSON object")

    tags = pc.unique(table["lang"]).to_pylist()
    canonical: dict[str | None, str] = {}
    for tag in tags:
        try:
            canonical[tag] = read_tag(tag or "")
        except ValueError as error:
            if tag is not None:
                report(pc.fill_null(pc.equal(table["lang"], tag), False), f"not a language tag: {error}")
    for rows, reason in sorted(found, key=lambda one: int(one[0][0])):  # as they come in the file
        for row in problems.sample(rows, reason):
            problems.add(reason, f"{path.name} row {before + row + 1}", repr(table["_id"][row].as_py()))

    codes = pc.index_in(table["lang"], value_set=pa.array(tags, pa.string()))
    written = pa.array([canonical.get(tag, "und") for tag in tags], pa.string())
    column = pa.chunked_array([written.take(codes.combine_chunks())], pa.string())
    table = table.set_column(table.column_names.index("lang"), "lang", column)
    good = ~bad
    return table if good.all() else table.filter(pa.array(good)), np.flatnonzero(good) + before + 1


def read_parquet_texts(
    path: Path,
    columns: tuple[str, ...],
    problems: Problems,
    tags: Tags,
    keep: Keep = keep_in_memory,
) -> tuple[pa.Table, IntArray | None]:
    """Read and check `corpus.parquet` or `queries.parquet`.

    Args:
        path: the file.
        columns: those of the table; the column `extra` is kept as well, and a `title` may be missing.
        problems: where bad rows are reported.
        tags: reads the tags of languages.
        keep: where the table goes.

    Returns:
        A table with these columns, and the number of each row in the file, from 1; None if no row was left out.

    Raises:
        InputError: the file is not readable, lacks a column or has one twice, a column is of another type, or there
            is no `lang` and no default.
    """
    required = tuple(column for column in columns if column not in ("lang", "title"))
    numbers: list[IntArray] = [np.empty(0, np.int64)]
    seen = 0

    def batches() -> Iterator[pa.RecordBatch]:
        nonlocal seen
        for table in _batches(path, required, optional=("lang", "title", "extra")):
            table = _completed(table, schema.names, path, tags.default)
            good, rows = _checked(table, path, problems, seen, tags)
            numbers.append(rows)
            seen += len(table)
            yield from good.combine_chunks().to_batches()

    schema = pa.schema([(name, pa.string()) for name in (*columns, "extra")])
    table = without_empty(keep(path.stem, schema, batches()), "extra")
    return table, None if len(table) == seen else np.concatenate(numbers)


def _completed(table: pa.Table, names: list[str], path: Path, default_language: str | None) -> pa.Table:
    """Return a table of texts with all columns in order, those that may be missing filled in.

    Raises:
        InputError: there is no `lang`, and no default.
    """
    if "lang" not in table.column_names and default_language is None:
        raise InputError(f"{path} lacks the column 'lang': give the language of all texts with --lang")
    columns = {}
    for name in names:
        value = pa.scalar({"lang": default_language, "title": ""}.get(name), pa.string())
        if name not in table.column_names:
            columns[name] = pa.chunked_array([pa.repeat(value, len(table))])
        else:
            columns[name] = pc.fill_null(table[name], value) if value.is_valid else table[name]
    return pa.table(columns)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def read_parquet_qrels(path: Path, problems: Problems) -> tuple[pa.Table, IntArray | None]:
    """Read judgments, those with a null left out.

    Returns:
        A table with columns `query-id`, `corpus-id` (strings), `score` (int32), and the number of each row in the
        file, from 1; None if no row was left out.

    Raises:
        InputError: as for `parquet_batches`.
    """
    table = pa.concat_tables(list(_batches(path, ("query-id", "corpus-id", "score"))))
    bad = np.zeros(table.num_rows, bool)
    for name in table.column_names:
        rows = np.flatnonzero(pc.is_null(table[name]).to_numpy() & ~bad)
        for row in problems.sample(rows, f"no {name!r}"):
            problems.add(f"no {name!r}", f"{path.name} row {row + 1}")
        bad[rows] = True
    if not bad.any():
        return table, None
    return table.filter(pa.array(~bad)), np.flatnonzero(~bad) + 1


def write_parquet(table: pa.Table, path: Path) -> None:
    """Write a table as Parquet, compressed, a bounded part of it in memory at a time.

    Raises:
        OSError: there is no room, or no right to write.
    """
    repetitive = [name for name in ("lang", "query-id") if name in table.column_names]
    options: dict[str, Any] = {"compression": "zstd", "use_dictionary": repetitive, "write_statistics": repetitive}
    options["write_page_checksum"] = True  # a bit that flips on a disk is then refused when it is read
    with pq.ParquetWriter(path, table.schema, **options) as writer:
        group: list[pa.RecordBatch] = []
        rows = size = 0
        for batch in table.to_batches(max_chunksize=16_384):
            group.append(batch)
            rows, size = rows + batch.num_rows, size + batch.nbytes
            if rows >= GROUP_ROWS or size >= GROUP_BYTES:
                writer.write_table(pa.Table.from_batches(group), row_group_size=max(rows, 1))
                group, rows, size = [], 0, 0
                release_pages()
        if group:
            writer.write_table(pa.Table.from_batches(group), row_group_size=max(rows, 1))
    release_pages()
