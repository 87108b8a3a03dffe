"""Queries made of documents: what is asked is not in the document any more, and translations are asked as one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from form_samples import as_lines, documents, judged, queries
from hypothesis import given, settings
from hypothesis import strategies as st

import isoglot as ig
from isoglot.cli import main
from isoglot.collections import collection_from_rows, read_collection
from isoglot.data.translation.sentences import find_sentences
from isoglot.errors import InputError

TEXTS = {
    "en": "The library closes at eight. On Fridays it closes at noon. Nobody is let in after that.",
    "de": "Die Bibliothek schließt um acht. Freitags schließt sie um zwölf. Danach kommt niemand hinein.",
    "zh": "图书馆八点关门。星期五中午十二点关门。之后不许进入。",
    "ja": "図書館は八時に閉まります。金曜日は正午に閉まります。その後は入れません。",
    "th": "ห้องสมุดปิดแปดโมงเย็น วันศุกร์ปิดตอนเที่ยง หลังจากนั้นห้ามเข้า",
    "km": "បណ្ណាល័យបិទនៅម៉ោងប្រាំបី។ថ្ងៃសុក្របិទនៅពេលថ្ងៃត្រង់។បន្ទាប់មកគ្មានអ្នកណាចូលបានទេ។",
    "hi": "पुस्तकालय आठ बजे बंद होता है। शुक्रवार को दोपहर में बंद होता है। उसके बाद कोई अंदर नहीं आता।",
    "am": "ቤተ መጻሕፍቱ በስምንት ሰዓት ይዘጋል። ዓርብ ቀን እኩለ ቀን ላይ ይዘጋል። ከዚያ በኋላ ማንም አይገባም።",
    "ar": "تغلق المكتبة في الثامنة. يوم الجمعة تغلق ظهرا. لا يدخل أحد بعد ذلك.",
}


@pytest.mark.parametrize("tag", TEXTS)
def test_sentences_are_found_in_scripts_with_and_without_spaces(tag: str):
    found = find_sentences(TEXTS[tag], tag)
    assert len(found) == 3
    assert "".join(piece.text + piece.after for piece in found) == TEXTS[tag]


def rows(texts: dict[str, str], entry: int = 1) -> list[dict[str, Any]]:
    return [{"n": entry, "lang": tag, "title": f"{tag} {entry}", "text": text} for tag, text in texts.items()]


def make(table: Any, how: Any = "first-sentence", **more: Any) -> ig.Collection:
    return ig.pseudo_collection(table, how, document="text", title="title", language="lang", **{"id": "n", **more})


def test_the_first_sentence_is_taken_out_and_asked_of_all_translations():
    found = make(rows(TEXTS))
    assert len(found.query_ids) == 1
    asked = {tag: text for (_, tag), text in queries(found).items()}
    left = {tag: text for tag, _, text in documents(found).values()}
    assert asked["de"] == "Die Bibliothek schließt um acht."
    assert left["de"] == "Freitags schließt sie um zwölf. Danach kommt niemand hinein."
    assert asked["zh"] == "图书馆八点关门。"
    assert asked["km"] == "បណ្ណាល័យបិទនៅម៉ោងប្រាំបី។"
    assert judged(found).popitem()[1] == set(left.values())
    for tag, text in TEXTS.items():
        space = "" if tag in ("zh", "ja", "km") else " "
        assert asked[tag] + space + left[tag] == text
    assert found.metadata["pseudo_queries"] == "first-sentence"
    apart = make(rows(TEXTS), id=None)
    assert len(apart.query_ids) == len(TEXTS)
    assert all(len(relevant) == 1 for relevant in judged(apart).values())


SENTENCE = st.sampled_from(
    [
        "The cat sleeps all day.",
        "Nobody saw the dog.",
        "It rained for a week!",
        "No.",
        "Was it so long ago?",
        "A 1.",
    ]
)
TEXT = st.lists(SENTENCE, min_size=1, max_size=5).map(" ".join)


@settings(deadline=None, max_examples=40)
@given(
    table=st.lists(
        st.fixed_dictionaries(
            {
                "n": st.integers(0, 4),
                "lang": st.sampled_from(["en", "de", "zh"]),
                "title": st.sampled_from(["", "Cats", "No.", "The cat sleeps all day."]),
                "text": TEXT,
            }
        ),
        max_size=8,
        min_size=1,
    ),
    how=st.sampled_from(["title", "first-sentence", "crop"]),
    seed=st.integers(0, 3),
)
def test_no_query_is_in_its_document_and_nothing_else_is_lost(table: list[dict[str, Any]], how: Any, seed: int):
    try:
        found = make(table, how, seed=seed)
    except InputError as error:
        sentence = str(error)
        found = None
    if found is None:
        assert "no query can be made" in sentence
        return
    whole = {(row["lang"], row["title"], row["text"]) for row in table}
    kept = {(tag, title, text) for tag, title, text in documents(found).values()}
    assert len(kept) == found.documents.num_rows <= len(whole)
    texts: dict[tuple[str, str], list[str]] = {}
    for (identifier, tag), query in queries(found).items():
        own = [
            (found.documents["title"][int(row)].as_py(), found.documents["text"][int(row)].as_py())
            for row in found.relevance.of(found.query_ids.index(identifier).as_py())
            if found.documents["lang"][int(row)].as_py() == tag
        ]
        ((title, text),) = own  # of each language of a query one document is relevant
        if how == "title":
            assert (tag, query, text) in whole
            assert title == ""
        else:
            assert query not in f"{title} {text}"
            (before,) = {
                one for t, head, one in whole if (t, head) == (tag, title) and _without(one, query) == text
            }
            assert how == "crop" or before.startswith(query)
        texts.setdefault((tag, query), []).append(identifier)
    assert all(len(ids) == 1 for ids in texts.values())  # a query that several have would be judged for one alone
    again = make(table, how, seed=seed)
    assert queries(again) == queries(found)


def _without(text: str, query: str) -> str:
    at = text.find(query)
    return " ".join((text[:at] + text[at + len(query) :]).split()) if at >= 0 else "\0"


def test_crops_of_translations_are_the_same_sentence_and_differ_by_seed(caplog: pytest.LogCaptureFixture):
    texts = {tag: TEXTS[tag] for tag in ("en", "de", "hi")}
    drawn = set()
    for seed in range(12):
        asked = {tag: text for (_, tag), text in queries(make(rows(texts), "crop", seed=seed)).items()}
        places = {[p.text for p in find_sentences(texts[tag], tag)].index(asked[tag]) for tag in texts}
        assert len(places) == 1
        drawn |= places
    assert drawn == {0, 1, 2}
    caplog.set_level("INFO", logger="isoglot")
    longer = make(rows(texts | {"de": texts["de"] + " So ist es immer gewesen."}), "crop")
    assert sorted(len([key for key in queries(longer) if key[0] == one]) for one in judged(longer)) == [1, 2]
    assert all(len(relevant) == 3 for relevant in judged(longer).values())
    assert "1 of 1 linked documents have different numbers of sentences" in caplog.text


def test_what_is_left_out_is_counted(caplog: pytest.LogCaptureFixture):
    table = [
        *rows({"en": "Only one sentence here."}, 1),
        *rows({"en": "This one comes again. And then nothing else. This one comes again."}, 2),
        *rows({"en": "We all begin alike. But this one goes on so."}, 3),
        *rows({"en": "We all begin alike. But that one ends like this."}, 4),
        *rows(
            {
                "en": "This is the only one that is good. It goes on and on.",
                "de": "Das hier ist auch gut. So geht es weiter.",
            },
            5,
        ),
        *rows({"en": "Another one of the same id. And one sentence more."}, 5),
    ]
    caplog.set_level("INFO", logger="isoglot")
    found = make(table)
    assert "1 links are left out: a language has several of their documents" in caplog.text
    assert found.metadata["left_out"] == {
        "document of one sentence": 1,
        "sentence that stands in its document again": 1,
        "query that several documents have": 2,
    }
    assert len(found.query_ids) == 3
    assert found.documents.num_rows == 7
    assert make(table, "title").metadata["titles_in_text"] == 0
    for how in ("title", "titel"):
        with pytest.raises(InputError, match=r"no query can be made|did you mean title\?"):
            ig.pseudo_collection([{"text": "a"}], how, document="text", language="en")


def test_a_collection_tells_which_documents_are_translations():
    source = collection_from_rows(
        [(f"{tag}{n}", tag, "", f"{TEXTS[tag]} {n * 'Da '}") for tag in ("en", "de") for n in (1, 2)],
        [("asked", "en", "When?"), ("other", "en", "Who?")],
        [("asked", "en1", 1), ("asked", "de1", 1), ("other", "en2", 1), ("other", "en1", 0)],
        metadata={"licence": "CC0", "translations": True, "source": "us"},
    )
    found = ig.pseudo_collection(source, "crop", seed=1)
    assert {len(relevant) for relevant in judged(found).values()} == {1, 2}
    assert found.metadata["licence"] == "CC0"
    assert "translations" not in found.metadata
    with pytest.raises(InputError, match="columns are those of a table"):
        ig.pseudo_collection(source, document="text")


def test_the_command_takes_tables_corpora_and_collections(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], toy: ig.Collection
):
    lines = [{"_id": f"{tag}/1", "lang": tag, "title": "", "text": text} for tag, text in TEXTS.items()]
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    (corpus / "corpus.jsonl").write_bytes(as_lines(*lines))
    (tmp_path / "docs.jsonl").write_bytes(as_lines(*rows(TEXTS)))
    (tmp_path / "wide.jsonl").write_bytes(as_lines({"a": TEXTS["en"], "b": TEXTS["de"]}))
    ig.write_collection(toy, tmp_path / "toy")

    def run(source: str, *options: str) -> int:
        return main(["data", "pseudo", str(tmp_path / source), "--to", str(tmp_path / f"{source}-out"), *options])

    assert run("corpus") == 0
    said = capsys.readouterr().err
    assert "nobody asked these queries" in said
    assert "no query id has texts in two languages: nothing cross-lingual can be trained or measured" in said
    found = read_collection(tmp_path / "corpus-out")
    assert set(found.documents["_id"].to_pylist()) == {line["_id"] for line in lines}
    assert run("docs.jsonl", "--document", "text", "--lang", "lang", "--id", "n", "--from", "crop") == 0
    said = capsys.readouterr().err
    assert "sentences of the documents, drawn by chance" in said
    assert "cross-lingual" not in said
    assert read_collection(tmp_path / "docs.jsonl-out").metadata["pseudo_queries"] == "crop"
    assert run("wide.jsonl", "--parallel", "en=:a,de=:b") == 0
    assert len(read_collection(tmp_path / "wide.jsonl-out").query_ids) == 1
    assert run("toy", "--from", "title") == 0
    assert queries(read_collection(tmp_path / "toy-out")) == {("en/tar", tag): "tar" for tag in ("en", "de", "th")}
    capsys.readouterr()
    for source, options, sentence in (
        ("docs.jsonl", (), "is a table: say which column holds the documents"),
        ("toy", ("--document", "text"), "is a collection, which has no columns"),
        ("nowhere", (), "is missing"),
        ("wide.jsonl", ("--parallel", "en=a:b"), "leave --query out"),
    ):
        assert main(["data", "pseudo", str(tmp_path / source), "--to", str(tmp_path / "out"), *options]) == 2
        assert sentence in capsys.readouterr().err
