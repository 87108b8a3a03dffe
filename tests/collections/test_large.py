"""Large collections: read in columns and blocks, never otherwise than small ones are."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from unittest.mock import patch

import pytest
from folder_helpers import CORPUS, QRELS, QUERIES, assert_same, raw_folder, settings_of
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import read_collection
from isoglot.collections.jsonl import read_qrels
from isoglot.collections.problems import Problems
from isoglot.errors import InputError

# ------------------------------------------------------------------------ every way of reading is the same way

PIECES = [
    *CORPUS,
    *QUERIES,
    b'{"_id": "d3", "lang": "zh_cn", "text": "\\u6211\\ud83d\\ude00", "title": null}',
    b'{"_id": "d4", "lang": null, "text": "x"}',
    b'{"_id": "d5", "lang": "en", "text": "x", "metadata": {}, "n": 1e400}',
    b'{"_id": "d6", "lang": "en", "text": "x", "text": "y"}',
    b'{"_id": "d7", "lang": "en", "title": "only a title", "text": ""}',
    b'{"\\u005fid": "d8", "lang": "en", "text": "\\u0000"}',
    b'  {"_id": "d9", "lang": "en", "text": "indented"}  \r',
    b'\xef\xbb\xbf{"_id": "d10", "lang": "en", "text": "mark"}',
    b'{"_id": "a", "lang": "en", "text": "x"}{"_id": "b", "lang": "en", "text": "y"}',
    b'{"_id": "a", "lang": "en",',
    b'"text": "second half"}',
    b'{"_id": "a", "lang": "en", "text": "x"},',
    b'{"_id": "a", "lang": "en", "text": "\x1c \xc2\x85"}',
    b'{"_id": "a", "lang": "en", "text": "\xe2\x80\x8b"}',
    b'{"_id": "a", "lang": "en", "text": "\\ud800"}',
    b'{"_id": "a", "lang": "en", "text": "\\udc00"}',
    b'{"_id": "a", "lang": "en", "text": "\xff"}',
    b'{"_id": "a", "lang": "en", "text": "\xed\xa0\x80"}',
    b'{"_id": "a\\r", "lang": "en", "text": "x"}',
    b'{"_id": " ", "lang": "en", "text": "x"}',
    b'{"_id": 7, "lang": "en", "text": "x"}',
    b'{"_id": "a", "lang": "xx", "text": "x"}',
    b'{"_id": "a", "lang": "en", "text": true}',
    b'{"_id": "a", "lang": "en", "text": "x", "title": []}',
    b'{"_id": "a", "text": "x"}',
    b"{}",
    b"[]",
    b'"text"',
    b"null",
    b"NaN",
    b"",
    b" \r",
    b"\x00",
    b"\xe2\x80\x83",
]
JUDGED = [
    *QRELS,
    b"q1\td3\t-1",
    b"q1\td3\t 1",
    b"q1\td4\t1_0",
    b"q1\td4\t+1",
    b"q1\td4\t0x1F",
    b"q1\td4\t\xd9\xa3",
    b"q1\td4\t2147483647",
    b"q1\td4\t2147483648",
    b"q1\td4\t",
    b'"q1\t"d4"\t1',
    b"q1\t\td4",
    b"q1\td5\t1\r",
    b"q1\td5\t1\rq1\td6\t1",
    b"q1\td5\t1\r\r",
    b"\xef\xbb\xbfq1\td5\t1",
    b"q1\td\xff\t1",
    b"q1\td\x00\t1",
    b"\t\t",
    b"",
    b"query-id\tcorpus-id\t5",
]
lines = st.lists(st.sampled_from(PIECES), max_size=8)


@st.composite
def raw_folders(draw):
    """Bytes of the three files: lines good and bad, in any order, with any line ends."""
    corpus = [*draw(st.permutations(CORPUS)), *draw(lines)]
    queries = [*QUERIES, *draw(lines)]
    qrels = [QRELS[0], *draw(st.permutations(QRELS[1:])), *draw(st.lists(st.sampled_from(JUDGED), max_size=6))]
    end = draw(st.sampled_from([b"\n", b"\r\n"]))
    mark = draw(st.sampled_from([b"", b"\xef\xbb\xbf"]))
    last = draw(st.sampled_from([b"", end]))
    return [mark + end.join(table) + last for table in (corpus, queries, qrels)]


@given(raw_folders(), st.integers(20, 200))
@settings(max_examples=60, deadline=None)
def test_columns_lines_and_blocks_give_the_same_tables_errors_and_counts(files, block):
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, content in zip(("corpus.jsonl", "queries.jsonl", "qrels.tsv"), files, strict=True):
            (folder / name).write_bytes(content)
        for lenient in (False, True):
            found = []
            for ways in ({"by_line": True}, {}, {"block": block}, {"block": block, "large": 0}):
                with settings_of(**ways), patch("isoglot.collections.problems.logger") as logger:
                    try:
                        said = read_collection(folder, lenient=lenient)
                    except InputError as error:
                        said = str(error)
                found.append((said, [call.args[2] for call in logger.warning.call_args_list]))
            (first, warned), *others = found
            for other, warned_too in others:
                if isinstance(first, str):
                    assert other == first
                else:
                    assert_same(first, other)
                    assert first.dropped == other.dropped
                assert warned == warned_too


@pytest.mark.parametrize("line", [b"null", b'{"_id": "d3", "lang": "en", "text": "x"} null'])
def test_a_lone_null_is_told_and_does_not_end_the_process(tmp_path: Path, line):
    with pytest.raises(InputError, match=r"corpus\.jsonl line 3"):
        read_collection(raw_folder(tmp_path / "bad", corpus=[line]))


def test_a_line_too_long_is_named(tmp_path: Path, monkeypatch):
    folder = raw_folder(tmp_path / "bad", qrels=[b"q1\td2\t" + b"0" * 300])
    monkeypatch.setattr("isoglot.collections.lines.LONGEST", 200)
    with pytest.raises(InputError, match=r"a line too long to be read \(qrels.tsv line 4: 306 bytes\)"):
        read_collection(folder)


@pytest.mark.parametrize("escaped", [False, True])
@pytest.mark.parametrize("more", [{}, {"metadata": {"k": [1, None]}}])
def test_good_lines_are_not_read_one_by_one(tmp_path: Path, escaped, more):
    records = [{"_id": f"d{n}", "lang": "de", "title": "", "text": f"ไทย 😀 {n}"} | more for n in range(500)]
    folder = raw_folder(tmp_path / "good", qrels=[b"q1\td7\t1"])
    lines = "\n".join(json.dumps(record, ensure_ascii=escaped) for record in records)
    (folder / "corpus.jsonl").write_text(lines + "\n", encoding="utf-8")
    slow = AssertionError("line by line")
    with (
        patch("isoglot.collections.jsonl._read_one_by_one", side_effect=slow),
        patch("isoglot.collections.jsonl._judgments_one_by_one", side_effect=slow),
    ):
        collection = read_collection(folder)
    assert collection.documents["text"][499].as_py() == "ไทย 😀 499"
    assert collection.judgments.num_rows == 3


@pytest.mark.parametrize("start", [b"", b"query-id\tcorpus-id\tscore\n"])
def test_line_numbers_of_judgments_go_on_from_block_to_block(tmp_path: Path, start):
    (tmp_path / "qrels.tsv").write_bytes(start + b"".join(b"q\td%d\t1\n" % n for n in range(100)))
    with settings_of(block=64):
        table, numbers = read_qrels(tmp_path / "qrels.tsv", Problems("qrels"))
    assert table["corpus-id"].to_pylist() == [f"d{n}" for n in range(100)]
    assert numbers.tolist() == [n + 1 + bool(start) for n in range(100)]


@pytest.mark.slow
def test_the_benchmark_tells_speed_and_memory(tmp_path: Path):
    script = Path(__file__).parents[2] / "benchmarks" / "data.py"
    command = [sys.executable, str(script), "--documents", "100000", "--queries", "2000", "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["benchmark"] == "data"
    assert found["ratio"] == pytest.approx(found["ours"] / found["peer"])
    assert found["details"]["open_ours"]["training_pairs"] == 2000 * 4 * 4
    for side in ("ours", "open_ours", "open_ours_new"):
        assert found["details"][side]["peak_bytes"] < 2**30
    assert found["details"]["open_ours"]["own_bytes"] < 2**28
