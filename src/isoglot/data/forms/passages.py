"""DPR's tables of passages: `id, text, title` between tabs, quoted as in CSV or not quoted at all.

DPR's own (`psgs_w100.tsv`) is written by Python's `csv.writer`: a field that holds a quotation mark, a tab or a
line feed stands in quotation marks, those within it doubled. Others print the fields as they are. Taken for the
other, a passage that begins with a quotation mark would swallow those after it.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from isoglot.collections.problems import Problems
from isoglot.data.forms.files import Bad, check_text, identifier, reporting, text_lines
from isoglot.data.forms.rows import Reading, Rows
from isoglot.errors import InputError

__all__ = ["read_table"]

logger = logging.getLogger(__name__)

HEADERS = ("id", "_id", "pid", "docid", "doc_id", "passage_id", "psg_id")  # what a header's first column is called
COLUMNS = 3
LONGEST = 2**20  # characters of a row: what goes on longer is a quotation mark that nothing closes

FIELD = r'(?:[^"\t]*|"(?:[^"]|"")*")'
ROW = re.compile(rf"{FIELD}(?:\t{FIELD})*")
FIELDS = re.compile(rf"(?:^|\t)({FIELD})(?=\t|$)", re.DOTALL)


def read_table(source: Path, tag: str, lenient: bool) -> pa.Table:
    """Read a table of passages, all of one language, plain or gzipped; a passage given twice is one.

    Args:
        source: the file.
        tag: the language.
        lenient: leave bad rows out and say how many, instead of failing.

    Returns:
        A table with columns `_id`, `lang`, `title` and `text`; ids are unique.

    Raises:
        InputError: it cannot be read, has bad rows, or may be quoted or not.
    """
    rows = Rows(source, Reading(lenient=lenient))
    quoted = _is_quoted(source)
    count = 0
    for number, fields in _rows(source, rows.problems, quoted):
        if number == 1 and fields[0].lower() in HEADERS:
            continue
        count += 1
        with reporting(rows.problems, f"{source.name} line {number}"):
            if len(fields) != COLUMNS:
                raise Bad("not three tab-separated fields", f"{len(fields)} fields")
            name, text, title = fields
            rows.document(identifier({"id": name}, "id"), tag, check_text(text, "text"), title)
    rows.problems.finish()
    passages = rows.documents()
    how = "quoted as in CSV" if quoted else "without quotes"
    logger.info("%s: %s passages of %s rows, read %s", source, f"{len(passages):,}", f"{count:,}", how)
    return passages


def _logical(lines: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    """Join the lines of rows whose quotation marks go on over a line's end; yield (first line's number, row)."""
    for number, line in lines:
        row = line
        while row.count('"') % 2 and len(row) < LONGEST:
            try:
                row = f"{row}\n{next(lines)[1]}"
            except StopIteration:
                break
        yield number, row


def _is_quoted(source: Path) -> bool:
    """Tell whether a table is quoted as in CSV, by all of its rows.

    Raises:
        InputError: it can be read in two ways, or in none.
    """
    bad_line = None  # not three fields, were there no quotes
    several_lines = None  # a row over several lines, were there quotes
    bad_row = None  # quoted as CSV is not
    odd = False  # a row with quotes has not three fields, as CSV
    lines = ((number, line) for number, line in text_lines(source, Problems(str(source), lenient=True)) if line)

    def counted() -> Iterator[tuple[int, str]]:
        nonlocal bad_line
        for number, line in lines:
            if bad_line is None and line.count("\t") != COLUMNS - 1:
                bad_line = number
            yield number, line

    for number, row in _logical(counted()):
        if '"' not in row:
            continue
        if not ROW.fullmatch(row):
            bad_row = number
            break
        odd = odd or len(FIELDS.findall(row)) != COLUMNS
        if several_lines is None and "\n" in row:
            several_lines = number
    for _ in counted() if bad_line is None else ():
        pass  # the lines after a bad row
    if bad_line is None and (bad_row is not None or odd):
        return False
    if bad_row is None and (several_lines is None or bad_line is not None):
        return True
    remedy = "write it by csv.writer, with all its quotes, or as lines of corpus.jsonl"
    if bad_row is None:
        raise InputError(
            f"{source} line {several_lines}: a passage with line feeds in quotation marks, or several without; "
            f"{remedy}"
        )
    raise InputError(
        f"{source} line {bad_row}: quotation marks that are not CSV's, and line {bad_line} has not three fields, "
        f"so that it cannot be read without quotes either; {remedy}"
    )


def _rows(source: Path, problems: Problems, quoted: bool) -> Iterator[tuple[int, list[str]]]:
    """Yield (number of its first line, fields) of the rows of a table that are not blank."""
    lines = ((number, line) for number, line in text_lines(source, problems))
    for number, row in _logical(lines) if quoted else lines:
        if not row.strip():
            continue
        if quoted and '"' in row:
            yield number, [_unquoted(field) for field in FIELDS.findall(row)]
        else:
            yield number, row.split("\t")


def _unquoted(field: str) -> str:
    return field[1:-1].replace('""', '"') if field.startswith('"') else field
