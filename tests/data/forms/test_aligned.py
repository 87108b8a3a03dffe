"""Line-aligned files: every sentence a query and a document in every language, and itself no answer to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from form_samples import SAMPLES, documents, extras, judged, lay_out, queries
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Monolingual
from isoglot.collections import read_collection
from isoglot.data.convert import Reading, convert, read_form
from isoglot.data.forms.aligned import language_of
from isoglot.errors import InputError


def read(folder: Path, **reading: bool):
    (collection,) = read_form(folder, "aligned", Reading(**reading)).values()
    return collection


def test_a_line_is_a_query_in_every_language_and_finds_its_translations(tmp_path: Path):
    collection = read(lay_out(tmp_path, SAMPLES["aligned"]))
    assert {key for key, text in queries(collection).items() if text in ("Gut!", "好！")} == {
        ("2", "de"),
        ("2", "zh-CN"),
    }
    assert judged(collection)["2"] == {"Good!", "Gut!", "好！"}
    found = {}
    for a in collection.languages:
        for b in collection.languages:
            rows, answers = collection.pairs(a, b)
            found[a, b] = list(zip(collection.query_texts(rows), collection.document_texts(answers), strict=True))
    assert all(bool(pairs) == (a != b) for (a, b), pairs in found.items())
    assert all(text != answer for pairs in found.values() for text, answer in pairs)
    assert [len(pairs) for pairs in found.values()] == collection.pair_counts.ravel().tolist()


def test_lines_that_share_a_sentence_share_their_answers(tmp_path: Path):
    """Rain and raining are one sentence in Chinese, so neither's German is wrong for the other."""
    collection = read(lay_out(tmp_path, SAMPLES["aligned"]))
    assert judged(collection)["1"] == judged(collection)["3"]
    assert {"Es regnet.", "Regen.", "下雨。"} < judged(collection)["1"]
    assert len(documents(collection)) == 8  # the Chinese sentence once
    assert len(queries(collection)) == 9


def test_articles_stay_with_the_queries(tmp_path: Path):
    kept = extras(read(lay_out(tmp_path, SAMPLES["aligned"])))
    assert {identifier: value["article"] for (identifier, _), value in kept.items()} == {
        "1": "bbc.1",
        "2": "bbc.1",
        "3": "bbc.2",
    }


def test_what_says_so_in_the_folder_is_read_back(tmp_path: Path):
    convert(lay_out(tmp_path / "in", SAMPLES["aligned"]), "aligned", tmp_path / "out")
    again = read_collection(tmp_path / "out")
    assert again.finds_translations
    assert np.diag(again.pair_counts).tolist() == [0, 0, 0]
    path = tmp_path / "out" / "collection.yaml"
    path.write_text(path.read_text().replace("translations: true", "translations: maybe"))
    with pytest.raises(InputError, match="'translations' is 'maybe'; it must be true or false"):
        read_collection(tmp_path / "out")


WORDS = st.lists(st.lists(st.sampled_from("abcd"), min_size=3, max_size=3), min_size=2, max_size=8)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=WORDS)
def test_no_translation_of_a_sentence_is_a_false_negative(tmp_path: Path, lines: list[list[str]]):
    """Whatever repeats: the same text in two lines has the same answers, and a batch never holds both."""
    for column, name in enumerate(("c.de", "c.en", "c.sw")):
        (tmp_path / name).write_text("".join(f"{name} {line[column]}\n" for line in lines))
    collection = read(tmp_path)
    relevance = collection.relevance
    answers: dict[str, set[int]] = {}
    for row, text in enumerate(collection.query_texts()):
        found = set(relevance.of(int(collection.query_index[row])).tolist())
        assert answers.setdefault(text, found) == found
    sampler = BatchSampler(collection, CrossLingual(), 4, seed=1)
    for step in range(5):
        batch = sampler[step]
        for row, query in enumerate(batch.queries):
            others = np.delete(batch.documents, row)
            assert not np.isin(others, relevance.of(int(collection.query_index[query]))).any()


def test_training_is_across_languages_only(tmp_path: Path):
    collection = read(lay_out(tmp_path, SAMPLES["aligned"]))
    batch = BatchSampler(collection, CrossLingual(), 2)[0]
    assert (collection.query_language[batch.queries] != collection.document_language[batch.documents]).all()
    for strategy in (Hybrid(), Monolingual()):
        with pytest.raises(InputError, match=r"translations: true.*the strategy for it is cross_lingual"):
            BatchSampler(collection, strategy, 2)


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("newstest2019-ref.deu.txt", "de"),
        ("newstest2019-ref-2.spa.txt", "es"),
        ("newstest2019-ref.srp-Latn.txt", "sr-Latn"),
        ("newstest2019-ref.zho-TW.txt", "zh-TW"),
        ("newstest2019-ref.prs.txt", "fa-AF"),
        ("corpus.train.pt_BR", "pt-BR"),
        ("deu_Latn.dev", "de"),
        ("corpus.sw.gz", "sw"),
        ("README.txt", None),
    ],
)
def test_names_tell_languages(name: str, tag: str | None):
    assert language_of(name) == tag


