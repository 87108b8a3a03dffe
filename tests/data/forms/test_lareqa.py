"""The LAReQA form: published counts, hand-checked answers, and files that are wrong in every way."""

from __future__ import annotations

import copy
import json
from collections import Counter
from pathlib import Path

import pytest

from isoglot.collections import Collection
from isoglot.data import load_collection
from isoglot.data.forms.lareqa import read_lareqa
from isoglot.errors import InputError

# README of github.com/google-research-datasets/lareqa, "Dataset statistics"
XQUAD_R = {
    "ar": 1222, "de": 1276, "el": 1234, "en": 1180, "es": 1215, "hi": 1244,
    "ru": 1219, "th": 852, "tr": 1167, "vi": 1209, "zh": 1196,
}  # fmt: skip

GERMAN = (
    "Nachdem er Edisons Firma verlassen hatte, verbündete sich Tesla 1886 mit zwei Geschäftsleuten, "
    "Robert Lane und Benjamin Vail, die sich bereit erklärten, ein Elektrikunternehmen in Teslas Namen, "
    "Tesla Electric Light & Manufacturing zu finanzieren."
)
THAI = (
    "ซึ่งมีชื่อว่า เทสลาอิเล็กทริกไลต์แอนด์แมนูแฟคเจอริง  บริษัทนี้ ติดตั้ง ระบบส่องสว่างโดยใช้แสงจากการอาร์กไฟฟ้า "
    "ซึ่งออกแบบโดย เทสลา และนอกจากนี้ยังออกแบบไดนาโมเปลี่ยนกระแสไฟฟ้าอีกด้วย"
)


@pytest.fixture(scope="module")
def xquad_r(shared_data: Path) -> Collection:
    return read_lareqa(shared_data / "xquad-r")


def relevant(collection: Collection, query: str) -> dict[str, str]:
    """Relevant document id -> text of a query id."""
    index = collection.query_ids.to_pylist().index(query)
    rows = collection.documents.take(collection.relevance.of(index)).to_pylist()
    return {row["_id"]: row["text"] for row in rows}


def test_xquad_r_has_the_published_counts(xquad_r: Collection):
    assert xquad_r.name == "xquad-r"
    assert Counter(xquad_r.documents["lang"].to_pylist()) == XQUAD_R
    assert xquad_r.documents.num_rows == 13_014
    assert Counter(xquad_r.queries["lang"].to_pylist()) == dict.fromkeys(XQUAD_R, 1190)
    assert len(xquad_r.query_ids) == 1190
    # one answer's sentence in each language: 11 mono and 110 cross pairs of 1,190 each
    assert (xquad_r.pair_counts == 1190).all()


def test_xquad_r_answers_lie_where_a_reader_finds_them(xquad_r: Collection):
    assert "en/3/1/0" in relevant(xquad_r, "56dfb5777aa994140058e021")
    # "Mit wem verbündete sich Tesla 1886?", "Was finanzierten Lane und Vail?": one German sentence, two Thai
    partners, financed = (relevant(xquad_r, f"56dfb5777aa994140058e02{n}") for n in (1, 2))
    assert partners["de/3/1/0"] == financed["de/3/1/0"] == GERMAN
    assert financed["th/3/1/1"] == THAI
    assert "โรเบิร์ต เลน และเบนจามิน เวล" in partners["th/3/1/0"]
    assert "th/3/1/1" not in partners
    assert len(partners) == len(financed) == 11


def test_xquad_r_sentences_with_their_paragraph(shared_data: Path, xquad_r: Collection):
    collection = read_lareqa(shared_data / "xquad-r", "sentence+context")
    assert collection.documents["_id"].equals(xquad_r.documents["_id"])
    assert collection.judgments.equals(xquad_r.judgments)
    text = relevant(collection, "56dfb5777aa994140058e021")["de/3/1/0"]
    assert text.startswith(f"{GERMAN}\n{GERMAN} Das Unternehmen installierte")


def test_xquad_r_paragraphs(shared_data: Path):
    collection = read_lareqa(shared_data / "xquad-r", "paragraph")
    assert Counter(collection.documents["lang"].to_pylist()) == dict.fromkeys(XQUAD_R, 240)
    assert (collection.pair_counts == 1190).all()
    assert relevant(collection, "56dfb5777aa994140058e022")["th/3/1"].count(THAI) == 1


