"""Lexicons: what is written is read, bad lines are named, wordnets join, and parallel texts give translations."""

from __future__ import annotations

import unicodedata
from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import collection_from_rows
from isoglot.data.lexicons.induction import induce_lexicons
from isoglot.data.lexicons.lexicon import (
    Lexicon,
    lexicon_from_pairs,
    read_lexicon,
    read_lexicons,
    write_lexicon,
    write_lexicons,
)
from isoglot.data.lexicons.wordnet import gather_lexicons, wordnet_lexicons
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag
from isoglot.languages.words import fold_word, words_of

words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=6)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=8))
@settings(max_examples=50, deadline=None)
def test_what_is_written_is_read(tmp_path_factory, pairs):
    lexicon = lexicon_from_pairs("en", "zh-TW", pairs)
    path = write_lexicon(lexicon, tmp_path_factory.mktemp("lexicon"))
    if len(lexicon):
        assert read_lexicon(path) == lexicon
        assert read_lexicons(path.parent) == [lexicon]


anything = st.text(st.characters(exclude_categories=("Cs",)), max_size=4)


@given(st.lists(st.tuples(anything, anything), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None)
def test_whatever_the_words_are_what_is_written_is_read(tmp_path_factory, pairs):
    lexicon = lexicon_from_pairs("en", "de", [*pairs, ("house", "Haus")])
    assert read_lexicon(write_lexicon(lexicon, tmp_path_factory.mktemp("lexicon"))) == lexicon


TAGS = [
    *("ar", "br", "de", "en", "gsw", "pt", "pt-BR", "sr-Latn", "sr-Latn-RS", "tw", "yue", "zh", "zh-Hant-TW"),
    *("be", "be-tarask", "ca", "ca-valencia", "es-419", "de-CH-1996", "en-u-co-phonebk", "in-x-home", "sl-rozaj"),
]


def test_lexicons_of_any_two_languages_are_read_by_their_names(tmp_path):
    tags = {canonical_tag(tag) for tag in TAGS}
    made = [lexicon_from_pairs(*pair, [("a", "b")]) for pair in permutations(tags, 2)]
    made.append(lexicon_from_pairs("ar-PT", "br", [("a", "c")]))  # the other reading of ar-pt-BR
    write_lexicons([*made, lexicon_from_pairs("it", "fr", [])], tmp_path / "all")
    key = repr
    assert sorted(read_lexicons(tmp_path / "all"), key=key) == sorted(made, key=key)
    with pytest.raises(InputError, match="none has a word"):
        write_lexicons([lexicon_from_pairs("it", "fr", [])], tmp_path / "none")


def test_a_name_of_two_readings_is_refused_if_its_spelling_does_not_tell(tmp_path):
    (tmp_path / "ar-pt-br.tsv").write_text("a\tb\n")
    with pytest.raises(InputError, match="two readings"):
        read_lexicon(tmp_path / "ar-pt-br.tsv")


def test_muse_and_tab_separated_lines_are_read(tmp_path):
    (tmp_path / "en-de.0-5000.txt").write_text("House Haus\nhouse Heim\nhouse house\n\nNew Neu\n", "utf-8")
    (tmp_path / "de-zh-TW.tsv").write_text("ab und zu\t有時 候\n", "utf-8")
    english, german = sorted(read_lexicons(tmp_path), key=lambda lexicon: lexicon.source, reverse=True)
    assert english == Lexicon("en", "de", {"house": ("Haus", "Heim"), "new": ("Neu",)})
    assert german == Lexicon("de", "zh-TW", {"ab und zu": ("有時 候",)})
    assert english.reversed().translations == {"haus": ("house",), "heim": ("house",), "neu": ("new",)}


def test_bad_lines_are_named_with_file_number_and_reason(tmp_path):
    path = tmp_path / "en-de.tsv"
    path.write_bytes(b"one\teins\ntwo\nthree\tdrei\tdry\nf\xffur\tvier\n")
    with pytest.raises(InputError) as caught:
        read_lexicon(path)
    message = str(caught.value)
    assert "en-de.tsv line 2: 'two'" in message
    assert "line 3" in message
    assert "invalid UTF-8 (en-de.tsv line 4" in message
    assert read_lexicon(path, lenient=True).translations == {"one": ("eins",)}
    for name, reason in (("words.tsv", "no language pair"), ("en-en.tsv", "'en' twice"), ("en-fr.tsv", "no line")):
        (tmp_path / name).write_text("" if name == "en-fr.tsv" else "a\tb\n")
        with pytest.raises(InputError, match=reason):
            read_lexicon(tmp_path / name)
    assert read_lexicon(tmp_path / "words.tsv", "en", "fr").translations == {"a": ("b",)}


def wordnet(path, code, *lines):
    """Write a wordnet of lines such as `1-n lemma pies`."""
    rows = [["# A wordnet", code, "url", "licence"]]
    rows += [[synset, f"{code}:{kind}", *rest] for synset, kind, *rest in (line.split(" ", 3) for line in lines)]
    path.write_text("".join("\t".join(row) + "\n" for row in rows), "utf-8")
    return path


def test_wordnets_are_joined_on_synsets(tmp_path):
    polish = wordnet(
        tmp_path / "pol.tab",
        "pol",
        "1-n lemma pies",
        "2-n lemma zamek",
        "3-n lemma zamek",
        "4-n lemma i",
        "1-n def 0 a definition",
    )
    chinese = wordnet(
        tmp_path / "cmn.tab",
        "cmn",
        "1-n lemma 狗",
        "2-n lemma 拉链",
        "2-n lemma 锁_头",
        "3-n lemma 锁_头",
        "4-n lemma 碘",
        "9-n lemma 无",
    )
    found = {
        (lexicon.source, lexicon.target): lexicon.translations for lexicon in wordnet_lexicons([polish, chinese])
    }
    assert found["pl", "zh"] == {"pies": ("狗",), "zamek": ("锁 头", "拉链")}  # two shared synsets before one
    assert found["zh", "pl"] == {"狗": ("pies",), "锁 头": ("zamek",), "拉链": ("zamek",), "碘": ("i",)}
    wordnet(tmp_path / "bad.tab", "nld", "1-n lemma")
    with pytest.raises(InputError, match=r"bad\.tab line 2: '1-n\\tnld:lemma'"):
        wordnet_lexicons([polish, tmp_path / "bad.tab"])
    with pytest.raises(InputError, match="another wordnet of pl"):
        wordnet_lexicons([polish, polish])
    with pytest.raises(InputError, match="two languages"):
        wordnet_lexicons([polish])


def test_files_folders_and_wordnets_are_gathered(tmp_path):
    (tmp_path / "pairs").mkdir()
    (tmp_path / "pairs" / "en-de.tsv").write_text("one\teins\n")
    tabs = [
        wordnet(tmp_path / f"{code}.tab", code, f"1-n lemma {word}")
        for code, word in (("pol", "pies"), ("por", "cão"))
    ]
    found = gather_lexicons([tabs[0], str(tmp_path / "pairs"), tabs[1]])
    assert [(one.source, one.target) for one in found] == [("en", "de"), ("pl", "pt"), ("pt", "pl")]
    assert wordnet_lexicons(tabs, ["pl", "de"]) == []


def test_real_wordnets_translate(shared_data):
    paths = [shared_data / "omw" / code / f"wn-data-{code}.tab" for code in ("arb", "por")]
    forth, back = wordnet_lexicons(paths)
    assert (forth.source, forth.target) == ("ar", "pt")
    assert "casa" in forth.translations["بيت"]  # the file writes vowel signs, which texts leave out
    assert "كلب" in back.translations["cachorro"]
    assert len(forth) > 5000


def test_folding_and_words():
    assert fold_word("E\u0301té") == unicodedata.normalize("NFC", "été")
    assert fold_word("بَيْت") == "بيت"
    assert words_of("L'eau, हिन्दी_x 東京都!") == ["l", "eau", "हिन्दी_x", "東京", "京都"]


ANIMALS = {
    "en": ("dog", "cat", "horse", "cow"),
    "de": ("Hund", "Katze", "Pferd", "Kuh"),
    "zh": ("小狗", "小猫", "大马", "母牛"),
}
DEEDS = {
    "en": ("sleeps", "eats", "runs", "drinks"),
    "de": ("schläft", "frisst", "rennt", "trinkt"),
    "zh": ("睡觉", "吃饭", "跑步", "喝水"),
}


def parallel(separate=("en", "de", "zh")):
    documents, queries, qrels = [], [], []
    for at in range(16):
        for tag in separate:
            space = "" if tag == "zh" else " "
            text = f"{ANIMALS[tag][at % 4]}{space}{DEEDS[tag][at // 4]}"
            queries.append((f"q{at}", tag, text))
            documents.append((f"{tag}{at}", tag, "", text))
            qrels.append((f"q{at}", f"{tag}{at}", 1))
    return collection_from_rows(documents, queries, qrels)


def test_translations_are_found_in_parallel_texts():
    found = {(lexicon.source, lexicon.target): lexicon.translations for lexicon in induce_lexicons(parallel())}
    assert set(found) == {("de", "en"), ("en", "de"), ("de", "zh"), ("zh", "de"), ("en", "zh"), ("zh", "en")}
    for words_in in (ANIMALS, DEEDS):
        for english, german, chinese in zip(*(words_in[tag] for tag in ("en", "de", "zh")), strict=True):
            assert found["en", "de"][english] == (german,)
            assert found["de", "en"][german.casefold()] == (english,)
            assert found["en", "zh"][english] == (chinese,)
            assert found["zh", "de"][chinese] == (german,)


def test_the_order_of_rows_decides_nothing():
    collection = parallel(("en", "de"))
    shuffled = collection_from_rows(
        [tuple(row.values()) for row in reversed(collection.documents.to_pylist())],
        [tuple(row.values()) for row in reversed(collection.queries.to_pylist())],
        [(f"q{at}", f"{tag}{at}", 1) for at in range(16) for tag in ("de", "en")],
    )
    assert induce_lexicons(collection) == induce_lexicons(collection)
    pairs = [
        {
            (lexicon.source, word): kept
            for lexicon in induce_lexicons(one)
            for word, kept in lexicon.translations.items()
        }
        for one in (collection, shuffled)
    ]
    assert pairs[0] == pairs[1]


def test_texts_that_are_not_parallel_are_refused():
    alone = collection_from_rows([("d", "en", "", "a dog")], [("q", "de", "ein Hund")], [("q", "d", 1)])
    with pytest.raises(InputError, match="no parallel texts"):
        induce_lexicons(alone)
    with pytest.raises(InputError, match="no language 'fr'"):
        induce_lexicons(parallel(), ["fr", "en"])
    with pytest.raises(InputError, match=r"in \(0, 1\]"):
        induce_lexicons(parallel(), threshold=0)


@pytest.mark.slow
def test_most_induced_translations_are_right_by_a_wordnet(shared_data):
    """Wordnets list lemmas and their usual senses only, so this is a lower bound."""
    from isoglot.collections import read_collection

    codes = {"nl": "nld", "pt": "por"}
    gold = {
        lexicon.source: lexicon
        for lexicon in wordnet_lexicons(
            shared_data / "omw" / code / f"wn-data-{code}.tab" for code in codes.values()
        )
    }
    forth, _ = induce_lexicons(read_collection(shared_data / "tldr" / "train"), ["nl", "pt-BR"], threshold=0.5)
    known = [word for word in forth.translations if word in gold["nl"].translations]
    right = [
        word
        for word in known
        if {*map(fold_word, forth.translations[word])} & {*map(fold_word, gold["nl"].translations[word])}
    ]
    assert len(known) > 60
    assert len(right) / len(known) > 0.55  # with translations exchanged between words: 0.01


def run_lexicon(*arguments) -> int:
    import typer

    from isoglot.cli.lexicon import lexicon

    app = typer.Typer()
    app.command()(lexicon)
    return app(args=[str(one) for one in arguments], standalone_mode=False) or 0


def test_the_command_writes_lexicons(tmp_path, capsys):
    run_lexicon("worldfacts", "--languages", "en,de,sw", "--to", tmp_path / "lexicons")
    assert "lexicons" in capsys.readouterr().out
    found = {(lexicon.source, lexicon.target): lexicon for lexicon in read_lexicons(tmp_path / "lexicons")}
    assert "Währung" in found["en", "de"].translations["currency"]
