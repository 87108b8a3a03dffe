"""Tables of one's own: every question and answer of a row is there once, in its language, and linked by its id."""

from __future__ import annotations

import csv
import gzip
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from form_samples import documents, judged, lay_out, queries
from hypothesis import given, settings
from hypothesis import strategies as st

import isoglot as ig
from isoglot.cli import main
from isoglot.collections import Collection, read_collection
from isoglot.data.convert import Reading, convert, read_columns, read_form
from isoglot.data.forms import table as table_form
from isoglot.data.forms.columns import Columns, Version, parse_parallel
from isoglot.errors import InputError

ROWS = [
    {"entry": 1, "language": "en", "question": "How late?", "answer": 'Until "eight"; or\nnine.'},
    {"entry": 1, "language": "de", "question": "Wie lange?", "answer": "Bis acht, oder neun."},
    {"entry": 2, "language": "en", "question": "Where?", "answer": "Here."},
    {"entry": 2, "language": "th", "question": "ที่ไหน", "answer": "ที่นี่"},
]
COLUMNS = {"query": "question", "document": "answer", "id": "entry"}


def as_csv(rows: list[dict[str, Any]], separator: str = ",") -> bytes:
    written = io.StringIO(newline="")
    writer = csv.DictWriter(written, list(rows[0]), delimiter=separator)
    writer.writeheader()
    writer.writerows(rows)
    return written.getvalue().encode()


def as_parquet(rows: list[dict[str, Any]]) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink)
    return sink.getvalue().to_pybytes()


def read(path: Path, language: str | None = "language", **columns: Any) -> Collection:
    reading = Reading(language=language, columns=read_columns(**{**COLUMNS, **columns}))
    return read_form(path, "table", reading)[None]


def contents(collection: Collection) -> tuple[Any, ...]:
    return documents(collection), queries(collection), judged(collection)


FILES = {
    "faq.csv": as_csv(ROWS),
    "excel.csv": b"\xef\xbb\xbf" + as_csv(ROWS, ";").replace(b"\r\n", b"\r\n"),
    "said.csv": b"sep=|\r\n" + as_csv(ROWS, "|"),
    "faq.tsv": as_csv(ROWS, "\t"),
    "faq.txt": as_csv(ROWS, "\t"),
    "faq.jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "faq.json": json.dumps(ROWS).encode(),
    "faq.parquet": as_parquet(ROWS),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", FILES)
def test_the_same_table_in_any_file_is_the_same_collection(name: str, packed: bool, tmp_path: Path):
    expected = contents(ig.collection_from_table(ROWS, language="language", **COLUMNS))
    path = tmp_path / (name + ".gz" * packed)
    path.write_bytes(gzip.compress(FILES[name]) if packed else FILES[name])
    assert contents(read(path)) == expected
    assert expected[1] == {(str(row["entry"]), row["language"]): row["question"] for row in ROWS}
    assert expected[2] == {
        "1": {'Until "eight"; or\nnine.', "Bis acht, oder neun."},
        "2": {"Here.", "ที่นี่"},
    }


def test_the_same_table_in_memory_is_the_same_collection():
    import pandas as pd
    from datasets import Dataset, DatasetDict

    expected = contents(ig.collection_from_table(ROWS, language="language", **COLUMNS))
    frame = pd.DataFrame(ROWS)
    holes = pd.DataFrame([*ROWS, {"question": None, "answer": float("nan")}])  # makes floats of the ids
    for table in (frame, Dataset.from_list(ROWS), pa.Table.from_pylist(ROWS), (dict(row) for row in ROWS)):
        assert contents(ig.collection_from_table(table, language="language", **COLUMNS)) == expected
    with pytest.raises(InputError, match=r"empty 'entry' \(row 5\)"):
        ig.collection_from_table(holes, language="language", **COLUMNS)
    lenient = ig.collection_from_table(holes, language="language", lenient=True, **COLUMNS)
    assert contents(lenient) == expected
    assert lenient.dropped == {"empty 'entry'": 1}
    for odd in ("faq.csv", {"question": []}, 3, [3], DatasetDict(train=Dataset.from_list(ROWS))):
        with pytest.raises(InputError, match=r"is no table|must be dicts|several tables"):
            ig.collection_from_table(odd, language="language", **COLUMNS)


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)
TEXTS = TEXTS.map(str.strip).filter(bool) | st.sampled_from(['"', 'a"b', "a,b", "a;b", "a\nb", "a\tb", "''", "=1"])


