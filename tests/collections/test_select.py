"""Parts of a collection: what stays is what was there, and nothing refers to what is gone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from isoglot.collections import Collection, collection_from_rows
from isoglot.collections.negatives import hard_negative_rows, with_hard_negatives
from isoglot.collections.select import keep_languages, only_judged, take_part
from isoglot.errors import InputError


def judged(collection: Collection) -> set[tuple[str, str, int]]:
    columns = collection.judgments.to_pydict()
    ids = collection.documents["_id"].to_pylist()
    return {
        (collection.query_ids[query].as_py(), ids[document], score)
        for query, document, score in zip(columns["query"], columns["document"], columns["score"], strict=True)
    }


@pytest.fixture
def mined(toy: Collection) -> Collection:
    """The toy collection, in which every query has all documents that are not relevant as hard negatives."""
    relevance = toy.relevance
    others = [np.setdiff1d(np.arange(6), relevance.of(int(query))) for query in toy.query_index]
    return with_hard_negatives(toy, np.cumsum([0, *map(len, others)]), np.concatenate(others))


def test_the_texts_of_some_languages_keep_the_judgments_between_them(toy: Collection):
    part = keep_languages(toy, ["th", "de"])
    assert part.languages == ("de", "th")
    assert set(part.documents["_id"].to_pylist()) == {"de/tar", "de/ls", "th/tar", "th/ls"}
    assert judged(part) == {one for one in judged(toy) if not one[1].startswith("en/")}
    for a, b in (("de", "th"), ("th", "th")):
        rows, wanted = part.pairs(a, b), toy.pairs(a, b)
        assert part.query_texts(rows[0]) == toy.query_texts(wanted[0])
        assert part.document_texts(rows[1]) == toy.document_texts(wanted[1])
    with pytest.raises(InputError, match=r"toy has no language 'sw'; it has de, en, th"):
        keep_languages(toy, ["de", "sw"])


def test_hard_negatives_that_are_gone_are_none(mined: Collection):
    part = keep_languages(mined, ["en", "th"])
    offsets, rows = hard_negative_rows(part)  # which refuses documents that are not there
    names = np.array(part.documents["_id"].to_pylist())
    assert [sorted(names[rows[a:b]]) for a, b in pairwise(offsets)] == [
        ["en/ls", "th/ls"] if query == 0 else ["en/tar", "th/tar"] for query in part.query_index
    ]
    every = take_part(mined, np.ones(6, bool), mined.query_language == 0)
    assert hard_negative_rows(every)[0].tolist() == [0, 3, 6]


def test_queries_without_a_judgment_can_be_left_out():
    queries = [("b", "en", "?"), ("a", "en", "?"), ("a", "de", "?")]
    collection = collection_from_rows([("d", "en", "", "x")], queries, [("a", "d", 0)])
    part = only_judged(collection)
    assert part.query_ids.to_pylist() == ["a"]
    assert part.query_index.tolist() == [0, 0]
    assert judged(part) == {("a", "d", 0)}
    assert only_judged(part) is part
