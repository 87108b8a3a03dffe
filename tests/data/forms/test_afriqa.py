"""AfriQA: a question in two languages, and the passage that answers it in one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from form_samples import SAMPLES, afriqa_line, as_lines, documents, extras, judged, lay_out, queries

from isoglot.data.convert import Reading, read_form
from isoglot.errors import InputError

NAME = "gold_span_passages.afriqa.{}.{}.{}.json"


def test_a_question_and_its_translation_are_one_query(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["afriqa"]), "afriqa")
    assert list(splits) == ["dev", "test"]
    assert queries(splits["test"]) == {
        ("ha/test/0", "ha"): "Yayan Michael Jackson nawa?",
        ("ha/test/0", "en"): "How many children did Michael Jackson have?",
    }
    assert judged(splits["test"]) == {"ha/test/0": {"Three children were born."}}
    # the passage of the dev question has no title: another document
    assert sorted(documents(splits["test"]).values()) == [
        ("en", "", "Three children were born."),
        ("en", "Michael Jackson", "Three children were born."),
    ]
    assert [len(splits["test"].pairs(tag, "en")[0]) for tag in ("ha", "en")] == [1, 1]


def test_questions_without_a_passage_are_left_out_and_told(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["afriqa"]), "afriqa")
    assert splits["test"].metadata["left_out"] == {"question without a passage": 1}


def test_answers_stay_with_the_language_that_they_are_in(tmp_path: Path):
    splits = read_form(lay_out(tmp_path, SAMPLES["afriqa"]), "afriqa")
    assert extras(splits["test"]) == {
        ("ha/test/0", "ha"): {"answers": ["uku"]},
        ("ha/test/0", "en"): {"answers": ["Three"]},
    }
    assert ("ha/dev/0", "ha") not in extras(splits["dev"])  # NaN in the file


def test_a_passage_that_answers_questions_of_two_languages_is_one_document(tmp_path: Path):
    for code in ("hau", "swa"):
        (tmp_path / NAME.format(code, "en", "test")).write_bytes(as_lines(afriqa_line("0")))
    (tmp_path / NAME.format("fon", "fr", "test")).write_bytes(as_lines(afriqa_line("0", context="Trois.")))
    collection = read_form(tmp_path, "afriqa")["test"]
    assert collection.query_ids.to_pylist() == ["fon/test/0", "ha/test/0", "sw/test/0"]
    assert sorted(tag for tag, *_ in documents(collection).values()) == ["en", "fr"]
    assert ("fon/test/0", "fr") in queries(collection)


def test_one_file_has_no_splits_and_its_name_is_needed(tmp_path: Path):
    path = lay_out(tmp_path, SAMPLES["afriqa"]) / "hau" / NAME.format("hau", "en", "dev")
    assert list(read_form(path, "afriqa")) == [None]
    with pytest.raises(InputError, match="its name does not tell languages and split"):
        read_form(path.rename(tmp_path / "hau.json"), "afriqa")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (afriqa_line("2", question_lang=""), "empty 'question_lang'"),
        (afriqa_line("2", context=[]), "'context' is not a string"),
        (afriqa_line("2", answer_pivot=None), "'answer_pivot' is not an object"),
        ({"id": "2", "question_lang": "a", "question_translated": "b"}, "no 'context'"),
        (afriqa_line("0", question_lang="Wani"), "a query id with two texts"),
    ],
)
def test_a_bad_line_is_named_and_only_it_is_left_out(tmp_path: Path, line: dict, message: str):
    name = NAME.format("hau", "en", "test")
    (tmp_path / name).write_bytes(as_lines(afriqa_line("0"), line))
    with pytest.raises(InputError, match=f"{message}.*{name} line 2"):
        read_form(tmp_path, "afriqa")
    (collection,) = read_form(tmp_path, "afriqa", Reading(lenient=True)).values()
    assert collection.query_ids.to_pylist() == ["ha/test/0"]


def test_the_published_files(shared_data: Path):
    splits = read_form(shared_data / "afriqa", "afriqa")
    lines: dict[str, int] = {}
    without = 0
    for path in (shared_data / "afriqa").glob("*/*.json"):
        for line in path.read_text(encoding="utf-8").rstrip("\n").split("\n"):
            if (json.loads(line)["context"] or "").strip():
                split = path.name.split(".")[-2]
                lines[split] = lines.get(split, 0) + 1
            else:
                without += 1
    assert {split: len(one.query_ids) for split, one in splits.items()} == lines
    assert lines == {"train": 1017, "dev": 771, "test": 1582}
    assert (
        splits["test"].metadata["left_out"]
        == {"question without a passage": without}
        == {"question without a passage": 11}
    )
    assert splits["test"].languages == ("en", "ha", "ig", "sw", "yo", "zu")
    sizes = {tag: len(splits["test"].pairs(tag, "en")[0]) for tag in ("ha", "ig", "sw", "yo", "zu")}
    assert sizes == {"ha": 300, "ig": 409, "sw": 295, "yo": 253, "zu": 325}
    assert sum(sizes.values()) == len(splits["test"].pairs("en", "en")[0])
