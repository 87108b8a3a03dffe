"""The same text under two ids: never a positive and a negative in one batch, nor a negative that is mined."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from batching_helpers import SLOW_DATA
from hypothesis import given
from hypothesis import strategies as st

from isoglot.batching import BatchSampler, CrossLingual, Hybrid, Mixed, Monolingual, Multiway
from isoglot.batching.collate import StepCollator
from isoglot.collections import Collection, collection_from_rows
from isoglot.collections.negatives import with_hard_negatives
from isoglot.objectives import Role
from isoglot.objectives.batch import BatchLabels

RULES = (Monolingual(), CrossLingual(), CrossLingual(pairing="batch"), Hybrid(), Mixed(), Multiway())
LANGUAGES = ("en", "de", "th")


@st.composite
def repeating(draw: st.DrawFn) -> Collection:
    """Few words for documents, with titles or not, and for queries, so that many are the same."""
    text = st.sampled_from("abcdefgh")
    pages = [
        (f"{lang}{n}", lang, draw(st.sampled_from(["", "", "a"])), draw(text))
        for lang in LANGUAGES
        for n in range(draw(st.integers(1, 6)))
    ]
    queries, qrels = [("own", lang, "own query") for lang in LANGUAGES], []
    pages += [(f"own{lang}", lang, "", "own page") for lang in LANGUAGES]
    qrels += [("own", f"own{lang}", 1) for lang in LANGUAGES]  # pairs of every kind, whatever comes
    for n in range(draw(st.integers(1, 10))):
        queries += [(f"q{n}", lang, draw(text)) for lang in draw(st.sets(st.sampled_from(LANGUAGES), min_size=1))]
        found = draw(st.sets(st.sampled_from([page[0] for page in pages[:-3]]), min_size=1, max_size=3))
        qrels += [(f"q{n}", page, 1) for page in sorted(found)]
    return collection_from_rows(pages, queries, qrels)


def texts_known(collection: Collection, query_id: int) -> set[str]:
    """What is no negative of a query id: the texts of its relevant documents and of its own versions."""
    relevant = collection.document_texts(collection.relevance.of(query_id))
    return {*relevant, *collection.query_texts(np.flatnonzero(collection.query_index == query_id))}


def readings(collection: Collection, row: int) -> set[str]:
    """A document as it is read, and without its title."""
    return {collection.document_texts(np.array([row]))[0], collection.documents["text"][row].as_py()}


@SLOW_DATA
@given(repeating(), st.sampled_from(RULES), st.integers(1, 9), st.integers(0, 5))
def test_no_text_known_to_one_query_is_another_querys_document(collection, rule, size, seed):
    for batch in islice(BatchSampler(collection, rule, size, seed), 6):
        ids = collection.query_index[batch.queries]
        owners = ids if batch.document_ids is None else batch.document_ids
        for one in set(ids.tolist()):
            own = set(collection.query_texts(np.flatnonzero(collection.query_index == one)))
            for document, owner in zip(batch.documents.tolist(), owners.tolist(), strict=True):
                if owner != one:
                    read = collection.document_texts(np.array([document]))[0]
                    assert read not in texts_known(collection, one)
                    assert not readings(collection, document) & own


@SLOW_DATA
@given(repeating(), st.sampled_from((Monolingual(), Hybrid(), Multiway())), st.integers(0, 99))
def test_hard_negatives_are_nothing_that_a_query_of_the_batch_is_known_to_ask_for(collection, rule, seed):
    rng = np.random.default_rng(seed)
    offsets, rows = [0], []
    for query_id in collection.query_index.tolist():
        others = np.setdiff1d(np.arange(collection.documents.num_rows), collection.relevance.of(query_id))
        rows += sorted(rng.choice(others, size=min(4, len(others)), replace=False).tolist())
        offsets.append(len(rows))
    hard = with_hard_negatives(collection, np.array(offsets), np.array(rows))
    sampler = BatchSampler(hard, rule, 6, seed)
    collator = StepCollator(sampler, lambda rows: {}, negatives=3)
    for step in range(4):
        batch, labels = sampler[step], BatchLabels.unpack(collator([step])["label"])
        ids = set(hard.query_index[batch.queries].tolist())
        documents = (labels.roles >= Role.DOCUMENT).nonzero()[:, 0].tolist()
        shown = [hard.document_texts(np.array([int(labels.ids[at])]))[0] for at in documents]
        added = documents[len(batch.documents) :]
        assert len(set(shown[len(batch.documents) :])) == len(added)
        for at, text in zip(added, shown[len(batch.documents) :], strict=True):
            assert text not in shown[: len(batch.documents)]
            row, label = int(labels.ids[at]), int(labels.query_ids[at])
            assert {one for one in ids if text in texts_known(hard, one)} <= {label}
            for one in ids:
                assert not readings(hard, row) & set(hard.query_texts(np.flatnonzero(hard.query_index == one)))


def test_what_cannot_fill_a_batch_for_repeated_texts_is_told(caplog):
    pages = [(f"d{n}", "en", "", f"answer {n % 4}") for n in range(32)]
    queries = [(f"q{n}", "en", f"question {n}") for n in range(32)]
    collection = collection_from_rows(pages, queries, [(f"q{n}", f"d{n}", 1) for n in range(32)])
    with caplog.at_level("INFO", logger="isoglot"):
        sampler = BatchSampler(collection, Monolingual(), 16)
        assert [len(sampler[step]) for step in range(8)] == [4] * 8
    assert "without common relevant documents or texts" in caplog.text
    assert sampler.small_pairs == {("en", "en"): (32, 8)}


@pytest.mark.parametrize("title", ["", "A title"])
def test_a_querys_own_text_is_no_document_of_its_batch(title):
    """Argument retrieval: every query is a document, too, that of the argument which it attacks."""
    words = [f"argument {n}" for n in range(16)]
    pages = [(f"a{n}", "en", title, text) for n, text in enumerate(words)]
    queries = [(f"q{n}", "en", text) for n, text in enumerate(words)]
    collection = collection_from_rows(pages, queries, [(f"q{n}", f"a{n ^ 1}", 1) for n in range(16)])
    for batch in islice(BatchSampler(collection, Monolingual(), 8), 20):
        assert len(batch) == 8
        assert not set(batch.queries.tolist()) & set(batch.documents.tolist())
