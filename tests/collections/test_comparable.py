"""Results compare where they are of the same texts, judgments and pool, and only there."""

from __future__ import annotations

from typing import Any

import pytest
from reporting_helpers import make_result

from isoglot.collections.comparable import why_none_compares, why_not_comparable

POOL = {"languages": ["own", "de"], "without_own_answer": True}
VIEW = {"view": "romanised", "changed": 3, "queries": 40, "languages": {"th": 3}, "by": "uroman 1"}


def made(**more: Any) -> dict[str, Any]:
    return {"collection_hash": "aa", **more}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"made": made(collection_hash="bb")}, "two versions of toy, of collection_hash aa and bb"),
        ({"made": made(collection_hash="bb"), "collection": "tool"}, "tool and toy, of collection_hash aa and bb"),
        (
            {"made": made(pool=POOL)},
            "different pools: a query's holds all documents of the one, the documents in its",
        ),
        ({"multilingual": {"AP": 0.4, "queries": 40, "documents": 999}, "made": made()}, "different collections"),
        ({"languages": ["de", "tr"], "made": made()}, "different collections"),
    ],
)
def test_what_does_not_compare_and_why(changes, said):
    reason = why_not_comparable("a", make_result(made=made()), "b", make_result(**changes))
    assert reason is not None
    assert said in reason
    assert reason.startswith("a and b were ")


@pytest.mark.parametrize(
    "changes",
    [
        {"made": made(dtype="bfloat16", date="2026-01-01")},
        {"made": made(), "collection": "renamed"},
        {"made": None},  # of a file that does not say its texts nothing can be said
        {
            "made": made(collection_hash="bb", query_view=VIEW)
        },  # other texts, on purpose; `different_queries` says so
    ],
)
def test_what_compares(changes):
    assert why_not_comparable("a", make_result(made=made()), "b", make_result(**changes)) is None


KEPT = {"keep_identical_ids": True, "identical_left_out": 0}


@pytest.mark.parametrize(
    ("one", "other", "compare"),
    [
        ({"identical_left_out": 7}, {"identical_left_out": 7}, True),
        ({"identical_left_out": 7}, KEPT, False),
        ({"identical_left_out": 7}, {"identical_left_out": 0}, False),  # a file from before there was such a key
        ({"identical_left_out": 0}, KEPT, True),  # no query is a document, so there is nothing to keep
        ({"identical_left_out": 7, "query_view": VIEW}, KEPT, False),
        ({"identical_left_out": 3, "query_view": VIEW}, {"identical_left_out": 7}, True),  # four have changed
        (KEPT, KEPT, True),
        ({}, KEPT, True),  # an older file, which does not say how many there are: nothing is known to differ
        ({}, {"identical_left_out": 7}, True),
    ],
)
def test_queries_that_are_documents_are_in_their_pools_of_both_or_of_neither(one, other, compare):
    sides = [make_result(made=made(**side)) for side in (one, other)]
    for first, second in (sides, sides[::-1]):
        reason = why_not_comparable("a", first, "b", second)
        assert (reason is None) == compare
        assert compare or "with --keep-identical-ids, or neither" in reason


def test_the_first_that_does_not_compare_is_told():
    results = {"a": make_result(made=made()), "b": make_result(made=made())}
    assert why_none_compares(results) is None
    results["c"] = make_result(made=made(collection_hash="bb"))
    assert why_none_compares(results).startswith("a and c were")
    assert why_none_compares({"a": make_result()}) is None
