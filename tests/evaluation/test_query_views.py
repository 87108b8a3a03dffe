"""Queries romanised and code-mixed: what changes, what stays, and what results say of it."""

from __future__ import annotations

import numpy as np
import pytest
from evaluation_helpers import parallel_collection
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import read_collection, write_collection
from isoglot.collections.building import collection_from_rows
from isoglot.collections.cautions import caution_of, different_queries, view_sentence
from isoglot.data.lexicons import Lexicon, lexicon_from_pairs
from isoglot.errors import InputError
from isoglot.evaluation import (
    MultilingualEvaluator,
    Result,
    code_mix_queries,
    compare_all,
    evaluate_embeddings,
    query_views,
    romanise_queries,
)

SCRIPTS = {
    "ru": "Как распаковать архив?",
    "el": "Άνοιγμα αρχείου",
    "hi": "फ़ाइल खोजें",
    "zh": "如何解压 tar 归档？",
    "ja": "アーカイブを展開する",
    "ko": "파일을 찾다",
    "th": "ค้นหาไฟล์",
    "ar": "ابحث عن ملف",
    "uk": "Розпакувати архів",
}
ALPHA3 = {
    **{"ru": "rus", "el": "ell", "hi": "hin", "zh": "zho", "ja": "jpn", "ko": "kor", "th": "tha", "ar": "ara"},
    "uk": "ukr",
}
LEXICONS = [
    lexicon_from_pairs("en", "de", [("house", "Haus"), ("old", "alt")]),
    lexicon_from_pairs("de", "en", [("haus", "house")]),
]


def asking(*queries: tuple[str, str]):
    """A collection of these queries, (language, text), with an answer to each."""
    return collection_from_rows(
        [(f"d{at}", tag, "", f"answer {at}") for at, (tag, _) in enumerate(queries)],
        [(f"q{at}", tag, text) for at, (tag, text) in enumerate(queries)],
        [(f"q{at}", f"d{at}", 1) for at in range(len(queries))],
    )


def told(collection):
    return collection.metadata["query_view"]


@pytest.fixture(scope="module")
def uroman():
    pytest.importorskip("uroman")
    return query_views._romaniser()  # the package's own object, which takes seconds to make


def test_queries_are_romanised_as_the_package_does_it_in_their_language(uroman):
    found = romanise_queries(asking(*SCRIPTS.items()))
    assert found.query_texts() == [
        uroman.romanize_string(text, lcode=ALPHA3[tag]).strip() for tag, text in SCRIPTS.items()
    ]
    assert found.query_texts()[0] == "Kak raspakovat arkhiv?"
    assert all(text.isascii() for text in found.query_texts())
    assert told(found)["changed"] == told(found)["queries"] == len(SCRIPTS)


def test_the_language_of_a_query_decides(uroman):
    texts = romanise_queries(asking(("ru", "г и"), ("uk", "г и"))).query_texts()
    assert texts == [uroman.romanize_string("г и", lcode=tag) for tag in ("rus", "ukr")]
    assert texts[0] != texts[1]


@pytest.mark.usefixtures("uroman")
def test_what_is_in_latin_script_keeps_its_accents_and_is_not_counted():
    plain = [("fr", "où est l’été ?"), ("vi", "tệp ở đâu"), ("de", "5 µm – größer"), ("en", "１２ ＡＢ")]
    found = romanise_queries(asking(*plain, ("zh", "查找 café 文件"), ("zh", "tar"), ("th", "อ")))
    assert found.query_texts()[:4] == [text for _, text in plain]
    assert found.query_texts()[4:] == ["chazhao café wenjian", "tar", "อ"]  # uroman leaves nothing of the last
    assert told(found) == {
        "view": "romanised",
        "by": told(found)["by"],
        "changed": 1,
        "queries": 7,
        "languages": {"zh": 1},
    }
    assert told(found)["by"].startswith("uroman ")
    assert view_sentence(told(found)) == (
        f"1 of 7 queries were romanised by {told(found)['by']} (zh); the others stay as they are"
    )


@pytest.mark.usefixtures("uroman")
def test_where_nothing_changes_it_is_said_and_still_measured():
    collection = parallel_collection(languages=3, ids=3)
    found = romanise_queries(collection)
    assert found.query_texts() == collection.query_texts()
    result = evaluate_embeddings(np.eye(9), np.eye(9), found, bootstrap=0)
    assert result.multilingual["queries"] == 9
    assert "no letter of another script to romanise in the 9 queries" in result.caution


@pytest.mark.usefixtures("uroman")
def test_documents_judgments_and_ids_stay_and_the_view_is_read_back(tmp_path):
    collection = asking(*SCRIPTS.items())
    before = collection.query_texts()
    found = romanise_queries(collection)
    assert found.documents.equals(collection.documents)
    assert found.judgments.equals(collection.judgments)
    assert found.queries.drop_columns("text").equals(collection.queries.drop_columns("text"))
    assert found.queries.schema.equals(collection.queries.schema)
    assert collection.query_texts() == before
    assert "query_view" not in collection.metadata
    write_collection(found, tmp_path / "c")
    back = read_collection(tmp_path / "c")
    assert back.query_texts() == found.query_texts()
    assert told(back) == told(found)


