"""Whether the figures of results compare: only where they were measured on the same texts, judgments and pool."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.collections.cautions import KEPT_IDENTICAL, POOL, QUERY_VIEW, pool_text

__all__ = ["collection_hash", "why_none_compares", "why_not_comparable"]


def collection_hash(result: Any) -> str | None:
    """Return the hash of the texts and judgments that a result is of; None where its file does not say."""
    return _made(result).get("collection_hash")


def why_not_comparable(first_name: str, first: Any, name: str, other: Any) -> str | None:
    """Say why figures of two results do not compare, without a full stop; None where they do.

    Queries may have been changed on purpose (`different_queries` says so), which changes the hash of the texts; so
    hashes are compared where both were asked the same, and where both files say them.

    Args:
        first_name: what the first result is called.
        first: a `Result`, or anything with its attributes.
        name: what the other is called.
        other: the other.
    """
    rules = [_made(one).get(POOL) for one in (first, other)]
    if rules[0] != rules[1]:
        told = [pool_text(rule) for rule in rules]
        return (
            f"{first_name} and {name} were measured on different pools: a query's holds {told[0]} of the one, "
            f"{told[1]} of the other; evaluate both with the same --pool-languages and --without-own-answer"
        )
    sizes = [(one.multilingual or {}).get("documents") for one in (first, other)]
    if sizes[0] != sizes[1] or list(first.languages) != list(other.languages):
        return (
            f"{first_name} and {name} were evaluated on different collections ({first.collection}, "
            f"{other.collection}): evaluate both on the same one"
        )
    hashes = [collection_hash(one) for one in (first, other)]
    same_view = _made(first).get(QUERY_VIEW) == _made(other).get(QUERY_VIEW)
    if same_view and None not in hashes and hashes[0] != hashes[1]:
        named = {first.collection, other.collection}
        which = f"two versions of {first.collection}" if len(named) == 1 else " and ".join(sorted(named))
        return (
            f"{first_name} and {name} were evaluated on different texts or judgments: {which}, of collection_hash "
            f"{hashes[0]} and {hashes[1]}; evaluate both on the same"
        )
    kept = [bool(_made(one).get(KEPT_IDENTICAL)) for one in (first, other)]
    left_out = [_made(one).get("identical_left_out") for one in (first, other)]
    # files of before there was such a key tell by the number; of older ones without it nothing can be said
    told_apart = None not in left_out and (kept[0] != kept[1] or same_view)
    if told_apart and left_out[0] != left_out[1]:
        return (
            f"{first_name} and {name} were measured on different pools: of queries that are documents themselves "
            f"the one leaves {left_out[0]:,} out of their own pool, the other {left_out[1]:,}; evaluate both with "
            "--keep-identical-ids, or neither"
        )
    return None


def why_none_compares(results: Mapping[str, Any]) -> str | None:
    """Say of several results by name why some do not compare with the first; None where all do."""
    (first_name, first), *others = results.items()
    reasons = (why_not_comparable(first_name, first, name, other) for name, other in others)
    return next((reason for reason in reasons if reason), None)


def _made(result: Any) -> Mapping[str, Any]:
    return getattr(result, "made", None) or {}
