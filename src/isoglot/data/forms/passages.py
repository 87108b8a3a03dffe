"""A corpus of passages alone: the documents of a collection folder, or DPR's table of passages."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from isoglot.collections.building import TEXT_COLUMNS
from isoglot.collections.jsonl import read_texts
from isoglot.collections.parquet import check_parquet_texts, read_parquet
from isoglot.collections.problems import Problems
from isoglot.data.forms.fields import Bad, check_text, identifier, reporting
from isoglot.data.forms.files import default_tag, text_lines
from isoglot.data.forms.rows import Rows
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag

__all__ = ["read_passages"]

HEADER = ["id", "text", "title"]


def read_passages(source: Path, language: str | None = None, lenient: bool = False) -> pa.Table:
    """Read the passages that are to be retrieved from.

    Args:
        source: a collection folder or BEIR folder, of which only `corpus.jsonl` or `corpus.parquet` is read; or a
            table of tab-separated `id, text, title` as DPR's `psgs_w100.tsv`, plain or gzipped, whose fields may be
            quoted as in CSV.
        language: tag of passages that have none; a table's have none.
        lenient: leave bad rows out and say how many, instead of failing.

    Returns:
        A table with columns `_id`, `lang`, `title` and `text`; ids are unique.

    Raises:
        InputError: the source is none, has bad rows, or holds no passage; a table's language is not given.
    """
    if source.is_dir():
        return _folder(source, language, lenient)
    if not source.is_file():
        raise InputError(
            f"{source} is missing: expected a folder with corpus.jsonl, or a table such as psgs_w100.tsv"
        )
    tag = default_tag(language, source)
    rows = Rows(source, lenient)
    for place, fields in _table_rows(source, rows.problems):
        with reporting(rows.problems, place):
            if len(fields) != len(HEADER):
                raise Bad("not three tab-separated fields", f"{len(fields)} fields")
            name, text, title = fields
            rows.document(identifier({"id": name}, "id"), tag, check_text(text, "text"), title)
    return _finish(rows.documents(), rows.problems)


def _table_rows(source: Path, problems: Problems) -> Iterator[tuple[str, list[str]]]:
    """Yield (place for messages, fields) of the rows of a table, without its header."""
    lines = (f"{line}\n" for _, line in text_lines(source, problems))
    reader = csv.reader(lines, delimiter="\t")
    try:
        for fields in reader:
            if fields and fields != HEADER:
                yield f"{source.name} line {reader.line_num}", fields
    except csv.Error as error:
        raise InputError(f"{source} line {reader.line_num} is no row of a table: {error}") from None


def _folder(folder: Path, language: str | None, lenient: bool) -> pa.Table:
    problems = Problems(str(folder), lenient)
    columns = TEXT_COLUMNS["documents"]
    try:
        default = canonical_tag(language) if language is not None else None
    except ValueError as error:
        raise InputError(f"--lang: {error}") from None
    if (path := folder / "corpus.parquet").is_file():
        table = read_parquet(path, ("_id", "text"), optional=("lang", "title"))
        if "title" not in table.column_names:
            table = table.append_column("title", pa.array([""] * table.num_rows, pa.string()))
        table, _ = check_parquet_texts(table, path, problems, default)
    elif (path := folder / "corpus.jsonl").is_file():
        table, _ = read_texts(path, columns, problems, default)
    else:
        raise InputError(f"{folder} has no corpus.jsonl and no corpus.parquet")
    first = table.append_column("row", pa.array(range(table.num_rows), pa.int64()))
    kept = first.group_by("_id", use_threads=False).aggregate([("row", "min")])["row_min"]
    if len(kept) < table.num_rows:
        repeated = set(range(table.num_rows)) - set(kept.to_pylist())
        for row in sorted(repeated):
            problems.add("duplicate document id", f"{path.name} row {row + 1}", repr(table["_id"][row].as_py()))
        table = table.take(kept.combine_chunks())
    return _finish(table.select(columns), problems)


def _finish(table: pa.Table, problems: Problems) -> pa.Table:
    problems.finish()
    if not table.num_rows:
        raise InputError(f"{problems.source} holds no passage")
    return table
