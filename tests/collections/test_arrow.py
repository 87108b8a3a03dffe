"""Rows and ids of tables in many chunks, against pyarrow's own and against a dict."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from isoglot.collections.arrow import (
    IdIndex,
    blank,
    keep_in_memory,
    number_rows,
    repeated,
    take_from,
    take_rows,
    without_rows,
)
from isoglot.collections.lines import AHEAD, map_ahead

words = st.text("ab\u0e01", max_size=2)
chunks = st.lists(st.lists(words, max_size=5), max_size=5)


@given(chunks, st.data(), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_rows_taken_are_those_asked_for(pieces, data, step):
    column = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces], pa.string())
    values = column.to_pylist()
    row = st.integers(0, max(len(values) - 1, 0))
    rows = np.array(data.draw(st.lists(row, max_size=12 if values else 0)), np.int64)
    table = pa.table({"a": column, "b": pa.chunked_array([pa.array(range(len(values)), pa.int64())])})
    with patch("isoglot.collections.arrow.GATHERED", step):
        assert take_from(column, rows).to_pylist() == [values[at] for at in rows]
        assert take_rows(table, rows).to_pydict() == {"a": [values[at] for at in rows], "b": rows.tolist()}
    drop = np.unique(rows)
    left = [value for at, value in enumerate(values) if at not in drop]
    assert without_rows(table, drop, "x", keep_in_memory)["a"].to_pylist() == left


@pytest.mark.parametrize("rows", [[3], [-1]])
def test_rows_that_are_not_there_are_refused(rows):
    column = pa.chunked_array([["a", "b"], ["c"]])
    with pytest.raises(pa.ArrowIndexError):
        take_from(column, np.array(rows))


@given(chunks, st.lists(words, max_size=8), st.sampled_from([1, 2, 3, 2**64]))
@settings(max_examples=200, deadline=None)
def test_ids_are_found_as_in_a_dict_even_where_hashes_collide(pieces, wanted, different):
    column = pa.chunked_array([pa.array(piece, pa.string()) for piece in pieces], pa.string())
    first: dict[str, int] = {}
    for row, value in enumerate(column.to_pylist()):
        first.setdefault(value, row)

    def coarse(ids: pa.ChunkedArray) -> np.ndarray:
        return np.array([hash(value) % different % 2**63 for value in ids.to_pylist()], np.int64)

    with patch("isoglot.collections.arrow._hashes", coarse):
        index = IdIndex(column)
        rows = index.first_rows()
        assert rows.tolist() == [first[value] for value in column.to_pylist()]
        assert index.find(pa.chunked_array([wanted], pa.string())).tolist() == [
            first.get(one, -1) for one in wanted
        ]
    order = {value: number for number, value in enumerate(first)}
    assert number_rows(rows).tolist() == [order[value] for value in column.to_pylist()]


@given(st.lists(st.integers(0, 3), max_size=12))
def test_codes_that_come_again_are_found(codes):
    expected = [row for row, code in enumerate(codes) if code in codes[:row]]
    assert repeated(np.array(codes, np.int64)).tolist() == expected


@given(st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=("Cs",)), max_size=3)), max_size=10))
@example([chr(code) for code in range(0xD800) if chr(code).isspace()])
@example([None, "", "\u200b", "\ufeff", "\u180e", "\u2800", "\x7f", "\x1c"])
@settings(max_examples=200, deadline=None)
def test_blank_is_what_strip_leaves_nothing_of(texts):
    expected = [text is not None and not text.strip() for text in texts]
    assert blank(pa.chunked_array([pa.array(texts, pa.string())])).tolist() == expected


def test_blocks_made_ahead_come_in_order_and_no_further_than_needed():
    taken = []

    def given():
        for number in range(10):
            taken.append(number)
            yield number

    made = map_ahead(lambda number: number * number, given())
    assert [next(made), next(made)] == [(0, 0), (1, 1)]
    assert len(taken) <= 2 + AHEAD
    assert list(made) == [(number, number * number) for number in range(2, 10)]


def test_what_fails_ahead_fails_where_it_is_used():
    made = map_ahead(lambda number: 1 // number, [1, 0, 1])
    assert next(made) == (1, 1)
    with pytest.raises(ZeroDivisionError):
        next(made)
