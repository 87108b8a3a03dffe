"""The text form of a collection: JSON lines and tab-separated judgments, read strictly.

Nearly all lines are good, so blocks of lines are parsed and checked as columns; the block in which something is
amiss is read line by line, to say what and where.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
import pyarrow.json as pj
from numpy.typing import NDArray

from isoglot.amounts import is_number
from isoglot.collections.arrow import Keep, blank, keep_in_memory, release_pages, without_empty
from isoglot.collections.lines import LONGEST, line_blocks, map_ahead, numbered_lines
from isoglot.collections.problems import Problems
from isoglot.languages.tags import Tags

__all__ = ["QREL_SCHEMA", "read_qrels", "read_texts", "write_qrels", "write_texts"]

IntArray = NDArray[np.integer[Any]]

ROWS = 65_536  # rows held as Python objects at a time

# a null that is no object's value, which pyarrow's parser does not survive
_NULL_BEHIND = re.compile(rb"\}\s*null")

_extra_keys = json.JSONEncoder(ensure_ascii=True, sort_keys=True).encode


def _encodable(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: JSON escapes can hold half a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# ----------------------------------------------------------------------------------------- line by line


def _text_row(
    line: str, columns: tuple[str, ...], tags: Tags
) -> tuple[dict[str, str | None], None] | tuple[None, tuple[str, str]]:
    """Parse one line into a row, or into (reason, case)."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:  # ValueError also for a number of thousands of digits
        return None, ("not valid JSON", str(error))
    if not isinstance(record, dict):
        return None, ("not a JSON object", f"a {type(record).__name__}")
    row: dict[str, str | None] = {}
    for column in columns:
        value = record.pop(column, None)
        if value is None or value != value:  # NaN is what tables have for nothing
            value = {"lang": tags.default, "title": ""}.get(column)
            if value is None:
                remedy = ": give the language of all texts with --lang" if column == "lang" else ""
                return None, (f"no {column!r}{remedy}", "")
        if not isinstance(value, str):
            return None, (f"{column!r} is not a string", repr(value)[:80])
        row[column] = value
    identifier = row["_id"] or ""
    if not identifier.strip() or any(character in identifier for character in "\t\n\r"):
        return None, ("an id is empty or holds a tab or line break", repr(identifier[:80]))
    try:
        row["lang"] = tags(row["lang"] or "")
    except ValueError as error:
        return None, ("not a language tag", str(error))
    if not f"{row.get('title') or ''}{row['text']}".strip():
        return None, ("empty text", repr(identifier))
    if not all(_encodable(value or "") for value in row.values()):
        return None, ("half a surrogate pair in a text", repr(identifier))
    try:
        row["extra"] = _extra_keys(record) if record else None
    except RecursionError as error:
        return None, ("not valid JSON", str(error))
    return row, None


def _read_one_by_one(
    block: bytes, first: int, name: str, schema: pa.Schema, problems: Problems, tags: Tags
) -> tuple[pa.RecordBatch, IntArray]:
    """Read a block line by line, saying what is wrong with each bad one."""
    columns = tuple(schema.names[:-1])
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    for number, line in numbered_lines(block, first, name, problems):
        row, problem = _text_row(line, columns, tags)
        if problem is not None:
            problems.add(problem[0], f"{name} line {number}", problem[1])
        elif row is not None:
            rows.append(row)
            numbers.append(number)
    return pa.RecordBatch.from_pylist(rows, schema=schema), np.array(numbers, np.int64)


# -------------------------------------------------------------------------------------------- by columns


def _parse_known_keys(block: bytes, schema: pa.Schema) -> pa.Table | None:
    """Parse a block whose lines have no other keys than those of a collection; None of another one."""
    # This parser knows no lines. Where every line starts an object (a brace at its start cannot be that of an
    # inner one, all values being strings) and there are no more objects than lines, each line holds one.
    codes = np.frombuffer(block, np.uint8)
    starts = np.append(0, np.flatnonzero(codes[:-1] == ord("\n")) + 1)
    if not len(codes) or (codes[starts] != ord("{")).any() or _NULL_BEHIND.search(block):
        return None
    known = pa.schema(list(schema)[:-1])
    options = pj.ParseOptions(explicit_schema=known, unexpected_field_behavior="error")
    try:
        table = pj.read_json(pa.py_buffer(block), pj.ReadOptions(use_threads=False), options)
        table.validate(full=True)  # the parser does not look at UTF-8
    except pa.ArrowException:
        return None
    return table.append_column(schema.field("extra"), pa.nulls(table.num_rows, pa.string()))


def _parse_any_keys(block: bytes, schema: pa.Schema) -> pa.Table | None:
    """Parse a block of JSON objects whose known keys are strings or absent; None of another one."""
    columns = schema.names[:-1]
    values: dict[str, list[Any]] = {name: [] for name in schema.names}
    appends = [(name, values[name].append) for name in columns]
    add_extra = values["extra"].append
    parse = json.loads
    try:
        for line in block.decode("utf-8").removesuffix("\n").split("\n"):
            record = parse(line)
            for name, append in appends:
                append(record.pop(name, None))
            add_extra(_extra_keys(record) if record else None)
        return pa.table({name: pa.array(values[name], pa.string()) for name in schema.names}, schema=schema)
    except (ValueError, TypeError, AttributeError, RecursionError, pa.ArrowException):
        return None


