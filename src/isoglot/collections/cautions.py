"""What is to be said wherever the figures of an evaluation are shown, of what `made` of its result holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from isoglot.collections.collection import PSEUDO_QUERIES
from isoglot.collections.pseudo import pseudo_sentence

__all__ = ["POOL", "caution_of", "pool_text"]

POOL = "pool"
"""Key of `made`: which pool was measured, if not that of all documents."""


def pool_text(pool: Mapping[str, Any] | None) -> str:
    """Say which documents are in the pool of a query, as `made` of a result tells it; None for all."""
    if not pool:
        return "all documents"
    tags = [tag for tag in pool["languages"] if tag not in ("own", "all")]
    parts = ["its own language"] if "own" in pool["languages"] else []
    parts += [", ".join(tags)] if tags else []
    what = f"the documents in {' and in '.join(parts)}" if parts else "all documents"
    return what + (", without the answers in its own language" if pool["without_own_answer"] else "")


def caution_of(made: Mapping[str, Any] | None) -> str | None:
    """Say what figures are of, where it is not the usual: sentences without the last full stop; None if there is
    nothing to say.

    Args:
        made: of a result.
    """
    made = made or {}
    told = [pseudo_sentence(made.get(PSEUDO_QUERIES))]
    if made.get(POOL):
        told.append(f"the pool of a query is {pool_text(made[POOL])}")
    said = [sentence for sentence in told if sentence]
    return ". ".join([*said[:1], *(sentence[0].upper() + sentence[1:] for sentence in said[1:])]) or None
