"""Multiway batches: what a user may rely on, whatever the collection."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from batching_helpers import SLOW_DATA, collections, make, parallel
from hypothesis import given
from hypothesis import strategies as st

from isoglot.batching import BatchSampler, Multiway
from isoglot.collections import Collection, collection_from_rows
from isoglot.errors import InputError


@SLOW_DATA
@given(collections(), st.integers(2, 4), st.integers(1, 9), st.integers(0, 5))
def test_versions_belong_together_and_no_two_ids_share_a_document(collection, ways, size, seed):
    sampler = BatchSampler(collection, Multiway(ways=ways), size, seed)
    for batch in islice(sampler, 6):
        assert batch.kind == "multiway"
        ids = collection.query_index[batch.queries]
        assert len(set(batch.queries.tolist())) == len(batch.queries)
        assert len(set(batch.documents.tolist())) == len(batch.documents)
        assert max(Counter(ids.tolist()).values()) <= ways
        assert set(batch.document_ids.tolist()) == set(ids.tolist())
        answers: dict[int, int] = {}
        for document, owner in zip(batch.documents.tolist(), batch.document_ids.tolist(), strict=True):
            assert document in collection.relevance.of(owner)
        for one in set(ids.tolist()):
            languages = collection.document_language[batch.documents[batch.document_ids == one]]
            assert len(set(languages.tolist())) == len(languages) <= ways
            for document in collection.relevance.of(one).tolist():
                assert answers.setdefault(document, one) == one


@SLOW_DATA
@given(collections(), st.integers(1, 9), st.integers(0, 99))
def test_every_id_comes_up_once_before_any_comes_up_twice(collection, size, seed):
    sampler = BatchSampler(collection, Multiway(), size, seed)
    counts: Counter[int] = Counter()
    for batch in islice(sampler, sampler.steps_per_pass):
        counts.update(set(collection.query_index[batch.queries].tolist()))
    answered = set(np.flatnonzero(np.diff(collection.relevance.offsets)).tolist())
    assert counts == dict.fromkeys(answered & set(collection.query_index.tolist()), 1)


def test_a_batch_costs_about_what_other_batches_cost():
    collection = parallel(200)
    for ways in (2, 3, 4):
        batches = list(islice(BatchSampler(collection, Multiway(ways=ways), 60), 3))
        for batch in batches:
            assert 50 <= len(batch.queries) <= 60
            assert 50 <= len(batch.documents) <= 60


def test_missing_translations_are_absent_and_the_rest_is_drawn_evenly_or_by_tau():
    collection = parallel(300, ("de", "en", "th", "sw"))
    thinned = without(collection, "sw", 270)
    for tau, low, high in ((1.0, 0.35, 0.65), (0.0, 0.75, 1.0)):
        sampler = BatchSampler(thinned, Multiway(ways=2, tau=tau), 40)
        drawn, asked = np.zeros(2), np.zeros(2)  # of queries, and of documents
        for batch in islice(sampler, 4 * sampler.steps_per_pass):
            sides = (
                (thinned.query_language[batch.queries], thinned.query_index[batch.queries]),
                (thinned.document_language[batch.documents], batch.document_ids),
            )
            for side, (languages, ids) in enumerate(sides):
                rare = ids >= 270
                asked[side] += len(set(ids[rare].tolist()))
                drawn[side] += (languages[rare] == thinned.languages.index("sw")).sum()
        assert np.all((low < drawn / asked) & (drawn / asked < high))


def without(collection: Collection, lang: str, queries: int) -> Collection:
    """Leave out the versions and documents of a language for the first so many queries."""
    tags = collection.queries["lang"].to_pylist()
    ids = collection.queries["_id"].to_pylist()

    def gone(tag: str, name: str) -> bool:
        return tag == lang and int("".join(c for c in name if c.isdigit())) < queries

    documents = [d for d in collection.documents["_id"].to_pylist() if not gone(*d.split("/"))]
    return collection_from_rows(
        [(d, d.split("/")[0], "", f"page {d}") for d in documents],
        [(name, tag, f"question {name}") for name, tag in zip(ids, tags, strict=True) if not gone(tag, name)],
        [(f"q{d.split('/')[1]}", d, 1) for d in documents],
    )


def test_languages_limit_what_is_drawn():
    collection = parallel(30)
    for batch in islice(BatchSampler(collection, Multiway(languages=("de", "th")), 8), 10):
        for language in (collection.query_language[batch.queries], collection.document_language[batch.documents]):
            assert {collection.languages[code] for code in language} == {"de", "th"}


def test_what_cannot_be_is_refused():
    with pytest.raises(InputError, match="at least 2"):
        Multiway(ways=1)
    with pytest.raises(InputError, match="language pairs"):
        Multiway(pairs=(("en", "de"),))
    lonely = collection_from_rows([("d", "en", "", "page")], [("q", "de", "?")], [("q", "d", 0)])
    with pytest.raises(InputError, match="multiway finds no query"):
        BatchSampler(lonely, Multiway(), 4)


@SLOW_DATA
@given(collections(), st.integers(2, 4), st.integers(1, 9))
def test_translations_look_for_texts_in_other_languages_than_their_own(collection, ways, size):
    collection = replace(collection, metadata={"translations": True})
    assert collection.finds_translations
    batches = list(islice(BatchSampler(collection, Multiway(ways=ways), size), 6))
    for batch in batches:
        ids = collection.query_index[batch.queries]
        assert set(batch.document_ids.tolist()) == set(ids.tolist())
        asked = set(zip(ids.tolist(), collection.query_language[batch.queries].tolist(), strict=True))
        language = collection.document_language[batch.documents].tolist()
        assert asked.isdisjoint(zip(batch.document_ids.tolist(), language, strict=True))


def test_queries_and_documents_of_different_languages_are_translations_too():
    # queries in English alone, documents in German alone; and some whose documents are in their own language only
    answers = {f"q{n}": {"de": {n}} for n in range(12)} | {f"own{n}": {"en": {100 + n}} for n in range(3)}
    collection = make(answers, {query: {"en"} for query in answers})
    collection = replace(collection, metadata={"translations": True})
    for batch in islice(BatchSampler(collection, Multiway(), 4), 6):
        assert len(batch.queries) == len(batch.documents) > 0
        assert {collection.query_ids[one].as_py()[0] for one in batch.document_ids} == {"q"}


def test_translations_in_many_languages_share_them_between_queries_and_documents():
    collection = replace(parallel(50), metadata={"translations": True})
    for batch in islice(BatchSampler(collection, Multiway(), 20), 5):
        assert len(batch.queries) == len(batch.documents) == 20
