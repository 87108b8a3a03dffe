"""Splits and languages in the names of files and folders: found however they are spelt, never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest
from form_samples import DPR, as_json, lay_out, queries, squad_file, squad_question

from isoglot.data.convert import Reading, read_form
from isoglot.data.forms.names import source_files, split_of
from isoglot.errors import InputError
from isoglot.languages.names import language_in_name

SPELLINGS = {  # of the split train, and of test
    "train v1.1.json": "test v1.1.json",
    "Train.json": "TEST.json",
    "train/data.json": "test/data.json",
    "Data/TRAIN (final)/x.json": "Data/test/x.json",
    "trainset.json": "testset.json",
    "DRCD_training.json": "DRCD_test.json",
    "training.json": "testing.json",
    "train1.json": "test1.json",
    "train(1).json": "test(1).json",
    "QA-Train-v2.json": "QA-Test-v2.json",
    "QATrain.json": "QATest.json",
    "my train.json": "my test.json",
    "trn.json": "tst.json",
    "TrainSet.json.gz": "test_set.json",
    "train-data-2.json": "test-split.json",
}


def question(number: int) -> bytes:
    return squad_file((f"Paragraph {number}.", [squad_question(f"q{number}", "What?", "Paragraph", 0)]))


def laid_out(folder: Path, *names: str) -> Path:
    return lay_out(folder, {name: question(number) for number, name in enumerate(names)})


@pytest.mark.parametrize(("train", "test"), SPELLINGS.items())
@pytest.mark.parametrize("form", ["squad", "dpr"])
def test_splits_are_known_however_they_are_spelt(tmp_path: Path, train: str, test: str, form: str):
    names = (train.removesuffix(".gz"), test)
    laid_out(tmp_path, *names) if form == "squad" else lay_out(tmp_path, dict.fromkeys(names, as_json(DPR)))
    splits = read_form(tmp_path, form, Reading(language="he"))
    assert list(splits) == ["train", "test"]
    if form == "squad":
        assert [list(queries(one)) for one in splits.values()] == [[("q0", "he")], [("q1", "he")]]


@pytest.mark.parametrize(
    "word", ["dev", "devel", "val", "valid", "validation", "eval", "DevSet", "Validation data"]
)
def test_all_words_for_the_second_split_are_dev(word: str):
    assert split_of(Path(f"x {word}.json")) == "dev"


@pytest.mark.parametrize("name", ["latest.json", "contest.json", "restrain.json", "device.json", "value.json"])
def test_parts_of_words_are_no_splits(name: str):
    assert split_of(Path(name)) is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a.json", "b.json"], r"the names of several files \(a.json, b.json\) tell no split"),
        (["x/1.json", "y/1.json"], "tell no split"),
        (["train-test.json", "x.json"], "its name tells two splits, train and test"),
        (["dev.json", "val.json"], "both the split dev by their names, one as dev and one as validation"),
        (["train.json", "other.json"], r"some files tell a split \(train\)"),
        (["train.json", "train.json.gz"], "is there twice, also as train.json.gz: remove one"),
    ],
)
def test_what_is_told_badly_is_an_error(tmp_path: Path, names: list[str], message: str):
    with pytest.raises(InputError, match=message):
        read_form(laid_out(tmp_path, *names), "squad", Reading(language="he"))


def test_numbered_parts_are_one_collection(tmp_path: Path):
    (collection,) = read_form(
        laid_out(tmp_path, "part-0.json", "part-1.json"), "squad", Reading(language="he")
    ).values()
    assert len(collection.query_ids) == 2


WORDS = "val all new set raw tmp old mrc qas sub pos neg bad big fix my dev data out in no to en_val"


@pytest.mark.parametrize("word", WORDS.split())
@pytest.mark.parametrize("name", ["{}.json", "squad.{}.json"])
def test_a_word_is_no_language(tmp_path: Path, word: str, name: str):
    file = laid_out(tmp_path, name.format(word)) / name.format(word)
    if word == "en_val":
        assert list(read_form(file, "squad")[None].languages) == ["en"]
        return
    with pytest.raises(InputError, match="does not say its language: give it with --lang"):
        read_form(file, "squad")
    assert read_form(file, "squad", Reading(language="he"))[None].languages == ("he",)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("de", "de"),
        ("arb", "ar"),
        ("zho_Hans", "zh"),
        ("zho_Hant", "zh-Hant"),
        ("pt_BR", "pt-BR"),
        ("he_IL", "he-IL"),
        ("zh-tw", "zh-TW"),
        ("quc_Latn", "quc"),
        ("quc", None),
        ("en_qa", None),
        ("in", None),
    ],
)
def test_codes_that_data_sets_use_are_languages(name: str, tag: str | None):
    assert language_in_name(name) == tag


def test_folders_tell_languages_too_and_words_count_beside_another_language(tmp_path: Path):
    laid_out(tmp_path, "th/train.json", "my/train.json", "de.train.json", "test-sw.json")
    files = source_files(tmp_path, lambda path: path.suffix == ".json", "x.json")
    assert {file.name: (file.split, file.language) for file in files} == {
        "th/train": ("train", "th"),
        "my/train": ("train", "my"),
        "de.train": ("train", "de"),
        "test-sw": ("test", "sw"),
    }


def test_made_up_ids_have_the_name_of_their_file(tmp_path: Path):
    names = ("nq-train.json", "trivia-train.json", "trivia-train.jsonl", "nq dev.json", "a/train.json")
    lay_out(tmp_path, dict.fromkeys(names, as_json(DPR)))
    splits = read_form(tmp_path, "dpr", Reading(language="en"))
    assert {split: len(one.query_ids) for split, one in splits.items()} == {"train": 4 * len(DPR), "dev": len(DPR)}
    assert splits["dev"].query_ids.to_pylist() == ["nq_dev/0", "nq_dev/1"]
    assert {"trivia-train.json/0", "trivia-train.jsonl/0", "a/train/0"} < set(splits["train"].query_ids.to_pylist())
