"""Every reader and values that are not what they should be: NaN, nothing, other types, quotes, ids given twice.

Kept as they are, or refused in one sentence; never another collection without a word.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from form_samples import SAMPLES, as_json, as_lines, lay_out
from reader_samples import (
    CONFIG,
    READERS,
    RECIPE,
    as_npy,
    as_parquet,
    as_yaml,
    names,
    read_sound,
    refusal,
    unpacked,
)

from isoglot.data.convert import Reading, read_form

REFUSED, KEPT = "refused", "kept"


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What each reader makes of the sound files."""
    return read_sound(tmp_path_factory.mktemp("sound"))


# ---------------------------------------------------------------------------------------------- values of JSON

GONE = object()
TEXTS: dict[str, tuple[str, int, tuple[Any, ...]]] = {
    "afriqa": ("hau/gold_span_passages.afriqa.hau.en.test.json", 0, ("question_lang",)),
    "beir": ("corpus.jsonl", 0, ("text",)),
    "beir-query": ("queries.jsonl", 1, ("text",)),
    "dpr": ("train.json", 0, (0, "question")),
    "dpr-passage": ("train.json", 0, (1, "hard_negative_ctxs", 0, "text")),
    "dream": ("train.json", 0, (0, 1, 0, "question")),
    "dureader": ("search.train.json", 0, ("question",)),
    "dureader-retrieval": ("dev/dev.json", 0, ("question",)),
    "lareqa": ("de.json", 0, ("data", 0, "paragraphs", 0, "qas", 0, "question")),
    "mkqa-query": ("mkqa.jsonl.gz", 0, ("queries", "de")),
    "mkqa-answer": ("mkqa.jsonl.gz", 1, ("answers", "de", 0, "text")),
    "squad": ("test/test-context-en-question-en.json", 0, ("data", 0, "paragraphs", 0, "context")),
    "squad-question": (
        "test/test-context-en-question-en.json",
        0,
        ("data", 0, "paragraphs", 0, "qas", 0, "question"),
    ),
}
IDS: dict[str, tuple[str, int, tuple[Any, ...]]] = {
    "afriqa": ("hau/gold_span_passages.afriqa.hau.en.test.json", 0, ("id",)),
    "beir": ("corpus.jsonl", 2, ("_id",)),
    "dpr-id": ("train.json", 0, (0, "negative_ctxs", 0, "passage_id")),
    "dream": ("train.json", 0, (0, 2)),
    "dureader": ("search.train.json", 0, ("question_id",)),
    "dureader-retrieval": ("dev/dev.json", 0, ("question_id",)),
    "lareqa": ("de.json", 0, ("data", 0, "paragraphs", 0, "qas", 0, "id")),
    "mkqa": ("mkqa.jsonl.gz", 0, ("example_id",)),
    "squad": ("test/test-context-en-question-en.json", 0, ("data", 0, "paragraphs", 0, "qas", 0, "id")),
}
MANGLED = "a \"b\"\t'c',\n\r\n{d} \u2028 \\n #"
VALUES: dict[str, tuple[Any, str]] = {
    "nan": (math.nan, REFUSED),
    "null": (None, REFUSED),
    "missing": (GONE, REFUSED),
    "empty": ("", REFUSED),
    "blank": (" \t", REFUSED),
    "number": (7, REFUSED),
    "list": (["x"], REFUSED),
    "true": (True, REFUSED),
    "quotes-tabs-line-feeds": (MANGLED, KEPT),
    "quotation-mark": ('"', KEPT),
}
OF_IDS = {
    "nan": (math.nan, REFUSED),
    "null": (None, REFUSED),
    "missing": (GONE, REFUSED),
    "empty": ("", REFUSED),
    "list": (["x"], REFUSED),
    "true": (True, REFUSED),
    "half": (1.5, REFUSED),
    "tab": ("a\tb", REFUSED),
    "line-feed": ("a\nb", REFUSED),
    "number": (77, KEPT),
    "quotes": ("\"a\", 'b'", KEPT),
}
EXCEPT = {  # by the form's own rules
    ("dpr-id", "null"): KEPT,  # a passage without an id is named by its text
    ("dpr-id", "missing"): KEPT,
    ("dpr-id", "empty"): KEPT,
    ("beir", "number"): REFUSED,  # ids of collections are texts, as in BEIR
    ("dream", "number"): REFUSED,
    ("mkqa-query", "missing"): KEPT,  # a question need not be asked in all languages
    ("lareqa", "number"): REFUSED,
}