def test_splits_are_aligned_each_for_itself(tmp_path: Path):
    for name, text in {
        "train.de": "Eins\nZwei\n",
        "train.en": "One\nTwo\n",
        "test.de": "Ja\n",
        "test.en": "Yes\n",
    }.items():
        (tmp_path / name).write_text(text)
    splits = read_form(tmp_path, "aligned")
    assert {split: len(one.query_ids) for split, one in splits.items()} == {"train": 2, "test": 1}
    assert judged(splits["test"]) == {"test/1": {"Ja", "Yes"}}


def test_an_article_that_cannot_be_read_is_that_of_its_own_line_alone(tmp_path: Path):
    folder = lay_out(tmp_path, SAMPLES["aligned"])
    path = next(folder.rglob("DOCUMENT_IDS.tsv"))
    first, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"\xff" + first + b"".join(others))
    with pytest.raises(InputError, match=r"invalid UTF-8 \(DOCUMENT_IDS\.tsv line 1: byte 1\)"):
        read(folder)
    kept = extras(read(folder, lenient=True))
    assert {identifier: value["article"] for (identifier, _), value in kept.items() if value} == {
        "2": "bbc.1",
        "3": "bbc.2",
    }


def test_a_second_translation_is_a_document_and_no_query(tmp_path: Path):
    for name, text in {"r.eng.txt": "Yes\n", "r.spa.txt": "Sí\n", "r-2.spa.txt": "Claro\n"}.items():
        (tmp_path / name).write_text(text)
    collection = read(tmp_path)
    assert sorted(queries(collection).values()) == ["Sí", "Yes"]
    assert judged(collection) == {"1": {"Claro", "Sí", "Yes"}}
    assert collection.metadata["left_out"] == {"query version beside another translation into its language": 1}


def test_what_is_not_aligned_is_said(tmp_path: Path):
    (tmp_path / "c.de").write_text("Eins\nZwei\n")
    with pytest.raises(InputError, match="has sentences in de alone"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"c\.de is one file, and aligned ones are many"):
        read(tmp_path / "c.de")
    (tmp_path / "c.en").write_text("One\n")
    with pytest.raises(InputError, match=r"c\.de has 2 lines and .*c\.en 1: aligned files have the same number"):
        read(tmp_path)
    (tmp_path / "c.be").write_text("Адзін\n")
    with pytest.raises(InputError, match=r"c\.be has 1 line and .*c\.de 2: aligned files have the same number"):
        read(tmp_path)
    (tmp_path / "c.be").unlink()
    (tmp_path / "c.en").write_text("One\n \n")
    with pytest.raises(InputError, match=r"empty sentence \(c\.en line 2\)"):
        read(tmp_path)
    assert judged(read(tmp_path, lenient=True)) == {"1": {"Eins", "One"}, "2": {"Zwei"}}


def test_an_encoding_that_cannot_be_read_is_said_before_anything_else(tmp_path: Path):
    """With Latin-1 in the last line, the lines that could be read are fewer; that is not what is wrong."""
    (tmp_path / "c.de").write_text("Ja\nNein\nSchön\n")
    (tmp_path / "c.en").write_text("Yes\nNo\nFine\n")
    (tmp_path / "c.fr").write_bytes("Oui\nNon\nÇa va\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"invalid UTF-8 \(c\.fr line 3: byte 1\)"):
        read(tmp_path)
    assert judged(read(tmp_path, lenient=True))["3"] == {"Schön", "Fine"}
    (tmp_path / "c.fr").write_bytes("Oui\nÇa va\n".encode("latin-1"))  # two things wrong: the first comes first
    with pytest.raises(InputError, match="invalid UTF-8"):
        read(tmp_path)
    with pytest.raises(InputError, match=r"c\.de has 3 lines and .*c\.fr 2: aligned"):
        read(tmp_path, lenient=True)


def test_the_published_files(shared_data: Path):
    folder = shared_data / "ntrex"
    collection = read(folder)
    assert len(collection.languages) == len(list(folder.glob("newstest2019-*.txt"))) == 34
    assert {"en", "ar", "zh-CN", "sw"} < set(collection.languages)
    assert (len(collection.query_ids), collection.queries.num_rows) == (1997, 34 * 1997)
    lines = {
        tag: (folder / f"newstest2019-{name}.txt").read_text(encoding="utf-8").split("\n")[:-1]
        for tag, name in (("de", "ref.deu"), ("en", "src.eng"))
    }
    rows, answers = collection.pairs("de", "en")
    found = set(zip(collection.query_texts(rows), collection.document_texts(answers), strict=True))
    assert set(zip(lines["de"], lines["en"], strict=True)) <= found
    assert len(rows) < 1997 + 20  # hardly any sentence is repeated
    assert np.diag(collection.pair_counts).sum() == 0
