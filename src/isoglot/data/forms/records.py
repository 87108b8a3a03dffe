"""The records of tables: CSV and its kin, JSON lines, Parquet, tables in memory; read whole, with their places."""

from __future__ import annotations

import csv
import io
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from isoglot.collections.parquet import read_parquet
from isoglot.collections.problems import Problems
from isoglot.data.forms.files import Bad, check_text, json_records, shown
from isoglot.errors import InputError
from isoglot.files import opened, read_text

__all__ = ["Records", "cell_text", "file_records", "is_table", "table_records"]

logger = logging.getLogger(__name__)

ENDINGS = (".csv", ".tsv", ".tab", ".txt", ".jsonl", ".ndjson", ".json", ".parquet")
JSON = (".jsonl", ".ndjson", ".json")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
SAID = re.compile(r"sep=(.)\r?\n", re.IGNORECASE)  # the first line by which Excel is told the separator
LONGEST_FIELD = 2**30


@dataclass(frozen=True)
class Records:
    """The records of a table.

    Attributes:
        columns: names, in order; those of CSV may be there twice.
        rows: (place for messages, column -> value) of each record that holds anything.
    """

    columns: list[str]
    rows: list[tuple[str, Mapping[str, Any]]]


def is_table(path: Path) -> bool:
    """Tell whether a file of a folder is a table by its name."""
    return path.name.lower().removesuffix(".gz").endswith(ENDINGS)


def file_records(path: Path, wanted: Sequence[str], problems: Problems) -> Records:
    """Read the records of a file: CSV, TSV, JSON lines (or a JSON list) or Parquet, by its name or what it holds.

    Args:
        path: the file, which may be gzipped.
        wanted: columns that are looked for; they tell how a CSV file is separated.
        problems: where bad records are reported.

    Raises:
        InputError: it cannot be read, or is no table.
    """
    name = path.name.lower().removesuffix(".gz")
    with opened(path) as file:
        start = file.read(4096)
    if start.startswith(b"PAR1"):
        return _parquet(path)
    if start.startswith(b"PK\x03\x04"):
        raise InputError(f'{path} is a workbook: save the sheet as "CSV UTF-8", and convert that')
    first = start.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if name.endswith(JSON) or (first in (b"{", b"[") and not name.endswith(ENDINGS)):
        return _json(path, problems)
    return _separated(path, wanted, problems)


def table_records(table: Any) -> Records:
    """Return the records of a pandas DataFrame, a `datasets.Dataset`, a PyArrow table or a list of dicts.

    Raises:
        InputError: it is none of these.
    """
    if hasattr(table, "with_format") and hasattr(table, "column_names") and hasattr(table, "num_rows"):
        if not isinstance(table.column_names, list):
            raise InputError(f"a {type(table).__name__} is several tables: pass one of its splits")
        table = table.with_format("arrow")[:]
    if isinstance(table, pa.Table):
        return _listed(table.column_names, table.to_pylist(), "row")
    if hasattr(table, "notna") and hasattr(table, "columns"):
        columns = [str(name) for name in table.columns]
        filled = table.astype(object).where(table.notna(), None)
        values = filled.itertuples(index=False, name=None)
        return _listed(columns, [dict(zip(columns, row, strict=True)) for row in values], "row")
    if isinstance(table, (str, bytes, Mapping)) or not hasattr(table, "__iter__"):
        raise InputError(
            f"a {type(table).__name__} is no table: pass a pandas DataFrame, a datasets.Dataset, a pyarrow.Table "
            "or a list of dicts; `isoglot.convert` reads files"
        )
    records = list(table)
    if odd := next((record for record in records if not isinstance(record, Mapping)), None):
        raise InputError(f"a table's rows must be dicts, not a {type(odd).__name__}")
    return _listed(list(dict.fromkeys(key for record in records for key in record)), records, "row")


def cell_text(record: Mapping[str, Any], column: str | None) -> str:
    """Return the text of a cell without white space at its ends; empty if there is none, or a table's nothing.

    Whole numbers are texts too, since tables make numbers of ids, and 1.0 of 1 where one is missing.

    Raises:
        Bad: it holds something else.
    """
    value = None if column is None else record.get(column)
    if value is None or type(value).__name__ in ("NAType", "NaTType") or value != value:
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str):
        return check_text(value.strip(), repr(column)) if value.strip() else ""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise Bad(f"{column!r} is not a string", shown(value))
    return str(value)


