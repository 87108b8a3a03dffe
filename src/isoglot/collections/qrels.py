"""Judgments as tab-separated lines, in BEIR's form."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pv
from numpy.typing import NDArray

from isoglot.collections.blocks import LONGEST, line_blocks, numbered_lines
from isoglot.collections.problems import Problems

__all__ = ["QREL_SCHEMA", "read_qrels", "write_qrels"]

IntArray = NDArray[np.integer[Any]]

QREL_SCHEMA = pa.schema([("query-id", pa.string()), ("corpus-id", pa.string()), ("score", pa.int32())])
MAX_SCORE = 2**31
ROWS = 65_536  # rows held as Python objects at a time

_AS_WRITTEN = pv.ConvertOptions(
    column_types=dict.fromkeys(QREL_SCHEMA.names, pa.string()), strings_can_be_null=False, check_utf8=True
)
_TABS = pv.ParseOptions(delimiter="\t", quote_char=False, double_quote=False, ignore_empty_lines=False)


def _read_plain(block: bytes, first: int, after: int) -> pa.RecordBatch | None:
    """Read a block of three fields a line with plain numbers, as nearly all are; None of another one."""
    head, _, rest = block.partition(b"\n")
    if first == 1 and head.rstrip(b"\r") == b"query-id\tcorpus-id\tscore":
        first, block = 2, rest
    if not block or len(block) > LONGEST:
        return None
    # the parser would take away a byte order mark, here part of an id, and end a line at a lone carriage return
    if block.startswith(b"\xef\xbb\xbf") or block.count(b"\r") != block.count(b"\r\n"):
        return None
    reading = pv.ReadOptions(column_names=QREL_SCHEMA.names, block_size=len(block) + 1, use_threads=False)
    try:
        table = pv.read_csv(pa.py_buffer(block), reading, _TABS, _AS_WRITTEN)
    except pa.ArrowException:
        return None
    if (
        table.num_rows != after - first
        or not pc.all(pc.match_substring_regex(table["score"], "^-?[0-9]{1,9}$")).as_py()
    ):
        return None
    return table.cast(QREL_SCHEMA).combine_chunks().to_batches()[0]


def _read_lines(block: bytes, first: int, name: str, problems: Problems) -> tuple[pa.RecordBatch, IntArray]:
    """Read a block line by line, saying what is wrong with each bad one."""
    queries: list[str] = []
    documents: list[str] = []
    scores: list[int] = []
    numbers: list[int] = []
    for number, line in numbered_lines(block, first, name, problems):
        fields = line.split("\t")
        where = f"{name} line {number}"
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
    arrays = [pa.array(queries, pa.string()), pa.array(documents, pa.string()), pa.array(scores, pa.int32())]
    return pa.RecordBatch.from_arrays(arrays, schema=QREL_SCHEMA), np.array(numbers, np.int64)


def read_qrels(path: Path, problems: Problems) -> tuple[pa.Table, IntArray]:
    """Read tab-separated judgments `query-id, corpus-id, score`, with or without a header line.

    Returns:
        A table with columns `query-id`, `corpus-id` (strings), `score` (int32), and each row's line number.
    """
    batches: list[pa.RecordBatch] = []
    numbers: list[IntArray] = [np.empty(0, np.int64)]
    for first, after, block in line_blocks(path):
        batch = _read_plain(block, first, after)
        if batch is None:
            batch, lines = _read_lines(block, first, path.name, problems)
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
