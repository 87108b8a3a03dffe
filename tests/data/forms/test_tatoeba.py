"""Tatoeba: aligned sentences as parallel queries and documents."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from form_samples import SAMPLES, documents, judged, lay_out, queries

from isoglot.data.convert import Reading, read_form
from isoglot.errors import InputError


def test_a_sentence_and_its_translations_over_all_pairs_are_one_query(tmp_path: Path):
    (collection,) = read_form(lay_out(tmp_path, SAMPLES["tatoeba"]), "tatoeba").values()
    by_text: dict[str, str] = {text: identifier for (identifier, _), text in queries(collection).items()}
    assert by_text["Hello!"] == by_text["Guten Tag!"] == by_text["你好！"] != by_text["It is raining."]
    assert judged(collection) == {
        by_text["Hello!"]: {"Hello!", "Guten Tag!", "你好！"},
        by_text["It is raining."]: {"It is raining.", "Es regnet."},
    }
    assert {tag for tag, *_ in documents(collection).values()} == {"de", "en", "zh"}


@pytest.mark.parametrize("name", ["tatoeba.deu-eng.deu", "tatoeba.deu-eng.eng"])
def test_one_file_stands_for_its_pair(tmp_path: Path, name: str):
    (collection,) = read_form(lay_out(tmp_path, SAMPLES["tatoeba"]) / name, "tatoeba").values()
    assert collection.languages == ("de", "en")
    rows, answers = collection.pairs("de", "en")
    texts = zip(collection.query_texts(rows), collection.document_texts(answers), strict=True)
    assert set(texts) == {("Es regnet.", "It is raining."), ("Guten Tag!", "Hello!")}
    assert collection.pair_counts.tolist() == [[0, 2], [2, 0]]  # a sentence and itself are no pair
    assert not len(collection.pairs("de", "de")[0])


@pytest.mark.parametrize(
    ("code", "tag"),
    [("cmn", "zh"), ("swh", "sw"), ("pes", "fa"), ("arz", "arz"), ("yue", "yue"), ("ang", "ang"), ("cbk", "cbk")],
)
def test_codes_are_tags(tmp_path: Path, code: str, tag: str):
    for side, text in ((code, "X\n"), ("eng", "Y\n")):
        (tmp_path / f"tatoeba.{code}-eng.{side}").write_text(text)
    (collection,) = read_form(tmp_path, "tatoeba").values()
    assert set(collection.languages) == {tag, "en"}


def test_a_second_translation_into_a_language_is_a_document_and_no_query(tmp_path: Path):
    for code, text in (("dtp", "A\n"), ("kzj", "B\n")):  # two codes of one language
        (tmp_path / f"tatoeba.{code}-eng.{code}").write_text(text)
        (tmp_path / f"tatoeba.{code}-eng.eng").write_text("Hello!\n")
    (collection,) = read_form(tmp_path, "tatoeba").values()
    assert sorted(queries(collection).values()) == ["A", "Hello!"]
    assert list(judged(collection).values()) == [{"A", "B", "Hello!"}]
    assert collection.metadata["left_out"] == {"query version beside another translation into its language": 1}


@pytest.mark.parametrize(
    ("english", "message"),
    [
        ("One.\n", r"differ in their number of lines \(tatoeba.deu-eng: 2 and 1\)"),
        ("One.\n \n", r"empty sentence \(tatoeba.deu-eng line 2\)"),
    ],
)
def test_lines_that_do_not_match_are_said(tmp_path: Path, english: str, message: str):
    lay_out(tmp_path, {"tatoeba.deu-eng.deu": b"Eins.\nZwei.\n", "tatoeba.deu-eng.eng": english.encode()})
    with pytest.raises(InputError, match=message):
        read_form(tmp_path, "tatoeba")


def test_a_line_of_invalid_utf8_takes_its_translation_along(tmp_path: Path):
    lay_out(tmp_path, {"tatoeba.deu-eng.deu": b"Eins.\n\xff\nDrei.", "tatoeba.deu-eng.eng": b"One.\nTwo.\nThree."})
    with pytest.raises(InputError, match=r"invalid UTF-8 \(tatoeba.deu-eng.deu line 2: byte 1\)"):
        read_form(tmp_path, "tatoeba")
    (collection,) = read_form(tmp_path, "tatoeba", Reading(lenient=True)).values()
    assert sorted(map(sorted, judged(collection).values())) == [["Drei.", "Three."], ["Eins.", "One."]]


def test_a_missing_side_and_a_strange_name_are_said(tmp_path: Path):
    (tmp_path / "tatoeba.deu-eng.deu").write_text("Eins.\n")
    with pytest.raises(InputError, match=r"tatoeba\.deu-eng\.eng is missing"):
        read_form(tmp_path, "tatoeba")
    (tmp_path / "sentences.txt").write_text("Eins.\n")
    with pytest.raises(InputError, match="its name does not tell the two languages"):
        read_form(tmp_path / "sentences.txt", "tatoeba")
    (tmp_path / "tatoeba.xyq-eng.xyq").write_text("Eins.\n")
    (tmp_path / "tatoeba.xyq-eng.eng").write_text("One.\n")
    with pytest.raises(InputError, match="not a language tag"):
        read_form(tmp_path / "tatoeba.xyq-eng.eng", "tatoeba")


def test_the_published_pairs(shared_data: Path):
    folder = shared_data / "tatoeba"
    (one,) = read_form(folder / "tatoeba.deu-eng.deu", "tatoeba").values()
    lines = [
        (folder / f"tatoeba.deu-eng.{code}").read_text(encoding="utf-8").split("\n")[:-1] for code in ("deu", "eng")
    ]
    rows, answers = one.pairs("de", "en")
    assert len(lines[0]) == len(rows) == 1000  # as its README says
    found = zip(one.query_texts(rows), one.document_texts(answers), strict=True)
    assert sorted(found) == sorted(zip(*lines, strict=True))


@pytest.mark.slow
def test_all_published_pairs_together(shared_data: Path):
    folder = shared_data / "tatoeba"
    (collection,) = read_form(folder, "tatoeba").values()
    pairs = {path.name.split(".")[1][:3]: path for path in folder.glob("tatoeba.*.eng")}
    english = {code: path.read_text(encoding="utf-8").split("\n")[:-1] for code, path in pairs.items()}
    assert (len(english), sum(map(len, english.values()))) == (112, 88_877)
    assert len(collection.languages) == 112  # dtp and kzj are one; English
    assert len(collection.query_ids) == len({text for texts in english.values() for text in texts}) == 69_241
    # a question in another language finds the English sentence of its line, and only that
    aligned = {("dtp" if code == "kzj" else code, text) for code, texts in english.items() for text in texts}
    index = collection.language_index("en")
    assert collection.pair_counts[:, index].sum() - collection.pair_counts[index, index] == len(aligned)
    assert np.array_equal(collection.pair_counts > 0, collection.pair_counts.T > 0)
