"""Near-duplicates: what MinHash brings up, against comparing all texts with all."""

from __future__ import annotations

import random
import sys
import unicodedata
from itertools import combinations, product

import numpy as np
import pytest
import regex
from datasketch import MinHash
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows
from isoglot.data.quality.duplicates import find_duplicates, find_near_duplicates, find_same_in_languages
from isoglot.data.quality.near import (
    HASHES,
    RECALL,
    Sketches,
    bands_for,
    find_near,
    gram_numbers,
    gram_set,
    jaccard,
)
from isoglot.data.quality.texts import Texts, digests, normalised

LETTERS = {"latin": "abcdefgh", "thai": "กขคงจฉชซ", "han": "一丁七万丈三上下", "astral": "𐌀𐌁𐌂𐌃𐌄𐌅𐌆𐌇"}


def collection_of(queries: list[tuple[str, str]], documents: list[tuple[str, str]] = ()) -> Collection:
    """(language, text) of queries and documents, named by their place."""
    docs = [(f"d{at}", tag, "", text) for at, (tag, text) in enumerate(documents or [("en", "a document")])]
    asked = [(f"q{at}", tag, text) for at, (tag, text) in enumerate(queries)]
    return collection_from_rows(docs, asked, [("q0", "d0", 1)])


def variants(seed: int, texts: int, edits: int) -> list[str]:
    """Random texts in several scripts, each with copies that differ in more and more letters."""
    random_ = random.Random(seed)
    made: list[str] = []
    for _ in range(texts):
        alphabet = LETTERS[random_.choice(list(LETTERS))]
        text = "".join(random_.choices(alphabet, k=random_.randint(20, 60)))
        for count in range(edits):
            letters = list(text)
            for _ in range(count):
                letters[random_.randrange(len(letters))] = random_.choice(alphabet)
            made.append("".join(letters))
    random_.shuffle(made)
    return made


# --------------------------------------------------------------------------------------------- normalisation


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I unpack an archive?", "how do i  unpack an ARCHIVE"),
        ("Ｆｕｌｌ width", "full-width"),
        ("STRASSE", "Straße"),
        ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ("我 该 如何 解压 文件 ？", "我该如何解压文件"),
        ("cafe\u0301", "café"),
        ("zero\u200bwidth", "zerowidth"),
        ("ไฟล์ ทั้งหมด", "ไฟล์ทั้งหมด"),
        ("I \u2764\ufe0f you", "I \u2764 you"),
        ("e\u034f\u0301te\u0301", "été"),
        ("한\u3164국", "한국"),
        ("?\u200d", "?"),
    ],
)
def test_texts_that_are_the_same_to_a_reader(one: str, other: str):
    assert normalised([one]) == normalised([other])
    assert digests(normalised([one])) == digests(normalised([other]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("ไม้", "ไม่"),  # two words that a tone mark tells apart
        ("हिंदी", "हद"),  # vowel signs are letters of the text
        ("?", "!"),  # nothing but punctuation
        ("5 + 3", "5 3"),
        ("C", "G"),
        ("réserve", "reserve"),
    ],
)
def test_texts_that_are_not(one: str, other: str):
    assert normalised([one]) != normalised([other])


def test_whatever_nothing_is_to_be_seen_of_does_not_count():
    letters = "".join(chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000)
    unseen = regex.findall(r"\p{Default_Ignorable_Code_Point}", letters)
    assert len(unseen) > 4000
    assert set(normalised([f"two{letter}words" for letter in unseen])) == {"twowords"}
    assert set(normalised([f"?{letter}" for letter in unseen[::100]])) == {"?"}


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=4))
@settings(max_examples=60, deadline=None)
def test_normalised_text_is_normal(texts: list[str]):
    once = normalised(texts)
    assert normalised(once) == once
    kept = {"L", "M", "N", "S"}
    for text, short in zip(texts, once, strict=True):
        seen = regex.sub(r"\p{Default_Ignorable_Code_Point}", "", unicodedata.normalize("NFKC", text))
        if any(unicodedata.category(letter)[0] in kept for letter in seen):
            assert not any(unicodedata.category(letter)[0] in "PZ" for letter in short)