def _checked(table: pa.Table, tags: Tags) -> pa.Table | None:
    """Return a parsed block with defaults filled in and canonical tags; None if any row is bad."""
    columns = {name: table[name] for name in table.column_names}
    if "title" in columns:
        columns["title"] = pc.fill_null(columns["title"], "")
    if tags.default is not None:
        columns["lang"] = pc.fill_null(columns["lang"], tags.default)
    if any(columns[name].null_count for name in ("_id", "lang", "text")):
        return None
    ids = columns["_id"]
    if blank(ids).any() or pc.any(pc.match_substring_regex(ids, "[\t\r\n]")).as_py():
        return None
    empty = blank(columns["text"])
    if empty.any() and ("title" not in columns or (empty & blank(columns["title"])).any()):
        return None
    try:
        columns["lang"] = _read_tags(columns["lang"], tags)
    except ValueError:
        return None
    return pa.table(columns, schema=table.schema)


def _read_tags(column: pa.ChunkedArray, tags: Tags) -> pa.ChunkedArray:
    """Return a column of tags as texts get them; ValueError if one is none."""
    distinct = pc.unique(column)
    read = [tags(tag) for tag in distinct.to_pylist()]
    if read == distinct.to_pylist():
        return column
    return pa.chunked_array([pa.array(read, pa.string()).take(pc.index_in(column, value_set=distinct))])


def _read_columns(block: bytes, lines: int, schema: pa.Schema, tags: Tags) -> pa.Table | None:
    """Read a block of so many lines, all of them good, none blank; None of another one.

    It reports nothing and changes nothing but what `tags` remembers, so that several blocks can be read at once.
    """
    for parse in (_parse_known_keys, _parse_any_keys) if len(block) <= LONGEST else ():
        table = parse(block, schema)
        if table is not None and table.num_rows == lines:
            return _checked(table, tags)
    return None


def read_texts(
    path: Path,
    columns: tuple[str, ...],
    problems: Problems,
    tags: Tags,
    keep: Keep = keep_in_memory,
) -> tuple[pa.Table, IntArray]:
    """Read `corpus.jsonl` or `queries.jsonl`.

    Args:
        path: the file.
        columns: the keys of a line; other keys are kept together, as JSON, in the column `extra`.
        problems: where bad lines are reported.
        tags: reads the tags of languages.
        keep: where the table goes.

    Returns:
        A table with these columns, and the line number of each row.
    """
    schema = pa.schema([(name, pa.string()) for name in (*columns, "extra")])
    numbers: list[IntArray] = [np.empty(0, np.int64)]

    def read_good(lines: tuple[int, int, bytes]) -> pa.Table | None:
        return _read_columns(lines[2], lines[1] - lines[0], schema, tags)

    def batches() -> Iterator[pa.RecordBatch]:
        for (first, after, block), table in map_ahead(read_good, line_blocks(path)):
            if table is not None:
                numbers.append(np.arange(first, after))
                yield table.combine_chunks().to_batches()[0]
            else:
                batch, lines = _read_one_by_one(block, first, path.name, schema, problems, tags)
                numbers.append(lines)
                yield batch

    table = without_empty(keep(path.name.partition(".")[0], schema, batches()), "extra")
    return table, np.concatenate(numbers)


def write_texts(table: pa.Table, path: Path) -> None:
    """Write documents or queries as JSON lines, the keys kept in `extra` beside the others."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in table.to_batches(max_chunksize=ROWS):
            for row in batch.to_pylist():
                record: dict[str, Any] = {key: value for key, value in row.items() if key != "extra"}
                record.update(json.loads(row["extra"]) if row.get("extra") else {})
                line = json.dumps(record, ensure_ascii=False)
                if not _encodable(line):  # half a surrogate pair in another key has only an escaped form
                    line = json.dumps(record, ensure_ascii=True)
                file.write(line + "\n")
            release_pages()


# ------------------------------------------------------------------------------------------------------- judgments

QREL_SCHEMA = pa.schema([("query-id", pa.string()), ("corpus-id", pa.string()), ("score", pa.int32())])
MAX_SCORE = 2**31
_PLAIN = r"^-?[0-9]{1,9}(\.0*)?$"

_AS_WRITTEN = pv.ConvertOptions(
    column_types=dict.fromkeys(QREL_SCHEMA.names, pa.string()), strings_can_be_null=False, check_utf8=True
)
_TABS = pv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False)


def _fields(line: str, columns: int) -> list[str]:
    """Return the fields of a judgment; of TREC's four columns, between tabs or spaces, the second says nothing."""
    if columns == 3:
        return line.split("\t")
    fields = line.split("\t")
    fields = fields if len(fields) == columns else line.split()
    return [fields[0], *fields[2:]] if len(fields) == columns else []


