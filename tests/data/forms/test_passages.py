"""Tables of passages: whoever wrote them, every passage is one, with its text and title, or there is an error."""

from __future__ import annotations

import csv
import gzip
import io
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isoglot.data.forms.passages import read_table
from isoglot.errors import InputError

Passages = list[tuple[str, str]]


def by_csv(passages: Passages, quoting: int) -> str:
    written = io.StringIO()
    writer = csv.writer(written, delimiter="\t", quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(["id", "text", "title"])
    writer.writerows([number, *passage] for number, passage in enumerate(passages))
    return written.getvalue()


def by_print(passages: Passages) -> str:
    rows = (f"{number}\t{text}\t{title}\n" for number, (text, title) in enumerate(passages))
    return "id\ttext\ttitle\n" + "".join(rows)


def read(path: Path, content: str) -> Passages:
    path.write_bytes(content.encode())
    table = read_table(path, "en", lenient=False)
    assert table["_id"].to_pylist() == [str(number) for number in range(len(table))]
    return list(zip(table["text"].to_pylist(), table["title"].to_pylist(), strict=True))


QUOTED = [
    ('"Treaty of Gandamak, signed in spring', "B"),
    ("Oslo lies on a fjord", "C"),
    ('The sign says "welcome"', "D"),
    ('he wrote: "so be it"', '"E"'),
]


def test_a_quotation_mark_swallows_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", logger="isoglot")
    assert read(tmp_path / "p.tsv", by_print(QUOTED)) == QUOTED
    assert "4 passages of 4 rows, read without quotes" in caplog.text
    assert read(tmp_path / "p.tsv", by_csv(QUOTED, csv.QUOTE_MINIMAL)) == QUOTED
    assert "4 passages of 4 rows, read quoted as in CSV" in caplog.text


def test_what_is_written_in_neither_way_is_said(tmp_path: Path):
    content = by_csv([('a "b"\nc', "T")], csv.QUOTE_MINIMAL) + '9\ta "b\tX\n'
    with pytest.raises(
        InputError, match=r"p.tsv line 4: quotation marks that are not CSV's, and line 2 has not three"
    ):
        read(tmp_path / "p.tsv", content)


def test_what_may_be_one_passage_or_two_is_said(tmp_path: Path):
    content = by_csv([("a\tb\nc\td", "T")], csv.QUOTE_MINIMAL)
    assert content.count("\t") == 2 + 4
    with pytest.raises(
        InputError, match=r"line 2: a passage with line feeds in quotation marks, or several without"
    ):
        read(tmp_path / "p.tsv", content)


@pytest.mark.parametrize("header", ["id\ttext\ttitle\n", "pid\tpassage\tname\n", ""])
def test_header_mark_and_packing_do_no_harm(tmp_path: Path, header: str):
    content = b"\xef\xbb\xbf" + f"{header}0\ta\tb\n".encode()
    for name, written in (("p.tsv", content), ("p.tsv.gz", gzip.compress(content))):
        (tmp_path / name).write_bytes(written)
        assert read_table(tmp_path / name, "en", lenient=False)["text"].to_pylist() == ["a"]


def test_bad_rows_are_named_and_only_they_are_left_out(tmp_path: Path):
    path = tmp_path / "p.tsv"
    path.write_text("0\ta\tb\n1\tonly two\n2\t \tempty\n3\tc\td\n")
    with pytest.raises(InputError, match=r"three tab-separated fields \(p.tsv line 2: 2 fields\).*empty text"):
        read_table(path, "en", lenient=False)
    assert read_table(path, "en", lenient=True)["_id"].to_pylist() == ["0", "3"]


WORDS = st.text(st.sampled_from('ab"\t\n é'), min_size=1, max_size=8).filter(str.strip)
PLAIN = WORDS.map(lambda text: text.replace("\t", "x").replace("\n", "y"))
HERE = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)


def read_or_refused(path: Path, content: str) -> Passages | None:
    try:
        return read(path, content)
    except InputError as error:
        if re.search("or several without|empty text", str(error)):  # a text may be two quotation marks
            return None
        raise


@HERE
@given(
    st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=4), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
)
def test_what_csv_writes_is_read_or_refused(tmp_path: Path, passages: Passages, quoting: int):
    found = read_or_refused(tmp_path / "p.tsv", by_csv(passages, quoting))
    line_feeds = any("\n" in part for passage in passages for part in passage)
    assert found == passages or (found is None and line_feeds)


@HERE
@given(st.lists(st.tuples(PLAIN, PLAIN), min_size=1, max_size=4))
def test_what_is_printed_is_read_or_refused(tmp_path: Path, passages: Passages):
    found = read_or_refused(tmp_path / "p.tsv", by_print(passages))
    as_csv = [tuple(next(csv.reader(["\t".join(one)], delimiter="\t"))) for one in passages]
    whole = all(re.fullmatch(r'[^"]*|"([^"]|"")*"', part) for passage in passages for part in passage)
    # where each field is quoted as a whole, or not at all, the table may be either
    assert found is None or found == passages or (whole and found == as_csv)
