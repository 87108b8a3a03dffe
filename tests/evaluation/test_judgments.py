"""What is to be ranked, as a loop over the collection finds it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from evaluation_helpers import judge, make_collection, parallel_collection

from isoglot.evaluation import judgments_of


@pytest.mark.parametrize("translations", [False, True])
def test_relevant_documents_are_those_of_the_queries_asked_in_their_order(translations):
    collection = make_collection(4, documents=60)
    names = collection.query_ids.to_pylist()
    answers: dict[str, dict[int, int]] = {}
    for row in collection.judgments.to_pylist():
        if row["score"] > 0:
            answers.setdefault(names[row["query"]], {})[row["document"]] = row["score"]
    if translations:  # those in a query's own language are what it translates
        collection = replace(collection, metadata={"translations": True})
    queries, language = collection.queries.to_pylist(), collection.document_language
    rows, expected = [], []
    for row, query in enumerate(queries):
        own = collection.language_index(query["lang"])
        found = {d: gain for d, gain in answers[query["_id"]].items() if not translations or language[d] != own}
        if found:
            rows.append(row)
            expected.append(found)
    order = np.random.default_rng(0).permutation(len(rows))
    judged = judgments_of(collection, np.array(rows)[order])
    assert judged.query_rows.tolist() == [rows[at] for at in order]
    for position, at in enumerate(order.tolist()):
        part = slice(judged.offsets[position], judged.offsets[position + 1])
        assert dict(zip(judged.documents[part].tolist(), judged.gains[part].tolist(), strict=True)) == expected[at]
        assert set(judged.queries[part].tolist()) == {position}
        own = language[judged.excluded_documents[judged.excluded_queries == position]]
        assert set(own.tolist()) <= {collection.query_language[rows[at]]}
    excluded = sum(len(answers[queries[row]["_id"]]) for row in rows) - sum(map(len, expected))
    assert len(judged.excluded_documents) == excluded
    assert (excluded > 0) == translations


def test_versions_are_queries_of_one_id():
    assert judge(parallel_collection()).has_versions
    assert not judge(parallel_collection(languages=1)).has_versions