def _listed(columns: list[str], records: Sequence[Mapping[str, Any]], unit: str) -> Records:
    return Records(columns, [(f"{unit} {number}", record) for number, record in enumerate(records, start=1)])


def _parquet(path: Path) -> Records:
    try:
        with opened(path) as file:
            table = read_parquet(pa.BufferReader(file.read()))
        records = table.to_pylist()
    except (pa.ArrowException, ValueError) as error:
        raise InputError(f"{path} is not readable as Parquet: {' '.join(str(error).split())[:200]}") from None
    return _listed(table.column_names, records, f"{path.name} row")


def _json(path: Path, problems: Problems) -> Records:
    columns: dict[str, None] = {}
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for place, value in json_records(path, problems):
        if isinstance(value, dict):
            columns |= dict.fromkeys(value)
            rows.append((place, value))
        else:
            problems.add("not a JSON object", place, f"a {type(value).__name__}")
    return Records(list(columns), rows)


# -------------------------------------------------------------------------------------------------------- CSV


def _separated(path: Path, wanted: Sequence[str], problems: Problems) -> Records:
    """Read CSV (RFC 4180) with commas, semicolons or tabs, whichever finds most wanted columns in its header.

    Raises:
        InputError: it is not UTF-8, quotation marks are not CSV's, or it has no header.
    """
    try:
        text = read_text(path)
    except InputError as error:
        if "UTF-8" not in str(error):
            raise
        raise InputError(f'{error}: save it as UTF-8, which Excel calls "CSV UTF-8"') from None
    said = SAID.match(text)
    text, before = (text[said.end() :], 1) if said else (text, 0)
    usual = "\t" if path.name.lower().removesuffix(".gz").endswith((".tsv", ".tab")) else ","
    headers = {one: _header(text, one) for one in ((said[1],) if said else (usual, *SEPARATORS))}
    separator = max(headers, key=lambda one: (len({*wanted} & {*headers[one]}), len(headers[one])))
    if separator != usual:
        logger.info("%s: read as separated by %s", path, SEPARATORS.get(separator, repr(separator)))
    columns: list[str] = []
    rows: list[tuple[str, Mapping[str, Any]]] = []
    for line, fields in _lines(path, text, separator, before):
        if not any(map(str.strip, fields)):
            continue  # a blank line, or one of separators alone, as spreadsheets leave below a table
        if not columns:
            columns = [field.strip() for field in fields]
        elif len(fields) != len(columns):
            case = f"{len(fields)}, not {len(columns)}"
            problems.add("not as many fields as the header has", f"{path.name} line {line}", case)
        else:
            rows.append((f"{path.name} line {line}", dict(zip(columns, fields, strict=True))))
    if not columns:
        raise InputError(f"{path} is empty: expected a header with the names of its columns")
    return Records(columns, rows)


def _header(text: str, separator: str) -> list[str]:
    """Return the fields of the first line that is not blank; none if it is not of CSV so separated."""
    with _long_fields(), suppress(csv.Error, StopIteration):
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
        return [field.strip() for field in next(fields for fields in reader if fields)]
    return []


def _lines(path: Path, text: str, separator: str, before: int) -> list[tuple[int, list[str]]]:
    """Return (number of its first line, fields) of every record.

    Raises:
        InputError: quotation marks are not CSV's.
    """
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    found: list[tuple[int, list[str]]] = []
    start = 1
    with _long_fields():
        try:
            for fields in reader:
                found.append((before + start, fields))
                start = reader.line_num + 1
        except csv.Error as error:
            raise InputError(
                f"{path} line {before + start}: not CSV ({error}): a field with quotation marks, separators or "
                'line feeds stands in quotation marks, and a mark within it is doubled, ""'
            ) from None
    return found


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let fields be longer than the 131,072 characters that the module csv takes by itself."""
    before = csv.field_size_limit(LONGEST_FIELD)
    try:
        yield
    finally:
        csv.field_size_limit(before)
