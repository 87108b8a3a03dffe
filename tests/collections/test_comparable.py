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


def test_the_first_that_does_not_compare_is_told():
    results = {"a": make_result(made=made()), "b": make_result(made=made())}
    assert why_none_compares(results) is None
    results["c"] = make_result(made=made(collection_hash="bb"))
    assert why_none_compares(results).startswith("a and c were")
    assert why_none_compares({"a": make_result()}) is None