def _score(text: str) -> int:
    """Return a score, which may be written as `1` or as `1.0`.

    Raises:
        ValueError: it is no whole number of 32 bits.
    """
    try:
        score = int(text)
    except ValueError:
        if not float(text).is_integer():
            raise ValueError(text) from None
        score = int(float(text))
    if not -MAX_SCORE <= score < MAX_SCORE:
        raise ValueError(text)
    return score


@dataclass(frozen=True)
class _Layout:
    """How a file of judgments is written: with three columns or TREC's four, with a header line or without."""

    columns: int
    header: bool


def _layout(block: bytes) -> _Layout:
    """Tell from the first line of a file, which is a header if its score is no number."""
    line = block.partition(b"\n")[0].decode("utf-8", "replace").rstrip("\r")
    plain = line.split("\t")
    columns = 4 if len(plain) != 3 and 4 in (len(plain), len(line.split())) else 3
    fields = _fields(line, columns)
    return _Layout(columns, header=len(fields) == 3 and bool(fields[2].strip()) and not is_number(fields[2]))


def _plain_judgments(block: bytes, first: int, after: int, layout: _Layout) -> pa.RecordBatch | None:
    """Read a block of three fields a line with plain numbers, as nearly all are; None of another one."""
    if first == 1 and layout.header:
        first, block = 2, block.partition(b"\n")[2]
    if layout.columns != 3 or not block or len(block) > LONGEST:
        return None
    # the parser would take away a byte order mark, here part of an id, and end a line at a lone carriage return
    if block.startswith(b"\xef\xbb\xbf") or block.count(b"\r") != block.count(b"\r\n"):
        return None
    reading = pv.ReadOptions(column_names=QREL_SCHEMA.names, block_size=len(block) + 1, use_threads=False)
    try:
        table = pv.read_csv(pa.py_buffer(block), reading, _TABS, _AS_WRITTEN)
    except pa.ArrowException:
        return None
    if table.num_rows != after - first or not pc.all(pc.match_substring_regex(table["score"], _PLAIN)).as_py():
        return None
    whole = pc.replace_substring_regex(table["score"], r"\.0*$", "")
    table = table.set_column(2, "score", whole)
    return table.cast(QREL_SCHEMA).combine_chunks().to_batches()[0]


def _judgments_one_by_one(
    block: bytes, first: int, name: str, problems: Problems, layout: _Layout
) -> tuple[pa.RecordBatch, IntArray]:
    """Read a block line by line, saying what is wrong with each bad one."""
    queries: list[str] = []
    documents: list[str] = []
    scores: list[int] = []
    numbers: list[int] = []
    wanted = "three tab-separated fields" if layout.columns == 3 else "four fields, as in TREC's judgments"
    for number, line in numbered_lines(block, first, name, problems):
        fields = _fields(line, layout.columns)
        where = f"{name} line {number}"
        if len(fields) != 3:
            problems.add(f"not {wanted}", where, repr(line[:80]))
        elif number > 1 or not layout.header:
            try:
                score = _score(fields[2])
            except ValueError:
                problems.add("a score is not a whole number", where, repr(fields[2][:40]))
                continue
            queries.append(fields[0])
            documents.append(fields[1])
            scores.append(score)
            numbers.append(number)
    arrays = [pa.array(queries, pa.string()), pa.array(documents, pa.string()), pa.array(scores, pa.int32())]
    return pa.RecordBatch.from_arrays(arrays, schema=QREL_SCHEMA), np.array(numbers, np.int64)


def read_qrels(path: Path, problems: Problems) -> tuple[pa.Table, IntArray]:
    """Read tab-separated judgments `query-id, corpus-id, score`, or TREC's four columns, with a header or without.

    The first line is a header, whatever it calls its columns, if its score is no number.

    Returns:
        A table with columns `query-id`, `corpus-id` (strings), `score` (int32), and each row's line number.
    """
    batches: list[pa.RecordBatch] = []
    numbers: list[IntArray] = [np.empty(0, np.int64)]
    layout = _Layout(3, header=False)
    for first, after, block in line_blocks(path):
        if first == 1:
            layout = _layout(block)
        batch = _plain_judgments(block, first, after, layout)
        if batch is None:
            batch, lines = _judgments_one_by_one(block, first, path.name, problems, layout)
        else:
            lines = np.arange(after - batch.num_rows, after)  # a header is not among them
        batches.append(batch)
        numbers.append(lines)
    return pa.Table.from_batches(batches, QREL_SCHEMA), np.concatenate(numbers)


def write_qrels(table: pa.Table, path: Path) -> None:
    """Write judgments (`query-id`, `corpus-id`, `score`) as tab-separated lines with BEIR's header."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        for batch in table.to_batches(max_chunksize=ROWS):
            columns = (batch.column(name).to_pylist() for name in QREL_SCHEMA.names)
            rows = zip(*columns, strict=True)
            file.writelines(f"{query}\t{document}\t{score}\n" for query, document, score in rows)