@settings(deadline=None, max_examples=40)
@given(
    table=st.lists(
        st.fixed_dictionaries(
            {"q": TEXTS, "a": TEXTS, "lang": st.sampled_from(["en", "de"]), "n": st.integers(0, 3)}
        ),
        min_size=1,
        max_size=8,
    ),
    separator=st.sampled_from(",;\t"),
)
def test_rows_are_judged_relevant_to_their_answer_and_texts_are_there_once(
    tmp_path_factory: pytest.TempPathFactory, table: list[dict[str, Any]], separator: str
):
    """Against the definition, by brute force: rows belong together that share an id or a question in a language."""
    first = {}  # a question of an id in a language: another one is an error
    table = [row for row in table if first.setdefault((row["n"], row["lang"]), row["q"]) == row["q"]]
    path = tmp_path_factory.mktemp("table") / "faq.csv"
    path.write_bytes(as_csv(table, separator))
    reading = Reading(language="lang", columns=read_columns("q", "a", id="n"))
    found = read_form(path, "table", reading)[None]
    texts = [(row["lang"], row["q"]) for row in table]
    assert sorted(set(texts)) == sorted(
        zip(*(found.queries[name].to_pylist() for name in ("lang", "text")), strict=True)
    )
    assert found.queries.num_rows == len(set(texts))
    answers = {(row["lang"], row["a"]) for row in table}
    assert sorted(answers) == sorted(
        zip(*(found.documents[name].to_pylist() for name in ("lang", "text")), strict=True)
    )

    def together(at: int) -> set[int]:
        reached, before = {at}, set()
        while reached != before:
            before = set(reached)
            ids, asked = {table[one]["n"] for one in reached}, {texts[one] for one in reached}
            reached = {i for i, row in enumerate(table) if row["n"] in ids or texts[i] in asked}
        return reached

    relevant = {
        (tag, text): {found.documents["_id"][int(row)].as_py() for row in found.relevance.of(int(index))}
        for tag, text, index in zip(
            found.queries["lang"].to_pylist(), found.queries["text"].to_pylist(), found.query_index, strict=True
        )
    }
    names = dict(
        zip(
            zip(*(found.documents[name].to_pylist() for name in ("lang", "text")), strict=True),
            found.documents["_id"].to_pylist(),
            strict=True,
        )
    )
    for at, text in enumerate(texts):
        assert relevant[text] == {names[table[one]["lang"], table[one]["a"]] for one in together(at)}


def test_one_file_a_language_is_linked_by_ids(tmp_path: Path):
    files = {
        f"faq.{tag}.csv": as_csv([row for row in ROWS if row["language"] == tag]) for tag in ("en", "de", "th")
    }
    found = read(lay_out(tmp_path, files), language=None)
    assert contents(found) == contents(ig.collection_from_table(ROWS, language="language", **COLUMNS))
    with pytest.raises(InputError, match=r"faq\.de\.csv is of the language de by its name; leave --lang out"):
        read(tmp_path, language="en")
    one = read(tmp_path / "faq.de.csv", language=None, id=None)
    assert one.languages == ("de",)
    assert one.queries["_id"][0].as_py().startswith("de/")


WIDE = [
    {"q_en": "How late?", "a_en": "Until eight.", "q_de": "Wie lange?", "a_de": "Bis acht.", "t_de": "Zeiten"},
    {"q_en": "Where?", "a_en": "Here.", "q_de": None, "a_de": "Hier.", "t_de": None},
    {"q_en": "Who?", "a_en": "", "q_de": "Wer?", "a_de": "", "t_de": None},
    {"q_en": "", "a_en": "", "q_de": "", "a_de": None, "t_de": ""},
]


def test_a_row_may_hold_an_entry_in_several_languages(caplog: pytest.LogCaptureFixture):
    caplog.set_level("INFO", logger="isoglot")
    found = ig.collection_from_table(WIDE, parallel={"en": ("q_en", "a_en"), "de": ("q_de", "a_de", "t_de")})
    assert queries(found) == {("1", "en"): "How late?", ("1", "de"): "Wie lange?", ("2", "en"): "Where?"}
    assert judged(found) == {"1": {"Until eight.", "Bis acht."}, "2": {"Here.", "Hier."}}
    assert {title for _, title, _ in documents(found).values()} == {"", "Zeiten"}
    left_out = {"row without a question and an answer": 1, "question without an answer": 2}
    assert found.metadata["left_out"] == left_out
    assert "left out 1 × row without a question and an answer; 2 × question without an answer" in caplog.text
    # answers in one language alone, of which each row, or something else, says which
    shared = ig.collection_from_table(WIDE, parallel={"en": "q_en", "de": "q_de"}, document="a_en", language="en")
    assert queries(shared) == queries(found)
    assert judged(shared) == {"1": {"Until eight."}, "2": {"Here."}}


