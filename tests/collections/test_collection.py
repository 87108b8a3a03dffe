"""Collections in memory: training pairs against brute force, language tags, building from rows."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.collections import Collection, collection_from_rows, join_collections
from isoglot.collections.links import link_sentences
from isoglot.errors import InputError
from isoglot.languages.tags import canonical_tag, language_name

TAGS = ("en", "de", "th", "zh-TW")


@st.composite
def rows(draw):
    """Rows of a random collection: translations missing, several relevant documents, any scores."""
    documents = [
        (f"d{number}", tag, "", f"text {number}")
        for number, tag in enumerate(draw(st.lists(st.sampled_from(TAGS), min_size=1, max_size=12)))
    ]
    versions = draw(
        st.lists(st.tuples(st.integers(0, 5), st.sampled_from(TAGS)), unique=True, min_size=1, max_size=14)
    )
    queries = [(f"q{number}", tag, f"query {number}") for number, tag in versions]
    judged = st.tuples(
        st.sampled_from(sorted({query[0] for query in queries})),
        st.sampled_from([document[0] for document in documents]),
        st.integers(-1, 3),
    )
    return documents, queries, draw(st.lists(judged, unique_by=lambda row: row[:2], max_size=25))


@given(rows())
@settings(max_examples=60, deadline=None)
def test_ids_that_link_languages_are_counted(given_rows):
    documents, queries, qrels = given_rows
    spoken: dict[str, set[str]] = {}
    for query, tag, _ in queries:
        spoken.setdefault(query, set()).add(tag)
    tags = {document[0]: document[1] for document in documents}
    for query, document, score in qrels:
        if score > 0:
            spoken[query].add(tags[document])
    judged = {query for query, _, score in qrels if score > 0}
    collection = collection_from_rows(documents, queries, qrels)
    assert collection.linked_ids() == (sum(len(spoken[query]) > 1 for query in judged), len(judged))
    mono = int(collection.pair_counts.trace())
    assert (collection.linked_ids()[0] > 0) or int(collection.pair_counts.sum()) == mono


def test_ids_that_do_not_link_languages_are_told_of():
    def of(ids: int, linked: int, *, tags=("en", "de")) -> Collection:
        names = {tag: [f"q{n}" if n < linked else f"{tag}{n}" for n in range(ids)] for tag in tags}
        return collection_from_rows(
            [(f"{tag}/{n}", tag, "", f"page {n}") for tag in tags for n in range(ids)],
            [(name, tag, f"question {name}") for tag in tags for name in names[tag]],
            [(name, f"{tag}/{n}", 1) for tag in tags for n, name in enumerate(names[tag])],
            name="mine",
        )

    (sentence,) = link_sentences(of(4, 0))
    assert sentence.startswith("mine: no query id has texts in two languages: nothing cross-lingual can be")
    assert '{"_id": "q1", "lang": "de", …}' in sentence
    (sentence,) = link_sentences(of(4, 2))
    assert "2 of 6 query ids (33.3%) have texts in more than one language" in sentence
    assert link_sentences(of(4, 4)) == link_sentences(of(4, 0, tags=("en",))) == []
    joined = join_collections([of(4, 4), of(4, 0, tags=("en",)), of(4, 0)])
    assert [sentence.split(":")[0] for sentence in link_sentences(joined)] == ["mine (3)"]


@given(rows())
@settings(max_examples=150, deadline=None)
def test_pairs_are_those_that_brute_force_finds(rows):
    documents, queries, qrels = rows
    collection = collection_from_rows(documents, queries, qrels)
    total = Counter()
    for a in collection.languages:
        for b in collection.languages:
            expected = sorted(
                (query_row, document_row)
                for query_row, (query, query_tag, _) in enumerate(queries)
                for document_row, (document, document_tag, _, _) in enumerate(documents)
                for judged_query, judged_document, score in qrels
                if (query, document) == (judged_query, judged_document)
                and score > 0
                and (query_tag, document_tag) == (a, b)
            )
            query_rows, document_rows = collection.pairs(a, b)
            assert query_rows.dtype == document_rows.dtype == np.int32
            assert sorted(zip(query_rows.tolist(), document_rows.tolist(), strict=True)) == expected
            # in order of query id, then document, so that a permutation of them is reproducible
            keys = list(zip(collection.query_index[query_rows], document_rows, strict=True))
            assert keys == sorted(keys)
            total[a, b] = len(expected)
    counts = collection.pair_counts
    assert {
        (a, b): counts[collection.language_index(a), collection.language_index(b)]
        for a in collection.languages
        for b in collection.languages
    } == dict(total)


@given(rows())
@settings(max_examples=100, deadline=None)
def test_relevance_is_the_judgments_above_zero(rows):
    documents, queries, qrels = rows
    collection = collection_from_rows(documents, queries, qrels)
    for index, query in enumerate(collection.query_ids.to_pylist()):
        expected = sorted(
            (int(document[1:]), score) for judged, document, score in qrels if judged == query and score > 0
        )
        assert collection.relevance.of(index).tolist() == [document for document, _ in expected]
        start, end = collection.relevance.offsets[index : index + 2]
        assert collection.relevance.scores[start:end].tolist() == [score for _, score in expected]
        assert (collection.relevance.queries[start:end] == index).all()


def test_language_versions_of_a_query_share_an_id(toy: Collection):
    assert toy.languages == ("de", "en", "th")
    assert toy.query_ids.to_pylist() == ["unpack", "list"]
    assert toy.query_index.tolist() == [0, 1, 0, 1, 0, 1]
    assert [toy.languages[code] for code in toy.query_language] == ["en", "en", "de", "de", "th", "th"]
    assert (toy.pair_counts == 2).all()
    query_rows, document_rows = toy.pairs("th", "de")
    assert toy.query_texts(query_rows) == ["ฉันจะแตกไฟล์เก็บถาวรได้อย่างไร", "แสดงรายการไฟล์"]
    assert toy.documents["_id"].take(document_rows).to_pylist() == ["de/tar", "de/ls"]
    assert "6 documents, 6 queries (2 ids), 6 judgments, 3 languages" in repr(toy)


def test_an_encoder_reads_title_and_text_joined_by_a_space(toy: Collection):
    assert toy.document_texts(np.array([2, 3])) == ["tar tar entpackt Archive", "ls listet Dateien auf"]
    assert len(toy.document_texts()) == 6
    assert len(toy.query_texts()) == 6


def test_texts_are_there_as_arrow_strings_as_well(toy: Collection):
    parts = replace(toy, documents=pa.concat_tables([toy.documents.slice(at, 2) for at in (0, 2, 4)]))
    rows = np.array([4, 0, 4, 3])
    for column, texts in ((parts.document_column, toy.document_texts), (parts.query_column, toy.query_texts)):
        assert isinstance(column(), pa.ChunkedArray)
        assert column().to_pylist() == texts()
        assert column(rows).to_pylist() == texts(rows) == [texts()[row] for row in rows]
        assert column(np.array([], np.int32)).to_pylist() == []


def test_the_queries_to_be_measured_are_those_with_a_relevant_document():
    documents = [("d", "de", "", "x"), ("e", "en", "", "y")]
    queries = [("none", "en", "?"), ("judged", "de", "?"), ("judged", "en", "?"), ("wrong", "en", "?")]
    qrels = [("judged", "d", 1), ("wrong", "e", 0)]
    collection = collection_from_rows(documents, queries, qrels)
    assert collection.judged_query_rows().tolist() == [1, 2]
    translations = replace(collection, metadata={"translations": True})
    assert translations.judged_query_rows().tolist() == [2]
    with pytest.raises(InputError, match="no query with a relevant document"):
        collection_from_rows(documents, queries, qrels[1:]).judged_query_rows()


def test_a_language_the_collection_lacks_is_named_with_those_it_has(toy: Collection):
    with pytest.raises(InputError, match=r"toy has no language 'fr'; it has de, en, th"):
        toy.pairs("fr", "en")


@pytest.mark.parametrize(
    ("documents", "queries", "qrels", "reason"),
    [
        (
            [("d", "en", "", "x"), ("d", "de", "", "y")],
            [("q", "en", "x")],
            [],
            "duplicate document id.*row 2",
        ),
        ([("d", "en", "", "x")], [("q", "en", "x"), ("q", "en", "y")], [], "'q' in en"),
        ([("d", "en", "", "x")], [("q", "en", "x"), ("q", "EN", "y")], [], "'q' in en"),
        ([("d", "en", "", "x")], [("q", "en", "x")], [("r", "d", 1)], "unknown query id.*'r'"),
        ([("d", "en", "", "x")], [("q", "en", "x")], [("q", "e", 1)], "unknown document id.*'e'"),
        ([("d", "en", "", "x")], [("q", "en", "x")], [("q", "d", 1), ("q", "d", 0)], "judged twice"),
        ([("d", "xx", "", "x")], [("q", "en", "x")], [], "'xx' is not a registered language tag"),
    ],
)
def test_rows_that_contradict_each_other_are_refused(documents, queries, qrels, reason):
    with pytest.raises(InputError, match=reason):
        collection_from_rows(documents, queries, qrels)


def test_problems_are_counted_and_the_first_three_shown():
    with pytest.raises(InputError) as caught:
        collection_from_rows([("d", "en", "", "x")], [("q", "en", "x")], [("q", f"x{n}", 1) for n in range(500)])
    assert "'x2'" in str(caught.value)
    assert "'x3'" not in str(caught.value)
    assert "and 497 more" in str(caught.value)


def test_a_query_may_be_in_two_languages_and_unjudged():
    collection = collection_from_rows([("d", "en", "", "x")], [("q", "en", "x"), ("q", "de", "y")], [])
    assert collection.pair_counts.sum() == 0
    assert collection.relevance.of(0).tolist() == []


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ("zh_cn", "zh-CN"),
        ("deu", "de"),
        ("pt_BR", "pt-BR"),
        ("zh-tw", "zh-TW"),
        (" EN ", "en"),
        ("iw", "he"),
        ("sr_latn", "sr-Latn"),
        ("hau", "ha"),
        ("th", "th"),
    ],
)
def test_language_tags_are_read_leniently_and_written_canonically(written, canonical):
    assert canonical_tag(written) == canonical
    assert canonical_tag(canonical) == canonical


@pytest.mark.parametrize("tag", ["", "xx", "english language", "und", "e", "1", "de-", "\ud800", None, 7])
def test_what_is_no_language_tag_is_a_value_error(tag):
    with pytest.raises(ValueError, match="language tag"):
        canonical_tag(tag)


def test_languages_have_names():
    names = [language_name(tag) for tag in ("de", "th", "zh-TW", "sr-Latn")]
    assert names[:2] == ["German", "Thai"]
    assert all(names[2:])
