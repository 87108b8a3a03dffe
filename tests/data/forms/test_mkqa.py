"""MKQA: its answers as documents, and passages that hold them."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest
from form_samples import MKQA, SAMPLES, as_lines, documents, extras, judged, lay_out, mkqa_line, queries

from isoglot.collections import Collection
from isoglot.data.convert import Reading, convert, read_form
from isoglot.errors import InputError

PASSAGES = [
    {"_id": "p1", "title": "Gladiator", "text": "A film by Ridley Scott, of 2000."},
    {"_id": "p2", "title": "Alien", "text": "A film by ridley scott."},
    {"_id": "p3", "title": "", "text": "Great Scott! Ridley was there."},
    {"_id": "p4", "title": "", "text": "It opened on 5 May 2000 in cinemas."},
]


def read(source: Path, **options) -> Collection:
    (collection,) = read_form(source, "mkqa", Reading(**options)).values()
    return collection


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "mkqa", SAMPLES["mkqa"])


def test_answers_are_the_documents_of_questions_in_all_languages(source: Path):
    collection = read(source)
    assert collection.languages == ("de", "en", "zh-CN")
    assert queries(collection)["-7", "zh-CN"] == "谁导演了角斗士"
    assert sorted(documents(collection).values()) == [
        ("de", "", "2000"),
        ("de", "", "Ridley Scott"),
        ("en", "", "2000"),
        ("en", "", "2000-05-05"),
        ("en", "", "Ridley Scott"),
        ("zh-CN", "", "2000年"),
        ("zh-CN", "", "雷德利·斯科特"),
    ]
    assert judged(collection) == {
        "-7": {"Ridley Scott", "雷德利·斯科特"},
        "8": {"2000", "2000-05-05", "2000年"},
    }
    counts = {tag: len(collection.pairs(tag, "en")[0]) for tag in collection.languages}
    assert counts == {"de": 3, "en": 3, "zh-CN": 3}


def test_questions_without_a_short_answer_are_left_out_by_type(source: Path):
    assert read(source).metadata["left_out"] == {
        "question whose answer is unanswerable": 1,
        "question whose answer is binary": 1,
    }


def test_answers_and_aliases_stay_with_each_version(source: Path):
    found = extras(read(source))
    assert found["-7", "en"] == {"answers": ["Ridley Scott", "Sir Ridley Scott"]}
    assert found["8", "en"] == {"answers": ["2000", "2000-05-05", "5 May 2000"]}
    assert found["-7", "zh-CN"] == {"answers": ["雷德利·斯科特"]}


def test_packed_and_unpacked_files_are_the_same(source: Path, tmp_path: Path):
    (tmp_path / "mkqa.jsonl").write_bytes(MKQA)
    assert (
        queries(read(tmp_path / "mkqa.jsonl")) == queries(read(source / "mkqa.jsonl.gz")) == queries(read(source))
    )


@pytest.mark.parametrize("form", ["folder", "table", "packed table"])
def test_passages_that_hold_an_answer_are_relevant_in_every_question_language(
    source: Path, tmp_path: Path, form: str
):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    if form == "folder":
        (corpus / "corpus.jsonl").write_bytes(as_lines(*PASSAGES))
    else:
        rows = [f'{row["_id"]}\t"{row["text"]}"\t{row["title"]}\n' for row in PASSAGES]
        content = "".join(["id\ttext\ttitle\n", *rows]).encode()
        corpus = tmp_path / "psgs.tsv"
        corpus.write_bytes(gzip.compress(content) if form == "packed table" else content)
    written = convert(source, "mkqa", tmp_path / "out", corpus=corpus, language="en")[None]
    assert documents(written) == {row["_id"]: ("en", row["title"], row["text"]) for row in PASSAGES}
    assert judged(written) == {
        "-7": {PASSAGES[0]["text"], PASSAGES[1]["text"]},
        "8": {PASSAGES[0]["text"], PASSAGES[3]["text"]},
    }
    assert len(written.pairs("zh-CN", "en")[0]) == 4
    assert written.metadata["relevance"] == "answer match"
    assert (tmp_path / "out" / "qrels.tsv").read_text().splitlines()[1:] == [
        "-7\tp1\t1", "8\tp1\t1", "-7\tp2\t1", "8\tp4\t1"
    ]  # fmt: skip


def test_a_corpus_without_language_or_answers_is_said(source: Path, tmp_path: Path):
    (tmp_path / "corpus.jsonl").write_bytes(as_lines(*PASSAGES))
    with pytest.raises(InputError, match="no 'lang': give the language of all texts with --lang"):
        read(source, corpus=tmp_path)
    with pytest.raises(InputError, match=r"no passage of the corpus \(fr\) holds an answer of mkqa"):
        read(source, corpus=tmp_path, language="fr")
    (tmp_path / "p.tsv").write_text("1\tRidley Scott\t\n")
    with pytest.raises(InputError, match=r"p\.tsv does not say its language"):
        read(source, corpus=tmp_path / "p.tsv")
    with pytest.raises(InputError, match=r"has no corpus\.jsonl"):
        read(source, corpus=source)
    with pytest.raises(InputError, match="missing: expected a folder with"):
        read(source, corpus=tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("2\tonly two\n", "not three tab-separated fields"),
        ("2\t \t\n", "empty text"),
        ("1\tother\t\n", "two texts"),
    ],
)
def test_a_bad_passage_is_named(source: Path, tmp_path: Path, row: str, message: str):
    path = tmp_path / "p.tsv"
    path.write_text(f"1\tRidley Scott\t\n{row}")
    with pytest.raises(InputError, match=f"{message}.*p.tsv line 2"):
        read(source, corpus=path, language="en")
    assert list(documents(read(source, corpus=path, language="en", lenient=True))) == ["1"]


def test_repeated_passages_of_a_folder_are_named(source: Path, tmp_path: Path):
    (tmp_path / "corpus.jsonl").write_bytes(as_lines(PASSAGES[0], PASSAGES[0]))
    with pytest.raises(InputError, match=r"duplicate document id \(corpus.jsonl line 2: 'p1'\)"):
        read(source, corpus=tmp_path, language="en")
    assert list(documents(read(source, corpus=tmp_path, language="en", lenient=True))) == ["p1"]


ANSWER = {"en": [{"type": "entity", "text": "Bonn"}]}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (mkqa_line(1, {"en": "what"}, {"en": [{"type": "entity", "text": None}]}), "an answer without text"),
        (mkqa_line(1, {"en": "what"}, {"en": [{"text": "Bonn"}]}), "no 'type'"),
        (mkqa_line(1, {"en": "what"}, {"en": "Bonn"}), "'en' is not a list"),
        (mkqa_line(1, {"english": "what"}, ANSWER), "not a language tag"),
        (mkqa_line(1, {}, ANSWER), "a question in no language"),
        (mkqa_line(1, {"en": 3}, ANSWER), "'en' is not a string"),
        ({"queries": {"en": "what"}, "answers": ANSWER}, "no 'example_id'"),
    ],
)
def test_a_bad_line_is_named_and_only_it_is_left_out(tmp_path: Path, line: dict, message: str):
    path = tmp_path / "mkqa.jsonl"
    path.write_bytes(MKQA + as_lines(line))
    with pytest.raises(InputError, match=rf"{message}.*mkqa\.jsonl line 5"):
        read(path)
    assert set(read(path, lenient=True).query_ids.to_pylist()) == {"-7", "8"}


def test_the_published_sample_in_26_languages(shared_data: Path):
    path = shared_data / "mkqa" / "sample.jsonl.gz"
    collection = read(path)
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    kept = [line for line in lines if line["answers"]["en"][0]["type"] not in ("unanswerable", "long_answer")]
    assert len(lines) == 6
    assert len(kept) == len(collection.query_ids) == 3
    assert len(collection.languages) == 26
    assert len(queries(collection)) == 3 * 26
    assert all((collection.pair_counts > 0).flatten())
    assert queries(collection)["7631360939705650347", "zh-HK"] == kept[-1]["queries"]["zh_hk"]
    assert {"Ridley Scott", "雷德利·斯科特"} <= judged(collection)["7631360939705650347"]