# ------------------------------------------------------------------------------------------------- trigrams


def test_similarity_is_that_counted_by_hand():
    assert gram_set("abcd") == {"abc", "bcd"}
    assert gram_set("ab") == {"ab"}
    assert jaccard(gram_set("abcd"), gram_set("bcde")) == 1 / 3
    assert jaccard(gram_set("ab"), gram_set("ab")) == 1


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1), min_size=1))
@settings(max_examples=80, deadline=None)
def test_numbers_are_equal_where_trigrams_are(texts: list[str]):
    numbers, offsets = gram_numbers(texts)
    named: dict[int, str] = {}
    for at, text in enumerate(texts):
        grams = [text[i : i + 3] for i in range(max(1, len(text) - 2))]
        mine = numbers[offsets[at] : offsets[at + 1]].tolist()
        assert len(mine) == len(grams)
        for number, gram in zip(mine, grams, strict=True):
            assert named.setdefault(number, gram) == gram
    assert len(set(named.values())) == len(named)


def test_signatures_estimate_similarity_as_well_as_another_library_s():
    texts = variants(3, 40, 2)
    collection = collection_of([("en", text) for text in texts])
    signatures = Sketches(Texts(collection, "queries"), np.arange(len(texts)), 0.8).signatures
    theirs = []
    for text in texts:
        one = MinHash(num_perm=HASHES, seed=1)
        one.update_batch([gram.encode() for gram in gram_set(text)])
        theirs.append(one)
    errors = []
    for a, b in combinations(range(len(texts)), 2):
        truth = jaccard(gram_set(texts[a]), gram_set(texts[b]))
        if truth > 0.2:
            errors.append(((signatures[a] == signatures[b]).mean() - truth, theirs[a].jaccard(theirs[b]) - truth))
    ours, peer = np.sqrt(np.mean(np.square(errors), axis=0))
    assert len(errors) > 20
    assert ours < 1.25 * peer + 0.005
    assert abs(np.mean([error for error, _ in errors])) < 0.02


def test_bands_keep_the_recall_that_is_promised():
    for threshold in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 1.0):
        bands, width = bands_for(threshold)
        assert bands * width <= HASHES
        assert 1 - (1 - threshold**width) ** bands >= RECALL


# ---------------------------------------------------------------------------------- against all with all


@pytest.mark.parametrize("threshold", [0.4, 0.6, 0.8, 0.9])
def test_near_texts_of_two_collections_are_those_that_comparing_all_finds(threshold: float):
    texts = list(dict.fromkeys(variants(1, 100, 6)))
    known, asked = texts[::2], texts[1::2]
    train, test = (collection_of([("en", text) for text in texts]) for texts in (known, asked))
    rows = Texts(test, "queries"), np.arange(len(asked)), Texts(train, "queries"), np.arange(len(known))
    match, similarity = find_near(*rows, threshold)
    best = np.array([max(jaccard(gram_set(one), gram_set(other)) for other in known) for one in asked])
    wanted, found = best >= threshold, match >= 0
    assert not (found & ~wanted).any()  # every one that is reported is as near as that
    assert found.sum() >= 0.98 * wanted.sum()
    assert 0 < wanted.sum() < len(asked)
    for at in np.flatnonzero(found):
        assert similarity[at] == jaccard(gram_set(asked[at]), gram_set(known[match[at]])) >= threshold


def components(texts: list[str], threshold: float) -> list[set[int]]:
    """Groups of texts of which each is near to another one, by comparing all with all."""
    groups = [{at} for at in range(len(texts))]
    for a, b in combinations(range(len(texts)), 2):
        if jaccard(gram_set(texts[a]), gram_set(texts[b])) >= threshold:
            one = next(group for group in groups if a in group)
            other = next(group for group in groups if b in group)
            if one is not other:
                groups.remove(other)
                one |= other
    return [group for group in groups if len(group) > 1]