def with_value(folder: Path, place: tuple[str, int, tuple[Any, ...]], value: Any) -> None:
    """Put a value into a place of a file."""
    name, number, path = place
    whole = unpacked((folder / name).read_bytes())
    lines = [json.loads(line) for line in whole.splitlines()]
    holder = lines[number]
    for key in path[:-1]:
        holder = holder[key]
    if value is GONE:
        del holder[path[-1]]
    else:
        holder[path[-1]] = value
    (folder / name).write_bytes(as_lines(*lines))


def all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for pair in value.items() for one in pair for text in all_texts(one))
    elif isinstance(value, list | tuple | set):
        yield from (text for one in value for text in all_texts(one))


def sizes(splits: Any) -> dict[str, tuple[int, int]]:
    """Of each split, how many query versions and relevant pairs there are."""
    return {name: (len(one[1]), len(one[4])) for name, (one, _) in splits.items()}


def check_value(row: str, place: tuple[str, int, tuple[Any, ...]], value: Any, expected: str, root: Path) -> None:
    reader = next(form for form in SAMPLES if row == form or (row.startswith(f"{form}-") and row not in SAMPLES))
    folder = lay_out(root / "x", READERS[reader].files)
    before = READERS[reader].read(folder)
    with_value(folder, place, value)
    if expected == REFUSED:
        assert names(refusal(reader, folder), place[0].rpartition("/")[2])
        return
    after = READERS[reader].read(folder)
    if value is not GONE:
        assert sizes(after) == sizes(before)
    if isinstance(value, str) and value:
        assert any(value in text for text in all_texts(after))


@pytest.mark.parametrize("hazard", VALUES)
@pytest.mark.parametrize("row", TEXTS)
def test_a_text_is_kept_as_it_is_or_refused(row: str, hazard: str, tmp_path: Path) -> None:
    value, expected = VALUES[hazard]
    check_value(row, TEXTS[row], value, EXCEPT.get((row, hazard), expected), tmp_path)


@pytest.mark.parametrize("hazard", OF_IDS)
@pytest.mark.parametrize("row", IDS)
def test_an_id_is_kept_as_it_is_or_refused(row: str, hazard: str, tmp_path: Path) -> None:
    value, expected = OF_IDS[hazard]
    check_value(row, IDS[row], value, EXCEPT.get((row, hazard), expected), tmp_path)


# ------------------------------------------------------------------------------------------- values of other files


@dataclass(frozen=True)
class Case:
    """A file of a reader with another content.

    Attributes:
        reader: of `READERS`.
        name: the file.
        content: what it holds.
        told: what the refusal says; None where it is read as the sound file is.
    """

    reader: str
    name: str
    content: bytes
    told: str | None


def changed(reader: str, name: str, old: bytes, new: bytes, told: str | None) -> Case:
    content = unpacked(READERS[reader].files[name])
    assert old in content
    return Case(reader, name, content.replace(old, new, 1), told)


def added(reader: str, name: str, line: bytes, told: str | None) -> Case:
    return Case(reader, name, unpacked(READERS[reader].files[name]) + line + b"\n", told)


def result(**changes: Any) -> Case:
    content = json.loads(READERS["result"].files["result.json"]) | changes
    key = next(iter(changes))
    return Case("result", "result.json", as_json(content), f"{key!r} is")


