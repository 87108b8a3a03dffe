"""DuReader 2.0 and DuReader-retrieval: which paragraphs are relevant, and what becomes of the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from form_samples import DUREADER, SAMPLES, as_json, as_lines, documents, extras, judged, lay_out, queries

from isoglot.collections.negatives import hard_negative_rows
from isoglot.data.convert import Reading, read_form
from isoglot.errors import InputError


def test_the_closest_paragraph_of_a_selected_page_is_relevant(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["dureader"]), "dureader")
    assert list(splits) == ["train"]  # the test questions have no annotated page
    collection = splits["train"]
    assert queries(collection) == {("91159", "zh"): "微信怎么打开app"}
    assert judged(collection) == {"91159": {"点击网页。"}}
    # every paragraph, of the test pages too; the one that two pages share is one document
    assert sorted(text for *_, text in documents(collection).values()) == [
        "不知道。",
        "先打开微信。",
        "没有用。",
        "点击网页。",
    ]
    assert {title for _, title, _ in documents(collection).values()} == {""}
    row = collection.documents["text"].to_pylist().index("点击网页。")
    assert json.loads(collection.documents["extra"][row].as_py()) == {"page": "微信怎么打开app_百度知道"}
    assert extras(collection) == {("91159", "zh"): {"answers": ["点击网页。"]}}
    assert collection.metadata["left_out"] == {"question without a page selected for an answer": 1}


def page(**changes) -> dict:
    return DUREADER["documents"][0] | changes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (DUREADER | {"documents": [page(most_related_para=2)]}, "'most_related_para' is no paragraph"),
        (DUREADER | {"documents": [page(most_related_para=-1)]}, "'most_related_para' is no paragraph"),
        (
            DUREADER | {"documents": [page(most_related_para=0, paragraphs=[" ", "a"])]},
            "'most_related_para' is no para",
        ),
        (DUREADER | {"documents": [page(most_related_para=True)]}, "'most_related_para' is not a whole number"),
        (
            DUREADER | {"documents": [{"is_selected": True, "paragraphs": ["a"]}]},
            "without 'most_related_para', which the preprocessed files have",
        ),
        (DUREADER | {"documents": [page(paragraphs=[3])]}, "'paragraphs' holds something other than strings"),
        (DUREADER | {"documents": ["a"]}, "not a JSON object"),
        (DUREADER | {"question_id": 1.5}, "'question_id' is not a string"),
        (DUREADER | {"question": "另一个"}, "a query id with two texts"),
    ],
)
def test_a_bad_line_is_named_and_only_it_is_left_out(tmp_path: Path, line: dict, message: str):
    (tmp_path / "search.dev.json").write_bytes(as_lines(DUREADER, line))
    with pytest.raises(InputError, match=rf"{message}.*search\.dev\.json line 2"):
        read_form(tmp_path, "dureader")
    (collection,) = read_form(tmp_path, "dureader", Reading(lenient=True)).values()
    assert judged(collection) == {"91159": {"点击网页。"}}


def test_the_published_demo(shared_data: Path):
    folder = shared_data / "dureader-demo"
    splits = read_form(folder, "dureader")
    assert list(splits) == ["train", "dev"]
    for split, collection in splits.items():
        expected = {}
        for line in (folder / f"search.{split}.json").read_text(encoding="utf-8").rstrip("\n").split("\n"):
            entry = json.loads(line)
            pages = [page for page in entry["documents"] if page["is_selected"]]
            if pages:
                expected[str(entry["question_id"])] = {
                    page["paragraphs"][page["most_related_para"]] for page in pages
                }
        assert judged(collection) == expected
    assert {split: len(one.query_ids) for split, one in splits.items()} == {"train": 96, "dev": 100}
    assert splits["dev"].metadata["left_out"] == {"question without a page selected for an answer": 4 + 100}


# ------------------------------------------------------------------------------------------------- retrieval

DEV = {
    "question_id": "q1",
    "question": "怎么打开",
    "answer_paragraphs": [{"paragraph_id": "aa", "paragraph_text": "点击网页。"}],
}


def test_passages_have_the_ids_of_the_map_over_all_parts(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["dureader-retrieval"]), "dureader-retrieval")
    assert list(splits) == ["train", "dev"]
    found = documents(splits["dev"])
    assert {identifier: text for identifier, (*_, text) in found.items() if "/" not in identifier} == {
        "aa": "点击网页。",
        "bb": "没有用。",
        "cc": "先打开微信。",
    }
    assert judged(splits["dev"]) == {"q1": {"点击网页。"}}


def test_the_training_pairs_of_a_question_are_one_query_with_hard_negatives(tmp_path: Path):
    train = read_form(lay_out(tmp_path, SAMPLES["dureader-retrieval"]), "dureader-retrieval")["train"]
    (((identifier, tag), text),) = queries(train).items()
    assert identifier.startswith("train/")
    assert (tag, text) == ("zh", "怎么用")
    assert judged(train) == {identifier: {"先打开微信。", "点击网页。"}}
    offsets, rows = hard_negative_rows(train)
    texts = train.documents["text"].to_pylist()
    assert offsets.tolist() == [0, 2]
    assert [texts[row] for row in rows] == ["没有用。", "新的。"]  # the last is not in the collection of passages


def test_the_annotated_questions_alone(tmp_path: Path):
    (tmp_path / "dev.json").write_bytes(as_lines(DEV, DEV | {"question_id": "q2", "answer_paragraphs": []}))
    (collection,) = read_form(tmp_path / "dev.json", "dureader-retrieval").values()
    assert documents(collection) == {"aa": ("zh", "", "点击网页。")}
    assert collection.metadata["left_out"] == {"question without a relevant passage": 1}


def test_a_collection_without_its_ids_is_said(tmp_path: Path):
    files = {
        name: content for name, content in SAMPLES["dureader-retrieval"].items() if not name.endswith("map.json")
    }
    with pytest.raises(InputError, match=r"passage2id\.map\.json does not exist"):
        read_form(lay_out(tmp_path, files), "dureader-retrieval")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("passage-collection/passage2id.map.json", as_json({"0": "aa", "2": "cc"}), "no '1' .*part-00 line 2"),
        ("passage-collection/passage2id.map.json", as_json([]), "not a JSON object .*part-00 line 1"),
        ("passage-collection/part-01", b"text\n", "not a passage in the third .*part-01 line 1"),
        ("train/dual.train.tsv", b"a\t\tb\n", r"in the odd ones .*dual\.train\.tsv line 1"),
        ("dev/dev.json", as_lines(DEV | {"answer_paragraphs": [{"paragraph_id": "aa"}]}), "no 'paragraph_text'"),
        ("dev/dev.json", as_lines(DEV | {"answer_paragraphs": 3}), "'answer_paragraphs' is not a list"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, name: str, content: bytes, message: str):
    files = SAMPLES["dureader-retrieval"] | {name: content}
    with pytest.raises(InputError, match=message):
        read_form(lay_out(tmp_path, files), "dureader-retrieval")