# ------------------------------------------------------------------------------------------- a small one


def paragraph(sentences: list[str], *questions: tuple[str, str, str]) -> dict:
    """A paragraph of sentences one space apart, with questions (id, question, answer)."""
    context = " ".join(sentences)
    starts = [sum(len(sentence) + 1 for sentence in sentences[:number]) for number in range(len(sentences))]
    return {
        "context": context,
        "sentence_breaks": [[start, start + len(text)] for start, text in zip(starts, sentences, strict=True)],
        "qas": [
            {
                "id": name,
                "question": question,
                "answers": [{"text": answer, "answer_start": context.index(answer)}],
            }
            for name, question, answer in questions
        ],
    }


def squad(*articles: list[dict]) -> dict:
    return {"version": "1", "data": [{"title": "t", "paragraphs": paragraphs} for paragraphs in articles]}


# as in MLQA-R: English has all questions, other languages some, and articles differ in number and order
ENGLISH = squad(
    [paragraph(["A is 1.", "B is 2."], ("a", "What is A?", "1"), ("b", "What is B?", "2"))],
    [paragraph(["None."]), paragraph(["C is 3."], ("c", "What is C?", "C is 3"))],
)
CHINESE = squad([paragraph(["丙是3。"], ("c", "丙是什么？", "3"))])
SWAHILI = squad([paragraph(["B ni 2.", "Ndiyo."], ("b", "B ni nini?", "2"))], [])


@pytest.fixture
def mlqa_r(tmp_path: Path) -> Path:
    folder = tmp_path / "mlqa-r"
    folder.mkdir()
    for name, content in (("en", ENGLISH), ("zh_cn", CHINESE), ("swa", SWAHILI)):
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


def test_questions_need_not_be_in_every_language(mlqa_r: Path):
    (mlqa_r / "README.md").write_text("no data")
    (mlqa_r / "._en.json").write_text("what some systems leave beside a file")
    collection = read_lareqa(mlqa_r)
    assert collection.name == "mlqa-r"
    assert collection.languages == ("en", "sw", "zh-CN")
    assert relevant(collection, "a") == {"en/0/0/0": "A is 1."}
    assert relevant(collection, "b") == {"en/0/0/1": "B is 2.", "sw/0/0/0": "B ni 2."}
    assert relevant(collection, "c") == {"en/1/1/0": "C is 3.", "zh-CN/0/0/0": "丙是3。"}
    assert collection.documents["_id"].to_pylist() == [
        "en/0/0/0", "en/0/0/1", "en/1/0/0", "en/1/1/0", "sw/0/0/0", "sw/0/0/1", "zh-CN/0/0/0"
    ]  # fmt: skip
    assert collection.pair_counts.tolist() == [[3, 1, 1], [1, 1, 0], [1, 0, 1]]


def test_one_file_is_a_collection_of_one_language(mlqa_r: Path, tmp_path: Path):
    collection = read_lareqa(mlqa_r / "swa.json")
    assert collection.languages == ("sw",)
    assert collection.name == "mlqa-r/swa"
    named = (mlqa_r / "swa.json").rename(tmp_path / "dev-v1.json")
    assert read_lareqa(named, language="SWA").documents.equals(collection.documents)
    with pytest.raises(InputError, match=r"dev-v1\.json: its name does not say the language"):
        read_lareqa(named)


def test_an_answer_belongs_to_the_sentence_in_which_it_begins(tmp_path: Path):
    content = squad([paragraph(["One two.", "Three."], ("across", "?", "two. Three"), ("space", "?", " Three"))])
    (tmp_path / "en.json").write_text(json.dumps(content))
    collection = read_lareqa(tmp_path)
    assert list(relevant(collection, "across")) == ["en/0/0/0"]
    assert list(relevant(collection, "space")) == ["en/0/0/1"]