VECTORS = [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
CASES: dict[str, Case] = {
    # judgments in TREC's four columns
    "judgments-score-is-text": changed("trec judgments", "qrels.tsv", b"d2 1", b"d2 yes", "line 2: 'yes'"),
    "judgments-score-is-nan": changed("trec judgments", "qrels.tsv", b"d2 1", b"d2 nan", "line 2: 'nan'"),
    "judgments-score-is-half": changed("trec judgments", "qrels.tsv", b"d2 1", b"d2 1.5", "line 2: '1.5'"),
    "judgments-score-is-float": changed("trec judgments", "qrels.tsv", b"d2 1", b"d2 1.0", None),
    "judgments-score-is-missing": changed("trec judgments", "qrels.tsv", b"d2 1", b"d2", "qrels.tsv line 2"),
    "judgments-twice": added("trec judgments", "qrels.tsv", b"q1 0 d2 1", "qrels.tsv line 3"),
    "judgments-in-quotes": changed("trec judgments", "qrels.tsv", b"d2", b'"d2"', "qrels.tsv line 2"),
    "judgments-header": Case(
        "trec judgments", "qrels.tsv", b"qid iter docid rel\n" + READERS["trec judgments"].files["qrels.tsv"], None
    ),
    "judgments-blank-lines": changed("trec judgments", "qrels.tsv", b"\n", b"\n\n \n", None),
    "documents-id-twice": added(
        "trec judgments", "corpus.jsonl", b'{"_id": "d2", "lang": "de", "text": "x"}', "corpus.jsonl line 4"
    ),
    "queries-id-twice": added(
        "trec judgments", "queries.jsonl", b'{"_id": "q1", "lang": "de", "text": "x"}', "queries.jsonl line 3"
    ),
    "metadata-truth-is-text": changed("trec judgments", "collection.yaml", b"false", b"nein", "'keep_tags'"),
    "metadata-key-twice": added("trec judgments", "collection.yaml", b"name: other", "'name' is given twice"),
    "metadata-name-is-a-list": changed("trec judgments", "collection.yaml", "Flüsse".encode(), b"[a]", "'name'"),
    "metadata-is-a-list": Case("trec judgments", "collection.yaml", b"- name\n", "collection.yaml must hold keys"),
    # Parquet
    "parquet-null": Case(
        "parquet",
        "corpus.parquet",
        as_parquet({"_id": ["d0", None], "lang": ["en"] * 2, "text": ["a", "b"]}),
        "row 2",
    ),
    "parquet-empty-text": Case(
        "parquet",
        "corpus.parquet",
        as_parquet({"_id": ["d0", "d1"], "lang": ["en"] * 2, "text": ["a", ""]}),
        "row 2",
    ),
    "parquet-id-twice": Case(
        "parquet",
        "corpus.parquet",
        as_parquet({"_id": ["d0", "d0"], "lang": ["en"] * 2, "text": ["a", "b"]}),
        "row 2",
    ),
    "parquet-list-for-text": Case(
        "parquet", "corpus.parquet", as_parquet({"_id": ["d0"], "lang": ["en"], "text": [["a"]]}), "'text'"
    ),
    "parquet-number-for-text": Case(
        "parquet", "corpus.parquet", as_parquet({"_id": ["d0"], "lang": ["en"], "text": [1.5]}), "'text'"
    ),
    "parquet-nan-for-text": Case(
        "parquet", "corpus.parquet", as_parquet({"_id": ["d0"], "lang": ["en"], "text": [math.nan]}), "no 'text'"
    ),
    "parquet-nan-for-titles": Case(
        "parquet",
        "corpus.parquet",
        as_parquet(
            {
                "_id": ["d0", "d1", "d2"],
                "lang": ["en"] * 3,
                "text": ["text 0", "text 1", "text 2"],
                "title": [math.nan] * 3,
            }
        ),
        None,
    ),
    "parquet-nan-score": Case(
        "parquet",
        "qrels.parquet",
        as_parquet({"query-id": ["q0"], "corpus-id": ["d0"], "score": [math.nan]}),
        "qrels.parquet",
    ),
    "parquet-text-for-score": Case(
        "parquet", "qrels.parquet", as_parquet({"query-id": ["q0"], "corpus-id": ["d0"], "score": ["x"]}), "'score'"
    ),
    "parquet-no-column": Case("parquet", "qrels.parquet", as_parquet({"query-id": ["q0"]}), "'corpus-id'"),
    "parquet-no-row": Case(
        "parquet",
        "queries.parquet",
        as_parquet(
            {"_id": pa.array([], pa.string()), "lang": pa.array([], pa.string()), "text": pa.array([], pa.string())}
        ),
        "holds no queries",
    ),
    # embeddings
    "npy-nan": Case("npy", "q.npy", as_npy(np.array([[math.nan, 1, 2], [3, 4, 5]])), "NaN or infinite"),
    "npy-text": Case("npy", "q.npy", as_npy(np.array([["a"], ["b"]])), "embeddings are numbers"),
    "npy-one-row": Case("npy", "q.npy", as_npy(np.arange(3.0)), "q.npy"),
    "npy-no-row": Case("npy", "q.npy", as_npy(np.empty((0, 3))), "q.npy"),
    "npy-no-dimension": Case("npy", "q.npy", as_npy(np.empty((2, 0))), "q.npy"),
    "npy-objects": Case("npy", "q.npy", as_npy(np.array([["a", None, 1]] * 2, object)), "q.npy"),
    "ids-twice": changed("npy", "d.ids", b"d3", b"d2", "ids twice"),
    "ids-unknown": changed("npy", "d.ids", b"d3", b"d9", "'d9'"),
    "ids-in-quotes": changed("npy", "d.ids", b"d3", b'"d3"', "d3"),
    "ids-blank": changed("npy", "d.ids", b"d3", b" ", "d.npy"),
    "ids-header": Case("npy", "d.ids", b"docid\n" + READERS["npy"].files["d.ids"], None),
    "parquet-embeddings-null": Case(
        "parquet embeddings",
        "q.parquet",
        as_parquet({"_id": ["q1", None], "lang": ["de", "en"], "embedding": VECTORS}),
        "without _id",
    ),
    "parquet-embeddings-ragged": Case(
        "parquet embeddings",
        "q.parquet",
        as_parquet({"_id": ["q1", "q1"], "lang": ["de", "en"], "embedding": [[1.0], [1.0, 2.0]]}),
        "different dimensions",
    ),
    "parquet-embeddings-text": Case(
        "parquet embeddings",
        "q.parquet",
        as_parquet({"_id": ["q1", "q1"], "lang": ["de", "en"], "embedding": ["a", "b"]}),
        "not lists of numbers",
    ),
    "parquet-embeddings-ids-are-lists": Case(
        "parquet embeddings",
        "q.parquet",
        as_parquet({"_id": [["q1"], ["q1"]], "lang": ["de", "en"], "embedding": VECTORS}),
        "'_id'",
    ),
    "parquet-embeddings-tags-are-numbers": Case(
        "parquet embeddings",
        "q.parquet",
        as_parquet({"_id": ["q1", "q1"], "lang": [1, 2], "embedding": VECTORS}),
        "q1@1",
    ),
    # runs
    "run-score-is-text": changed("run", "system.run", b"1.5", b"high", "line 2: the score 'high'"),
    "run-score-is-nan": changed("run", "system.run", b"1.5", b"nan", "line 2: the score nan"),
    "run-score-is-missing": changed("run", "system.run", b" 1.5", b"", "line 2"),
    "run-pair-twice": added("run", "system.run", b"q1@en Q0 d2 3 1 mine", "line 4"),
    "run-in-quotes": changed("run", "system.run", b"d2", b'"d2"', "line 2"),
    "run-between-tabs": Case("run", "system.run", READERS["run"].files["system.run"].replace(b" ", b"\t"), None),
    "run-header": Case(
        "run", "system.run", b"query Q0 docid rank score tag\n" + READERS["run"].files["system.run"], None
    ),
    # lexicons
    "lexicon-one-word": added("lexicon", "en-de.tsv", b"alone", "line 4"),
    "lexicon-empty-field": added("lexicon", "en-de.tsv", b"alone\t ", "line 4"),
    "lexicon-three-fields": added("lexicon", "en-de.tsv", b"a\tb\tc", "line 4"),
    "lexicon-pair-twice": added("lexicon", "en-de.tsv", b"river\tFluss", None),
    "wordnet-two-fields": added("wordnet", "wn-data-pol.tab", b"3-n\tlemma", "line 4"),
    "wordnet-without-language": changed("wordnet", "wn-data-pol.tab", b"\tpol\t", b"\t\t", "line 1"),
    # passages
    "passages-two-fields": added("mkqa with passages", "psgs.tsv", b"9\tx", "line 4"),
    "passages-empty-text": added("mkqa with passages", "psgs.tsv", b"9\t\tx", "line 4"),
    "passages-empty-id": added("mkqa with passages", "psgs.tsv", b"\tx\ty", "line 4"),
    "passages-twice": added("mkqa with passages", "psgs.tsv", "7\tby Ridley Scott\tFilmé".encode(), None),
    "passages-id-twice": added("mkqa with passages", "psgs.tsv", b"7\tother\tFilm", "line 4"),
    # settings
    "config-key-twice": added("config", "run.yaml", b"steps: 8", "'steps' is given twice"),
    "config-unknown-key": added("config", "run.yaml", b"stepz: 8", "did you mean steps?"),
    "config-text-for-number": changed("config", "run.yaml", b"steps: 4", b"steps: many", "'steps'"),
    "config-nan": added("config", "run.yaml", b"learning_rate: .nan", "'learning_rate'"),
    "config-list-for-text": changed("config", "run.yaml", b"static", b"[static]", "'encoder'"),
    "config-is-a-list": Case("config", "run.yaml", as_yaml([CONFIG]), "must hold keys and values"),
    "config-tab": added("config", "run.yaml", b"\tseed: 1", "cannot be read as YAML"),
    "config-date-that-is-none": added("config", "run.yaml", b"seed: 2024-99-99", "run.yaml"),
    "config-key-is-a-list": added("config", "run.yaml", b"? [a]\n: 1", "cannot be read as YAML"),
    "recipe-key-twice": added("recipe", "tiny.yaml", b"title: other", "'title' is given twice"),
    "recipe-null": Case("recipe", "tiny.yaml", as_yaml(RECIPE | {"title": None}), "'title'"),
    "recipe-list-for-text": Case("recipe", "tiny.yaml", as_yaml(RECIPE | {"title": ["x"]}), "'title'"),
    # results
    "result-nan": changed(
        "result",
        "result.json",
        b'"geometry": {',
        b'"geometry": {"x": NaN, ',
        "is not a result file: it is not JSON",
    ),
    "result-is-a-list": Case("result", "result.json", b"[]", "is not a result file"),
    "result-too-deep": Case("result", "result.json", b"[" * 100_000, "is not a result file"),
    "result-text-for-figures": result(multilingual="x"),
    "result-text-for-a-figure": result(multilingual={"AP": "x"}),
    "result-number-for-name": result(collection=7),
    "result-null-for-pairs": result(pairs=None),
    "result-list-for-bias": result(bias=[]),
    "result-numbers-for-pairs": result(pairs=[1]),
    "result-numbers-for-languages": result(languages=[1, 2]),
}


@pytest.mark.parametrize("name", CASES)
def test_a_value_is_read_as_the_field_reads_it_or_refused(name: str, sound: dict[str, Any], tmp_path: Path) -> None:
    case = CASES[name]
    folder = lay_out(tmp_path / "x", READERS[case.reader].files)
    (folder / case.name).write_bytes(case.content)
    if case.told is None:
        assert READERS[case.reader].read(folder) == sound[case.reader]
    else:
        assert case.told in refusal(case.reader, folder)


@pytest.mark.parametrize("last", [b"\xff\n", b"\t\t\xff\t0"])
def test_lines_that_are_left_out_count_where_ids_go_by_lines(last: bytes, tmp_path: Path) -> None:
    """The passage after a line that cannot be read, at the end of a part, has the id of its own line."""
    part = "passage-collection/part-00"
    files = dict(SAMPLES["dureader-retrieval"])
    before = files["passage-collection/part-01"]
    files |= {part: files[part] + last, "passage-collection/part-01": "\t\t新。\t0\n".encode() + before}
    files["passage-collection/passage2id.map.json"] = as_json({"0": "a", "1": "b", "2": "bad", "3": "c", "4": "d"})
    read = read_form(lay_out(tmp_path, files), "dureader-retrieval", Reading(lenient=True))["train"]
    named = dict(zip(read.documents["_id"].to_pylist(), read.documents["text"].to_pylist(), strict=True))
    assert {name: named[name] for name in ("c", "d")} == {"c": "新。", "d": "先打开微信。"}
