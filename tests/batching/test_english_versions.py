"""Which text of a collection is the English version of another."""

from __future__ import annotations

import numpy as np
import pytest
from batching_helpers import parallel
from hypothesis import given, settings
from hypothesis import strategies as st

from isoglot.batching.relations import english_versions
from isoglot.collections import collection_from_rows

TAGS = ("de", "en", "en-GB", "th")


def test_queries_follow_their_id_and_documents_the_query_that_they_alone_answer(toy):
    found = english_versions(toy)
    first = toy.queries.num_rows
    ids = toy.queries["_id"].to_pylist()
    tags = toy.queries["lang"].to_pylist()
    for row in range(first):
        lead = found[row]
        assert (ids[lead], tags[lead]) == (ids[row], "en")
    names = toy.documents["_id"].to_pylist()
    for row, name in enumerate(names):
        assert names[found[first + row] - first] == f"en/{name.split('/')[1]}"


@pytest.mark.parametrize("languages", [("de", "en"), ("de", "en", "th")])
def test_however_many_queries_there_are_each_document_follows_its_own(languages):
    collection = parallel(30, languages)
    first, names = collection.queries.num_rows, collection.documents["_id"].to_pylist()
    leads = [names[row - first] for row in english_versions(collection)[first:]]
    assert leads == [f"en/{name.split('/')[1]}" for name in names]


def test_where_nobody_knows_whose_translation_it_is_a_document_is_its_own():
    pages = [(name, name[:2], "", f"page {name}") for name in ("en1", "en2", "de1", "de2", "th1", "en3", "de3")]
    queries = [("a", "de", "a ?"), ("b", "en", "b ?"), ("c", "th", "c ?")]
    # a: two English pages; b: two German ones, and a Thai one; c: one of each
    judged = [("a", "en1"), ("a", "en2"), ("a", "de3"), ("b", "en3"), ("b", "de1"), ("b", "de2"), ("b", "th1")]
    data = collection_from_rows(pages, queries, [(*one, 1) for one in [*judged, ("c", "en2"), ("c", "de3")]])
    found = english_versions(data)
    assert found[:3].tolist() == [0, 1, 2]
    names = data.documents["_id"].to_pylist()
    leads = {name: names[row - 3] for name, row in zip(names, found[3:], strict=True)}
    own = {name: name for name in ("en1", "en2", "en3", "de1", "de2")}
    assert leads == own | {"th1": "en3", "de3": "en2"}  # of its two queries one names it


@settings(max_examples=60)
@given(st.data())
def test_they_are_those_of_a_plain_search(data):
    pages = data.draw(st.lists(st.sampled_from(TAGS), min_size=1, max_size=8))
    asked = data.draw(
        st.lists(st.tuples(st.integers(0, 3), st.sampled_from(TAGS)), min_size=1, max_size=8, unique=True)
    )
    known = sorted({number for number, _ in asked})
    judged = data.draw(
        st.lists(st.tuples(st.sampled_from(known), st.integers(0, len(pages) - 1)), unique=True, min_size=1)
    )
    collection = collection_from_rows(
        [(f"d{n}", tag, "", f"page {n}") for n, tag in enumerate(pages)],
        [(f"q{n}", tag, f"question {n} {tag}") for n, tag in asked],
        [(f"q{n}", f"d{page}", 1) for n, page in judged],
    )
    expected = []
    for row, (number, tag) in enumerate(asked):
        same = [(other, at) for at, (n, other) in enumerate(asked) if n == number]
        others = sorted(one for one in same if one[0].startswith("en"))
        expected.append(row if tag.startswith("en") or not others else others[0][1])
    for page, tag in enumerate(pages):
        named = set()
        for number in {n for n, one in judged if one == page}:
            mine = [one for n, one in judged if n == number]
            english = [one for one in mine if pages[one] == "en"]
            english = english or [one for one in mine if pages[one] == "en-GB"]
            if len(english) == 1 and sum(pages[one] == tag for one in mine) == 1:
                named.add(english[0])
        own = tag.startswith("en") or len(named) != 1
        expected.append(len(asked) + (page if own else named.pop()))
    assert english_versions(collection).tolist() == expected
    assert english_versions(collection).dtype == np.int64