def test_parallel_columns_are_parsed():
    assert parse_parallel(["en=q_en:a_en, de=q_de", "sw=:a_sw:t_sw"]) == {
        "en": Version("q_en", "a_en"),
        "de": Version("q_de"),
        "sw": Version(None, "a_sw", "t_sw"),
    }
    for bad in ("en", "=a", "en=", "en=:", "en=a:b:c:d", "en=a,", "en=a,en=b"):
        with pytest.raises(InputError, match="--parallel"):
            parse_parallel([bad])


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"query": "q"}, "no column of answers is named"),
        ({"parallel": {"en": "q"}}, "no column of answers is named"),
        ({"query": "q", "parallel": {"en": ("q", "a")}}, "--query and --parallel exclude each other"),
        ({"document": "a", "parallel": {"en": ("q", "a")}}, "--document and the answers of en in --parallel"),
        ({"title": "t", "parallel": {"en": ("q", "a")}}, "--title goes with --document"),
        ({"parallel": {"en": ()}}, "en needs a column"),
        ({"document": "a"}, "no column of questions is named"),
    ],
)
def test_columns_that_do_nothing_or_lack_are_refused(columns: dict[str, Any], said: str):
    with pytest.raises(InputError, match=said):
        ig.collection_from_table([{"q": "a", "a": "b"}], language="en", **columns)