def test_the_first_answer_decides(tmp_path: Path):
    content = squad([paragraph(["It is 1.", "Or 1."], ("q", "?", "1"))])
    content["data"][0]["paragraphs"][0]["qas"][0]["answers"].append({"text": "1", "answer_start": 12})
    (tmp_path / "en.json").write_text(json.dumps(content))
    assert list(relevant(read_lareqa(tmp_path), "q")) == ["en/0/0/0"]


def changed(path: str, value: object) -> dict:
    """The English file with one entry replaced, or removed if the value is ..."""
    content = copy.deepcopy(ENGLISH)
    *way, last = [int(key) if key.isdigit() else key for key in path.split("/")]
    entry = content
    for key in way:
        entry = entry[key]
    if value is ...:
        del entry[last]
    else:
        entry[last] = value
    return content


P, Q = "data/0/paragraphs/0", "data/0/paragraphs/0/qas/1"
PARAGRAPH, QUESTION = "en.json article 0 paragraph 0", "en.json article 0 paragraph 0 question 'b'"
BAD = [
    ("data/0/paragraphs", ..., "en.json article 0", "no 'paragraphs'"),
    ("data/0", 7, "en.json article 0", "not a JSON object"),
    (P, [], PARAGRAPH, "not a JSON object"),
    (f"{P}/context", ..., PARAGRAPH, "no 'context'"),
    (f"{P}/context", 5, PARAGRAPH, "'context' is not a string"),
    (f"{P}/context", " ", PARAGRAPH, "empty 'context'"),
    (f"{P}/context", "\ud800" * 20, PARAGRAPH, "half a surrogate pair"),
    (f"{P}/sentence_breaks", ..., PARAGRAPH, "no 'sentence_breaks'"),
    (f"{P}/sentence_breaks", "0 7", PARAGRAPH, "'sentence_breaks' is not a list"),
    (f"{P}/sentence_breaks", [[0, 7], [8]], PARAGRAPH, "a sentence break is not [start, end]"),
    (f"{P}/sentence_breaks", [[False, 7]], PARAGRAPH, "a sentence break is not [start, end]"),
    (f"{P}/sentence_breaks", [[0, 7], [8, 16]], PARAGRAPH, "sentence breaks out of range"),
    (f"{P}/sentence_breaks", [[-7, 7], [8, 15]], PARAGRAPH, "sentence breaks out of range"),
    (f"{P}/sentence_breaks", [[7, 0], [8, 15]], PARAGRAPH, "sentence breaks out of range"),
    (f"{P}/sentence_breaks", [[0, 9], [8, 15]], PARAGRAPH, "sentence breaks overlap"),
    (f"{P}/sentence_breaks", [[8, 15], [0, 7]], PARAGRAPH, "sentence breaks overlap or are out of order"),
    (f"{P}/sentence_breaks", [[0, 7], [7, 8]], PARAGRAPH, "a sentence is empty"),
    (f"{P}/qas", ..., PARAGRAPH, "no 'qas'"),
    (Q, "b", "en.json article 0 paragraph 0 question 1", "not a JSON object"),
    (f"{Q}/id", ..., "en.json article 0 paragraph 0 question 1", "no 'id'"),
    (f"{Q}/id", 2, "en.json article 0 paragraph 0 question 1", "'id' is not a string"),
    (f"{Q}/id", "b\t", r"en.json article 0 paragraph 0 question 'b\t'", "holds a tab"),
    (f"{Q}/id", "a", "en.json article 0 paragraph 0 question 'a'", "duplicate question id"),
    (f"{Q}/question", ..., QUESTION, "no 'question'"),
    (f"{Q}/question", "", QUESTION, "empty 'question'"),
    (f"{Q}/answers", ..., QUESTION, "no 'answers'"),
    (f"{Q}/answers", [], QUESTION, "a question without an answer"),
    (f"{Q}/answers/0", "2", QUESTION, "not a JSON object"),
    (f"{Q}/answers/0/text", ..., QUESTION, "no 'text'"),
    (f"{Q}/answers/0/answer_start", ..., QUESTION, "no 'answer_start'"),
    (f"{Q}/answers/0/answer_start", "13", QUESTION, "'answer_start' is not a whole number"),
    (f"{Q}/answers/0/answer_start", True, QUESTION, "'answer_start' is not a whole number"),
    (f"{Q}/answers/0/answer_start", -1, QUESTION, "an answer outside its paragraph"),
    (f"{Q}/answers/0/answer_start", 15, QUESTION, "an answer outside its paragraph"),
    (f"{Q}/answers/0/answer_start", 7, QUESTION, "an answer in no sentence"),
    (
        f"{Q}/answers",
        [{"text": "2", "answer_start": 13}, {"text": "2", "answer_start": 99}],
        QUESTION,
        "an answer outside its paragraph",
    ),
]


