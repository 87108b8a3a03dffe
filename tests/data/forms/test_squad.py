"""SQuAD JSON: a user's own files, XQuAD's and MLQA's names, and what has no place in a collection."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from form_samples import SAMPLES, as_json, documents, judged, lay_out, queries, squad_file, squad_question

from isoglot.collections import Collection
from isoglot.data.convert import Reading, Splits, read_form
from isoglot.errors import InputError

DE, EN = "Die Donau ist lang.", "The Danube is long."


def read(folder: Path, language: str | None = None, **options) -> Splits:
    return read_form(folder, "squad", Reading(language=language, **options))


def test_a_file_of_ones_own_needs_its_language(tmp_path: Path):
    path = tmp_path / "questions.json"
    path.write_bytes(squad_file((EN, [squad_question("a", "Which river is long?", "Danube", 4)])))
    with pytest.raises(InputError, match="does not say its language: give it with --lang"):
        read(path)
    with pytest.raises(InputError, match="--lang: 'xx' is not"):
        read(path, "xx")
    (collection,) = read(path, "en").values()
    assert queries(collection) == {("a", "en"): "Which river is long?"}
    assert judged(collection) == {"a": {EN}}
    ((identifier, document),) = documents(collection).items()
    assert identifier.startswith("en/")
    assert document == ("en", "", EN)
    assert '"article": "Rivers"' in collection.documents["extra"][0].as_py()


def test_xquad_names_give_the_language_and_ids_join_translations(tmp_path: Path):
    for name, context, question in (("xquad.de.json", DE, "Was ist lang?"), ("xquad.en.json", EN, "What is long?")):
        (tmp_path / name).write_bytes(squad_file((context, [squad_question("a", question, "Donau", 4)])))
    (collection,) = read(tmp_path).values()
    assert queries(collection) == {("a", "de"): "Was ist lang?", ("a", "en"): "What is long?"}
    assert judged(collection) == {"a": {DE, EN}}
    with pytest.raises(InputError, match="of the language de by its name; leave --lang out"):
        read(tmp_path, "en")
    (collection,) = read(tmp_path / "xquad.de.json", "gsw").values()  # one file: what the user says counts
    assert collection.languages == ("gsw",)


def test_mlqa_has_languages_of_paragraph_and_question_and_two_splits(tmp_path: Path):
    splits = read(lay_out(tmp_path, SAMPLES["squad"]))
    assert list(splits) == ["dev", "test"]
    assert queries(splits["dev"]) == {("a", "en"): "Which river is long?", ("a", "de"): "Welcher Fluss ist lang?"}
    assert judged(splits["dev"]) == {"a": {DE}}  # in two files, and yet one document
    assert judged(splits["test"]) == {"b": {"The Rhine is shorter."}}
    assert len(documents(splits["dev"])) == 2  # the splits share their documents


def test_the_splits_of_squad_itself(tmp_path: Path):
    for number, name in enumerate(("train-v1.1.json", "dev-v1.1.json.gz")):
        content = squad_file((EN, [squad_question(f"q{number}", "What?", "Danube", 4)]))
        (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    splits = read(tmp_path, "en")
    assert {split: list(queries(collection)) for split, collection in splits.items()} == {
        "train": [("q0", "en")],
        "dev": [("q1", "en")],
    }
    assert list(read(tmp_path / "dev-v1.1.json.gz", "en")) == [None]


def test_files_that_tell_a_split_do_not_mix_with_others(tmp_path: Path):
    for name in ("train.json", "other.json"):
        (tmp_path / name).write_bytes(squad_file((EN, [squad_question(name, "What?", "Danube", 4)])))
    with pytest.raises(InputError, match=r"some files tell a split \(train\)"):
        read(tmp_path, "en")


def test_unanswerable_questions_are_left_out_and_told(tmp_path: Path):
    impossible = squad_question("b", "Which sea?") | {"is_impossible": True}
    questions = [squad_question("a", "What?", "Danube", 4) | {"is_impossible": False}, impossible]
    (tmp_path / "en.json").write_bytes(squad_file((EN, questions)))
    (collection,) = read(tmp_path).values()
    assert list(queries(collection)) == [("a", "en")]
    assert collection.metadata["left_out"] == {"unanswerable question": 1}
    (tmp_path / "en.json").write_bytes(squad_file((EN, [impossible])))
    with pytest.raises(InputError, match=r"holds no question .* \(left out: 1 × unanswerable question\)"):
        read(tmp_path)


def test_sentences_are_another_form(tmp_path: Path):
    for candidates in ("sentence", "sentence+context"):
        with pytest.raises(InputError, match="--form lareqa"):
            read(tmp_path, "en", candidates=candidates)


GOOD = squad_question("a", "What?", "Danube", 4)


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (squad_question("b", "What?"), "without an answer that is not marked as unanswerable"),
        (squad_question("b", " ", "Danube"), "empty 'question'"),
        (squad_question("b\t", "What?", "Danube"), "an id holds a tab"),
        (squad_question("a", "Who?", "Danube"), "a query id with two texts in one language"),
        (GOOD | {"answers": [{"text": 3}]}, "'text' is not a string"),
        (GOOD | {"is_impossible": "no"}, "'is_impossible' is not true or false"),
        ("what", "not a JSON object"),
    ],
)
def test_a_bad_question_is_named_and_only_it_is_left_out(tmp_path: Path, question, message: str):
    (tmp_path / "en.json").write_bytes(squad_file((EN, [GOOD, question])))
    with pytest.raises(InputError, match=f"{message}.*en.json article 0 paragraph 0 question 1"):
        read(tmp_path)
    (collection,) = read(tmp_path, lenient=True).values()
    assert list(queries(collection)) == [("a", "en")]
    assert sum(collection.dropped.values()) == 1


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"data": 3}', b'{"data": [', b"\xff", b"\x1f\x8b\x08"])
def test_a_file_that_is_no_squad_json_is_said(tmp_path: Path, content: bytes):
    (tmp_path / "en.json").write_bytes(content)
    with pytest.raises(InputError, match=r"en\.json"):
        read(tmp_path, lenient=True)


def test_xquad_r_is_also_squad(shared_data: Path):
    (collection,) = read(shared_data / "xquad-r").values()
    # XQuAD's size (arXiv 1910.11856): 240 paragraphs and 1,190 questions, in each of 11 languages
    assert isinstance(collection, Collection)
    assert (len(documents(collection)), len(queries(collection))) == (11 * 240, 11 * 1190)
    assert all(len(found) == 11 for found in judged(collection).values())


def test_a_bare_list_is_no_article(tmp_path: Path):
    (tmp_path / "en.json").write_bytes(as_json({"data": [[]]}))
    with pytest.raises(InputError, match="not a JSON object"):
        read(tmp_path)


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_answer_costs_nothing(tmp_path: Path, text: str):
    question = GOOD | {"answers": [{"text": text, "answer_start": 0}]}
    (tmp_path / "en.json").write_bytes(squad_file((EN, [question])))
    assert len(read(tmp_path / "en.json")[None].query_ids) == 1