BAD = {
    "lacks": (
        b"question,answers,language,entry\n",
        r"has no column 'answer' \(did you mean answers\?\); its columns",
    ),
    "twice": (b"question,answer,answer,entry,language\n", "two columns called 'answer'"),
    "fields": (as_csv(ROWS) + b"x\r\n", r"as many fields as the header has \(faq.csv line 7: 1, not 4\)"),
    "quotes": (as_csv(ROWS) + b'3,en,"Wh"o?,Me.\r\n', "faq.csv line 7: not CSV"),
    "unclosed": (as_csv(ROWS) + b'3,en,Who?,"Me.\r\n4,en,a,b\r\n', "faq.csv line 7: not CSV"),
    "latin": ("entry,language,question,answer\n1,de,Wofür?,Für".encode("latin-1"), "save it as UTF-8"),
    "workbook": (b"PK\x03\x04....", "is a workbook"),
    "empty": (b"\n\n", "is empty"),
    "tag": (
        as_csv([ROWS[0] | {"language": "German"}]),
        r"line 2: 'German' is not .*tag \(did you mean de\?\)",
    ),
    "two": (
        as_csv([ROWS[0], ROWS[2] | {"entry": 1}]),
        "an id with two questions in one language .*line 4: '1' in en",
    ),
    "id": (as_csv([ROWS[0] | {"entry": " "}]), "empty 'entry'"),
    "nothing": (as_csv([ROWS[0] | {"answer": " "}]), "no question with a relevant document .*1 × question without"),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_said_by_file_and_line(kind: str, tmp_path: Path):
    content, said = BAD[kind]
    (tmp_path / "faq.csv").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read(tmp_path / "faq.csv")


def test_bad_rows_are_left_out_and_counted_when_lenient(tmp_path: Path):
    path = tmp_path / "faq.csv"
    path.write_bytes(as_csv([*ROWS, ROWS[0] | {"language": "xx"}]) + b"x\r\n")
    reading = Reading(language="language", lenient=True, columns=read_columns(**COLUMNS))
    found = read_form(path, "table", reading)[None]
    assert contents(found) == contents(ig.collection_from_table(ROWS, language="language", **COLUMNS))
    assert sum(found.dropped.values()) == 2


def test_a_language_is_a_column_or_a_tag(tmp_path: Path):
    path = tmp_path / "faq.csv"
    path.write_bytes(as_csv([{"question": "a", "answer": "b", "entry": 1}]))
    assert read(path, language="sw").languages == ("sw",)
    wide = [{"en": "How late?", "answer": "Until eight.", "id": 7}]
    found = ig.collection_from_table(wide, parallel={"en": "en"}, document="answer", language="en", id="id")
    assert queries(found) == {("7", "en"): "How late?"}
    assert ig.collection_from_table(wide, query="en", document="answer", language="id", id="id").languages == (
        "id",
    )
    said = (
        r"--lang langage: .*has no such column, and it is no language tag; its columns are question, answer, entry"
    )
    with pytest.raises(InputError, match=said):
        read(path, language="langage")


def test_languages_are_identified_or_asked_for(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture):
    pytest.importorskip("py3langid")
    rows = [
        {
            "q": "When does the library close its doors on weekdays?",
            "a": "At eight in the evening, except on Friday.",
        },
        {
            "q": "Wann schließt die Bibliothek unter der Woche ihre Türen?",
            "a": "Um acht Uhr abends, außer am Freitag.",
        },
        {"q": "Maktaba hufungwa saa ngapi siku za kazi?", "a": "Saa mbili usiku, isipokuwa siku ya Ijumaa."},
        {"q": "Und wo?", "a": "Am Markt."},
    ]
    caplog.set_level("INFO", logger="isoglot")
    found = ig.collection_from_table(rows, query="q", document="a")
    assert found.queries["lang"].to_pylist() == ["en", "de", "sw", "de"]
    assert found.metadata["languages_identified"] == 4
    assert "4 rows have no language; identified by py3langid: 2 de, 1 en, 1 sw" in caplog.text
    given = [row | {"lang": tag} for row, tag in zip(rows, ("en", None, "sw", ""), strict=True)]
    some = ig.collection_from_table(given, query="q", document="a", language="lang")
    assert contents(some) == contents(found)
    assert some.metadata["languages_identified"] == 2
    monkeypatch.setattr(table_form, "language_identifier", lambda: None)
    with pytest.raises(InputError, match=r"2 rows have no language \(row 2, …\).*--lang.*isoglot\[identify\]"):
        ig.collection_from_table(given, query="q", document="a", language="lang")


def test_the_command_reads_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "faq.csv").write_bytes(FILES["excel.csv"])
    command = ["data", "convert", str(tmp_path / "faq.csv"), "--form", "table", "--to", str(tmp_path / "out")]
    assert (
        main([*command, "--query", "question", "--document", "answer", "--lang", "language", "--id", "entry"]) == 0
    )
    assert "read as separated by semicolons" in capsys.readouterr().err
    expected = contents(ig.collection_from_table(ROWS, language="language", **COLUMNS))
    assert contents(read_collection(tmp_path / "out")) == expected
    (tmp_path / "wide.csv").write_bytes(as_csv(WIDE))
    command[2], command[-1] = str(tmp_path / "wide.csv"), str(tmp_path / "wide")
    assert main([*command, "--parallel", "en=q_en:a_en,de=q_de:a_de:t_de"]) == 0
    parallel = {"en": ("q_en", "a_en"), "de": ("q_de", "a_de", "t_de")}
    assert contents(read_collection(tmp_path / "wide")) == contents(
        ig.collection_from_table(WIDE, parallel=parallel)
    )


def test_a_language_with_an_empty_header_and_long_fields(tmp_path: Path):
    long = "word " * 40_000  # longer than the module csv takes by itself
    path = tmp_path / "faq.csv"
    path.write_text(f'question,answer,\nWhat?,"{long}",note\n,,\n', encoding="utf-8")
    limit = csv.field_size_limit()
    found = convert(path, "table", tmp_path / "out", language="en", columns=read_columns("question", "answer"))[
        None
    ]
    assert judged(found).popitem()[1] == {long.strip()}
    assert csv.field_size_limit() == limit


def test_an_id_with_another_question_in_another_split_is_a_bad_row(tmp_path):
    (tmp_path / "faq.train.csv").write_text("n,lang,question,answer\n2,de,Wie?,Acht.\n")
    (tmp_path / "faq.test.csv").write_text("n,lang,question,answer\n2,de,Wo?,Hier.\n")
    reading = Reading(language="lang", columns=Columns("question", "answer", id="n"))
    with pytest.raises(InputError, match="a query id with two texts in one language"):
        read_form(tmp_path, "table", reading)
    found = read_form(tmp_path, "table", replace(reading, lenient=True))
    assert sum(one.queries.num_rows for one in found.values()) == 1