@pytest.mark.parametrize(("path", "value", "where", "reason"), BAD)
def test_what_is_wrong_is_named_and_only_it_is_left_out(mlqa_r: Path, path, value, where, reason):
    (mlqa_r / "en.json").write_text(json.dumps(changed(path, value)))
    with pytest.raises(InputError) as caught:
        read_lareqa(mlqa_r)
    assert f"{reason}" in str(caught.value)
    assert f"({where}" in str(caught.value)
    lenient = read_lareqa(mlqa_r, lenient=True)
    assert list(lenient.dropped.values()) == [1]
    if "question" in where:
        assert lenient.documents.num_rows == 7
        assert list(relevant(lenient, "b")) == ["sw/0/0/0"]  # the English version is gone, its judgment too
    else:
        assert "en/0/0/0" not in lenient.documents["_id"].to_pylist()
    assert "en/1/1/0" in relevant(lenient, "c")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not valid JSON"),
        (b'{"data": [', "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
        (b"[]", "no list 'data'"),
        (b'{"data": {}}', "no list 'data'"),
        (b'{"data": "\xff"}', "invalid UTF-8 at byte 11"),
    ],
)
def test_a_file_of_another_form_is_named(mlqa_r: Path, content, reason):
    (mlqa_r / "en.json").write_bytes(content)
    for lenient in (False, True):
        with pytest.raises(InputError, match=rf"en\.json.*{reason}"):
            read_lareqa(mlqa_r, lenient=lenient)


def test_a_byte_order_mark_does_no_harm(mlqa_r: Path):
    expected = read_lareqa(mlqa_r)
    (mlqa_r / "en.json").write_bytes(b"\xef\xbb\xbf" + (mlqa_r / "en.json").read_bytes())
    assert read_lareqa(mlqa_r).documents.equals(expected.documents)


def test_sources_that_cannot_be_read_are_named(mlqa_r: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="absent is missing"):
        read_lareqa(tmp_path / "absent")
    with pytest.raises(InputError, match=r"empty has no files named <language>\.json"):
        read_lareqa(tmp_path / "empty")
    with pytest.raises(InputError, match="leave --lang out"):
        read_lareqa(mlqa_r, language="en")
    with pytest.raises(InputError, match="--candidates 'word' is none of sentence"):
        read_lareqa(mlqa_r, "word")
    with pytest.raises(InputError, match="--lang: 'xx'"):
        read_lareqa(mlqa_r / "en.json", language="xx")
    (mlqa_r / "klingonish.json").write_text(json.dumps(CHINESE))
    with pytest.raises(InputError, match=r"klingonish\.json: its name does not say the language"):
        read_lareqa(mlqa_r)


def test_two_files_of_one_language_are_refused(mlqa_r: Path):
    (mlqa_r / "sw.json").write_text(json.dumps(SWAHILI))
    with pytest.raises(InputError, match=r"sw\.json and .*swa\.json are both of the language sw"):
        read_lareqa(mlqa_r)


def test_a_collection_without_paragraphs_or_questions_is_refused(tmp_path: Path):
    (tmp_path / "en.json").write_text('{"data": []}')
    with pytest.raises(InputError, match=r"an empty file \(en\.json\)"):
        read_lareqa(tmp_path)
    (tmp_path / "en.json").write_text(json.dumps(squad([paragraph(["None."])])))
    with pytest.raises(InputError, match="holds no questions"):
        read_lareqa(tmp_path)


def test_a_folder_as_published_is_a_collection_at_once(shared_data):
    collection = load_collection(shared_data / "xquad-r", prefer_split="test")
    assert (collection.documents.num_rows, collection.queries.num_rows) == (13_014, 13_090)
    assert int((collection.pair_counts > 0).sum()) == 121