@pytest.mark.parametrize(("seed", "threshold"), product((5, 6), (0.5, 0.8)))
def test_groups_of_near_duplicates_are_those_that_comparing_all_finds(seed: int, threshold: float):
    texts = list(dict.fromkeys(variants(seed, 40, 5)))
    found = find_near_duplicates(Texts(collection_of([("en", text) for text in texts]), "queries"), threshold)
    groups = components(texts, threshold)
    assert abs(found.groups - len(groups)) <= 1
    assert sum(map(len, groups)) - 2 <= found.texts <= sum(map(len, groups))
    for example in found.examples:
        one, other = (gram_set(texts[int(text["id"][1:])]) for text in example["texts"])
        assert example["similarity"] == round(jaccard(one, other), 4) >= threshold


def test_many_texts_of_one_template_are_one_group():
    """A bucket with hundreds of texts, in which nearly all pairs are near."""
    texts = [f"What is the currency that people use in the {at:03} country of our list" for at in range(400)]
    found = find_near_duplicates(Texts(collection_of([("en", text) for text in texts]), "queries"), 0.8)
    assert (found.texts, found.groups) == (400, 1)


# ------------------------------------------------------------------------------------------------ repeats


@pytest.fixture
def repeated() -> Collection:
    return collection_of(
        [
            ("en", "List all files"),  # 0, with 1 and 4
            ("en", "list all files!"),
            ("de", "List all files"),  # 2: another language
            ("de", "Alle Dateien auflisten"),  # 3
            ("en", "LIST  ALL FILES"),
            ("en", "list all the files of a folder and everything below it"),  # 5, near 6
            ("en", "list all the files of a folder and everything below it, too"),
            ("de", "list all the files of a folder and everything below it, too"),  # 7: not near within German
        ]
    )


def test_duplicates_are_found_within_a_language(repeated: Collection):
    found = find_duplicates(Texts(repeated, "queries"))
    assert (found.texts, found.groups, found.by_language) == (3, 1, {"en": 3})
    assert [text["id"] for text in found.examples[0]["texts"]] == ["q0", "q1", "q4"]


def test_near_duplicates_are_found_within_a_language(repeated: Collection):
    found = find_near_duplicates(Texts(repeated, "queries"), 0.8)
    assert (found.texts, found.groups, found.by_language) == (2, 1, {"en": 2})
    assert {text["id"] for text in found.examples[0]["texts"]} == {"q5", "q6"}


def test_the_same_text_in_two_languages_is_found(repeated: Collection):
    found, pairs = find_same_in_languages(Texts(repeated, "queries"))
    assert (found.texts, found.groups) == (6, 2)
    assert found.by_language == {"de": 2, "en": 4}
    assert pairs == {"de en": 2}
    assert {text["language"] for text in found.examples[0]["texts"]} == {"de", "en"}


def test_copies_of_a_near_duplicate_count_with_it():
    texts = ["the quick brown fox jumps over the lazy dog", "the quick brown fox jumped over the lazy dog"]
    collection = collection_of([("en", texts[0]), ("en", texts[1]), ("en", texts[1].upper())])
    found = find_near_duplicates(Texts(collection, "queries"), 0.7)
    assert (found.texts, found.groups) == (3, 1)


def test_documents_are_compared_with_their_titles():
    collection = collection_from_rows(
        [("a", "en", "tar", "unpacks"), ("b", "en", "", "tar unpacks"), ("c", "en", "zip", "unpacks")],
        [("q", "en", "which?")],
        [("q", "a", 1)],
    )
    found = find_duplicates(Texts(collection, "documents"))
    assert [text["id"] for text in found.examples[0]["texts"]] == ["a", "b"]


def test_nothing_repeated_is_nothing_found():
    texts = Texts(collection_of([("en", "one"), ("de", "zwei")]), "queries")
    assert find_duplicates(texts).texts == find_near_duplicates(texts, 0.8).texts == 0
    assert find_same_in_languages(texts)[1] == {}
