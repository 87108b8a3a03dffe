"""The fast form of a collection: reading Parquet tables, and checking what their types do not."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from isoglot.collections.problems import Problems
from isoglot.collections.tags import canonical_tag
from isoglot.errors import InputError

__all__ = ["check_parquet_qrels", "check_parquet_texts", "read_parquet"]


def read_parquet(path: Path, columns: tuple[str, ...], optional: tuple[str, ...] = ()) -> pa.Table:
    """Read columns of a Parquet file, as strings (`score`: int32).

    Raises:
        InputError: the file is not readable, lacks one of `columns`, or a column is of another type.
    """
    try:
        table = pq.read_table(path, memory_map=True)
        table.validate(full=True)  # a string column may hold invalid UTF-8
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is not a readable Parquet file: {' '.join(str(error).split())}") from None
    missing = [column for column in columns if column not in table.column_names]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]!r}; it has {', '.join(table.column_names)}")
    table = table.select([name for name in (*columns, *optional) if name in table.column_names])
    for position, name in enumerate(table.column_names):
        wanted = pa.int32() if name == "score" else pa.string()
        try:
            table = table.set_column(position, name, table[name].cast(wanted))
        except pa.ArrowException:
            raise InputError(f"{path}: column {name!r} is {table[name].type}, not {wanted}") from None
    return table


def check_parquet_texts(
    table: pa.Table, path: Path, problems: Problems, default_language: str | None
) -> tuple[pa.Table, list[int] | None]:
    """Check what a Parquet table's types do not: nulls, empty texts, language tags.

    Returns:
        The rows without a problem, and their numbers in the file if there were others.
    """
    if "lang" not in table.column_names:
        if default_language is None:
            raise InputError(f"{path} lacks the column 'lang': give the language of all texts with --lang")
        table = table.append_column("lang", pa.array([default_language] * table.num_rows, pa.string()))
    elif default_language is not None:
        position = table.column_names.index("lang")
        table = table.set_column(position, "lang", pc.fill_null(table["lang"], default_language))
    if "title" in table.column_names:
        position = table.column_names.index("title")
        table = table.set_column(position, "title", pc.fill_null(table["title"], ""))
    bad = np.zeros(table.num_rows, bool)

    def report(mask: pa.ChunkedArray, reason: str) -> None:
        rows = np.flatnonzero(np.asarray(mask.to_numpy()).astype(bool) & ~bad)
        for row in problems.sample(rows, reason):
            problems.add(reason, f"{path.name} row {row + 1}", repr(table["_id"][row].as_py()))
        bad[rows] = True

    for name in ("_id", "lang", "text"):
        report(pc.is_null(table[name]), f"no {name!r}")
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(table["_id"], "x"))
    odd = pc.match_substring_regex(pc.fill_null(table["_id"], "x"), "[\t\r\n]")
    report(pc.or_(pc.equal(trimmed, ""), odd), "an id is empty or holds a tab or line break")
    text = pc.fill_null(table["text"], "x")
    if "title" in table.column_names:
        text = pc.binary_join_element_wise(table["title"], text, "")
    report(pc.equal(pc.utf8_trim_whitespace(text), ""), "empty text")

    if "extra" in table.column_names:
        odd = [value is not None and not _is_object(value) for value in table["extra"].to_pylist()]
        report(pa.chunked_array([pa.array(odd, pa.bool_())]), "'extra' is not a JSON object")

    tags = pc.unique(table["lang"]).to_pylist()
    canonical: dict[str | None, str] = {}
    for tag in tags:
        try:
            canonical[tag] = canonical_tag(tag or "")
        except ValueError as error:
            if tag is not None:
                report(pc.fill_null(pc.equal(table["lang"], tag), False), f"not a language tag: {error}")
    codes = pc.index_in(table["lang"], value_set=pa.array(tags, pa.string()))
    values = pa.array([canonical.get(tag, "und") for tag in tags], pa.string())
    table = table.set_column(table.column_names.index("lang"), "lang", values.take(codes.combine_chunks()))
    if not bad.any():
        return table, None
    return table.filter(pa.array(~bad)), (np.flatnonzero(~bad) + 1).tolist()


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


def check_parquet_qrels(table: pa.Table, path: Path, problems: Problems) -> tuple[pa.Table, list[int] | None]:
    """Leave out judgments with a null; return the others, and their numbers in the file if there were any."""
    bad = np.zeros(table.num_rows, bool)
    for name in table.column_names:
        rows = np.flatnonzero(pc.is_null(table[name]).to_numpy() & ~bad)
        for row in problems.sample(rows, f"no {name!r}"):
            problems.add(f"no {name!r}", f"{path.name} row {row + 1}")
        bad[rows] = True
    if not bad.any():
        return table, None
    return table.filter(pa.array(~bad)), (np.flatnonzero(~bad) + 1).tolist()
