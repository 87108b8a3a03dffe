"""The text form of a collection, line by line: JSON lines and tab-separated judgments, read strictly."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from isoglot.collections.problems import Problems
from isoglot.collections.tags import canonical_tag

__all__ = ["read_qrels", "read_texts", "write_qrels", "write_texts"]

CHUNK = 65_536  # lines held as Python objects at a time
MAX_SCORE = 2**31


def _lines(path: Path, problems: Problems) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of every line that is not blank and is valid UTF-8."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith(b"\xef\xbb\xbf"):
                raw = raw[3:]
            try:
                line = raw.decode("utf-8").rstrip("\r\n")
            except UnicodeDecodeError as error:
                problems.add("invalid UTF-8", f"{path.name} line {number}", f"byte {error.start + 1}")
                continue
            if line.strip():
                yield number, line


def _encodable(text: str) -> bool:
    """Tell whether a text can be written as UTF-8: JSON escapes can hold half a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _text_row(
    line: str, columns: tuple[str, ...], default_language: str | None
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
        if value is None:
            value = {"lang": default_language, "title": ""}.get(column)
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
        row["lang"] = canonical_tag(row["lang"] or "")
    except ValueError as error:
        return None, ("not a language tag", str(error))
    if not f"{row.get('title') or ''}{row['text']}".strip():
        return None, ("empty text", repr(identifier))
    if not all(_encodable(value or "") for value in row.values()):
        return None, ("half a surrogate pair in a text", repr(identifier))
    try:
        row["extra"] = json.dumps(record, ensure_ascii=True, sort_keys=True) if record else None
    except RecursionError as error:
        return None, ("not valid JSON", str(error))
    return row, None


def read_texts(
    path: Path, columns: tuple[str, ...], problems: Problems, default_language: str | None = None
) -> tuple[pa.Table, list[int]]:
    """Read `corpus.jsonl` or `queries.jsonl`.

    Args:
        path: the file.
        columns: the keys of a line; other keys are kept together, as JSON, in the column `extra`.
        problems: where bad lines are reported.
        default_language: canonical tag of lines without `lang`.

    Returns:
        A table with these columns, and the line number of each row.
    """
    names = (*columns, "extra")
    schema = pa.schema([(name, pa.string()) for name in names])
    batches: list[pa.RecordBatch] = []
    rows: list[dict[str, str | None]] = []
    numbers: list[int] = []
    for number, line in _lines(path, problems):
        row, problem = _text_row(line, columns, default_language)
        if problem is not None:
            problems.add(problem[0], f"{path.name} line {number}", problem[1])
        elif row is not None:
            rows.append(row)
            numbers.append(number)
        if len(rows) == CHUNK:
            batches.append(pa.RecordBatch.from_pylist(rows, schema=schema))
            rows = []
    batches.append(pa.RecordBatch.from_pylist(rows, schema=schema))
    table = pa.Table.from_batches(batches, schema=schema)
    if table["extra"].null_count == table.num_rows:
        table = table.drop_columns("extra")
    return table, numbers


def read_qrels(path: Path, problems: Problems) -> tuple[pa.Table, list[int]]:
    """Read tab-separated judgments `query-id, corpus-id, score`, with or without a header line.

    Returns:
        A table with columns `query-id`, `corpus-id` (strings), `score` (int32), and each row's line number.
    """
    queries: list[str] = []
    documents: list[str] = []
    scores: list[int] = []
    numbers: list[int] = []
    for number, line in _lines(path, problems):
        fields = line.split("\t")
        where = f"{path.name} line {number}"
        if len(fields) != 3:
            problems.add("not three tab-separated fields", where, repr(line[:80]))
            continue
        try:
            score = int(fields[2])
            if not -MAX_SCORE <= score < MAX_SCORE:
                raise ValueError
        except ValueError:
            if number > 1 or fields[:2] != ["query-id", "corpus-id"]:
                problems.add("a score is not a whole number", where, repr(fields[2][:40]))
            continue
        queries.append(fields[0])
        documents.append(fields[1])
        scores.append(score)
        numbers.append(number)
    table = pa.table(
        {
            "query-id": pa.array(queries, pa.string()),
            "corpus-id": pa.array(documents, pa.string()),
            "score": pa.array(scores, pa.int32()),
        }
    )
    return table, numbers


def write_texts(table: pa.Table, path: Path) -> None:
    """Write documents or queries as JSON lines, the keys kept in `extra` beside the others."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for batch in table.to_batches(max_chunksize=CHUNK):
            for row in batch.to_pylist():
                record: dict[str, Any] = {key: value for key, value in row.items() if key != "extra"}
                record.update(json.loads(row["extra"]) if row.get("extra") else {})
                line = json.dumps(record, ensure_ascii=False)
                if not _encodable(line):  # half a surrogate pair in another key has only an escaped form
                    line = json.dumps(record, ensure_ascii=True)
                file.write(line + "\n")


def write_qrels(table: pa.Table, path: Path) -> None:
    """Write judgments (`query-id`, `corpus-id`, `score`) as tab-separated lines with BEIR's header."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        file.write("query-id\tcorpus-id\tscore\n")
        for batch in table.to_batches(max_chunksize=CHUNK):
            columns = (batch.column(name).to_pylist() for name in ("query-id", "corpus-id", "score"))
            rows = zip(*columns, strict=True)
            file.writelines(f"{query}\t{document}\t{score}\n" for query, document, score in rows)
