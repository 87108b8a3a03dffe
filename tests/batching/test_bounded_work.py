"""Composing batches takes work in proportion to the data, whatever it looks like: counted, not timed."""

from __future__ import annotations

import math
import sys
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

import isoglot.batching
from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Mixed, Monolingual, Multiway
from isoglot.collections import Collection, collection_from_rows

RULES = (Monolingual(), CrossLingual(), CrossLingual(pairing="batch"), Hybrid(), Mixed(), Multiway())
SIZES = (1, 2, 7, 32, 512, 4096)
ROOM = str(Path(isoglot.batching.__file__).parent)


class Lines:
    """Counts the lines of the room that run while it is open; each is linear in the data, but for sorting."""

    def __init__(self) -> None:
        self.count = 0

    def _line(self, _frame: FrameType, event: str, _argument: Any) -> Any:
        self.count += event == "line"
        return self._line

    def _call(self, frame: FrameType, _event: str, _argument: Any) -> Any:
        return self._line if frame.f_code.co_filename.startswith(ROOM) else None

    def __enter__(self) -> Lines:
        self._before = sys.gettrace()
        sys.settrace(self._call)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)


def pages_of(queries: int, pages: int, each: int, step: int, texts: int, languages: int) -> Collection:
    """Query n has the pages n, n + step, ...; of so many pages, with so many different texts in each language.

    A star has one page, a chain steps of one, parallel text one page for each.
    """
    tags = ("en", "de", "th")[:languages]
    asked = [(f"q{n}", tag, f"{tag} question {n % texts}") for n in range(queries) for tag in tags]
    answers = [(f"{tag}{n}", tag, "", f"{tag} page {n % texts}") for n in range(pages) for tag in tags]
    judged = {(n, (n + k * step) % pages) for n in range(queries) for k in range(each)}
    return collection_from_rows(
        answers, asked, [(f"q{n}", f"{tag}{page}", 1) for n, page in judged for tag in tags]
    )


@settings(max_examples=60, deadline=None)
@example((3000, 3000, 2, 1, 3000, 2), Monolingual(), 4096, 0)  # a chain
@example((300, 150, 3, 1, 161, 3), CrossLingual(pairing="batch"), 32, 2)  # the most work seen
@example((300, 300, 2, 1, 300, 2), CrossLingual(pairing="batch"), 512, 0)
@example((300, 1, 1, 1, 300, 2), Mixed(), 4096, 0)  # a star
@example((300, 300, 1, 1, 3, 2), Multiway(), 512, 0)  # the same few texts
@example((300, 300, 3, 7, 250, 2), Hybrid(), 512, 0)
@example((11, 4, 3, 1, 4, 2), Monolingual(), 2, 0)  # so many shared pages that a pass has room to spare
@given(
    st.tuples(
        st.integers(1, 300),
        st.integers(1, 300),
        st.integers(1, 3),
        st.integers(1, 7),
        st.integers(1, 300),
        st.integers(2, 3),
    ),
    st.sampled_from(RULES),
    st.sampled_from(SIZES),
    st.integers(0, 3),
)
def test_the_work_for_batches_grows_with_the_data_and_no_faster(shape, rule, size, seed):
    collection = pages_of(*shape)
    with Lines() as counted:
        sampler = BatchSampler(collection, rule, size, seed)
        drawn = [len(batch) for batch in islice(sampler, 8)]
    assert min(drawn) > 0
    rows = 100 + int(collection.pair_counts.max())
    # the most seen is 624 times; with work by the square of the rows the first example has 1,100 times
    assert counted.count < 700 * rows * math.log2(rows)