def test_words_are_replaced_by_their_translations_and_counted_by_hand():
    data = asking(("en", "An OLD house!"), ("en", "nothing known"), ("de", "Das Haus"), ("fr", "maison"))
    found = code_mix_queries(data, LEXICONS, rate=1, seed=3)
    assert found.query_texts() == ["An alt Haus!", "nothing known", "Das house", "maison"]
    assert found.documents.equals(data.documents)
    assert found.judgments.equals(data.judgments)
    assert told(found) == {
        "view": "code-mixed",
        "rate": 1.0,
        "seed": 3,
        "lexicons": ["de-en", "en-de"],
        "without_known_word": 2,
        "changed": 2,
        "queries": 4,
        "languages": {"de": 1, "en": 1},
    }
    assert view_sentence(told(found)) == (
        "words of 2 of 4 queries were replaced by translations, each with probability 1 (seed 3; de, en); 2 have "
        "no word that the lexicons know, and stay as they are"
    )


@given(seed=st.integers(0, 10**6), rate=st.floats(0.01, 1))
@settings(max_examples=25, deadline=None)
def test_the_same_seed_gives_the_same_queries_whatever_the_rate_counts(seed, rate):
    data = asking(*[("en", "old house")] * 10, *[("en", "unknown")] * 3)
    found, again = (code_mix_queries(data, LEXICONS, rate=rate, seed=seed) for _ in range(2))
    assert found.query_texts() == again.query_texts()
    assert set(found.query_texts()[:10]) <= {"old house", "old Haus", "alt house", "alt Haus"}
    assert told(found)["without_known_word"] == 3
    assert told(found)["changed"] == sum(text != "old house" for text in found.query_texts()[:10])


def test_another_seed_replaces_other_words_at_about_the_rate():
    data = asking(*[("en", "old house")] * 400)
    one, other = (code_mix_queries(data, LEXICONS, rate=0.5, seed=seed).query_texts() for seed in (0, 1))
    assert one != other
    share = np.mean([word in ("alt", "Haus") for text in one for word in text.split()])
    assert share == pytest.approx(0.5, abs=0.08)  # 800 draws: 4.5 standard deviations


def test_a_mixed_query_that_no_draw_changed_is_not_one_without_known_words():
    data = asking(("en", "house"), ("en", "unknown"))
    view = told(code_mix_queries(data, LEXICONS, rate=1e-9))
    assert (view["changed"], view["without_known_word"]) == (0, 1)
    assert view_sentence(view) == (
        "words of 0 of 2 queries were replaced by translations, each with probability 1e-09 (seed 0); 1 have no "
        "word that the lexicons know, and stay as they are: figures are those of the queries as they are"
    )


def test_results_say_their_view_and_are_compared_and_told_apart(tmp_path):
    plain = asking(*[("en", f"house {at}") for at in range(4)])
    mixed = code_mix_queries(plain, LEXICONS, rate=1)
    first, second = (evaluate_embeddings(np.eye(4), np.eye(4), one, bootstrap=0) for one in (plain, mixed))
    second.save(tmp_path / "r.json")
    back = Result.from_json(tmp_path / "r.json")
    assert back.made["query_view"] == told(mixed)
    assert back.caution.startswith("words of 4 of 4 queries were replaced")
    assert first.caution is None
    assert "query_view" not in first.made
    assert compare_all({"a": first, "b": back}, ["AP"])
    assert different_queries({"a": first.made, "b": back.made}) == (
        "the results are of different queries, so differences may be due to these: a was asked them as they are; b "
        "was asked them code-mixed at rate 1, seed 0 (4 of 4 changed)"
    )
    assert different_queries({"a": back.made, "b": back.made}) is None
    assert different_queries({"a": first.made, "b": None}) is None


def test_many_languages_are_named_in_part():
    view = {"view": "romanised", "by": "uroman 1", "changed": 13, "queries": 20}
    tags = [f"a{letter}" for letter in "abcdefghijklm"]
    assert "(aa, ab, ac, ad, ae, af, ag, ah, ai, aj and 3 other languages)" in view_sentence(
        {**view, "languages": dict.fromkeys(tags, 1)}
    )
    both = caution_of({"query_view": {**view, "languages": {"aa": 13}}, "pseudo_queries": "title"})
    assert both.startswith("nobody asked")
    assert ". 13 of 20 queries were romanised" in both


def test_a_validation_says_which_queries_it_asks(caplog):
    caplog.set_level("INFO")
    MultilingualEvaluator(code_mix_queries(asking(("en", "house")), LEXICONS, rate=1))
    assert "words of 1 of 1 queries were replaced" in caplog.text


@pytest.mark.parametrize(
    ("lexicons", "options", "message"),
    [
        (LEXICONS, {"rate": 0}, r"must lie in \(0, 1\], not 0"),
        (LEXICONS, {"rate": 1.5}, r"not 1\.5"),
        (LEXICONS, {"rate": float("nan")}, "not nan"),
        (LEXICONS, {"seed": -1}, "the seed must not be negative"),
        ([], {}, "needs a lexicon"),
        (
            [Lexicon("fr", "en", {"maison": ("house",)})],
            {},
            "queries of .* are in en, the lexicons translate from fr",
        ),
    ],
    ids=["none", "above", "nan", "seed", "no-lexicon", "other-language"],
)
def test_mixing_that_there_is_not(lexicons, options, message):
    with pytest.raises(InputError, match=message):
        code_mix_queries(asking(("en", "house")), lexicons, **options)


def test_a_view_of_a_view_is_refused():
    mixed = code_mix_queries(asking(("en", "house")), LEXICONS, rate=1)
    for again in (romanise_queries, lambda one: code_mix_queries(one, LEXICONS)):
        with pytest.raises(InputError, match="are code-mixed already: give the collection itself"):
            again(mixed)
